import type { Estate, Target } from '../estate/estate.ts';
import type { StoreId, TargetId } from '../estate/ids.ts';
import type { State } from './health.ts';

/** What of a target's announced state is counted. Nothing announced: `unknown`. */
interface Counted {
  readonly state: State;
  readonly sinceMs: number;
}

type StatusOf = (target: TargetId) => Counted | undefined;

/** Targets that share store, chain and region, counted by announced state. Most stores are one place. */
export class Place {
  readonly store: StoreId | undefined;
  readonly chain: string | undefined;
  readonly region: string | undefined;
  /** The store by which an incident's scope names these targets: their own, or one that only a label names. */
  readonly scopeStore: string | undefined;
  readonly targets: Target[] = [];
  readonly counts: Record<State, number> = { unknown: 0, up: 0, degraded: 0, down: 0 };
  /** How many targets of each kind. */
  readonly kinds: Record<string, number> = {};
  private readonly earliestMs: Record<State, number> = noTimes();
  /** States that lost the target with the earliest time: to be looked up anew when asked for. */
  private readonly stale = new Set<State>();
  private readonly statusOf: StatusOf;
  private changes = 0;

  constructor(target: Target, statusOf: StatusOf) {
    this.store = target.store;
    this.chain = target.labels['chain'];
    this.region = target.labels['region'];
    this.scopeStore = target.store ?? target.labels['store'];
    this.statusOf = statusOf;
  }

  /** Grows with each change, so that what was derived from the counts can be made anew. */
  get version(): number {
    return this.changes;
  }

  /** Since when at least one target has been in `state`. Epoch ms, UTC; infinite when nothing is known of any. */
  sinceMs(state: State): number {
    if (this.stale.delete(state)) {
      this.earliestMs[state] = this.targets.reduce((earliest, { id }) => {
        const status = this.statusOf(id);
        return status?.state === state ? Math.min(earliest, status.sinceMs) : earliest;
      }, Number.POSITIVE_INFINITY);
    }
    return this.earliestMs[state];
  }

  /** Whether `target` is of this place. */
  holds({ store, labels }: Target): boolean {
    return (
      store === this.store &&
      labels['chain'] === this.chain &&
      labels['region'] === this.region &&
      (store ?? labels['store']) === this.scopeStore
    );
  }

  add(target: Target): void {
    this.targets.push(target);
    this.kinds[target.kind] = (this.kinds[target.kind] ?? 0) + 1;
    this.enter(this.statusOf(target.id));
  }

  move(before: Counted | undefined, after: Counted): void {
    const left = before?.state ?? 'unknown';
    this.counts[left]--;
    if (before !== undefined && before.sinceMs <= this.earliestMs[left]) this.stale.add(left);
    this.enter(after);
  }

  private enter(status: Counted | undefined): void {
    const state = status?.state ?? 'unknown';
    this.changes++;
    this.counts[state]++;
    if (status !== undefined) this.earliestMs[state] = Math.min(this.earliestMs[state], status.sinceMs);
  }
}

/** The places of one estate, counted once and then kept up change by change. */
export class Places {
  readonly estate: Estate;
  private readonly byKey = new Map<string, Place>();

  constructor(estate: Estate, statusOf: StatusOf) {
    this.estate = estate;
    let place: Place | undefined;
    for (const target of estate.targets.values()) {
      // An estate names the targets of a store one after the other.
      if (place?.holds(target) === true) {
        place.add(target);
        continue;
      }
      const key = keyOf(target);
      place = this.byKey.get(key);
      if (place === undefined) {
        place = new Place(target, statusOf);
        this.byKey.set(key, place);
      }
      place.add(target);
    }
  }

  all(): Iterable<Place> {
    return this.byKey.values();
  }

  /** To be told after what `statusOf` answers has changed. Targets that are not in the estate count nowhere. */
  move(id: TargetId, before: Counted | undefined, after: Counted): void {
    const target = this.estate.targets.get(id);
    if (target !== undefined) this.byKey.get(keyOf(target))?.move(before, after);
  }
}

function keyOf({ store, labels }: Target): string {
  const { chain = '', region = '' } = labels;
  return `${store ?? `\0${labels['store'] ?? ''}`}\0${chain}\0${region}`;
}

function noTimes(): Record<State, number> {
  const never = Number.POSITIVE_INFINITY;
  return { unknown: never, up: never, degraded: never, down: never };
}
