import type { Estate, Store, Target } from '../estate/estate.ts';
import type { StoreId } from '../estate/ids.ts';
import { isOpenAt, nextOpeningMs } from '../estate/opening-hours.ts';
import { matchesTarget, parseSelector, type Selector } from '../estate/selector.ts';
import type { EventDraft, Maintenance, Silence } from './events.ts';

/** What keeps a failure from being announced. */
export interface HoldRule {
  readonly rule: 'maintenance' | 'silence' | 'closed';
  /** Of the maintenance, the silence or the store. */
  readonly id?: string;
  /** One sentence for a person. */
  readonly why: string;
  /** When it ends by itself. Epoch ms, UTC; absent when nothing says. */
  readonly untilMs?: number;
}

/** A maintenance that has not ended. */
export interface OpenMaintenance {
  readonly maintenance: Maintenance;
  /** It runs; `startsAtMs` and `endsAtMs` are then its own, also of a flexible one. */
  readonly isStarted: boolean;
  /** Up to when it might have begun or gone on, as far as was ever said. Epoch ms, UTC. */
  readonly latestMs: number;
}

/** What `Quiet` knows, as JSON: nothing in it depends on the estate. */
export interface QuietState {
  readonly maintenances: readonly OpenMaintenance[];
  readonly silences: readonly Silence[];
  /** Maintenances that ended before `latestMs`, until that has passed: they must not begin again. */
  readonly over: readonly { readonly id: string; readonly latestMs: number }[];
}

/** A span of time in which what `selector` names is not announced. */
interface Span {
  readonly rule: 'maintenance' | 'silence';
  readonly id: string;
  readonly selector: Selector | undefined;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly why: string;
}

const MINUTE_MS = 60_000;

/**
 * What people have said not to be told of, and when stores are closed: the fold of the journal's maintenance and
 * silence events. Spans hold from their start up to, not with, their end, whether or not their events came: time is
 * what decides. A selector that does not parse holds nothing.
 */
export class Quiet {
  private estate: Estate;
  private maintenanceById = new Map<string, OpenMaintenance>();
  private silenceById = new Map<string, Silence>();
  private overById = new Map<string, number>();
  /** Those that hold by time alone; rebuilt when one changes. A flexible one that has not begun is not among them. */
  private spans: readonly Span[] = [];
  private flexible: readonly (Span & { readonly maintenance: Maintenance; readonly lastsMs: number })[] = [];
  /** The last answer for each store: it is good for a minute, for stores open and close with one. */
  private readonly closedAt = new Map<StoreId, { readonly minute: number; readonly isClosed: boolean }>();

  constructor(estate: Estate) {
    this.estate = estate;
  }

  /** Knows what `state` says, and no more. */
  restore(state: QuietState): void {
    this.maintenanceById = new Map(state.maintenances.map((open) => [open.maintenance.id, open]));
    this.silenceById = new Map(state.silences.map((silence) => [silence.id, silence]));
    this.overById = new Map(state.over.map(({ id, latestMs }) => [id, latestMs]));
    this.index();
  }

  save(): QuietState {
    return {
      maintenances: Array.from(this.maintenanceById.values()),
      silences: Array.from(this.silenceById.values()),
      over: Array.from(this.overById, ([id, latestMs]) => ({ id, latestMs })),
    };
  }

  setEstate(estate: Estate): void {
    this.estate = estate;
    this.closedAt.clear();
  }

  /** Folds maintenance and silence events; others are ignored. */
  apply(event: EventDraft): void {
    switch (event.kind) {
      case 'maintenance-planned':
      case 'maintenance-started': {
        const { maintenance } = event;
        const latestMs = Math.max(
          maintenance.endsAtMs,
          this.maintenanceById.get(maintenance.id)?.latestMs ?? maintenance.endsAtMs,
        );
        const isStarted = event.kind === 'maintenance-started';
        this.maintenanceById.set(maintenance.id, { maintenance, isStarted, latestMs });
        this.overById.delete(maintenance.id);
        break;
      }
      case 'maintenance-ended':
        this.end(event.maintenance, event.atMs);
        break;
      case 'silence-started':
        this.silenceById.set(event.silence.id, event.silence);
        break;
      case 'silence-ended':
        this.silenceById.delete(event.silence.id);
        break;
      default:
        return;
    }
    this.index();
  }

  /** Not ended by an event, oldest first; their time may have passed. */
  maintenances(): Iterable<OpenMaintenance> {
    return this.maintenanceById.values();
  }

  /** Not ended by an event, oldest first; their time may have passed. */
  silences(): Iterable<Silence> {
    return this.silenceById.values();
  }

  /** Whether this maintenance has ended though its time has not passed: it must not begin again. */
  isOver(maintenanceId: string): boolean {
    return this.overById.has(maintenanceId);
  }

