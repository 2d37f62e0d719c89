import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { FromBlackHole, ToBlackHole } from './black-hole.ts';

/**
 * Listens and never accepts. While anything listens this thread runs microtasks and `process.nextTick` alone, which
 * suffice to bind and to close; its event loop does not turn, so nothing takes connections out of a listener's queue.
 * Once that is full the kernel drops every further SYN, as a dead host would.
 */
const port = parentPort;
if (port === null) throw new Error('runs as a worker only');
const calls = new Int32Array(workerData as SharedArrayBuffer);
const servers = new Map<number, Server>();

async function open(target: number): Promise<void> {
  const server = createServer();
  server.listen({ port: target, host: '127.0.0.1', backlog: 1 });
  await once(server, 'listening');
  servers.set(target, server);
}

function close(target: number): void {
  servers.get(target)?.close();
  servers.delete(target);
}

for (let seen = 0; ; ) {
  Atomics.wait(calls, 0, seen);
  seen = Atomics.load(calls, 0);
  for (let received = receiveMessageOnPort(port); received; received = receiveMessageOnPort(port)) {
    const { id, open: opened, close: closed } = received.message as ToBlackHole;
    let answer: FromBlackHole = { id };
    try {
      if (closed !== undefined) close(closed);
      if (opened !== undefined) await open(opened);
    } catch (error) {
      answer = { id, code: (error as NodeJS.ErrnoException).code ?? String(error) };
    }
    port.postMessage(answer);
  }
  // With nothing open the loop may turn, and free what was closed: that comes after a turn's immediates.
  if (servers.size === 0) for (let turns = 0; turns < 2; turns++) await setImmediate();
}
