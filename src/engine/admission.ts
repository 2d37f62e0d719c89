import type { Limits } from '../settings/settings.ts';

/**
 * Who may probe now. Bounds what is in flight over all, towards each store and towards each network, so that none is
 * flooded and our own sockets never run out.
 *
 * Targets whose last probe failed are *dark*: they hold their place for a whole time-out. They may fill at most
 * three quarters of any bound (but always at least one place), so that however much of the estate is dark, the
 * living always find a place free. Stores that wait are served by turns, in each the living first, then in the order
 * they came.
 */
export class Admission {
  private readonly all: Bound;
  private readonly networks = new Map<string, Bound>();
  private readonly stores = new Map<string, StoreQueue>();
  private readonly waiting = new Set<StoreQueue>();
  private limits: Limits;
  private queuedNow = 0;

  constructor(limits: Limits) {
    this.limits = limits;
    this.all = new Bound(limits.maxInFlight);
  }

  get inFlight(): number {
    return this.all.inFlight;
  }

  /** How many wait for a place. */
  get queued(): number {
    return this.queuedNow;
  }

  /** From now on; what is in flight stays. */
  setLimits(limits: Limits): void {
    this.limits = limits;
    this.all.max = limits.maxInFlight;
    for (const network of this.networks.values()) network.max = limits.maxInFlightPerNetwork;
    for (const store of this.stores.values()) store.bound.max = limits.maxInFlightPerStore;
  }

  /**
   * Calls `start` as soon as there is a place: now, or from within a later `release`. The caller must then call
   * the given `release` exactly once. Whatever of `place` is undefined bounds nothing.
   */
  request(
    place: { readonly store?: string; readonly network?: string | undefined },
    isDark: boolean,
    start: Start,
  ): void {
    const store = this.storeOf(place.store);
    const network = place.network === undefined ? undefined : this.networkOf(place.network);
    (isDark ? store.dark : store.living).push({ start, network });
    this.queuedNow++;
    this.waiting.add(store);
    this.serve(store);
    this.settle(store);
  }

  private storeOf(key: string | undefined): StoreQueue {
    const known = key === undefined ? undefined : this.stores.get(key);
    if (known !== undefined) return known;
    const max = key === undefined ? Number.POSITIVE_INFINITY : this.limits.maxInFlightPerStore;
    const store: StoreQueue = { key, bound: new Bound(max), living: [], dark: [] };
    if (key !== undefined) this.stores.set(key, store);
    return store;
  }

  private networkOf(name: string): Bound {
    const known = this.networks.get(name) ?? new Bound(this.limits.maxInFlightPerNetwork);
    this.networks.set(name, known);
    return known;
  }

  /** Starts all of the store's that there is room for. Whether any started. */
  private serve(store: StoreQueue): boolean {
    for (let served = false; ; served = true) {
      const isDark = store.living.length === 0;
      const line = isDark ? store.dark : store.living;
      const [next] = line;
      if (next === undefined) return served;
      const bounds =
        next.network === undefined ? [this.all, store.bound] : [this.all, store.bound, next.network];
      if (!bounds.every((bound) => bound.hasRoom(isDark))) return served;
      line.shift();
      this.queuedNow--;
      this.begin(store, bounds, isDark, next.start);
    }
  }

  private begin(store: StoreQueue, bounds: readonly Bound[], isDark: boolean, start: Start): void {
    for (const bound of bounds) bound.take(isDark);
    let isReleased = false;
    start(() => {
      if (isReleased) throw new Error('a place was released twice');
      isReleased = true;
      const othersWait = bounds.some((bound) => bound !== store.bound && !bound.hasRoom(true));
      for (const bound of bounds) bound.free(isDark);
      this.settle(store);
      if (othersWait) this.serveOthers();
      else if (this.serve(store)) this.settle(store);
    });
  }

  /** Gives places that were short away: each waiting store in turn, one just served going to the end. */
  private serveOthers(): void {
    for (const store of this.waiting) {
      if (!this.all.hasRoom(false)) return;
      if (this.serve(store)) this.settle(store);
    }
  }

  /** Keeps the books after a change: who still waits (at the end of the line), which stores need no memory. */
  private settle(store: StoreQueue): void {
    this.waiting.delete(store);
    if (store.living.length + store.dark.length > 0) this.waiting.add(store);
    else if (store.key !== undefined && store.bound.inFlight === 0) this.stores.delete(store.key);
  }
}

type Start = (release: () => void) => void;

interface Waiter {
  readonly start: Start;
  readonly network: Bound | undefined;
}

interface StoreQueue {
  readonly key: string | undefined;
  readonly bound: Bound;
  readonly living: Waiter[];
  readonly dark: Waiter[];
}

/** So many places; dark targets may hold three quarters of them, and at least one. */
class Bound {
  max: number;
  inFlight = 0;
  private dark = 0;

  constructor(max: number) {
    this.max = max;
  }

  hasRoom(isDark: boolean): boolean {
    if (this.inFlight >= this.max) return false;
    return !isDark || this.dark < Math.max(1, Math.floor(this.max * 0.75));
  }

  take(isDark: boolean): void {
    this.inFlight++;
    if (isDark) this.dark++;
  }

  free(isDark: boolean): void {
    this.inFlight--;
    if (isDark) this.dark--;
  }
}
