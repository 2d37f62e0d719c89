import type { EventDraft, Incident, JournalEvent } from '../../src/core/events.ts';
import { encodeBits, orderedIds } from '../../src/core/evidence.ts';
import { type Health, observe, step, UNKNOWN_HEALTH } from '../../src/core/health.ts';
import { Outages } from '../../src/core/outages.ts';
import { DEFAULT_METHODS, DEFAULT_TIMING, type Outlook } from '../../src/core/outlook.ts';
import type { Reason } from '../../src/core/reason.ts';
import { phaseOf } from '../../src/core/schedule.ts';
import type { Estate, Labels, Target } from '../../src/estate/estate.ts';
import type { TargetId } from '../../src/estate/ids.ts';

const POLICY = { failAfter: 3, recoverAfter: 2 };
const INTERVAL_MS = 30_000;
const RETRY_MS = 2_000;
const STEP_MS = 500;

interface Watched {
  readonly target: Target;
  health: Health;
  fault: Reason | undefined;
  nextMs: number;
  softSinceMs: number;
  lastRunMs: number;
  answered: boolean;
}

/**
 * A day of an estate in simulated time: faults begin and end when the test says so, each target is probed on its grid
 * and again soon while undecided, and the whole core folds what that confirms. Nothing waits for anything real.
 */
export class Day {
  readonly outlook: Outlook;
  outages: Outages;
  nowMs: number;
  /** All inputs and what followed from each, in order, as the journal would have it. */
  readonly journal: EventDraft[] = [];
  private readonly watched = new Map<TargetId, Watched>();
  private readonly plans: { readonly atMs: number; readonly run: () => void }[] = [];
  isBlind = false;

  constructor(estate: Estate, startsAt: string, outlook: Partial<Outlook> = {}) {
    this.outlook = { estate, timing: DEFAULT_TIMING, methods: DEFAULT_METHODS, ...outlook };
    this.outages = new Outages(this.outlook);
    this.nowMs = Date.parse(startsAt);
    for (const target of estate.targets.values()) {
      const nextMs = this.nowMs + phaseOf(target.id, INTERVAL_MS);
      const health = { ...UNKNOWN_HEALTH, state: 'up' as const };
      this.watched.set(target.id, {
        target,
        health,
        fault: undefined,
        nextMs,
        softSinceMs: 0,
        lastRunMs: 0,
        answered: true,
      });
      this.input({
        ...eventOf(target),
        atMs: this.nowMs,
        from: 'unknown',
        to: 'up',
        message: '',
        sinceMs: this.nowMs,
      });
    }
  }

  /** At a time of the day, or of a later one (`2026-12-23T07:00Z`). */
  at(time: string, run: () => void): this {
    const date = new Date(this.nowMs).toISOString().slice(0, 10);
    const atMs = Date.parse(time.includes('T') ? time : `${date}T${time}Z`);
    if (Number.isNaN(atMs)) throw new Error(`no time: ${time}`);
    this.plans.push({ atMs, run });
    return this;
  }

  /** Breaks what bears these labels; `keep` says which of them hold out. */
  break(
    where: Labels,
    reason: Reason = 'connect-refused',
    keep: (target: Target) => boolean = () => false,
  ): void {
    for (const one of this.those(where)) if (!keep(one.target)) one.fault = reason;
  }

  mend(where: Labels): void {
    for (const one of this.those(where)) one.fault = undefined;
  }

  /** Something that people, the calendar or the engine say. */
  input(event: EventDraft): void {
    this.journal.push(event, ...this.outages.apply(event));
  }

  runUntil(time: string): this {
    const endMs = Date.parse(
      time.includes('T') ? time : `${new Date(this.nowMs).toISOString().slice(0, 10)}T${time}Z`,
    );
    this.plans.sort((a, b) => a.atMs - b.atMs);
    for (; this.nowMs < endMs; this.nowMs += STEP_MS) {
      while ((this.plans[0]?.atMs ?? endMs) <= this.nowMs) this.plans.shift()?.run();
      for (const one of this.watched.values()) if (one.nextMs <= this.nowMs) this.probe(one);
      const sinceMs = this.outages.evidenceWantedSince(this.nowMs);
      if (sinceMs !== undefined)
        this.input({ atMs: this.nowMs, kind: 'evidence-gathered', ...this.evidence(sinceMs) });
      this.journal.push(...this.outages.advanceTo(this.nowMs));
    }
    return this;
  }

