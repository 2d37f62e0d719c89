import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Incident } from '../../src/core/events.ts';
import { toIncidentId } from '../../src/estate/ids.ts';
import { makeTarget } from '../metrics/targets.ts';
import { type Fixture, makeStore, makeToken, startFixture } from './app-fixture.ts';

const STARTS = new Date(Date.now() - 60_000).toISOString();
const NEVER = '0001-01-01T00:00:00Z';
const INCIDENT: Incident = {
  id: toIncidentId('i1'),
  scope: [{ chain: 'Solhaga' }],
  title: 'All card terminals of Solhaga are down',
  severity: 'critical',
  state: 'open',
  openedAtMs: Date.now() - 90_000,
  targetsDown: 2,
  storesAffected: 1,
  reason: 'host',
};

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture({
    tokens: [makeToken('wallboard', 'viewer'), makeToken('alertmanager', 'operator')],
    stores: [makeStore('s1', 'Solhaga Kil'), makeStore('s2', 'Torgboden', { chain: 'Torgboden' })],
    targets: [
      makeTarget('T1', { store: 's1', labels: { chain: 'Solhaga' }, address: '10.0.0.1:8443' }),
      makeTarget('T2', { store: 's2', labels: { chain: 'Torgboden' }, address: '10.0.0.2:8443' }),
    ],
  });
  fixture.see('T1', 'up');
});
afterEach(async () => {
  await fixture[Symbol.asyncDispose]();
});

type Json = Record<string, unknown>;

function makeAlert(labels: Readonly<Record<string, string>>, more: Json = {}): Json {
  return {
    status: 'firing',
    labels,
    annotations: { summary: 'a switch is down' },
    startsAt: STARTS,
    endsAt: NEVER,
    generatorURL: 'http://prometheus.test/graph',
    fingerprint: JSON.stringify(labels).slice(0, 64),
    ...more,
  };
}

