import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Fixture, makeStore, makeToken, startFixture } from '../http/app-fixture.ts';
import { makeIncident } from '../metrics/outages.ts';
import { makeTarget } from '../metrics/targets.ts';
import { canRun } from '../tools/programs.ts';
import { PrometheusProcess } from '../tools/prometheus-process.ts';

const SUITE = 'Prometheus scrapes the monitor';
const PROMTOOL = 'promtool';
const when = canRun(SUITE, ['prometheus', PROMTOOL]) ? describe : describe.skip;

const NAME = 'Kassa "1" Åmål\\väst';
const TARGETS = [
  makeTarget('T1', {
    store: 's1',
    address: '127.0.0.1:9001',
    labels: { chain: 'Järn & Bygg', region: 'Värmland' },
  }),
  makeTarget(NAME, { store: 's1', address: '127.0.0.1:9002', labels: { chain: 'Järn & Bygg' } }),
  makeTarget('web', { module: 'shop', kind: 'web', address: 'https://shop.test/' }),
];

when(SUITE, () => {
  let fixture: Fixture;
  let folder: string;
  let prometheus: PrometheusProcess;

  beforeAll(async () => {
    fixture = await startFixture({
      stores: [makeStore('s1', 'Järn & Bygg Åmål')],
      targets: TARGETS,
      tokens: [makeToken('prometheus', 'operator')],
      outages: {
        methods: ['card', 'swish'],
        states: { s1: { card: 'down', swish: 'unknown' } },
        incidents: [makeIncident('i1', { scope: [{ chain: 'Järn & Bygg' }], targetsDown: 1 })],
      },
    });
    fixture.see('T1', 'up');
    fixture.see(NAME, 'down', { reason: 'connect-refused' });
    fixture.see('web', 'degraded', {
      reason: 'slow',
      samples: [{ name: 'probe_http_status_code', value: 200 }],
    });
    folder = await mkdtemp(join(tmpdir(), 'kassavakt-prometheus-'));
    await writeFile(join(folder, 'token'), 'secret-of-prometheus');
    await writeFile(join(folder, 'prometheus.yml'), configuration(fixture.url));
    prometheus = await PrometheusProcess.start(join(folder, 'prometheus.yml'), folder);
  });

  afterAll(async () => {
    await prometheus[Symbol.asyncDispose]();
    await fixture[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const find = (query: string, count: number) => prometheus.find(query, count);

  test('/metrics: it is up, and our own metrics are there', async () => {
    await find('up{job="kassavakt"} == 1', 1);
    const [reloaded] = await find('kassavakt_config_last_reload_successful', 1);
    expect(reloaded?.value[1]).toBe('1');
    await find('kassavakt_probe_failures_total{reason="connect-refused"}', 1);
    await find('kassavakt_event_loop_delay_seconds{quantile="0.99"}', 1);
    await find('kassavakt_build_info{version="0.0.0-test"}', 1);
  });

  test('/metrics/targets: every series with its labels, whatever letters they have', async () => {
    const success = await find('probe_success{job="targets"}', 3);
    const values = new Map(success.map(({ metric, value }) => [metric['target'], value[1]]));
    expect(Object.fromEntries(values)).toEqual({ T1: '1', [NAME]: '0', web: '1' });
    const [failure] = await find('probe_failure_info{job="targets"}', 1);
    expect(failure?.metric).toMatchObject({
      target: NAME,
      module: 'terminal',
      kind: 'terminal',
      store: 's1',
      chain: 'Järn & Bygg',
      reason: 'connect-refused',
    });
    const states = await find('kassavakt_target_state{job="targets"}', 3);
    expect(states.map(({ value }) => value[1]).sort()).toEqual(['1', '2', '3']);
    await find('kassavakt_target_info{region="Värmland"}', 1);
    await find('probe_http_status_code{job="targets",target="web"} == 200', 1);
    for (const label of ['exported_job', 'exported_instance']) await find(`{${label}!=""}`, 0);
  });

  test('stores and incidents: what can be paid with, and since when it cannot', async () => {
    const [card] = await find('kassavakt_payment_method_available', 1);
    expect(card?.metric).toMatchObject({ store: 's1', chain: 'Solhaga', payment_method: 'card' });
    expect(card?.value[1]).toBe('0');
    await find('kassavakt_payment_method_state{payment_method="swish"} == 0', 1);
    await find('kassavakt_store_info{name="Järn & Bygg Åmål",city="Karlstad"}', 1);
    const [incident] = await find('kassavakt_incident_targets_down == 1', 1);
    expect(incident?.metric).toMatchObject({
      incident: 'i1',
      severity: 'critical',
      scope: 'chain=Järn & Bygg',
      chain: 'Järn & Bygg',
    });
    await find('kassavakt_incident_start_timestamp_seconds{incident="i1"} == 1792000000.5', 1);
    await find('kassavakt_incidents{severity="critical"} == 1', 1);
    await find('kassavakt_incidents_opened_total', 4);
    await find('kassavakt_stores{payment_method="card",state="down"} == 1', 1);
    await find('kassavakt_monitor_blind == 0', 1);
  });

  test('it reads OpenMetrics: families by their names there, samples by their own', async () => {
    await find('kassavakt_probes_total', 1);
    const data =
      await prometheus.get<
        readonly { readonly metric: string; readonly type: string; readonly unit: string }[]
      >('/targets/metadata');
    expect(data).toContainEqual(expect.objectContaining({ metric: 'kassavakt_probes', type: 'counter' }));
    expect(data).toContainEqual(expect.objectContaining({ metric: 'kassavakt_target', type: 'info' }));
    expect(data).toContainEqual(
      expect.objectContaining({ metric: 'kassavakt_probe_lateness_seconds', unit: 'seconds' }),
    );
    expect(data.filter(({ metric }) => metric.endsWith('_total'))).toEqual([]);
  });

  test('a target that is gone leaves no series, not even for five minutes', async () => {
    await find('probe_success{job="targets",target="T1"}', 1);
    const slot = TARGETS.findIndex(({ id }) => id === 'T1');
    const [target] = TARGETS.slice(slot, slot + 1);
    if (target === undefined) throw new Error('no T1');
    fixture.columns.remove(fixture.columns.slotOf(target.id) ?? -1);
    // In one query: a scrape that is late on a busy machine leaves no series at all for a moment.
    await find('probe_success{job="targets",target!="T1"} unless on() {job="targets",target="T1"}', 2);
  });

  test('/sd/targets with /probe: discovers every target and probes it by its id', async () => {
    const success = await find('probe_success{job="probe"} == 1', 3);
    const instances = success.map(({ metric }) => metric['instance'] ?? '');
    expect(instances.sort()).toEqual(TARGETS.map(({ id }) => id as string).sort());
    const [one] = await find('probe_http_status_code{job="probe",instance="T1"}', 1);
    expect(one?.metric).toMatchObject({ store: 's1', chain: 'Järn & Bygg' });
  });

  test.each(['/metrics', '/metrics/targets', '/probe?target=web'])(
    'promtool finds nothing to remark on %s',
    async (path) => {
      const page = await (await fixture.get(path, 'prometheus')).text();
      expect(page).toContain('# TYPE');
      const promtool = spawn(PROMTOOL, ['check', 'metrics'], { stdio: ['pipe', 'pipe', 'pipe'] });
      let remarks = '';
      for (const stream of [promtool.stdout, promtool.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          remarks += text;
        });
      }
      promtool.stdin.end(page);
      const [code] = (await once(promtool, 'close')) as [number];
      expect([remarks, code]).toEqual(['', 0]);
    },
  );
});

function configuration(url: string): string {
  const host = new URL(url).host;
  // Prometheus 2.42 forgets the default type in http_sd_configs, so it is named.
  const access = 'authorization: { type: Bearer, credentials_file: token }';
  return `
global: { scrape_interval: 500ms, scrape_timeout: 500ms }
scrape_configs:
  - job_name: kassavakt
    ${access}
    static_configs: [{ targets: ['${host}'] }]
  - job_name: targets
    ${access}
    metrics_path: /metrics/targets
    static_configs: [{ targets: ['${host}'] }]
  - job_name: probe
    ${access}
    metrics_path: /probe
    http_sd_configs:
      - { url: '${url}/sd/targets', refresh_interval: 1s, ${access} }
    relabel_configs:
      - { source_labels: [__meta_kassavakt_target], target_label: __param_target }
      - { source_labels: [__meta_kassavakt_module], target_label: __param_module }
      - { source_labels: [__meta_kassavakt_target], target_label: instance }
      - { source_labels: [__meta_kassavakt_store], target_label: store }
      - { source_labels: [__meta_kassavakt_chain], target_label: chain }
      - { target_label: __address__, replacement: '${host}' }
`;
}
