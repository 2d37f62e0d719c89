import type { TargetColumns } from '../core/columns.ts';
import {
  type Health,
  isSoft,
  type Observation,
  observe,
  step,
  type Transition,
  UNKNOWN_HEALTH,
} from '../core/health.ts';
import type { Outcome, ProbeReport } from '../core/outcome.ts';
import { type AnyReason, REASON_TEXT, SELF_REASONS, type SelfReason } from '../core/reason.ts';
import { nextDue, phaseOf } from '../core/schedule.ts';
import type { Estate, Target } from '../estate/estate.ts';
import { type TargetId, toTargetId } from '../estate/ids.ts';
import { type Clock, repeat } from '../lib/clock.ts';
import { formatDuration } from '../lib/duration.ts';
import { unreachable } from '../lib/unreachable.ts';
import type { Probe, ProbeRequest } from '../probes/probe.ts';
import type { Limits, Module } from '../settings/settings.ts';
import { Admission } from './admission.ts';
import { runProbe, unlessLate } from './fair-probe.ts';
import { TimingWheel } from './timing-wheel.ts';

/** A module whose prober is ready. */
export interface RunningModule {
  readonly module: Module;
  readonly probe: Probe;
}

/** A confirmed change of one target's state, with what a person should read of it. */
export interface TargetChange {
  readonly target: Target;
  readonly transition: Transition;
  readonly message: string;
  /** When it was confirmed. Epoch ms, UTC. */
  readonly atMs: number;
  /** When it was first seen. Epoch ms, UTC. */
  readonly sinceMs: number;
}

/** Told of what happens, at once and in order. Neither may throw nor take long: probing waits for nobody. */
export interface EngineListener {
  changed(change: TargetChange): void;
  probed(kind: Outcome['kind'], reason: AnyReason | undefined, latenessMs: number): void;
}

/** What a target starts with: its confirmed state from before the restart, or unknown. */
export type Restore = (target: TargetId) => { readonly health: Health; readonly sinceMs: number } | undefined;

/** How often the wheel turns and how often targets not probed lately are looked for. Unit: ms. */
const TURN_MS = 10;
const SWEEP_MS = 1_000;
/** A turn that comes later than this means that the process was kept from running. Unit: ms. */
const STALL_MS = 200;
/** How soon to try again when an extra probe is in the way of a scheduled one. Unit: ms. */
const EXTRA_WAIT_MS = 100;
/** A target with no verdict for so many intervals is unknown. */
const STALE_AFTER_INTERVALS = 3;
/** A sweep that comes this late means that we were stopped, not the targets. Unit: ms. */
const STOPPED_AFTER_MS = 5_000;

/**
 * Runs the estate's probes: when each is due, how many at once, outcome → health → columns → listener. It knows
 * nothing of storing or telling. One probe is in flight per target; a probe that starts late or takes long moves
 * no later one.
 */
export class Engine implements AsyncDisposable {
  readonly columns: TargetColumns;
  private readonly clock: Clock;
  private readonly listener: EngineListener;
  private readonly wheel: TimingWheel;
  private readonly admission: Admission;
  private readonly stop = new AbortController();
  private readonly flights = new Map<TargetId, Flight>();
  private modules: ReadonlyMap<string, RunningModule> = new Map();
  private readonly turns: Disposable;
  private turnedAtMs: number;
  private sweptAtMs: number;
  /** How long this process has been kept from running, over all. Unit: ms. */
  private stalledMs = 0;

  constructor(columns: TargetColumns, limits: Limits, clock: Clock, listener: EngineListener) {
    this.columns = columns;
    this.clock = clock;
    this.listener = listener;
    this.wheel = new TimingWheel(clock.monotonicMs());
    this.admission = new Admission(limits);
    this.turnedAtMs = clock.monotonicMs();
    this.sweptAtMs = this.turnedAtMs;
    this.turns = repeat(clock, TURN_MS, () => this.turn());
  }