  /** Why a failure of `target` is not announced at `atMs`; undefined when nothing holds it. Of several, the longest of the first rule. */
  ruleFor(target: Target, atMs: number): HoldRule | undefined {
    let longest: Span | undefined;
    for (const span of this.spans) {
      if (longest?.rule === 'maintenance' && span.rule === 'silence') break;
      if (holds(span, target, atMs) && span.endsAtMs > (longest?.endsAtMs ?? atMs)) longest = span;
    }
    if (longest !== undefined) {
      const { rule, id, why, endsAtMs } = longest;
      return { rule, id, why, untilMs: endsAtMs };
    }
    const store = this.closedStoreOf(target, atMs);
    if (store === undefined) return undefined;
    const untilMs = nextOpeningMs(store, atMs);
    const why = `${store.name} is closed.`;
    return { rule: 'closed', id: store.id, why, ...(untilMs === undefined ? {} : { untilMs }) };
  }

  /**
   * The flexible maintenance that a failure of `target` at `atMs` sets off, as it then runs: its start and end are
   * its own. To be announced as `maintenance-started`, which is what makes it hold.
   */
  startsFlexible(target: Target, atMs: number): Maintenance | undefined {
    const due = this.flexible.find((one) => holds(one, target, atMs));
    return due && { ...due.maintenance, startsAtMs: atMs, endsAtMs: atMs + due.lastsMs };
  }

  /**
   * When, after `afterMs`, something that holds one of `held` may end by itself: a silence, a maintenance, the hours
   * in which a store is closed. Undefined: nothing does.
   */
  nextChangeMs(held: Iterable<Target>, afterMs: number): number | undefined {
    let firstMs = Number.POSITIVE_INFINITY;
    const asked = new Set<StoreId>();
    for (const target of held) {
      for (const span of this.spans) {
        if (span.endsAtMs < firstMs && holds(span, target, afterMs)) firstMs = span.endsAtMs;
      }
      if (target.store === undefined || asked.has(target.store)) continue;
      asked.add(target.store);
      const store = this.closedStoreOf(target, afterMs);
      const opensMs = store && nextOpeningMs(store, afterMs);
      if (opensMs !== undefined) firstMs = Math.min(firstMs, opensMs);
    }
    return Number.isFinite(firstMs) ? firstMs : undefined;
  }

  private end({ id, endsAtMs }: Maintenance, atMs: number): void {
    const latestMs = this.maintenanceById.get(id)?.latestMs ?? endsAtMs;
    this.maintenanceById.delete(id);
    for (const [other, otherLatestMs] of this.overById)
      if (otherLatestMs <= atMs) this.overById.delete(other);
    if (atMs < latestMs) this.overById.set(id, latestMs);
  }

  private closedStoreOf(target: Target, atMs: number): Store | undefined {
    const store = target.store === undefined ? undefined : this.estate.stores.get(target.store);
    if (store?.openingHours === undefined) return undefined;
    let known = this.closedAt.get(store.id);
    const minute = Math.floor(atMs / MINUTE_MS);
    if (known?.minute !== minute) {
      known = { minute, isClosed: isOpenAt(store, atMs) === false };
      this.closedAt.set(store.id, known);
    }
    return known.isClosed ? store : undefined;
  }

  private index(): void {
    const running = Array.from(this.maintenanceById.values());
    const isWaiting = ({ maintenance, isStarted }: OpenMaintenance): boolean =>
      !isStarted && maintenance.flexibleMs !== undefined;
    this.spans = [
      ...running
        .filter((open) => !isWaiting(open))
        .map(({ maintenance }) => spanOf('maintenance', maintenance)),
      ...Array.from(this.silenceById.values(), (silence) => spanOf('silence', silence)),
    ];
    this.flexible = running.filter(isWaiting).map(({ maintenance }) => ({
      ...spanOf('maintenance', maintenance),
      maintenance,
      lastsMs: maintenance.flexibleMs ?? 0,
    }));
  }
}

function holds({ selector, startsAtMs, endsAtMs }: Span, target: Target, atMs: number): boolean {
  return startsAtMs <= atMs && atMs < endsAtMs && selector !== undefined && matchesTarget(target, selector);
}

function spanOf(rule: Span['rule'], span: Maintenance | Silence): Span {
  const { id, startsAtMs, endsAtMs, by, comment } = span;
  const selector = parseSelector(span.selector);
  const what = rule === 'maintenance' ? 'Under maintenance' : 'Silenced';
  const why = `${what} by ${by}: ${comment}${/[.!?]$/.test(comment) ? '' : '.'}`;
  return { rule, id, selector: selector.ok ? selector.value : undefined, startsAtMs, endsAtMs, why };
}
