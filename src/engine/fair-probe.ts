import { observe } from '../core/health.ts';
import type { ProbeReport } from '../core/outcome.ts';
import type { SelfReason } from '../core/reason.ts';
import type { Target } from '../estate/estate.ts';
import { formatDuration } from '../lib/duration.ts';
import type { Probe } from '../probes/probe.ts';
import type { Module } from '../settings/settings.ts';

/** A probe during which we stalled for more than this share of its time-out proves nobody slow. */
const FAIR_STALL_RATIO = 0.1;

/** The prober's report; undefined when the probe was called off. An error of its code is our own fault, as data. */
export async function runProbe(
  probe: Probe,
  target: Target,
  signal: AbortSignal,
): Promise<ProbeReport | undefined> {
  try {
    return await probe.run({ targetId: target.id, address: target.address }, signal);
  } catch (error) {
    if (signal.aborted && error === signal.reason && !isTimeout(error)) return undefined;
    const text = Error.isError(error) ? error.message : String(error);
    return inconclusive('self-internal', `The probe broke off with an error of the monitor's own: ${text}`);
  }
}

/**
 * The same report, unless it holds a time-out or slowness against the target while we ourselves were kept from
 * running for `stalledMs`: then it is inconclusive.
 */
export function unlessLate(
  report: ProbeReport,
  module: Module,
  isTimedOut: boolean,
  stalledMs: number,
): ProbeReport {
  if (stalledMs <= FAIR_STALL_RATIO * module.timeoutMs) return report;
  if (!isTimedOut && observe(report.outcome, module.policy).kind !== 'impaired') return report;
  const stalled = formatDuration(stalledMs);
  return inconclusive(
    'self-late',
    `The monitor itself was kept from running for ${stalled} during the probe.`,
  );
}

/** A report that says nothing of the target, and why. */
export function inconclusive(reason: SelfReason, message: string): ProbeReport {
  return { outcome: { kind: 'inconclusive', reason, message }, phases: [], samples: [], trail: [] };
}

/** Whether a signal aborted because a deadline came. */
export function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError';
}