  get inFlight(): number {
    return this.admission.inFlight;
  }

  /** Probes that are due and wait for a place. */
  get queued(): number {
    return this.admission.queued;
  }

  /**
   * Watches `estate` from now on. Targets that stay as they are keep their state and their place in the schedule;
   * changed ones keep their state; new ones start as `restore` says; gone ones end as `unknown`.
   */
  watch(estate: Estate, modules: ReadonlyMap<string, RunningModule>, limits: Limits, restore: Restore): void {
    const before = this.modules;
    this.modules = modules;
    this.admission.setLimits(limits);
    for (let slot = 0; slot < this.columns.slotCount; slot++) {
      const target = this.columns.targetAt(slot);
      if (target !== undefined && !estate.targets.has(target.id)) this.drop(slot, target);
    }
    for (const target of estate.targets.values()) {
      const running = this.moduleOf(target);
      const slot = this.columns.slotOf(target.id);
      if (slot === undefined) this.adopt(target, running.module, restore(target.id));
      else this.update(slot, target, running.module, before.get(target.module)?.module);
    }
  }

  /**
   * One probe outside the schedule, with `module` as it is configured; changes no state. It waits for its place and
   * for a scheduled probe of the same target as any other. Undefined: no such module is open. Rejects as `Probe.run`.
   */
  async probeOnce(
    module: string,
    request: ProbeRequest,
    signal: AbortSignal,
  ): Promise<ProbeReport | undefined> {
    const running = this.modules.get(module);
    if (running === undefined) return undefined;
    const id = toTargetId(request.targetId);
    for (let other = this.flights.get(id); other !== undefined; other = this.flights.get(id))
      await other.done;
    signal.throwIfAborted();
    const report = Promise.withResolvers<ProbeReport>();
    const abort = new AbortController();
    const flight: Flight = { abort, isExtra: true, done: report.promise.then(nothing, nothing) };
    this.flights.set(id, flight);
    const slot = this.columns.slotOf(id);
    const store = slot === undefined ? undefined : this.columns.targetAt(slot)?.store;
    this.admission.request(store, slot !== undefined && this.columns.success[slot] === 0, (release) => {
      running.probe
        .run(request, AbortSignal.any([signal, abort.signal]))
        .finally(() => {
          this.flights.delete(id);
          release();
        })
        .then(report.resolve, report.reject);
    });
    return report.promise;
  }

