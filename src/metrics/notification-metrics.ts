import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { PROCESS_FAMILIES } from './catalogue.ts';

/** Unit: s. From the same second to what waited out a night. */
const DWELL_BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200, 43_200];

/** What waits for one channel, asked at each scrape. */
export interface ChannelBacklog {
  readonly channel: string;
  readonly pending: number;
  /** From when on the oldest was to be told. Epoch ms, UTC; undefined when none waits. */
  readonly oldestMs: number | undefined;
}

/** Metrics of the channels by which people are told. Recording is cheap, synchronous and never throws. */
export interface NotificationMetrics {
  /** `dwellMs`: from when it was to be told until it had arrived. */
  readonly recordDelivery: (channel: string, dwellMs: number) => void;
  readonly recordFailure: (channel: string, isPermanent: boolean) => void;
  /** These channels are at work from now on: their series are there at 0, those of others are gone. */
  readonly setChannels: (channels: readonly string[]) => void;
}

export function registerNotificationMetrics(
  registry: Registry,
  backlogs: () => readonly ChannelBacklog[],
): NotificationMetrics {
  const describe = (name: keyof typeof PROCESS_FAMILIES) => {
    const { help, labels } = PROCESS_FAMILIES[name];
    return { name, help, labelNames: [...labels], registers: [registry] };
  };
  const delivered = new Counter(describe('kassavakt_notifications_total'));
  const failures = new Counter(describe('kassavakt_notification_failures_total'));
  const dwell = new Histogram({
    ...describe('kassavakt_notification_dwell_seconds'),
    buckets: DWELL_BUCKETS,
  });
  const gauge = (
    name: keyof typeof PROCESS_FAMILIES,
    valueOf: (backlog: ChannelBacklog) => number | undefined,
  ): Gauge =>
    new Gauge({
      ...describe(name),
      collect() {
        this.reset();
        for (const backlog of backlogs()) {
          const value = valueOf(backlog);
          if (value !== undefined) this.set({ channel: backlog.channel }, value);
        }
      },
    });
  gauge('kassavakt_notifications_pending', ({ pending }) => pending);
  gauge(
    'kassavakt_notification_oldest_pending_timestamp_seconds',
    ({ oldestMs }) => oldestMs && oldestMs / 1_000,
  );
  let known: readonly string[] = [];
  return {
    recordDelivery(channel, dwellMs) {
      delivered.inc({ channel });
      dwell.observe({ channel }, dwellMs / 1_000);
    },
    recordFailure(channel, isPermanent) {
      failures.inc({ channel, permanent: String(isPermanent) });
    },
    setChannels(channels) {
      for (const channel of known) {
        if (channels.includes(channel)) continue;
        delivered.remove({ channel });
        dwell.remove({ channel });
        for (const permanent of ['true', 'false']) failures.remove({ channel, permanent });
      }
      for (const channel of channels) {
        if (known.includes(channel)) continue;
        delivered.inc({ channel }, 0);
        dwell.zero({ channel });
        for (const permanent of ['true', 'false']) failures.inc({ channel, permanent }, 0);
      }
      known = channels;
    },
  };
}
