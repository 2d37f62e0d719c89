import type { ProbeReport } from '../core/outcome.ts';
import { inconclusive, isTimeout } from './fair-probe.ts';

/** A probe that is under way or waits for its place. */
export interface Flight {
  readonly abort: AbortController;
  /** Asked for by somebody, not by the schedule. */
  readonly isExtra: boolean;
  /** Who waits for its end. Undefined: nobody. */
  waiting: (() => void)[] | undefined;
}

/** Resolves when the flight has ended. */
export function whenEnded(flight: Flight): Promise<void> {
  flight.waiting ??= [];
  const { waiting } = flight;
  return new Promise((resolve) => waiting.push(resolve));
}

/** The promise's value, or the signal's reason thrown if it aborts first. */
export async function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** A deadline that came before the probe began says nothing of the target. */
export function waitedInVain(error: unknown): ProbeReport {
  if (!isTimeout(error)) throw error;
  return inconclusive(
    'self-late',
    'The probe found no place in time: too much is in flight towards its store, or in all.',
  );
}
