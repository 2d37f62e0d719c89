import { deadParentOf } from '../estate/dependencies.ts';
import type { Target } from '../estate/estate.ts';
import type { StoreId, TargetId } from '../estate/ids.ts';
import { CauseFinder, verdictsOf } from './causes.ts';
import type { EventDraft, EvidenceGathered, Incident, MethodState, TargetStateChanged } from './events.ts';
import type { State } from './health.ts';
import { type BookContext, type Failure, IncidentBook, type SavedBook } from './incident-book.ts';
import { isAlone } from './incident-life.ts';
import type { Outlook } from './outlook.ts';
import { type MethodStatus, PaymentMethods, type SavedMethods } from './payment-methods.ts';
import { type HoldRule, Quiet, type QuietState } from './quiet.ts';
import type { AnyReason } from './reason.ts';

/** Why nothing, or what, was announced of a target. */
export interface Held {
  readonly rule:
    | HoldRule['rule']
    | 'not-down'
    | 'monitor-blind'
    | 'behind-parent'
    | 'parent-back'
    | 'settling'
    | 'part-of-incident'
    | 'announced';
  /** One sentence. */
  readonly why: string;
}

/** A failure with what keeps it from being announced. */
interface HeldFailure extends Failure {
  held?: HoldRule;
  /** What it hangs on is back: until then it has time to come back, too. Epoch ms. */
  graceUntilMs?: number;
}

interface Status {
  readonly state: State;
  readonly reason?: AnyReason;
}

/** All of it in JSON. */
export interface SavedOutages {
  readonly nowMs: number;
  readonly statuses: readonly (readonly [TargetId, State, AnyReason | null])[];
  readonly failures: readonly (readonly [TargetId, HeldFailure])[];
  readonly pending: readonly TargetId[];
  readonly settleAtMs: number | null;
  readonly methodsAtMs: number | null;
  readonly isBlind: boolean;
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
/** How long a child has to come back after its parent did: it is checked again within a minute. Unit: ms. */
const PARENT_GRACE_MS = 90_000;
/** How long changes of payment methods are gathered. Unit: ms. */
const METHODS_MS = 250;

/**
 * The fold of outages: confirmed changes and human acts in, incidents and payment methods out. Deterministic: the same
 * inputs in the same order give the same events, in whatever batches and however late they come. Time is that of the
 * inputs and of `advanceTo`, epoch ms, and must not go backward. `save` and `revive` carry it over a restart.
 */
export class Outages {
  private outlook: Outlook;
  private finder: CauseFinder;
  private methods: PaymentMethods;
  /** Maintenances and silences as folded so far. To be read only. */
  readonly quiet: Quiet;
  private readonly book: IncidentBook;
  private nowMs = 0;
  private readonly statuses = new Map<TargetId, Status>();
  private readonly failures = new Map<TargetId, HeldFailure>();
  /** What is down behind each target that is down. */
  private readonly behind = new Map<TargetId, Set<TargetId>>();
  /** Failures that wait for what they share to be found. */
  private readonly pending = new Set<TargetId>();
  private settleAtMs: number | undefined;
  private methodsAtMs: number | undefined;
  private isBlind = false;
  private holdsAtMs: number | undefined;
  private areHoldsStale = false;
  private out: EventDraft[] = [];

  constructor(outlook: Outlook) {
    this.outlook = outlook;
    this.finder = new CauseFinder(outlook.estate);
    this.methods = new PaymentMethods(outlook, (id) => this.statuses.get(id));
    this.quiet = new Quiet(outlook.estate);
    this.book = new IncidentBook(this.bookContext());
  }

  /** Continues where `saved` was, under `outlook`. */
  static revive(saved: SavedOutages, outlook: Outlook): Outages {
    const fold = new Outages(outlook);
    fold.nowMs = saved.nowMs;
    for (const [id, state, reason] of saved.statuses) {
      fold.statuses.set(id, reason === null ? { state } : { state, reason });
    }
    for (const [id, failure] of saved.failures) {
      fold.failures.set(id, { ...failure });
      if (failure.parent !== undefined) fold.noteParent(failure.parent, id);
    }
    for (const id of saved.pending) fold.pending.add(id);
    fold.settleAtMs = saved.settleAtMs ?? undefined;
    fold.methodsAtMs = saved.methodsAtMs ?? undefined;
    fold.isBlind = saved.isBlind;
    fold.book.restore(saved.book);
    fold.quiet.restore(saved.quiet);
    fold.methods.restore(saved.methods);
    fold.areHoldsStale = true;
    return fold;
  }

