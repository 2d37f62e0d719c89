import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  Alertmanager,
  freePort,
  Hook,
  type Payload,
  type ShownAlert,
  writeShippedConfig,
} from '../tools/alertmanager.ts';
import { CommandProcess, getJson, makeFolder, startServe, until } from '../tools/monitor-process.ts';
import { canRun } from '../tools/programs.ts';

const SUITE = 'a chain goes dark: the monitor, a simulated estate and a real Alertmanager';
const when = canRun(SUITE, ['prometheus-alertmanager']) ? describe : describe.skip;

const TOKEN = 'operator-of-the-test';

interface ForeignAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly status: string;
  readonly endsAt: string | null;
  readonly from?: string;
}

when(SUITE, () => {
  const owned = new AsyncDisposableStack();
  let folder: string;
  let hook: Hook;
  let alertmanager: Alertmanager;
  let control: string;
  let monitor: CommandProcess & { readonly url: string };
  let listen: string;
  let faultAtMs = 0;
  let incident = '';

  beforeAll(async () => {
    folder = owned.use(await makeFolder()).path;
    hook = owned.use(await Hook.start());
    listen = `127.0.0.1:${await freePort()}`;
    const secret = join(folder, 'operator');
    await writeFile(secret, `${TOKEN}\n`);
    const config = await writeShippedConfig(folder, hook.url, {
      kassavakt: {
        url: `http://${listen}/api/v1/alertmanager`,
        http_config: { authorization: { type: 'Bearer', credentials_file: secret } },
      },
    });
    alertmanager = owned.use(new Alertmanager(folder, config, await freePort()));
    const simulate = owned.use(
      new CommandProcess([
        'simulate',
        '--stores',
        '12',
        '--terminals',
        '40',
        '--out',
        folder,
        '--interval',
        '2s',
      ]),
    );
    control = await simulate.line((line) => /^Control:\s+(\S+)/.exec(line)?.[1]);
    await alertmanager.start();
    const written = join(folder, 'kassavakt.yaml');
    const settings = [
      // What is over is told soon: the test waits for it.
      (await readFile(written, 'utf8')).replace(/^( +quiet:).*$/m, '$1 3s'),
      'auth: { tokens: [{ name: ops, role: operator, token_file: operator }] }',
      'external_url: https://kassavakt.test/',
      `alertmanager: { urls: ["${alertmanager.url}"], resend_interval: 5s }`,
      '',
    ];
    await writeFile(written, settings.join('\n'));
    await startMonitor();
    const { targets } = await getJson<{ targets: readonly unknown[] }>(`${control}/targets`);
    await until(async () => {
      const up = await ask<{ targets: readonly unknown[] }>('/api/v1/targets?limit=1000&state=up');
      return up.targets.length === targets.length ? true : undefined;
    });
  });
  afterAll(() => owned.disposeAsync());

  async function startMonitor(): Promise<void> {
    monitor = owned.use(await startServe(join(folder, 'kassavakt.yaml'), join(folder, 'data'), { listen }));
  }

  async function ask<Value>(path: string, init: RequestInit = {}): Promise<Value> {
    const answer = await fetch(`http://${listen}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    });
    if (!answer.ok) throw new Error(`${path} answers ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as Value;
  }

  const aboutIncidents = (): readonly Payload[] =>
    hook.received.map(({ body }) => body).filter(({ groupLabels }) => groupLabels['incident'] !== undefined);
  const incidentAlerts = (): Promise<readonly ShownAlert[]> =>
    alertmanager.alerts('alertname="KassavaktIncident"');

  test('tells Alertmanager of one incident within 12 s: one group, one message', async () => {
    const order = { where: { chain: 'Solhaga', kind: 'terminal' }, fault: 'host-unreachable' };
    faultAtMs = Date.now();
    await fetch(`${control}/faults`, { method: 'POST', body: JSON.stringify(order) });
    const first = await until(async () => aboutIncidents()[0]);
    expect(Date.now() - faultAtMs).toBeLessThan(12_000);
    expect(first).toMatchObject({ receiver: 'operations', status: 'firing' });
    expect(first.alerts).toHaveLength(1);
    expect(first.alerts[0]).toMatchObject({
      labels: { alertname: 'KassavaktIncident', chain: 'Solhaga', scope: 'chain=Solhaga' },
      annotations: {
        summary: expect.stringMatching(/card terminals of Solhaga are down/),
        page_url: 'https://kassavakt.test',
      },
    });
    incident = first.groupLabels['incident'] ?? '';

    // It opens with what is confirmed by then; that it is worse is a change, told in the same group.
    const [worst, ...others] = await until(async () => {
      const alerts = await incidentAlerts();
      return alerts.some(({ labels }) => labels['severity'] === 'critical') ? alerts : undefined;
    });
    expect(worst?.labels).toMatchObject({ incident, severity: 'critical' });
    expect(others).toEqual([]);
    await until(async () => {
      const told = aboutIncidents().flatMap(({ alerts }) => alerts);
      return told.some(({ labels }) => labels['severity'] === 'critical') ? true : undefined;
    });

    // Each store that lost its cards has an alert, suppressed by the incident's.
    const lost = await until(async () => {
      const stores = await alertmanager.alerts('alertname="KassavaktStoreCannotPay"');
      const { stores: all } = await ask<{ stores: readonly Store[] }>('/api/v1/stores?limit=1000');
      const wanted = all.flatMap(({ id, methods }) =>
        Object.entries(methods).flatMap(([method, { state }]) =>
          state === 'down' ? [`${id} ${method}`] : [],
        ),
      );
      const told = stores.map(({ labels }) => `${labels['store']} ${labels['payment_method']}`);
      return told.length > 3 && told.toSorted().join() === wanted.sort().join() ? stores : undefined;
    });
    for (const { labels, status } of lost) {
      expect(labels).toMatchObject({ chain: 'Solhaga', incident });
      expect(status.state).toBe('suppressed');
    }
    expect(new Set(aboutIncidents().map(({ groupKey }) => groupKey)).size).toBe(1);
  });

  interface Store {
    readonly id: string;
    readonly methods: Readonly<Record<string, { readonly state: string }>>;
  }

  test('is known again after kill -9, and tells nobody twice', async () => {
    const messages = aboutIncidents().length;
    const [before] = await incidentAlerts();
    await monitor.end('SIGKILL');
    await startMonitor();
    await until(async () => {
      const page = await fetch(`http://${listen}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } });
      return (await page.text()).includes(`kassavakt_alertmanager_up{alertmanager="${alertmanager.url}"} 1`)
        ? true
        : undefined;
    });
    const after = await incidentAlerts();
    expect(after.map(({ fingerprint }) => fingerprint)).toEqual([before?.fingerprint]);
    expect(aboutIncidents()).toHaveLength(messages);
  });

  test("takes Alertmanager's own alerts in, and shows them with the incident that they touch", async () => {
    const { stores } = await ask<{ stores: readonly { id: string; chain: string }[] }>('/api/v1/stores');
    const store = stores.find(({ chain }) => chain === 'Solhaga')?.id ?? '';
    const other = stores.find(({ chain }) => chain !== 'Solhaga')?.id ?? '';
    const startsAt = new Date(faultAtMs).toISOString();
    await alertmanager.post([
      { labels: { alertname: 'SwitchDown', store }, startsAt },
      { labels: { alertname: 'SwitchDown', store: other }, startsAt },
      { labels: { alertname: 'DatabaseSlow', job: 'erp' }, startsAt },
    ]);
    const heard = await until(async () => {
      const { alerts } = await ask<{ alerts: readonly ForeignAlert[] }>('/api/v1/alerts');
      return alerts.length >= 3 ? alerts : undefined;
    });
    expect(heard.map(({ labels }) => labels['alertname'] ?? '').sort()).toEqual([
      'DatabaseSlow',
      'SwitchDown',
      'SwitchDown',
    ]);
    expect(heard.every(({ status, endsAt }) => status === 'firing' && endsAt === null)).toBe(true);
    const { relatedAlerts } = await ask<{ relatedAlerts: readonly ForeignAlert[] }>(
      `/api/v1/incidents/${incident}`,
    );
    expect(relatedAlerts.map(({ labels }) => labels)).toEqual([{ alertname: 'SwitchDown', store }]);

    await alertmanager.post([
      { labels: { alertname: 'SwitchDown', store }, endsAt: new Date().toISOString() },
    ]);
    await until(async () => {
      const { alerts } = await ask<{ alerts: readonly ForeignAlert[] }>('/api/v1/alerts?status=resolved');
      return alerts.length === 1 ? true : undefined;
    });
  });

  test('a maintenance of ours is a silence there, until it is ended here', async () => {
    const { id } = await ask<{ id: string }>('/api/v1/maintenances', {
      method: 'POST',
      body: JSON.stringify({ selector: 'chain=Torgboden', comment: 'new lines', forMinutes: 60 }),
    });
    const mirrored = () =>
      until(async () => (await alertmanager.silences()).find(({ comment }) => comment.includes(id)));
    const silence = await mirrored();
    expect(silence).toMatchObject({ createdBy: 'ops via Kassavakt', status: { state: 'active' } });
    expect(silence.matchers).toEqual([
      { name: 'alertname', value: 'Kassavakt.+', isRegex: true, isEqual: true },
      { name: 'chain', value: 'Torgboden', isRegex: false, isEqual: true },
    ]);
    await ask(`/api/v1/maintenances/${id}`, { method: 'DELETE' });
    await until(async () => ((await mirrored()).status.state === 'expired' ? true : undefined));
  });

  test('its end is told once, with all that was said of it', async () => {
    await fetch(`${control}/faults`)
      .then(async (answer) => (await answer.json()) as { faults: readonly { id: string }[] })
      .then(({ faults }) =>
        Promise.all(faults.map(({ id }) => fetch(`${control}/faults/${id}`, { method: 'DELETE' }))),
      );
    const last = await until(async () => aboutIncidents().find(({ status }) => status === 'resolved'));
    const end = last.alerts.find(({ labels }) => labels['alertname'] === 'KassavaktIncident');
    expect(end?.annotations).toMatchObject({
      summary: expect.stringMatching(/Solhaga/),
      description: expect.stringMatching(/^Over after /),
      runbook_url: 'https://kassavakt.test/runbook#kassavaktincident',
    });
    expect(new Set(aboutIncidents().map(({ groupKey }) => groupKey)).size).toBe(1);
    await until(async () => ((await incidentAlerts()).length === 0 ? true : undefined));
  });

  test('a reload without it lets it go', async () => {
    const file = join(folder, 'kassavakt.yaml');
    await writeFile(file, (await readFile(file, 'utf8')).replace(/^alertmanager:.*$/m, ''));
    await ask('/-/reload', { method: 'POST' });
    const page = await fetch(`http://${listen}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } });
    expect(await page.text()).not.toContain('kassavakt_alertmanager_up{');
  });
});
