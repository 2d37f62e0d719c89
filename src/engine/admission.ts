import type { Limits } from '../settings/settings.ts';

/**
 * Who may probe now. Bounds what is in flight over all and towards each store, so that no store is flooded and our
 * own sockets never run out.
 *
 * Targets whose last probe failed are *dark*: they hold their place for a whole time-out. They may fill at most
 * three quarters of any bound (but always at least one place), so that however much of the estate is dark, the
 * living always find a place free. Stores that wait are served by turns, in each the living first, then in the order
 * they came.
 */
export class Admission {
  private inFlightNow = 0;
  private darkInFlight = 0;
  private readonly stores = new Map<string, StoreQueue>();
  private readonly waiting = new Set<StoreQueue>();
  private limits: Limits;

  constructor(limits: Limits) {
    this.limits = limits;
  }

  get inFlight(): number {
    return this.inFlightNow;
  }

  /** How many wait for a place. */
  get queued(): number {
    let sum = 0;
    for (const store of this.waiting) sum += store.living.length + store.dark.length;
    return sum;
  }

  /** From now on; what is in flight stays. */
  setLimits(limits: Limits): void {
    this.limits = limits;
  }

  /**
   * Calls `start` as soon as there is a place: now, or from within a later `release`. The caller must then call
   * the given `release` exactly once. `store` undefined: only the bound over all applies.
   */
  request(store: string | undefined, dark: boolean, start: (release: () => void) => void): void {
    if (store === undefined) {
      const alone: StoreQueue = { key: undefined, inFlight: 0, darkInFlight: 0, living: [], dark: [] };
      this.enqueue(alone, dark, start);
      return;
    }
    let queue = this.stores.get(store);
    if (queue === undefined) {
      queue = { key: store, inFlight: 0, darkInFlight: 0, living: [], dark: [] };
      this.stores.set(store, queue);
    }
    this.enqueue(queue, dark, start);
  }

  private enqueue(store: StoreQueue, dark: boolean, start: Start): void {
    (dark ? store.dark : store.living).push(start);
    this.waiting.add(store);
    this.serve(store);
    this.settle(store);
  }

  /** Starts all of the store's that there is room for. Whether any started. */
  private serve(store: StoreQueue): boolean {
    const perStore = store.key === undefined ? Number.POSITIVE_INFINITY : this.limits.maxInFlightPerStore;
    let served = false;
    for (;;) {
      const room = this.inFlightNow < this.limits.maxInFlight && store.inFlight < perStore;
      const darkRoom =
        this.darkInFlight < darkShare(this.limits.maxInFlight) && store.darkInFlight < darkShare(perStore);
      const isDark = store.living.length === 0;
      const start = !room
        ? undefined
        : isDark
          ? darkRoom
            ? store.dark.shift()
            : undefined
          : store.living.shift();
      if (start === undefined) return served;
      served = true;
      this.begin(store, isDark, start);
    }
  }

  private begin(store: StoreQueue, dark: boolean, start: Start): void {
    this.inFlightNow++;
    store.inFlight++;
    if (dark) {
      this.darkInFlight++;
      store.darkInFlight++;
    }
    let released = false;
    start(() => {
      if (released) throw new Error('a place was released twice');
      released = true;
      const othersWait =
        this.inFlightNow >= this.limits.maxInFlight ||
        this.darkInFlight >= darkShare(this.limits.maxInFlight);
      this.inFlightNow--;
      store.inFlight--;
      if (dark) {
        this.darkInFlight--;
        store.darkInFlight--;
      }
      this.settle(store);
      if (othersWait) this.serveOthers();
      else if (this.serve(store)) this.settle(store);
    });
  }

  /** Gives places that were short over all away: each waiting store in turn, one just served going to the end. */
  private serveOthers(): void {
    for (const store of this.waiting) {
      if (this.inFlightNow >= this.limits.maxInFlight) return;
      if (this.serve(store)) this.settle(store);
    }
  }

  /** Keeps the books after a change: who still waits (at the end of the line), which stores need no memory. */
  private settle(store: StoreQueue): void {
    this.waiting.delete(store);
    if (store.living.length + store.dark.length > 0) this.waiting.add(store);
    else if (store.key !== undefined && store.inFlight === 0) this.stores.delete(store.key);
  }
}

type Start = (release: () => void) => void;

interface StoreQueue {
  readonly key: string | undefined;
  inFlight: number;
  darkInFlight: number;
  readonly living: Start[];
  readonly dark: Start[];
}

/** How many of `bound` places dark targets may hold. */
function darkShare(bound: number): number {
  return bound === Number.POSITIVE_INFINITY ? bound : Math.max(1, Math.floor(bound * 0.75));
}
