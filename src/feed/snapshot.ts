import type { Incident } from '../core/events.ts';
import type { State } from '../core/health.ts';
import type { MethodStatus } from '../core/payment-methods.ts';
import type { Place } from '../core/places.ts';
import type { Estate, Labels, Store, Target } from '../estate/estate.ts';
import { type StoreId, toTargetId } from '../estate/ids.ts';
import {
  type FeedFilter,
  isPlaceWanted,
  isSevereEnough,
  type Snapshot,
  stampsToIso,
  type WireMethod,
  type WireStore,
} from './protocol.ts';
import type { FeedSource } from './source.ts';

/** The worst first: what a person looks for. */
const WORST_FIRST: readonly State[] = ['down', 'degraded', 'up', 'unknown'];
const RANK: Readonly<Record<State, number>> = { down: 0, degraded: 1, up: 2, unknown: 3 };

/**
 * What `filter` lets through of the estate as announced up to the board's `seq`. Stores come worst first. The parts
 * of a filter about places and severity apply; `kinds` choose among events and change no snapshot. The work grows
 * with stores and open incidents, not with targets.
 */
export function makeSnapshot(
  source: Pick<FeedSource, 'board' | 'estate' | 'methodsNow' | 'incidentsNow'>,
  filter: FeedFilter,
  nowMs: number,
): Snapshot {
  const { board } = source;
  const estate = source.estate();
  const counts: Record<State, number> = { unknown: 0, up: 0, degraded: 0, down: 0 };
  const parts = new Map<StoreId, Place[]>();
  for (const store of estate.stores.values()) {
    if (isPlaceWanted({ ...store, store: store.id }, filter)) parts.set(store.id, []);
  }
  const places: Place[] = [];
  for (const place of board.placesOf(estate)) {
    if (!isPlaceWanted(place, filter)) continue;
    places.push(place);
    for (const state of WORST_FIRST) counts[state] += place.counts[state];
    if (place.store === undefined) continue;
    const known = parts.get(place.store);
    if (known === undefined) parts.set(place.store, [place]);
    else known.push(place);
  }
  const isWanted = makeIncidentFilter(places, estate, filter);
  // By the severity announced, as the events that follow are filtered: who is told of one also hears of its end.
  const isSevere = (incident: Incident): boolean =>
    isSevereEnough(board.openIncident(incident.id) ?? incident, filter);
  const describe = (id: StoreId, own: readonly Place[]): WireStore => {
    const methods = { announced: board.methodsOf(id), now: source.methodsNow?.(id) };
    return wireStore(id, estate.stores.get(id), own, methods);
  };
  const { sight } = board;
  return {
    seq: board.seq,
    at: new Date(nowMs).toISOString(),
    targets: { counts },
    stores: Array.from(parts, ([id, own]) => describe(id, own)).sort(byWorst),
    incidents: openIncidents(source).filter(isSevere).filter(isWanted).map(wireIncident),
    ...(sight === undefined
      ? {}
      : { blind: { reason: sight.reason, message: sight.message, since: toIso(sight.sinceMs) } }),
  };
}

/** The methods of a store as announced and, where somebody judges them, as they are now. */
interface Methods {
  readonly announced: ReadonlyMap<string, MethodStatus>;
  readonly now: ReadonlyMap<string, MethodStatus> | undefined;
}

interface KeptStore {
  readonly version: number;
  readonly store: Store | undefined;
  readonly methods: Methods;
  readonly wire: WireStore;
}

/** Of stores that are one place, as most are. A store as it was is the same object. */
const keptStores = new WeakMap<Place, KeptStore>();

function wireStore(
  id: StoreId,
  store: Store | undefined,
  places: readonly Place[],
  methods: Methods,
): WireStore {
  const [place, ...others] = places;
  if (place === undefined || others.length > 0) return describeStore(id, store, places, methods);
  const kept = keptStores.get(place);
  if (
    kept?.version === place.version &&
    kept.store === store &&
    kept.methods.announced === methods.announced &&
    kept.methods.now === methods.now
  ) {
    return kept.wire;
  }
  const wire = describeStore(id, store, places, methods);
  keptStores.set(place, { version: place.version, store, methods, wire });
  return wire;
}

/** The states are those announced; what is watched, and in which words, is what is judged now. */
function wireMethods({ announced, now }: Methods): WireStore['methods'] {
  return Object.fromEntries(
    Array.from((now ?? announced).keys(), (name) => [name, wireMethod(announced.get(name), now?.get(name))]),
  );
}

