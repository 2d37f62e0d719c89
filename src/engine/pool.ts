import { Worker } from 'node:worker_threads';
import { NEVER, type TargetColumns } from '../core/columns.ts';
import { encodeBits, orderedIds } from '../core/evidence.ts';
import type { Health, State } from '../core/health.ts';
import { UNKNOWN_HEALTH } from '../core/health.ts';
import type { Outcome, ProbeReport } from '../core/outcome.ts';
import type { AnyReason, SelfReason } from '../core/reason.ts';
import { CanaryReadings, type SightNotice } from '../core/sight.ts';
import type { Canary, Target } from '../estate/estate.ts';
import type { TargetId } from '../estate/ids.ts';
import type { Clock } from '../lib/clock.ts';
import { fnv1a } from '../lib/hash.ts';
import type { ProbeRequest } from '../probes/probe.ts';
import type { Limits, Settings } from '../settings/settings.ts';
import type { TargetChange } from './engine.ts';
import { ProbingThread } from './probing-thread.ts';
import { SightWatch } from './sight-watch.ts';
import { SuspectSearch } from './suspect-search.ts';
import type { FromWorker, ToWorker, WorkerStart } from './worker-protocol.ts';

/** Told of what happens, in order. None may throw. */
export interface PoolListener {
  changed(change: TargetChange): void;
  probed(kind: Outcome['kind'], reason: AnyReason | undefined, latenessMs: number): void;
  /** A probing thread ended by itself and is being started again. */
  threadLost(error: Error): void;
  /** Our own sight went or is back. Told once for each change; while it is gone no target is called down. */
  sightChanged?(notice: SightNotice): void;
}

export interface PoolOptions {
  /** The file that a probing thread runs (see `worker-host.ts`). */
  readonly file: URL;
  /** How many. 1 or more. */
  readonly threads: number;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly listener: PoolListener;
  /** We were blind when we stopped: every target is probed anew before sight is told to be back. */
  readonly blindBefore?: { readonly reason: SelfReason; readonly sinceMs: number };
}

/** How many targets new settings touched. */
export interface WatchSummary {
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
}

/** What a target starts with: its confirmed state from before the restart, or unknown. */
export type Restore = (target: TargetId) => { readonly health: Health; readonly sinceMs: number } | undefined;

/** What is said of a target that is watched no more. */
export const GONE = 'It is no longer watched: the configuration does not name it any more.';
const RESTARTED = 'The state was confirmed just before a part of the monitor was started again.';

/**
 * The estate's probes, on threads of their own. The main thread holds what is watched and hands out rows; each
 * thread probes the stores that fall to it and writes their rows. Threads may end at any time: what they had
 * confirmed is in the columns, and another goes on from there.
 */
export class EnginePool implements AsyncDisposable {
  readonly columns: TargetColumns;
  private readonly clock: Clock;
  private readonly listener: PoolListener;
  private readonly threads: readonly ProbingThread[];
  private readonly sight: SightWatch;
  private readonly search: SuspectSearch;
  private modules: Settings['modules'] = new Map();
  private canaries: readonly Canary[] = [];
  /** The state of each row as the listener was last told. */
  private readonly told: State[] = [];
  /** Rows in the order of the ids of the estate's targets. */
  private ranked = new Int32Array(0);
  private limits: Limits;
  private pace = 1;

  constructor(columns: TargetColumns, options: PoolOptions) {
    const { file, threads, limits, clock, listener } = options;
    this.columns = columns;
    this.clock = clock;
    this.listener = listener;
    this.limits = share(limits, threads);
    const readings = new CanaryReadings();
    this.sight = new SightWatch(columns, readings, clock, options.blindBefore, {
      askCanaries: () =>
        this.recheck(
          this.canaries.map((canary) => canary.target),
          0,
        ),
      sightChanged: (notice) => listener.sightChanged?.(notice),
    });
    this.search = new SuspectSearch(columns, clock, (slots) => this.recheckSlots(slots, 0));
    const start: WorkerStart = {
      memory: columns.memory,
      canaries: readings.memory,
      limits: this.limits,
    };
    this.threads = Array.from({ length: threads }, (_, index) => {
      const spawn = () => new Worker(file, { workerData: start, name: `probing ${index}` });
      return new ProbingThread(spawn, clock, {
        batch: (batch) => this.receive(batch),
        released: (slots) => {
          for (const slot of slots) columns.release(slot);
        },
        lost: (thread, error) => this.takeUpAgain(thread, error),
      });
    });
  }

  /** Probes under way. */
  get inFlight(): number {
    return this.threads.reduce((sum, thread) => sum + thread.inFlight, 0);
  }

  /** Probes that are due and wait for a place. */
  get queued(): number {
    return this.threads.reduce((sum, thread) => sum + thread.queued, 0);
  }

  /** Makes the modules of `settings` ready beside those in use. Throws `ProberUnavailable` and changes nothing. */
  async open({ modules, baseDir }: Settings): Promise<void> {
    const all = Array.from(modules.values());
    await Promise.all(this.threads.map((thread) => thread.open(all, baseDir)));
  }

