import { afterEach, describe, expect, test } from '@jest/globals';
import { TargetColumns } from '../../src/core/columns.ts';
import { UNKNOWN_HEALTH } from '../../src/core/health.ts';
import { REASONS, SELF_REASONS } from '../../src/core/reason.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { PROCESS_FAMILIES, TARGET_FAMILIES } from '../../src/metrics/catalogue.ts';
import {
  type ProcessFacts,
  type ProcessMetrics,
  startProcessMetrics,
} from '../../src/metrics/process-metrics.ts';
import { makeTarget, writeVerdict } from './targets.ts';

const FACTS = {
  inFlight: () => 3,
  queued: () => 4,
  journalLastSeq: () => 41,
  isJournalWritable: () => false,
  pendingEvents: () => 5,
  feedClients: () => 6,
  notificationBacklogs: () => [],
};

let metrics: ProcessMetrics | undefined;
afterEach(() => {
  metrics?.[Symbol.dispose]();
  metrics = undefined;
});

function start(facts: Partial<ProcessFacts> = {}): ProcessMetrics {
  metrics = startProcessMetrics(
    { columns: new TargetColumns(), ...FACTS, ...facts },
    { version: '1.2.3', node: '26.0.0' },
    systemClock,
  );
  return metrics;
}

describe('our own metrics', () => {
  test('have every family of the catalogue, with its help and type', async () => {
    const { registry } = start();
    const page = await registry.metrics();
    for (const [name, { help, type }] of Object.entries(PROCESS_FAMILIES)) {
      expect(page).toContain(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`);
    }
  });

  test('have no family of ours that the catalogue does not name', async () => {
    const { registry } = start();
    const ours = registry.getMetricsAsArray().filter(({ name }) => name.startsWith('kassavakt_'));
    expect(ours.map(({ name }) => name).sort()).toEqual(Object.keys(PROCESS_FAMILIES).sort());
  });

  test('carry their unit in their name', () => {
    for (const [name, { unit }] of Object.entries({ ...PROCESS_FAMILIES, ...TARGET_FAMILIES })) {
      expect(name.endsWith('_seconds')).toBe(unit === 'seconds');
    }
  });

  test('count every reason from 0 on', async () => {
    const page = await start().registry.metrics();
    for (const reason of REASONS)
      expect(page).toContain(`kassavakt_probe_failures_total{reason="${reason}"} 0`);
    for (const reason of SELF_REASONS) {
      expect(page).toContain(`kassavakt_probes_inconclusive_total{reason="${reason}"} 0`);
    }
  });

  test('count probes by what came of them', async () => {
    const { registry, recordProbe } = start();
    recordProbe('answered', undefined, 0.4);
    recordProbe('degraded', 'device', 3);
    recordProbe('failed', 'connect-refused', 40);
    recordProbe('failed', 'connect-refused', 40);
    recordProbe('inconclusive', 'self-network', 20_000);
    const page = await registry.metrics();
    expect(page).toContain('kassavakt_probes_total 5\n');
    expect(page).toContain('kassavakt_probe_failures_total{reason="connect-refused"} 2\n');
    expect(page).toContain('kassavakt_probe_failures_total{reason="device"} 0\n');
    expect(page).toContain('kassavakt_probes_inconclusive_total{reason="self-network"} 1\n');
    expect(page).toContain('kassavakt_probe_lateness_seconds_bucket{le="0.001"} 1\n');
    expect(page).toContain('kassavakt_probe_lateness_seconds_bucket{le="0.05"} 4\n');
    expect(page).toContain('kassavakt_probe_lateness_seconds_bucket{le="10"} 4\n');
    expect(page).toContain('kassavakt_probe_lateness_seconds_count 5\n');
  });

  test('tell the facts of the moment', async () => {
    const columns = new TargetColumns();
    for (const id of ['T1', 'T2', 'T3']) columns.add(makeTarget(id), UNKNOWN_HEALTH, 0, 0);
    writeVerdict(columns, 'T1', 'down', { reason: 'dns' });
    const { registry } = start({ columns });
    const page = await registry.metrics();
    expect(page).toContain('kassavakt_targets{state="down"} 1\n');
    expect(page).toContain('kassavakt_targets{state="unknown"} 2\n');
    expect(page).toContain('kassavakt_targets{state="up"} 0\n');
    expect(page).toContain('kassavakt_in_flight_probes 3\n');
    expect(page).toContain('kassavakt_queued_probes 4\n');
    expect(page).toContain('kassavakt_journal_last_seq 41\n');
    expect(page).toContain('kassavakt_journal_writable 0\n');
    expect(page).toContain('kassavakt_journal_pending_events 5\n');
    expect(page).toContain('kassavakt_feed_clients 6\n');
    expect(page).toContain('kassavakt_build_info{version="1.2.3",node="26.0.0"} 1\n');
  });

  test('keep the time of the last good configuration when a bad one comes', async () => {
    const { registry, recordReload } = start();
    recordReload(true);
    recordReload(false);
    const page = await registry.metrics();
    expect(page).toContain('kassavakt_config_last_reload_successful 0\n');
    const [, stamp] = /^kassavakt_config_last_reload_success_timestamp_seconds (.*)$/m.exec(page) ?? [];
    expect(Math.abs(Number(stamp) - systemClock.nowMs() / 1_000)).toBeLessThan(60);
  });

  test('see a blocked event loop, and no delay in the time between two looks', async () => {
    const { registry } = start();
    const read = async (): Promise<{ max: number; count: number }> => {
      const page = await registry.metrics();
      const value = (series: string) =>
        Number(
          page
            .split('\n')
            .find((line) => line.startsWith(`${series} `))
            ?.split(' ')[1],
        );
      return {
        max: value('kassavakt_event_loop_delay_seconds{quantile="1"}'),
        count: value('kassavakt_event_loop_delay_seconds_count'),
      };
    };
    let seen = await read();
    while (seen.count < 2) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      seen = await read();
    }
    const blockedUntilMs = performance.now() + 300;
    while (performance.now() < blockedUntilMs);
    const before = seen.count;
    while (seen.count === before) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      seen = await read();
    }
    expect(seen.max).toBeGreaterThan(0.2);
    expect(seen.max).toBeLessThan(30);
  });
});
