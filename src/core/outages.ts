import type { IncidentId, StoreId, TargetId } from '../estate/ids.ts';
import { CauseFinder } from './causes.ts';
import type { EventDraft, EvidenceGathered, Incident } from './events.ts';
import { type HeldFailure, type HoldContext, Holds } from './holds.ts';
import type { BookContext } from './book-context.ts';
import { IncidentBook, type Reach, type SavedBook } from './incident-book.ts';
import { beginMoment, type Moment, reviveMoment, type SavedMoment, saveMoment } from './moment.ts';
import type { Outlook } from './outlook.ts';
import { type MethodStatus, PaymentMethods, type SavedMethods } from './payment-methods.ts';
import { Quiet, type QuietState } from './quiet.ts';
import { type SavedStatuses, Statuses } from './statuses.ts';
import { explainHold, type Held } from './why-held.ts';

/** All of it in JSON. */
export interface SavedOutages {
  readonly nowMs: number;
  readonly statuses: SavedStatuses;
  readonly failures: readonly (readonly [TargetId, HeldFailure])[];
  readonly pending: readonly TargetId[];
  readonly settleAtMs: number | null;
  readonly methodsAtMs: number | null;
  readonly weighAtMs: number | null;
  readonly isBlind: boolean;
  readonly moment: SavedMoment | null;
  readonly book: SavedBook;
  readonly quiet: QuietState;
  readonly methods: SavedMethods;
}

interface Due {
  readonly atMs: number;
  readonly run: (atMs: number) => void;
}

/** Failures settle together when there are as many. */
const TOGETHER = 3;
/** How long a decision that is due waits for evidence. Unit: ms. */
const EVIDENCE_GRACE_MS = 2_000;
/** How long changes of payment methods are gathered. Unit: ms. */
const METHODS_MS = 250;
/** How long after ways to pay changed incidents are weighed anew. Unit: ms. */
const WEIGH_MS = 1_000;

/**
 * The fold of outages: confirmed changes and human acts in, incidents and payment methods out. Deterministic: the same
 * inputs give the same events, in whatever batches and however late they come, and those of one moment in whatever
 * order. What follows from a moment's inputs is told once time has passed it. Time is that of the inputs and of
 * `advanceTo`, epoch ms, and must not go backward. `save` and `revive` carry it over a restart.
 */
export class Outages {
  private outlook: Outlook;
  private finder: CauseFinder;
  private methods: PaymentMethods;
  /** Maintenances and silences as folded so far. To be read only. */
  readonly quiet: Quiet;
  private readonly book: IncidentBook;
  private readonly holds: Holds;
  private nowMs = 0;
  private readonly statuses: Statuses;
  private readonly failures = new Map<TargetId, HeldFailure>();
  /** Failures that wait for what they share to be found. */
  private readonly pending = new Set<TargetId>();
  private settleAtMs: number | undefined;
  private methodsAtMs: number | undefined;
  private weighAtMs: number | undefined;
  private isBlind = false;
  private moment: Moment | undefined;
  private readonly out: EventDraft[] = [];

  constructor(outlook: Outlook) {
    this.outlook = outlook;
    this.statuses = new Statuses(outlook.estate);
    this.finder = new CauseFinder(outlook.estate);
    this.methods = new PaymentMethods(outlook, (id) => this.statuses.get(id));
    this.quiet = new Quiet(outlook.estate);
    this.holds = new Holds(this.holdContext());
    this.book = new IncidentBook(this.bookContext());
  }

  /** Continues where `saved` was, under `outlook`. */
  static revive(saved: SavedOutages, outlook: Outlook): Outages {
    const fold = new Outages(outlook);
    fold.nowMs = saved.nowMs;
    fold.statuses.restore(saved.statuses);
    for (const [id, failure] of saved.failures) fold.failures.set(id, { ...failure });
    fold.holds.restore(fold.failures);
    for (const id of saved.pending) fold.pending.add(id);
    fold.settleAtMs = saved.settleAtMs ?? undefined;
    fold.methodsAtMs = saved.methodsAtMs ?? undefined;
    fold.weighAtMs = saved.weighAtMs ?? undefined;
    fold.isBlind = saved.isBlind;
    fold.moment = saved.moment === null ? undefined : reviveMoment(saved.moment);
    fold.book.restore(saved.book);
    fold.quiet.restore(saved.quiet);
    fold.methods.restore(saved.methods);
    return fold;
  }

