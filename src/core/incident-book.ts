import { childrenOf } from '../estate/dependencies.ts';
import type { Target } from '../estate/estate.ts';
import type { IncidentId, StoreId, TargetId } from '../estate/ids.ts';
import { type Cause, isSameScope, type Verdict } from './causes.ts';
import { methodsOf } from './describe-life.ts';
import type { Incident, IncidentAcknowledged, IncidentChanged } from './events.ts';
import {
  beginLife,
  downIn,
  emerge,
  hide,
  isAlone,
  isHushed,
  isOfScope,
  isTail,
  type Life,
  placeOf,
  quietMs,
  reopen,
  restore,
  reviveLife,
  type SavedLife,
  saveLife,
  strike,
  type Turn,
} from './incident-life.ts';
import type { BookContext } from './book-context.ts';
import { holderOf, isNear, partsOf } from './kin.ts';
import { LifeViews } from './life-views.ts';
import { compareAges, LivesByScope } from './lives-by-scope.ts';
import { PastLives } from './past-lives.ts';
import { Timetable } from './timetable.ts';

/** So soon after it was told of, that an incident becomes worse is told only when it becomes critical. Unit: ms. */
const SPREAD_MS = 60_000;
/** Beside opening and end, so many updates of an incident are told. The last is kept for its becoming critical. */
const MOST_UPDATES = 2;

/** What an incident may cost: where, and which ways to pay. */
export interface Reach {
  readonly stores: ReadonlySet<StoreId>;
  /** Names of payment methods. */
  readonly methods: readonly string[];
}

export interface SavedBook {
  readonly open: readonly SavedLife[];
  readonly closed: readonly SavedLife[];
}

/** The incidents that are open, and those that may open again: their scopes, their lives, and what is told of them. */
export class IncidentBook {
  private context: BookContext;
  private readonly open = new Map<IncidentId, Life>();
  private readonly past = new PastLives();
  private readonly index = new LivesByScope();
  /** When to look whether an incident is over. */
  private readonly dues = new Timetable<IncidentId>();
  private readonly views: LifeViews;
  /** What this moment means for lives, to be told at its end. */
  private readonly turns = new Map<Life, Turn>();

  constructor(context: BookContext) {
    this.context = context;
    this.views = new LifeViews(context);
  }

  /** What holds under another configuration. */
  setContext(context: BookContext): void {
    this.context = context;
    this.views.setContext(context);
  }

  save(): SavedBook {
    return {
      open: Array.from(this.open.values(), saveLife),
      closed: Array.from(this.past.all(), saveLife),
    };
  }

  restore({ open, closed }: SavedBook): void {
    for (const saved of open) this.enter(reviveLife(saved));
    for (const saved of closed) this.past.add(reviveLife(saved));
  }

  lifeOfId(id: IncidentId | undefined): Life | undefined {
    return id === undefined ? undefined : this.open.get(id);
  }

  /** When to look next whether an incident is over. Epoch ms. */
  get dueMs(): number | undefined {
    return this.dues.first()?.atMs;
  }

  /** As they stand at `atMs`, oldest first. */
  incidents(atMs: number): readonly Incident[] {
    return Array.from(this.open.values())
      .sort(compareAges)
      .map((life) => this.views.incidentOf(life, atMs));
  }

  /** Where an open incident is felt: stores with something of it down, and the ways to pay that hang on that. */
  reachOf(id: IncidentId): Reach | undefined {
    const life = this.open.get(id);
    if (life === undefined) return undefined;
    const methods = methodsOf(life, this.context.outlook).map(({ name }) => name);
    return { stores: this.views.storesOf(life), methods };
  }

  /** The open incident that a target which fails now belongs to by its scope. */
  lifeOf(target: Target): Life | undefined {
    return this.index.find(target);
  }

  /** `id` fails and belongs to `life`. */
  join(life: Life, id: TargetId, atMs: number): void {
    this.put(life, id, atMs);
    this.sink(life, [id], atMs);
  }

