/** One turn of the wheel is `TICK_MS · BUCKETS` = 41 s; a later due time waits out whole turns in its bucket. */
const TICK_MS = 10;
const BUCKETS = 4_096;
const NONE = -1;

/**
 * When each of many items is due, on the monotonic clock. Items are small whole numbers (column slots). Scheduling,
 * cancelling and firing cost the same however many items there are, and allocate nothing: the buckets are linked
 * lists threaded through arrays.
 *
 * An item fires at the first `advance` at or after its due time, never early.
 */
export class TimingWheel {
  private readonly heads = new Int32Array(BUCKETS).fill(NONE);
  private next = new Int32Array(0);
  private previous = new Int32Array(0);
  private dueMs = new Float64Array(0);
  private bucketOf = new Int32Array(0);
  private tick: number;

  /** `nowMs`: the monotonic time to start from. */
  constructor(nowMs: number) {
    this.tick = Math.floor(nowMs / TICK_MS);
  }

  /** Makes `item` due at `dueMs`, instead of when it was due before, if it was. A past time fires at once. */
  schedule(item: number, dueMs: number): void {
    if (item >= this.next.length) this.grow(Math.max(64, item * 2));
    this.cancel(item);
    const bucket = Math.max(this.tick, Math.floor(dueMs / TICK_MS)) % BUCKETS;
    const head = this.heads[bucket] ?? NONE;
    this.dueMs[item] = dueMs;
    this.bucketOf[item] = bucket;
    this.next[item] = head;
    this.previous[item] = NONE;
    if (head !== NONE) this.previous[head] = item;
    this.heads[bucket] = item;
  }

  /** Makes `item` due at `dueMs`, unless it is due sooner already. */
  scheduleSooner(item: number, dueMs: number): void {
    const isDueSooner = (this.bucketOf[item] ?? NONE) !== NONE && (this.dueMs[item] ?? 0) <= dueMs;
    if (!isDueSooner) this.schedule(item, dueMs);
  }

  /** Forgets `item`; nothing happens when it is not scheduled. */
  cancel(item: number): void {
    const bucket = this.bucketOf[item] ?? NONE;
    if (bucket === NONE) return;
    const next = this.next[item] ?? NONE;
    const previous = this.previous[item] ?? NONE;
    if (previous === NONE) this.heads[bucket] = next;
    else this.next[previous] = next;
    if (next !== NONE) this.previous[next] = previous;
    this.bucketOf[item] = NONE;
  }

  /**
   * Calls `fire` for every item due by `nowMs`, each once and no longer scheduled. `fire` may schedule and cancel
   * any item; what it makes due by `nowMs` fires in this call or the next.
   */
  advance(nowMs: number, fire: (item: number, dueMs: number) => void): void {
    const last = Math.floor(nowMs / TICK_MS);
    const first = Math.max(this.tick, last - BUCKETS + 1);
    for (let tick = first; tick <= last; tick++) {
      this.tick = tick;
      this.fireBucket(tick % BUCKETS, nowMs, fire);
    }
  }

  private fireBucket(bucket: number, nowMs: number, fire: (item: number, dueMs: number) => void): void {
    const due: number[] = [];
    for (let item = this.heads[bucket] ?? NONE; item !== NONE; item = this.next[item] ?? NONE) {
      if ((this.dueMs[item] ?? 0) <= nowMs) due.push(item);
    }
    for (const item of due) {
      if (this.bucketOf[item] !== bucket || (this.dueMs[item] ?? 0) > nowMs) continue;
      this.cancel(item);
      fire(item, this.dueMs[item] ?? 0);
    }
  }

  private grow(capacity: number): void {
    const widen = (from: Int32Array): Int32Array<ArrayBuffer> => {
      const to = new Int32Array(capacity).fill(NONE);
      to.set(from);
      return to;
    };
    this.next = widen(this.next);
    this.previous = widen(this.previous);
    this.bucketOf = widen(this.bucketOf);
    const dueMs = new Float64Array(capacity);
    dueMs.set(this.dueMs);
    this.dueMs = dueMs;
  }
}
