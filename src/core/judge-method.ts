import type { TargetId } from '../estate/ids.ts';
import type { MethodState } from './events.ts';
import type { State } from './health.ts';
import type { Lane, MethodPlan, ServiceGroup } from './payment-lanes.ts';
import { type Cause, type ServiceVerdict, tellMethod } from './payment-words.ts';
import type { AnyReason } from './reason.ts';

/** Undefined: nothing is known of the target. */
export type StatusOf = (
  target: TargetId,
) => { readonly state: State; readonly reason?: AnyReason } | undefined;

/** What the targets' states mean for a method in a store. */
export interface Judgement {
  readonly state: MethodState;
  readonly reason?: AnyReason;
  /** One plain sentence for whoever runs the store. */
  readonly message: string;
}

/** Lanes by how they are, with a cause for each that is not well. */
interface Tally {
  readonly failing: Cause[];
  readonly degraded: Cause[];
  readonly unknown: Cause[];
  /** Of the failing: they take payments offline. */
  cutOff: number;
}

/**
 * Judges one method in one store. A lane of which nothing is known counts neither way; but that nothing works is said
 * only when at least half of the lanes are known.
 */
export function judgeMethod(plan: MethodPlan, statusOf: StatusOf): Judgement {
  return plan.lanes.length === 0 ? judgeServices(plan, statusOf) : judgeLanes(plan, statusOf);
}

function judgeServices(plan: MethodPlan, statusOf: StatusOf): Judgement {
  const service = worstOf(plan.services, statusOf);
  const state = service === undefined ? 'available' : SERVICE_MEANS[service.state];
  return conclude(plan, state, service === undefined ? [] : [causeOf(service)], NO_LANES);
}

const SERVICE_MEANS: Readonly<Record<ServiceVerdict['state'], MethodState>> = {
  down: 'down',
  unknown: 'unknown',
  degraded: 'degraded',
};

function judgeLanes(plan: MethodPlan, statusOf: StatusOf): Judgement {
  const tally: Tally = { failing: [], degraded: [], unknown: [], cutOff: 0 };
  for (const lane of plan.lanes) countLane(lane, statusOf, tally);
  const { failing, degraded, unknown, cutOff } = tally;
  const total = plan.lanes.length;
  const known = total - unknown.length;
  const working = known - failing.length;
  const lanes = { total, known, working, degraded: degraded.length, cutOff };
  if (working > 0) {
    if (failing.length > 0) return conclude(plan, 'degraded', failing, lanes);
    return conclude(plan, degraded.length > 0 ? 'degraded' : 'available', degraded, lanes);
  }
  if (known * 2 < total) return conclude(plan, 'unknown', unknown, lanes);
  return conclude(plan, cutOff > 0 ? 'offline-only' : 'down', failing, lanes);
}

const NO_LANES = { total: 0, known: 0, working: 0, degraded: 0, cutOff: 0 };

function countLane(lane: Lane, statusOf: StatusOf, tally: Tally): void {
  const { state = 'unknown', reason } = statusOf(lane.target) ?? {};
  if (state === 'unknown') {
    tally.unknown.push(causeOf(undefined, reason));
    return;
  }
  if (state === 'down' || (state === 'degraded' && reason === 'host' && lane.isOffline)) {
    if (reason === 'host' && lane.isOffline) tally.cutOff++;
    tally.failing.push(causeOf(undefined, reason));
    return;
  }
  const service = worstOf(lane.services, statusOf);
  if (service?.state === 'down') {
    if (lane.isOffline) tally.cutOff++;
    tally.failing.push(causeOf(service));
  } else if (service?.state === 'unknown') tally.unknown.push(causeOf(service));
  else if (state === 'degraded') tally.degraded.push(causeOf(undefined, reason));
  else if (service !== undefined) tally.degraded.push(causeOf(service));
}

const RANK: Readonly<Record<ServiceVerdict['state'], number>> = { down: 3, unknown: 2, degraded: 1 };

/** All of `groups` must work. Undefined: they do. */
function worstOf(groups: readonly ServiceGroup[], statusOf: StatusOf): ServiceVerdict | undefined {
  let worst: ServiceVerdict | undefined;
  for (const group of groups) {
    const verdict = judgeService(group, statusOf);
    if (verdict !== undefined && (worst === undefined || RANK[verdict.state] > RANK[worst.state])) {
      worst = verdict;
    }
  }
  return worst;
}

/** One of `group` is enough. Undefined: they work. While one may work, for all we know, they are not called down. */
function judgeService({ kind, members }: ServiceGroup, statusOf: StatusOf): ServiceVerdict | undefined {
  const counts: Record<State, number> = { unknown: 0, up: 0, degraded: 0, down: 0 };
  const reasons: Partial<Record<State, AnyReason>> = {};
  for (const member of members) {
    const { state = 'unknown', reason } = statusOf(member) ?? {};
    counts[state]++;
    if (reason !== undefined) reasons[state] ??= reason;
  }
  const verdict = (state: ServiceVerdict['state'], why: State): ServiceVerdict => {
    const reason = reasons[why];
    return {
      kind,
      state,
      members: members.length,
      down: counts.down,
      ...(reason === undefined ? {} : { reason }),
    };
  };
  if (counts.up + counts.degraded > 0) {
    if (counts.down > 0) return verdict('degraded', 'down');
    return counts.degraded > 0 ? verdict('degraded', 'degraded') : undefined;
  }
  return counts.unknown > 0 ? verdict('unknown', 'unknown') : verdict('down', 'down');
}

function causeOf(service: ServiceVerdict | undefined, reason = service?.reason): Cause {
  return { ...(service === undefined ? {} : { service }), ...(reason === undefined ? {} : { reason }) };
}

function conclude(
  { name, laneKind }: MethodPlan,
  state: MethodState,
  causes: readonly Cause[],
  lanes: Parameters<typeof tellMethod>[0]['lanes'],
): Judgement {
  const { cause, isOnly } = mostCommon(causes);
  const message = tellMethod({ name, state, laneKind, lanes, cause, isOnlyCause: isOnly });
  const reason = state === 'available' ? undefined : cause?.reason;
  return { state, ...(reason === undefined ? {} : { reason }), message };
}

/** Of those that are equally common, the one that comes first in the order of the lanes. */
function mostCommon(causes: readonly Cause[]): {
  readonly cause: Cause | undefined;
  readonly isOnly: boolean;
} {
  const groups = Map.groupBy(causes, ({ service, reason }) => `${service?.kind ?? '\0'} ${reason ?? ''}`);
  let most: readonly Cause[] = [];
  for (const alike of groups.values()) if (alike.length > most.length) most = alike;
  return { cause: most[0], isOnly: groups.size <= 1 };
}
