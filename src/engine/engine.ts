import type { HotColumns } from '../core/columns.ts';
import type { Transition } from '../core/health.ts';
import type { Outcome, ProbeReport } from '../core/outcome.ts';
import { type AnyReason, REASON_TEXT } from '../core/reason.ts';
import { nextDue, phaseOf, STALE_AFTER_INTERVALS } from '../core/schedule.ts';
import type { CanaryReadings } from '../core/sight.ts';
import type { Canary, Target } from '../estate/estate.ts';
import { type Clock, repeat } from '../lib/clock.ts';
import { formatDuration } from '../lib/duration.ts';
import type { Probe, ProbeRequest } from '../probes/probe.ts';
import type { Limits, Module } from '../settings/settings.ts';
import { Admission } from './admission.ts';
import { runProbe, unlessLate } from './fair-probe.ts';
import { type Flight, unlessAborted, waitedInVain, whenEnded } from './flight.ts';
import { PathProof } from './path-proof.ts';
import { TimingWheel } from './timing-wheel.ts';
import { selfReason, Verdicts } from './verdicts.ts';

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

/** The same from a thread that tells rows and not targets. */
export type SlotChange = Omit<TargetChange, 'target'> & { readonly slot: number };

/** Told of what happens, at once and in order. None may throw nor take long: probing waits for nobody. */
export interface EngineListener {
  changed(change: SlotChange): void;
  /** `isOverruled`: the prober saw a failure, which proves nothing while we ourselves may be blind. */
  probed(
    kind: Outcome['kind'],
    reason: AnyReason | undefined,
    latenessMs: number,
    isOverruled: boolean,
  ): void;
  /** It begins to fail, or fails and cannot be called down yet: others may share its fate, or we be blind. */
  suspected(slot: number): void;
  /** The last probe is not well for another reason than the one before, or is well again. */
  reasonChanged(slot: number, message: string): void;
  /** A probe of a module with detailed metrics ended. */
  sampled(slot: number, samples: ProbeReport['samples']): void;
}

/** What to watch from now on, beyond what is watched already. */
export interface Assignment {
  readonly put: readonly { readonly slot: number; readonly target: Target }[];
  readonly drop: readonly number[];
  readonly modules: ReadonlyMap<string, RunningModule>;
  readonly limits: Limits;
  /** All that the estate has, whoever probes them, in its order. */
  readonly canaries: readonly Canary[];
  /** 1 ordinarily; 4 probes at a quarter of the rate. Intervals are multiplied by it. 1 or more. */
  readonly pace: number;
}

/** How often the wheel turns and how often targets not probed lately are looked for. Unit: ms. */
const TURN_MS = 10;
const SWEEP_MS = 1_000;
/** A turn that comes later than this means that the process was kept from running. Unit: ms. */
const STALL_MS = 200;
/** How soon to try again when an extra probe is in the way of a scheduled one. Unit: ms. */
const EXTRA_WAIT_MS = 100;
/** A target probed so lately is not probed again for suspicion alone. Unit: ms. */
const RECHECK_AFTER_MS = 1_000;
/** When we see again after having been blind, every target is probed within this or its interval. Unit: ms. */
const REGAIN_WITHIN_MS = 30_000;
/** A sweep that comes this late means that we were stopped, not the targets. Unit: ms. */
const STOPPED_AFTER_MS = 5_000;

/**
 * Runs the probes of the targets assigned to it: when each is due, how many at once, outcome → health → columns →
 * listener. It knows nothing of storing or telling. One probe is in flight per target; a probe that starts late or
 * takes long moves no later one. Several engines may share the columns, each with rows of its own.
 */
export class Engine implements AsyncDisposable {
  private readonly columns: HotColumns;
  private readonly proof: PathProof;
  private readonly verdicts: Verdicts;
  private readonly clock: Clock;
  private readonly listener: EngineListener;
  private readonly wheel: TimingWheel;
  private readonly admission: Admission;
  private readonly stop = new AbortController();
  private readonly targets: (Target | undefined)[] = [];
  private readonly flights = new Map<string, Flight>();
  private readonly turns: Disposable;
  /** The columns' `sightedSinceMs` when it was last looked at. */
  private sightedSinceMs: number;
  private modules: ReadonlyMap<string, RunningModule> = new Map();
  private pace = 1;
  private turnedAtMs: number;
  private sweptAtMs: number;
  /** How long this thread has been kept from running, over all. Unit: ms. */
  private stalledMs = 0;

