import type { Blindness } from '../core/board.ts';
import type { TargetColumns } from '../core/columns.ts';
import { type Incident, SEVERITIES } from '../core/events.ts';
import type { State } from '../core/health.ts';
import { REASON_TEXT } from '../core/reason.ts';
import type { Estate, Store, Target } from '../estate/estate.ts';
import type { StoreId, TargetId } from '../estate/ids.ts';
import type { WireStore } from '../feed/protocol.ts';
import { formatDuration } from '../lib/duration.ts';
import { type PaymentTally, tallyPayments } from './page-announced.ts';

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
  /** How customers can pay there. */
  readonly methods: WireStore['methods'];
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
  /** By payment method, in how many stores it is in each state. */
  readonly payments: readonly PaymentTally[];
  /** Open ones, the most severe first, at most `MAX_INCIDENTS`. */
  readonly incidents: readonly Incident[];
  /** Open ones that are not among `incidents`. */
  readonly moreIncidents: number;
  /** Worst first, at most `MAX_PLACES`. */
  readonly places: readonly Place[];
  /** Places in which something is not well, that are not among `places`. */
  readonly morePlaces: number;
  readonly wellStores: readonly Store[];
  /** IANA zone in which times without a store are told. */
  readonly timezone: string;
}

/** Rows looked at in one step. */
const STEP_ROWS = 10_000;
/** Beyond so many places the API is the better view. */
const MAX_PLACES = 200;
const MAX_INCIDENTS = 20;
/** Targets that went bad within so long of the one before are told together. Unit: ms. */
const TOGETHER_MS = 2 * 60_000;
/** Without a verdict of anything for so long, what the page shows is not the present. Unit: ms. */
const OLD_AFTER_MS = 5 * 60_000;

/** What the page says of the monitor. */
interface MonitorView {
  readonly version: string;
  readonly nowMs: number;
  readonly problems: readonly string[];
  /** What was announced; absent: nothing yet. */
  readonly announced?: Announced;
}

/** What was announced of payments and incidents, and whether we can see. */
export interface Announced {
  readonly stores: readonly WireStore[];
  readonly incidents: readonly Incident[];
  readonly sight: Blindness | undefined;
}

const NOTHING: Announced = { stores: [], incidents: [], sight: undefined };

/** All at once, however long it takes. */
export function makePageView(columns: TargetColumns, estate: Estate, monitor: MonitorView): PageView {
  const steps = makePageViewInSteps(columns, estate, monitor);
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

/** In steps of a few milliseconds, between which other work may run. */
export function* makePageViewInSteps(
  columns: TargetColumns,
  estate: Estate,
  monitor: MonitorView,
): Generator<void, PageView> {
  const { stores, incidents, sight } = monitor.announced ?? NOTHING;
  const { tallies, targets, newestMs } = yield* tallyPlaces(columns);
  const common = {
    version: monitor.version,
    nowMs: monitor.nowMs,
    newestMs: newestMs === 0 ? undefined : newestMs,
    incidents: incidents.toSorted(mostSevereFirst).slice(0, MAX_INCIDENTS),
    moreIncidents: Math.max(0, incidents.length - MAX_INCIDENTS),
    timezone: commonTimezone(estate),
  };
  if (sight !== undefined) return { ...common, ...makeBlindView(sight, columns.size, monitor) };
  const troubled = tallies
    .values()
    .filter(({ counts, size }) => counts.up < size)
    .map((tally) => rankPlace(tally, estate))
    .toArray();
  yield;
  troubled.sort(worstFirst);
  yield;
  const methods = new Map(stores.map((store) => [store.id, store.methods]));
  const places = makePlaces(columns, estate, troubled.slice(0, MAX_PLACES), methods);
  yield;
  const troubledStores = new Set(troubled.map(({ store }) => store));
  const ageMs = monitor.nowMs - newestMs;
  const isOld = newestMs > 0 && ageMs > OLD_AFTER_MS;
  return {
    ...common,
    ...makeSentences(estate.stores.size, columns.size, troubled),
    state: worstOf(targets),
    problems: [
      ...monitor.problems,
      ...(isOld ? [`The newest result is ${formatDuration(ageMs)} old: what follows may have changed.`] : []),
    ],
    targets,
    payments: tallyPayments(stores),
    places,
    morePlaces: Math.max(0, troubled.length - MAX_PLACES),
    wellStores: Array.from(estate.stores.values()).filter(
      ({ id }) => tallies.has(id) && !troubledStores.has(id),
    ),
  };
}

/** Nothing is known of any target, whatever was known before. */
function makeBlindView(
  sight: Blindness,
  size: number,
  { nowMs, problems }: MonitorView,
): Omit<PageView, 'version' | 'nowMs' | 'newestMs' | 'incidents' | 'moreIncidents' | 'timezone'> {
  return {
    sentence: 'The monitor cannot see: nothing is known of any store.',
    asides: `For ${formatDuration(Math.max(0, nowMs - sight.sinceMs))} now. Everything is checked again before anything is said of it.`,
    state: 'unknown',
    problems: [`${sight.message} Nothing is called down while ${REASON_TEXT[sight.reason]}.`, ...problems],
    targets: { ...noCounts(), unknown: size },
    payments: [],
    places: [],
    morePlaces: 0,
    wellStores: [],
  };
}

function mostSevereFirst(a: Incident, b: Incident): number {
  return SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity) || a.openedAtMs - b.openedAtMs;
}

