import { once } from 'node:events';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import type { ProbeReport } from '../../src/core/outcome.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Prober } from '../../src/probes/probe.ts';

/** A server of the test's own on a free loopback port. */
export interface Listening extends AsyncDisposable {
  readonly port: number;
  /** Resolves when no connection is open any more. */
  gone(): Promise<void>;
}

/** Puts any server of node:net, tls, http or https to work; disposing it cuts its connections. */
export async function listen(server: Server): Promise<Listening> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => undefined);
  server.on('secureConnection', (socket: Socket) => socket.on('error', () => undefined));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async gone() {
      await Promise.all(
        Array.from(sockets, (socket) => new Promise((resolve) => socket.on('close', resolve))),
      );
    },
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** A loopback port whose backlog is full: the kernel drops every further attempt to connect. */
export async function startBlackhole(): Promise<{ readonly port: number } & AsyncDisposable> {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
     const server = require('node:net').createServer();
     server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
     });`,
    { eval: true },
  );
  const [port] = (await once(worker, 'message')) as [number];
  const fillers: Socket[] = [];
  for (let isOpen = true; isOpen; ) {
    const filler = connect(port, '127.0.0.1').on('error', () => undefined);
    fillers.push(filler);
    const silent = AbortSignal.timeout(300);
    isOpen = await once(filler, 'connect', { signal: silent }).then(
      () => true,
      () => false,
    );
  }
  return {
    port,
    async [Symbol.asyncDispose]() {
      for (const filler of fillers) filler.destroy();
      await worker.terminate();
    },
  };
}

/** A loopback port where nobody listens. */
export async function unusedPort(server: Server): Promise<number> {
  await using listening = await listen(server);
  return listening.port;
}

export interface RunWish {
  readonly baseDir?: string;
  readonly deadlineMs?: number;
  readonly hostname?: string;
  readonly signal?: AbortSignal;
}

/** Opens a module with options as a user writes them, and probes once. */
export async function probeOnce(
  prober: Prober,
  options: object,
  address: string,
  wish: RunWish = {},
): Promise<ProbeReport> {
  const { baseDir = '.', deadlineMs = 5_000, hostname } = wish;
  const context = { module: 'under-test', timeoutMs: deadlineMs, clock: systemClock, baseDir };
  await using probe = await prober.open(prober.options.parse(options), context);
  const request = { targetId: 't', address, ...(hostname === undefined ? {} : { hostname }) };
  return await probe.run(request, wish.signal ?? AbortSignal.timeout(deadlineMs));
}

/** Bytes of buffers that are really held, after collecting garbage. */
export function heldBufferBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // Buffers are freed behind the collector's back; the second run waits for what the first began.
  collect();
  collect();
  return process.memoryUsage().arrayBuffers;
}

/** The value of one sample; labels by their names alone. */
export function sampleOf(report: ProbeReport, name: string, label?: string): number | undefined {
  return report.samples.find(
    (sample) =>
      sample.name === name && (label === undefined || Object.values(sample.labels ?? {}).includes(label)),
  )?.value;
}
