import type { Sample } from '../core/measurements.ts';
import type { Outcome, Phase, ProbeReport } from '../core/outcome.ts';
import type { Fault } from './fault.ts';

/** What a report has beside its outcome. */
export interface Report {
  readonly phases: readonly Phase[];
  readonly samples: readonly Sample[];
  readonly trail: readonly string[];
}

/** A probe's report of a fault. */
export function reportFault(fault: Fault, durationMs: number, report: Report): ProbeReport {
  const { phases, samples, trail } = report;
  return { outcome: outcomeOf(fault, durationMs), phases, samples, trail };
}

/** The outcome of a probe that ended in a fault. */
export function outcomeOf(fault: Fault, durationMs: number): Outcome {
  const { message } = fault;
  return fault.kind === 'failed'
    ? { kind: 'failed', reason: fault.reason, durationMs, message }
    : { kind: 'inconclusive', reason: fault.reason, message };
}