  /** Ends every probe in flight; resolves when none is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.turns[Symbol.dispose]();
    this.stop.abort(new DOMException('the monitor stops', 'AbortError'));
    const flights = Array.from(this.flights.values());
    for (const flight of flights) flight.abort.abort(this.stop.signal.reason);
    await Promise.all(flights.map((flight) => flight.done));
  }

  private adopt(target: Target, module: Module, from: ReturnType<Restore>): void {
    const now = this.clock.monotonicMs();
    const health = from?.health ?? UNKNOWN_HEALTH;
    const slot = this.columns.add(target, health, now, from?.sinceMs ?? this.clock.nowMs());
    this.wheel.schedule(slot, nextDue(phaseOf(target.id, module.intervalMs), module.intervalMs, now));
  }

  private update(slot: number, target: Target, module: Module, oldModule: Module | undefined): void {
    const old = this.columns.targetAt(slot);
    if (old !== target) this.columns.replace(slot, target);
    const isMoved = old?.address !== target.address || old.module !== target.module;
    if (!isMoved && oldModule?.intervalMs === module.intervalMs) return;
    const now = this.clock.monotonicMs();
    this.wheel.schedule(slot, nextDue(phaseOf(target.id, module.intervalMs), module.intervalMs, now));
  }

  private drop(slot: number, target: Target): void {
    const state = this.columns.stateAt(slot);
    this.wheel.cancel(slot);
    this.flights.get(target.id)?.abort.abort(new DOMException('the target is gone', 'AbortError'));
    this.columns.remove(slot);
    if (state === 'unknown') return;
    const transition: Transition = { from: state, to: 'unknown', flapping: false };
    const nowMs = this.clock.nowMs();
    const message = 'It is no longer watched: the configuration does not name it any more.';
    this.listener.changed({ target, transition, message, atMs: nowMs, sinceMs: nowMs });
  }

  private turn(): void {
    const now = this.clock.monotonicMs();
    const lateMs = now - this.turnedAtMs - TURN_MS;
    if (lateMs > STALL_MS) this.stalledMs += lateMs;
    this.turnedAtMs = now;
    this.wheel.advance(now, (slot, dueMs) => this.due(slot, dueMs));
    if (now - this.sweptAtMs >= SWEEP_MS) this.sweep(now);
  }

  private due(slot: number, dueMs: number): void {
    const target = this.columns.targetAt(slot);
    if (target === undefined || this.stop.signal.aborted) return;
    const running = this.moduleOf(target);
    this.wheel.schedule(slot, this.gridAfter(target, running.module, this.clock.monotonicMs()));
    const inTheWay = this.flights.get(target.id);
    if (inTheWay?.isExtra === true) this.wheel.schedule(slot, this.clock.monotonicMs() + EXTRA_WAIT_MS);
    if (inTheWay !== undefined) return;
    const flight: Flight = { abort: new AbortController(), isExtra: false, done: Promise.resolve() };
    this.flights.set(target.id, flight);
    const isDark = this.columns.success[slot] === 0;
    this.admission.request(target.store, isDark, (release) => {
      flight.done = this.fly(target, running, flight.abort, dueMs).finally(() => {
        this.flights.delete(target.id);
        release();
      });
    });
  }

  /** One probe from start to verdict. Rejects never: a fault of a prober's own code is inconclusive. */
  private async fly(
    target: Target,
    running: RunningModule,
    abort: AbortController,
    dueMs: number,
  ): Promise<void> {
    if (abort.signal.aborted) return;
    const startMs = this.clock.monotonicMs();
    const stalledBeforeMs = this.stalledMs;
    using _deadline = this.clock.after(running.module.timeoutMs, () =>
      abort.abort(new DOMException('the probe took too long', 'TimeoutError')),
    );
    const seen = await runProbe(running.probe, target, abort.signal);
    if (seen === undefined) return;
    const stalledMs = this.stalledMs - stalledBeforeMs;
    const report = unlessLate(seen, running.module, abort.signal.aborted, stalledMs);
    const slot = this.columns.slotOf(target.id);
    if (slot === undefined || this.columns.targetAt(slot)?.address !== target.address) return;
    const { outcome } = report;
    const reason = 'reason' in outcome ? outcome.reason : undefined;
    this.listener.probed(outcome.kind, reason, Math.max(0, startMs - dueMs));
    if (outcome.kind === 'inconclusive') {
      this.columns.setLast(slot, outcome.reason, outcome.message, []);
      return;
    }
    this.record(slot, target, running.module, report, outcome.durationMs);
    this.scheduleSoft(slot, target, running.module, startMs);
  }

  private record(
    slot: number,
    target: Target,
    module: Module,
    report: ProbeReport,
    durationMs: number,
  ): void {
    const columns = this.columns;
    const nowMs = this.clock.nowMs();
    const { outcome } = report;
    columns.success[slot] = outcome.kind === 'failed' ? 0 : 1;
    columns.durationMs[slot] = durationMs;
    columns.lastRunAtMs[slot] = nowMs;
    columns.lastRunMonotonicMs[slot] = this.clock.monotonicMs();
    const seen = observe(outcome, module.policy);
    const lastReason = 'reason' in seen ? seen.reason : undefined;
    columns.setLast(slot, lastReason, outcome.message, module.detailedMetrics ? report.samples : []);
    this.judge(slot, target, module, seen, outcome.message, nowMs);
  }