  save(): SavedOutages {
    return {
      nowMs: this.nowMs,
      statuses: this.statuses.save(),
      failures: Array.from(this.failures, ([id, failure]) => [id, { ...failure }] as const),
      pending: Array.from(this.pending),
      settleAtMs: this.settleAtMs ?? null,
      methodsAtMs: this.methodsAtMs ?? null,
      weighAtMs: this.weighAtMs ?? null,
      isBlind: this.isBlind,
      moment: this.moment === undefined ? null : saveMoment(this.moment),
      book: this.book.save(),
      quiet: this.quiet.save(),
      methods: this.methods.save(),
    };
  }

  /** What the configuration says from now on. */
  setOutlook(outlook: Outlook): void {
    const methods = this.methods.save();
    this.outlook = outlook;
    this.statuses.setEstate(outlook.estate);
    this.finder = new CauseFinder(outlook.estate);
    this.methods = new PaymentMethods(outlook, (id) => this.statuses.get(id));
    this.methods.restore(methods);
    this.methodsAtMs ??= this.nowMs + METHODS_MS;
    this.quiet.setEstate(outlook.estate);
    this.book.setContext(this.bookContext());
    this.holds.context = this.holdContext();
  }

  /** Time until which everything has been done. Epoch ms, UTC. */
  get atMs(): number {
    return this.nowMs;
  }

  /** Open incidents as they stand now, oldest first. */
  incidents(): readonly Incident[] {
    return this.book.incidents(this.nowMs);
  }

  /** Where an open incident is felt now; undefined: it is not open. */
  reachOf(id: IncidentId): Reach | undefined {
    return this.book.reachOf(id);
  }

  /** How customers can pay in `store` as judged now. The same object until something changes. */
  methodsOf(store: StoreId): ReadonlyMap<string, MethodStatus> {
    return this.methods.of(store);
  }

  /** When time, or evidence, next changes something; undefined: not before the next input. Epoch ms. */
  get nextDueMs(): number | undefined {
    const dues = [this.moment?.atMs, this.methodsAtMs, this.weighAtMs, this.holds.dueMs];
    if (!this.isBlind) dues.push(this.settleAtMs, this.book.dueMs);
    return dues.filter((due) => due !== undefined).sort((a, b) => a - b)[0];
  }

  /** Since when probes count for a decision of scope that is due at `nowMs`; undefined while none is. Epoch ms. */
  evidenceWantedSince(nowMs: number): number | undefined {
    if (this.isBlind || this.moment?.evidence !== undefined) return undefined;
    if (this.settleAtMs === undefined || nowMs < this.settleAtMs) return undefined;
    return this.book.onsetOf(this.pending, nowMs);
  }

  /** Takes `input` in. The result is what followed from earlier ones, and from the time until then. */
  apply(input: EventDraft): readonly EventDraft[] {
    this.pass(input.atMs);
    this.fold(input);
    return this.out.splice(0);
  }

  /** What follows from time alone, up to and without `nowMs`. */
  advanceTo(nowMs: number): readonly EventDraft[] {
    this.pass(nowMs);
    return this.out.splice(0);
  }

  /** Why nothing is announced of `id` itself, or as what it was. */
  whyHeld(id: TargetId): Held {
    const failure = this.failures.get(id);
    const life = this.book.lifeOfId(failure?.incident);
    const isDown = failure !== undefined || this.statuses.stateOf(id) === 'down';
    return explainHold({ isBlind: this.isBlind, isDown, failure, life });
  }

  private bookContext(): BookContext {
    return {
      outlook: this.outlook,
      finder: this.finder,
      failureOf: (id) => this.failures.get(id),
      hang: (target) => {
        const failure = this.failures.get(target.id);
        return failure !== undefined && this.holds.hang(target, failure);
      },
      behind: (id) => this.holds.behindOf(id).filter((each) => this.failures.get(each)?.parent === id),
      methodState: (store, method) => this.methods.of(store).get(method)?.state,
      storesServedBy: (id) => this.methods.storesServedBy(id),
      isBlind: () => this.isBlind,
      emit: (draft) => this.out.push(draft),
    };
  }

