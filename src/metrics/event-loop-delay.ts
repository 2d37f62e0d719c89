import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Registry, Summary } from 'prom-client';
import { PROCESS_FAMILIES } from './catalogue.ts';

/** How often the loop is asked; what it is late by is counted from there. Unit: ms. */
const RESOLUTION_MS = 20;
/** Quantiles start anew at the first reading after so long. Unit: ms. */
const WINDOW_MS = 60_000;
const QUANTILES = [0.5, 0.9, 0.99, 1] as const;
const NAME = 'kassavakt_event_loop_delay_seconds';

/**
 * How late the event loop runs, as a summary. Node measures it off the main path; prom-client's own summary would
 * have to be told each sample by a timer, which is what is measured.
 */
export class EventLoopDelay extends Summary implements Disposable {
  private readonly histogram: ReturnType<typeof monitorEventLoopDelay>;
  private readonly monotonicMs: () => number;
  private windowStartMs: number;
  private earlierCount = 0;
  private earlierSumSeconds = 0;

  constructor(registry: Registry, monotonicMs: () => number) {
    super({ name: NAME, help: PROCESS_FAMILIES[NAME].help, registers: [registry] });
    this.monotonicMs = monotonicMs;
    this.windowStartMs = monotonicMs();
    this.histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.histogram.enable();
  }

  override async get(): ReturnType<Summary['get']> {
    const { histogram } = this;
    const { count } = histogram;
    const sumSeconds = count === 0 ? 0 : secondsLate(histogram.mean) * count;
    const quantiles = QUANTILES.map((quantile) => ({
      metricName: NAME,
      labels: { quantile },
      value: count === 0 ? Number.NaN : secondsLate(histogram.percentile(quantile * 100)),
    }));
    const totals = [
      { metricName: `${NAME}_sum`, labels: {}, value: this.earlierSumSeconds + sumSeconds },
      { metricName: `${NAME}_count`, labels: {}, value: this.earlierCount + count },
    ];
    if (this.monotonicMs() - this.windowStartMs >= WINDOW_MS) {
      this.earlierCount += count;
      this.earlierSumSeconds += sumSeconds;
      this.windowStartMs = this.monotonicMs();
      histogram.reset();
    }
    return { ...(await super.get()), values: [...quantiles, ...totals] };
  }

  [Symbol.dispose](): void {
    this.histogram.disable();
  }
}

/** Node's figure holds the time between two askings; only what exceeds it is delay. */
function secondsLate(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1_000);
}
