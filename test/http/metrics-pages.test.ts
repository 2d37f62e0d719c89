import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { makeIncident } from '../metrics/outages.ts';
import { makeTarget } from '../metrics/targets.ts';
import { type Fixture, type FixtureOptions, makeStore, startFixture } from './app-fixture.ts';

let fixture: Fixture | undefined;
afterEach(async () => {
  await fixture?.[Symbol.asyncDispose]();
  fixture = undefined;
});
async function start(options: FixtureOptions = {}): Promise<Fixture> {
  fixture = await startFixture(options);
  return fixture;
}

/** As a scraper sees it: nothing unpacked. */
async function ask(url: string, headers: Record<string, string>, method = 'GET') {
  const sent = httpRequest(url, { headers, method });
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const body = Buffer.concat(await answer.toArray());
  return { status: answer.statusCode, headers: answer.headers, body };
}

describe.each(['/metrics', '/metrics/targets'])('%s', (path) => {
  test('is the text format, or OpenMetrics for those who ask for it, in any order', async () => {
    const { url } = await start({
      outages: { methods: ['card'], states: { s1: { card: 'down' } }, incidents: [makeIncident('i1')] },
    });
    const read = async (accept: string) => {
      const { headers, body } = await ask(url + path, { accept });
      expect(headers.vary).toBe('Accept, Accept-Encoding');
      expect(headers['content-encoding']).toBeUndefined();
      const lines = body.toString().split('\n');
      expect(lines.pop()).toBe('');
      const isOurs = (line: string) => /^kassavakt_(?!event_loop)/.test(line);
      return { type: headers['content-type'], lines, samples: lines.filter(isOurs) };
    };
    const text = await read('text/plain');
    const open = await read('application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5');
    const again = await read('text/plain');
    expect([text.type, open.type, again.type]).toEqual([
      'text/plain; version=0.0.4; charset=utf-8',
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
      'text/plain; version=0.0.4; charset=utf-8',
    ]);
    expect(text.samples.length).toBeGreaterThan(5);
    expect(open.samples).toEqual(text.samples);
    expect(again.samples).toEqual(text.samples);
    expect(open.lines.filter((line) => line === '# EOF')).toHaveLength(1);
    expect(open.lines.at(-1)).toBe('# EOF');
    expect(text.lines).not.toContain('# EOF');
    if (path === '/metrics') {
      for (const { lines } of [text, again]) expect(lines).toContain('# TYPE kassavakt_probes_total counter');
      expect(open.lines).toContain('# TYPE kassavakt_probes counter');
      for (const { samples } of [text, open, again]) expect(samples).toContain('kassavakt_probes_total 0');
    }
  });

  test('is compressed for those who take it, and says the same', async () => {
    const { url } = await start({ targets: [makeTarget('Kassa Åäö')] });
    const { headers, body } = await ask(url + path, { 'accept-encoding': 'gzip' });
    expect(headers['content-encoding']).toBe('gzip');
    expect(headers.vary).toContain('Accept-Encoding');
    const text = gunzipSync(body).toString();
    expect(text).toMatch(/^# HELP /);
    if (path === '/metrics/targets') {
      expect(text).toBe((await ask(url + path, {})).body.toString());
      expect(text).toContain('target="Kassa Åäö"');
    }
  });

  test('answers HEAD without a body', async () => {
    const { url } = await start();
    const { status, body, headers } = await ask(url + path, {}, 'HEAD');
    expect([status, body.length]).toEqual([200, 0]);
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  });
});

describe('/metrics/targets', () => {
  const MANY = Array.from({ length: 20_000 }, (_, i) =>
    makeTarget(`terminal-${i}`, { labels: { note: `a label that makes the page long enough ${i}` } }),
  );

  test('is written to four at once; a fifth is told to come back, and may when one has left', async () => {
    const { url, get } = await start({ targets: MANY, stores: [] });
    const slow = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const sent = httpRequest(`${url}/metrics/targets`);
        sent.end();
        const [answer] = (await once(sent, 'response')) as [IncomingMessage];
        return answer;
      }),
    );
    const refused = await get('/metrics/targets');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await refused.json()).toEqual({ error: { code: 'busy', message: expect.any(String) } });
    slow[0]?.destroy();
    const served = await slow[1]?.toArray();
    expect(Buffer.concat(served ?? []).length).toBeGreaterThan(4_000_000);
    let status = 503;
    while (status === 503) {
      const answer = await get('/metrics/targets');
      status = answer.status;
      await answer.body?.cancel();
    }
    expect(status).toBe(200);
    for (const answer of slow) answer.destroy();
  });

  test('comes in shards for several Prometheis', async () => {
    const { get } = await start({
      targets: MANY.slice(0, 300),
      stores: ['s1', 's2', 's3'].map((id) => makeStore(id, id)),
    });
    const page = async (query: string): Promise<string[]> => {
      const text = await (await get(`/metrics/targets${query}`)).text();
      return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    };
    const shards = await Promise.all([0, 1, 2].map((shard) => page(`?shard=${shard}&shards=3`)));
    for (const shard of shards) expect(shard.length).toBeGreaterThan(0);
    expect(shards.flat().sort()).toEqual((await page('')).sort());
  });

  test.each([
    { query: 'shard=0', field: 'shards' },
    { query: 'shards=3', field: 'shard' },
    { query: 'shard=3&shards=3', field: 'shard' },
    { query: 'shard=-1&shards=3', field: 'shard' },
    { query: 'shard=0&shards=0', field: 'shards' },
    { query: 'shard=0.5&shards=2', field: 'shard' },
    { query: 'shard=0&shards=1001', field: 'shards' },
    { query: 'shard=a&shards=2', field: 'shard' },
  ])('refuses $query, and says why', async ({ query, field }) => {
    const { get } = await start();
    const answer = await get(`/metrics/targets?${query}`);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({
      error: { code: 'bad-query', field, message: expect.stringMatching(/ it must be a whole number /) },
    });
  });

  test('is alive while a page is written', async () => {
    const { get } = await start({ targets: MANY, stores: [] });
    const page = get('/metrics/targets').then((answer) => answer.text());
    expect((await get('/-/healthy')).status).toBe(200);
    expect((await page).match(/^kassavakt_target_info\{/gm)).toHaveLength(20_000);
  });
});