  /** `id`, part of an incident until now, is well again or gone. */
  restored(incident: IncidentId, id: TargetId, atMs: number): void {
    const life = this.open.get(incident);
    if (life === undefined) return;
    this.views.changed(life);
    this.turned(life, restore(life, id, atMs, this.context.outlook.timing));
  }

  /** `id` is down because `parent` is: it is told of with the parent's incident, if there is one. */
  putBehind(parent: TargetId, id: TargetId, atMs: number): void {
    const above = this.context.failureOf(parent)?.incident;
    const life = above === undefined ? undefined : this.open.get(above);
    if (life === undefined) return;
    this.put(life, id, atMs);
    this.sink(life, [id], atMs);
  }

  /** `target` is down though what it hung on is back. Whether it stays in its incident; otherwise it leaves it. */
  surface(incident: IncidentId, target: Target, atMs: number): boolean {
    const life = this.open.get(incident);
    const stays = life !== undefined && isOfScope(life, target);
    if (stays) emerge(life, target.id);
    else this.restored(incident, target.id, atMs);
    return stays;
  }

  /** Tells what a moment meant for the lives that it changed, now that all of the moment is in. */
  tellTurns(atMs: number): void {
    for (const life of Array.from(this.turns.keys()).sort(compareAges)) {
      const isRecovering = life.incident.state === 'recovering';
      if (this.turns.get(life) === 'recovering') {
        if (!isRecovering || downIn(life) === 0) continue;
        life.isRecoveryTold = true;
      }
      this.tell(life, 'turn', atMs);
    }
    this.turns.clear();
  }

  /** Past incidents that cannot open again any more. */
  forget(atMs: number): void {
    this.past.forget(atMs);
  }

  /** What is down in incidents about one target alone that began at about `onsetMs`: they may be parts of something. */
  aloneNear(onsetMs: number): readonly TargetId[] {
    const near = this.open.values().filter((life) => isAlone(life) && isNear(life, onsetMs));
    return near.flatMap(({ symptoms }) => symptoms).toArray();
  }

  /** Makes `cause` part of an incident, open or lately resolved, or opens one. */
  assign(cause: Cause, atMs: number): void {
    const onsetMs = this.onsetOf(cause.failing, atMs);
    const grown = this.widened(cause, onsetMs, atMs);
    if (grown !== undefined) {
      this.fill(grown.life, cause, atMs);
      if (grown.isNewScope) this.tell(grown.life, 'scope', atMs);
      return;
    }
    const past = this.past.take(cause, atMs);
    if (past !== undefined) reopen(past);
    const life = past ?? beginLife(cause, onsetMs, (id) => this.open.has(id) || this.past.has(id));
    this.enter(life);
    this.fill(life, cause, atMs);
    this.announce(life, 'incident-opened', atMs);
  }

  /** Since when the first of `ids` fails. */
  onsetOf(ids: Iterable<TargetId>, atMs: number): number {
    let onsetMs = Number.POSITIVE_INFINITY;
    for (const id of ids) onsetMs = Math.min(onsetMs, this.context.failureOf(id)?.sinceMs ?? onsetMs);
    return Number.isFinite(onsetMs) ? onsetMs : atMs;
  }

  /**
   * The incident that is due has been quiet for long enough: it is resolved, or its scope is narrower by now. The
   * result is a small rest of failures that are something of their own from here on.
   */
  conclude(verdictOf: (id: TargetId) => Verdict, atMs: number): readonly TargetId[] {
    const id = this.dues.first()?.key;
    const life = id === undefined ? undefined : this.open.get(id);
    if (life === undefined) return [];
    this.setQuiet(life, undefined);
    this.handOver(life, atMs);
    if (life.symptoms.size === 0 && life.behind.size > 0) {
      this.setQuiet(life, atMs + quietMs(life, this.context.outlook.timing));
      return [];
    }
    const causes = life.symptoms.size === 0 ? [] : this.context.finder.find(life.symptoms, verdictOf);
    const isStillSame = causes.some(({ scopes }) => isSameScope(scopes, life.scopes));
    if (causes.length === 0 || (life.isLingering && isTail(life) && !isStillSame)) {
      const rest = Array.from(life.symptoms);
      this.resolve(life, atMs);
      return rest;
    }
    if (isTail(life) && !life.isLingering) {
      life.isLingering = true;
      this.setQuiet(life, atMs + this.context.outlook.timing.quietLongestMs);
    }
    const [cause, ...others] = causes;
    if (cause === undefined || others.length > 0 || isStillSame) return [];
    this.rescope(life, cause.scopes);
    life.confidence = cause.confidence;
    this.tell(life, 'scope', atMs);
    return [];
  }

