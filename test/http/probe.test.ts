import { afterEach, describe, expect, test } from '@jest/globals';
import type { ProbeReport } from '../../src/core/outcome.ts';
import type { ProbeRequest } from '../../src/probes/probe.ts';
import { makeTarget } from '../metrics/targets.ts';
import {
  ANSWERED,
  type Fixture,
  type FixtureOptions,
  makeModule,
  makeToken,
  startFixture,
} from './app-fixture.ts';

const TARGETS = [
  makeTarget('T1', { address: '127.0.0.1:9001' }),
  makeTarget('web', { module: 'shop', address: 'https://shop.test/' }),
];
const FAILED: ProbeReport = {
  outcome: { kind: 'failed', reason: 'connect-refused', durationMs: 3, message: 'It refuses connections.' },
  phases: [],
  samples: [],
  trail: [],
};

interface Call {
  readonly module: string;
  readonly request: ProbeRequest;
  readonly signal: AbortSignal;
}

let fixture: Fixture | undefined;
afterEach(async () => {
  await fixture?.[Symbol.asyncDispose]();
  fixture = undefined;
});

async function start(options: FixtureOptions & { readonly report?: ProbeReport } = {}) {
  const calls: Call[] = [];
  fixture = await startFixture({
    targets: TARGETS,
    tokens: [makeToken('ops', 'operator')],
    ...options,
    context: {
      probe: async (module, request, signal) => {
        calls.push({ module, request, signal });
        return options.report ?? ANSWERED;
      },
      ...options.context,
    },
  });
  const { get } = fixture;
  return {
    ...fixture,
    calls,
    probe: (query: string, headers?: Record<string, string>) => get(`/probe?${query}`, 'ops', headers),
  };
}