  private judge(
    slot: number,
    target: Target,
    module: Module,
    seen: Observation,
    message: string,
    nowMs: number,
  ): void {
    const columns = this.columns;
    const before = columns.healthAt(slot);
    const [health, transition] = step(before, seen, module.policy);
    columns.setHealth(slot, health);
    if (transition !== undefined) {
      const sinceMs = columns.changingSinceMs[slot] || nowMs;
      columns.sinceMs[slot] = sinceMs;
      columns.changingSinceMs[slot] = 0;
      const text = describeChange(transition, message, module, columns.durationMs[slot] ?? 0);
      this.listener.changed({ target, transition, message: text, atMs: nowMs, sinceMs });
      return;
    }
    if (!isSoft(health, module.policy) || health.state === 'unknown') columns.changingSinceMs[slot] = 0;
    else if (columns.changingSinceMs[slot] === 0) columns.changingSinceMs[slot] = nowMs;
  }

  /** While a change is not confirmed, looks again after the module's `retry_interval`, counted from the last start. */
  private scheduleSoft(slot: number, target: Target, module: Module, startMs: number): void {
    if (!isSoft(this.columns.healthAt(slot), module.policy)) return;
    const now = this.clock.monotonicMs();
    const retryMs = Math.max(now, startMs + module.retryIntervalMs);
    if (retryMs < this.gridAfter(target, module, now)) this.wheel.schedule(slot, retryMs);
  }

  private gridAfter(target: Target, module: Module, afterMs: number): number {
    return nextDue(phaseOf(target.id, module.intervalMs), module.intervalMs, afterMs);
  }

  /** Finds targets without a verdict for three intervals: nothing is known of them any more. */
  private sweep(now: number): void {
    const wasStopped = now - this.sweptAtMs > STOPPED_AFTER_MS;
    this.sweptAtMs = now;
    for (let slot = 0; slot < this.columns.slotCount; slot++) {
      const target = this.columns.targetAt(slot);
      if (target === undefined || this.columns.stateAt(slot) === 'unknown') continue;
      const { module } = this.moduleOf(target);
      const ageMs = now - (this.columns.lastRunMonotonicMs[slot] ?? 0);
      if (ageMs <= STALE_AFTER_INTERVALS * module.intervalMs) continue;
      const reason = wasStopped ? 'self-late' : selfReason(this.columns.lastReasonAt(slot));
      const message = `It has not been checked for ${formatDuration(ageMs)}: ${REASON_TEXT[reason]}.`;
      this.judge(slot, target, module, { kind: 'missed', reason }, message, this.clock.nowMs());
    }
  }

  private moduleOf(target: Target): RunningModule {
    const running = this.modules.get(target.module);
    if (running === undefined)
      throw new Error(`target ${target.id} names module ${target.module}, which is not open`);
    return running;
  }
}

interface Flight {
  readonly abort: AbortController;
  /** Asked for by somebody, not by the schedule. */
  readonly isExtra: boolean;
  done: Promise<void>;
}

function nothing(): void {}

function selfReason(last: AnyReason | undefined): 'stale' | SelfReason {
  return SELF_REASONS.find((reason) => reason === last) ?? 'stale';
}

function describeChange(transition: Transition, message: string, module: Module, durationMs: number): string {
  const unstable = transition.flapping ? 'Unstable, it answers and fails by turns. ' : '';
  switch (transition.to) {
    case 'down':
    case 'unknown':
    case 'up':
      return `${unstable}${message}`;
    case 'degraded': {
      const { slowAfterMs } = module.policy;
      const isSlow = transition.reason === 'slow' && slowAfterMs !== undefined && durationMs > slowAfterMs;
      if (!isSlow) return `${unstable}${message}`;
      return `${unstable}It answers after ${formatDuration(durationMs)}, later than ${formatDuration(slowAfterMs)}.`;
    }
    default:
      return unreachable(transition.to);
  }
}
