import type { EventDraft, Maintenance } from '../core/events.ts';
import type { Quiet } from '../core/quiet.ts';
import { type Clock, repeat } from '../lib/clock.ts';
import type { PlannedMaintenance } from '../settings/settings.ts';
import { makeRecurrence, type Recurrence } from './recurrence.ts';

/** Unit: ms. */
const REVIEW_INTERVAL_MS = 1_000;
/** How far ahead the next time of a recurring plan is told. Unit: ms. */
const AHEAD_MS = 7 * 86_400_000;
const HOUR_MS = 3_600_000;
/** What a plan of the configuration makes of itself at a time: its id and that time. */
const OCCURRENCE = /^(.*)@\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/s;

type RecurringPlan = PlannedMaintenance & { readonly kind: 'recurring' };

interface Recurring {
  readonly plan: RecurringPlan;
  readonly recurrence: Recurrence;
  /** Up to when its starts have been looked for. Epoch ms, UTC. */
  reviewedMs: number;
  /** Its starts from an hour's beginning on, which counts hours of epoch time: looked for once in that hour. */
  ahead: { readonly hour: number; readonly startsMs: readonly number[] } | undefined;
}

/**
 * Says when planned maintenances begin and end and when silences end, each once: by the wall clock, which may jump. It
 * also begins what it slept through but that is not over, and ends what ended meanwhile or is planned no more.
 */
export class MaintenanceCalendar implements Disposable {
  private readonly quiet: Quiet;
  private readonly clock: Clock;
  private readonly record: (draft: EventDraft) => Promise<unknown>;
  private readonly reviews: Disposable;
  /** What has been recorded and may not be in `quiet` yet. */
  private readonly asked = new Set<string>();
  private plans: readonly PlannedMaintenance[] = [];
  private recurring: readonly Recurring[] = [];

  /**
   * `quiet` must know what the journal holds, and learn of a draft before the promise of `record` resolves; when that
   * rejects, the draft is recorded again later, unless it has become needless.
   */
  constructor(quiet: Quiet, clock: Clock, record: (draft: EventDraft) => Promise<unknown>) {
    this.quiet = quiet;
    this.clock = clock;
    this.record = record;
    this.reviews = repeat(clock, REVIEW_INTERVAL_MS, () => this.review());
  }

  /** What the configuration plans from now on. To be called once before anything is begun or ended, and with each reload. */
  setPlans(plans: readonly PlannedMaintenance[]): void {
    const nowMs = this.clock.nowMs();
    this.plans = plans;
    this.recurring = plans.flatMap((plan) =>
      plan.kind === 'recurring'
        ? [
            {
              plan,
              recurrence: makeRecurrence(plan.cron, plan.timezone),
              reviewedMs: nowMs - plan.lastsMs,
              ahead: undefined,
            },
          ]
        : [],
    );
    this.review();
  }

  /**
   * What the configuration plans and nothing has been recorded of, the next first: of a recurring plan its next time
   * within a week. What was called off is not among them.
   */
  coming(): readonly Maintenance[] {
    const nowMs = this.clock.nowMs();
    const known = new Set(Array.from(this.quiet.maintenances(), ({ maintenance }) => maintenance.id));
    const planned = this.plans.flatMap((plan) =>
      plan.kind === 'once' && nowMs < plan.endsAtMs
        ? [occurrenceOf(plan, plan.startsAtMs, plan.endsAtMs)]
        : [],
    );
    const isComing = ({ id }: Maintenance): boolean => !known.has(id) && !this.quiet.isOver(id);
    const next = this.recurring.flatMap((recurring) => {
      const { plan } = recurring;
      const startsMs = startsAhead(recurring, nowMs).filter((startMs) => nowMs < startMs);
      const times = startsMs.values().map((startMs) => occurrenceOf(plan, startMs, startMs + plan.lastsMs));
      return times.filter(isComing).take(1).toArray();
    });
    return [...planned.filter(isComing), ...next].sort((a, b) => a.startsAtMs - b.startsAtMs);
  }

  [Symbol.dispose](): void {
    this.reviews[Symbol.dispose]();
  }

  private review(): void {
    const nowMs = this.clock.nowMs();
    this.endSilences(nowMs);
    this.reviewOpen(nowMs);
    for (const plan of this.plans) {
      if (plan.kind === 'once') this.beginWhenDue(plan, plan.startsAtMs, plan.endsAtMs, nowMs);
    }
    for (const recurring of this.recurring) this.reviewRecurring(recurring, nowMs);
  }

  private endSilences(nowMs: number): void {
    for (const silence of this.quiet.silences()) {
      if (silence.endsAtMs > nowMs) continue;
      this.recordOnce(`${silence.id} ends`, { atMs: nowMs, kind: 'silence-ended', silence });
    }
  }

