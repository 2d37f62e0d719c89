import { childrenOf } from '../estate/dependencies.ts';
import type { Target } from '../estate/estate.ts';
import type { IncidentId, StoreId, TargetId } from '../estate/ids.ts';
import { type Cause, isSameScope } from './causes.ts';
import { methodsOf } from './describe-life.ts';
import type { Incident, IncidentAcknowledged } from './events.ts';
import {
  beginLife,
  downIn,
  emerge,
  hide,
  isAlone,
  isOfScope,
  isTail,
  type Life,
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
import { IncidentTeller } from './incident-teller.ts';
import { holderOf, partsOf } from './kin.ts';
import { LifeViews } from './life-views.ts';
import { compareAges, LivesByScope } from './lives-by-scope.ts';
import { PastLives } from './past-lives.ts';
import { Timetable } from './timetable.ts';
import type { Verdicts } from './statuses.ts';

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
  private readonly teller: IncidentTeller;

  constructor(context: BookContext) {
    this.context = context;
    this.views = new LifeViews(context);
    this.teller = new IncidentTeller(context, this.views);
  }

  /** What holds under another configuration. */
  setContext(context: BookContext): void {
    this.context = context;
    this.views.setContext(context, this.open.values());
    this.teller.setContext(context);
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
    this.teller.noteWidest(life, atMs);
    this.views.changed(life);
    this.turned(life, restore(life, id, atMs, this.context.outlook.timing));
  }

  /** `id` is down because `parent` is: it is told of with the parent's incident, if there is one. */
  putBehind(parent: TargetId, id: TargetId, atMs: number): void {
    const above = this.context.failureOf(parent)?.incident;
    const life = above === undefined ? undefined : this.open.get(above);
    if (life === undefined) return;
    this.join(life, id, atMs);
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
    this.teller.tellTurns(atMs);
  }

  /** Past incidents that cannot open again any more. */
  forget(atMs: number): void {
    this.past.forget(atMs);
  }

  /** What is down in incidents about one target alone that began at about `onsetMs`: they may be parts of something. */
  aloneNear(onsetMs: number): readonly TargetId[] {
    return this.index.aloneNear(onsetMs).flatMap(({ symptoms }) => Array.from(symptoms));
  }

  /** Makes `cause` part of an incident, open or lately resolved, or opens one. */
  assign(cause: Cause, atMs: number): void {
    const onsetMs = this.onsetOf(cause.failing, atMs);
    const grown = this.widened(cause, onsetMs, atMs);
    if (grown !== undefined) {
      this.fill(grown.life, cause, atMs);
      if (grown.isNewScope) this.teller.tell(grown.life, 'scope', atMs);
      return;
    }
    const past = this.past.take(cause, atMs);
    if (past !== undefined) reopen(past);
    const life = past ?? beginLife(cause, onsetMs, (id) => this.open.has(id) || this.past.has(id));
    this.enter(life);
    this.fill(life, cause, atMs);
    this.teller.announce(life, 'incident-opened', atMs);
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
  conclude(verdicts: Verdicts, atMs: number): readonly TargetId[] {
    const id = this.dues.first()?.key;
    const life = id === undefined ? undefined : this.open.get(id);
    if (life === undefined) return [];
    this.setQuiet(life, undefined);
    this.handOver(life, atMs);
    if (life.symptoms.size === 0 && life.behind.size > 0) {
      this.setQuiet(life, atMs + quietMs(life, this.context.outlook.timing));
      return [];
    }
    const causes = life.symptoms.size === 0 ? [] : this.context.finder.find(life.symptoms, verdicts);
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
    this.teller.tell(life, 'scope', atMs);
    return [];
  }

  /** Ways to pay changed in `store`. */
  paymentsChanged(store: StoreId): void {
    this.views.paymentsChanged(store);
  }

  /** Incidents may have become worse, for ways to pay changed. */
  reweigh(atMs: number): void {
    this.teller.tellWorse(atMs);
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
    const holder = this.index.same(cause.scopes) ?? holderOf(cause, onsetMs, this.index, outlook.estate);
    if (holder !== undefined) {
      this.takeOn(holder, holder.scopes, cause);
      return { life: holder, isNewScope: false };
    }
    const [oldest, ...others] = partsOf(cause, onsetMs, this.index, { estate: outlook.estate, finder });
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
      const other = target && this.index.findBeside(life, target);
      if (other === undefined) continue;
      life.symptoms.delete(id);
      this.views.changed(life);
      this.put(other, id, atMs);
    }
  }

  private enter(life: Life): void {
    this.open.set(life.incident.id, life);
    this.index.add(life);
    this.views.changed(life);
    this.setQuiet(life, life.quietAtMs);
  }

  private setQuiet(life: Life, quietAtMs: number | undefined): void {
    life.quietAtMs = quietAtMs;
    this.dues.set(life.incident.id, quietAtMs);
  }

  private fill(life: Life, { failing }: Cause, atMs: number): void {
    for (const id of failing) {
      this.leave(id, life, atMs);
      this.put(life, id, atMs);
    }
    this.sink(life, failing, atMs);
  }

  /** Takes `id` out of the incident that it was part of until `life` explained it better. */
  private leave(id: TargetId, life: Life, atMs: number): void {
    const from = this.lifeOfId(this.context.failureOf(id)?.incident);
    if (from === undefined || from === life) return;
    from.symptoms.delete(id);
    from.behind.delete(id);
    this.views.changed(from);
    if (downIn(from) > 0) return;
    from.incident = { ...from.incident, mergedInto: life.incident.id };
    this.resolve(from, atMs);
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
    if (turn !== 'none') this.teller.turned(life, turn);
  }

  private resolve(life: Life, atMs: number): void {
    this.empty(life);
    this.open.delete(life.incident.id);
    this.index.remove(life);
    this.setQuiet(life, undefined);
    this.views.forget(life);
    const { title } = life.widest;
    life.incident = { ...life.incident, title, state: 'resolved', resolvedAtMs: atMs, targetsDown: 0 };
    life.reopenUntilMs = atMs + this.context.outlook.timing.reopenMs * (1 + life.relapses);
    if (life.incident.mergedInto === undefined) this.past.add(life);
    this.teller.announceEnd(life, atMs);
  }
}
