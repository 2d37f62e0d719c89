import { writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startEstate } from './estate-under-load.ts';
import { DELAY_WINDOW_MS, loopDelayMs, readOwnMetrics } from './own-metrics.ts';
import { residentMib, startProgram } from './processes.ts';
import { type Benchmark, freePort, type MonitorProcess, readJson, round, waitFor } from './tools.ts';

const TARGETS = 100_000;
const SCRAPES = 3;
const PROMETHEUS_INTERVAL_SECONDS = 15;
const PROMETHEUS_LIMIT_SECONDS = 10;

/** Reading every target's series while all are probed, by a reader of ours and by a real Prometheus. */
export const scrape: Benchmark = {
  name: 'scrape',
  summary: `/metrics/targets of ${TARGETS} TCP targets while they are probed every 30 s`,
  sweeps: true,
  async run({ targets = TARGETS, profileDir }) {
    await using estate = await startEstate(targets, profileDir);
    const { monitor } = estate;
    await delay(DELAY_WINDOW_MS);
    const plain: Page[] = [];
    const blocks: number[] = [];
    for (let i = 0; i < SCRAPES; i++) {
      // The reading after a full window begins a new one, so that the next shows this scrape alone.
      const before = await readOwnMetrics(monitor);
      const page = await readPage(monitor, 'identity');
      const after = await readOwnMetrics(monitor);
      plain.push({ ...page, cpuSeconds: after.cpuSeconds - before.cpuSeconds });
      blocks.push(loopDelayMs(after, 1));
      if (i < SCRAPES - 1) await delay(DELAY_WINDOW_MS);
    }
    const zipped = await readPage(monitor, 'gzip');
    const prometheus = await measurePrometheus(monitor, estate.folder);
    return [
      {
        name: 'first byte, worst of three',
        value: Math.round(worst(plain, 'firstByteMs')),
        unit: 'ms',
        limit: 100,
      },
      {
        name: 'whole answer, worst of three',
        value: round(worst(plain, 'wholeMs') / 1_000, 2),
        unit: 's',
        limit: 3,
      },
      {
        name: "main thread's longest block, worst of three",
        value: Math.max(...blocks),
        unit: 'ms',
        limit: 20,
      },
      {
        name: 'slowest answer of Prometheus’ scrapes',
        value: round(prometheus.slowestSeconds, 2),
        unit: 's',
        limit: PROMETHEUS_LIMIT_SECONDS,
      },
      { name: 'last answer of Prometheus’ scrapes', value: round(prometheus.lastSeconds, 2), unit: 's' },
      { name: 'scrapes of Prometheus that failed', value: prometheus.failed, unit: '', limit: 0 },
      { name: 'series', value: Math.min(...plain.map(({ series }) => series)), unit: '', least: 5 * targets },
      { name: 'series that Prometheus took', value: prometheus.samples, unit: '' },
      {
        name: 'slowest answer of /-/healthy meanwhile',
        value: Math.round(worst(plain, 'slowestAskMs')),
        unit: 'ms',
      },
      {
        name: 'processor time a scrape, with the probes meanwhile',
        value: round(worst(plain, 'cpuSeconds'), 2),
        unit: 's',
      },
      { name: 'size', value: round((plain[0]?.bytes ?? 0) / 2 ** 20, 1), unit: 'MiB' },
      { name: 'size with gzip', value: round(zipped.bytes / 2 ** 20, 1), unit: 'MiB' },
      { name: 'whole answer with gzip', value: round(zipped.wholeMs / 1_000, 2), unit: 's' },
      { name: 'resident memory', value: Math.round(residentMib(monitor.pid)), unit: 'MiB' },
    ];
  },
};

interface Page {
  readonly firstByteMs: number;
  readonly wholeMs: number;
  readonly bytes: number;
  readonly series: number;
  readonly slowestAskMs: number;
  readonly cpuSeconds: number;
}

function worst(pages: readonly Page[], part: keyof Page): number {
  return Math.max(...pages.map((page) => page[part]));
}

const NEWLINE = 0x0a;
const HASH = 0x23;

/** Reads the page once, counting series without keeping it, and asks for the monitor's health all the while. */
async function readPage({ url }: MonitorProcess, encoding: 'identity' | 'gzip'): Promise<Page> {
  const startedMs = performance.now();
  let firstByteMs = 0;
  let bytes = 0;
  let series = 0;
  let isLineStart = true;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  get(`${url}/metrics/targets`, { agent: false, headers: { 'Accept-Encoding': encoding } }, (response) => {
    if (response.statusCode !== 200) reject(new Error(`/metrics/targets answers ${response.statusCode}`));
    response.on('data', (chunk: Buffer) => {
      firstByteMs ||= performance.now() - startedMs;
      bytes += chunk.length;
      if (encoding === 'gzip') return;
      for (let at = 0; at < chunk.length; at++) {
        if (isLineStart && chunk[at] !== HASH) series++;
        const next = chunk.indexOf(NEWLINE, at);
        isLineStart = next !== -1;
        at = next === -1 ? chunk.length : next;
      }
    });
    response.once('end', resolve).once('error', reject);
  }).once('error', reject);
  const asked = new AbortController();
  const asking = askAllTheWhile(url, asked.signal);
  await promise;
  const wholeMs = performance.now() - startedMs;
  asked.abort();
  return { firstByteMs, wholeMs, bytes, series, slowestAskMs: await asking, cpuSeconds: 0 };
}

async function askAllTheWhile(url: string, signal: AbortSignal): Promise<number> {
  let slowestMs = 0;
  while (!signal.aborted) {
    const askedMs = performance.now();
    await (await fetch(`${url}/-/healthy`)).text();
    slowestMs = Math.max(slowestMs, performance.now() - askedMs);
    await delay(5);
  }
  return slowestMs;
}

interface QueryAnswer {
  readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] };
}

/** Lets a Prometheus of our own scrape the page some times. */
async function measurePrometheus(
  { url }: MonitorProcess,
  folder: string,
): Promise<{
  readonly slowestSeconds: number;
  readonly lastSeconds: number;
  readonly failed: number;
  readonly samples: number;
}> {
  const config = join(folder, 'prometheus.yml');
  await writeFile(
    config,
    `global: { scrape_interval: ${PROMETHEUS_INTERVAL_SECONDS}s, scrape_timeout: ${PROMETHEUS_LIMIT_SECONDS}s }
scrape_configs:
  - job_name: kassavakt
    metrics_path: /metrics/targets
    static_configs: [{ targets: ['${new URL(url).host}'] }]
`,
  );
  const own = `127.0.0.1:${await freePort()}`;
  await using _prometheus = startProgram(
    'prometheus',
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'tsdb')}`,
      `--web.listen-address=${own}`,
      '--log.level=error',
    ],
    { stderr: 'ignore' },
  );
  const query = async (text: string): Promise<number> => {
    const answer = await readJson<QueryAnswer>(
      `http://${own}/api/v1/query?query=${encodeURIComponent(text)}`,
    );
    return Number(answer.data.result[0]?.value[1] ?? Number.NaN);
  };
  const enough = async () => (await query('count_over_time(up[10m])')) >= SCRAPES;
  await waitFor(enough, (SCRAPES + 3) * PROMETHEUS_INTERVAL_SECONDS * 1_000 + 30_000, 1_000);
  return {
    slowestSeconds: await query('max_over_time(scrape_duration_seconds[10m])'),
    lastSeconds: await query('scrape_duration_seconds'),
    failed: await query('count_over_time(up[10m]) - sum_over_time(up[10m])'),
    samples: await query('scrape_samples_scraped'),
  };
}
