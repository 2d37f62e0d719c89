import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { pino } from 'pino';
import { err, ok } from '../../src/lib/result.ts';
import { type Fixture, type FixtureOptions, makeToken, startFixture } from './app-fixture.ts';

const TOKENS = [makeToken('wallboard', 'viewer'), makeToken('ops', 'operator'), makeToken('boss', 'admin')];

let fixture: Fixture | undefined;
afterEach(async () => {
  await fixture?.[Symbol.asyncDispose]();
  fixture = undefined;
});
async function start(options: FixtureOptions = {}): Promise<Fixture> {
  fixture = await startFixture(options);
  return fixture;
}

const post = (url: string, headers: Record<string, string> = {}, body?: string): Promise<Response> =>
  fetch(url, { method: 'POST', headers, ...(body === undefined ? {} : { body }) });
const bearer = (name: string) => ({ authorization: `Bearer secret-of-${name}` });

const VIEWED = [
  '/',
  '/runbook',
  '/metrics',
  '/metrics/targets',
  '/sd/targets',
  '/api/v1/targets',
  '/api/v1/targets/T1',
  '/api/v1/stores',
  '/api/v1/stores/s1',
  '/api/v1/incidents',
  '/api/v1/events',
  '/api/v1/events/stream',
  '/api/v1/openapi.json',
];

