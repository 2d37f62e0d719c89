import { existsSync, rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { endProcess, startProgram, undoAtExit } from './processes.ts';

/** One measured value. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The value must not exceed it. */
  readonly limit?: number;
  /** The value must reach it. */
  readonly least?: number;
}

/** What the command line may ask of every benchmark; absent, each takes its own. */
export interface BenchOptions {
  readonly targets?: number;
  /** How long to watch, over all. */
  readonly minutes?: number;
  /** Where the monitor's CPU profiles go. */
  readonly profileDir?: string;
}

export interface Benchmark {
  readonly name: string;
  readonly summary: string;
  /** Whether `--sweep` makes sense of it. */
  readonly sweeps?: boolean;
  run(options: BenchOptions): Promise<readonly Figure[]>;
}

export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const memoryGib = Math.round(totalmem() / 2 ** 30);
  return `${availableParallelism()} × ${model}, ${memoryGib} GiB, Linux ${release()}, Node ${process.version}`;
}

/** The mean over the last minute. */
export function loadAverage(): number {
  return round(loadavg()[0] ?? Number.NaN, 2);
}

export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** The value below which `share` of `values` lie. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** A folder of its own, gone when disposed. */
export async function makeFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'kassavakt-bench-'));
  const removal = undoAtExit(() => rmSync(path, { recursive: true, force: true }));
  return {
    path,
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true });
      removal[Symbol.dispose]();
    },
  };
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

/** `count` loopback addresses, each in a network of 256 of its own. No address is used by two networks. */
export function loopbackAddresses(network: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `127.${network}.${i % 256}.${1 + Math.floor(i / 256)}`);
}

/** A monitor as a process of its own. */
export interface MonitorProcess extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** From the start of the process to the first ready answer. Unit: ms. */
  readonly readyAfterMs: number;
  kill(): Promise<void>;
}

export interface MonitorOptions {
  readonly config: string;
  /** Where its journal goes. */
  readonly data: string;
  /** Held on one core, where `taskset` can do that. */
  readonly isPinned?: boolean;
  readonly profileDir?: string | undefined;
}

export async function startMonitor({
  config,
  data,
  isPinned,
  profileDir,
}: MonitorOptions): Promise<MonitorProcess> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const profile = profileDir === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profileDir];
  const serve = ['bin/kassavakt.js', 'serve', '--config', config, '--data', data];
  const words = [process.execPath, ...profile, ...serve, '--listen', `127.0.0.1:${port}`];
  const taskset = '/usr/bin/taskset';
  const pin = isPinned === true && existsSync(taskset) ? [taskset, '-c', '0'] : [];
  const [program = '', ...args] = [...pin, ...words];
  const startedMs = performance.now();
  const { child, pid } = startProgram(program, args, {
    stderr: 'inherit',
    env: { ...process.env, LOG_LEVEL: 'error' },
  });
  try {
    await waitFor(
      async () => {
        if (child.exitCode !== null) throw new Refused(`the monitor ended with code ${child.exitCode}`);
        return (await fetch(`${url}/-/ready`)).ok;
      },
      120_000,
      20,
    );
  } catch (error) {
    await endProcess(child, 'SIGKILL');
    throw error;
  }
  return {
    url,
    pid,
    readyAfterMs: performance.now() - startedMs,
    kill: () => endProcess(child, 'SIGKILL'),
    [Symbol.asyncDispose]: () => endProcess(child, 'SIGTERM'),
  };
}

/** An estate and the one module that all its targets are probed with. */
export interface ConfigOptions {
  readonly count: number;
  readonly address: (i: number) => string;
  /** The module's options in YAML, after `prober:` and up to its closing brace. */
  readonly module: string;
  /** Absent, the monitor's own. */
  readonly maxInFlightPerStore?: number;
}

/** Writes a configuration of `count` targets in stores of 12. Returns the file. */
export async function writeConfig(folder: string, options: ConfigOptions): Promise<string> {
  const { count, address, module, maxInFlightPerStore: perStore } = options;
  const stores = Array.from(
    { length: Math.ceil(count / 12) },
    (_, s) => `S${s},Store ${s},Solhaga,Värmland,Kil`,
  );
  const terminals = Array.from(
    { length: count },
    (_, i) => `T${i},S${Math.floor(i / 12)},${i % 12},${address(i)},terminal`,
  );
  await writeFile(join(folder, 'stores.csv'), ['store_id,name,chain,region,city', ...stores].join('\n'));
  await writeFile(
    join(folder, 'terminals.csv'),
    ['terminal_id,store_id,lane,address,module', ...terminals].join('\n'),
  );
  const file = join(folder, 'kassavakt.yaml');
  const limits = perStore === undefined ? '' : `limits: { max_in_flight_per_store: ${perStore} }\n`;
  await writeFile(
    file,
    `estate: { stores: stores.csv, terminals: terminals.csv }\n${limits}modules:\n  terminal: { prober: ${module} }\n`,
  );
  return file;
}

/** What no trying again mends. */
class Refused extends Error {
  override readonly name = 'Refused';
}

/** Asks until the answer is yes; an error counts as no. Throws after `limitMs`. Returns how long it took. Unit: ms. */
export async function waitFor(
  isTrue: () => Promise<boolean>,
  limitMs: number,
  everyMs: number,
): Promise<number> {
  const startedMs = performance.now();
  while (performance.now() < startedMs + limitMs) {
    try {
      if (await isTrue()) return performance.now() - startedMs;
    } catch (error) {
      // What is not up yet refuses to be asked.
      if (error instanceof Refused) throw error;
    }
    await delay(everyMs);
  }
  throw new Error(`waited ${limitMs} ms in vain`);
}

/** A JSON answer; anything but success throws. */
export async function readJson<Value>(url: string): Promise<Value> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  return (await response.json()) as Value;
}