  private holdContext(): HoldContext {
    return {
      outlook: this.outlook,
      quiet: this.quiet,
      stateOf: (id) => this.statuses.stateOf(id),
      emit: (draft) => this.out.push(draft),
    };
  }

  private fold(input: EventDraft): void {
    switch (input.kind) {
      case 'target-state-changed': {
        const { target: id, to, reason, sinceMs } = input;
        this.statuses.set(id, to, reason);
        this.methods.touch(id);
        this.methodsAtMs ??= this.nowMs + METHODS_MS;
        this.now().turned.set(id, { sinceMs, reason: reason ?? 'stale' });
        return;
      }
      case 'monitor-blinded':
        this.isBlind = true;
        return;
      case 'monitor-recovered':
        this.isBlind = false;
        if (this.settleAtMs !== undefined) this.settleAtMs = this.nowMs + this.outlook.timing.settleAloneMs;
        this.book.postpone(this.nowMs);
        return;
      case 'maintenance-planned':
      case 'maintenance-started':
      case 'maintenance-ended':
      case 'silence-started':
      case 'silence-ended':
        this.quiet.apply(input);
        this.now().areHoldsChanged = true;
        return;
      case 'incident-acknowledged':
        this.book.acknowledge(input);
        return;
      case 'evidence-gathered':
        if (this.evidenceWantedSince(this.nowMs) !== undefined) this.now().evidence = input;
        return;
      case 'config-reloaded':
        this.forgetGone();
        return;
      default:
        return;
    }
  }

  private now(): Moment {
    this.moment ??= beginMoment(this.nowMs);
    return this.moment;
  }

  /** Targets that the estate has no more are down no more. */
  private forgetGone(): void {
    for (const id of this.statuses.ids()) {
      if (this.outlook.estate.targets.has(id)) continue;
      this.statuses.delete(id);
      this.now().turned.set(id, { sinceMs: this.nowMs, reason: 'stale' });
    }
    this.now().areHoldsChanged = true;
  }

  /** Does what has become due before `nowMs`, in order of time. */
  private pass(nowMs: number): void {
    for (let due = this.earliestDue(nowMs); due !== undefined; due = this.earliestDue(nowMs)) {
      this.nowMs = Math.max(this.nowMs, due.atMs);
      due.run(this.nowMs);
      this.book.tellTurns(this.nowMs);
    }
    this.nowMs = Math.max(this.nowMs, nowMs);
  }

  private earliestDue(beforeMs: number): Due | undefined {
    let earliest: Due | undefined;
    const consider = (atMs: number | undefined, run: Due['run']): void => {
      if (atMs === undefined || atMs >= (earliest?.atMs ?? beforeMs)) return;
      earliest = { atMs, run };
    };
    const { moment } = this;
    if (moment !== undefined) consider(moment.atMs, (atMs) => this.endMoment(moment, atMs));
    consider(this.methodsAtMs, (atMs) => this.settleMethods(atMs));
    consider(this.weighAtMs, (atMs) => {
      this.weighAtMs = undefined;
      this.book.reweigh(atMs);
    });
    consider(this.holds.dueMs, (atMs) => this.reviewHolds(atMs, false));
    if (this.isBlind) return earliest;
    const { settleAtMs = Number.POSITIVE_INFINITY } = this;
    consider(settleAtMs + EVIDENCE_GRACE_MS, (atMs) => this.decide(atMs, undefined));
    consider(this.book.dueMs, (atMs) => {
      for (const id of this.book.conclude(this.statuses.verdicts(), atMs)) this.await(id, atMs);
    });
    return earliest;
  }

  private endMoment({ turned, areHoldsChanged, evidence }: Moment, atMs: number): void {
    this.moment = undefined;
    const failed: (readonly [TargetId, HeldFailure])[] = [];
    for (const [id, failure] of Array.from(turned).sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (this.statuses.stateOf(id) !== 'down') this.recover(id, atMs);
      else if (!this.failures.has(id)) failed.push([id, { ...failure }]);
    }
    for (const [id, failure] of failed) this.failures.set(id, failure);
    if (areHoldsChanged) this.reviewHolds(atMs, true);
    for (const [id, failure] of failed) this.raise(id, failure, atMs);
    this.book.tellTurns(atMs);
    if (evidence !== undefined && this.settleAtMs !== undefined && !this.isBlind) this.decide(atMs, evidence);
  }