  private reviewOpen(nowMs: number): void {
    for (const { maintenance, isStarted } of this.quiet.maintenances()) {
      const { id, startsAtMs, endsAtMs, flexibleMs } = maintenance;
      if (endsAtMs <= nowMs || !this.isStillPlanned(maintenance, nowMs)) {
        this.recordOnce(`${id} ends`, { atMs: nowMs, kind: 'maintenance-ended', maintenance });
      } else if (!isStarted && flexibleMs === undefined && startsAtMs <= nowMs) {
        this.recordOnce(`${id} starts`, { atMs: nowMs, kind: 'maintenance-started', maintenance });
      }
    }
  }

  /** Whether the configuration goes on with it. What people planned elsewhere is none of its business. */
  private isStillPlanned({ id, flexibleMs }: Maintenance, nowMs: number): boolean {
    const planId = OCCURRENCE.exec(id)?.[1];
    if (planId === undefined) return true;
    const plan = this.plans.find((one) => one.id === planId);
    if (plan?.kind !== 'once') return plan !== undefined;
    return id === occurrenceId(plan, plan.startsAtMs) && (flexibleMs !== undefined || nowMs < plan.endsAtMs);
  }

  private reviewRecurring(recurring: Recurring, nowMs: number): void {
    const { plan, recurrence, reviewedMs } = recurring;
    // A clock that was put back, or far forward, is looked at anew.
    const isSteady = reviewedMs <= nowMs && reviewedMs >= nowMs - plan.lastsMs;
    const sinceMs = isSteady ? reviewedMs : nowMs - plan.lastsMs;
    if (Math.floor(sinceMs / 60_000) === Math.floor(nowMs / 60_000)) return;
    recurring.reviewedMs = nowMs;
    for (const startsAtMs of recurrence.between(sinceMs, nowMs)) {
      this.beginWhenDue(plan, startsAtMs, startsAtMs + plan.lastsMs, nowMs);
    }
  }

  private beginWhenDue(plan: PlannedMaintenance, startsAtMs: number, endsAtMs: number, nowMs: number): void {
    if (nowMs < startsAtMs || endsAtMs <= nowMs) return;
    const maintenance = occurrenceOf(plan, startsAtMs, endsAtMs);
    const { id, flexibleMs } = maintenance;
    if (this.quiet.isOver(id) || this.isKnown(maintenance)) return;
    const kind = flexibleMs === undefined ? 'maintenance-started' : 'maintenance-planned';
    this.recordOnce(`${id} starts`, { atMs: nowMs, kind, maintenance });
  }

  /** Whether it is open already as it should be: a reload may have changed what it is about. */
  private isKnown(wanted: Maintenance): boolean {
    for (const { maintenance } of this.quiet.maintenances()) {
      if (maintenance.id !== wanted.id) continue;
      const { selector, by, comment, endsAtMs, flexibleMs } = maintenance;
      return (
        flexibleMs !== undefined ||
        (selector === wanted.selector &&
          by === wanted.by &&
          comment === wanted.comment &&
          endsAtMs === wanted.endsAtMs)
      );
    }
    return false;
  }

  private recordOnce(what: string, draft: EventDraft): void {
    if (this.asked.has(what)) return;
    this.asked.add(what);
    this.record(draft).then(
      () => this.asked.delete(what),
      () => {
        this.asked.delete(what);
        for (const recurring of this.recurring) recurring.reviewedMs = Number.NEGATIVE_INFINITY;
      },
    );
  }
}

/** Looking costs milliseconds: what was found holds for the hour. */
function startsAhead(recurring: Recurring, nowMs: number): readonly number[] {
  const hour = Math.floor(nowMs / HOUR_MS);
  if (recurring.ahead?.hour !== hour) {
    const fromMs = hour * HOUR_MS;
    recurring.ahead = { hour, startsMs: recurring.recurrence.between(fromMs - 1, fromMs + AHEAD_MS) };
  }
  return recurring.ahead.startsMs;
}

function occurrenceOf(plan: PlannedMaintenance, startsAtMs: number, endsAtMs: number): Maintenance {
  const { selector, by, comment, flexibleMs } = plan;
  const flexible = flexibleMs === undefined ? {} : { flexibleMs };
  return { id: occurrenceId(plan, startsAtMs), selector, startsAtMs, endsAtMs, ...flexible, by, comment };
}

function occurrenceId(plan: PlannedMaintenance, startsAtMs: number): string {
  return `${plan.id}@${new Date(startsAtMs).toISOString()}`;
}
