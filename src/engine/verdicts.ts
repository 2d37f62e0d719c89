import type { HotColumns } from '../core/columns.ts';
import {
  advance,
  isSoft,
  type MutableHealth,
  type Observation,
  observe,
  type Transition,
  UNKNOWN_HEALTH,
} from '../core/health.ts';
import type { ProbeReport } from '../core/outcome.ts';
import { type AnyReason, SELF_REASONS, type SelfReason } from '../core/reason.ts';
import type { Clock } from '../lib/clock.ts';
import { formatDuration } from '../lib/duration.ts';
import { unreachable } from '../lib/unreachable.ts';
import type { Module } from '../settings/settings.ts';
import type { EngineListener } from './engine.ts';
import type { PathProof } from './path-proof.ts';

/** What a probe told, into health and columns; tells what changes by it. Allocates little: it is the hot path. */
export class Verdicts {
  private readonly columns: HotColumns;
  private readonly proof: PathProof;
  private readonly clock: Clock;
  private readonly listener: EngineListener;
  /** Of the row looked at last. */
  private readonly health: MutableHealth = { ...UNKNOWN_HEALTH };

  constructor(columns: HotColumns, proof: PathProof, clock: Clock, listener: EngineListener) {
    this.columns = columns;
    this.proof = proof;
    this.clock = clock;
    this.listener = listener;
  }

  /**
   * A probe that tells something ended; its outcome is not inconclusive. Whether nothing is on its way: false asks
   * for another look soon.
   */
  record(slot: number, module: Module, report: ProbeReport, durationMs: number): boolean {
    const columns = this.columns;
    const nowMs = this.clock.nowMs();
    const { outcome, samples } = report;
    const { sightedSinceMs } = columns;
    const isFirstAgain =
      sightedSinceMs !== Number.POSITIVE_INFINITY && (columns.lastRunMonotonicMs[slot] ?? 0) < sightedSinceMs;
    columns.success[slot] = outcome.kind === 'failed' ? 0 : 1;
    columns.durationMs[slot] = durationMs;
    columns.lastRunAtMs[slot] = nowMs;
    columns.lastRunMonotonicMs[slot] = this.clock.monotonicMs();
    const seen = observe(outcome, module.policy);
    this.noteReason(slot, 'reason' in seen ? seen.reason : undefined, outcome.message);
    if (module.detailedMetrics) this.listener.sampled(slot, samples);
    if (isFirstAgain) this.forgetUnconfirmed(slot);
    const wasDown = columns.confirmedAt(slot) === 'down';
    this.judge(slot, module, seen, outcome.message, nowMs);
    this.suspect(slot, seen, wasDown);
    return !isSoft(this.health, module.policy);
  }

  /** No probe has told anything of it for three intervals. */
  missed(slot: number, module: Module, reason: 'stale' | SelfReason, message: string): void {
    this.judge(slot, module, { kind: 'missed', reason }, message, this.clock.nowMs());
  }

  /** What was seen just before we were found to be blind says nothing. */
  private forgetUnconfirmed(slot: number): void {
    const { columns, health } = this;
    columns.readHealth(slot, health);
    columns.setHealth(slot, { ...health, failedStreak: 0, badStreak: 0, answeredStreak: 0, goodStreak: 0 });
    columns.changingSinceMs[slot] = 0;
    this.proof.forget(slot);
  }

  /** What began to fail raises suspicion, once. */
  private suspect(slot: number, seen: Observation, wasDown: boolean): void {
    const { health } = this;
    if (seen.kind === 'failed' && health.state !== 'down') this.proof.noteFailing(slot);
    else this.proof.forget(slot);
    if (seen.kind !== 'failed' || wasDown || health.failedStreak !== 1 || health.flapping) return;
    this.listener.suspected(slot);
  }

  /** Why the last probe was not well; undefined: it was. */
  noteReason(slot: number, reason: AnyReason | undefined, message: string): void {
    if (this.columns.lastReasonAt(slot) === reason) return;
    this.columns.setLastReason(slot, reason);
    this.listener.reasonChanged(slot, message);
  }

  private judge(slot: number, module: Module, seen: Observation, message: string, nowMs: number): void {
    const { columns, health } = this;
    columns.readHealth(slot, health);
    const transition = advance(health, seen, module.policy);
    columns.setHealth(slot, health);
    const changingSinceMs = columns.changingSinceMs[slot] ?? 0;
    if (transition !== undefined) {
      const sinceMs = changingSinceMs || nowMs;
      columns.sinceMs[slot] = sinceMs;
      columns.changingSinceMs[slot] = 0;
      const text = describeChange(transition, message, module, columns.durationMs[slot] ?? 0);
      this.listener.changed({ slot, transition, message: text, atMs: nowMs, sinceMs });
    } else if (health.state === 'unknown' || !isSoft(health, module.policy)) {
      columns.changingSinceMs[slot] = 0;
    } else if (changingSinceMs === 0) {
      columns.changingSinceMs[slot] = nowMs;
    }
  }
}

/** Why nothing is known of a target any more, going by the reason of its last probe. */
export function selfReason(last: AnyReason | undefined): 'stale' | SelfReason {
  return SELF_REASONS.find((reason) => reason === last) ?? 'stale';
}

/** A confirmed change in one or two sentences. `message`: the probe's. `durationMs`: how long it took. */
function describeChange(transition: Transition, message: string, module: Module, durationMs: number): string {
  const unstable = transition.flapping ? 'Unstable, it answers and fails by turns. ' : '';
  switch (transition.to) {
    case 'down':
    case 'unknown':
    case 'up':
      return `${unstable}${message}`;
    case 'degraded': {
      const { slowAfterMs } = module.policy;
      const isSlow = transition.reason === 'slow' && slowAfterMs !== undefined && durationMs > slowAfterMs;
      if (!isSlow) return `${unstable}${message}`;
      return `${unstable}It answers after ${formatDuration(durationMs)}, later than ${formatDuration(slowAfterMs)}.`;
    }
    default:
      return unreachable(transition.to);
  }
}
