import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

const ROOT = join(import.meta.dirname, '../..');

/** A folder of the test's own, gone when disposed. */
export async function makeFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'kassavakt-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A command of ours as a process of its own, as a user runs it. */
export class CommandProcess implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  readonly complaints: string[] = [];
  /** The exit code; null when a signal ended it. */
  readonly exited: Promise<number | null>;
  private readonly waiting = new Set<() => void>();

  constructor(args: readonly string[], options: { readonly cwd?: string; readonly bin?: string } = {}) {
    const bin = options.bin ?? join(ROOT, 'bin/kassavakt.js');
    this.child = spawn(process.execPath, [bin, ...args], {
      cwd: options.cwd ?? ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.exited = once(this.child, 'close').then(([code]) => code as number | null);
    this.collect(this.child.stdout, this.lines);
    this.collect(this.child.stderr, this.complaints);
    void this.exited.then(() => this.wake());
  }

  /** The first line, past or coming, for which `find` gives something. Rejects when the process ends without it. */
  async line<Found>(find: (line: string) => Found | undefined): Promise<Found> {
    for (let seen = 0; ; ) {
      for (; seen < this.lines.length; seen++) {
        const found = find(this.lines[seen] ?? '');
        if (found !== undefined) return found;
      }
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(
          `the process ended: ${this.complaints.join('\n')}\n${this.lines.slice(-5).join('\n')}`,
        );
      }
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
  }

  /** Sends `signal` and waits for the end. Returns the exit code. */
  async end(signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    this.child.kill(signal);
    return this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
  }

  private collect(stream: NodeJS.ReadableStream | null, into: string[]): void {
    if (stream === null) throw new Error('the process has no pipe');
    createInterface({ input: stream }).on('line', (line) => {
      into.push(line);
      this.wake();
    });
  }

  private wake(): void {
    for (const resume of this.waiting) resume();
    this.waiting.clear();
  }
}

/** `kassavakt serve` on a free port, once it says where it answers. */
export function startServe(
  config: string,
  data: string,
  options: { readonly listen?: string; readonly blackboxConfig?: string } = {},
): Promise<CommandProcess & { readonly url: string }> {
  const { listen = '127.0.0.1:0', blackboxConfig } = options;
  const blackbox = blackboxConfig === undefined ? [] : ['--blackbox-config', blackboxConfig];
  return startMonitor(['--config', config, '--data', data, '--listen', listen, ...blackbox]);
}

/** The same with a configuration of blackbox_exporter alone. */
export function startDropIn(blackboxConfig: string): Promise<CommandProcess & { readonly url: string }> {
  return startMonitor(['--blackbox-config', blackboxConfig, '--listen', '127.0.0.1:0']);
}

async function startMonitor(args: readonly string[]): Promise<CommandProcess & { readonly url: string }> {
  const serve = new CommandProcess(['serve', ...args]);
  const url = await serve.line((line) => {
    const entry = JSON.parse(line) as { event?: string; url?: string };
    return entry.event === 'monitor.started' ? entry.url : undefined;
  });
  return Object.assign(serve, { url });
}

/** A till's terminal as far as TCP goes: a port that can be closed and opened again. */
export class TcpTarget implements AsyncDisposable {
  readonly port: number;
  private server: Server;

  private constructor(server: Server, port: number) {
    this.server = server;
    this.port = port;
  }

  static async start(): Promise<TcpTarget> {
    const server = await listen(0);
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return new TcpTarget(server, address.port);
  }

  /** From now on connections are refused. */
  async close(): Promise<void> {
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    await closed;
  }

  async open(): Promise<void> {
    this.server = await listen(this.port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function listen(port: number): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.resume();
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** Writes a configuration with one TCP terminal for each port, four to a store. Returns the file. */
export async function writeTcpConfig(
  folder: string,
  ports: readonly number[],
  module: string,
): Promise<string> {
  const stores = Array.from(
    { length: Math.ceil(ports.length / 4) },
    (_, s) => `S${s},Solhaga ${s},Solhaga,Värmland,Kil`,
  );
  const terminals = ports.map((port, i) => `T${i},S${Math.floor(i / 4)},${i % 4},127.0.0.1:${port},terminal`);
  await writeFile(join(folder, 'stores.csv'), ['store_id,name,chain,region,city', ...stores].join('\n'));
  await writeFile(
    join(folder, 'terminals.csv'),
    ['terminal_id,store_id,lane,address,module', ...terminals].join('\n'),
  );
  const file = join(folder, 'kassavakt.yaml');
  await writeFile(
    file,
    `estate: { stores: stores.csv, terminals: terminals.csv }\nmodules:\n  terminal: ${module}\n`,
  );
  return file;
}

/** Asks until `ask` gives something but undefined. For what has no event to wait for; bounded by the test's time. */
export async function until<Found>(ask: () => Promise<Found | undefined>): Promise<Found> {
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    await delay(50);
  }
}

export async function getJson<Value>(url: string): Promise<Value> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answers ${response.status}: ${await response.text()}`);
  return (await response.json()) as Value;
}
