import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer as createHttpsServer, type ServerOptions } from 'node:https';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import type { ProbeReport } from '../../src/core/outcome.ts';
import { httpProber } from '../../src/probes/http.ts';
import { type Authority, type Certificate, makeAuthority } from '../tools/certificates.ts';
import {
  heldBufferBytes,
  listen,
  probeOnce,
  type RunWish,
  sampleOf,
  startBlackhole,
  unusedPort,
} from './dial-fixture.ts';

const SECRET = 'hemligt-9c1d';
let folder: string;
let root: Authority;
let server: Certificate;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'http-'));
  root = await makeAuthority();
  server = await root.issue({ dns: ['localhost'] });
  const client = await root.issue({ commonName: 'client', usage: 'client' });
  await writeFile(join(folder, 'root.pem'), root.cert);
  await writeFile(join(folder, 'client.pem'), client.cert);
  await writeFile(join(folder, 'client.key'), client.key);
  await writeFile(join(folder, 'secret'), `${SECRET}\n`);
  await writeFile(join(folder, 'body'), 'från fil');
});
afterAll(() => rm(folder, { recursive: true }));

interface HttpWish extends RunWish {
  readonly path?: string;
}

async function against(
  serve: RequestListener,
  options: object = {},
  wish: HttpWish = {},
): Promise<ProbeReport> {
  await using peer = await listen(createServer(serve));
  const url = `http://localhost:${peer.port}${wish.path ?? '/'}`;
  const report = await probeOnce(httpProber, options, url, { baseDir: folder, ...wish });
  await peer.gone();
  return report;
}

/** A server that says what it is told, whatever it is asked. */
async function againstRaw(
  talk: (socket: Socket) => void,
  options: object = {},
  wish: HttpWish = {},
): Promise<ProbeReport> {
  await using peer = await listen(createTcpServer((socket) => void socket.once('data', () => talk(socket))));
  return await probeOnce(httpProber, options, `http://127.0.0.1:${peer.port}/`, { baseDir: folder, ...wish });
}

async function againstTls(
  settings: ServerOptions,
  options: object = {},
  wish: RunWish = {},
): Promise<ProbeReport> {
  await using peer = await listen(createHttpsServer(settings, (_, response) => response.end('hej')));
  const withRoot = { tls_config: { ca_file: 'root.pem' }, ...options };
  return await probeOnce(httpProber, withRoot, `https://localhost:${peer.port}/`, {
    baseDir: folder,
    ...wish,
  });
}

const page =
  (text: string | Buffer, headers: Record<string, string> = {}, status = 200): RequestListener =>
  (_, response) =>
    void response.writeHead(status, headers).end(text);

