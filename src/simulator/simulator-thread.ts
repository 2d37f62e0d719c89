import { Worker } from 'node:worker_threads';
import type { Simulator } from './simulator.ts';
import type { SimulatorOptions } from './start-simulator.ts';

/** What a simulator on another thread can be asked for. */
type CallName = 'addFault' | 'removeFault' | 'writeConfig';

/** A simulator that holds up nobody's event loop but its own. */
export interface ThreadedSimulator
  extends Pick<Simulator, 'plan' | 'targets' | 'intervalMs' | CallName>,
    AsyncDisposable {}

export type ThreadedOptions = Omit<SimulatorOptions, 'clock'>;

/** What is asked of the thread; `end` lets it end by itself. */
export type ToSimulator =
  | { readonly kind: 'call'; readonly id: number; readonly name: CallName; readonly argument: unknown }
  | { readonly kind: 'end' };

export type FromSimulator =
  | ({ readonly kind: 'started' } & Pick<Simulator, 'plan' | 'targets' | 'intervalMs'>)
  | { readonly kind: 'returned'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'threw'; readonly id: number; readonly error: unknown };

/** Node runs the sources as they are; a packed build has the same file compiled. */
const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './simulator-worker.ts' : './simulator-worker.js',
  import.meta.url,
);

/**
 * Starts a simulator on a thread of its own, on the system's clock: thousands of TLS handshakes then cost the caller
 * nothing. Rejects as `startSimulator`. Should the thread die, every call under way and to come rejects.
 */
export async function startSimulatorThread(options: ThreadedOptions): Promise<ThreadedSimulator> {
  const worker = new Worker(WORKER, { workerData: options, name: 'simulator', execArgv: [] });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  const started = Promise.withResolvers<Extract<FromSimulator, { kind: 'started' }>>();
  const ended = Promise.withResolvers<void>();
  let death: unknown;
  let calls = 0;

  const die = (reason: unknown): void => {
    death ??= reason;
    started.reject(death);
    for (const call of waiting.values()) call.reject(death);
    waiting.clear();
  };
  worker.on('message', (message: FromSimulator) => {
    if (message.kind === 'started') return started.resolve(message);
    const call = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.kind === 'returned') call?.resolve(message.value);
    else call?.reject(message.error);
  });
  worker.on('error', die);
  worker.on('exit', () => {
    die(new Error("the simulator's thread has ended"));
    ended.resolve();
  });

  const post = (message: ToSimulator): void => worker.postMessage(message, []);
  const call = (name: CallName, argument: unknown): Promise<unknown> => {
    if (death !== undefined) return Promise.reject(death);
    const pending = Promise.withResolvers<unknown>();
    const id = ++calls;
    waiting.set(id, pending);
    post({ kind: 'call', id, name, argument });
    return pending.promise;
  };

  const { plan, targets, intervalMs } = await started.promise;
  return {
    plan,
    targets,
    intervalMs,
    addFault: (request) => call('addFault', request) as ReturnType<Simulator['addFault']>,
    removeFault: (id) => call('removeFault', id) as ReturnType<Simulator['removeFault']>,
    writeConfig: (dir) => call('writeConfig', dir) as ReturnType<Simulator['writeConfig']>,
    [Symbol.asyncDispose]: () => {
      post({ kind: 'end' });
      return ended.promise;
    },
  };
}