  /**
   * Watches the estate of `settings`, whose modules were opened last. Targets that stay as they are keep their state
   * and their place in the schedule; changed ones keep their state; new ones start as `restore` says; gone ones end as
   * `unknown`. Returns how many of each there were.
   */
  watch({ estate, modules }: Settings, limits: Limits, restore: Restore): WatchSummary {
    const summary = { added: 0, removed: 0, changed: 0 };
    this.canaries = estate.canaries ?? [];
    this.modules = modules;
    this.limits = share(limits, this.threads.length);
    const drop = new Map<ProbingThread, number[]>();
    for (let slot = 0; slot < this.columns.slotCount; slot++) {
      const target = this.columns.targetAt(slot);
      if (target === undefined || estate.targets.has(target.id)) continue;
      listIn(drop, this.threadOf(target)).push(slot);
      this.end(slot, target);
      summary.removed++;
    }
    const put = new Map<ProbingThread, { slot: number; target: Target }[]>();
    for (const target of estate.targets.values()) {
      const slot = this.columns.slotOf(target.id);
      const old = slot === undefined ? undefined : this.columns.targetAt(slot);
      if (slot === undefined) {
        summary.added++;
        listIn(put, this.threadOf(target)).push({ slot: this.begin(target, restore), target });
      } else if (old !== undefined && !isSame(old, target)) {
        summary.changed++;
        if (this.threadOf(old) === this.threadOf(target)) this.columns.replace(slot, target);
        else listIn(drop, this.threadOf(old)).push(slot);
        const row = this.columns.targetAt(slot) === target ? slot : this.move(slot, target);
        listIn(put, this.threadOf(target)).push({ slot: row, target });
      }
    }
    for (const thread of this.threads) this.assign(thread, put.get(thread) ?? [], drop.get(thread) ?? []);
    this.watchSight();
    this.search.watch(modules, this.pace);
    this.ranked = Int32Array.from(orderedIds(estate), (id) => this.columns.slotOf(id) ?? -1);
    return summary;
  }

  /** Probes at 1/`pace` of the rate from now on. 1 or more. */
  setPace(pace: number): void {
    if (pace === this.pace) return;
    this.pace = pace;
    this.watchSight();
    this.search.setPace(pace);
    for (const thread of this.threads) this.assign(thread, [], []);
  }

  /**
   * One probe outside the schedule, with `module` as it is configured; changes no state. It waits for its place and
   * for a scheduled probe of the same target as any other. Undefined: no such module is open. Rejects as `Probe.run`.
   */
  probeOnce(module: string, request: ProbeRequest, signal: AbortSignal): Promise<ProbeReport | undefined> {
    const slot = this.columns.slotOf(request.targetId as TargetId);
    const target = slot === undefined ? undefined : this.columns.targetAt(slot);
    const thread = target === undefined ? this.threads[0] : this.threadOf(target);
    if (thread === undefined) throw new Error('there is no probing thread');
    return thread.probe(module, request, target, signal);
  }

  /**
   * Probes these targets once more, each at a moment of its own within `withinMs`; one that is due sooner anyway is
   * probed then. Ids that are not watched are passed over.
   */
  recheck(ids: readonly TargetId[], withinMs: number): void {
    const slots = ids.map((id) => this.columns.slotOf(id)).filter((slot) => slot !== undefined);
    this.recheckSlots(slots, withinMs);
  }

  /**
   * Which targets' last probes tell something of what has been since `sinceMs` (epoch ms, UTC): those that answered
   * and began since then, and those that failed and ended since then. Two sets, as in `EvidenceGathered`.
   */
  evidenceSince(sinceMs: number): { readonly answering: string; readonly failing: string } {
    const { success, lastRunAtMs, durationMs } = this.columns;
    const answering = new Uint8Array((this.ranked.length + 7) >> 3);
    const failing = new Uint8Array(answering.length);
    for (let rank = 0; rank < this.ranked.length; rank++) {
      const slot = this.ranked[rank] ?? -1;
      const endedAtMs = lastRunAtMs[slot] ?? 0;
      if (endedAtMs < sinceMs || success[slot] === NEVER || this.columns.isHiddenAt(slot)) continue;
      const bit = 1 << (rank & 7);
      if (success[slot] === 0) failing[rank >> 3] = (failing[rank >> 3] ?? 0) | bit;
      else if (endedAtMs - (durationMs[slot] ?? 0) >= sinceMs) {
        answering[rank >> 3] = (answering[rank >> 3] ?? 0) | bit;
      }
    }
    return { answering: encodeBits(answering), failing: encodeBits(failing) };
  }

  /** Ends every probe and thread. What they had confirmed is told before it resolves. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.search[Symbol.dispose]();
    this.sight[Symbol.dispose]();
    await Promise.all(this.threads.map((thread) => thread[Symbol.asyncDispose]()));
  }

  /** A store's targets are all probed by one thread, so that the bounds towards it hold. */
  private threadOf(target: Target): ProbingThread {
    const thread = this.threads[fnv1a(target.store ?? target.id) % this.threads.length];
    if (thread === undefined) throw new Error('there is no probing thread');
    return thread;
  }