function wireMethod(announced: MethodStatus | undefined, now: MethodStatus | undefined): WireMethod {
  const state = announced?.state ?? 'unknown';
  const { reason, message } = (now?.state === state ? now : announced) ?? NOTHING_KNOWN;
  return {
    state,
    ...(reason === undefined ? {} : { reason }),
    message,
    ...(announced === undefined ? {} : { since: toIso(announced.sinceMs) }),
  };
}

const NOTHING_KNOWN: Pick<MethodStatus, 'reason' | 'message'> = { message: 'Nothing is known of it yet.' };

function describeStore(
  id: StoreId,
  store: Store | undefined,
  places: readonly Place[],
  methods: Methods,
): WireStore {
  const counts: Record<State, number> = { unknown: 0, up: 0, degraded: 0, down: 0 };
  const kinds: Record<string, number> = {};
  for (const place of places) {
    for (const state of WORST_FIRST) counts[state] += place.counts[state];
    for (const [kind, count] of Object.entries(place.kinds)) kinds[kind] = (kinds[kind] ?? 0) + count;
  }
  const state = WORST_FIRST.find((candidate) => counts[candidate] > 0) ?? 'unknown';
  const sinceMs =
    state === 'down' || state === 'degraded'
      ? Math.min(...places.map((place) => place.sinceMs(state)))
      : Number.POSITIVE_INFINITY;
  return {
    id,
    name: store?.name ?? id,
    ...(store?.chain === undefined ? {} : { chain: store.chain }),
    ...(store?.region === undefined ? {} : { region: store.region }),
    ...(store?.city === undefined ? {} : { city: store.city }),
    state,
    ...(Number.isFinite(sinceMs) ? { since: toIso(sinceMs) } : {}),
    targets: counts,
    kinds,
    methods: wireMethods(methods),
  };
}

function byWorst(a: WireStore, b: WireStore): number {
  const size = (store: WireStore): number => store.targets.down * 1_000_000 + store.targets.degraded;
  return (
    RANK[a.state] - RANK[b.state] ||
    size(b) - size(a) ||
    compareText(a.name, b.name) ||
    compareText(a.id, b.id)
  );
}

function toIso(atMs: number): string {
  return new Date(atMs).toISOString();
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Incidents that are open by what was announced, oldest first: what they are is told as they stand now, where somebody
 * knows; who has taken one on, as announced.
 */
export function openIncidents({
  board,
  incidentsNow,
}: Pick<FeedSource, 'board' | 'incidentsNow'>): readonly Incident[] {
  const now = new Map(incidentsNow?.().map((incident) => [incident.id, incident]));
  return board.openIncidents().map((announced) => asItStands(announced, now.get(announced.id)));
}

function asItStands(announced: Incident, now: Incident | undefined): Incident {
  if (now === undefined || now.acknowledgement === announced.acknowledgement) return now ?? announced;
  const { acknowledgement: _ahead, ...rest } = now;
  const { acknowledgement } = announced;
  return acknowledgement === undefined ? rest : { ...rest, acknowledgement };
}

const keptIncidents = new WeakMap<Incident, Snapshot['incidents'][number]>();

function wireIncident(incident: Incident): Snapshot['incidents'][number] {
  const kept = keptIncidents.get(incident) ?? stampsToIso({ ...incident });
  keptIncidents.set(incident, kept);
  return kept;
}

/** An incident belongs to a place when its scope holds a target of that place. */
function makeIncidentFilter(
  places: readonly Place[],
  estate: Estate,
  filter: FeedFilter,
): (incident: Incident) => boolean {
  const { chain, region, store } = filter;
  const isEverywhere = chain === undefined && region === undefined && store === undefined;
  const stores = new Set(places.map(({ scopeStore }) => scopeStore));
  const holds = (labels: Labels): boolean => {
    const [first, ...others] = Object.entries(labels);
    if (first === undefined) return places.length > 0;
    const [name, value] = first;
    if (others.length === 0 && name === 'store') return stores.has(value);
    if (others.length === 0 && name === 'target') {
      const target = estate.targets.get(toTargetId(value));
      if (target === undefined) return false;
      const { chain, region } = target.labels;
      return isPlaceWanted({ store: target.store, chain, region }, filter);
    }
    return places.some(({ targets }) => targets.some((target) => isInScope(target, labels)));
  };
  return (incident) => isEverywhere || incident.scope.some(holds);
}

function isInScope(target: Target, labels: Labels): boolean {
  return Object.entries(labels).every(([name, value]) => {
    if (name === 'target') return target.id === value;
    return (name === 'store' ? (target.store ?? target.labels['store']) : target.labels[name]) === value;
  });
}
