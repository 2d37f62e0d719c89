import { setImmediate } from 'node:timers/promises';

/** How long work may hold up the process at a time. Unit: ms. */
const SLICE_MS = 5;

/** For long work on the main path: `isDue` when other work should get a turn, which `turn` gives it. */
export interface Pace {
  readonly isDue: () => boolean;
  readonly turn: () => Promise<void>;
}

export function makePace(): Pace {
  let untilMs = performance.now() + SLICE_MS;
  return {
    isDue: () => performance.now() >= untilMs,
    async turn() {
      await setImmediate();
      untilMs = performance.now() + SLICE_MS;
    },
  };
}

/** What `steps` come to, with other work between them when they take long. */
export async function inTurns<Value>(steps: Generator<void, Value>): Promise<Value> {
  const pace = makePace();
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (pace.isDue()) await pace.turn();
  }
}

/** `items` sorted, in slices that let other work run. */
export async function sortInSlices<Item>(
  items: Iterable<Item>,
  compare: (a: Item, b: Item) => number,
): Promise<readonly Item[]> {
  const pace = makePace();
  const all = Array.from(items);
  let runs: Item[][] = [];
  for (let from = 0; from < all.length; from += RUN_ITEMS) {
    runs.push(all.slice(from, from + RUN_ITEMS).sort(compare));
    if (pace.isDue()) await pace.turn();
  }
  while (runs.length > 1) {
    const merged: Item[][] = [];
    for (let i = 0; i < runs.length; i += 2) {
      merged.push(await merge(runs[i] ?? [], runs[i + 1] ?? [], compare, pace));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

const RUN_ITEMS = 2_000;

async function merge<Item>(
  left: readonly Item[],
  right: readonly Item[],
  compare: (a: Item, b: Item) => number,
  pace: Pace,
): Promise<Item[]> {
  const merged: Item[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length || r < right.length) {
    const [a, b] = [left[l], right[r]];
    if (b === undefined || (a !== undefined && compare(a, b) <= 0)) {
      if (a !== undefined) merged.push(a);
      l++;
    } else {
      merged.push(b);
      r++;
    }
    if (merged.length % 1_024 === 0 && pace.isDue()) await pace.turn();
  }
  return merged;
}
