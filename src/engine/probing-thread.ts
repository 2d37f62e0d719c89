import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import type { ProbeReport } from '../core/outcome.ts';
import type { Target } from '../estate/estate.ts';
import type { Clock } from '../lib/clock.ts';
import { unreachable } from '../lib/unreachable.ts';
import { type ProbeRequest, ProberUnavailable } from '../probes/probe.ts';
import type { Module } from '../settings/settings.ts';
import type { FromWorker, ToWorker } from './worker-protocol.ts';

/** How long to wait before a lost thread is started again: doubles from the first to the last. Unit: ms. */
const RESTART_FIRST_MS = 100;
const RESTART_LAST_MS = 5_000;
/** A thread that does not end by itself in this time is ended. Unit: ms. */
const END_WITHIN_MS = 5_000;

interface ThreadOwner {
  batch(batch: FromWorker & { kind: 'batch' }): void;
  /** The thread will not touch these rows any more. */
  released(slots: readonly number[]): void;
  /** The thread ended by itself; a new one stands ready with the same modules and knows no targets. */
  lost(thread: ProbingThread, error: Error): void;
}

interface Waiting<Value> {
  readonly resolve: (value: Value) => void;
  readonly reject: (error: unknown) => void;
}

/** The main thread's end of one probing thread; starts another when it ends by itself. */
export class ProbingThread implements AsyncDisposable {
  inFlight = 0;
  queued = 0;
  private readonly spawn: () => Worker;
  private readonly clock: Clock;
  private readonly owner: ThreadOwner;
  private readonly opening = new Map<number, Waiting<void>>();
  private readonly probing = new Map<number, Waiting<ProbeReport | undefined>>();
  /** Rows dropped by each assignment that is not yet acknowledged, oldest first. */
  private leaving: (readonly number[])[] = [];
  private worker: Worker;
  private modules: { readonly modules: readonly Module[]; readonly baseDir: string } | undefined;
  private nextId = 1;
  private restartDelayMs = RESTART_FIRST_MS;
  private isStopping = false;

  constructor(spawn: () => Worker, clock: Clock, owner: ThreadOwner) {
    this.spawn = spawn;
    this.clock = clock;
    this.owner = owner;
    this.worker = this.start();
  }

  /** Makes modules ready beside those in use. Throws `ProberUnavailable` when they cannot be. */
  async open(modules: readonly Module[], baseDir: string): Promise<void> {
    await this.ask(modules, baseDir);
    this.modules = { modules, baseDir };
  }

  assign(message: ToWorker & { kind: 'assign' }): void {
    this.leaving.push(message.drop);
    this.post(message);
  }

  recheck(slots: readonly number[], withinMs: number): void {
    this.post({ kind: 'recheck', slots, withinMs });
  }

  async probe(
    module: string,
    request: ProbeRequest,
    target: Target | undefined,
    signal: AbortSignal,
  ): Promise<ProbeReport | undefined> {
    signal.throwIfAborted();
    const id = this.nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<ProbeReport | undefined>();
    this.probing.set(id, { resolve, reject });
    const callOff = (): void => {
      const isTimeout = signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError';
      this.post({ kind: 'call-off', id, isTimeout });
      if (!isTimeout) reject(signal.reason);
    };
    signal.addEventListener('abort', callOff, { once: true });
    this.post({ kind: 'probe', id, module, request, target });
    try {
      return await promise;
    } finally {
      signal.removeEventListener('abort', callOff);
      this.probing.delete(id);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isStopping = true;
    if (this.worker.threadId === -1) return;
    const exited = once(this.worker, 'exit');
    this.post({ kind: 'stop' });
    using _limit = this.clock.after(END_WITHIN_MS, () => void this.worker.terminate());
    await exited;
  }

  private ask(modules: readonly Module[], baseDir: string): Promise<void> {
    const id = this.nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.opening.set(id, { resolve, reject });
    this.post({ kind: 'open', id, modules, baseDir });
    return promise;
  }

  private post(message: ToWorker): void {
    this.worker.postMessage(message);
  }

  private start(): Worker {
    const worker = this.spawn();
    let failure: Error | undefined;
    worker.on('message', (message: FromWorker) => this.receive(message));
    worker.on('error', (error) => {
      failure = Error.isError(error) ? error : new Error(String(error));
    });
    worker.on('exit', (code) => this.ended(failure ?? new Error(`a probing thread ended with code ${code}`)));
    return worker;
  }

  private receive(message: FromWorker): void {
    switch (message.kind) {
      case 'batch':
        this.inFlight = message.inFlight;
        this.queued = message.queued;
        this.owner.batch(message);
        return;
      case 'assigned':
        this.owner.released(this.leaving.shift() ?? []);
        this.restartDelayMs = RESTART_FIRST_MS;
        return;
      case 'opened':
        this.opening.get(message.id)?.resolve();
        this.opening.delete(message.id);
        return;
      case 'refused': {
        const error = message.isConfiguration
          ? new ProberUnavailable(message.message)
          : new Error(message.message);
        this.opening.get(message.id)?.reject(error);
        this.opening.delete(message.id);
        return;
      }
      case 'probed': {
        const waiting = this.probing.get(message.id);
        if (message.error === undefined) waiting?.resolve(message.report);
        else waiting?.reject(new Error(message.error));
        return;
      }
      default:
        unreachable(message);
    }
  }

  private ended(error: Error): void {
    for (const waiting of [...this.opening.values(), ...this.probing.values()]) waiting.reject(error);
    this.opening.clear();
    this.inFlight = 0;
    this.queued = 0;
    if (this.isStopping) return;
    this.clock.after(this.restartDelayMs, () => void this.restart(error));
    this.restartDelayMs = Math.min(RESTART_LAST_MS, this.restartDelayMs * 2);
  }

  private async restart(error: Error): Promise<void> {
    if (this.isStopping) return;
    this.worker = this.start();
    this.owner.released(this.leaving.flat());
    this.leaving = [];
    try {
      if (this.modules !== undefined) await this.ask(this.modules.modules, this.modules.baseDir);
    } catch {
      // Its files have changed under it: it is as lost as before, and is tried again.
      if (this.worker.threadId !== -1) await this.worker.terminate();
      return;
    }
    this.owner.lost(this, error);
  }
}