describe('with tokens configured', () => {
  test.each(VIEWED)('%s takes a token, and a viewer may read it', async (path) => {
    const { get } = await start({ tokens: TOKENS });
    const refused = await get(path);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toContain('Bearer');
    expect(await refused.json()).toEqual({
      error: { code: 'unauthorized', message: expect.stringContaining('Authorization: Bearer') },
    });
    expect((await get(path, 'nobody')).status).toBe(401);
    for (const name of ['wallboard', 'ops', 'boss']) expect((await get(path, name)).status).toBe(200);
  });

  test.each(['/-/healthy', '/-/ready'])('%s takes no token', async (path) => {
    const { get } = await start({ tokens: TOKENS });
    expect((await get(path)).status).toBe(200);
  });

  test('only operators and admins may reload', async () => {
    const { url } = await start({ tokens: TOKENS });
    expect((await post(`${url}/-/reload`)).status).toBe(401);
    expect((await post(`${url}/-/reload`, bearer('wallboard'))).status).toBe(403);
    for (const name of ['ops', 'boss']) {
      const done = await post(`${url}/-/reload`, bearer(name));
      expect([done.status, await done.json()]).toEqual([200, { added: 1, removed: 2, changed: 3 }]);
    }
  });

  test('only operators and admins may probe', async () => {
    const { get } = await start({ tokens: TOKENS });
    const path = '/probe?target=127.0.0.1:1&module=terminal';
    expect((await get(path)).status).toBe(401);
    expect((await get(path, 'wallboard')).status).toBe(403);
    expect((await get('/probe?target=T1', 'wallboard')).status).toBe(403);
    expect((await get(path, 'ops')).status).toBe(200);
    expect((await get(path, 'boss')).status).toBe(200);
  });

  test('a browser may show the page with a token as password, and may do no more with it', async () => {
    const { url, get } = await start({ tokens: TOKENS });
    for (const page of ['/', '/runbook']) {
      expect((await get(page)).headers.get('www-authenticate')).toContain('Basic');
    }
    expect((await get('/metrics')).headers.get('www-authenticate')).not.toContain('Basic');
    const authorization = `Basic ${Buffer.from('me:secret-of-boss').toString('base64')}`;
    expect((await get('/', undefined, { authorization })).status).toBe(200);
    expect((await post(`${url}/-/reload`, { authorization })).status).toBe(403);
    expect((await get('/probe?target=T1', undefined, { authorization })).status).toBe(403);
  });

  test('too many wrong tokens are told to wait', async () => {
    const { get } = await start({ tokens: TOKENS });
    for (let i = 0; i < 20; i++) await get('/api/v1/targets', 'nobody');
    const refused = await get('/api/v1/targets', 'ops');
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

describe('with no token configured', () => {
  test.each(VIEWED)('%s may be read from this machine', async (path) => {
    const { get } = await start();
    expect((await get(path)).status).toBe(200);
  });

  test('nobody may reload, and the answer says how to', async () => {
    const { url } = await start();
    const refused = await post(`${url}/-/reload`);
    expect(refused.status).toBe(403);
    expect(await refused.json()).toEqual({
      error: { code: 'forbidden', message: expect.stringContaining('SIGHUP') },
    });
  });

  test.each([
    { name: 'addressed to a name', headers: { host: 'rebound.example' } },
    { name: 'forwarded by a proxy', headers: { 'x-forwarded-for': '10.1.2.3' } },
  ])('a request $name is refused', async ({ headers }) => {
    const { url } = await start();
    const sent = httpRequest(`${url}/api/v1/targets`, { headers });
    sent.end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode).toBe(403);
  });
});

describe('operations', () => {
  test('a bad configuration is answered with each error, and its place', async () => {
    const problem = (line: number, message: string) => ({
      file: 'kassavakt.yaml',
      line,
      column: 3,
      path: `modules.m${line}`,
      message,
    });
    const reload = async () => err([problem(4, 'interva1: unknown option'), problem(9, 'no such file')]);
    const { url } = await start({ tokens: TOKENS, context: { reload } });
    const answer = await post(`${url}/-/reload`, bearer('ops'));
    expect(answer.status).toBe(422);
    expect(await answer.json()).toEqual({
      error: {
        code: 'bad-configuration',
        message: 'kassavakt.yaml:4:3: interva1: unknown option\nkassavakt.yaml:9:3: no such file',
        field: 'modules.m4',
      },
    });
  });

  test('a monitor that is not ready says why', async () => {
    const readiness = () => ({ ready: false, problems: ['The journal takes no events: disk full.'] });
    const { get } = await start({ context: { readiness } });
    const answer = await get('/-/ready');
    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({
      error: { code: 'not-ready', message: 'The journal takes no events: disk full.' },
    });
    expect((await get('/-/healthy')).status).toBe(200);
  });
});

describe('what cannot be answered', () => {
  test('is told as JSON when there is nothing there', async () => {
    const { get } = await start();
    for (const path of [
      '/nothing',
      '/api/v1/targets/none',
      '/api/v1/stores/none',
      '/api/v1/incidents/none',
    ]) {
      const answer = await get(path);
      expect(answer.status).toBe(404);
      expect(await answer.json()).toEqual({ error: { code: 'not-found', message: expect.any(String) } });
    }
  });

  test('is told with the methods that there are', async () => {
    const { url } = await start();
    const posted = await post(`${url}/api/v1/targets`);
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    const got = await fetch(`${url}/-/reload`);
    expect([got.status, got.headers.get('allow')]).toEqual([405, 'POST']);
    expect(await got.json()).toEqual({ error: { code: 'method-not-allowed', message: expect.any(String) } });
    expect((await fetch(`${url}/api/v1/targets`, { method: 'OPTIONS' })).status).toBe(405);
  });

  test('is told when the body is too large', async () => {
    const { url } = await start({ tokens: TOKENS });
    const answer = await post(`${url}/-/reload`, bearer('ops'), 'x'.repeat(17 * 1_024));
    expect(answer.status).toBe(413);
    expect(await answer.json()).toEqual({ error: { code: 'too-large', message: expect.any(String) } });
  });

  test('is told when the path cannot be decoded', async () => {
    const { url } = await start();
    const answer = await fetch(`${url}/api/v1/targets/%E0%A4%A`);
    expect([answer.status, await answer.json()]).toEqual([
      400,
      { error: { code: 'bad-request', message: expect.any(String) } },
    ]);
  });

  test('of our own doing tells nothing of our insides, and is logged', async () => {
    const lines: string[] = [];
    const log = pino({ level: 'error' }, { write: (line) => lines.push(line) });
    const stores = () => {
      throw new Error('secret inside');
    };
    const { get } = await start({ context: { stores, log } });
    const answer = await get('/api/v1/stores');
    expect(answer.status).toBe(500);
    const text = await answer.text();
    expect(JSON.parse(text)).toEqual({ error: { code: 'internal', message: expect.any(String) } });
    expect(text).not.toContain('secret');
    expect(lines.join('')).toContain('secret inside');
  });

  test.each([
    { path: '/api/v1/targets?stat=down', field: 'stat', says: 'did you mean state?' },
    { path: '/api/v1/targets?state=broken', field: 'state', says: 'one of unknown, up, degraded, down' },
    {
      path: '/api/v1/targets?limit=0',
      field: 'limit',
      says: '"0"; it must be a whole number from 1 to 1000',
    },
    { path: '/api/v1/targets?limit=1001', field: 'limit', says: 'from 1 to 1000' },
    { path: '/api/v1/targets?limit=2.5', field: 'limit', says: 'a whole number' },
    { path: '/api/v1/targets?limit=many', field: 'limit', says: '"many"' },
    { path: '/api/v1/targets?limit=1&limit=2', field: 'limit', says: 'more than once' },
    { path: '/api/v1/targets?chain=', field: 'chain', says: 'is empty' },
    { path: '/api/v1/targets?__proto__=1', field: '__proto__', says: 'no query parameter' },
    { path: '/api/v1/events?since=-1', field: 'since', says: `it must be an event's number` },
    { path: '/api/v1/events/stream?since=x', field: 'since', says: `it must be an event's number` },
    { path: '/api/v1/events?since=7', field: 'since', says: 'newest event is 0' },
    { path: '/api/v1/events/stream?kinds=nothing', field: 'kinds', says: 'incident-opened' },
    { path: '/api/v1/incidents?after=x', field: 'after', says: 'the next of the page before' },
    { path: '/sd/targets?modul=x', field: 'modul', says: 'did you mean module?' },
    { path: '/metrics?x=1', field: 'x', says: 'takes none' },
    { path: '/probe', field: 'target', says: 'is missing' },
    { path: '/probe?target=T1&modul=shop', field: 'modul', says: 'did you mean module?' },
    { path: '/probe?target=T1&hostname=a%0D%0Ab', field: 'hostname', says: 'a host name' },
    { path: '/probe?target=T1&debug=yes', field: 'debug', says: 'true or false' },
  ])('is told for the query $path', async ({ path, field, says }) => {
    const { get } = await start();
    const answer = await get(path);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({
      error: { code: 'bad-query', message: expect.stringContaining(says), field },
    });
  });
});

describe('every answer', () => {
  test('is not to be stored, framed or sniffed, and names no software', async () => {
    const { get } = await start();
    const { headers } = await get('/api/v1/targets');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('x-powered-by')).toBeNull();
  });

  test('is logged without query or token', async () => {
    const lines: string[] = [];
    const log = pino({ level: 'debug' }, { write: (line) => lines.push(line) });
    const { get } = await start({ tokens: TOKENS, context: { log } });
    await (await get('/api/v1/targets?chain=Hemlig', 'ops')).text();
    while (lines.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      event: 'http.answered',
      method: 'GET',
      path: '/api/v1/targets',
      status: 200,
    });
    expect(lines.join('')).not.toMatch(/Hemlig|secret/);
  });

  test('of garbage is a refusal, and the server lives on', async () => {
    const { url, get } = await start();
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.end('\u0000\u0001 garbage\r\n\r\n');
    const [first] = (await once(socket, 'data')) as [Buffer];
    expect(first.toString()).toMatch(/^HTTP\/1\.1 400 /);
    expect((await get('/-/healthy')).status).toBe(200);
  });

  test('to a reload waits for it', async () => {
    let isDone = false;
    const reload = async () => {
      await new Promise((resolve) => setImmediate(resolve));
      isDone = true;
      return ok({ added: 0, removed: 0, changed: 0 });
    };
    const { url } = await start({ tokens: TOKENS, context: { reload } });
    await post(`${url}/-/reload`, bearer('ops'));
    expect(isDone).toBe(true);
  });
});
