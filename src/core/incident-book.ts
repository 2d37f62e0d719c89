import type { Target } from '../estate/estate.ts';
import type { IncidentId, StoreId, TargetId } from '../estate/ids.ts';
import { type Cause, type CauseFinder, isInScope, isSameScope, type Verdict } from './causes.ts';
import type { EventDraft, Incident, IncidentAcknowledged, MethodState } from './events.ts';
import {
  beginLife,
  isAlone,
  isOfScope,
  isTail,
  type Life,
  placeOf,
  quietMs,
  relapse,
  restore,
  reviveLife,
  type SavedLife,
  saveLife,
  strike,
  type Turn,
} from './incident-life.ts';
import { storesOf, weigh, worseOf } from './incident-weight.ts';
import { evidenceOf, titleOf } from './incident-words.ts';
import type { Outlook } from './outlook.ts';
import type { AnyReason } from './reason.ts';

/** A target that is down. */
export interface Failure {
  readonly sinceMs: number;
  readonly reason: AnyReason;
  /** The open incident that it is part of. */
  incident?: IncidentId;
  /** What it hangs on, which is down. */
  parent?: TargetId;
}

/** What the book of incidents takes from the fold that owns it. */
export interface BookContext {
  readonly outlook: Outlook;
  readonly finder: CauseFinder;
  readonly failureOf: (id: TargetId) => Failure | undefined;
  readonly methodState: (store: StoreId, method: string) => MethodState | undefined;
  readonly storesServedBy: (target: TargetId) => Iterable<StoreId>;
  /** To be journalled and announced. */
  readonly emit: (draft: EventDraft) => void;
}

export interface SavedBook {
  readonly open: readonly SavedLife[];
  readonly closed: readonly SavedLife[];
}

/** Failures that began so close are one outage, when one scope holds both. Unit: ms. */
const SAME_ONSET_MS = 600_000;
/** Beside opening and end, so many updates of an incident are told. The last is kept for its becoming critical. */
const MOST_UPDATES = 2;

/** The incidents that are open, and those that may open again: their scopes, their lives, and what is told of them. */
export class IncidentBook {
  /** Replaced with each configuration. */
  context: BookContext;
  private readonly open = new Map<IncidentId, Life>();
  private closed: Life[] = [];
  /** Lives by what finds them: those about one target by it, and the others. Made anew when scopes changed. */
  private index: { readonly alone: ReadonlyMap<string, Life>; readonly wide: readonly Life[] } | undefined;
  /** Changed since they were described last. */
  private readonly stale = new Set<Life>();

  constructor(context: BookContext) {
    this.context = context;
  }

  save(): SavedBook {
    return { open: Array.from(this.open.values(), saveLife), closed: this.closed.map(saveLife) };
  }

  restore({ open, closed }: SavedBook): void {
    for (const life of open) this.open.set(life.incident.id, reviveLife(life));
    this.closed = closed.map(reviveLife);
  }

  lives(): Iterable<Life> {
    return this.open.values();
  }

  lifeOfId(id: IncidentId): Life | undefined {
    return this.open.get(id);
  }

  /** As they stand at `atMs`, oldest first. */
  incidents(atMs: number): readonly Incident[] {
    return Array.from(this.open.values(), (life) => {
      if (this.stale.has(life)) this.describe(life, atMs);
      return life.incident;
    });
  }

  /** The open incident that a target which fails now belongs to by its scope. */
  lifeOf(target: Target): Life | undefined {
    this.index ??= this.makeIndex();
    return this.index.alone.get(target.id) ?? this.index.wide.find((life) => isOfScope(life, target));
  }

  /** `id` fails and belongs to `life`. */
  join(life: Life, id: TargetId, atMs: number): void {
    if (this.put(life, id)) this.turned(life, strike(life, id), atMs);
  }

