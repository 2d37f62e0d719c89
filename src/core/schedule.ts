import { fnv1a } from '../lib/hash.ts';

/** A target with no verdict for so many intervals is unknown. */
export const STALE_AFTER_INTERVALS = 3;

/**
 * Where in its interval a target is probed: stable for its id, spread evenly over the estate.
 * Unit: ms, in [0, intervalMs).
 */
export function phaseOf(targetId: string, intervalMs: number): number {
  return Math.floor((fnv1a(targetId) / 2 ** 32) * intervalMs);
}

/**
 * The first point of a target's grid (`phaseMs + k · intervalMs`) strictly after `afterMs`. Probing late never
 * moves the grid, so nothing drifts. All monotonic ms.
 */
export function nextDue(phaseMs: number, intervalMs: number, afterMs: number): number {
  return phaseMs + (Math.floor((afterMs - phaseMs) / intervalMs) + 1) * intervalMs;
}
