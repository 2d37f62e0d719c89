import { setTimeout as delay } from 'node:timers/promises';
import { startEstate } from './estate-under-load.ts';
import {
  costBetween,
  DELAY_WINDOW_MS,
  latenessMs,
  loopDelayMs,
  type OwnMetrics,
  probesBetween,
  readOwnMetrics,
  targetsIn,
} from './own-metrics.ts';
import { residentMib } from './processes.ts';
import { type Benchmark, type MonitorProcess, quantile, round, waitFor } from './tools.ts';

const TARGETS = 100_000;
const MINUTES = 3;
const MEMORY_EVERY_MS = 1_000;

/** The whole estate, all well: what it costs to watch, and whether it is watched on time. */
export const soak: Benchmark = {
  name: 'soak',
  summary: `${TARGETS} TCP targets on loopback at 30 s, the first minute apart`,
  sweeps: true,
  async run({ targets = TARGETS, minutes = MINUTES, profileDir }) {
    await using estate = await startEstate(targets, profileDir);
    const { monitor } = estate;
    const readyAtMs = performance.now();
    const judgedAfterMs = await waitUntilJudged(monitor);
    await delay(Math.max(0, DELAY_WINDOW_MS - (performance.now() - readyAtMs)));
    const before = await readOwnMetrics(monitor);
    const pages: OwnMetrics[] = [];
    const memory: number[] = [];
    while (pages.length < Math.max(1, Math.round(minutes) - 1)) {
      const nextAtMs = (pages.at(-1) ?? before).atMs + DELAY_WINDOW_MS;
      while (performance.now() < nextAtMs) {
        memory.push(residentMib(monitor.pid));
        await delay(Math.min(MEMORY_EVERY_MS, Math.max(0, nextAtMs - performance.now())));
      }
      pages.push(await readOwnMetrics(monitor));
    }
    const after = pages.at(-1) ?? before;
    const { microsecondsAProbe, cores } = costBetween(before, after);
    // The floor of what collections leave, so that garbage not yet collected does not count as growth.
    const early = Math.min(...memory.slice(0, 20));
    const late = Math.min(...memory.slice(-20));
    return [
      {
        name: 'start lateness, p99, at most',
        value: latenessMs(before, after, 0.99),
        unit: 'ms',
        limit: 250,
      },
      {
        name: "main thread's event-loop delay, p99, worst minute",
        value: Math.max(...pages.map((page) => loopDelayMs(page, 0.99))),
        unit: 'ms',
        limit: 50,
      },
      { name: 'share of one core', value: cores, unit: '', limit: 0.6 },
      { name: 'resident memory, most', value: Math.round(Math.max(...memory)), unit: 'MiB', limit: 1_024 },
      {
        name: 'resident memory after the first minute, growth of its floor',
        value: round((late / early - 1) * 100, 1),
        unit: '%',
        limit: 5,
      },
      { name: 'ready to first verdict of all', value: round(judgedAfterMs / 1_000, 2), unit: 's', limit: 31 },
      { name: 'start to ready', value: round(monitor.readyAfterMs / 1_000, 2), unit: 's' },
      { name: 'start lateness, p50, at most', value: latenessMs(before, after, 0.5), unit: 'ms' },
      {
        name: "main thread's event-loop delay, longest",
        value: Math.max(...pages.map((page) => loopDelayMs(page, 1))),
        unit: 'ms',
      },
      { name: 'processor time a probe', value: microsecondsAProbe, unit: 'µs' },
      { name: 'resident memory, median', value: Math.round(quantile(memory, 0.5)), unit: 'MiB' },
      {
        name: 'probes a second',
        value: round((probesBetween(before, after) * 1_000) / (after.atMs - before.atMs), 1),
        unit: '',
      },
      { name: 'targets not up at the end', value: targets - targetsIn(after, 'up'), unit: '', limit: 0 },
    ];
  },
};

/** From its being ready until every target has a verdict. Unit: ms. */
async function waitUntilJudged(monitor: MonitorProcess): Promise<number> {
  const startedMs = performance.now();
  await delay(20_000);
  await waitFor(async () => targetsIn(await readOwnMetrics(monitor), 'unknown') === 0, 120_000, 250);
  return performance.now() - startedMs;
}