/** A store's targets by state, or those of none. */
interface PlaceTally {
  readonly store: StoreId | undefined;
  readonly counts: Record<State, number>;
  /** Since when at least one is in the state; infinite when none is. */
  readonly sinceMs: Record<State, number>;
  size: number;
}

interface Tallies {
  readonly tallies: ReadonlyMap<StoreId | undefined, PlaceTally>;
  readonly targets: Readonly<Record<State, number>>;
  /** 0 when there is no verdict yet. */
  readonly newestMs: number;
}

/** One look at every row; it allocates for stores alone. */
function* tallyPlaces(columns: TargetColumns): Generator<void, Tallies> {
  const tallies = new Map<StoreId | undefined, PlaceTally>();
  const targets = noCounts();
  let newestMs = 0;
  let tally: PlaceTally | undefined;
  for (let slot = 0; slot < columns.slotCount; slot++) {
    if (slot % STEP_ROWS === STEP_ROWS - 1) yield;
    const target = columns.targetAt(slot);
    if (target === undefined) continue;
    // The targets of a store mostly come one after the other.
    if (tally === undefined || tally.store !== target.store) tally = tallyOf(tallies, target.store);
    const state = columns.stateAt(slot);
    targets[state]++;
    tally.size++;
    tally.counts[state]++;
    tally.sinceMs[state] = Math.min(tally.sinceMs[state], columns.sinceMs[slot] ?? 0);
    newestMs = Math.max(newestMs, columns.lastRunAtMs[slot] ?? 0);
  }
  return { tallies, targets, newestMs };
}

function tallyOf(tallies: Map<StoreId | undefined, PlaceTally>, store: StoreId | undefined): PlaceTally {
  const known = tallies.get(store);
  if (known !== undefined) return known;
  const never = Number.POSITIVE_INFINITY;
  const sinceMs = { unknown: never, up: never, degraded: never, down: never };
  const made = { store, counts: noCounts(), sinceMs, size: 0 };
  tallies.set(store, made);
  return made;
}

function noCounts(): Record<State, number> {
  return { unknown: 0, up: 0, degraded: 0, down: 0 };
}

interface PresentSlot {
  readonly slot: number;
  readonly target: Target;
}

function makePlaces(
  columns: TargetColumns,
  estate: Estate,
  places: readonly RankedPlace[],
  methods: ReadonlyMap<string, WireStore['methods']>,
): readonly Place[] {
  const troubled = new Map<StoreId | undefined, PresentSlot[]>(places.map(({ store }) => [store, []]));
  for (let slot = 0; slot < columns.slotCount; slot++) {
    const target = columns.stateAt(slot) === 'up' ? undefined : columns.targetAt(slot);
    if (target !== undefined) troubled.get(target.store)?.push({ slot, target });
  }
  return places.map(({ store, state, counts, sinceMs }) => ({
    store: store === undefined ? undefined : estate.stores.get(store),
    state,
    counts,
    sinceMs: sinceMs[state],
    troubles: groupTroubles(columns, troubled.get(store) ?? []),
    methods: (store === undefined ? undefined : methods.get(store)) ?? {},
  }));
}

function groupTroubles(columns: TargetColumns, troubled: readonly PresentSlot[]): readonly Trouble[] {
  const singles = troubled
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

/** Not knowing is worse than knowing that it is up, and better than anything else. */
const WORST_FIRST: readonly State[] = ['down', 'degraded', 'unknown', 'up'];

function rankOf(state: State): number {
  return WORST_FIRST.length - WORST_FIRST.indexOf(state);
}

function worstOf(counts: Readonly<Record<State, number>>): State {
  return WORST_FIRST.find((state) => counts[state] > 0) ?? 'unknown';
}

/** A place with what it is sorted by, found out once. */
interface RankedPlace extends PlaceTally {
  readonly state: State;
  readonly rank: number;
  readonly share: number;
  readonly name: string;
}

function rankPlace(tally: PlaceTally, { stores }: Estate): RankedPlace {
  const state = worstOf(tally.counts);
  const name = tally.store === undefined ? '' : (stores.get(tally.store)?.name ?? '');
  return { ...tally, state, rank: rankOf(state), share: tally.counts[state] / tally.size, name };
}

/** By state; then shared services, on which stores hang; then the larger share down, then the longer. */
function worstFirst(a: RankedPlace, b: RankedPlace): number {
  return (
    b.rank - a.rank ||
    Number(b.store === undefined) - Number(a.store === undefined) ||
    b.share - a.share ||
    a.sinceMs[a.state] - b.sinceMs[b.state] ||
    BY_NAME.compare(a.name, b.name)
  );
}

const BY_NAME = new Intl.Collator('sv');

function makeSentences(
  stores: number,
  targets: number,
  places: readonly PlaceTally[],
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
