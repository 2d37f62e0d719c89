import { blackout } from './blackout.bench.ts';
import { feed } from './feed.bench.ts';
import { icmp } from './icmp.bench.ts';
import { http } from './http.bench.ts';
import { lateness } from './lateness.bench.ts';
import { outage } from './outage.bench.ts';
import { restart } from './restart.bench.ts';
import { scope } from './scope.bench.ts';
import { scrape } from './scrape.bench.ts';
import { soak } from './soak.bench.ts';
import { storm } from './storm.bench.ts';
import { tcp } from './tcp.bench.ts';
import { type Benchmark, describeMachine, type BenchOptions, type Figure, loadAverage } from './tools.ts';

export const BENCHMARKS: readonly Benchmark[] = [
  tcp,
  http,
  icmp,
  lateness,
  soak,
  blackout,
  scrape,
  storm,
  restart,
  feed,
  scope,
  outage,
];

/** One run of one benchmark: a line of `--json`, an entry of the baseline. */
export interface Run {
  readonly name: string;
  readonly machine: string;
  /** ISO 8601. */
  readonly at: string;
  /** Over the last minute, before and after: what else the machine did, and what this did to it. */
  readonly loadBefore: number;
  readonly loadAfter: number;
  readonly figures: readonly Figure[];
}

export async function runBenchmark(benchmark: Benchmark, options: BenchOptions): Promise<Run> {
  const loadBefore = loadAverage();
  const figures = await benchmark.run(options);
  return {
    name: benchmark.name,
    machine: describeMachine(),
    at: new Date().toISOString(),
    loadBefore,
    loadAfter: loadAverage(),
    figures,
  };
}

/** Undefined: it has no limit. */
export function isMet({ value, limit, least }: Figure): boolean | undefined {
  if (limit !== undefined) return value <= limit;
  if (least !== undefined) return value >= least;
  return undefined;
}

export function describeFigure(figure: Figure): string {
  const { name, value, unit, limit, least } = figure;
  const met = isMet(figure);
  const bound =
    limit !== undefined
      ? ` (at most ${limit} ${unit})`
      : least !== undefined
        ? ` (at least ${least} ${unit})`
        : '';
  const verdict = met === undefined ? '' : met ? '  met' : '  NOT MET';
  return `  ${name.padEnd(62)} ${String(value).padStart(10)} ${unit}${bound}${verdict}`;
}