  /** What was told of incidents, one line each: time, kind, scope, severity. */
  told(): readonly string[] {
    return this.journal.flatMap((event) => {
      if (!('incident' in event) || event.kind === 'incident-acknowledged') return [];
      const { incident } = event;
      const time = new Date(event.atMs).toISOString().slice(11, 16);
      return [`${time} ${event.kind.slice('incident-'.length)} ${scopeText(incident)} ${incident.severity}`];
    });
  }

  /** How payment methods changed, one line each. */
  methods(): readonly string[] {
    return this.journal.flatMap((event) =>
      event.kind === 'payment-method-changed' ? [`${event.store} ${event.method} ${event.to}`] : [],
    );
  }

  /** How often each incident was announced. */
  announcements(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const event of this.journal) {
      if (!('incident' in event)) continue;
      counts.set(event.incident.id, (counts.get(event.incident.id) ?? 0) + 1);
    }
    return counts;
  }

  /** The journal with its numbers. */
  events(): readonly JournalEvent[] {
    return this.journal.map((event, index) => ({ ...event, seq: index + 1 }));
  }

  private those(where: Labels): readonly Watched[] {
    const those = Array.from(this.watched.values()).filter(({ target }) =>
      Object.entries(where).every(([name, value]) =>
        name === 'target' ? target.id === value : target.labels[name] === value,
      ),
    );
    if (those.length === 0) throw new Error(`nothing bears ${JSON.stringify(where)}`);
    return those;
  }

  private probe(one: Watched): void {
    one.nextMs += INTERVAL_MS * Math.max(1, Math.ceil((this.nowMs - one.nextMs) / INTERVAL_MS));
    if (this.isBlind) return;
    one.lastRunMs = this.nowMs;
    one.answered = one.fault === undefined;
    const outcome =
      one.fault === undefined
        ? ({ kind: 'answered', durationMs: 5, message: 'It answers.' } as const)
        : ({ kind: 'failed', reason: one.fault, durationMs: 5, message: 'It fails.' } as const);
    const wasSteady =
      one.health.state === 'up' ? one.health.badStreak === 0 : one.health.answeredStreak === 0;
    if (wasSteady) one.softSinceMs = this.nowMs;
    const [health, transition] = step(one.health, observe(outcome, POLICY), POLICY);
    one.health = health;
    const isSoft = health.state === 'up' ? health.badStreak > 0 : health.answeredStreak > 0;
    if (isSoft && !health.flapping) one.nextMs = Math.min(one.nextMs, this.nowMs + RETRY_MS);
    if (transition === undefined) return;
    const { from, to, reason } = transition;
    this.input({
      ...eventOf(one.target),
      atMs: this.nowMs,
      from,
      to,
      ...(reason === undefined ? {} : { reason }),
      message: outcome.message,
      sinceMs: one.softSinceMs,
    });
  }

  private evidence(sinceMs: number) {
    const ids = orderedIds(this.outlook.estate);
    const answering = new Uint8Array(Math.ceil(ids.length / 8));
    const failing = new Uint8Array(Math.ceil(ids.length / 8));
    for (const [index, id] of ids.entries()) {
      const one = this.watched.get(id);
      if (one === undefined || one.lastRunMs < sinceMs) continue;
      const bits = one.answered ? answering : failing;
      bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
    }
    return { sinceMs, answering: encodeBits(answering), failing: encodeBits(failing) };
  }
}

export function scopeText({ scope }: Pick<Incident, 'scope'>): string {
  return scope
    .map((labels) =>
      Object.entries(labels)
        .map(([name, value]) => `${name}=${value}`)
        .join(' & '),
    )
    .join(' or ');
}

function eventOf({ id, store, labels }: Target) {
  const { chain, region } = labels;
  return {
    kind: 'target-state-changed',
    target: id,
    ...(store === undefined ? {} : { store }),
    ...(chain === undefined ? {} : { chain }),
    ...(region === undefined ? {} : { region }),
  } as const;
}
