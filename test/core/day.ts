import { expect } from '@jest/globals';
import type { EventDraft, Incident, JournalEvent } from '../../src/core/events.ts';
import { encodeBits, orderedIds } from '../../src/core/evidence.ts';
import {
  type Health,
  isSoft,
  observe,
  type Observation,
  step,
  UNKNOWN_HEALTH,
} from '../../src/core/health.ts';
import { Outages } from '../../src/core/outages.ts';
import { DEFAULT_METHODS, DEFAULT_TIMING, type Outlook } from '../../src/core/outlook.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { Reason } from '../../src/core/reason.ts';
import { nextDue, phaseOf } from '../../src/core/schedule.ts';
import type { Estate, Labels, Target } from '../../src/estate/estate.ts';
import type { TargetId } from '../../src/estate/ids.ts';

const POLICY = { failAfter: 3, recoverAfter: 2, slowAfterMs: 2_000 };
const INTERVAL_MS = 30_000;
const RETRY_MS = 2_000;
/** The first failure of a target has so many others of its kind probed soon, as the engine's suspicion does. */
const SUSPECTS = 12;
const SUSPECT_EVERY_MS = 10_000;
const STEP_MS = 500;
const SIGHT = { reason: 'self-network', message: 'The monitor itself has no network.' } as const;

interface Watched {
  readonly target: Target;
  health: Health;
  fault: Reason | undefined;
  nextMs: number;
  /** When what may become another state was first seen. */
  softSinceMs: number | undefined;
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
  /** Targets by the step in which they are probed next; those that were put elsewhere since are passed over. */
  private readonly due = new Map<number, Watched[]>();
  private readonly plans: { readonly atMs: number; readonly run: () => void }[] = [];
  private readonly suspectedMs = new Map<string, number>();
  private isBlind = false;

