import type { HotColumns } from '../core/columns.ts';
import { advance, type MutableHealth, observe, UNKNOWN_HEALTH } from '../core/health.ts';
import type { Outcome, ProbeReport } from '../core/outcome.ts';
import { REASON_TEXT } from '../core/reason.ts';
import { type CanaryReadings, MAX_CANARIES } from '../core/sight.ts';
import type { Canary, Target } from '../estate/estate.ts';
import type { Clock } from '../lib/clock.ts';
import type { Module } from '../settings/settings.ts';
import { inconclusive } from './fair-probe.ts';

/**
 * Keeps what may be a fault of our own path from being held against a target. No failure counts that began while we
 * were blind; and none makes a target `down` unless canaries have answered since it began to fail, so that an uplink
 * that is gone and not yet noticed calls nothing down either.
 */
export class PathProof {
  private readonly columns: HotColumns;
  private readonly readings: CanaryReadings;
  private readonly clock: Clock;
  /** When targets that fail and are not called down began to. Monotonic ms. */
  private readonly failingSinceMs = new Map<number, number>();
  private readonly canaryAt = new Map<number, number>();
  private readonly scratch: MutableHealth = { ...UNKNOWN_HEALTH };
  private canaries: readonly Canary[] = [];

  constructor(columns: HotColumns, readings: CanaryReadings, clock: Clock) {
    this.columns = columns;
    this.readings = readings;
    this.clock = clock;
  }

  /** `canaries`: all of the estate's, in its order. `targets`: those whose outcomes come here, by row. */
  setCanaries(canaries: readonly Canary[], targets: readonly (Target | undefined)[]): void {
    this.canaries = canaries.slice(0, MAX_CANARIES);
    this.canaryAt.clear();
    if (canaries.length === 0) return;
    const indexOf = new Map(this.canaries.map(({ target }, index) => [target, index]));
    for (const [slot, target] of targets.entries()) {
      const index = target === undefined ? undefined : indexOf.get(target.id);
      if (index !== undefined) this.canaryAt.set(slot, index);
    }
  }

  /** To be asked before a probe starts: whether its failure may make the target `down`. */
  isPathProven(slot: number): boolean {
    if (this.canaries.length === 0) return true;
    const sinceMs = this.failingSinceMs.get(slot);
    if (sinceMs === undefined) return false;
    if (sinceMs >= this.columns.sightedSinceMs) return this.readings.hasSeenSince(this.canaries, sinceMs);
    // It failed before we went blind: that was ours, and what answers since then proves nothing of it.
    this.forget(slot);
    return false;
  }

  /**
   * The probe's report, or an inconclusive one when it holds against the target what may be our own fault.
   * `startMs`: when it started, monotonic; `isPathProven`: as was told then.
   */
  unlessBlind(
    slot: number,
    module: Module,
    report: ProbeReport,
    startMs: number,
    isPathProven: boolean,
  ): ProbeReport {
    this.readCanary(slot, report.outcome);
    const seen = observe(report.outcome, module.policy);
    if (seen.kind !== 'failed' && seen.kind !== 'impaired') return report;
    const { sightedSinceMs, blindReason } = this.columns;
    if (startMs < sightedSinceMs) {
      return inconclusive(blindReason, `Its failure does not count: ${REASON_TEXT[blindReason]}.`);
    }
    if (isPathProven || seen.kind !== 'failed') return report;
    this.columns.readHealth(slot, this.scratch);
    if (advance(this.scratch, seen, module.policy)?.to !== 'down') return report;
    this.noteFailing(slot);
    return inconclusive(
      'self-network',
      'It fails, and too few canaries have answered since it began to: our own network may be the cause.',
    );
  }

  /** The target fails and is not called down. */
  noteFailing(slot: number): void {
    if (this.canaries.length === 0 || this.failingSinceMs.has(slot)) return;
    this.failingSinceMs.set(slot, this.clock.monotonicMs());
  }

  /** The target answers, has been called down, or is gone. */
  forget(slot: number): void {
    this.failingSinceMs.delete(slot);
  }

  private readCanary(slot: number, outcome: Outcome): void {
    const index = this.canaryAt.get(slot);
    if (index === undefined) return;
    if (outcome.kind === 'inconclusive') {
      const isOfPath = outcome.reason === 'self-network' || outcome.reason === 'self-resolver';
      if (!isOfPath) return;
    }
    const hasAnswered = outcome.kind === 'answered' || outcome.kind === 'degraded';
    this.readings.tell(index, hasAnswered, this.clock.monotonicMs());
  }
}