describe('a good answer', () => {
  test('is well, with every phase and measurement', async () => {
    const report = await against(
      page('hej på er', { 'Last-Modified': 'Fri, 22 Dec 2023 13:00:00 GMT', 'Content-Length': '10' }),
    );
    expect(report.outcome).toMatchObject({
      kind: 'answered',
      message: expect.stringMatching(/^Answers HTTP 200 in \d+ ms$/),
    });
    expect(report.phases.map(({ name }) => name)).toEqual(['resolve', 'connect', 'processing', 'transfer']);
    expect(
      Object.fromEntries(
        report.samples.filter(({ labels }) => !labels).map(({ name, value }) => [name, value]),
      ),
    ).toMatchObject({
      probe_http_status_code: 200,
      probe_http_version: 1.1,
      probe_http_redirects: 0,
      probe_http_ssl: 0,
      probe_http_content_length: 10,
      probe_http_uncompressed_body_length: 10,
      probe_http_last_modified_timestamp_seconds: Date.UTC(2023, 11, 22, 13) / 1_000,
      probe_failed_due_to_regex: 0,
      probe_ip_protocol: 4,
    });
    for (const phase of ['resolve', 'connect', 'processing', 'transfer']) {
      expect(sampleOf(report, 'probe_http_duration_seconds', phase)).toBeGreaterThan(0);
    }
    expect(sampleOf(report, 'probe_http_duration_seconds', 'tls')).toBe(0);
  });

  test('a length that is not known has no measurement', async () => {
    const report = await against((_, response) => {
      response.write('a');
      response.end('b');
    });
    expect(sampleOf(report, 'probe_http_content_length')).toBeUndefined();
    expect(sampleOf(report, 'probe_http_uncompressed_body_length')).toBe(2);
  });

  test('asks as told: method, path, headers, body, name', async () => {
    let seen: {
      method?: string | undefined;
      url?: string | undefined;
      headers?: IncomingHttpHeaders;
      body?: string;
    } = {};
    const serve: RequestListener = (request, response) => {
      const { method, url, headers } = request;
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        seen = { method, url, headers, body };
        response.end();
      });
    };
    const options = {
      method: 'POST',
      body_file: 'body',
      headers: { 'X-Kassa': '7', 'User-Agent': 'annan' },
      http_headers: { 'X-Many': { values: ['a', 'b'] }, 'X-Secret': { files: ['secret'] } },
    };
    const report = await against(serve, options, { path: '/a%20b?q=å', hostname: 'kassa.example' });
    expect(report.outcome.kind).toBe('answered');
    expect(seen).toMatchObject({
      method: 'POST',
      url: '/a%20b?q=%C3%A5',
      body: 'från fil',
      headers: {
        host: 'kassa.example',
        'x-kassa': '7',
        'user-agent': 'annan',
        'x-many': 'a, b',
        'x-secret': SECRET,
        'content-length': '9',
        connection: 'close',
      },
    });
  });

  test.each([
    {
      name: 'basic',
      options: { basic_auth: { username: 'u', password_file: 'secret' } },
      sends: `Basic ${Buffer.from(`u:${SECRET}`).toString('base64')}`,
    },
    { name: 'bearer', options: { bearer_token_file: 'secret' }, sends: `Bearer ${SECRET}` },
    { name: 'bearer from the environment', options: { bearer_token: SECRET }, sends: `Bearer ${SECRET}` },
    {
      name: 'any scheme',
      options: { authorization: { type: 'ApiKey', credentials_file: 'secret' } },
      sends: `ApiKey ${SECRET}`,
    },
  ])('$name authentication comes from a file', async ({ options, sends }) => {
    const serve: RequestListener = (request, response) => void response.end(request.headers.authorization);
    const rule = { fail_if_body_not_matches_regexp: [`^${sends.replaceAll('+', '\\+')}$`] };
    expect((await against(serve, { ...options, ...rule })).outcome.kind).toBe('answered');
  });

  test.each([
    ['gzip', gzipSync('x'.repeat(500))],
    ['br', brotliCompressSync('x'.repeat(500))],
    ['deflate', deflateSync('x'.repeat(500))],
    ['deflate', deflateRawSync('x'.repeat(500))],
    ['identity', Buffer.from('x'.repeat(500))],
  ])('reads %s, having asked for it', async (compression, bytes) => {
    const serve: RequestListener = (request, response) =>
      void response.end(request.headers['accept-encoding'] === compression ? bytes : 'not asked');
    const report = await against(serve, { compression, fail_if_body_not_matches_regexp: ['^x{500}$'] });
    expect(report.outcome.kind).toBe('answered');
    expect(sampleOf(report, 'probe_http_uncompressed_body_length')).toBe(500);
  });

  test('reads text in the character set that the answer names', async () => {
    const latin1 = page(Buffer.from('Driftstörning', 'latin1'), {
      'Content-Type': 'text/html; charset="ISO-8859-1"',
    });
    const rule = { fail_if_body_matches_regexp: ['störning'] };
    expect((await against(latin1, rule)).outcome).toMatchObject({ reason: 'content' });
    const unknown = page('Driftstörning', { 'Content-Type': 'text/html; charset=klingon' });
    expect((await against(unknown, rule)).outcome).toMatchObject({ reason: 'content' });
  });

  test.each([204, 304])('%i has no body to wait for', async (status) => {
    const report = await against(page('', {}, status), { valid_status_codes: [status] });
    expect(report.outcome.kind).toBe('answered');
    expect(sampleOf(report, 'probe_http_content_length')).toBe(0);
  });

  test('HEAD has none either', async () => {
    const report = await against(page('', { 'Content-Length': '7' }), { method: 'HEAD' });
    expect(report.outcome.kind).toBe('answered');
    expect(sampleOf(report, 'probe_http_content_length')).toBe(7);
  });

  test('HTTP/1.0 without a length is read to its end', async () => {
    const report = await againstRaw((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nabc'));
    expect(report.outcome.kind).toBe('answered');
    expect(sampleOf(report, 'probe_http_version')).toBe(1);
  });
});

