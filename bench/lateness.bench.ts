import { setTimeout as delay } from 'node:timers/promises';
import {
  type Benchmark,
  makeFolder,
  scrape,
  startMonitorProcess,
  startTargetServer,
  writeConfig,
} from './tools.ts';

const TARGETS = 5_000;
const INTERVAL_MS = 30_000;
const HISTOGRAM = 'kassavakt_probe_lateness_seconds';

/** The limit: every probe starts within this of its due time at p99. Unit: ms. */
const P99_LIMIT_MS = 250;

/** 5,000 TCP targets at 30 s, the whole monitor as a process on one core: how late its probes start. */
export const lateness: Benchmark = {
  name: 'lateness',
  summary: `${TARGETS} TCP targets at 30 s, the whole monitor on one core, three intervals after the first`,
  async run() {
    await using folder = await makeFolder();
    await using target = await startTargetServer();
    const config = await writeConfig(folder.path, TARGETS, () => `127.0.0.1:${target.port}`);
    await using monitor = await startMonitorProcess(config, folder.path);
    const first = await scrape(`${monitor.url}/metrics`);
    await delay(INTERVAL_MS);
    const before = await scrape(`${monitor.url}/metrics`);
    await delay(3 * INTERVAL_MS);
    const after = await scrape(`${monitor.url}/metrics`);
    const gain = (series: string) => (after.get(series) ?? 0) - (before.get(series) ?? 0);
    const probes = gain(`${HISTOGRAM}_count`);
    const cpuS = gain('process_cpu_seconds_total');
    const firstRound = (before.get(`${HISTOGRAM}_count`) ?? 0) - (first.get(`${HISTOGRAM}_count`) ?? 0);
    return [
      { name: 'start lateness, p50, at most', value: quantileMs(before, after, 0.5), unit: 'ms' },
      {
        name: 'start lateness, p99, at most',
        value: quantileMs(before, after, 0.99),
        unit: 'ms',
        limit: P99_LIMIT_MS,
      },
      { name: 'probes made in three intervals', value: probes, unit: '' },
      { name: 'probes made in the first interval', value: firstRound, unit: '' },
      {
        name: 'processor time of the whole process a probe',
        value: Math.round((cpuS / probes) * 1e6),
        unit: 'µs',
      },
      { name: 'share of one core', value: Number(((cpuS * 1_000) / (3 * INTERVAL_MS)).toFixed(3)), unit: '' },
      {
        name: 'resident memory',
        value: Math.round((after.get('process_resident_memory_bytes') ?? 0) / 2 ** 20),
        unit: 'MiB',
      },
    ];
  },
};

/** The upper end of the histogram bucket in which the quantile falls. Unit: ms. */
function quantileMs(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  quantile: number,
): number {
  const total = (after.get(`${HISTOGRAM}_count`) ?? 0) - (before.get(`${HISTOGRAM}_count`) ?? 0);
  for (const [series, count] of after) {
    const bound = /_bucket\{le="([^"]+)"/.exec(series)?.[1];
    if (!series.startsWith(HISTOGRAM) || bound === undefined) continue;
    if (count - (before.get(series) ?? 0) >= quantile * total) return Number(bound) * 1_000;
  }
  return Number.POSITIVE_INFINITY;
}