  private recheckSlots(slots: readonly number[], withinMs: number): void {
    const asked = new Map<ProbingThread, number[]>();
    for (const slot of slots) {
      const target = this.columns.targetAt(slot);
      if (target !== undefined) listIn(asked, this.threadOf(target)).push(slot);
    }
    for (const [thread, rows] of asked) thread.recheck(rows, withinMs);
  }

  private begin(target: Target, restore: Restore): number {
    const from = restore(target.id);
    const health = from?.health ?? UNKNOWN_HEALTH;
    const slot = this.columns.add(
      target,
      health,
      this.clock.monotonicMs(),
      from?.sinceMs ?? this.clock.nowMs(),
    );
    this.told[slot] = health.state;
    return slot;
  }

  /** A target that another thread is to probe gets another row: no row is ever written by two. */
  private move(slot: number, target: Target): number {
    const health = this.columns.healthAt(slot);
    const sinceMs = this.columns.sinceMs[slot] ?? this.clock.nowMs();
    this.columns.remove(slot);
    const row = this.columns.add(target, health, this.clock.monotonicMs(), sinceMs);
    this.told[row] = this.told[slot] ?? 'unknown';
    return row;
  }

  private end(slot: number, target: Target): void {
    this.columns.remove(slot);
    const from = this.told[slot] ?? 'unknown';
    if (from === 'unknown') return;
    const atMs = this.clock.nowMs();
    const transition = { from, to: 'unknown', flapping: false } as const;
    this.listener.changed({ target, transition, message: GONE, atMs, sinceMs: atMs });
  }

  private assign(
    thread: ProbingThread,
    put: (ToWorker & { kind: 'assign' })['put'],
    drop: readonly number[],
  ): void {
    thread.assign({
      kind: 'assign',
      put,
      drop,
      limits: this.limits,
      canaries: this.canaries,
      pace: this.pace,
    });
  }

  private watchSight(): void {
    const all = Array.from(this.modules.values());
    const longestMs = Math.max(0, ...all.map(({ intervalMs }) => intervalMs)) * this.pace;
    this.sight.watch(this.canaries, longestMs + Math.max(0, ...all.map(({ timeoutMs }) => timeoutMs)));
  }

  private receive(batch: FromWorker & { kind: 'batch' }): void {
    const { changes, counts, messages, samples, suspects } = batch;
    if (suspects.length > 0) {
      this.sight.doubt();
      if (!this.sight.isBlind) this.search.suspected(suspects);
    }
    for (const { kind, reason, isOverruled, latenessMs } of counts) {
      this.search.probed(latenessMs.length);
      this.sight.counted(reason, latenessMs.length, isOverruled);
      for (const late of latenessMs) this.listener.probed(kind, reason, late);
    }
    for (const [slot, message] of messages) this.columns.setMessage(slot, message);
    for (const [slot, taken] of samples) this.columns.setSamples(slot, taken);
    for (const { slot, ...change } of changes) {
      const target = this.columns.targetAt(slot);
      if (target === undefined) continue;
      this.told[slot] = change.transition.to;
      this.listener.changed({ target, ...change });
    }
  }

  /** A thread was lost: a new one gets all of its targets, and what the old one had confirmed but not told is told. */
  private takeUpAgain(thread: ProbingThread, error: Error): void {
    this.listener.threadLost(error);
    const put: { slot: number; target: Target }[] = [];
    for (let slot = 0; slot < this.columns.slotCount; slot++) {
      const target = this.columns.targetAt(slot);
      if (target === undefined || this.threadOf(target) !== thread) continue;
      put.push({ slot, target });
      this.tellUntold(slot, target);
    }
    this.assign(thread, put, []);
  }

  private tellUntold(slot: number, target: Target): void {
    const from = this.told[slot] ?? 'unknown';
    const to = this.columns.confirmedAt(slot);
    if (from === to) return;
    this.told[slot] = to;
    const reason = this.columns.confirmedReasonAt(slot);
    const transition = {
      from,
      to,
      flapping: this.columns.isFlappingAt(slot),
      ...(reason === undefined ? {} : { reason }),
    };
    const message = this.columns.messageAt(slot) || RESTARTED;
    const sinceMs = this.columns.sinceMs[slot] ?? this.clock.nowMs();
    this.listener.changed({ target, transition, message, atMs: this.clock.nowMs(), sinceMs });
  }
}

function listIn<Key, Item>(lists: Map<Key, Item[]>, key: Key): Item[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}

/** Each thread's part of the bounds that hold over all; those towards a store are whole, as a store has one thread. */
function share(limits: Limits, threads: number): Limits {
  const part = (whole: number): number => Math.max(1, Math.ceil(whole / threads));
  const { maxInFlight, maxInFlightPerNetwork } = limits;
  return { ...limits, maxInFlight: part(maxInFlight), maxInFlightPerNetwork: part(maxInFlightPerNetwork) };
}

function isSame(a: Target, b: Target): boolean {
  return (
    a === b ||
    (a.module === b.module &&
      a.address === b.address &&
      a.kind === b.kind &&
      a.store === b.store &&
      JSON.stringify(a.labels) === JSON.stringify(b.labels))
  );
}