  constructor(
    columns: HotColumns,
    readings: CanaryReadings,
    limits: Limits,
    clock: Clock,
    listener: EngineListener,
  ) {
    this.columns = columns;
    this.proof = new PathProof(columns, readings, clock);
    this.verdicts = new Verdicts(columns, this.proof, clock, listener);
    this.sightedSinceMs = columns.sightedSinceMs;
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
   * Takes on what has changed. Targets that are not named keep their place in the schedule, unless their module's
   * interval or the pace changed; the rows of new ones are made before this is called.
   */
  assign({ put, drop, modules, limits, canaries, pace }: Assignment): void {
    const before = this.modules;
    const isNewPace = pace !== this.pace;
    this.modules = modules;
    this.pace = pace;
    this.admission.setLimits(limits);
    for (const slot of drop) this.drop(slot);
    for (const { slot, target } of put) {
      this.drop(slot);
      this.targets[slot] = target;
      this.scheduleGrid(slot, target);
    }
    this.proof.setCanaries(canaries, this.targets);
    for (const [slot, target] of this.targets.entries()) {
      if (target === undefined) continue;
      const old = before.get(target.module)?.module.intervalMs;
      const isNewInterval = old !== undefined && old !== modules.get(target.module)?.module.intervalMs;
      if (isNewPace || isNewInterval) this.scheduleGrid(slot, target);
    }
  }

  /**
   * Probes what is in these rows once more, each at a moment of its own within `withinMs`, unless it is due sooner.
   * With 0 at once, but nothing that is being probed or was within the last second.
   */
  recheck(slots: readonly number[], withinMs: number): void {
    const now = this.clock.monotonicMs();
    for (const slot of slots) {
      const target = this.targets[slot];
      if (target === undefined) continue;
      if (withinMs === 0 && (this.flights.has(target.id) || this.ageAt(slot, now) < RECHECK_AFTER_MS))
        continue;
      this.wheel.scheduleSooner(slot, now + phaseOf(target.id, withinMs));
    }
  }

  /**
   * One probe outside the schedule, with `module` as it is configured; changes no state. It waits for its place and
   * for a scheduled probe of the same target as any other; a deadline that comes meanwhile makes it inconclusive.
   * Undefined: no such module is open. Rejects as `Probe.run`.
   */
  async probeOnce(
    module: string,
    request: ProbeRequest,
    target: Target | undefined,
    signal: AbortSignal,
  ): Promise<ProbeReport | undefined> {
    const abort = new AbortController();
    const called = AbortSignal.any([signal, abort.signal, this.stop.signal]);
    if (!this.modules.has(module)) return undefined;
    const id = request.targetId;
    const flight: Flight = { abort, isExtra: true, waiting: undefined };
    let place: Promise<() => void> | undefined;
    let release: () => void;
    try {
      for (let other = this.flights.get(id); other !== undefined; other = this.flights.get(id)) {
        await unlessAborted(whenEnded(other), called);
      }
      this.flights.set(id, flight);
      const bounds = target === undefined ? {} : placeOf(target);
      place = new Promise((resolve) => this.admission.request(bounds, false, resolve));
      release = await unlessAborted(place, called);
    } catch (error) {
      this.endFlight(id, flight);
      void place?.then((unused) => unused());
      return waitedInVain(error);
    }
    try {
      return await this.modules.get(module)?.probe.run(request, called);
    } finally {
      this.endFlight(id, flight);
      release();
    }
  }

  /** Ends every probe in flight; resolves when none is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.turns[Symbol.dispose]();
    this.stop.abort(new DOMException('the monitor stops', 'AbortError'));
    const flights = Array.from(this.flights.values());
    for (const flight of flights) flight.abort.abort(this.stop.signal.reason);
    await Promise.all(flights.map(whenEnded));
  }

  private drop(slot: number): void {
    const target = this.targets[slot];
    if (target === undefined) return;
    this.targets[slot] = undefined;
    this.proof.forget(slot);
    this.wheel.cancel(slot);
    this.flights.get(target.id)?.abort.abort(new DOMException('the target is gone', 'AbortError'));
  }

  private turn(): void {
    const now = this.clock.monotonicMs();
    const lateMs = now - this.turnedAtMs - TURN_MS;
    if (lateMs > STALL_MS) this.stalledMs += lateMs;
    this.turnedAtMs = now;
    if (this.columns.sightedSinceMs !== this.sightedSinceMs) this.sightChanged(now);
    this.wheel.advance(now, (slot, dueMs) => this.due(slot, dueMs));
    if (now - this.sweptAtMs >= SWEEP_MS) this.sweep(now);
  }

  /** When we can see again, every target is probed once more, each at a moment of its own. */
  private sightChanged(now: number): void {
    this.sightedSinceMs = this.columns.sightedSinceMs;
    if (this.sightedSinceMs === Number.POSITIVE_INFINITY) return;
    for (const [slot, target] of this.targets.entries()) {
      if (target === undefined) continue;
      const intervalMs = this.moduleOf(target).module.intervalMs * this.pace;
      this.wheel.scheduleSooner(slot, now + phaseOf(target.id, Math.min(intervalMs, REGAIN_WITHIN_MS)));
    }
  }

  private due(slot: number, dueMs: number): void {
    const target = this.targets[slot];
    if (target === undefined || this.stop.signal.aborted) return;
    const running = this.moduleOf(target);
    this.scheduleGrid(slot, target);
    const inTheWay = this.flights.get(target.id);
    if (inTheWay?.isExtra === true) this.wheel.schedule(slot, this.clock.monotonicMs() + EXTRA_WAIT_MS);
    if (inTheWay !== undefined) return;
    const flight: Flight = { abort: new AbortController(), isExtra: false, waiting: undefined };
    this.flights.set(target.id, flight);
    const isDark = this.columns.success[slot] === 0;
    this.admission.request(placeOf(target), isDark, (release) => {
      void this.fly(slot, target, running, flight.abort, dueMs).finally(() => {
        this.endFlight(target.id, flight);
        release();
      });
    });
  }

  private endFlight(id: string, flight: Flight): void {
    if (this.flights.get(id) === flight) this.flights.delete(id);
    for (const go of flight.waiting ?? []) go();
  }

  /** One probe from start to verdict. Rejects never: a fault of a prober's own code is inconclusive. */
  private async fly(
    slot: number,
    target: Target,
    running: RunningModule,
    abort: AbortController,
    dueMs: number,
  ): Promise<void> {
    if (abort.signal.aborted) return;
    const startMs = this.clock.monotonicMs();
    const stalledBeforeMs = this.stalledMs;
    const isProven = this.proof.isPathProven(slot);
    using _deadline = this.clock.after(running.module.timeoutMs, () =>
      abort.abort(new DOMException('the probe took too long', 'TimeoutError')),
    );
    const seen = await runProbe(running.probe, target, abort.signal);
    if (seen === undefined || this.targets[slot] !== target) return;
    const stalledMs = this.stalledMs - stalledBeforeMs;
    const fair = unlessLate(seen, running.module, abort.signal.aborted, stalledMs);
    const report = this.proof.unlessBlind(slot, running.module, fair, startMs, isProven);
    const { outcome } = report;
    const isOverruled = report !== fair;
    const reason = 'reason' in outcome ? outcome.reason : undefined;
    this.listener.probed(outcome.kind, reason, Math.max(0, startMs - dueMs), isOverruled);
    if (outcome.kind === 'inconclusive') {
      this.verdicts.noteReason(slot, outcome.reason, outcome.message);
      if (!isOverruled || this.isBlind) return;
      this.listener.suspected(slot);
      this.scheduleRetry(slot, target, running.module, startMs);
      return;
    }
    const isSettled = this.verdicts.record(slot, running.module, report, outcome.durationMs);
    if (!isSettled) this.scheduleRetry(slot, target, running.module, startMs);
  }

  private get isBlind(): boolean {
    return this.columns.sightedSinceMs === Number.POSITIVE_INFINITY;
  }

  /** While nothing is confirmed, looks again after the module's `retry_interval`, counted from the last start. */
  private scheduleRetry(slot: number, target: Target, module: Module, startMs: number): void {
    const now = this.clock.monotonicMs();
    const retryMs = Math.max(now, startMs + module.retryIntervalMs);
    if (retryMs < this.gridAfter(target, now)) this.wheel.scheduleSooner(slot, retryMs);
  }

  private scheduleGrid(slot: number, target: Target): void {
    this.wheel.schedule(slot, this.gridAfter(target, this.clock.monotonicMs()));
  }

  private gridAfter(target: Target, afterMs: number): number {
    const intervalMs = this.moduleOf(target).module.intervalMs * this.pace;
    return nextDue(phaseOf(target.id, intervalMs), intervalMs, afterMs);
  }

  /** Finds targets without a verdict for three intervals: nothing is known of them any more. */
  private sweep(now: number): void {
    const wasStopped = now - this.sweptAtMs > STOPPED_AFTER_MS;
    this.sweptAtMs = now;
    if (this.isBlind) return;
    for (const [slot, target] of this.targets.entries()) {
      if (target === undefined) continue;
      const { module } = this.moduleOf(target);
      const ageMs = Math.min(this.ageAt(slot, now), now - this.columns.sightedSinceMs);
      if (ageMs <= STALE_AFTER_INTERVALS * module.intervalMs * this.pace) continue;
      if (this.columns.confirmedAt(slot) === 'unknown') continue;
      const reason = wasStopped ? 'self-late' : selfReason(this.columns.lastReasonAt(slot));
      const message = `It has not been checked for ${formatDuration(ageMs)}: ${REASON_TEXT[reason]}.`;
      this.verdicts.missed(slot, module, reason, message);
    }
  }

  private ageAt(slot: number, now: number): number {
    return now - (this.columns.lastRunMonotonicMs[slot] ?? 0);
  }

  private moduleOf(target: Target): RunningModule {
    const running = this.modules.get(target.module);
    if (running === undefined)
      throw new Error(`target ${target.id} names module ${target.module}, which is not open`);
    return running;
  }
}

function placeOf({ store, labels }: Target) {
  return { ...(store === undefined ? {} : { store }), network: labels['network'] };
}
