import { formatDuration } from '../../lib/duration.ts';

/** When to probe, as another monitor has it. Unit: ms. Undefined: it says nothing. */
export interface Timing {
  readonly intervalMs?: number | undefined;
  readonly timeoutMs?: number | undefined;
  readonly retryIntervalMs?: number | undefined;
  readonly slowAfterMs?: number | undefined;
  /** Bad probes in a row before it counts as down. */
  readonly failAfter?: number | undefined;
  readonly recoverAfter?: number | undefined;
}

const LONGEST_INTERVAL_MS = 86_400_000;
const DEFAULT_INTERVAL_MS = 30_000;
const DEFAULT_TIMEOUT_MS = 5_000;
const LONGEST_STREAK = 255;

/** The same within the bounds that modules have, as options of one; `notes` say what had to differ. */
export function fitTiming(wanted: Timing): {
  readonly config: Readonly<Record<string, unknown>>;
  readonly notes: readonly string[];
} {
  const notes: string[] = [];
  const fit = (what: string, value: number, least: number, most: number): number => {
    const fitted = Math.round(Math.min(most, Math.max(least, value)));
    if (fitted !== Math.round(value))
      notes.push(`${what} is ${formatDuration(fitted)}, not ${formatDuration(value)}`);
    return fitted;
  };
  const { timeoutMs: patience, failAfter, recoverAfter, retryIntervalMs: retry, slowAfterMs: slow } = wanted;
  const usual = patience === undefined ? DEFAULT_INTERVAL_MS : Math.max(DEFAULT_INTERVAL_MS, patience * 2);
  const intervalMs = fit('the interval', wanted.intervalMs ?? usual, 1_000, LONGEST_INTERVAL_MS);
  const mostMs = patience !== undefined && patience >= intervalMs ? intervalMs * 0.8 : intervalMs;
  const timeoutMs = patience === undefined ? undefined : fit('the timeout', patience, 1, mostMs);
  const longest = timeoutMs ?? Math.min(DEFAULT_TIMEOUT_MS, Math.floor(intervalMs * 0.8));
  const streak = (count: number): number => Math.min(LONGEST_STREAK, Math.max(1, Math.round(count)));
  if (failAfter !== undefined && streak(failAfter) !== failAfter) {
    notes.push(`it counts as down after ${streak(failAfter)} failures, not ${failAfter}`);
  }
  return {
    config: {
      interval: spell(intervalMs),
      ...(timeoutMs === undefined ? {} : { timeout: spell(timeoutMs) }),
      ...(failAfter === undefined ? {} : { fail_after: streak(failAfter) }),
      ...(recoverAfter === undefined ? {} : { recover_after: streak(recoverAfter) }),
      ...(retry === undefined
        ? {}
        : { retry_interval: spell(fit('the retry interval', retry, 100, intervalMs)) }),
      ...(slow === undefined
        ? {}
        : { slow_after: spell(fit('the time after which it is slow', slow, 1, longest - 1)) }),
    },
    notes,
  };
}

function spell(durationMs: number): string {
  return durationMs % 1_000 === 0 ? `${durationMs / 1_000}s` : `${durationMs}ms`;
}