  /** Ways to pay changed: incidents may have become worse. */
  reweigh(atMs: number): void {
    for (const life of Array.from(this.open.values()).sort(compareAges)) {
      if (life.updates >= MOST_UPDATES || life.incident.severity === 'critical') continue;
      if (this.views.isWorse(life, atMs)) this.tell(life, 'severity', atMs);
    }
  }

  /** We could not see until now: nothing is over before it has been quiet for long enough from here on. */
  postpone(atMs: number): void {
    for (const life of this.open.values()) {
      if (life.quietAtMs === undefined) continue;
      this.setQuiet(life, Math.max(life.quietAtMs, atMs + quietMs(life, this.context.outlook.timing)));
    }
  }

  acknowledge({ incident, acknowledgement, isWithdrawn }: IncidentAcknowledged): void {
    const life = this.open.get(incident.id);
    if (life === undefined) return;
    const { acknowledgement: _before, ...rest } = life.incident;
    this.views.changed(life);
    life.incident = isWithdrawn ? rest : { ...rest, acknowledgement };
  }

  /** The open incident that `cause` is more of: its scope becomes the cause's, and others in that go into it. */
  private widened(
    cause: Cause,
    onsetMs: number,
    atMs: number,
  ): { readonly life: Life; readonly isNewScope: boolean } | undefined {
    const { outlook, finder } = this.context;
    const { estate } = outlook;
    const holder = this.index.same(cause.scopes) ?? holderOf(cause, onsetMs, this.index, estate);
    if (holder !== undefined) {
      this.takeOn(holder, holder.scopes, cause);
      return { life: holder, isNewScope: false };
    }
    const [oldest, ...others] = partsOf(cause, onsetMs, this.index, { estate, finder });
    if (oldest === undefined) return undefined;
    for (const other of others) this.merge(other, oldest, atMs);
    this.takeOn(oldest, cause.scopes, cause);
    return { life: oldest, isNewScope: true };
  }

  private takeOn(life: Life, scopes: Life['scopes'], { kinds, confidence }: Cause): void {
    this.rescope(life, scopes);
    life.kinds = life.kinds.union(kinds);
    life.confidence = Math.min(life.confidence, confidence);
  }

  private rescope(life: Life, scopes: Life['scopes']): void {
    this.index.remove(life);
    life.scopes = scopes;
    this.index.add(life);
  }

  private merge(from: Life, into: Life, atMs: number): void {
    const members = [...from.symptoms, ...from.behind];
    this.empty(from);
    for (const id of members) this.put(into, id, atMs);
    from.incident = { ...from.incident, mergedInto: into.incident.id };
    this.resolve(from, atMs);
  }

  /** What is left of an incident that is nearly over, and part of another by what it is, goes there. */
  private handOver(life: Life, atMs: number): void {
    if (isAlone(life)) return;
    const { targets } = this.context.outlook.estate;
    for (const id of Array.from(life.symptoms)) {
      const target = targets.get(id);
      const other =
        target && this.index.near(target).find((each) => each !== life && isOfScope(each, target));
      if (other === undefined) continue;
      life.symptoms.delete(id);
      this.views.changed(life);
      this.put(other, id, atMs);
    }
  }

  private enter(life: Life): void {
    this.open.set(life.incident.id, life);
    this.index.add(life);
    this.setQuiet(life, life.quietAtMs);
  }

  private setQuiet(life: Life, quietAtMs: number | undefined): void {
    life.quietAtMs = quietAtMs;
    this.dues.set(life.incident.id, quietAtMs);
  }

  private fill(life: Life, { failing }: Cause, atMs: number): void {
    for (const id of failing) this.put(life, id, atMs);
    this.sink(life, failing, atMs);
  }