describe('an answer that breaks a rule', () => {
  const rules: readonly {
    readonly name: string;
    readonly serve: RequestListener;
    readonly options?: object;
    readonly reason: string;
    readonly says: RegExp;
    readonly regex?: number;
  }[] = [
    {
      name: 'HTTP 500',
      serve: page('', {}, 500),
      reason: 'protocol',
      says: /answers HTTP 500, expected 2xx$/,
    },
    {
      name: 'a status not listed',
      serve: page(''),
      options: { valid_status_codes: [404, 410] },
      reason: 'protocol',
      says: /answers HTTP 200, expected 404 or 410$/,
    },
    {
      name: 'HTTP 401',
      serve: page('', {}, 401),
      reason: 'auth',
      says: /answers HTTP 401: it does not accept our credentials/,
    },
    { name: 'HTTP 403', serve: page('', {}, 403), reason: 'auth', says: /answers HTTP 403/ },
    { name: 'HTTP 407', serve: page('', {}, 407), reason: 'auth', says: /answers HTTP 407/ },
    {
      name: 'a maintenance page',
      serve: page('<h1>DRIFTSTÖRNING</h1>'),
      options: { fail_if_body_matches_regexp: ['nothing', '(?i)driftst[öo]rning'] },
      reason: 'content',
      regex: 1,
      says: /answers HTTP 200, but its text matches "\(\?i\)driftst\[öo\]rning"$/,
    },
    {
      name: 'a missing text',
      serve: page('hej'),
      options: { fail_if_body_not_matches_regexp: ['hej', 'kassa'] },
      reason: 'content',
      regex: 1,
      says: /but its text does not match "kassa"$/,
    },
    {
      name: 'a header that must not match',
      serve: page('', { 'X-Cache': 'stale' }),
      options: { fail_if_header_matches: [{ header: 'x-cache', regexp: 'stale' }] },
      reason: 'content',
      regex: 1,
      says: /^The header x-cache of .* matches "stale"$/,
    },
    {
      name: 'a header that must match',
      serve: page('', { 'X-Cache': 'stale' }),
      options: { fail_if_header_not_matches: [{ header: 'X-Cache', regexp: '^fresh' }] },
      reason: 'content',
      regex: 1,
      says: /^The header X-Cache of .* does not match "\^fresh"$/,
    },
    {
      name: 'a missing header',
      serve: page(''),
      options: { fail_if_header_matches: [{ header: 'X-Cache', regexp: 'a' }] },
      reason: 'content',
      regex: 1,
      says: /answers without the header X-Cache$/,
    },
    {
      name: 'a version not listed',
      serve: page(''),
      options: { valid_http_versions: ['HTTP/1.0'] },
      reason: 'protocol',
      says: /answers in HTTP\/1\.1, expected HTTP\/1\.0$/,
    },
    {
      name: 'no TLS',
      serve: page(''),
      options: { fail_if_not_ssl: true },
      reason: 'protocol',
      says: /answers without TLS/,
    },
    {
      name: 'a body too large',
      serve: page('x'.repeat(1_025)),
      options: { body_size_limit: '1KB' },
      reason: 'content',
      says: /body larger than body_size_limit \(1KB\)$/,
    },
    {
      name: 'a body not compressed',
      serve: page('plain'),
      options: { compression: 'gzip' },
      reason: 'content',
      says: /body that is not gzip, as compression expects$/,
    },
    {
      name: 'a body cut short in its compression',
      serve: page(gzipSync('x'.repeat(5_000)).subarray(0, 20)),
      options: { compression: 'gzip' },
      reason: 'content',
      says: /body that is not gzip/,
    },
    {
      name: 'HTTP 500 with a maintenance text',
      serve: page('stängt', {}, 500),
      options: { fail_if_body_matches_regexp: ['stängt'] },
      reason: 'protocol',
      regex: 0,
      says: /HTTP 500/,
    },
    {
      name: 'a redirect that is not followed',
      serve: page('', { Location: '/b' }, 302),
      options: { follow_redirects: false },
      reason: 'protocol',
      says: /answers HTTP 302, expected 2xx$/,
    },
  ];

  test.each(rules)('$name', async ({ serve, options, reason, says, regex }) => {
    const report = await against(serve, options);
    expect(report.outcome).toMatchObject({ kind: 'failed', reason, message: expect.stringMatching(says) });
    expect(sampleOf(report, 'probe_failed_due_to_regex')).toBe(regex ?? 0);
  });

  test('allow_missing lets an absent header pass', async () => {
    const rule = [{ header: 'X-Cache', regexp: 'a', allow_missing: true }];
    const options = { fail_if_header_matches: rule, fail_if_header_not_matches: rule };
    expect((await against(page(''), options)).outcome.kind).toBe('answered');
  });

  test('one of several values is enough to match', async () => {
    const serve: RequestListener = (_, response) => void response.setHeader('X-A', ['b', 'c']).end();
    const options = { fail_if_header_not_matches: [{ header: 'X-A', regexp: '^c$' }] };
    expect((await against(serve, options)).outcome.kind).toBe('answered');
  });
});