  /** `id`, part of an incident until now, is well again or gone. */
  restored(incident: IncidentId, id: TargetId, atMs: number): void {
    const life = this.open.get(incident);
    if (life !== undefined) this.turned(life, restore(life, id, atMs, this.context.outlook.timing), atMs);
  }

  /** `id` is down because `parent` is: it is told of with the parent's incident, if there is one. */
  putBehind(parent: TargetId, id: TargetId): void {
    const above = this.context.failureOf(parent)?.incident;
    const life = above === undefined ? undefined : this.open.get(above);
    if (life !== undefined) this.put(life, id);
  }

  /** `id` no longer hangs on something that is down. */
  takeFromBehind(incident: IncidentId, id: TargetId): void {
    const life = this.open.get(incident);
    if (life === undefined) return;
    life.behind.delete(id);
    this.stale.add(life);
  }

  /** Makes `cause` part of an incident, open or lately resolved, or opens one. `roots`: those of it not held back. */
  assign(cause: Cause, roots: readonly TargetId[], atMs: number): void {
    const onsetMs = this.onsetOf(roots, atMs);
    const grown = this.widened(cause, onsetMs, atMs);
    if (grown !== undefined) {
      this.fill(grown.life, cause);
      if (grown.isNewScope) this.tell(grown.life, 'scope', atMs);
      return;
    }
    const life = this.reopened(cause, roots, atMs) ?? beginLife(cause, onsetMs);
    this.open.set(life.incident.id, life);
    this.index = undefined;
    this.fill(life, cause);
    this.announce(life, 'incident-opened', atMs);
  }

  /** Since when the first of `ids` fails. */
  onsetOf(ids: Iterable<TargetId>, atMs: number): number {
    let onsetMs = Number.POSITIVE_INFINITY;
    for (const id of ids) onsetMs = Math.min(onsetMs, this.context.failureOf(id)?.sinceMs ?? onsetMs);
    return Number.isFinite(onsetMs) ? onsetMs : atMs;
  }

  /**
   * All of `life` has been quiet for long enough: it is resolved, or its scope is narrower by now. The result is a
   * small rest of failures that are something of their own from here on.
   */
  conclude(life: Life, verdictOf: (id: TargetId) => Verdict, atMs: number): readonly TargetId[] {
    life.quietAtMs = undefined;
    if (isTail(life)) {
      const rest = Array.from(life.symptoms);
      this.empty(life);
      this.resolve(life, atMs);
      return rest;
    }
    const [cause, ...others] = this.context.finder.find(life.symptoms, verdictOf);
    if (cause === undefined || others.length > 0 || isSameScope(cause.scopes, life.scopes)) return [];
    this.index = undefined;
    life.scopes = cause.scopes;
    life.size = cause.size;
    life.confidence = cause.confidence;
    this.tell(life, 'scope', atMs);
    return [];
  }

  /** Payment methods changed in `stores`: an incident there may have become worse. */
  reweigh(stores: ReadonlySet<StoreId>, atMs: number): void {
    for (const life of this.open.values()) {
      if (!stores.isDisjointFrom(this.storesOf(life))) this.tell(life, 'severity', atMs);
    }
  }

  /** We could not see until now: nothing is over before it has been quiet for long enough from here on. */
  postpone(atMs: number): void {
    for (const life of this.open.values()) {
      if (life.quietAtMs === undefined) continue;
      life.quietAtMs = Math.max(life.quietAtMs, atMs + quietMs(life, this.context.outlook.timing));
    }
  }

  acknowledge({ incident, acknowledgement, isWithdrawn }: IncidentAcknowledged): void {
    const life = this.open.get(incident.id);
    if (life === undefined) return;
    const { acknowledgement: _before, ...rest } = life.incident;
    life.incident = isWithdrawn ? rest : { ...rest, acknowledgement };
  }