  /** `id` is part of `life`: as a symptom, or as what is down because of one. With it what is down because of it. */
  private put(life: Life, id: TargetId, atMs: number): void {
    const failure = this.context.failureOf(id);
    if (failure === undefined) return;
    failure.incident = life.incident.id;
    this.views.grown(life, id);
    if (failure.parent !== undefined) {
      hide(life, id);
      return;
    }
    this.turned(life, strike(life, id, atMs, this.context.outlook.timing));
    for (const child of this.context.behind(id)) {
      const own = this.context.failureOf(child);
      if (own === undefined || own.incident !== undefined) continue;
      own.incident = life.incident.id;
      hide(life, child);
      this.views.grown(life, child);
    }
  }

  /** Symptoms of `life` that hang on `parents`, which were confirmed down after them, are so because of those. */
  private sink(life: Life, parents: readonly TargetId[], atMs: number): void {
    const { estate } = this.context.outlook;
    for (const parent of parents) {
      for (const id of childrenOf(estate).get(parent) ?? []) {
        const target = life.symptoms.has(id) ? estate.targets.get(id) : undefined;
        if (target === undefined || !this.context.hang(target)) continue;
        life.symptoms.delete(id);
        this.put(life, id, atMs);
        this.sink(life, [id], atMs);
      }
    }
  }

  private empty({ symptoms, behind }: Life): void {
    for (const id of [...symptoms, ...behind]) delete this.context.failureOf(id)?.incident;
    symptoms.clear();
    behind.clear();
  }

  private turned(life: Life, turn: Turn): void {
    if (life.quietAtMs === undefined && life.incident.state === 'recovering') {
      life.incident = { ...life.incident, state: 'open' };
    }
    this.dues.set(life.incident.id, life.quietAtMs);
    if (turn !== 'none') this.turns.set(life, turn);
  }

  private resolve(life: Life, atMs: number): void {
    this.empty(life);
    this.open.delete(life.incident.id);
    this.index.remove(life);
    this.setQuiet(life, undefined);
    this.views.changed(life);
    this.turns.delete(life);
    const { title } = life.widest;
    life.incident = { ...life.incident, title, state: 'resolved', resolvedAtMs: atMs, targetsDown: 0 };
    life.reopenUntilMs = atMs + this.context.outlook.timing.reopenMs * (1 + life.relapses);
    if (life.incident.mergedInto === undefined) this.past.add(life);
    this.emit(life, 'incident-resolved', atMs);
  }

  /** Brings an incident up to date, and announces the change if it is one worth an announcement. */
  private tell(life: Life, what: 'scope' | 'severity' | 'turn', atMs: number): void {
    if (life.updates >= MOST_UPDATES || this.context.isBlind()) return;
    const before = life.incident.severity;
    this.describe(life, atMs);
    const isWorse = life.incident.severity !== before;
    const isCritical = life.incident.severity === 'critical';
    const isSpreading = !isCritical && atMs - life.announcedAtMs < SPREAD_MS;
    if (what === 'severity' && (!isWorse || isSpreading)) return;
    if (life.updates >= (isCritical ? MOST_UPDATES : MOST_UPDATES - 1)) return;
    if (isHushed(life, isWorse, atMs)) return;
    life.updates++;
    this.announce(life, 'incident-updated', atMs);
  }

  private announce(life: Life, kind: 'incident-opened' | 'incident-updated', atMs: number): void {
    this.describe(life, atMs);
    this.turns.delete(life);
    life.announcedAtMs = atMs;
    this.emit(life, kind, atMs);
  }

  private emit({ incident, struck }: Life, kind: IncidentChanged['kind'], atMs: number): void {
    this.context.emit({ atMs, kind, incident, ...placeOf(struck, this.context.outlook.estate) });
  }

  private describe(life: Life, atMs: number): void {
    life.incident = this.views.describe(life, atMs);
    const { targetsDown, title } = life.incident;
    if (targetsDown >= life.widest.targetsDown) life.widest = { targetsDown, title };
  }
}