describe('/probe', () => {
  test('answers the series of one probe under the names of blackbox_exporter', async () => {
    const { probe } = await start();
    const answer = await probe('target=127.0.0.1:1&module=terminal');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await answer.text()).toBe(`# HELP probe_success Displays whether or not the probe was a success
# TYPE probe_success gauge
probe_success 1
# HELP probe_duration_seconds Returns how long the probe took to complete in seconds
# TYPE probe_duration_seconds gauge
probe_duration_seconds 0.0125
# HELP probe_timeout_seconds Returns how long the probe timeout is in seconds
# TYPE probe_timeout_seconds gauge
probe_timeout_seconds 5
# HELP probe_http_duration_seconds Duration of http request by phase, summed over all redirects
# TYPE probe_http_duration_seconds gauge
probe_http_duration_seconds{phase="connect"} 0.003
probe_http_duration_seconds{phase="tls"} 0
# HELP probe_http_status_code Response HTTP status code
# TYPE probe_http_status_code gauge
probe_http_status_code 200
`);
  });

  test('answers 200 with probe_success 0 and the reason when the probe fails', async () => {
    const { probe } = await start({ report: FAILED });
    const answer = await probe('target=T1');
    expect(answer.status).toBe(200);
    const text = await answer.text();
    expect(text).toContain('\nprobe_success 0\n');
    expect(text).toContain('\nprobe_failure_info{reason="connect-refused"} 1\n');
  });

  test('answers 503 when the probe came to no verdict', async () => {
    const outcome = { kind: 'inconclusive', reason: 'self-network', message: 'We have no network.' } as const;
    const { probe } = await start({ report: { ...FAILED, outcome } });
    const answer = await probe('target=T1');
    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({ error: { code: 'inconclusive', message: 'We have no network.' } });
  });

  test.each([
    { query: 'target=T1', module: 'terminal', targetId: 'T1', address: '127.0.0.1:9001' },
    { query: 'target=T1&module=shop', module: 'shop', targetId: 'T1', address: '127.0.0.1:9001' },
    {
      query: 'target=127.0.0.1:9001&module=terminal',
      module: 'terminal',
      targetId: 'T1',
      address: '127.0.0.1:9001',
    },
    { query: 'target=a:1&module=shop', module: 'shop', targetId: 'on demand: a:1', address: 'a:1' },
    { query: 'target=a:1', module: 'http_2xx', targetId: 'on demand: a:1', address: 'a:1' },
  ])('probes with $query the address $address by module $module', async ({ query, ...wanted }) => {
    const modules = ['terminal', 'shop', 'http_2xx'].map((name) => makeModule(name));
    const { probe, calls } = await start({ modules });
    expect((await probe(query)).status).toBe(200);
    expect(calls).toHaveLength(1);
    expect({ module: calls[0]?.module, ...calls[0]?.request }).toEqual(wanted);
  });

  test('hands on the host name', async () => {
    const { probe, calls } = await start();
    await probe('target=T1&hostname=shop.test');
    expect(calls[0]?.request).toMatchObject({ hostname: 'shop.test' });
  });

  test.each([
    { query: 'target=a:1', field: 'module', says: 'no http_2xx; known modules: terminal, shop' },
    { query: 'target=a:1&module=shopp', field: 'module', says: 'did you mean shop?' },
    { query: 'target=a:1&module=quite-other', field: 'module', says: 'known modules: terminal, shop' },
    { query: 'module=shop', field: 'target', says: 'is missing' },
    { query: 'target=nothing&module=shop', field: 'target', says: 'write host:port' },
  ])('answers 400 to $query', async ({ query, field, says }) => {
    const { probe, calls } = await start();
    const answer = await probe(query);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({
      error: { code: 'bad-query', message: expect.stringContaining(says), field },
    });
    expect(calls).toEqual([]);
  });

  test.each([
    { header: '3', timeoutSeconds: '2.5' },
    { header: '10', timeoutSeconds: '5' },
    { header: '0.4', timeoutSeconds: '5' },
  ])(
    'takes a time-out of $timeoutSeconds s when the scraper waits $header s',
    async ({ header, timeoutSeconds }) => {
      const { probe } = await start();
      const answer = await probe('target=T1', { 'x-prometheus-scrape-timeout-seconds': header });
      expect(await answer.text()).toContain(`\nprobe_timeout_seconds ${timeoutSeconds}\n`);
    },
  );

  test('answers 400 when the scraper waits for no number of seconds', async () => {
    const { probe } = await start();
    expect((await probe('target=T1', { 'x-prometheus-scrape-timeout-seconds': 'long' })).status).toBe(400);
  });

  test('ends the probe with a TimeoutError when its time is over', async () => {
    const modules = [makeModule('terminal', { timeoutMs: 30 }), makeModule('shop')];
    const probeUntilAborted = (_module: string, _request: ProbeRequest, signal: AbortSignal) =>
      new Promise<ProbeReport>((resolve) => {
        signal.addEventListener('abort', () => {
          const { name } = signal.reason as DOMException;
          resolve({
            ...FAILED,
            outcome: { kind: 'failed', reason: 'protocol', durationMs: 30, message: name },
          });
        });
      });
    const { probe } = await start({ modules, context: { probe: probeUntilAborted } });
    expect(await (await probe('target=T1&debug=true')).text()).toContain('failed (protocol): TimeoutError');
  });

  test('calls the probe off when the client leaves', async () => {
    const { promise: begun, resolve: begin } = Promise.withResolvers<AbortSignal>();
    const { get } = await start({
      tokens: [],
      context: {
        probe: (_module, _request, signal) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason as Error));
            begin(signal);
          }),
      },
    });
    const leave = new AbortController();
    const { url } = fixture ?? { url: '' };
    const asked = fetch(`${url}/probe?target=T1`, { signal: leave.signal });
    const signal = await begun;
    const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
    leave.abort();
    await expect(asked).rejects.toThrow();
    await aborted;
    expect((await get('/-/healthy')).status).toBe(200);
  });

  test('makes 32 at once, and tells the others to come back', async () => {
    const { promise: release, resolve: open } = Promise.withResolvers<void>();
    const { promise: full, resolve: fill } = Promise.withResolvers<void>();
    let begun = 0;
    const probe = async () => {
      if (++begun === 32) fill();
      await release;
      return ANSWERED;
    };
    const { get } = await start({ context: { probe } });
    const asked = Array.from({ length: 32 }, () => get('/probe?target=T1', 'ops'));
    await full;
    const refused = await get('/probe?target=T1', 'ops');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    open();
    for (const answer of await Promise.all(asked)) expect(answer.status).toBe(200);
    expect((await get('/probe?target=T1', 'ops')).status).toBe(200);
  });

  test('explains itself with debug=true, and shows no secret', async () => {
    const options = {
      valid_status_codes: [200],
      headers: { 'X-Api-Key': 'geheim-1' },
      basic_auth: { username: 'u', password: 'geheim-2', password_file: 'secrets/pw' },
      authorization: { type: 'Bearer', credentials: 'geheim-3', credentials_file: 'secrets/cred' },
      bearerToken: 'geheim-4',
      body: 'pin=geheim-5',
      proxy_url: 'http://me:geheim-6@proxy.test/',
      tls: { key: new TextEncoder().encode('geheim-7'), key_file: 'secrets/key.pem' },
      query_response: [{ send: 'LOGIN geheim-8', expect: 'OK' }],
    };
    const modules = [makeModule('terminal', { options })];
    const { probe } = await start({ modules, targets: TARGETS.slice(0, 1) });
    const answer = await probe('target=T1&debug=true');
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    const text = await answer.text();
    for (const part of [
      'Logs for the probe:\nconnecting to 127.0.0.1\nconnect: 3.0 ms\nanswered: It answers in 13 ms.\n',
      'Metrics that would have been returned:\n# HELP probe_success ',
      'Module configuration:\nterminal:\n  prober: echo\n  interval: 30s\n',
      'valid_status_codes:\n      - 200\n',
      'password_file: secrets/pw',
      'credentials_file: secrets/cred',
      'key_file: secrets/key.pem',
      'username: u',
      'expect: OK',
      'http://<secret>@proxy.test/',
    ]) {
      expect(text).toContain(part);
    }
    expect(text).not.toContain('geheim');
  });

  test.each([{ detailed: true }, { detailed: false }])(
    'debug names metrics as a configuration does (detailed: $detailed)',
    async ({ detailed }) => {
      const modules = [makeModule('terminal', { detailedMetrics: detailed })];
      const { probe } = await start({ modules, targets: TARGETS.slice(0, 1) });
      const text = await (await probe('target=T1&debug=true')).text();
      expect(text.includes('\n  metrics: detailed\n')).toBe(detailed);
      expect(text).not.toContain('detailed_metrics');
    },
  );
});

describe('/probe with no token configured', () => {
  test.each([
    { name: 'a target by id', query: 'target=T1', status: 200 },
    {
      name: 'a target by address and its own module',
      query: 'target=127.0.0.1:9001&module=terminal',
      status: 200,
    },
    { name: 'no target with another module', query: 'target=T1&module=shop', status: 403 },
    { name: 'no other address', query: 'target=127.0.0.1:1&module=terminal', status: 403 },
    { name: 'no target under another host name', query: 'target=T1&hostname=x.test', status: 403 },
  ])('this machine may probe $name', async ({ query, status }) => {
    const { get, calls } = await start({ tokens: [] });
    const answer = await get(`/probe?${query}`);
    expect(answer.status).toBe(status);
    expect(calls).toHaveLength(status === 200 ? 1 : 0);
  });

  test('a page of another site cannot make a browser probe', async () => {
    const { get, calls } = await start({ tokens: [] });
    expect((await get('/probe?target=T1', undefined, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect(calls).toEqual([]);
  });
});
