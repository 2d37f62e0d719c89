import { deadParentOf } from '../estate/dependencies.ts';
import type { Target } from '../estate/estate.ts';
import type { TargetId } from '../estate/ids.ts';
import type { EventDraft } from './events.ts';
import type { State } from './health.ts';
import type { Failure } from './book-context.ts';
import type { Outlook } from './outlook.ts';
import type { HoldRule, Quiet } from './quiet.ts';
import { Timetable } from './timetable.ts';

/** A failure with what keeps it from being announced. */
export interface HeldFailure extends Failure {
  held?: HoldRule;
  /** What it hangs on is back: until then it has time to come back, too. Epoch ms. */
  graceUntilMs?: number;
}

/** What the holds take from the fold that owns them. */
export interface HoldContext {
  readonly outlook: Outlook;
  readonly quiet: Quiet;
  readonly stateOf: (id: TargetId) => State;
  /** To be journalled: a flexible maintenance has begun. */
  readonly emit: (draft: EventDraft) => void;
}

/** How long a child has to come back after its parent did: it is checked again within a minute. Unit: ms. */
const PARENT_GRACE_MS = 90_000;

/** What keeps failures from being announced: quiet periods, a parent that is down, a parent that has just come back. */
export class Holds {
  /** Replaced with each configuration. */
  context: HoldContext;
  /** What is down behind each target that is down. */
  private readonly behind = new Map<TargetId, Set<TargetId>>();
  private readonly held = new Set<TargetId>();
  private readonly dues = new Timetable<TargetId>();

  constructor(context: HoldContext) {
    this.context = context;
  }

  restore(failures: Iterable<readonly [TargetId, HeldFailure]>): void {
    for (const [id, failure] of failures) {
      if (failure.parent !== undefined) this.noteParent(failure.parent, id);
      this.note(id, failure);
    }
  }

  /** When a hold next ends by itself. Epoch ms. */
  get dueMs(): number | undefined {
    return this.dues.first()?.atMs;
  }

  /** Failures to look at anew: those whose hold has ended by `atMs` or, when holds were changed, all that are held. */
  due(atMs: number, areChanged: boolean): readonly TargetId[] {
    const due = this.dues.takeUntil(atMs);
    return areChanged ? Array.from(this.held).sort() : due;
  }

  /** Whether something keeps a failure from raising anything; it is written down with the failure. */
  hold(target: Target, failure: HeldFailure, atMs: number): boolean {
    const { quiet } = this.context;
    const flexible = quiet.startsFlexible(target, atMs);
    if (flexible !== undefined) {
      const started: EventDraft = { atMs, kind: 'maintenance-started', maintenance: flexible };
      quiet.apply(started);
      this.context.emit(started);
    }
    const rule = quiet.ruleFor(target, atMs);
    if (rule === undefined) delete failure.held;
    else failure.held = rule;
    if (failure.graceUntilMs !== undefined && failure.graceUntilMs <= atMs) delete failure.graceUntilMs;
    this.note(target.id, failure);
    return rule !== undefined || failure.graceUntilMs !== undefined || this.hang(target, failure);
  }

  /** Whether a failure is down because something that it hangs on is; it is written down with the failure. */
  hang(target: Target, failure: HeldFailure): boolean {
    const { outlook, stateOf } = this.context;
    const parent = deadParentOf(outlook.estate, target, stateOf);
    if (parent === undefined) return false;
    failure.parent = parent;
    this.noteParent(parent, target.id);
    return true;
  }

  /** What is down because `parent` is, and what once was. In the order of their ids. */
  behindOf(parent: TargetId): readonly TargetId[] {
    return Array.from(this.behind.get(parent) ?? []).sort();
  }

  /** A target is not down any more. */
  drop(id: TargetId): void {
    this.held.delete(id);
    this.dues.set(id, undefined);
  }

  /** What was down behind `parent`, which is back: each has time to come back, too. In the order of their ids. */
  release(
    parent: TargetId,
    failureOf: (id: TargetId) => HeldFailure | undefined,
    atMs: number,
  ): readonly (readonly [TargetId, HeldFailure])[] {
    const freed: (readonly [TargetId, HeldFailure])[] = [];
    for (const id of this.behindOf(parent)) {
      const child = failureOf(id);
      if (child?.parent !== parent) continue;
      delete child.parent;
      child.graceUntilMs = atMs + PARENT_GRACE_MS;
      this.note(id, child);
      freed.push([id, child]);
    }
    this.behind.delete(parent);
    return freed;
  }

  private note(id: TargetId, { held, graceUntilMs }: HeldFailure): void {
    if (held === undefined && graceUntilMs === undefined) {
      this.drop(id);
      return;
    }
    this.held.add(id);
    this.dues.set(id, held === undefined ? graceUntilMs : held.untilMs);
  }

  private noteParent(parent: TargetId, child: TargetId): void {
    const children = this.behind.get(parent);
    if (children === undefined) this.behind.set(parent, new Set([child]));
    else children.add(child);
  }
}