  /** The open incident that `cause` is more of: its scope becomes the cause's, and others in that go into it. */
  private widened(
    cause: Cause,
    onsetMs: number,
    atMs: number,
  ): { readonly life: Life; readonly isNewScope: boolean } | undefined {
    const lives = Array.from(this.open.values());
    const near = lives.filter(({ incident }) => Math.abs(onsetMs - incident.openedAtMs) <= SAME_ONSET_MS);
    const holder =
      lives.find((life) => isSameScope(life.scopes, cause.scopes)) ??
      near.find((life) => !isAlone(life) && this.isWithin(cause.failing, life.scopes));
    if (holder !== undefined) {
      this.takeOn(holder, holder.scopes, cause);
      return { life: holder, isNewScope: false };
    }
    const [oldest, ...others] = near.filter(({ struck }) => this.isWithin(struck, cause.scopes));
    if (oldest === undefined) return undefined;
    for (const other of others) this.merge(other, oldest, atMs);
    this.takeOn(oldest, cause.scopes, cause);
    return { life: oldest, isNewScope: true };
  }

  private makeIndex(): NonNullable<IncidentBook['index']> {
    const lives = Array.from(this.open.values());
    const alone = new Map(lives.filter(isAlone).map((life) => [life.scopes[0]?.['target'] ?? '', life]));
    return { alone, wide: lives.filter((life) => !isAlone(life)) };
  }

  private takeOn(life: Life, scopes: Life['scopes'], { kinds, confidence }: Cause): void {
    this.index = undefined;
    life.scopes = scopes;
    life.kinds = life.kinds.union(kinds);
    life.size = this.context.finder.sizeOf(scopes[0] ?? {}, life.kinds);
    life.confidence = Math.min(life.confidence, confidence);
  }

  private isWithin(ids: Iterable<TargetId>, scopes: Life['scopes']): boolean {
    const { targets } = this.context.outlook.estate;
    for (const id of ids) {
      const target = targets.get(id);
      if (target === undefined || !scopes.some((scope) => isInScope(target, scope))) return false;
    }
    return true;
  }

  private merge(from: Life, into: Life, atMs: number): void {
    const members = [...from.symptoms, ...from.behind];
    this.empty(from);
    for (const id of members) this.put(into, id);
    from.incident = { ...from.incident, mergedInto: into.incident.id };
    this.resolve(from, atMs);
  }

  /** The incident, resolved a short time ago, that `cause` is again. */
  private reopened(cause: Cause, roots: readonly TargetId[], atMs: number): Life | undefined {
    this.closed = this.closed.filter(({ reopenUntilMs }) => reopenUntilMs >= atMs);
    const life = this.closed.find(({ scopes, struck, incident, peak }) => {
      if (incident.mergedInto !== undefined) return false;
      if (isSameScope(scopes, cause.scopes)) return true;
      const known = roots.filter((id) => struck.has(id)).length;
      return known * 2 >= roots.length && known >= Math.max(1, peak / 10);
    });
    if (life === undefined) return undefined;
    this.closed = this.closed.filter((other) => other !== life);
    const { resolvedAtMs: _resolvedAtMs, ...incident } = life.incident;
    life.incident = { ...incident, state: 'open' };
    life.quietAtMs = undefined;
    relapse(life);
    return life;
  }

  private fill(life: Life, { failing }: Cause): void {
    for (const id of failing) this.put(life, id);
  }

  /** Whether `id` is a symptom of its own now: what hangs on something that is down is not. */
  private put(life: Life, id: TargetId): boolean {
    const failure = this.context.failureOf(id);
    if (failure === undefined) return false;
    failure.incident = life.incident.id;
    this.stale.add(life);
    if (failure.parent === undefined) strike(life, id);
    else life.behind.add(id);
    return failure.parent === undefined;
  }

  private empty({ symptoms, behind }: Life): void {
    for (const id of [...symptoms, ...behind]) delete this.context.failureOf(id)?.incident;
    symptoms.clear();
    behind.clear();
  }

