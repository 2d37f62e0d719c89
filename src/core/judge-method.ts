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

/** Judges methods by the states that hold now: one for all that is judged at once. */
export class MethodJudge {
  private readonly statusOf: StatusOf;
  /** Services serve many stores and are judged once. */
  private readonly services = new Map<ServiceGroup, ServiceCause | undefined>();

  constructor(statusOf: StatusOf) {
    this.statusOf = statusOf;
  }

  /**
   * A lane of which nothing is known counts neither way; but that nothing works is said only when at least half of
   * the lanes are known.
   */
  judge(plan: MethodPlan): Judgement {
    return plan.lanes.length === 0 ? this.judgeServices(plan) : this.judgeLanes(plan);
  }

  private judgeServices(plan: MethodPlan): Judgement {
    const cause = this.worstOf(plan.services);
    if (cause === undefined) return conclude(plan, 'available', [], NO_LANES);
    return conclude(plan, SERVICE_MEANS[cause.service.state], [cause], NO_LANES);
  }

  private judgeLanes(plan: MethodPlan): Judgement {
    const tally: Tally = { failing: [], degraded: [], unknown: [], cutOff: 0 };
    for (const lane of plan.lanes) this.countLane(lane, tally);
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

  private countLane(lane: Lane, tally: Tally): void {
    const status = this.statusOf(lane.target);
    const state = status?.state ?? 'unknown';
    const reason = status?.reason;
    if (state === 'unknown') {
      tally.unknown.push(ownCause(reason));
      return;
    }
    const isCutOff = reason === 'host' && lane.isOffline;
    if (state === 'down' || (state === 'degraded' && isCutOff)) {
      if (isCutOff) tally.cutOff++;
      tally.failing.push(ownCause(reason));
      return;
    }
    const cause = this.worstOf(lane.services);
    if (cause?.service.state === 'down') {
      if (lane.isOffline) tally.cutOff++;
      tally.failing.push(cause);
    } else if (cause?.service.state === 'unknown') tally.unknown.push(cause);
    else if (state === 'degraded') tally.degraded.push(ownCause(reason));
    else if (cause !== undefined) tally.degraded.push(cause);
  }

  /** All of `groups` must work. Undefined: they do. */
  private worstOf(groups: readonly ServiceGroup[]): ServiceCause | undefined {
    let worst: ServiceCause | undefined;
    for (const group of groups) {
      const cause = this.causeIn(group);
      if (cause === undefined) continue;
      if (worst === undefined || RANK[cause.service.state] > RANK[worst.service.state]) worst = cause;
    }
    return worst;
  }

  private causeIn(group: ServiceGroup): ServiceCause | undefined {
    if (this.services.has(group)) return this.services.get(group);
    const service = judgeService(group, this.statusOf);
    const cause = service && {
      service,
      ...(service.reason === undefined ? {} : { reason: service.reason }),
    };
    this.services.set(group, cause);
    return cause;
  }
}

type ServiceCause = Cause & Required<Pick<Cause, 'service'>>;

/** Lanes by how they are, with a cause for each that is not well. */
interface Tally {
  readonly failing: Cause[];
  readonly degraded: Cause[];
  readonly unknown: Cause[];
  /** Of the failing: they take payments offline. */
  cutOff: number;
}

const NO_LANES = { total: 0, known: 0, working: 0, degraded: 0, cutOff: 0 };

const SERVICE_MEANS = { down: 'down', unknown: 'unknown', degraded: 'degraded' } as const;

const RANK: Readonly<Record<ServiceVerdict['state'], number>> = { down: 3, unknown: 2, degraded: 1 };

const OWN_CAUSES = new Map<AnyReason | undefined, Cause>();

/** The same object for the same reason: a storm makes a hundred thousand. */
function ownCause(reason: AnyReason | undefined): Cause {
  const known = OWN_CAUSES.get(reason);
  if (known !== undefined) return known;
  const cause = reason === undefined ? {} : { reason };
  OWN_CAUSES.set(reason, cause);
  return cause;
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
  const [first] = causes;
  if (causes.every((cause) => cause === first)) return { cause: first, isOnly: true };
  const groups = Map.groupBy(causes, ({ service, reason }) => `${service?.kind ?? '\0'} ${reason ?? ''}`);
  let most: readonly Cause[] = [];
  for (const alike of groups.values()) if (alike.length > most.length) most = alike;
  return { cause: most[0], isOnly: groups.size <= 1 };
}
