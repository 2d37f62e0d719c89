import type { TargetColumns } from '../core/columns.ts';
import { STATES, type State } from '../core/health.ts';
import { REASON_TEXT } from '../core/reason.ts';
import type { Estate, Store, Target } from '../estate/estate.ts';
import type { StoreId, TargetId } from '../estate/ids.ts';
import { formatDuration } from '../lib/duration.ts';

/** Targets of one kind and place that are not well in the same way and since about the same time. */
interface Trouble {
  readonly kind: string;
  readonly state: State;
  /** When the first of them began. Epoch ms, UTC. */
  readonly sinceMs: number;
  /** Why, in one clause; empty when nothing is known. */
  readonly reason: string;
  /** What the last probe of the first of them said. */
  readonly message: string;
  readonly ids: readonly TargetId[];
}

/** A store, or the targets that belong to none, in which something is not well. */
export interface Place {
  /** Undefined: shared services. */
  readonly store: Store | undefined;
  readonly state: State;
  readonly counts: Readonly<Record<State, number>>;
  /** Since when the worst state holds. Epoch ms, UTC. */
  readonly sinceMs: number;
  /** Worst first. */
  readonly troubles: readonly Trouble[];
}

/** What the page tells, before it is HTML. */
export interface PageView {
  readonly version: string;
  readonly nowMs: number;
  /** What is down. */
  readonly sentence: string;
  /** What else is not well; empty when nothing is. */
  readonly asides: string;
  /** The worst state anywhere. */
  readonly state: State;
  /** What is wrong with the monitor itself. */
  readonly problems: readonly string[];
  /** When the newest verdict came. Epoch ms, UTC; undefined none yet. */
  readonly newestMs: number | undefined;
  readonly targets: Readonly<Record<State, number>>;
  /** Worst first. */
  readonly places: readonly Place[];
  readonly wellStores: readonly Store[];
  /** IANA zone in which times without a store are told. */
  readonly timezone: string;
}

/** Targets that went bad within so long of the one before are told together. Unit: ms. */
const TOGETHER_MS = 2 * 60_000;
/** Without a verdict of anything for so long, what the page shows is not the present. Unit: ms. */
const OLD_AFTER_MS = 5 * 60_000;

export function makePageView(
  columns: TargetColumns,
  estate: Estate,
  monitor: { readonly version: string; readonly nowMs: number; readonly problems: readonly string[] },
): PageView {
  const slots = presentSlots(columns);
  const groups = Map.groupBy(slots, ({ target }) => target.store);
  const places = Array.from(groups, ([store, members]) => makePlace(columns, estate, store, members))
    .filter(({ counts }) => counts.down + counts.degraded + counts.unknown > 0)
    .sort(worstFirst);
  const troubled = new Set(places.map(({ store }) => store?.id));
  const newestMs = slots.reduce((newest, { slot }) => Math.max(newest, columns.lastRunAtMs[slot] ?? 0), 0);
  const targets = countStates(columns, slots);
  const ageMs = monitor.nowMs - newestMs;
  const isOld = newestMs > 0 && ageMs > OLD_AFTER_MS;
  return {
    version: monitor.version,
    nowMs: monitor.nowMs,
    ...makeSentences(estate.stores.size, slots.length, places),
    state: worstOf(targets),
    problems: [
      ...monitor.problems,
      ...(isOld ? [`The newest result is ${formatDuration(ageMs)} old: what follows may have changed.`] : []),
    ],
    newestMs: newestMs === 0 ? undefined : newestMs,
    targets,
    places,
    wellStores: Array.from(estate.stores.values()).filter(({ id }) => groups.has(id) && !troubled.has(id)),
    timezone: commonTimezone(estate),
  };
}

interface PresentSlot {
  readonly slot: number;
  readonly target: Target;
}

function presentSlots(columns: TargetColumns): readonly PresentSlot[] {
  const slots: PresentSlot[] = [];
  for (let slot = 0; slot < columns.slotCount; slot++) {
    const target = columns.targetAt(slot);
    if (target !== undefined) slots.push({ slot, target });
  }
  return slots;
}

function makePlace(
  columns: TargetColumns,
  estate: Estate,
  storeId: StoreId | undefined,
  members: readonly PresentSlot[],
): Place {
  const counts = countStates(columns, members);
  const state = worstOf(counts);
  const troubles = groupTroubles(columns, members);
  return {
    store: storeId === undefined ? undefined : estate.stores.get(storeId),
    state,
    counts,
    sinceMs: troubles[0]?.sinceMs ?? 0,
    troubles,
  };
}