  save(): SavedOutages {
    return {
      nowMs: this.nowMs,
      statuses: Array.from(this.statuses, ([id, { state, reason }]) => [id, state, reason ?? null] as const),
      failures: Array.from(this.failures),
      pending: Array.from(this.pending),
      settleAtMs: this.settleAtMs ?? null,
      methodsAtMs: this.methodsAtMs ?? null,
      isBlind: this.isBlind,
      book: this.book.save(),
      quiet: this.quiet.save(),
      methods: this.methods.save(),
    };
  }

  /** What the configuration says from now on. */
  setOutlook(outlook: Outlook): void {
    const methods = this.methods.save();
    this.outlook = outlook;
    this.finder = new CauseFinder(outlook.estate);
    this.methods = new PaymentMethods(outlook, (id) => this.statuses.get(id));
    this.methods.restore(methods);
    this.methodsAtMs ??= this.nowMs + METHODS_MS;
    this.quiet.setEstate(outlook.estate);
    this.book.context = this.bookContext();
    this.areHoldsStale = true;
  }

  /** Time until which everything has been done. Epoch ms, UTC. */
  get atMs(): number {
    return this.nowMs;
  }

  /** Open incidents as they stand now, oldest first. */
  incidents(): readonly Incident[] {
    return this.book.incidents(this.nowMs);
  }

  /** A payment method's state in a store as of now; `unknown` when it is not watched there. */
  methodState(store: StoreId, method: string): MethodState {
    return this.methods.of(store).get(method)?.state ?? 'unknown';
  }

  /** How customers can pay in `store` as judged now. The same object until something changes. */
  methodsOf(store: StoreId): ReadonlyMap<string, MethodStatus> {
    return this.methods.of(store);
  }

  /** When time, or evidence, next changes something; undefined: not before the next input. Epoch ms. */
  get nextDueMs(): number | undefined {
    const dues = [this.methodsAtMs, this.holdsDueMs()];
    if (!this.isBlind) {
      dues.push(this.settleAtMs);
      for (const { quietAtMs } of this.book.lives()) dues.push(quietAtMs);
    }
    const known = dues.filter((due) => due !== undefined);
    return known.length === 0 ? undefined : Math.min(...known);
  }

  /** Since when probes count for a decision of scope that is due at `nowMs`; undefined while none is. Epoch ms. */
  evidenceWantedSince(nowMs: number): number | undefined {
    if (this.settleAtMs === undefined || nowMs < this.settleAtMs || this.isBlind) return undefined;
    return this.book.onsetOf(this.pending, nowMs);
  }

  /** What follows from `input`, and before it from the time until then. */
  apply(input: EventDraft): readonly EventDraft[] {
    this.pass(input.atMs);
    this.nowMs = Math.max(this.nowMs, input.atMs);
    this.fold(input);
    return this.take();
  }

  /** What follows from time alone, up to and without `nowMs`. */
  advanceTo(nowMs: number): readonly EventDraft[] {
    this.pass(nowMs);
    this.nowMs = Math.max(this.nowMs, nowMs);
    return this.take();
  }

  /** Why nothing is announced of `id` itself, or as what it was. */
  whyHeld(id: TargetId): Held {
    const failure = this.failures.get(id);
    if (this.isBlind)
      return { rule: 'monitor-blind', why: 'The monitor itself cannot see: nothing is said of any target.' };
    if (failure === undefined) return { rule: 'not-down', why: 'It is not confirmed down.' };
    const { held, parent, incident, graceUntilMs } = failure;
    if (parent !== undefined) return { rule: 'behind-parent', why: `It hangs on ${parent}, which is down.` };
    const life = incident === undefined ? undefined : this.book.lifeOfId(incident);
    if (life !== undefined) {
      const { title } = life.incident;
      return isAlone(life)
        ? { rule: 'announced', why: `It was announced as incident ${incident}: ${title}.` }
        : { rule: 'part-of-incident', why: `It is part of incident ${incident}: ${title}.` };
    }
    if (held !== undefined) return { rule: held.rule, why: held.why };
    if (graceUntilMs !== undefined)
      return { rule: 'parent-back', why: 'What it hangs on has just come back: it is checked again first.' };
    return { rule: 'settling', why: 'It has just failed: whether others share it is looked at first.' };
  }

