import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { grafanaNotifier } from '../../src/notifiers/grafana.ts';
import type { Channel, Delivery, NotifierContext } from '../../src/notifiers/notifier.ts';
import { startGrafana } from './grafana-double.ts';
import { always, startHttpReceiver } from './http-receiver.ts';
import { contextFor, digestOf, noticeOf, OPENED_MS, TEST_NOTICE } from './notices.ts';
import { describeNotifier, SECRET, send } from './notifier.contract.ts';

describe('The grafana notifier', () => {
  describeNotifier(grafanaNotifier, {
    optionsAt: (address) => ({ url: `http://${address}/grafana`, token_file: 'secret' }),
    async start() {
      const grafana = await startGrafana(SECRET);
      return {
        options: { url: grafana.url, token_file: 'secret' },
        ids: () =>
          grafana.received
            .filter(({ method }) => method !== 'GET')
            .map(({ body }) => JSON.parse(body).tags.find((tag: string) => tag.startsWith('incident:'))),
        [Symbol.asyncDispose]: () => grafana[Symbol.asyncDispose](),
      };
    },
    async startRefusing(kind) {
      const receiver = await startHttpReceiver(always(kind === 'temporary' ? 502 : 401, {}, SECRET));
      return {
        options: { url: receiver.url, token_file: 'secret' },
        [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose](),
      };
    },
    unreadable: { token_file: '/nonexistent/token' },
    permanent: ['http-401'],
  });
});

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kassavakt-grafana-'));
  writeFileSync(join(folder, 'token'), 'glsa_token\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

function open(url: string, options: object = {}, changes: Partial<NotifierContext> = {}): Promise<Channel> {
  return grafanaNotifier.open(
    grafanaNotifier.options.parse({ url, token_file: 'token', ...options }),
    contextFor(folder, changes),
  );
}

function referenceOf(delivery: Delivery): string | undefined {
  return delivery.kind === 'delivered' ? delivery.reference : undefined;
}

const MINUTE_MS = 60_000;

describe('An incident in Grafana', () => {
  test('is one region from when it opened, told anew as it changes, that ends when it is over', async () => {
    await using grafana = await startGrafana('glsa_token');
    await using channel = await open(grafana.url, {}, { language: 'sv' });
    const opened = await send(channel, noticeOf('opened'));
    expect(opened).toEqual({ kind: 'delivered', reference: '1124' });
    expect(grafana.annotations).toEqual([
      {
        id: 1_124,
        time: OPENED_MS,
        timeEnd: OPENED_MS + 5 * MINUTE_MS,
        tags: ['kassavakt', 'incident:lqg1x0-1a2b3c', 'severity:critical', 'chain:Solhaga'],
        text: expect.stringMatching(
          /^Kunder kan inte betala med kort hos Solhaga, 22 butiker\n22 butiker är drabbade\./,
        ),
      },
    ]);
    const reference = referenceOf(opened);
    const recovering = noticeOf('updated', { state: 'recovering', severity: 'critical', targetsDown: 20 });
    const updated = await send(channel, { ...recovering, atMs: OPENED_MS + 30 * MINUTE_MS }, reference);
    expect(updated).toEqual({ kind: 'delivered', reference });
    expect(grafana.annotations).toMatchObject([
      { timeEnd: OPENED_MS + 30 * MINUTE_MS, text: expect.stringMatching(/^Återhämtar sig: /) },
    ]);
    const resolvedAtMs = OPENED_MS + 90 * MINUTE_MS;
    const resolved = noticeOf('resolved', { resolvedAtMs, targetsDown: 0 });
    expect(await send(channel, { ...resolved, atMs: resolvedAtMs + 7_000 }, reference)).toEqual(updated);
    expect(grafana.annotations).toMatchObject([
      {
        id: 1_124,
        time: OPENED_MS,
        timeEnd: resolvedAtMs,
        text: expect.stringMatching(/^Löst: kortterminaler/),
      },
    ]);
    expect(grafana.annotations[0]?.text).toMatch(
      /<a href="https:\/\/kassavakt\.example\.test\/">Öppna övervakningen<\/a>$/,
    );
  });

  test('is not drawn twice when the monitor dies between making it and knowing of it', async () => {
    await using grafana = await startGrafana('glsa_token');
    await using channel = await open(grafana.url);
    grafana.fail('POST', (response) => response.destroy(), 'after');
    expect(await send(channel, noticeOf('opened'))).toMatchObject({ kind: 'failed', isPermanent: false });
    expect(grafana.annotations).toHaveLength(1);
    grafana.heal();
    await using afresh = await open(grafana.url);
    expect(await send(afresh, noticeOf('opened'))).toEqual({ kind: 'delivered', reference: '1124' });
    expect(await send(afresh, noticeOf('resolved'))).toEqual({ kind: 'delivered', reference: '1124' });
    expect(grafana.annotations).toHaveLength(1);
  });

  test('is found among others by a tag that it alone has', async () => {
    await using grafana = await startGrafana('glsa_token');
    await using channel = await open(grafana.url);
    for (const notice of digestOf(12).incidents) {
      await send(channel, { ...noticeOf('opened'), incidents: [notice] });
    }
    const fourth = noticeOf('resolved', { ...digestOf(4).incidents[3]?.incident, state: 'resolved' });
    expect(await send(channel, fourth)).toEqual({ kind: 'delivered', reference: '1127' });
    expect(grafana.annotations).toHaveLength(12);
  });

  test.each([
    { name: 'deleted by somebody', reference: '77' },
    { name: 'told of by something else', reference: 'annotation-7' },
  ])('is drawn anew when it was $name', async ({ reference }) => {
    await using grafana = await startGrafana('glsa_token');
    await using channel = await open(grafana.url);
    expect(await send(channel, noticeOf('updated'), reference)).toEqual({
      kind: 'delivered',
      reference: '1124',
    });
  });

  test('is drawn anew where fine permissions refuse to change what is not there', async () => {
    await using grafana = await startGrafana('glsa_token');
    await using channel = await open(grafana.url);
    grafana.fail('PATCH', (response) => {
      response.writeHead(403, { 'Content-Type': 'application/json' }).end('{"message":"Access denied"}');
    });
    expect(await send(channel, noticeOf('updated'), '77')).toEqual({ kind: 'delivered', reference: '1124' });
  });

  test('goes to the dashboard, panel and with the tags that are asked for', async () => {
    await using grafana = await startGrafana('glsa_token');
    const options = { dashboard_uid: 'kassavakt-chain', panel_id: 4, tags: ['drift'] };
    await using channel = await open(`${grafana.url}/`, options);
    await send(channel, noticeOf('opened'));
    expect(grafana.annotations).toMatchObject([
      { dashboardUID: 'kassavakt-chain', panelId: 4, tags: expect.arrayContaining(['drift']) },
    ]);
  });

  test('has text in which names mean nothing, and tags that fit', async () => {
    await using grafana = await startGrafana('glsa_token');
    await using channel = await open(grafana.url);
    const storeName = '<img src=x onerror=alert(1)> & Co';
    const scope = Array.from({ length: 9 }, (_, i) => [`label_${i}`, 'Å'.repeat(60)] as const);
    const notice = noticeOf(
      'opened',
      { scope: [{ store: 'S1', ...Object.fromEntries(scope) }] },
      { store: 'S1', storeName },
    );
    expect(await send(channel, notice)).toMatchObject({ kind: 'delivered' });
    const [annotation] = grafana.annotations;
    expect(annotation?.text).toContain('&#60;img src=x onerror=alert(1)&#62; &#38; Co');
    expect(annotation?.text).not.toContain('<img');
    expect(Buffer.byteLength(JSON.stringify(annotation?.tags))).toBeLessThanOrEqual(500);
    expect(annotation?.tags).toEqual(
      expect.arrayContaining(['kassavakt', 'incident:lqg1x0-1a2b3c', 'store:S1']),
    );
  });

  test('is drawn for each of a digest, once', async () => {
    await using grafana = await startGrafana('glsa_token');
    await using channel = await open(grafana.url);
    expect(await send(channel, digestOf(3))).toEqual({ kind: 'delivered' });
    expect(await send(channel, digestOf(3, { state: 'resolved' }))).toEqual({ kind: 'delivered' });
    expect(grafana.annotations).toHaveLength(3);
    expect(grafana.annotations[0]?.text).toMatch(/^Resolved: /);
  });

  test('is tried with an annotation that says it is a test, once', async () => {
    await using grafana = await startGrafana('glsa_token');
    await using channel = await open(grafana.url);
    await send(channel, TEST_NOTICE);
    await send(channel, TEST_NOTICE);
    expect(grafana.annotations).toMatchObject([
      {
        time: OPENED_MS,
        tags: ['kassavakt', 'test:test/1/ops'],
        text: expect.stringContaining('this is a test'),
      },
    ]);
  });
});

describe('Grafana that cannot be told', () => {
  test('refuses another token for good', async () => {
    await using grafana = await startGrafana('another');
    await using channel = await open(grafana.url);
    expect(await send(channel, noticeOf('opened'))).toMatchObject({
      kind: 'failed',
      isPermanent: true,
      message: expect.stringMatching(
        /answers 401: it refuses us; give the service account of token_file the role Editor/,
      ),
    });
  });

  test.each([
    { name: 'a login page', status: 200, body: '<!doctype html><title>Sign in</title>' },
    { name: 'something else', status: 404, body: '404 page not found' },
  ])('is $name in its place for now', async ({ status, body }) => {
    await using receiver = await startHttpReceiver(always(status, {}, body));
    await using channel = await open(receiver.url);
    for (const reference of [undefined, '1124']) {
      expect(await send(channel, noticeOf('opened'), reference)).toMatchObject({
        kind: 'failed',
        isPermanent: false,
        message: expect.stringMatching(/but not as Grafana does; check grafana\.url/),
      });
    }
  });

  test('makes nothing when it cannot be asked what is there', async () => {
    await using grafana = await startGrafana('glsa_token');
    await using channel = await open(grafana.url);
    grafana.fail('GET', (response) => response.writeHead(500).end());
    expect(await send(channel, noticeOf('opened'))).toMatchObject({ kind: 'failed', isPermanent: false });
    expect(grafana.annotations).toEqual([]);
  });

  test.each(['grafana.test', 'ftp://grafana.test', 'https://u:p@grafana.test', 'https://grafana.test/?x=1'])(
    'is no address: %s',
    (url) => {
      const read = grafanaNotifier.options.safeParse({ url, token_file: 'token' });
      expect(read.error?.issues[0]?.message).toMatch(/^write the address of Grafana as https:\/\/host/);
    },
  );
});
