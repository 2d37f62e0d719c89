import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { PrometheusProcess } from '../tools/prometheus-process.ts';

const SHIPPED = join(import.meta.dirname, '../../config/prometheus/prometheus.yml');

/** One series of an answer: a value now, or values over time. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value?: readonly [number, string];
}

/** Starts a Prometheus with the jobs that we ship, scraping the monitor at `monitorUrl` once a second. */
export async function startWithShippedJobs(folder: string, monitorUrl: string): Promise<PrometheusProcess> {
  const text = (await readFile(SHIPPED, 'utf8')).replaceAll('127.0.0.1:9840', new URL(monitorUrl).host);
  const { scrape_configs } = parse(text) as { scrape_configs: readonly unknown[] };
  const file = join(folder, 'prometheus.yml');
  await writeFile(
    file,
    stringify({ global: { scrape_interval: '1s', scrape_timeout: '1s' }, scrape_configs }),
  );
  return PrometheusProcess.start(file, folder);
}

/** What `query` gives now. Rejects with Prometheus' own words when it is refused. */
export async function query(prometheus: PrometheusProcess, query: string): Promise<readonly Series[]> {
  return series(prometheus, '/query', { query });
}

/** What `query` gives over the last `seconds`. */
export async function queryRange(
  prometheus: PrometheusProcess,
  query: string,
  seconds: number,
): Promise<readonly Series[]> {
  const end = Date.now() / 1_000;
  const times = { start: String(end - seconds), end: String(end), step: '1' };
  return series(prometheus, '/query_range', { query, ...times });
}

export async function labelValues(
  prometheus: PrometheusProcess,
  label: string,
  selector: string,
): Promise<readonly string[]> {
  return prometheus.get(`/label/${label}/values?${new URLSearchParams({ 'match[]': selector }).toString()}`);
}

async function series(
  prometheus: PrometheusProcess,
  path: string,
  parameters: Readonly<Record<string, string>>,
): Promise<readonly Series[]> {
  const { result } = await prometheus.get<{ result: readonly Series[] }>(
    `${path}?${new URLSearchParams(parameters).toString()}`,
  );
  return result;
}
