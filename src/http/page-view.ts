import type { TargetColumns } from '../core/columns.ts';
import { STATES, type State } from '../core/health.ts';
import { REASON_TEXT } from '../core/reason.ts';
import type { Estate, Store, Target } from '../estate/estate.ts';
import type { StoreId } from '../estate/ids.ts';
import { formatDuration } from '../lib/duration.ts';

/** One target that is not well. */
interface Trouble {
  readonly id: string;
  readonly kind: string;
  readonly state: State;
  readonly sinceMs: number;
  /** Why, in one clause; empty when nothing is known. */
  readonly reason: string;
  readonly message: string;
}

/** A store, or the targets that belong to none, in which something is not well. */
export interface Place {
  /** Undefined: shared services. */
  readonly store: Store | undefined;
  readonly state: State;
  readonly counts: Readonly<Record<State, number>>;
  /** Since when the worst state holds. Epoch ms, UTC. */
  readonly sinceMs: number;
  /** Worst first, at most `MAX_TROUBLES`. */
  readonly troubles: readonly Trouble[];
}

/** What the page tells, before it is HTML. */
export interface PageView {
  readonly version: string;
  readonly nowMs: number;
  readonly sentence: string;
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

const MAX_TROUBLES = 12;
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
    sentence: makeSentence(estate.stores.size, slots.length, places),
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
  const troubles = members
    .filter(({ slot }) => columns.stateAt(slot) !== 'up')
    .map(({ slot, target }) => makeTrouble(columns, slot, target))
    .sort((a, b) => rankOf(b.state) - rankOf(a.state) || a.sinceMs - b.sinceMs || (a.id < b.id ? -1 : 1));
  return {
    store: storeId === undefined ? undefined : estate.stores.get(storeId),
    state,
    counts,
    sinceMs: troubles[0]?.sinceMs ?? 0,
    troubles: troubles.slice(0, MAX_TROUBLES),
  };
}

function makeTrouble(columns: TargetColumns, slot: number, target: Target): Trouble {
  const reason = columns.reasonAt(slot);
  return {
    id: target.id,
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

function makeSentence(stores: number, targets: number, places: readonly Place[]): string {
  if (targets === 0) return 'Nothing is watched: the configuration names no targets.';
  const inState = (state: State): number =>
    places.filter((place) => place.store !== undefined && place.state === state).length;
  const shared = places.find((place) => place.store === undefined);
  const ofAll = (count: number): string => `${count} of ${stores} ${stores === 1 ? 'store' : 'stores'}`;
  const have = (count: number): string => (count === 1 ? 'has' : 'have');
  const down = inState('down');
  const degraded = inState('degraded');
  const unknown = inState('unknown');
  const parts = [
    down > 0 ? `${ofAll(down)} ${have(down)} something down` : '',
    shared !== undefined && shared.counts.down > 0 ? `${countOf(shared.counts.down)} down` : '',
    degraded > 0 ? `${ofAll(degraded)} ${have(degraded)} something degraded` : '',
    shared !== undefined && shared.counts.degraded > 0 ? `${countOf(shared.counts.degraded)} degraded` : '',
    unknown > 0 ? `${ofAll(unknown)} ${have(unknown)} something not judged yet` : '',
    shared !== undefined && shared.counts.unknown > 0
      ? `${countOf(shared.counts.unknown)} not judged yet`
      : '',
  ].filter((part) => part !== '');
  if (parts.length > 0) return `${parts.join('; ')}.`;
  return stores === 0 ? `All ${targets} targets are up.` : `Everything is up in all ${stores} stores.`;
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