  private recover(id: TargetId, atMs: number): void {
    const failure = this.failures.get(id);
    if (failure === undefined) return;
    // What cannot be seen is not well: an incident keeps it until it answers.
    const isUnseen = this.statuses.get(id)?.state === 'unknown';
    if (isUnseen && (failure.incident !== undefined || failure.parent !== undefined)) return;
    this.failures.delete(id);
    this.pending.delete(id);
    if (this.pending.size === 0) this.settleAtMs = undefined;
    this.holds.drop(id);
    if (failure.incident !== undefined) this.book.restored(failure.incident, id, atMs);
    this.holds.release(id, (each) => this.failures.get(each), atMs);
  }

  /** Makes a failure part of an open incident, or lets it wait for what it shares with others; unless it is held. */
  private raise(id: TargetId, failure: HeldFailure, atMs: number): void {
    const target = this.outlook.estate.targets.get(id);
    if (target === undefined || this.statuses.stateOf(id) !== 'down') {
      this.failures.delete(id);
      this.holds.drop(id);
      if (failure.incident !== undefined) this.book.restored(failure.incident, id, atMs);
      return;
    }
    if (failure.parent !== undefined || this.book.lifeOfId(failure.incident)?.symptoms.has(id)) return;
    if (this.holds.hold(target, failure, atMs)) {
      const { parent, incident } = failure;
      if (parent !== undefined && incident === undefined) this.book.putBehind(parent, id, atMs);
      return;
    }
    if (failure.incident !== undefined && this.book.surface(failure.incident, target, atMs)) return;
    delete failure.incident;
    const life = this.book.lifeOf(target);
    if (life === undefined) this.await(id, atMs);
    else this.book.join(life, id, atMs);
  }

  private await(id: TargetId, atMs: number): void {
    this.pending.add(id);
    const { settleMs, settleAloneMs } = this.outlook.timing;
    const dueMs = atMs + (this.pending.size >= TOGETHER ? settleMs : settleAloneMs);
    this.settleAtMs = Math.min(this.settleAtMs ?? dueMs, dueMs);
  }

  /** Looks anew at failures whose hold has ended, or at all that are held: what nothing holds any more is raised. */
  private reviewHolds(atMs: number, areChanged: boolean): void {
    for (const id of this.holds.due(atMs, areChanged)) {
      const failure = this.failures.get(id);
      if (failure !== undefined) this.raise(id, failure, atMs);
    }
  }

  private settleMethods(atMs: number): void {
    this.methodsAtMs = undefined;
    const changes = this.methods.settle(atMs);
    for (const change of changes) {
      this.out.push({ ...change, atMs });
      this.book.paymentsChanged(change.store);
    }
    if (changes.length > 0) this.weighAtMs ??= atMs + WEIGH_MS;
  }

  /** Finds what the pending failures share, and whose they are. */
  private decide(atMs: number, evidence: EvidenceGathered | undefined): void {
    this.settleAtMs = undefined;
    this.settleMethods(atMs);
    for (const id of Array.from(this.pending).sort()) {
      const failure = this.failures.get(id);
      const target = this.outlook.estate.targets.get(id);
      if (failure !== undefined && target !== undefined && this.statuses.stateOf(id) === 'down') {
        if (!this.holds.hold(target, failure, atMs)) continue;
      } else this.failures.delete(id);
      this.pending.delete(id);
      if (failure?.parent !== undefined) this.book.putBehind(failure.parent, id, atMs);
    }
    if (this.pending.size === 0) return;
    const verdicts = this.statuses.verdicts(evidence);
    const fresh = new Set(this.pending);
    this.pending.clear();
    this.book.forget(atMs);
    const together = fresh.union(new Set(this.book.aloneNear(this.book.onsetOf(fresh, atMs))));
    for (const cause of this.finder.find(together, verdicts)) {
      if (cause.failing.some((id) => fresh.has(id))) this.book.assign(cause, atMs);
    }
  }
}