  private bookContext(): BookContext {
    return {
      outlook: this.outlook,
      finder: this.finder,
      failureOf: (id) => this.failures.get(id),
      methodState: (store, method) => this.methods.of(store).get(method)?.state,
      storesServedBy: (id) => this.methods.storesServedBy(id),
      emit: (draft) => this.out.push(draft),
    };
  }

  private take(): readonly EventDraft[] {
    const { out } = this;
    this.out = [];
    return out;
  }

  private fold(input: EventDraft): void {
    switch (input.kind) {
      case 'target-state-changed':
        this.change(input, this.nowMs);
        return;
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
        this.reviewHolds(this.nowMs);
        return;
      case 'incident-acknowledged':
        this.book.acknowledge(input);
        return;
      case 'evidence-gathered':
        if (this.evidenceWantedSince(this.nowMs) !== undefined) this.decide(this.nowMs, input);
        return;
      default:
        return;
    }
  }

  /** Does what has become due before `nowMs`, in order of time. */
  private pass(nowMs: number): void {
    for (let due = this.earliestDue(nowMs); due !== undefined; due = this.earliestDue(nowMs)) {
      this.nowMs = Math.max(this.nowMs, due.atMs);
      due.run(this.nowMs);
    }
  }

  private earliestDue(beforeMs: number): Due | undefined {
    let earliest: Due | undefined;
    const consider = (atMs: number | undefined, run: Due['run']): void => {
      if (atMs === undefined || atMs >= (earliest?.atMs ?? beforeMs)) return;
      earliest = { atMs, run };
    };
    consider(this.methodsAtMs, (atMs) => this.settleMethods(atMs));
    consider(this.holdsDueMs(), (atMs) => this.reviewHolds(atMs));
    if (this.isBlind) return earliest;
    const undecidedMs = this.settleAtMs === undefined ? undefined : this.settleAtMs + EVIDENCE_GRACE_MS;
    consider(undecidedMs, (atMs) => this.decide(atMs, undefined));
    for (const life of this.book.lives()) {
      consider(life.quietAtMs, (atMs) => {
        for (const id of this.book.conclude(
          life,
          verdictsOf(undefined, this.outlook.estate, this.statuses),
          atMs,
        ))
          this.await(id, atMs);
      });
    }
    return earliest;
  }

  private change({ target: id, to, reason, sinceMs }: TargetStateChanged, atMs: number): void {
    this.statuses.set(id, reason === undefined ? { state: to } : { state: to, reason });
    this.methods.touch(id);
    this.methodsAtMs ??= atMs + METHODS_MS;
    if (to !== 'down') this.recover(id, atMs);
    else if (!this.failures.has(id)) this.fail(id, { sinceMs, reason: reason ?? 'stale' }, atMs);
  }

  private fail(id: TargetId, failure: HeldFailure, atMs: number): void {
    this.failures.set(id, failure);
    this.raise(id, failure, atMs);
  }

  private recover(id: TargetId, atMs: number): void {
    const failure = this.failures.get(id);
    if (failure === undefined) return;
    this.failures.delete(id);
    this.pending.delete(id);
    if (this.pending.size === 0) this.settleAtMs = undefined;
    if (failure.held !== undefined || failure.graceUntilMs !== undefined) this.areHoldsStale = true;
    if (failure.incident !== undefined) this.book.restored(failure.incident, id, atMs);
    for (const childId of this.behind.get(id) ?? []) {
      const child = this.failures.get(childId);
      if (child?.parent !== id) continue;
      if (child.incident !== undefined) this.book.takeFromBehind(child.incident, childId);
      delete child.parent;
      delete child.incident;
      child.graceUntilMs = atMs + PARENT_GRACE_MS;
      this.areHoldsStale = true;
    }
    this.behind.delete(id);
  }

