import { connect } from 'node:net';
import { Worker } from 'node:worker_threads';

export interface ToBlackHole {
  readonly id: number;
  readonly open?: number;
  readonly close?: number;
}

export interface FromBlackHole {
  readonly id: number;
  /** What the system said when it failed. */
  readonly code?: string;
}

/** Node runs the sources as they are; a packed build has the same file compiled. */
const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './black-hole-worker.ts' : './black-hole-worker.js',
  import.meta.url,
);

/** A connection that stays pending this long has been swallowed: over loopback others take microseconds. Unit: ms. */
const SWALLOWED_AFTER_MS = 150;
/** Linux takes two into a queue of one; others may take some more. */
const MOST_FILLERS = 16;

/** Ports that swallow connection attempts: no answer, no refusal. Needs no privileges. See the worker for how. */
export class BlackHole implements AsyncDisposable {
  private readonly calls = new Int32Array(new SharedArrayBuffer(4));
  private readonly waiting = new Map<number, (answer: FromBlackHole) => void>();
  private worker: Worker | undefined;
  private newestId = 0;

  /** Makes `port`, which nobody listens on, swallow. Resolves once it does. Rejects with the system's error code. */
  async open(port: number): Promise<void> {
    await this.call({ open: port });
    for (let filled = 0; await takes(port); filled++) {
      if (filled === MOST_FILLERS) throw new Error('this system answers connections that no program accepts');
    }
  }

  /** Frees `port`. */
  close(port: number): Promise<void> {
    return this.call({ close: port });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker?.terminate();
  }

  private async call(what: Omit<ToBlackHole, 'id'>): Promise<void> {
    const worker = (this.worker ??= this.start());
    const id = ++this.newestId;
    const { promise, resolve } = Promise.withResolvers<FromBlackHole>();
    this.waiting.set(id, resolve);
    const message: ToBlackHole = { id, ...what };
    worker.postMessage(message, []);
    Atomics.add(this.calls, 0, 1);
    Atomics.notify(this.calls, 0);
    const { code } = await promise;
    if (code !== undefined) throw Object.assign(new Error(`a black hole cannot open: ${code}`), { code });
  }

  private start(): Worker {
    const worker = new Worker(WORKER, { workerData: this.calls.buffer, name: 'black-hole', execArgv: [] });
    const answerAll = (code: string) => {
      for (const [id, resolve] of this.waiting) resolve({ id, code });
      this.waiting.clear();
    };
    worker.on('message', (answer: FromBlackHole) => {
      this.waiting.get(answer.id)?.(answer);
      this.waiting.delete(answer.id);
    });
    worker.on('error', (error) => answerAll(Error.isError(error) ? error.message : String(error)));
    worker.on('exit', () => answerAll('its thread has ended'));
    return worker;
  }
}

/** Whether the system completes a connection to `port`. It then keeps its place in the queue though we hang up. */
async function takes(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' });
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  socket.once('connect', () => resolve(true));
  socket.on('error', reject);
  const deadline = setTimeout(() => {
    // Late ourselves? Then a connection made meanwhile is told of in this turn of the loop.
    setImmediate(() => resolve(false));
  }, SWALLOWED_AFTER_MS);
  try {
    return await promise;
  } finally {
    clearTimeout(deadline);
    // While it is pending, a reset would wait for the connection.
    if (socket.connecting) socket.destroy();
    else socket.resetAndDestroy();
  }
}
