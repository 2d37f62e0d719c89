import { cpuSeconds } from './processes.ts';
import type { MonitorProcess } from './tools.ts';

const LATENESS = 'kassavakt_probe_lateness_seconds';
const LOOP_DELAY = 'kassavakt_event_loop_delay_seconds';

/** A page of `/metrics`, and the processor time the monitor had used by then. */
export interface OwnMetrics {
  readonly samples: ReadonlyMap<string, number>;
  readonly cpuSeconds: number;
  readonly atMs: number;
}

/**
 * The monitor's own series. Its quantiles of the event loop's delay start anew at a reading more than a minute after
 * the last start, so the pages whose delay counts are read a little over a minute apart.
 */
export async function readOwnMetrics({ url, pid }: MonitorProcess): Promise<OwnMetrics> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const samples = new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))] as const;
    }),
  );
  return { samples, cpuSeconds: cpuSeconds(pid), atMs: performance.now() };
}

/** Unit of the window in which the event loop's delay is gathered, with room. */
export const DELAY_WINDOW_MS = 61_000;

export function sampleOf({ samples }: OwnMetrics, series: string): number {
  const value = samples.get(series);
  if (value === undefined) throw new Error(`the monitor has no series ${series}`);
  return value;
}

/** Over all label values of a family. */
export function sumOf({ samples }: OwnMetrics, family: string): number {
  let sum = 0;
  for (const [series, value] of samples) if (series.startsWith(`${family}{`)) sum += value;
  return sum;
}

export function targetsIn(page: OwnMetrics, state: 'unknown' | 'up' | 'degraded' | 'down'): number {
  return sampleOf(page, `kassavakt_targets{state="${state}"}`);
}

export function probesBetween(before: OwnMetrics, after: OwnMetrics): number {
  return sampleOf(after, 'kassavakt_probes_total') - sampleOf(before, 'kassavakt_probes_total');
}

/** Processor time for each probe, and the share of one core that all took. */
export function costBetween(
  before: OwnMetrics,
  after: OwnMetrics,
): { readonly microsecondsAProbe: number; readonly cores: number } {
  const usedSeconds = after.cpuSeconds - before.cpuSeconds;
  return {
    microsecondsAProbe: Math.round((usedSeconds / probesBetween(before, after)) * 1e6),
    cores: Number((usedSeconds / ((after.atMs - before.atMs) / 1_000)).toFixed(3)),
  };
}

/** Stands for a lateness beyond the last bucket, which has no upper end; JSON knows no infinity. Unit: ms. */
const BEYOND_MS = 100_000;

/** The upper end of the histogram bucket in which the quantile of the start lateness falls. Unit: ms. */
export function latenessMs(before: OwnMetrics, after: OwnMetrics, share: number): number {
  const gain = (series: string) => (after.samples.get(series) ?? 0) - (before.samples.get(series) ?? 0);
  const total = gain(`${LATENESS}_count`);
  for (const series of after.samples.keys()) {
    const bound = /_bucket\{le="([^"]+)"/.exec(series)?.[1];
    if (!series.startsWith(LATENESS) || bound === undefined) continue;
    if (gain(series) >= share * total) return Math.min(BEYOND_MS, Number(bound) * 1_000);
  }
  return BEYOND_MS;
}

/** Quantile of the main thread's event-loop delay since the window began; 1 is the longest. Unit: ms. */
export function loopDelayMs(page: OwnMetrics, share: 0.99 | 1): number {
  return Number((sampleOf(page, `${LOOP_DELAY}{quantile="${share}"}`) * 1_000).toFixed(1));
}