  /** Makes a failure part of an open incident, or lets it wait for what it shares with others; unless it is held. */
  private raise(id: TargetId, failure: HeldFailure, atMs: number): void {
    const target = this.outlook.estate.targets.get(id);
    if (target === undefined || this.isHeld(target, failure, atMs)) return;
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

  /** Whether something keeps a failure from raising anything; it is written down with the failure. */
  private isHeld(target: Target, failure: HeldFailure, atMs: number): boolean {
    const flexible = this.quiet.startsFlexible(target, atMs);
    if (flexible !== undefined) {
      const started: EventDraft = { atMs, kind: 'maintenance-started', maintenance: flexible };
      this.quiet.apply(started);
      this.out.push(started);
    }
    const rule = this.quiet.ruleFor(target, atMs);
    if (rule === undefined) delete failure.held;
    else failure.held = rule;
    if (rule !== undefined) this.areHoldsStale = true;
    if (rule !== undefined || failure.graceUntilMs !== undefined) return true;
    const parent = deadParentOf(
      this.outlook.estate,
      target,
      (id) => this.statuses.get(id)?.state ?? 'unknown',
    );
    if (parent === undefined) return false;
    failure.parent = parent;
    this.noteParent(parent, target.id);
    this.book.putBehind(parent, target.id);
    return true;
  }

  private noteParent(parent: TargetId, child: TargetId): void {
    const children = this.behind.get(parent);
    if (children === undefined) this.behind.set(parent, new Set([child]));
    else children.add(child);
  }

  private holdsDueMs(): number | undefined {
    if (!this.areHoldsStale) return this.holdsAtMs;
    this.areHoldsStale = false;
    const held: Target[] = [];
    let dueMs = Number.POSITIVE_INFINITY;
    for (const [id, { held: rule, graceUntilMs }] of this.failures) {
      const target = this.outlook.estate.targets.get(id);
      if (rule !== undefined && target !== undefined) held.push(target);
      if (graceUntilMs !== undefined) dueMs = Math.min(dueMs, graceUntilMs);
    }
    const changeMs = held.length === 0 ? undefined : this.quiet.nextChangeMs(held, this.nowMs);
    dueMs = Math.min(dueMs, changeMs ?? Number.POSITIVE_INFINITY);
    this.holdsAtMs = Number.isFinite(dueMs) ? dueMs : undefined;
    return this.holdsAtMs;
  }

  /** Looks at each held failure anew: what nothing holds any more is raised. */
  private reviewHolds(atMs: number): void {
    this.areHoldsStale = true;
    for (const [id, failure] of this.failures) {
      if (failure.held === undefined && failure.graceUntilMs === undefined) continue;
      if (failure.graceUntilMs !== undefined && failure.graceUntilMs <= atMs) delete failure.graceUntilMs;
      this.raise(id, failure, atMs);
    }
  }

  private settleMethods(atMs: number): void {
    this.methodsAtMs = undefined;
    const changed = new Set<StoreId>();
    for (const change of this.methods.settle(atMs)) {
      this.out.push({ ...change, atMs });
      changed.add(change.store);
    }
    if (changed.size > 0) this.book.reweigh(changed, atMs);
  }

  /** Finds what the pending failures share, and whose they are. */
  private decide(atMs: number, evidence: EvidenceGathered | undefined): void {
    this.settleAtMs = undefined;
    this.settleMethods(atMs);
    for (const id of Array.from(this.pending)) {
      const failure = this.failures.get(id);
      const target = this.outlook.estate.targets.get(id);
      if (failure === undefined || target === undefined || this.isHeld(target, failure, atMs))
        this.pending.delete(id);
    }
    if (this.pending.size === 0) return;
    const failing = new Set(this.pending);
    for (const [id, { parent, incident }] of this.failures) {
      if (parent !== undefined && incident === undefined) failing.add(id);
    }
    for (const cause of this.finder.find(failing, verdictsOf(evidence, this.outlook.estate, this.statuses))) {
      const roots = cause.failing.filter((id) => this.pending.has(id));
      if (roots.length > 0) this.book.assign(cause, roots, atMs);
    }
    this.pending.clear();
  }
}
