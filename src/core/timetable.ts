interface Entry<Key> {
  readonly atMs: number;
  readonly key: Key;
}

/**
 * Which of many things is due next: each has at most one time. Of two due at one time the one that comes first in the
 * order of the letters is first, so that the order in which they were set tells in nothing. Times: epoch ms.
 */
export class Timetable<Key extends string> {
  private readonly times = new Map<Key, number>();
  /** A heap, earliest first; entries that no longer hold are dropped when they come up. */
  private heap: Entry<Key>[] = [];

  /** Undefined: it is not due any more. */
  set(key: Key, atMs: number | undefined): void {
    if (this.times.get(key) === atMs) return;
    if (atMs === undefined) {
      this.times.delete(key);
      return;
    }
    this.times.set(key, atMs);
    if (this.heap.length > 2 * this.times.size + 64) {
      this.heap = Array.from(this.times, ([each, at]) => ({ atMs: at, key: each })).sort(compare);
    } else this.rise({ atMs, key });
  }

  first(): { readonly atMs: number; readonly key: Key } | undefined {
    for (;;) {
      const [top] = this.heap;
      if (top === undefined || this.times.get(top.key) === top.atMs) return top;
      this.drop();
    }
  }

  /** Those due at `atMs` or before, which then are not any more, earliest first. */
  takeUntil(atMs: number): readonly Key[] {
    const taken: Key[] = [];
    for (let top = this.first(); top !== undefined && top.atMs <= atMs; top = this.first()) {
      this.times.delete(top.key);
      taken.push(top.key);
    }
    return taken;
  }

  private rise(entry: Entry<Key>): void {
    const { heap } = this;
    let place = heap.length;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || compare(parent, entry) <= 0) break;
      heap[place] = parent;
      place = above;
    }
    heap[place] = entry;
  }

  private drop(): void {
    const { heap } = this;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      const [left, right] = [heap[below], heap[below + 1]];
      if (left === undefined) break;
      if (right !== undefined && compare(right, left) < 0) below++;
      const child = heap[below];
      if (child === undefined || compare(last, child) <= 0) break;
      heap[place] = child;
      place = below;
    }
    heap[place] = last;
  }
}

function compare<Key extends string>(a: Entry<Key>, b: Entry<Key>): number {
  if (a.atMs !== b.atMs) return a.atMs - b.atMs;
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}
