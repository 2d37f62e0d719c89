import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';

const SHIPPED = join(import.meta.dirname, '../../config/prometheus/prometheus.yml');
/** How long it may take to say where it listens. Unit: ms. */
const PATIENCE_MS = 30_000;

/** One series of an answer. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value?: readonly [number, string];
  readonly values?: readonly (readonly [number, string])[];
}

/** A Prometheus of the test's own, with the scrape configuration that we ship. */
export class Prometheus implements AsyncDisposable {
  private readonly url: string;
  private readonly stop: () => Promise<void>;

  private constructor(url: string, stop: () => Promise<void>) {
    this.url = url;
    this.stop = stop;
  }

  /** Scrapes the monitor at `monitorUrl` once a second. Its data go to `folder`. */
  static async start(folder: string, monitorUrl: string): Promise<Prometheus> {
    const text = (await readFile(SHIPPED, 'utf8')).replaceAll('127.0.0.1:9840', new URL(monitorUrl).host);
    const { scrape_configs } = parse(text) as { scrape_configs: readonly unknown[] };
    const file = join(folder, 'prometheus.yml');
    const global = { scrape_interval: '1s', scrape_timeout: '1s' };
    await writeFile(file, stringify({ global, scrape_configs }));
    const data = `--storage.tsdb.path=${join(folder, 'prometheus')}`;
    const child = spawn('prometheus', [`--config.file=${file}`, data, '--web.listen-address=127.0.0.1:0'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const closed = once(child, 'close');
    const stop = async (): Promise<void> => {
      child.kill('SIGKILL');
      await closed;
    };
    const listening = Promise.withResolvers<string>();
    let output = '';
    child.stderr.on('data', (part) => {
      output += String(part);
      const address = /Listening on" address=(127\.0\.0\.1:\d+)/.exec(output)?.[1];
      if (address !== undefined) listening.resolve(`http://${address}`);
    });
    const fail = (why: string): void => listening.reject(new Error(`Prometheus ${why}:\n${output}`));
    child.once('close', () => fail('ended'));
    const timer = setTimeout(() => fail('does not listen'), PATIENCE_MS);
    try {
      return new Prometheus(await listening.promise, stop);
    } catch (error) {
      await stop();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** What `query` gives now. Rejects with Prometheus' own words when it is refused. */
  query(query: string): Promise<readonly Series[]> {
    return this.ask('/api/v1/query', { query });
  }

  /** What `query` gives over the last `seconds`. */
  queryRange(query: string, seconds: number): Promise<readonly Series[]> {
    const end = Date.now() / 1_000;
    return this.ask('/api/v1/query_range', {
      query,
      start: String(end - seconds),
      end: String(end),
      step: '1',
    });
  }

  async labelValues(label: string, selector: string): Promise<readonly string[]> {
    const match = new URLSearchParams({ 'match[]': selector });
    return read<readonly string[]>(
      await fetch(`${this.url}/api/v1/label/${label}/values?${match.toString()}`),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  private async ask(path: string, form: Readonly<Record<string, string>>): Promise<readonly Series[]> {
    const response = await fetch(`${this.url}${path}`, { method: 'POST', body: new URLSearchParams(form) });
    return (await read<{ result: readonly Series[] }>(response)).result;
  }
}

async function read<Data>(response: Response): Promise<Data> {
  const body = (await response.json()) as { status: string; error?: string; data: Data };
  if (body.status === 'success') return body.data;
  throw new Error(body.error ?? `Prometheus answers ${response.status}`);
}
