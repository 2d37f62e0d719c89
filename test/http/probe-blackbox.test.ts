import { afterEach, describe, expect, test } from '@jest/globals';
import type { ProbeReport } from '../../src/core/outcome.ts';
import type { ProbeRequest } from '../../src/probes/probe.ts';
import type { Module } from '../../src/settings/settings.ts';
import { makeTarget } from '../metrics/targets.ts';
import { ANSWERED, type Fixture, makeModule, makeToken, startFixture } from './app-fixture.ts';

const T1 = makeTarget('T1', { address: '127.0.0.1:9001' });

interface Call {
  readonly module: string;
  readonly request: ProbeRequest;
}

let fixture: Fixture | undefined;
afterEach(async () => {
  await fixture?.[Symbol.asyncDispose]();
  fixture = undefined;
});

/** A monitor with modules of its own and those of a blackbox_exporter configuration. */
async function start(
  options: {
    readonly tokens?: boolean;
    readonly more?: Partial<Module>;
    readonly probe?: () => Promise<ProbeReport>;
  } = {},
) {
  const calls: Call[] = [];
  const shared = makeModule('http_2xx', {
    timeoutMs: 119_500,
    intervalMs: 120_500,
    options: { headers: { Host: 'shop.test', Authorization: 'hemligt' } },
    ...options.more,
  });
  fixture = await startFixture({
    targets: [T1],
    tokens: options.tokens === true ? [makeToken('ops', 'operator'), makeToken('wall', 'viewer')] : [],
    modules: [makeModule('terminal'), shared],
    blackbox: {
      file: 'blackbox.yml',
      modules: new Map([['http_2xx', shared]]),
      unusable: new Map([['grpc', 'module "grpc": the prober "grpc" is not supported here']]),
      warnings: [],
    },
    context: {
      probe: (module, request) => {
        calls.push({ module, request });
        return options.probe?.() ?? Promise.resolve(ANSWERED);
      },
    },
  });
  return { ...fixture, calls };
}

describe('/probe with a configuration of blackbox_exporter', () => {
  test('lets this machine probe any address with its modules, and with no others', async () => {
    const { get, calls } = await start();
    expect((await get('/probe?target=shop.test:80')).status).toBe(200);
    expect((await get('/probe?target=shop.test:80&module=terminal')).status).toBe(403);
    expect(calls.map(({ module, request }) => [module, request.address])).toEqual([
      ['http_2xx', 'shop.test:80'],
    ]);
  });

  test('lets no page of another site have a browser probe with them', async () => {
    const { get, calls } = await start();
    const answer = await get('/probe?target=shop.test:80', undefined, { 'sec-fetch-site': 'cross-site' });
    expect([answer.status, calls]).toEqual([403, []]);
  });

  test('takes an operator where tokens are configured', async () => {
    const { get } = await start({ tokens: true });
    const status = async (token?: string) => (await get('/probe?target=shop.test:80', token)).status;
    expect([await status(), await status('wall'), await status('ops')]).toEqual([401, 403, 200]);
  });

  test('answers 400 for a module that cannot be used, with what is not supported', async () => {
    const { get } = await start();
    const answer = await get('/probe?target=a:1&module=grpc');
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({
      error: {
        code: 'bad-query',
        message: 'This module cannot be used: module "grpc": the prober "grpc" is not supported here.',
        field: 'module',
      },
    });
  });

  test.each([
    { header: undefined, timeoutSeconds: '119.5' },
    { header: '0', timeoutSeconds: '119.5' },
    { header: '10', timeoutSeconds: '9.5' },
    { header: '600', timeoutSeconds: '119.5' },
  ])('takes $timeoutSeconds s when the scraper says $header', async ({ header, timeoutSeconds }) => {
    const { get } = await start();
    const headers = header === undefined ? {} : { 'x-prometheus-scrape-timeout-seconds': header };
    const text = await (await get('/probe?target=a:1', undefined, headers)).text();
    expect(text).toContain(`\nprobe_timeout_seconds ${timeoutSeconds}\n`);
  });

  test('takes the module’s time-out where that is less', async () => {
    const { get } = await start({ more: { timeoutMs: 2_000 } });
    const text = await (
      await get('/probe?target=a:1', undefined, { 'x-prometheus-scrape-timeout-seconds': '10' })
    ).text();
    expect(text).toContain('\nprobe_timeout_seconds 2\n');
  });

  test('answers an address that is none with a probe that failed', async () => {
    const { get, calls } = await start();
    const answer = await get('/probe?target=noport');
    expect([answer.status, calls]).toEqual([200, []]);
    expect(await answer.text()).toContain('\nprobe_success 0\n');
  });

  test('hands on a host name, unless the module sets another', async () => {
    const { get, calls } = await start();
    expect((await get('/probe?target=a:1&hostname=shop.test')).status).toBe(200);
    expect((await get('/probe?target=a:1&hostname=other.test')).status).toBe(400);
    expect(calls.map(({ request }) => request.hostname)).toEqual(['shop.test']);
  });

  test('explains itself as blackbox_exporter does, without a schedule and without secrets', async () => {
    const { get } = await start();
    const text = await (await get('/probe?target=a:1&debug=true')).text();
    expect(text).toContain('\nModule configuration:\nprober: echo\ntimeout: 119.5s\necho:\n');
    expect(text).not.toMatch(/interval|fail_after|hemligt/);
  });

  test('lets two scrapers probe one dead target at once, and hundreds of others beside', async () => {
    const { promise: release, resolve: open } = Promise.withResolvers<void>();
    const { promise: full, resolve: fill } = Promise.withResolvers<void>();
    const SCRAPES = 200;
    let begun = 0;
    const { get, calls } = await start({
      probe: async () => {
        if (++begun === SCRAPES) fill();
        await release;
        return ANSWERED;
      },
    });
    const asked = Array.from({ length: SCRAPES }, () => get('/probe?target=dead:1'));
    await full;
    open();
    for (const answer of await Promise.all(asked)) expect(answer.status).toBe(200);
    expect(new Set(calls.map(({ request }) => request.targetId)).size).toBe(SCRAPES);
  });
});
