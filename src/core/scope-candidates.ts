import { LEAF_DOWN, type LeafTable, type Term } from './leaf-table.ts';
import { UpRows } from './scope-rows.ts';

/** Scopes that may explain something, as columns: found through the leaves that are down. */
export interface Candidates {
  readonly count: number;
  /** Its labels: an index into `combinations`. */
  readonly combination: readonly number[];
  /** The value of the first label; -1 for the scope of all leaves. */
  readonly firstValue: readonly number[];
  /** The value of the second label; -1 where there is none. */
  readonly secondValue: readonly number[];
  /** Members that are down. */
  readonly down: readonly number[];
  /** Members that are up. */
  readonly up: readonly number[];
  /** What it costs to name it. Unit: nats. */
  readonly cost: readonly number[];
  /** Which labels go together: none (all leaves), one or two. */
  readonly combinations: readonly (readonly number[])[];
  /** For each combination: the candidate of each down leaf, by its index in `downLeaves`; -1 for none. */
  readonly ofDown: readonly Int32Array[];
  readonly downLeaves: Int32Array;
  /** How many leaves are up. */
  readonly upCount: number;
  /** What is known of each leaf. */
  readonly states: Uint8Array;
}

/** Fewer failures are no scope. */
const FEWEST_DOWN = 2;
/** Fewer failures do not make one say that everything fails, unless they are half of everything. */
const FEWEST_OF_ALL = 20;
/** A smaller share of a scope's known members is background, not a cause. */
const LEAST_SHARE = 0.2;
/** Counted in a dense array up to this many pairs of values; beyond, in a map. */
const DENSE_PAIRS = 1 << 23;

export function termsOf(candidates: Candidates, id: number): readonly Term[] {
  const labels = candidates.combinations[candidates.combination[id] ?? 0] ?? [];
  const values = [candidates.firstValue[id] ?? -1, candidates.secondValue[id] ?? -1];
  return labels.map((label, i) => ({ label, value: values[i] ?? -1 }));
}

/** By their labels, then by the values of those. */
export function compareCandidates(candidates: Candidates, a: number, b: number): number {
  const { combination, firstValue, secondValue } = candidates;
  return (
    (combination[a] ?? 0) - (combination[b] ?? 0) ||
    (firstValue[a] ?? 0) - (firstValue[b] ?? 0) ||
    (secondValue[a] ?? 0) - (secondValue[b] ?? 0)
  );
}

/** Every scope with enough failures, but for conjunctions whose known members one of their labels names alone. */
export function findCandidates(table: LeafTable, states: Uint8Array): Candidates {
  const downLeaves = leavesIn(states, LEAF_DOWN);
  const draft = new Draft(table, states, downLeaves);
  draft.countEverything();
  for (let label = 0; label < table.labels.length; label++) draft.countLabel(label);
  for (let a = 0; a < table.labels.length; a++) {
    for (let b = a + 1; b < table.labels.length; b++) draft.countPair(a, b);
  }
  return draft;
}

function leavesIn(states: Uint8Array, state: number): Int32Array {
  const leaves: number[] = [];
  for (let leaf = states.indexOf(state); leaf >= 0; leaf = states.indexOf(state, leaf + 1)) leaves.push(leaf);
  return Int32Array.from(leaves);
}

/** What of a label can be part of a scope: values with enough failures, numbered anew. */
interface Live {
  readonly values: readonly number[];
  /** The number of each value; -1 where it has none. */
  readonly ofCode: Int32Array;
  readonly ofDown: Int32Array;
  readonly down: Int32Array;
  readonly up: Int32Array;
}

class Draft implements Candidates {
  readonly combination: number[] = [];
  readonly firstValue: number[] = [];
  readonly secondValue: number[] = [];
  readonly down: number[] = [];
  readonly up: number[] = [];
  readonly cost: number[] = [];
  readonly combinations: (readonly number[])[] = [];
  readonly ofDown: Int32Array[] = [];
  readonly downLeaves: Int32Array;
  readonly states: Uint8Array;
  private readonly table: LeafTable;
  private readonly live: Live[] = [];
  private dense = new Int32Array(0);
  private denseUp = new Int32Array(0);

  private readonly upRows: UpRows;

  constructor(table: LeafTable, states: Uint8Array, downLeaves: Int32Array) {
    this.table = table;
    this.states = states;
    this.downLeaves = downLeaves;
    this.upRows = new UpRows(table, states);
  }

  get upCount(): number {
    return this.upRows.count;
  }

  get count(): number {
    return this.combination.length;
  }

  countEverything(): void {
    const { length } = this.downLeaves;
    const isEnough = length >= Math.min(FEWEST_OF_ALL, this.table.size / 2);
    const id = isEnough ? this.add(-1, -1, length, this.upCount, 0) : -1;
    this.ofDown.push(new Int32Array(length).fill(id));
    this.combinations.push([]);
  }

