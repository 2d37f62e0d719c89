import { get } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { helperOptions, serveParent } from './processes.ts';

/** The least that a check can cost in Node: no schedule, no verdict, nothing kept. */
export interface BareOptions {
  readonly kind: 'tcp' | 'http';
  readonly addresses: readonly string[];
  readonly port: number;
  readonly perSecond: number;
  /** Not counted: the code is compiled meanwhile. Unit: s. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

export interface BareAnswer {
  readonly checks: number;
  readonly failed: number;
  readonly cpuSeconds: number;
}

/** As the engine's wheel turns. Unit: ms. */
const TURN_MS = 10;

const { kind, addresses, port, perSecond, warmUpSeconds, seconds } = helperOptions() as BareOptions;
let started = 0;
let ended = 0;
let failed = 0;

function check(): void {
  const host = addresses[started++ % addresses.length] ?? '127.0.0.1';
  if (kind === 'tcp') checkTcp(host);
  else checkHttp(host);
}

function checkTcp(host: string): void {
  const socket = connect({ host, port });
  socket.once('connect', () => {
    ended++;
    socket.destroy();
  });
  socket.once('error', () => failed++);
}

function checkHttp(host: string): void {
  const request = get({ host, port, path: '/', agent: false }, (response) => {
    response.once('end', () => ended++);
    response.resume();
  });
  request.once('error', () => failed++);
}

serveParent({}, async (): Promise<BareAnswer> => {
  const beganMs = performance.now();
  const turns = setInterval(() => {
    const due = ((performance.now() - beganMs) / 1_000) * perSecond;
    while (started < due) check();
  }, TURN_MS);
  await delay(warmUpSeconds * 1_000);
  const before = ended;
  const cpuBefore = process.cpuUsage();
  await delay(seconds * 1_000);
  const { user, system } = process.cpuUsage(cpuBefore);
  clearInterval(turns);
  return { checks: ended - before, failed, cpuSeconds: (user + system) / 1e6 };
});
