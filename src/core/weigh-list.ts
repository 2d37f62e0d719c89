import type { Estate } from '../estate/estate.ts';
import type { IncidentId, StoreId } from '../estate/ids.ts';
import { isOpenAt, nextOpeningMs } from '../estate/opening-hours.ts';
import type { Life } from './incident-life.ts';
import { Timetable } from './timetable.ts';

/** An incident in more stores than these is weighed each time: there are few of them, and in a storm all change. */
const MANY_STORES = 32;

/** What an incident was found not to be worse for. */
interface Settled {
  readonly life: Life;
  readonly stores: readonly StoreId[];
}

/**
 * Which incidents may have become worse since they were weighed: those that grew, in whose stores a way to pay changed,
 * or one of whose stores has opened. Nothing else makes one worse. Nothing in it is part of the fold.
 */
export class WeighList {
  private readonly unsettled = new Set<Life>();
  private readonly settled = new Map<IncidentId, Settled>();
  private readonly byStore = new Map<StoreId, Set<Life>>();
  private readonly openings = new Timetable<IncidentId>();

  /** It may be worse now. */
  add(life: Life): void {
    this.unsettle(life);
    this.unsettled.add(life);
  }

  /** It cannot become worse any more, until it is added anew. */
  remove(life: Life): void {
    this.unsettle(life);
    this.unsettled.delete(life);
  }

  /** Ways to pay changed in `store`. */
  touch(store: StoreId): void {
    for (const life of Array.from(this.byStore.get(store) ?? [])) this.add(life);
  }

  /** In `stores`, as they were at `atMs`, it was found to be no worse. */
  settle(life: Life, stores: ReadonlySet<StoreId>, estate: Estate, atMs: number): void {
    if (stores.size > MANY_STORES) return;
    const { id } = life.incident;
    this.unsettled.delete(life);
    this.settled.set(id, { life, stores: Array.from(stores) });
    let opensMs = Number.POSITIVE_INFINITY;
    for (const each of stores) {
      const lives = this.byStore.get(each);
      if (lives === undefined) this.byStore.set(each, new Set([life]));
      else lives.add(life);
      const store = estate.stores.get(each);
      if (store === undefined || isOpenAt(store, atMs) !== false) continue;
      opensMs = Math.min(opensMs, nextOpeningMs(store, atMs) ?? opensMs);
    }
    this.openings.set(id, Number.isFinite(opensMs) ? opensMs : undefined);
  }

  /** Those that may be worse at `atMs`. */
  at(atMs: number): Life[] {
    for (const id of this.openings.takeUntil(atMs)) {
      const settled = this.settled.get(id);
      if (settled !== undefined) this.add(settled.life);
    }
    return Array.from(this.unsettled);
  }

  private unsettle({ incident: { id } }: Life): void {
    const settled = this.settled.get(id);
    if (settled === undefined) return;
    this.settled.delete(id);
    this.openings.set(id, undefined);
    for (const store of settled.stores) {
      const lives = this.byStore.get(store);
      lives?.delete(settled.life);
      if (lives?.size === 0) this.byStore.delete(store);
    }
  }
}
