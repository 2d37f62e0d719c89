import { type Estate, storeSizes } from '../estate/estate.ts';
import { type StoreId, type TargetId, toIncidentId } from '../estate/ids.ts';
import { fnv1a } from '../lib/hash.ts';
import {
  type EventDraft,
  type Incident,
  type IncidentSeverity,
  SEVERITIES,
  type TargetStateChanged,
} from './events.ts';

/**
 * Open incidents by what they are about: one for each store in which targets are down, one for each target that is
 * down and belongs to no store. Immutable; `applyChanges` makes the next.
 */
export type OpenIncidents = ReadonlyMap<string, OpenIncident>;

interface OpenIncident {
  readonly incident: Incident;
  readonly store: StoreId | undefined;
  readonly down: ReadonlySet<TargetId>;
}

/** A confirmed change with its time. */
export type TimedChange = TargetStateChanged & { readonly atMs: number };

/**
 * What `changes`, confirmed together, mean for incidents: the open ones afterwards, and the events to announce after
 * the changes. At most one event an incident, so that a store whose terminals fail together opens once, with all of
 * them. Times come from the changes alone: the same changes always give the same incidents and ids.
 */
export function applyChanges(
  open: OpenIncidents,
  changes: readonly TimedChange[],
  estate: Estate,
): { readonly open: OpenIncidents; readonly events: readonly EventDraft[] } {
  const next = new Map(open);
  const events: EventDraft[] = [];
  for (const [key, group] of Map.groupBy(changes, (change) => incidentKey(change, open))) {
    const before = next.get(key);
    const down = downAfter(before?.down, group);
    const opening = before?.incident ?? openIncident(key, group);
    const last = group.at(-1);
    if (opening === undefined || last === undefined || isSameSet(before?.down, down)) continue;
    const { atMs } = last;
    const store = before === undefined ? last.store : before.store;
    const { chain, region } = placeOf(store, last, estate);
    const incident = describeIncident(opening, down, atMs, store, estate);
    if (down.size === 0) next.delete(key);
    else next.set(key, { incident, store, down });
    if (before === undefined && down.size === 0) continue;
    const change = before === undefined ? 'opened' : down.size === 0 ? 'resolved' : 'updated';
    const place = {
      ...(store === undefined ? {} : { store }),
      ...(chain === undefined ? {} : { chain }),
      ...(region === undefined ? {} : { region }),
    };
    events.push({ atMs, kind: `incident-${change}`, incident, ...place });
  }
  return { open: next, events };
}

/** The open incidents after a restart, from those announced and the targets announced down. */
export function restoreIncidents(
  incidents: readonly Incident[],
  down: readonly Pick<TargetStateChanged, 'target' | 'store'>[],
): OpenIncidents {
  const open = new Map<string, OpenIncident>();
  const bySubject = Map.groupBy(incidents, ({ id }) => id.slice(id.indexOf('-') + 1));
  for (const [key, members] of Map.groupBy(down, groupKey)) {
    const candidates = bySubject.get(subjectHash(key)) ?? [];
    const incident = candidates.find(({ id, openedAtMs }) => id === incidentId(key, openedAtMs));
    if (incident === undefined) continue;
    const store = members[0]?.store;
    open.set(key, { incident, store, down: new Set(members.map(({ target }) => target)) });
  }
  return open;
}

function groupKey(change: Pick<TargetStateChanged, 'target' | 'store'>): string {
  return change.store === undefined ? `target:${change.target}` : `store:${change.store}`;
}

/** Where a change belongs: a target ends the outage that it is part of, though it has another store by now. */
function incidentKey(change: TimedChange, open: OpenIncidents): string {
  const own = groupKey(change);
  if (change.from !== 'down' || open.get(own)?.down.has(change.target) === true) return own;
  const [former] = open.entries().find(([, { down }]) => down.has(change.target)) ?? [own];
  return former;
}

function placeOf(
  store: StoreId | undefined,
  change: TimedChange,
  estate: Estate,
): { readonly chain?: string; readonly region?: string } {
  if (store === change.store) return change;
  return (store === undefined ? undefined : estate.stores.get(store)) ?? {};
}

function downAfter(before: ReadonlySet<TargetId> | undefined, group: readonly TimedChange[]): Set<TargetId> {
  const down = new Set(before);
  for (const change of group) {
    if (change.to === 'down') down.add(change.target);
    else down.delete(change.target);
  }
  return down;
}

function isSameSet(a: ReadonlySet<TargetId> | undefined, b: ReadonlySet<TargetId>): boolean {
  return (a?.size ?? 0) === b.size && (a === undefined || a.isSubsetOf(b));
}

function openIncident(key: string, group: readonly TimedChange[]): Incident | undefined {
  const first = group.find((change) => change.to === 'down');
  if (first === undefined) return undefined;
  return {
    id: incidentId(key, first.atMs),
    scope: [],
    title: '',
    severity: 'minor',
    state: 'open',
    openedAtMs: first.atMs,
    targetsDown: 0,
    storesAffected: 0,
    reason: first.reason ?? 'stale',
  };
}

/** Derived from what opened it: a replay of the same changes mints the same id. */
function incidentId(key: string, openedAtMs: number): Incident['id'] {
  return toIncidentId(`${openedAtMs.toString(36)}-${subjectHash(key)}`);
}

function subjectHash(key: string): string {
  return fnv1a(key).toString(36);
}

function describeIncident(
  opening: Incident,
  down: ReadonlySet<TargetId>,
  atMs: number,
  store: StoreId | undefined,
  estate: Estate,
): Incident {
  if (down.size === 0) return { ...opening, state: 'resolved', resolvedAtMs: atMs, targetsDown: 0 };
  const [only] = down;
  const isSingle = down.size === 1 && only !== undefined;
  const size = store === undefined ? 1 : (storeSizes(estate).get(store) ?? 0);
  const place = store === undefined ? '' : (estate.stores.get(store)?.name ?? store);
  const title = isSingle
    ? `${only} is down${place === '' ? '' : ` in ${place}`}`
    : `${down.size} of ${Math.max(size, down.size)} targets are down in ${place}`;
  return {
    ...opening,
    scope: isSingle ? [{ target: only }] : [{ store: store ?? '' }],
    title,
    severity: worseOf(opening.severity, severityOf(down.size, size)),
    targetsDown: down.size,
    storesAffected: store === undefined ? 0 : 1,
  };
}

/** An incident stays as severe as it once was: who asked for severe ones alone must also hear of its end. */
function worseOf(a: IncidentSeverity, b: IncidentSeverity): IncidentSeverity {
  return SEVERITIES.indexOf(a) > SEVERITIES.indexOf(b) ? a : b;
}

function severityOf(down: number, size: number): IncidentSeverity {
  if (size > 1 && down >= size) return 'critical';
  return down > 1 && down * 2 >= size ? 'major' : 'minor';
}
