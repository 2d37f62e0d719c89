import { afterEach, describe, expect, test } from '@jest/globals';
import { TargetColumns } from '../../src/core/columns.ts';
import { UNKNOWN_HEALTH } from '../../src/core/health.ts';
import { REASONS, SELF_REASONS } from '../../src/core/reason.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { OUTAGE_FAMILIES, PROCESS_FAMILIES, TARGET_FAMILIES } from '../../src/metrics/catalogue.ts';
import {
  type ProcessFacts,
  type ProcessMetrics,
  startProcessMetrics,
} from '../../src/metrics/process-metrics.ts';
import { OPENMETRICS_FORMAT, TEXT_FORMAT } from '../../src/metrics/exposition-text.ts';
import { renderProcess } from '../../src/metrics/process-exposition.ts';
import { makeIncident, makeOutages, makeShop } from './outages.ts';
import { makeTarget, writeVerdict } from './targets.ts';

const FACTS = {
  outages: makeOutages().facts,
  inFlight: () => 3,
  queued: () => 4,
  journalLastSeq: () => 41,
  isJournalWritable: () => false,
  pendingEvents: () => 5,
  feedClients: () => 6,
  isCalm: () => true,
  alertmanagers: () => [
    { url: 'http://a.test:9093', isUp: true },
    { url: 'http://b.test:9093', isUp: false },
  ],
  alertmanagerAlerts: () => 7,
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
    for (const [name, { unit }] of Object.entries({
      ...PROCESS_FAMILIES,
      ...TARGET_FAMILIES,
      ...OUTAGE_FAMILIES,
    })) {
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
    expect(page).toContain('kassavakt_calm_mode 1\n');
    expect(page).toContain('kassavakt_alertmanager_alerts 7\n');
    expect(page).toContain('kassavakt_alertmanager_up{alertmanager="http://a.test:9093"} 1\n');
    expect(page).toContain('kassavakt_alertmanager_up{alertmanager="http://b.test:9093"} 0\n');
    expect(page).toContain('kassavakt_build_info{version="1.2.3",node="26.0.0"} 1\n');
  });

  test('count open incidents, and all that were opened, by severity', async () => {
    const outages = makeOutages({
      incidents: [
        makeIncident('i1', { severity: 'critical' }),
        makeIncident('i2', { severity: 'critical', state: 'recovering' }),
        makeIncident('i3', { severity: 'minor' }),
      ],
    });
    const { registry, recordEvents } = start({ outages: outages.facts });
    const lines = async (name: string) =>
      (await registry.metrics()).split('\n').filter((line) => line.startsWith(`${name}{`));
    expect(await lines('kassavakt_incidents_opened_total')).toEqual(
      ['info', 'minor', 'major', 'critical'].map(
        (severity) => `kassavakt_incidents_opened_total{severity="${severity}"} 0`,
      ),
    );
    const event = { seq: 1, atMs: 0, incident: makeIncident('i1', { severity: 'major' }) };
    recordEvents([
      { ...event, kind: 'incident-opened' },
      { ...event, kind: 'incident-updated' },
      { ...event, kind: 'incident-resolved' },
      { ...event, kind: 'incident-opened' },
    ]);
    expect(await lines('kassavakt_incidents_opened_total')).toContain(
      'kassavakt_incidents_opened_total{severity="major"} 2',
    );
    expect(await lines('kassavakt_incidents')).toEqual([
      'kassavakt_incidents{severity="info"} 0',
      'kassavakt_incidents{severity="minor"} 1',
      'kassavakt_incidents{severity="major"} 0',
      'kassavakt_incidents{severity="critical"} 2',
    ]);
    outages.incidents = [];
    expect(await lines('kassavakt_incidents')).toContain('kassavakt_incidents{severity="critical"} 0');
  });

  test('count stores by how one can pay there, and forget a way that is configured no more', async () => {
    const outages = makeOutages({
      stores: [makeShop('s1'), makeShop('s2'), makeShop('s3')],
      methods: ['card', 'swish'],
      states: {
        s1: { card: 'down', swish: 'available' },
        s2: { card: 'offline-only' },
        s3: { card: 'down' },
        gone: { card: 'down' },
      },
    });
    const { registry } = start({ outages: outages.facts });
    const stores = async () =>
      (await registry.metrics()).split('\n').filter((line) => line.startsWith('kassavakt_stores{'));
    const told = await stores();
    expect(told).toHaveLength(10);
    expect(told.filter((line) => !line.endsWith(' 0'))).toEqual([
      'kassavakt_stores{payment_method="card",state="offline-only"} 1',
      'kassavakt_stores{payment_method="card",state="down"} 2',
      'kassavakt_stores{payment_method="swish",state="available"} 1',
    ]);
    outages.methods = ['swish'];
    expect(await stores()).toHaveLength(5);
    outages.methods = [];
    expect(await stores()).toEqual([]);
  });

  test('tell whether we can see', async () => {
    const outages = makeOutages();
    const { registry } = start({ outages: outages.facts });
    expect(await registry.metrics()).toContain('kassavakt_monitor_blind 0\n');
    outages.isBlind = true;
    expect(await registry.metrics()).toContain('kassavakt_monitor_blind 1\n');
  });

  test('are the same in OpenMetrics, whose reading leaves the text format as it was', async () => {
    const { registry, recordProbe } = start({ outages: makeOutages({ methods: ['card "a"\\b'] }).facts });
    recordProbe('failed', 'dns', 3);
    const samplesOf = (page: string) =>
      page.split('\n').flatMap((line) => (/^(#|$|process_|nodejs_|.*event_loop)/.test(line) ? [] : [line]));
    const before = await renderProcess(registry, TEXT_FORMAT);
    const open = await renderProcess(registry, OPENMETRICS_FORMAT);
    const after = await renderProcess(registry, TEXT_FORMAT);
    expect(samplesOf(before)).toContain('kassavakt_probe_failures_total{reason="dns"} 1');
    expect(samplesOf(open)).toEqual(samplesOf(before));
    expect(samplesOf(after)).toEqual(samplesOf(before));
    const heads = (page: string) => page.split('\n').filter((line) => line.startsWith('#'));
    expect(heads(after)).toEqual(heads(before));
    expect(heads(open)).toEqual(
      expect.arrayContaining([
        '# TYPE kassavakt_probe_failures counter',
        '# TYPE kassavakt_probe_lateness_seconds histogram',
        '# UNIT kassavakt_probe_lateness_seconds seconds',
        '# TYPE kassavakt_event_loop_delay_seconds summary',
        '# TYPE kassavakt_build info',
        '# TYPE process_cpu_seconds counter',
        '# UNIT process_resident_memory_bytes bytes',
      ]),
    );
    expect(
      heads(open).filter((line) => /_(total|info)\b/.test(line.split(' ').slice(0, 3).join(' '))),
    ).toEqual([]);
    expect(open.endsWith('\n# EOF\n')).toBe(true);
    expect(before).not.toContain('# EOF');
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