function groupTroubles(columns: TargetColumns, members: readonly PresentSlot[]): readonly Trouble[] {
  const singles = members
    .filter(({ slot }) => columns.stateAt(slot) !== 'up')
    .map(({ slot, target }) => makeTrouble(columns, slot, target))
    .sort((a, b) => a.sinceMs - b.sinceMs || (a.firstId < b.firstId ? -1 : 1));
  const groups = Map.groupBy(singles, ({ kind, state, reason }) => JSON.stringify([kind, state, reason]));
  return groups
    .values()
    .flatMap(joinTroubles)
    .toArray()
    .sort((a, b) => rankOf(b.state) - rankOf(a.state) || a.sinceMs - b.sinceMs);
}

/** Alike troubles, oldest first, joined as long as each began soon after the one before. */
function joinTroubles(alike: readonly (Trouble & { readonly firstId: TargetId })[]): readonly Trouble[] {
  const joined: Trouble[] = [];
  let previousMs = Number.NEGATIVE_INFINITY;
  for (const { firstId, ...trouble } of alike) {
    const open = trouble.sinceMs - previousMs <= TOGETHER_MS ? joined.pop() : undefined;
    joined.push(open === undefined ? trouble : { ...open, ids: [...open.ids, firstId] });
    previousMs = trouble.sinceMs;
  }
  return joined;
}

function makeTrouble(
  columns: TargetColumns,
  slot: number,
  target: Target,
): Trouble & { readonly firstId: TargetId } {
  const reason = columns.reasonAt(slot);
  return {
    firstId: target.id,
    ids: [target.id],
    kind: target.kind,
    state: columns.stateAt(slot),
    sinceMs: columns.sinceMs[slot] ?? 0,
    reason: reason === undefined ? '' : REASON_TEXT[reason],
    message: columns.messageAt(slot),
  };
}

function countStates(columns: TargetColumns, slots: readonly PresentSlot[]): Record<State, number> {
  const counts = { unknown: 0, up: 0, degraded: 0, down: 0 };
  for (const { slot } of slots) counts[columns.stateAt(slot)]++;
  return counts;
}

/** Not knowing is worse than knowing that it is up, and better than anything else. */
const RANK: readonly State[] = ['up', 'unknown', 'degraded', 'down'];

function rankOf(state: State): number {
  return RANK.indexOf(state);
}

function worstOf(counts: Readonly<Record<State, number>>): State {
  return STATES.filter((state) => counts[state] > 0).sort((a, b) => rankOf(b) - rankOf(a))[0] ?? 'unknown';
}

/** By state; then shared services, on which stores hang; then the larger share down, then the longer. */
function worstFirst(a: Place, b: Place): number {
  return (
    rankOf(b.state) - rankOf(a.state) ||
    Number(b.store === undefined) - Number(a.store === undefined) ||
    shareOf(b) - shareOf(a) ||
    a.sinceMs - b.sinceMs ||
    (a.store?.name ?? '').localeCompare(b.store?.name ?? '', 'sv')
  );
}

function shareOf({ counts, state }: Place): number {
  return counts[state] / (counts.up + counts.unknown + counts.degraded + counts.down);
}

function makeSentences(
  stores: number,
  targets: number,
  places: readonly Place[],
): Pick<PageView, 'sentence' | 'asides'> {
  if (targets === 0) {
    return { sentence: 'Nothing is watched: the configuration names no targets.', asides: '' };
  }
  const shared = places.find(({ store }) => store === undefined);
  const tell = (state: State, what: string): readonly string[] => {
    const count = places.filter((place) => place.store !== undefined && place.counts[state] > 0).length;
    const services = shared?.counts[state] ?? 0;
    const all = `${count} of ${stores} ${stores === 1 ? 'store' : 'stores'}`;
    return [
      ...(count === 0 ? [] : [`${all} ${count === 1 ? 'has' : 'have'} something ${what}`]),
      ...(services === 0 ? [] : [`${countOf(services)} ${what}`]),
    ];
  };
  const down = tell('down', 'down');
  const rest = [...tell('degraded', 'degraded'), ...tell('unknown', 'not judged')];
  const well = stores === 0 ? `All ${targets} targets are up` : `Everything is up in all ${stores} stores`;
  const calm = rest.length === 0 ? well : 'Nothing is known to be down';
  return {
    sentence: `${down.length === 0 ? calm : down.join('; ')}.`,
    asides: rest.length === 0 ? '' : `${rest.join('; ')}.`,
  };
}

function countOf(services: number): string {
  return services === 1 ? '1 shared service is' : `${services} shared services are`;
}

/** The zone of most stores; UTC without any. */
function commonTimezone({ stores }: Estate): string {
  const byZone = Map.groupBy(stores.values(), ({ timezone }) => timezone);
  const [first] = Array.from(byZone).sort(([, a], [, b]) => b.length - a.length);
  return first?.[0] ?? 'UTC';
}