  private turned(life: Life, turn: Turn, atMs: number): void {
    if (life.quietAtMs === undefined && life.incident.state === 'recovering') {
      life.incident = { ...life.incident, state: 'open' };
    }
    this.stale.add(life);
    if (turn !== 'none') this.tell(life, turn, atMs);
  }

  private resolve(life: Life, atMs: number): void {
    this.empty(life);
    this.open.delete(life.incident.id);
    this.index = undefined;
    this.stale.delete(life);
    life.incident = { ...life.incident, state: 'resolved', resolvedAtMs: atMs, targetsDown: 0 };
    life.reopenUntilMs = atMs + this.context.outlook.timing.reopenMs * (1 + life.relapses);
    this.closed.push(life);
    this.context.emit({ atMs, kind: 'incident-resolved', incident: life.incident, ...this.placeOf(life) });
  }

  /** Brings an incident up to date, and announces the change if it is one worth an announcement. */
  private tell(life: Life, what: 'scope' | 'severity' | Turn, atMs: number): void {
    const before = life.incident.severity;
    this.describe(life, atMs);
    const isWorse = life.incident.severity !== before;
    if (what === 'severity' && !isWorse) return;
    const isCritical = life.incident.severity === 'critical';
    if (life.updates >= (isCritical ? MOST_UPDATES : MOST_UPDATES - 1)) return;
    const { acknowledgement } = life.incident;
    const isTaken =
      acknowledgement !== undefined &&
      (acknowledgement.expiresAtMs === undefined || acknowledgement.expiresAtMs > atMs);
    if (isTaken && (acknowledgement.sticky || !isWorse)) return;
    life.updates++;
    this.announce(life, 'incident-updated', atMs);
  }

  private announce(life: Life, kind: 'incident-opened' | 'incident-updated', atMs: number): void {
    this.describe(life, atMs);
    this.context.emit({ atMs, kind, incident: life.incident, ...this.placeOf(life) });
  }

  private placeOf({ struck }: Life): ReturnType<typeof placeOf> {
    return placeOf(struck, this.context.outlook.estate);
  }

  private describe(life: Life, atMs: number): void {
    const { outlook, methodState } = this.context;
    const { symptoms, behind, scopes, kinds } = life;
    this.stale.delete(life);
    const stores = this.storesOf(life);
    const weight = weigh(stores, outlook, methodState, atMs);
    const down = symptoms.size + behind.size;
    const reason = this.commonReason(symptoms) ?? life.incident.reason;
    const size = Math.max(life.size, down);
    const told = { scopes, kinds, down, size, stores: stores.size, behind: behind.size };
    const { methodsLost: _methodsLost, ...rest } = life.incident;
    life.incident = {
      ...rest,
      scope: scopes,
      title: down === 0 ? rest.title : titleOf(told, outlook.estate),
      severity: worseOf(rest.severity, weight.severity),
      targetsDown: down,
      targetsInScope: size,
      storesAffected: stores.size,
      reason,
      confidence: Math.round(life.confidence * 1_000) / 1_000,
      evidence: evidenceOf(told, reason, weight.methodsLost),
      ...(weight.methodsLost.length === 0 ? {} : { methodsLost: weight.methodsLost }),
    };
  }

  private storesOf({ symptoms, behind }: Life): ReadonlySet<StoreId> {
    const { outlook, storesServedBy } = this.context;
    return storesOf([...symptoms, ...behind], outlook.estate, storesServedBy);
  }

  private commonReason(ids: Iterable<TargetId>): AnyReason | undefined {
    const counts = new Map<AnyReason, number>();
    for (const id of ids) {
      const reason = this.context.failureOf(id)?.reason;
      if (reason !== undefined) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    }
    let common: AnyReason | undefined;
    for (const [reason, count] of counts) {
      const best = common === undefined ? 0 : (counts.get(common) ?? 0);
      if (count > best || (count === best && common !== undefined && reason < common)) common = reason;
    }
    return common;
  }
}
