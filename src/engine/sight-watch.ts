import type { TargetColumns } from '../core/columns.ts';
import type { AnyReason, SelfReason } from '../core/reason.ts';
import { SELF_REASONS } from '../core/reason.ts';
import {
  type CanaryReadings,
  MAX_CANARIES,
  OwnFaults,
  type Sight,
  type SightNotice,
  stepSight,
} from '../core/sight.ts';
import type { Canary } from '../estate/estate.ts';
import { type Clock, repeat } from '../lib/clock.ts';

/** How often it is looked at whether we see, and how often canaries are probed while that is in doubt. Unit: ms. */
const LOOK_EVERY_MS = 100;
const ASK_EVERY_MS = 1_000;

interface SightOwner {
  /** Probe the canaries at once. */
  askCanaries(): void;
  sightChanged(notice: SightNotice): void;
}

/**
 * Whether we ourselves can see, judged on the main thread: from the canaries, and from how many probes tell nothing
 * for a fault of our own. Hides the columns while we are blind, until each target has been probed anew.
 */
export class SightWatch implements Disposable {
  private readonly columns: TargetColumns;
  private readonly readings: CanaryReadings;
  private readonly clock: Clock;
  private readonly owner: SightOwner;
  private readonly timer: Disposable;
  private readonly faults = new OwnFaults();
  private sight: Sight;
  private canaries: readonly Canary[] = [];
  /** Undefined: nothing is watched yet, so nothing can be judged. */
  private recheckWithinMs: number | undefined;
  /** The newest moment since which canaries should have answered. Monotonic ms; 0: none. */
  private doubtedAtMs = 0;
  private askedAtMs = Number.NEGATIVE_INFINITY;
  /** Rows below are known to have been probed since we see again. */
  private checkedSlots = 0;

  /** `before`: as it was when we stopped. */
  constructor(
    columns: TargetColumns,
    readings: CanaryReadings,
    clock: Clock,
    before: { readonly reason: SelfReason; readonly sinceMs: number } | undefined,
    owner: SightOwner,
  ) {
    this.columns = columns;
    this.readings = readings;
    this.clock = clock;
    this.owner = owner;
    this.sight = before === undefined ? { kind: 'clear' } : { kind: 'blind', ...before };
    if (before !== undefined) columns.goBlind(before.reason);
    this.timer = repeat(clock, LOOK_EVERY_MS, () => this.look());
  }

  get isBlind(): boolean {
    return this.sight.kind === 'blind';
  }

  /** `longestMs`: within what every target is probed anew, its time-out included. */
  watch(canaries: readonly Canary[], longestMs: number): void {
    const counting = canaries.slice(0, MAX_CANARIES);
    const keyOf = (list: readonly Canary[]) => JSON.stringify(list.map(({ target, kind }) => [target, kind]));
    if (keyOf(counting) !== keyOf(this.canaries)) this.readings.reset();
    this.canaries = counting;
    this.recheckWithinMs = longestMs;
    this.checkedSlots = 0;
  }

  /** Probes ended. `isOverruled`: they saw failures that do not count, which is no fault by itself. */
  counted(reason: AnyReason | undefined, count: number, isOverruled: boolean): void {
    const own = isOverruled ? undefined : SELF_REASONS.find((known) => known === reason);
    this.faults.count(own, count, this.clock.monotonicMs());
  }

  /** Something began to fail: it is to be known soon whether our own path is whole. */
  doubt(): void {
    this.doubtedAtMs = this.clock.monotonicMs();
    this.askInDoubt(this.doubtedAtMs);
  }

  [Symbol.dispose](): void {
    this.timer[Symbol.dispose]();
  }

  private look(): void {
    const { recheckWithinMs } = this;
    if (recheckWithinMs === undefined) return;
    const monotonicMs = this.clock.monotonicMs();
    const { cause, evidence } = this.causeAt(monotonicMs);
    const isAllRechecked = this.sight.kind === 'returning' && this.areAllRechecked();
    const nowMs = this.clock.nowMs();
    const input = { cause, evidence, isAllRechecked, recheckWithinMs, nowMs, monotonicMs };
    const [next, notice] = stepSight(this.sight, input);
    const wasKind = this.sight.kind;
    this.sight = next;
    if (next.kind !== wasKind && next.kind === 'blind') this.columns.goBlind(next.reason);
    if (next.kind !== wasKind && next.kind === 'returning') {
      this.checkedSlots = 0;
      this.columns.seeAgain(next.backAtMs);
    }
    if (notice !== undefined) this.owner.sightChanged(notice);
    this.askInDoubt(monotonicMs);
  }

  private causeAt(nowMs: number): { readonly cause: SelfReason | undefined; readonly evidence: string } {
    const wasBlind = this.sight.kind === 'blind';
    if (this.readings.isBlinding(this.canaries, wasBlind)) {
      const kinds = Array.from(new Set(this.canaries.map(({ kind }) => kind))).join(', ');
      const evidence = `at least half of the ${this.canaries.length} canaries (${kinds}) do not answer`;
      return { cause: 'self-network', evidence };
    }
    const present = this.sight.kind === 'blind' ? this.sight.reason : undefined;
    return {
      cause: this.faults.causeAt(nowMs, present),
      evidence: 'most probes of the last 10 s could not be judged',
    };
  }

  private askInDoubt(nowMs: number): void {
    if (this.canaries.length === 0 || nowMs - this.askedAtMs < ASK_EVERY_MS) return;
    const isInDoubt = this.isBlind || !this.readings.hasSeenSince(this.canaries, this.doubtedAtMs);
    if (!isInDoubt) return;
    this.askedAtMs = nowMs;
    this.owner.askCanaries();
  }

  private areAllRechecked(): boolean {
    const { columns } = this;
    for (; this.checkedSlots < columns.slotCount; this.checkedSlots++) {
      const isWatched = columns.targetAt(this.checkedSlots) !== undefined;
      if (isWatched && columns.isHiddenAt(this.checkedSlots)) return false;
    }
    return true;
  }
}
