import { unreachable } from '../lib/unreachable.ts';
import type { Outcome } from './outcome.ts';
import type { AnyReason, Reason, SelfReason } from './reason.ts';

/** A target's confirmed state. `unknown` is not a fault of the target: it has not been judged. */
export const STATES = ['unknown', 'up', 'degraded', 'down'] as const;
export type State = (typeof STATES)[number];

/** When a change counts. From the target's module. */
export interface Policy {
  /** Consecutive bad probes before `down` or `degraded`. 1 or more. */
  readonly failAfter: number;
  /** Consecutive good probes before `up`, and answered ones before the end of `down`. 1 or more. */
  readonly recoverAfter: number;
  /** An answer slower than this is degraded with reason `slow`. Unit: ms. Absent: never. */
  readonly slowAfterMs?: number;
}

/** What a probe means for health. Severity grows from `good` to `failed`; `none` says nothing at all. */
export type Observation =
  | { readonly kind: 'good' }
  | { readonly kind: 'impaired'; readonly reason: Reason }
  | { readonly kind: 'failed'; readonly reason: Reason }
  /** Our own fault: changes nothing. */
  | { readonly kind: 'none' }
  /** No probe has told anything for three intervals; `reason` says whether we are the cause. */
  | { readonly kind: 'missed'; readonly reason: 'stale' | SelfReason };

/**
 * All that a verdict depends on, small enough to live in columns. Streaks count consecutive probes and stop at 255.
 * `flips` is the newest 20 probes, bit 0 the newest: 1 where a probe's severity differed from the one before.
 */
export interface Health {
  readonly state: State;
  /** Why it is not `up`; undefined when `up` or never judged. While `down`, the latest failure's. */
  readonly reason: AnyReason | undefined;
  readonly severity: Severity;
  readonly failedStreak: number;
  readonly badStreak: number;
  readonly answeredStreak: number;
  readonly goodStreak: number;
  readonly flips: number;
  readonly flapping: boolean;
}

/** The last probe's severity: 0 none yet, 1 good, 2 impaired, 3 failed. */
export type Severity = 0 | 1 | 2 | 3;

/** A change of confirmed state, with its cause. `from` and `to` always differ. */
export interface Transition {
  readonly from: State;
  readonly to: State;
  readonly reason?: AnyReason;
  /** The target answers and fails by turns: its recovery is not yet to be trusted. */
  readonly flapping: boolean;
}

export const UNKNOWN_HEALTH: Health = {
  state: 'unknown',
  reason: undefined,
  severity: 0,
  failedStreak: 0,
  badStreak: 0,
  answeredStreak: 0,
  goodStreak: 0,
  flips: 0,
  flapping: false,
};

/** A health to continue from after a restart: the confirmed state, with no probe seen yet. */
export function restoreHealth(state: State, reason?: AnyReason): Health {
  return { ...UNKNOWN_HEALTH, state, reason };
}

const GOOD: Observation = { kind: 'good' };
const NONE: Observation = { kind: 'none' };

/** What `outcome` means under `policy`. A slow answer is impaired; an inconclusive probe means nothing. */
export function observe(outcome: Outcome, policy: Policy): Observation {
  switch (outcome.kind) {
    case 'answered':
      return policy.slowAfterMs !== undefined && outcome.durationMs > policy.slowAfterMs
        ? { kind: 'impaired', reason: 'slow' }
        : GOOD;
    case 'degraded':
      return { kind: 'impaired', reason: outcome.reason };
    case 'failed':
      return { kind: 'failed', reason: outcome.reason };
    case 'inconclusive':
      return NONE;
    default:
      return unreachable(outcome);
  }
}

/**
 * One observation's effect: the next health, and the transition if the confirmed state changed.
 * Pure; takes no time, so that a clock that jumps changes nothing.
 */
export function step(health: Health, seen: Observation, policy: Policy): readonly [Health, Transition?] {
  const next = { ...health };
  const transition = advance(next, seen, policy);
  return transition === undefined ? [next] : [next, transition];
}

/** Health that is written over, so that the hot path allocates nothing. */
export type MutableHealth = { -readonly [Part in keyof Health]: Health[Part] };