describe('/sd/targets', () => {
  const STORES = [makeStore('s1', 'Solhaga Karlstad')];
  const TARGETS = [
    makeTarget('T1', {
      store: 's1',
      address: '10.0.0.1:9',
      labels: { chain: 'Solhaga', region: 'Värmland' },
    }),
    makeTarget('web', {
      module: 'shop',
      kind: 'web',
      address: 'https://shop.test/',
      labels: { target: 'odd', module: 'odder' },
    }),
  ];

  test('has one group a target, with every label', async () => {
    const { get } = await start({ stores: STORES, targets: TARGETS });
    const answer = await get('/sd/targets');
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(await answer.json()).toEqual([
      {
        targets: ['10.0.0.1:9'],
        labels: {
          __meta_kassavakt_target: 'T1',
          __meta_kassavakt_module: 'terminal',
          __meta_kassavakt_kind: 'terminal',
          __meta_kassavakt_store: 's1',
          __meta_kassavakt_store_name: 'Solhaga Karlstad',
          __meta_kassavakt_chain: 'Solhaga',
          __meta_kassavakt_region: 'Värmland',
        },
      },
      {
        targets: ['https://shop.test/'],
        labels: {
          __meta_kassavakt_target: 'web',
          __meta_kassavakt_module: 'shop',
          __meta_kassavakt_kind: 'web',
          __meta_kassavakt_label_target: 'odd',
          __meta_kassavakt_label_module: 'odder',
        },
      },
    ]);
  });

  test.each([
    { query: '?module=shop', found: ['web'] },
    { query: '?kind=terminal', found: ['T1'] },
    { query: '?module=shop&kind=terminal', found: [] },
  ])('is filtered by $query, to an empty list if need be', async ({ query, found }) => {
    const { get } = await start({ stores: STORES, targets: TARGETS });
    const groups = (await (await get(`/sd/targets${query}`)).json()) as { labels: Record<string, string> }[];
    expect(groups.map(({ labels }) => labels['__meta_kassavakt_target'])).toEqual(found);
  });

  test('lists thousands, whatever is down', async () => {
    const targets = Array.from({ length: 3_000 }, (_, i) => makeTarget(`T${i}`));
    const { get, see } = await start({ targets, stores: [] });
    see('T7', 'down');
    expect(await (await get('/sd/targets')).json()).toHaveLength(3_000);
  });
});
