import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { availableParallelism, cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** One measured value. With a `limit`, the value must not exceed it. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly limit?: number;
}

export interface Benchmark {
  readonly name: string;
  readonly summary: string;
  run(): Promise<readonly Figure[]>;
}

export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const memoryGib = Math.round(totalmem() / 2 ** 30);
  return `${availableParallelism()} × ${model}, ${memoryGib} GiB, Linux ${release()}, Node ${process.version}`;
}

/** A folder of its own, gone when disposed. */
export async function makeFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'kassavakt-bench-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A port on loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

const TARGET_SERVER = `
  const server = require('node:net').createServer((socket) => { socket.on('error', () => {}); socket.resume(); });
  server.listen(0, '127.0.0.1', 8192, () => process.stdout.write(server.address().port + '\\n'));
`;

/** A process of its own that accepts TCP connections, so that its cost is not counted as the monitor's. */
export async function startTargetServer(): Promise<{ readonly port: number } & AsyncDisposable> {
  const child = spawn(process.execPath, ['-e', TARGET_SERVER], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { port: Number(line.toString()), [Symbol.asyncDispose]: () => end(child, 'SIGTERM') };
}

/** A monitor as a process of its own, on one core where `taskset` can hold it there. */
export interface MonitorProcess extends AsyncDisposable {
  readonly url: string;
  /** From the start of the process to the first ready answer. Unit: ms. */
  readonly readyAfterMs: number;
  kill(): Promise<void>;
}

export async function startMonitorProcess(config: string, data: string): Promise<MonitorProcess> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const node = [process.execPath, 'bin/kassavakt.js', 'serve', '--config', config, '--data', data];
  const words = [...node, '--listen', `127.0.0.1:${port}`];
  const [program = '', ...args] = existsSync('/usr/bin/taskset')
    ? ['/usr/bin/taskset', '-c', '0', ...words]
    : words;
  const startedMs = performance.now();
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, LOG_LEVEL: 'error' },
  });
  await waitFor(async () => (await fetch(`${url}/-/ready`)).ok, 60_000);
  const readyAfterMs = performance.now() - startedMs;
  return {
    url,
    readyAfterMs,
    kill: () => end(child, 'SIGKILL'),
    [Symbol.asyncDispose]: () => end(child, 'SIGTERM'),
  };
}

/** A configuration of `count` TCP targets at `address(i)` in stores of 12. Returns the file. */
export async function writeConfig(
  folder: string,
  count: number,
  address: (i: number) => string,
): Promise<string> {
  const storeOf = (i: number) => `S${Math.floor(i / 12)}`;
  const stores = Array.from(
    { length: Math.ceil(count / 12) },
    (_, s) => `S${s},Store ${s},Solhaga,Värmland,Kil`,
  );
  const terminals = Array.from(
    { length: count },
    (_, i) => `T${i},${storeOf(i)},${i % 12},${address(i)},terminal`,
  );
  await writeFile(join(folder, 'stores.csv'), ['store_id,name,chain,region,city', ...stores].join('\n'));
  await writeFile(
    join(folder, 'terminals.csv'),
    ['terminal_id,store_id,lane,address,module', ...terminals].join('\n'),
  );
  const file = join(folder, 'kassavakt.yaml');
  await writeFile(
    file,
    `estate: { stores: stores.csv, terminals: terminals.csv }
modules:
  terminal: { prober: tcp, interval: 30s, timeout: 5s, fail_after: 3, recover_after: 2, retry_interval: 2s }
`,
  );
  return file;
}

/** Asks until the answer is yes; an error counts as no. Throws after `limitMs`. */
export async function waitFor(isTrue: () => Promise<boolean>, limitMs: number): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (performance.now() < endMs) {
    if (await isTrue().catch(() => false)) return;
    await delay(20);
  }
  throw new Error(`waited ${limitMs} ms in vain`);
}

/** The samples of a page in Prometheus' text format, by series. */
export async function scrape(url: string): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(url)).text();
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    samples.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))] as const;
    }),
  );
}

/** A JSON answer; anything but success throws. */
export async function readJson<Value>(url: string): Promise<Value> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  return (await response.json()) as Value;
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}