async function send(body: unknown, token = 'alertmanager'): Promise<{ status: number; body: Json }> {
  const answer = await fetch(`${fixture.url}/api/v1/alertmanager`, {
    method: 'POST',
    headers: { authorization: `Bearer secret-of-${token}`, 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Json };
}

/** As Alertmanager 0.25 sends it, and a field that later ones have. */
const payload = (...alerts: readonly unknown[]) => ({
  receiver: 'kassavakt',
  status: 'firing',
  alerts,
  groupLabels: {},
  commonLabels: {},
  commonAnnotations: {},
  externalURL: 'http://alertmanager.test',
  version: '4',
  groupKey: '{}:{}',
  truncatedAlerts: 0,
  notification_reason: 'new',
});

async function get(path: string): Promise<Json> {
  return (await (await fixture.get(path, 'wallboard')).json()) as Json;
}
const listed = async (query = ''): Promise<readonly Json[]> =>
  (await get(`/api/v1/alerts${query}`))['alerts'] as Json[];

describe('POST /api/v1/alertmanager', () => {
  test('takes alerts in, and GET /api/v1/alerts shows them', async () => {
    const labels = { alertname: 'SwitchDown', store: 's1' };
    expect(await send(payload(makeAlert(labels)))).toEqual({
      status: 200,
      body: { accepted: 1, repeated: 0, own: 0, unreadable: 0 },
    });
    expect(await listed()).toEqual([
      {
        fingerprint: JSON.stringify(labels),
        status: 'firing',
        labels,
        annotations: { summary: 'a switch is down' },
        startsAt: STARTS,
        endsAt: null,
        heardAt: expect.any(String),
        generatorUrl: 'http://prometheus.test/graph',
        from: 'http://alertmanager.test',
      },
    ]);
  });

  test('takes the same once, and its end', async () => {
    const labels = { alertname: 'SwitchDown' };
    await send(payload(makeAlert(labels)));
    expect((await send(payload(makeAlert(labels)))).body).toMatchObject({ accepted: 0, repeated: 1 });
    const endsAt = new Date().toISOString();
    await send(payload(makeAlert(labels, { status: 'resolved', endsAt })));
    await send(payload(makeAlert(labels)));
    expect(await listed('?status=resolved')).toEqual([expect.objectContaining({ labels, endsAt })]);
    expect(await listed('?status=firing')).toEqual([]);
  });

  test('passes over what is our own: it would be evidence for itself', async () => {
    const own = ['KassavaktIncident', 'KassavaktStoreCannotPay', 'KassavaktStoreCannotTakeCards'];
    const { body } = await send(payload(...own.map((alertname) => makeAlert({ alertname, store: 's1' }))));
    expect(body).toMatchObject({ accepted: 0, own: 3 });
    expect(await listed()).toEqual([]);
  });

  test('takes what reads among what does not', async () => {
    const good = makeAlert({ alertname: 'Good' }, { annotations: undefined, generatorURL: undefined });
    const { body } = await send(
      payload(
        7,
        {},
        makeAlert({ alertname: 'A' }, { startsAt: 'soon' }),
        makeAlert({}, { fingerprint: '' }),
        good,
      ),
    );
    expect(body).toEqual({ accepted: 1, repeated: 0, own: 0, unreadable: 4 });
    expect(await listed()).toHaveLength(1);
  });

  test.each([{ body: 'no JSON' }, { body: '[]' }, { body: '{"alerts":"none"}' }, { body: '{}' }])(
    'refuses $body for good: Alertmanager does not send it again',
    async ({ body }) => {
      expect(await send(body)).toMatchObject({
        status: 400,
        body: { error: { code: 'bad-request', field: 'alerts' } },
      });
    },
  );

  test("takes an operator, and looks at nobody else's body", async () => {
    expect((await send(payload(), 'wallboard')).status).toBe(403);
    expect((await send('x'.repeat(100_000), 'nobody')).status).toBe(401);
    expect((await send(payload())).status).toBe(200);
  });

  test('takes groups of thousands, but not without end', async () => {
    const many = Array.from({ length: 3_000 }, (_, i) =>
      makeAlert({ alertname: 'A', n: String(i), text: 'x'.repeat(300) }),
    );
    expect((await send(payload(...many))).body).toMatchObject({ accepted: 3_000 });
    expect((await get('/api/v1/alerts?limit=1000'))['next']).toBeNull();
    expect(await send('x'.repeat(9 * 1024 * 1024))).toMatchObject({
      status: 413,
      body: { error: { message: 'The request body is larger than 8192 KiB.' } },
    });
  });

  test('keeps no card number', async () => {
    await send(payload(makeAlert({ alertname: 'Leak', text: 'PAN 4111 1111 1111 1111' })));
    expect((await listed())[0]).toMatchObject({ labels: { text: 'PAN [card number removed]' } });
  });

  test('changes no state', async () => {
    await send(payload(makeAlert({ alertname: 'TargetDown', target: 'T1', instance: '10.0.0.1:8443' })));
    expect(await get('/api/v1/targets/T1')).toMatchObject({ state: 'up' });
    expect(fixture.journal.lastSeq).toBe(0);
  });
});

describe('GET /api/v1/alerts', () => {
  test('is paged', async () => {
    await send(payload(...['a', 'b', 'c'].map((alertname) => makeAlert({ alertname }))));
    const first = await get('/api/v1/alerts?limit=2');
    expect(first['alerts']).toHaveLength(2);
    const rest = await get(`/api/v1/alerts?limit=2&after=${encodeURIComponent(String(first['next']))}`);
    expect(rest).toMatchObject({ alerts: [expect.anything()], next: null });
  });
});

describe('an incident', () => {
  const related = async (): Promise<unknown> =>
    ((await get('/api/v1/incidents/i1'))['relatedAlerts'] as Json[] | undefined)?.map(({ labels }) => labels);

  beforeEach(async () => {
    const [event] = await fixture.journal.append([
      { atMs: INCIDENT.openedAtMs, kind: 'incident-opened', incident: INCIDENT },
    ]);
    if (event !== undefined) fixture.board.apply(event);
  });

  test.each([
    { name: 'its chain', labels: { alertname: 'A', chain: 'Solhaga' } },
    { name: 'a store of it', labels: { alertname: 'A', store: 's1' } },
    { name: 'a target of it', labels: { alertname: 'A', target: 'T1' } },
    { name: 'the address of a target of it', labels: { alertname: 'A', instance: '10.0.0.1:8443' } },
  ])('shows an alert that names $name', async ({ labels }) => {
    await send(payload(makeAlert(labels)));
    expect(await related()).toEqual([labels]);
  });

  test.each([
    { name: 'of another chain', labels: { alertname: 'A', store: 's2' }, more: {} },
    { name: 'of nothing in it', labels: { alertname: 'A', job: 'erp' }, more: {} },
    {
      name: 'that was over long before',
      labels: { alertname: 'A', chain: 'Solhaga' },
      more: {
        status: 'resolved',
        startsAt: '2026-01-01T00:00:00Z',
        endsAt: new Date(Date.now() - 7_200_000).toISOString(),
      },
    },
  ])('shows none $name', async ({ labels, more }) => {
    await send(payload(makeAlert(labels, more)));
    expect(await listed()).toHaveLength(1);
    expect(await related()).toBeUndefined();
  });
});
