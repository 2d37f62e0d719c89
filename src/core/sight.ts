import type { Canary } from '../estate/estate.ts';
import { formatDuration } from '../lib/duration.ts';
import { unreachable } from '../lib/unreachable.ts';
import { REASON_TEXT, SELF_REASONS, type SelfReason } from './reason.ts';

/** So many canaries count, the first ones. */
export const MAX_CANARIES = 1_024;
/** A canary fails, and while we are blind is back, only after so many outcomes in a row: one lost packet blinds nobody. */
const STEADY_AFTER = 2;
/** Bytes a canary: 1 double, 2 words. */
const CANARY_BYTES = 16;

/** What canaries last told, on shared memory: the thread that probes one writes its row, any thread reads it. */
export class CanaryReadings {
  /** What another thread needs to make the same readings. */
  readonly memory: SharedArrayBuffer;
  private readonly answeredMs: Float64Array;
  private readonly answered: Uint32Array;
  private readonly failed: Uint32Array;

  constructor(memory = new SharedArrayBuffer(MAX_CANARIES * CANARY_BYTES)) {
    this.memory = memory;
    this.answeredMs = new Float64Array(memory, 0, MAX_CANARIES);
    this.answered = new Uint32Array(memory, MAX_CANARIES * 8, MAX_CANARIES);
    this.failed = new Uint32Array(memory, MAX_CANARIES * 12, MAX_CANARIES);
  }

  /** `index`: the canary's place in the estate's list. `atMs`: monotonic. */
  tell(index: number, hasAnswered: boolean, atMs: number): void {
    if (hasAnswered) this.answeredMs[index] = atMs;
    this.answered[index] = hasAnswered ? (this.answered[index] ?? 0) + 1 : 0;
    this.failed[index] = hasAnswered ? 0 : (this.failed[index] ?? 0) + 1;
  }

  /** Forgets all: the list of canaries is another. */
  reset(): void {
    this.answeredMs.fill(0);
    this.answered.fill(0);
    this.failed.fill(0);
  }

  /** Whether they fail, steadily, so that the fault must be ours; `wasBlind`: as many are not steadily back. */
  isBlinding(canaries: readonly Canary[], wasBlind: boolean): boolean {
    const { answered, failed } = this;
    return isQuorum(canaries, (index) =>
      wasBlind ? (answered[index] ?? 0) < STEADY_AFTER : (failed[index] ?? 0) >= STEADY_AFTER,
    );
  }

  /**
   * Whether our own path was whole at some time since `sinceMs` (monotonic): those that have not answered since are
   * too few to blind us. Always without canaries.
   */
  hasSeenSince(canaries: readonly Canary[], sinceMs: number): boolean {
    return !isQuorum(canaries, (index) => (this.answeredMs[index] ?? 0) < sinceMs);
  }
}

/** Half of the canaries, rounded up, of more than one kind where there is more than one. Never without canaries. */
export function isQuorum(canaries: readonly Canary[], isOne: (index: number) => boolean): boolean {
  const some = canaries.filter((_, index) => isOne(index));
  const kindsOf = (list: readonly Canary[]): number => new Set(list.map(({ kind }) => kind)).size;
  if (some.length === 0 || some.length < Math.ceil(canaries.length / 2)) return false;
  return kindsOf(some) >= Math.min(2, kindsOf(canaries));
}

/** Outcomes of the last ten seconds count, by the second. */
const WINDOW_S = 10;
/** So many probes must have told nothing before their share means anything. */
const FEWEST = 3;
const BLIND_ABOVE_RATIO = 0.5;
const STILL_BLIND_ABOVE_RATIO = 0.25;

interface Second {
  readonly second: number;
  total: number;
  readonly ours: Map<SelfReason, number>;
}

/** How large a share of the latest probes told nothing, and for which fault of our own. */
export class OwnFaults {
  private seconds: Second[] = [];

