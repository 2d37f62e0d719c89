import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** Within this Prometheus has started and scraped a few times, even on a busy machine. Unit: ms. */
const PATIENCE_MS = 45_000;

/** One series that a query finds. */
export interface Found {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

/** A Prometheus of the test's own, on a free port. It keeps what it scrapes in `folder`. */
export class PrometheusProcess implements AsyncDisposable {
  private readonly child: ChildProcess;
  private readonly closed: Promise<unknown>;
  private readonly listening = Promise.withResolvers<string>();
  private output = '';

  private constructor(configFile: string, folder: string) {
    this.child = spawn(
      'prometheus',
      [
        `--config.file=${configFile}`,
        `--storage.tsdb.path=${join(folder, 'prometheus-data')}`,
        '--web.listen-address=127.0.0.1:0',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.closed = once(this.child, 'close');
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
      const [, address] = /Listening on" address=(127\.0\.0\.1:\d+)/.exec(this.output) ?? [];
      if (address !== undefined) this.listening.resolve(`http://${address}/api/v1`);
    });
    this.child.once('close', () => this.listening.reject(new Error(`Prometheus ended\n${this.output}`)));
  }

  static async start(configFile: string, folder: string): Promise<PrometheusProcess> {
    const prometheus = new PrometheusProcess(configFile, folder);
    await prometheus.listening.promise;
    return prometheus;
  }

  /** What is at `path` under /api/v1. Rejects with Prometheus' own words when it is refused. */
  async get<Data>(path: string): Promise<Data> {
    const answer = await fetch((await this.listening.promise) + path);
    const { status, error, data } = (await answer.json()) as { status: string; error?: string; data: Data };
    if (status !== 'success') throw new Error(error ?? `Prometheus answers ${answer.status}`);
    return data;
  }

  /** What `query` finds, once it finds `count` series. */
  async find(query: string, count: number): Promise<readonly Found[]> {
    const path = `/query?query=${encodeURIComponent(query)}`;
    return this.await(`${query} to find ${count} series`, async () => {
      const { result } = await this.get<{ result: readonly Found[] }>(path);
      return result.length === count ? result : undefined;
    });
  }

  /** The first thing that `ask` gives but undefined; `what` says what was awaited when it never comes. */
  async await<Wanted>(what: string, ask: () => Promise<Wanted | undefined>): Promise<Wanted> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    while (performance.now() < deadlineMs && this.child.exitCode === null) {
      const found = await ask().catch(() => undefined);
      if (found !== undefined) return found;
      await wait(100);
    }
    throw new Error(`waited in vain for ${what}\n${this.output}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.closed;
  }
}