  constructor(estate: Estate, startsAt: string, outlook: Partial<Outlook> = {}) {
    this.outlook = { estate, timing: DEFAULT_TIMING, methods: DEFAULT_METHODS, ...outlook };
    this.outages = new Outages(this.outlook);
    this.nowMs = Date.parse(startsAt);
    for (const target of estate.targets.values()) {
      const nextMs = this.nowMs + phaseOf(target.id, INTERVAL_MS);
      const health = { ...UNKNOWN_HEALTH, state: 'up' as const };
      const one = {
        target,
        health,
        fault: undefined,
        nextMs,
        softSinceMs: undefined,
        lastRunMs: 0,
        answered: true,
      };
      this.watched.set(target.id, one);
      this.plan(one, nextMs);
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
    this.plans.push({ atMs: this.timeOf(time), run });
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

  /** Our own path to the world goes: what was known is not known any more. */
  loseSight(): void {
    this.isBlind = true;
    this.input({ atMs: this.nowMs, kind: 'monitor-blinded', ...SIGHT, sinceMs: this.nowMs });
    for (const one of this.watched.values()) this.see(one, { kind: 'missed', reason: 'self-network' }, '');
  }

  /** It is back, and everything is looked at within seconds. */
  regainSight(): void {
    this.isBlind = false;
    this.input({ atMs: this.nowMs, kind: 'monitor-recovered', ...SIGHT, sinceMs: this.nowMs });
    let n = 0;
    for (const one of this.watched.values()) this.plan(one, this.nowMs + (n++ % 20) * STEP_MS);
  }

  /** Something that people, the calendar or the engine say. */
  input(event: EventDraft): void {
    this.journal.push(event, ...this.outages.apply(event));
  }

  runUntil(time: string): this {
    const endMs = this.timeOf(time);
    this.plans.sort((a, b) => a.atMs - b.atMs);
    for (; this.nowMs < endMs; this.nowMs += STEP_MS) {
      while ((this.plans[0]?.atMs ?? endMs) <= this.nowMs) this.plans.shift()?.run();
      const step = Math.floor(this.nowMs / STEP_MS);
      for (const one of this.due.get(step) ?? [])
        if (Math.ceil(one.nextMs / STEP_MS) === step) this.probe(one);
      this.due.delete(step);
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
      if (incident.mergedInto !== undefined) return [`merged ${scopeText(incident)}`];
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

  /** The incident that was told of last. */
  last(): Incident | undefined {
    const event = this.journal.findLast((each) => 'incident' in each);
    return event !== undefined && 'incident' in event ? event.incident : undefined;
  }

  /** A target that bears these labels. */
  some(where: Labels): TargetId {
    const [one] = this.those(where);
    if (one === undefined) throw new Error('there is none');
    return one.target.id;
  }

  /**
   * What holds of every day: all that was opened is over and leaves nothing to wait for, no incident was told of more
   * than four times while it lasted, none of what is explained by something that it hangs on, and none while blind.
   */
  expectCalm(): void {
    expect(this.outages.incidents()).toEqual([]);
    expect(this.outages.nextDueMs).toBeUndefined();
    const lasting = new Map<string, number>();
    let isBlind = false;
    for (const event of this.journal) {
      if (event.kind === 'monitor-blinded' || event.kind === 'monitor-recovered') {
        isBlind = event.kind === 'monitor-blinded';
      }
      if (!('incident' in event)) continue;
      expect(isBlind).toBe(false);
      const { id } = event.incident;
      const times = event.kind === 'incident-opened' ? 1 : (lasting.get(id) ?? 0) + 1;
      expect(times).toBeLessThanOrEqual(4);
      lasting.set(id, times);
    }
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

  private timeOf(time: string): number {
    const date = new Date(this.nowMs).toISOString().slice(0, 10);
    const atMs = Date.parse(time.includes('T') ? time : `${date}T${time}Z`);
    if (Number.isNaN(atMs)) throw new Error(`no time: ${time}`);
    return atMs;
  }

  private plan(one: Watched, nextMs: number): void {
    one.nextMs = nextMs;
    const step = Math.ceil(nextMs / STEP_MS);
    const others = this.due.get(step);
    if (others === undefined) this.due.set(step, [one]);
    else others.push(one);
  }

  private probe(one: Watched): void {
    const gridMs = nextDue(phaseOf(one.target.id, INTERVAL_MS), INTERVAL_MS, this.nowMs);
    if (this.isBlind) {
      this.plan(one, gridMs);
      return;
    }
    one.lastRunMs = this.nowMs;
    one.answered = one.fault === undefined || one.fault === 'slow';
    const outcome: Outcome = one.answered
      ? { kind: 'answered', durationMs: one.fault === 'slow' ? 3_000 : 5, message: 'It answers.' }
      : { kind: 'failed', reason: one.fault ?? 'stale', durationMs: 5, message: 'It fails.' };
    this.see(one, observe(outcome, POLICY), outcome.message);
    if (one.health.badStreak === 1) this.suspect(one.target.kind);
    this.plan(one, isSoft(one.health, POLICY) ? Math.min(gridMs, this.nowMs + RETRY_MS) : gridMs);
  }

  private suspect(kind: string): void {
    if (this.nowMs - (this.suspectedMs.get(kind) ?? 0) < SUSPECT_EVERY_MS) return;
    this.suspectedMs.set(kind, this.nowMs);
    const alike = Array.from(this.watched.values()).filter(({ target }) => target.kind === kind);
    const stride = Math.max(1, Math.floor(alike.length / SUSPECTS));
    for (let i = 0; i < alike.length; i += stride) {
      const other = alike[i];
      if (other !== undefined) this.plan(other, Math.min(other.nextMs, this.nowMs + STEP_MS));
    }
  }

  private see(one: Watched, seen: Observation, message: string): void {
    const [health, transition] = step(one.health, seen, POLICY);
    one.health = health;
    const sinceMs = one.softSinceMs ?? this.nowMs;
    one.softSinceMs = isSoft(health, POLICY) ? sinceMs : undefined;
    if (transition === undefined) return;
    const { from, to, reason } = transition;
    const why = reason === undefined ? {} : { reason };
    this.input({ ...eventOf(one.target), atMs: this.nowMs, from, to, ...why, message, sinceMs });
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
  const texts = scope.map((labels) => Object.entries(labels).map(([name, value]) => `${name}=${value}`));
  return texts.map((terms) => terms.join(' & ') || 'everything').join(' or ');
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