describe('an answer that does not come as it should', () => {
  const bad: readonly {
    readonly name: string;
    readonly talk: (socket: Socket) => void;
    readonly reason: string;
    readonly says: RegExp;
  }[] = [
    {
      name: 'none',
      talk: () => undefined,
      reason: 'protocol',
      says: /connects \(TCP in \d+ ms\), but no HTTP answer comes within (\d+ ms|[\d.]+ s)$/,
    },
    {
      name: 'a head that drips',
      talk: (socket) => drip(socket, 'HTTP/1.1 200 OK\r\nX-A: '),
      reason: 'protocol',
      says: /no HTTP answer comes within/,
    },
    {
      name: 'a body that drips',
      talk: (socket) => drip(socket, 'HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n'),
      reason: 'protocol',
      says: /answers HTTP 200, but its body does not end within/,
    },
    {
      name: 'a body that breaks off',
      talk: (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc'),
      reason: 'protocol',
      says: /breaks off in the middle of the body$/,
    },
    {
      name: 'a body that is reset',
      talk: (socket) =>
        socket.write('HTTP/1.1 200 OK\r\n\r\nabc', () => setTimeout(() => socket.resetAndDestroy(), 20)),
      reason: 'protocol',
      says: /breaks off in the middle of the body$/,
    },
    {
      name: 'chunks that are none',
      talk: (socket) => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'),
      reason: 'protocol',
      says: /breaks off in the middle of the body$/,
    },
    {
      name: 'a close',
      talk: (socket) => socket.end(),
      reason: 'protocol',
      says: /closes the connection without an answer$/,
    },
    { name: 'a reset', talk: (socket) => socket.resetAndDestroy(), reason: 'protocol', says: /resets it$/ },
    {
      name: 'garbage',
      talk: (socket) => socket.write('\0\u0001garbage\r\n\r\n'),
      reason: 'protocol',
      says: /does not speak HTTP \(HPE_/,
    },
    {
      name: 'an endless head',
      talk: (socket) => pour(socket, 'HTTP/1.1 200 OK\r\n', `X-A: ${'a'.repeat(1_000)}\r\n`),
      reason: 'protocol',
      says: /answers with a head larger than 65536 bytes$/,
    },
    {
      name: 'an endless row of 100 Continue',
      talk: (socket) => pour(socket, '', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(100)),
      reason: 'protocol',
      says: /no HTTP answer comes within/,
    },
    {
      name: 'an endless body',
      talk: (socket) => pour(socket, 'HTTP/1.1 200 OK\r\n\r\n', 'x'.repeat(65_536)),
      reason: 'content',
      says: /body larger than body_size_limit \(10MB\)$/,
    },
    {
      name: 'a switch of protocols',
      talk: (socket) =>
        socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
      reason: 'protocol',
      says: /answers HTTP 101, expected 2xx$/,
    },
  ];

  test.each(bad)('$name', async ({ talk, reason, says }) => {
    const report = await againstRaw(talk, {}, { deadlineMs: 1_000 });
    expect(report.outcome).toMatchObject({ kind: 'failed', reason, message: expect.stringMatching(says) });
  });

  test('a small body that unpacks into a gigabyte stops at the limit', async () => {
    const zeros = gzipSync(Buffer.alloc(32 * 1_024 * 1_024));
    const before = heldBufferBytes();
    const bomb: RequestListener = (_, response) => {
      for (let i = 0; i < 32; i++) response.write(zeros);
      response.end();
    };
    const options = { compression: 'gzip', fail_if_body_matches_regexp: ['never'] };
    const report = await against(bomb, options);
    expect(report.outcome).toMatchObject({
      kind: 'failed',
      reason: 'content',
      message: expect.stringContaining('body_size_limit'),
    });
    expect(heldBufferBytes() - before).toBeLessThan(5_000_000);
  });

  test('refused', async () => {
    const url = `http://127.0.0.1:${await unusedPort(createTcpServer())}/`;
    const report = await probeOnce(httpProber, {}, url);
    expect(report.outcome).toMatchObject({ kind: 'failed', reason: 'connect-refused' });
    expect(sampleOf(report, 'probe_http_status_code')).toBe(0);
    expect(sampleOf(report, 'probe_http_content_length')).toBe(0);
  });

  test('a black hole', async () => {
    await using hole = await startBlackhole();
    const report = await probeOnce(httpProber, {}, `http://127.0.0.1:${hole.port}/`, { deadlineMs: 200 });
    expect(report.outcome).toMatchObject({ kind: 'failed', reason: 'connect-timeout' });
  });

  test('an abort that is no time-out rejects, in the head and in the body', async () => {
    for (const head of ['', 'HTTP/1.1 200 OK\r\n\r\nabc']) {
      const stop = new AbortController();
      const asked = Promise.withResolvers<void>();
      const talk = (socket: Socket): void => void socket.write(head, () => asked.resolve());
      const running = againstRaw(talk, {}, { signal: stop.signal });
      await asked.promise;
      setTimeout(() => stop.abort(new Error('stopped')), 20);
      await expect(running).rejects.toThrow('stopped');
    }
  });
});

function drip(socket: Socket, head: string): void {
  socket.write(head);
  const timer = setInterval(() => socket.write('x'), 10);
  socket.on('close', () => clearInterval(timer));
}

function pour(socket: Socket, head: string, more: string): void {
  const chunk = Buffer.from(more);
  socket.on('error', () => undefined);
  socket.write(head);
  const flow = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', flow);
  flow();
}

describe('redirects', () => {
  const steps =
    (total: number): RequestListener =>
    (request, response) => {
      const step = Number(request.url?.slice(1) ?? 0);
      if (step < total) response.writeHead(302, { Location: `/${step + 1}` }).end('moved');
      else response.end('here');
    };

  test('ten are followed and summed, eleven are too many', async () => {
    const report = await against(steps(10));
    expect(report.outcome.kind).toBe('answered');
    expect(sampleOf(report, 'probe_http_redirects')).toBe(10);
    const connects = report.trail.filter((line) => line.startsWith('connect '));
    expect(connects).toHaveLength(11);
    expect((await against(steps(11))).outcome).toMatchObject({
      reason: 'protocol',
      message: expect.stringMatching(/redirects more than 10 times$/),
    });
  });

  test.each([
    [301, 'POST', 'GET '],
    [302, 'POST', 'GET '],
    [303, 'PUT', 'GET '],
    [307, 'POST', 'POST data'],
    [308, 'PUT', 'PUT data'],
  ])('%i after %s asks again with %s', async (status, method, expected) => {
    const serve: RequestListener = (request, response) => {
      if (request.url === '/') {
        response.writeHead(status, { Location: '/b' }).end();
        return;
      }
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => response.end(`${request.method} ${body}`));
    };
    const options = { method, body: 'data', fail_if_body_not_matches_regexp: [`^${expected}$`] };
    expect((await against(serve, options)).outcome.kind).toBe('answered');
  });

  test.each([
    ['ftp://127.0.0.1/', /redirects to an address that is neither http nor https$/],
    ['http://[::bad', /redirects to something that is no address$/],
  ])('to %s', async (location, says) => {
    const report = await against(page('', { Location: location }, 302));
    expect(report.outcome).toMatchObject({ reason: 'protocol', message: expect.stringMatching(says) });
  });

  test('to another host or port carry nothing that could be a secret, also when they come back', async () => {
    const seen: IncomingHttpHeaders[] = [];
    const second = createServer((request, response) => {
      seen.push(request.headers);
      response.writeHead(307, { Location: `http://localhost:${first.port}/back` }).end();
    });
    await using other = await listen(second);
    await using first = await listen(
      createServer((request, response) => {
        seen.push(request.headers);
        if (request.url === '/back') {
          response.end('here');
          return;
        }
        response.writeHead(307, { Location: `http://127.0.0.1:${other.port}/` }).end();
      }),
    );
    const options = {
      headers: { Cookie: SECRET, 'X-Api-Key': SECRET, 'Accept-Language': 'sv' },
      bearer_token_file: 'secret',
    };
    const report = await probeOnce(httpProber, options, `http://localhost:${first.port}/`, {
      baseDir: folder,
    });
    expect(report.outcome.kind).toBe('answered');
    expect(seen).toHaveLength(3);
    expect(JSON.stringify(seen[0])).toContain(SECRET);
    expect(seen[1]).toMatchObject({ 'accept-language': 'sv', host: `127.0.0.1:${other.port}` });
    expect(JSON.stringify(seen.slice(1))).not.toContain(SECRET);
  });

  test('to the same host keep the credentials', async () => {
    const serve: RequestListener = (request, response) => {
      if (request.url === '/') {
        response.writeHead(302, { Location: '/b' }).end();
        return;
      }
      response.writeHead(request.headers.authorization === `Bearer ${SECRET}` ? 200 : 401).end();
    };
    expect((await against(serve, { bearer_token_file: 'secret' })).outcome.kind).toBe('answered');
  });
});

describe('over TLS', () => {
  test('has the session’s measurements and the phase', async () => {
    const report = await againstTls(server);
    expect(report.outcome.kind).toBe('answered');
    expect(sampleOf(report, 'probe_http_ssl')).toBe(1);
    expect(sampleOf(report, 'probe_ssl_earliest_cert_expiry')).toBe(server.expiresAtMs / 1_000);
    expect(sampleOf(report, 'probe_http_duration_seconds', 'tls')).toBeGreaterThan(0);
  });

  test('an expired certificate, and one for another name', async () => {
    expect((await againstTls(await root.issue({ dns: ['localhost'], toDays: -1 }))).outcome).toMatchObject({
      reason: 'tls-certificate',
      message: expect.stringContaining('expired 1 day ago'),
    });
    expect((await againstTls(await root.issue({ dns: ['b.example'] }))).outcome).toMatchObject({
      reason: 'tls-certificate',
      message: expect.stringContaining('is for b.example, not localhost'),
    });
  });

  test('a Host header or a name with the request is what the certificate must be for', async () => {
    const other = await root.issue({ dns: ['kassa.example'] });
    expect((await againstTls(other, {}, { hostname: 'kassa.example' })).outcome.kind).toBe('answered');
    expect((await againstTls(other, { headers: { Host: 'kassa.example:8443' } })).outcome.kind).toBe(
      'answered',
    );
  });

  test('a client certificate is presented, and demanded', async () => {
    const strict = { ...server, ca: root.cert, requestCert: true };
    const own = { ca_file: 'root.pem', cert_file: 'client.pem', key_file: 'client.key' };
    expect((await againstTls(strict, { tls_config: own })).outcome.kind).toBe('answered');
    expect((await againstTls(strict)).outcome).toMatchObject({
      reason: 'auth',
      message: expect.stringContaining('demands a client certificate, and this module has none'),
    });
  });

  test('fail_if_ssl', async () => {
    expect((await againstTls(server, { fail_if_ssl: true })).outcome).toMatchObject({ reason: 'protocol' });
  });
});

test('no message, trail or sample holds a secret or a body, whatever the server says back', async () => {
  const options = {
    bearer_token_file: 'secret',
    headers: { 'X-Key': SECRET },
    http_headers: { 'X-Other': { files: ['secret'] } },
    fail_if_body_matches_regexp: ['hemligt'],
  };
  const echo: RequestListener = (request, response) => {
    const text = JSON.stringify(request.headers);
    response.writeHead(request.url === '/' ? 200 : 401, { 'X-Echo': SECRET }).end(text);
  };
  for (const path of ['/', '/x?token=4111111111111111']) {
    const report = JSON.stringify(await against(echo, options, { path }));
    expect(report).not.toContain(SECRET);
    // Longer than a port can be: one of them was 41111.
    expect(report).not.toContain('411111');
  }
});

describe('addresses', () => {
  test.each([
    'http://a.example',
    'https://a.example:8443/x?y',
    'a.example/health',
    'HTTP://10.0.0.5',
    'http://[fd00::5]:80/',
  ])('reads %s', (address) => {
    expect(httpProber.parseAddress(address)).toEqual({ ok: true, value: true });
  });

  test.each([
    ['', /write a URL/],
    ['ftp://a.example', /must begin with http/],
    ['https://u:p@a.example', /give them as basic_auth/],
    ['http://', /write a URL/],
    ['http://a b/', /write a URL/],
  ])('refuses %j', (address, says) => {
    expect(httpProber.parseAddress(address)).toEqual({ ok: false, error: expect.stringMatching(says) });
  });
});

describe('options', () => {
  test.each([
    [{ proxy_url: 'http://p' }, 'proxy_url: probes connect directly; proxies are not supported'],
    [{ oauth2: {} }, 'oauth2 is not supported'],
    [{ enable_http3: true }, 'enable_http3: this prober speaks HTTP/1.1 only'],
    [{ enable_http2: true }, 'enable_http2: this prober speaks HTTP/1.1 only'],
    [{ fail_if_body_json_matches_cel: 'x' }, 'use fail_if_body_matches_regexp'],
    [{ basic_auth: { password: SECRET, password_file: 'a' } }, 'give the password once'],
    [{ bearer_token: SECRET, bearer_token_file: 'a' }, 'give one way to authenticate'],
    [{ authorization: { credentials: SECRET, credentials_file: 'a' } }, 'give the credentials once'],
    [{ authorization: { type: 'ApiKey' } }, 'give the credentials once'],
    [
      { basic_auth: {}, bearer_token_file: 'a' },
      'give one way to authenticate, not basic_auth and bearer_token_file',
    ],
    [{ basic_auth: { username: 'a', username_file: 'b' } }, 'give the user name once'],
    [{ body: 'a', body_file: 'b' }, 'give the body once'],
    [{ fail_if_ssl: true, fail_if_not_ssl: true }, 'leave one out'],
    [{ body_size_limit: '1GB' }, 'body_size_limit is a size above 0 and up to 64MB'],
    [{ body_size_limit: 0 }, 'body_size_limit is a size above 0'],
    [{ compression: 'gzip', headers: { 'accept-encoding': 'br, gzip;q=0' } }, 'does not ask for gzip'],
    [{ valid_http_versions: ['HTTP/2.0'] }, 'this prober speaks HTTP/1.1'],
    [{ method: 'get' }, 'in capitals'],
    [{ headers: { 'X-A': 'a\r\nb' } }, 'a header value is one line'],
    [{ fail_if_body_matches_regexp: ['a**'] }, 'invalid nested repetition operator'],
    [{ fail_if_header_matches: [{ header: 'a' }] }, 'expected string'],
    [{ valid_status_code: [200] }, 'valid_status_code'],
  ])('%j is refused', (options, says) => {
    const read = httpProber.options.safeParse(options);
    const text = read.error?.issues.map(({ message }) => message).join('\n') ?? '';
    expect(text).toContain(says);
    expect(text).not.toContain(SECRET);
  });

  test('an unreadable file names the module, the option and the file', async () => {
    for (const options of [
      { body_file: 'none' },
      { bearer_token_file: 'none' },
      { http_headers: { a: { files: ['none'] } } },
    ]) {
      const opening = probeOnce(httpProber, options, 'http://127.0.0.1:1', { baseDir: folder });
      await expect(opening).rejects.toThrow(/^module under-test: \w+ .*none does not exist/);
    }
  });
});