  countLabel(label: number): void {
    const { codes, values } = this.table.labels[label] ?? { codes: new Int32Array(0), values: [] };
    const down = new Int32Array(values.length);
    for (const leaf of this.downLeaves) {
      const code = codes[leaf] ?? -1;
      if (code >= 0) down[code] = (down[code] ?? 0) + 1;
    }
    const up = this.upRows.countLabel(label, down, FEWEST_DOWN);
    const liveValues: number[] = [];
    const liveOf = new Int32Array(values.length).fill(-1);
    const idOf = new Int32Array(values.length).fill(-1);
    const cost = Math.log(this.table.labels.length) + Math.log(values.length);
    for (let code = 0; code < values.length; code++) {
      const failed = down[code] ?? 0;
      if (failed < FEWEST_DOWN) continue;
      liveOf[code] = liveValues.length;
      liveValues.push(code);
      idOf[code] = this.add(code, -1, failed, up[code] ?? 0, cost);
    }
    this.combinations.push([label]);
    const lookUp = (leaves: Int32Array, map: Int32Array): Int32Array =>
      leaves.map((leaf) => {
        const code = codes[leaf] ?? -1;
        return code < 0 ? -1 : (map[code] ?? -1);
      });
    this.ofDown.push(lookUp(this.downLeaves, idOf));
    this.live[label] = {
      values: liveValues,
      ofCode: liveOf,
      ofDown: lookUp(this.downLeaves, liveOf),
      down: Int32Array.from(liveValues, (code) => down[code] ?? 0),
      up: Int32Array.from(liveValues, (code) => up[code] ?? 0),
    };
  }

  countPair(a: number, b: number): void {
    const first = this.live[a];
    const second = this.live[b];
    if (first === undefined || second === undefined) return;
    const width = second.values.length;
    const pairs = first.values.length * width;
    if (pairs === 0) return;
    const slots = pairs <= DENSE_PAIRS ? undefined : new Map<number, number>();
    const room = slots === undefined ? pairs : this.downLeaves.length;
    if (this.dense.length < room) {
      this.dense = new Int32Array(room);
      this.denseUp = new Int32Array(room);
    }
    const { dense: down, denseUp: up } = this;
    const keys = new Int32Array(this.downLeaves.length);
    for (let j = 0; j < keys.length; j++) {
      const x = first.ofDown[j] ?? -1;
      const y = second.ofDown[j] ?? -1;
      let key = x < 0 || y < 0 ? -1 : x * width + y;
      if (slots !== undefined && key >= 0) {
        const slot = slots.get(key) ?? slots.size;
        slots.set(key, slot);
        key = slot;
      }
      keys[j] = key;
      if (key >= 0) down[key] = (down[key] ?? 0) + 1;
    }
    const { rows, firstCodes, secondCodes, weights } = this.upRows.ofPair(a, b);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] ?? 0;
      const firstCode = firstCodes[row] ?? -1;
      const secondCode = secondCodes[row] ?? -1;
      if (firstCode < 0 || secondCode < 0) continue;
      const x = first.ofCode[firstCode] ?? -1;
      const y = second.ofCode[secondCode] ?? -1;
      if (x < 0 || y < 0) continue;
      const key = slots === undefined ? x * width + y : (slots.get(x * width + y) ?? -1);
      if (key < 0 || (down[key] ?? 0) < FEWEST_DOWN) continue;
      up[key] = (up[key] ?? 0) + (weights === undefined ? 1 : (weights[row] ?? 0));
    }
    const cost = this.costOfPair(a, b);
    const touched = keys.slice();
    for (let j = 0; j < keys.length; j++) {
      const key = keys[j] ?? -1;
      if (key < 0) continue;
      const counted = down[key] ?? 0;
      // Once seen, a pair's count gives way to its candidate: 0 for none, below 0 for candidate -1 - count.
      if (counted > 0) {
        const x = first.ofDown[j] ?? 0;
        const y = second.ofDown[j] ?? 0;
        const ups = up[key] ?? 0;
        const adds =
          counted >= FEWEST_DOWN &&
          counted >= LEAST_SHARE * (counted + ups) &&
          !(counted === first.down[x] && ups === first.up[x]) &&
          !(counted === second.down[y] && ups === second.up[y]);
        down[key] = adds
          ? -1 - this.add(first.values[x] ?? -1, second.values[y] ?? -1, counted, ups, cost)
          : 0;
      }
      keys[j] = -1 - (down[key] ?? 0);
    }
    for (const key of touched) {
      if (key < 0) continue;
      down[key] = 0;
      up[key] = 0;
    }
    this.combinations.push([a, b]);
    this.ofDown.push(keys);
  }

  private costOfPair(a: number, b: number): number {
    const { labels } = this.table;
    const pairs = (labels.length * (labels.length - 1)) / 2;
    return (
      Math.log(pairs) + Math.log(labels[a]?.values.length ?? 1) + Math.log(labels[b]?.values.length ?? 1)
    );
  }

  /** Takes the next combination's number: the caller pushes its labels when it is through. */
  private add(first: number, second: number, down: number, up: number, cost: number): number {
    const id = this.count;
    this.combination.push(this.combinations.length);
    this.firstValue.push(first);
    this.secondValue.push(second);
    this.down.push(down);
    this.up.push(up);
    this.cost.push(cost);
    return id;
  }
}