/** `step` in place: the one definition of it. */
export function advance(health: MutableHealth, seen: Observation, policy: Policy): Transition | undefined {
  if (seen.kind === 'none') return undefined;
  if (seen.kind === 'missed') {
    forget(health);
    return confirm(health, 'unknown', seen.reason);
  }
  const severity = SEVERITY[seen.kind];
  health.flips = nextFlips(health, severity);
  health.severity = severity;
  health.failedStreak = severity === 3 ? grow(health.failedStreak) : 0;
  health.badStreak = severity >= 2 ? grow(health.badStreak) : 0;
  health.answeredStreak = severity <= 2 ? grow(health.answeredStreak) : 0;
  health.goodStreak = severity === 1 ? grow(health.goodStreak) : 0;
  health.flapping = isFlapping(health.flips, health.flapping);
  const to = decideState(health, policy);
  const tellsWhy = seen.kind === 'failed' || (seen.kind === 'impaired' && to !== 'down');
  return confirm(health, to, tellsWhy ? seen.reason : health.reason);
}

/** Whether a change is on its way and worth a fast re-probe. A flapping target is not: it would never stop. */
export function isSoft(health: Health, policy: Policy): boolean {
  if (health.flapping || health.severity === 0) return false;
  switch (health.state) {
    case 'unknown':
      return true;
    case 'up':
      return health.badStreak > 0;
    case 'degraded':
      return (health.failedStreak > 0 && health.failedStreak < policy.failAfter) || health.goodStreak > 0;
    case 'down':
      return health.answeredStreak > 0;
    default:
      return unreachable(health.state);
  }
}

const SEVERITY = { good: 1, impaired: 2, failed: 3 } as const;

function decideState(health: Health, policy: Policy): State {
  const { state, severity, flapping } = health;
  if (health.failedStreak >= policy.failAfter) return 'down';
  if (state === 'down' && health.answeredStreak < policy.recoverAfter) return 'down';
  if (health.goodStreak >= policy.recoverAfter) return flapping && state !== 'up' ? 'degraded' : 'up';
  const isImpaired = severity >= 2 && (flapping || state === 'down' || health.badStreak >= policy.failAfter);
  return isImpaired ? 'degraded' : state;
}

function confirm(health: MutableHealth, to: State, reason: AnyReason | undefined): Transition | undefined {
  const from = health.state;
  health.state = to;
  health.reason = to === 'up' ? undefined : reason;
  if (to === from) return undefined;
  return {
    from,
    to,
    flapping: health.flapping,
    ...(health.reason === undefined ? {} : { reason: health.reason }),
  };
}

/** All but the confirmed state: what was seen before a gap says nothing of what comes after it. */
function forget(health: MutableHealth): void {
  const { state } = health;
  Object.assign(health, UNKNOWN_HEALTH, { state });
}

function grow(streak: number): number {
  return Math.min(streak + 1, 255);
}

/**
 * Flapping as Icinga measures it: the newest 20 probes, a change counting 0.8 (oldest) to 1.2 (newest) of a
 * twentieth. In above 30 %, out below 25 %. The first probe ever is no change.
 */
const FLAP_WINDOW = 20;
const FLAP_ENTER_RATIO = 0.3;
const FLAP_LEAVE_RATIO = 0.25;

function nextFlips(health: Health, severity: Severity): number {
  const changed = health.severity !== 0 && health.severity !== severity ? 1 : 0;
  return ((health.flips << 1) | changed) & ((1 << FLAP_WINDOW) - 1);
}

/** Weighted share of the newest 20 probes that changed, 0 to 1. */
export function flapRatio(flips: number): number {
  let weight = 0;
  for (let age = 0; age < FLAP_WINDOW; age++) {
    if ((flips >>> age) & 1) weight += 1.2 - (0.4 * age) / (FLAP_WINDOW - 1);
  }
  return weight / FLAP_WINDOW;
}

function isFlapping(flips: number, wasFlapping: boolean): boolean {
  const ratio = flapRatio(flips);
  return wasFlapping ? ratio >= FLAP_LEAVE_RATIO : ratio > FLAP_ENTER_RATIO;
}
