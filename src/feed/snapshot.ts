import type { Incident } from '../core/events.ts';
import type { State } from '../core/health.ts';
import type { Estate, Labels, Store, Target } from '../estate/estate.ts';
import { type StoreId, toStoreId, toTargetId } from '../estate/ids.ts';
import {
  type FeedFilter,
  isPlaceWanted,
  isSevereEnough,
  type Snapshot,
  stampsToIso,
  type WireStore,
} from './protocol.ts';
import type { FeedSource } from './source.ts';

/** The worst first: what a person looks for. */
const WORST_FIRST: readonly State[] = ['down', 'degraded', 'up', 'unknown'];

/**
 * What `filter` lets through of the estate as announced up to the board's `seq`. Stores come worst first. The parts
 * of a filter about places and severity apply; `kinds` choose among events and change no snapshot.
 */
export function makeSnapshot(
  source: Pick<FeedSource, 'board' | 'estate'>,
  filter: FeedFilter,
  nowMs: number,
): Snapshot {
  const { board } = source;
  const estate = source.estate();
  const counts = noCounts();
  const tallies = new Map<StoreId, Tally>();
  for (const store of estate.stores.values()) {
    if (isPlaceWanted({ ...store, store: store.id }, filter)) tallies.set(store.id, newTally());
  }
  const targets = Array.from(estate.targets.values()).filter((target) => isTargetWanted(target, filter));
  for (const target of targets) {
    const status = board.statusOf(target.id);
    const state = status?.state ?? 'unknown';
    counts[state]++;
    if (target.store === undefined) continue;
    const tally = tallies.get(target.store) ?? newTally();
    tallies.set(target.store, tally);
    tally.counts[state]++;
    tally.kinds[target.kind] = (tally.kinds[target.kind] ?? 0) + 1;
    if (status !== undefined) tally.sinceMs[state] = Math.min(tally.sinceMs[state], status.sinceMs);
  }
  const byStore = Map.groupBy(targets, ({ store }) => store);
  const candidates = ({ target, store }: Labels): readonly Target[] => {
    const one = target === undefined ? undefined : estate.targets.get(toTargetId(target));
    if (target !== undefined) return one !== undefined && isTargetWanted(one, filter) ? [one] : [];
    return store === undefined ? targets : (byStore.get(toStoreId(store)) ?? []);
  };
  return {
    seq: board.seq,
    at: new Date(nowMs).toISOString(),
    targets: { counts },
    stores: wireStores(estate, tallies),
    incidents: board
      .openIncidents()
      .filter((incident) => isIncidentWanted(incident, candidates, filter))
      .map((incident) => stampsToIso({ ...incident })),
  };
}

type Counts = Record<State, number>;

interface Tally {
  readonly counts: Counts;
  readonly kinds: Record<string, number>;
  /** Since when at least one target has been in the state; infinite when none is. */
  readonly sinceMs: Counts;
}

const noCounts = (): Counts => ({ unknown: 0, up: 0, degraded: 0, down: 0 });

function newTally(): Tally {
  const never = Number.POSITIVE_INFINITY;
  return {
    counts: noCounts(),
    kinds: {},
    sinceMs: { unknown: never, up: never, degraded: never, down: never },
  };
}

function wireStores(estate: Estate, tallies: ReadonlyMap<StoreId, Tally>): WireStore[] {
  return Array.from(tallies, ([id, tally]) => wireStore(id, estate.stores.get(id), tally)).sort(byWorst);
}

function wireStore(id: StoreId, store: Store | undefined, { counts, kinds, sinceMs }: Tally): WireStore {
  const state = WORST_FIRST.find((candidate) => counts[candidate] > 0) ?? 'unknown';
  const hasSince = (state === 'down' || state === 'degraded') && Number.isFinite(sinceMs[state]);
  return {
    id,
    name: store?.name ?? id,
    ...(store?.chain === undefined ? {} : { chain: store.chain }),
    ...(store?.region === undefined ? {} : { region: store.region }),
    ...(store?.city === undefined ? {} : { city: store.city }),
    state,
    ...(hasSince ? { since: new Date(sinceMs[state]).toISOString() } : {}),
    targets: counts,
    kinds,
  };
}

function byWorst(a: WireStore, b: WireStore): number {
  const rank = (store: WireStore): number => WORST_FIRST.findIndex((state) => state === store.state);
  const size = (store: WireStore): number => store.targets.down * 1_000_000 + store.targets.degraded;
  return rank(a) - rank(b) || size(b) - size(a) || compareText(a.name, b.name) || compareText(a.id, b.id);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isTargetWanted({ store, labels }: Target, filter: FeedFilter): boolean {
  return isPlaceWanted({ store, chain: labels['chain'], region: labels['region'] }, filter);
}

/**
 * An incident belongs to a place when its scope holds a target of that place. `candidates`: those of a place among
 * which a scope's can be; there may be as many incidents as stores, so not all targets each time.
 */
function isIncidentWanted(
  incident: Incident,
  candidates: (scope: Labels) => readonly Target[],
  filter: FeedFilter,
): boolean {
  if (!isSevereEnough(incident, filter)) return false;
  if (filter.chain === undefined && filter.region === undefined && filter.store === undefined) return true;
  return incident.scope.some((scope) => candidates(scope).some((target) => isInScope(target, scope)));
}

function isInScope(target: Target, labels: Labels): boolean {
  return Object.entries(labels).every(([name, value]) => {
    if (name === 'target') return target.id === value;
    return (name === 'store' ? (target.store ?? target.labels['store']) : target.labels[name]) === value;
  });
}