  /** `count` probes ended; `reason`: they told nothing for this. `nowMs`: monotonic, never less than before. */
  count(reason: SelfReason | undefined, count: number, nowMs: number): void {
    const second = Math.floor(nowMs / 1_000);
    let last = this.seconds.at(-1);
    if (last?.second !== second) {
      last = { second, total: 0, ours: new Map() };
      this.seconds.push(last);
      this.forget(second);
    }
    last.total += count;
    if (reason !== undefined) last.ours.set(reason, (last.ours.get(reason) ?? 0) + count);
  }

  /**
   * The fault that keeps more than half of the probes from telling anything; `present`, the one we are blind for,
   * until it is down to a quarter.
   */
  causeAt(nowMs: number, present: SelfReason | undefined): SelfReason | undefined {
    this.forget(Math.floor(nowMs / 1_000));
    const total = this.seconds.reduce((sum, one) => sum + one.total, 0);
    const countOf = (reason: SelfReason) =>
      this.seconds.reduce((sum, { ours }) => sum + (ours.get(reason) ?? 0), 0);
    return SELF_REASONS.find((reason) => {
      const count = countOf(reason);
      return reason === present
        ? count > total * STILL_BLIND_ABOVE_RATIO
        : count >= FEWEST && count > total * BLIND_ABOVE_RATIO;
    });
  }

  private forget(second: number): void {
    while ((this.seconds[0]?.second ?? second) <= second - WINDOW_S) this.seconds.shift();
  }
}

/** Whether we can see. `sinceMs`: when sight went, epoch ms, UTC. */
export type Sight =
  | { readonly kind: 'clear' }
  | { readonly kind: 'blind'; readonly reason: SelfReason; readonly sinceMs: number }
  /** Our path is whole again; what is not yet probed anew is still unknown. `backAtMs`: monotonic. */
  | {
      readonly kind: 'returning';
      readonly reason: SelfReason;
      readonly sinceMs: number;
      readonly backAtMs: number;
    };

/** What is told of our sight. `sinceMs`: when it went, epoch ms, UTC. */
export interface SightNotice {
  readonly isBlind: boolean;
  readonly reason: SelfReason;
  readonly message: string;
  readonly sinceMs: number;
}

/** What a step of `Sight` depends on. */
export interface SightInput {
  /** What blinds us now; undefined: nothing. */
  readonly cause: SelfReason | undefined;
  /** What shows it, one clause. */
  readonly evidence: string;
  /** Whether every target has been probed since our path was whole again, and when to wait no longer for that. */
  readonly isAllRechecked: boolean;
  readonly recheckWithinMs: number;
  readonly nowMs: number;
  readonly monotonicMs: number;
}

/** The next sight, and what to tell. From blind to clear it is told once; going blind again on the way is not told. */
export function stepSight(sight: Sight, input: SightInput): readonly [Sight, SightNotice?] {
  const { cause, nowMs, monotonicMs } = input;
  switch (sight.kind) {
    case 'clear': {
      if (cause === undefined) return [sight];
      const what = REASON_TEXT[cause];
      const message = `${what[0]?.toUpperCase()}${what.slice(1)}: ${input.evidence}. No target is judged until it can see again.`;
      const blind = { reason: cause, sinceMs: nowMs };
      return [
        { kind: 'blind', ...blind },
        { isBlind: true, ...blind, message },
      ];
    }
    case 'blind':
      return cause === undefined ? [{ ...sight, kind: 'returning', backAtMs: monotonicMs }] : [sight];
    case 'returning': {
      const { reason, sinceMs, backAtMs } = sight;
      if (cause !== undefined) return [{ kind: 'blind', reason, sinceMs }];
      const isOverdue = monotonicMs - backAtMs >= input.recheckWithinMs;
      if (!input.isAllRechecked && !isOverdue) return [sight];
      const lasted = formatDuration(Math.max(0, nowMs - sinceMs));
      const message = `The monitor can see again, after ${lasted}; the targets have been checked anew.`;
      return [{ kind: 'clear' }, { isBlind: false, reason, sinceMs, message }];
    }
    default:
      return unreachable(sight);
  }
}
