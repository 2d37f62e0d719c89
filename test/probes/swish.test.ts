import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttpsServer, type ServerOptions } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { ProbeReport } from '../../src/core/outcome.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Probe } from '../../src/probes/probe.ts';
import { swishProber } from '../../src/probes/swish.ts';
import { type Authority, type Certificate, makeAuthority } from '../tools/certificates.ts';
import { MERCHANT, ODD_MERCHANT } from './swish-merchants.ts';

const PHONE = '46701234567';
const PAN = '4111111111111111';

let dir: string;
let authority: Authority;
let merchants: Authority;
let certificate: Certificate;
const cleanups: (() => unknown)[] = [];
const reports: ProbeReport[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'swish-'));
  authority = await makeAuthority('Swish Root');
  merchants = await makeAuthority('Merchant Root');
  certificate = await authority.issue({ ip: ['127.0.0.1'], dns: ['localhost', 'swish.example'] });
  await writeFile(join(dir, 'root.pem'), authority.cert);
  await writeFile(join(dir, 'passphrase'), `${MERCHANT.passphrase}\n`);
  await writeFile(join(dir, 'merchant.p12'), MERCHANT.pfx);
  await writeMerchant('merchant', {});
  await writeFile(join(dir, 'odd.pem'), ODD_MERCHANT.cert);
  await writeFile(join(dir, 'odd.key'), ODD_MERCHANT.key);
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});
afterAll(() => rm(dir, { recursive: true }));

async function writeMerchant(name: string, wish: object): Promise<Certificate> {
  const made = await merchants.issue({ commonName: '1231181189', usage: 'client', ...wish });
  await writeFile(join(dir, `${name}.pem`), made.cert);
  await writeFile(join(dir, `${name}.key`), made.key);
  return made;
}

const withPem = (name: string) => ({
  ca_file: 'root.pem',
  cert_file: `${name}.pem`,
  key_file: `${name}.key`,
});

async function open(given: object = {}): Promise<Probe> {
  const options = swishProber.options.parse({ tls_config: withPem('merchant'), ...given });
  const context = { module: 'swish', timeoutMs: 10_000, clock: systemClock, baseDir: dir };
  const probe = await swishProber.open(options, context);
  cleanups.push(() => probe[Symbol.asyncDispose]());
  return probe;
}

async function run(probe: Probe, port: number, timeoutMs = 10_000): Promise<ProbeReport> {
  const address = `https://127.0.0.1:${port}/swish-cpcapi/api/`;
  const report = await probe.run({ targetId: 'swish', address }, AbortSignal.timeout(timeoutMs));
  reports.push(report);
  return report;
}

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A Swish API: asks for a client certificate and leaves the judgement to `reply`. */
async function swish(
  reply: (response: ServerResponse, request: IncomingMessage) => void,
  given: ServerOptions = {},
): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = [];
  const ca = [merchants.cert, MERCHANT.cert];
  const settings = { ...certificate, ca, requestCert: true, rejectUnauthorized: false, ...given };
  const server = createHttpsServer(settings, (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    reply(response, request);
  });
  return { port: await listen(server), asked };
}

const says =
  (status: number, body = `{"payerAlias":"${PHONE}","message":"${PAN}"}`) =>
  (response: ServerResponse): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  };

describe('Swish that is well', () => {
  test.each([
    { name: 'PEM files', tls: withPem('merchant') },
    {
      name: 'a PKCS#12 file',
      tls: { ca_file: 'root.pem', pfx_file: 'merchant.p12', passphrase_file: 'passphrase' },
    },
  ])('knows no such payment request, asked with a certificate from $name', async ({ tls }) => {
    const seen: boolean[] = [];
    const { port, asked } = await swish((response, request) => {
      seen.push((request.socket as TLSSocket).authorized);
      says(404)(response);
    });
    const { outcome, phases, samples, trail } = await run(await open({ tls_config: tls }), port);
    expect(outcome.message).toMatch(
      /^Swish answers in \d+ ms and knows no such payment request \(HTTP 404\), as it should$/,
    );
    expect(outcome.kind).toBe('answered');
    expect(seen).toEqual([true]);
    expect(asked).toEqual(['GET /swish-cpcapi/api/v1/paymentrequests/4B4153534156414B5400000000000000']);
    expect(phases.map(({ name }) => name)).toEqual(['connect', 'tls', 'request']);
    expect(samples).toContainEqual({
      name: 'probe_ssl_earliest_cert_expiry',
      value: certificate.expiresAtMs / 1_000,
    });
    expect(samples.map(({ name }) => name)).toContain(
      'kassavakt_client_certificate_expiry_timestamp_seconds',
    );
    expect(trail.at(-1)).toMatch(/HTTP 404 in \d+ ms$/);
  });

  test('may be at the root of its host, under another name', async () => {
    const { port, asked } = await swish((response, request) => {
      says(request.headers.host === 'swish.example' ? 404 : 500)(response);
    });
    const request = { targetId: 's', address: `https://localhost:${port}`, hostname: 'swish.example' };
    const probe = await open({ payment_request_id: 'A'.repeat(32) });
    expect((await probe.run(request, AbortSignal.timeout(5_000))).outcome.kind).toBe('answered');
    expect(asked).toEqual([`GET /v1/paymentrequests/${'A'.repeat(32)}`]);
  });

  test('does not have its body waited for', async () => {
    const { port } = await swish((response) => response.writeHead(404).write(PHONE));
    expect((await run(await open(), port)).outcome.kind).toBe('answered');
  });
});

describe('the certificates', () => {
  test('of the merchant is degraded when it ends soon', async () => {
    const made = await writeMerchant('soon', { toDays: 5.5 });
    const { port } = await swish(says(404));
    const { outcome, samples } = await run(await open({ tls_config: withPem('soon') }), port);
    expect(outcome).toMatchObject({ kind: 'degraded', reason: 'tls-certificate' });
    expect(outcome.message).toMatch(
      /^The client certificate expires in 5 d \d+ h \(\d{4}-\d\d-\d\d\); order a new one/,
    );
    expect(samples).toContainEqual({
      name: 'kassavakt_client_certificate_expiry_timestamp_seconds',
      value: made.expiresAtMs / 1_000,
    });
    const patient = await open({ tls_config: withPem('soon'), warn_before: '5d' });
    expect((await run(patient, port)).outcome.kind).toBe('answered');
  });

  test('of Swish is degraded when it ends soon', async () => {
    const soon = await authority.issue({ ip: ['127.0.0.1'], toDays: 3.5 });
    const { port } = await swish(says(404), { cert: soon.cert, key: soon.key });
    const { outcome } = await run(await open(), port);
    expect(outcome).toMatchObject({ kind: 'degraded', reason: 'tls-certificate' });
    expect(outcome.message).toMatch(/^The certificate of Swish expires in 3 d 1\d h/);
  });

  test('of the merchant is named when Swish rejects it because it has expired', async () => {
    await writeMerchant('old', { toDays: -2 });
    const { port } = await swish((response, request) =>
      says((request.socket as TLSSocket).authorized ? 404 : 401)(response),
    );
    const { outcome } = await run(await open({ tls_config: withPem('old') }), port);
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'auth' });
    expect(outcome.message).toMatch(/; the client certificate expired 2 d ago \(\d{4}-\d\d-\d\d\)$/);
  });

  test('of Swish fails when it is of another authority', async () => {
    const other = await (await makeAuthority('Other')).issue({ ip: ['127.0.0.1'] });
    const { port, asked } = await swish(says(404), { cert: other.cert, key: other.key });
    const { outcome } = await run(await open(), port);
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'tls-certificate' });
    expect(asked).toEqual([]);
  });
});

describe('an answer other than 404', () => {
  test.each([
    { status: 401, kind: 'failed', reason: 'auth', says: 'not enrolled (HTTP 401)' },
    { status: 403, kind: 'failed', reason: 'auth', says: 'HTTP 403' },
    { status: 429, kind: 'degraded', reason: 'protocol', says: 'too often (HTTP 429)' },
    { status: 200, kind: 'failed', reason: 'protocol', says: 'it is not Swish' },
    { status: 301, kind: 'failed', reason: 'protocol', says: 'HTTP 301' },
    { status: 400, kind: 'failed', reason: 'protocol', says: 'HTTP 400' },
    { status: 500, kind: 'failed', reason: 'protocol', says: 'HTTP 500' },
    { status: 503, kind: 'failed', reason: 'protocol', says: 'HTTP 503' },
  ])('$status is $kind with $reason', async ({ status, kind, reason, says: words }) => {
    const { port } = await swish(says(status));
    const { outcome } = await run(await open(), port);
    expect(outcome).toMatchObject({ kind, reason, message: expect.stringContaining(words) });
  });
});

describe('no answer', () => {
  const tlsServer = (onSession: (socket: Socket) => void): Promise<number> =>
    listen(
      createTlsServer(
        { cert: certificate.cert, key: certificate.key, requestCert: true, rejectUnauthorized: false },
        (socket) => {
          socket.on('error', () => undefined);
          onSession(socket);
        },
      ),
    );

  test('but a TLS 1.3 alert about our certificate after the handshake is auth', async () => {
    // The client cannot sign as this server demands, so it shows no certificate, and OpenSSL answers with an alert.
    const { port, asked } = await swish(says(404), {
      minVersion: 'TLSv1.3',
      rejectUnauthorized: true,
      sigalgs: 'ecdsa_secp256r1_sha256',
    });
    const { outcome } = await run(await open({ tls_config: withPem('odd') }), port);
    expect(outcome).toMatchObject({
      kind: 'failed',
      reason: 'auth',
      message: expect.stringContaining('certificate'),
    });
    expect(asked).toEqual([]);
  });

  test('but a TLS alert about our certificate in the handshake is auth', async () => {
    const BAD_CERTIFICATE = Buffer.from([21, 3, 3, 0, 2, 2, 42]);
    const port = await listen(
      createServer((socket) => socket.once('data', () => socket.end(BAD_CERTIFICATE))),
    );
    const { outcome } = await run(await open(), port);
    expect(outcome).toMatchObject({
      kind: 'failed',
      reason: 'auth',
      message: expect.stringContaining('bad certificate'),
    });
  });

  test.each([
    { name: 'the connection is closed', act: (socket: Socket) => socket.end() },
    { name: 'the connection is reset', act: (socket: Socket) => socket.destroy() },
  ])('is protocol, with a guess, when $name', async ({ act }) => {
    const port = await tlsServer((socket) => socket.once('data', () => act(socket)));
    const { outcome } = await run(await open(), port);
    expect(outcome).toMatchObject({
      kind: 'failed',
      reason: 'protocol',
      message: expect.stringContaining('some servers do so when they do not accept the client certificate'),
    });
  });

  test('but garbage is protocol', async () => {
    const port = await tlsServer((socket) =>
      socket.once('data', () => socket.end(`SIP/2.0 ${PHONE}\r\n\r\n`)),
    );
    const { outcome } = await run(await open(), port);
    expect(outcome).toMatchObject({
      kind: 'failed',
      reason: 'protocol',
      message: expect.stringContaining('not HTTP'),
    });
  });

  test('until the deadline is protocol, with the times', async () => {
    const asked = Promise.withResolvers<void>();
    const { port } = await swish(() => asked.resolve());
    const deadline = new AbortController();
    const probe = await open();
    const running = probe.run({ targetId: 's', address: `https://127.0.0.1:${port}` }, deadline.signal);
    await asked.promise;
    deadline.abort(new DOMException('too late', 'TimeoutError'));
    const { outcome } = await running;
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'protocol' });
    expect(outcome.message).toMatch(
      /^TCP connects in \d+ ms and TLS in \d+ ms, but Swish does not answer within [\d.]+ m?s$/,
    );
  });

  test('because we stop rejects with the reason and closes the connection', async () => {
    const asked = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    const { port } = await swish((response) => {
      response.on('close', () => closed.resolve());
      asked.resolve();
    });
    const stop = new AbortController();
    const probe = await open();
    const running = probe.run({ targetId: 's', address: `https://127.0.0.1:${port}` }, stop.signal);
    await asked.promise;
    const reason = new Error('stopping');
    stop.abort(reason);
    await expect(running).rejects.toBe(reason);
    await closed.promise;
  });
});

describe('a module', () => {
  test.each([
    {
      name: 'without a client certificate',
      given: { tls_config: { ca_file: 'root.pem' } },
      says: 'cert_file and key_file, or pfx_file',
    },
    { name: 'without tls_config', given: {}, says: 'tls_config' },
    {
      name: 'with a lower-case id',
      given: { tls_config: withPem('m'), payment_request_id: 'a'.repeat(32) },
      says: '32 capital',
    },
    {
      name: 'with a duration that has no unit',
      given: { tls_config: withPem('m'), warn_before: '14' },
      says: 'is not a duration',
    },
    {
      name: 'that would send something else',
      given: { tls_config: withPem('m'), method: 'PUT' },
      says: 'method',
    },
  ])('$name is refused', ({ given, says: words }) => {
    expect(JSON.stringify(swishProber.options.safeParse(given).error?.issues)).toContain(words);
  });

  test('with a wrong passphrase cannot be opened, and does not tell it', async () => {
    await writeFile(join(dir, 'wrong'), 'fel-fras');
    const tls = { ca_file: 'root.pem', pfx_file: 'merchant.p12', passphrase_file: 'wrong' };
    const failure = await open({ tls_config: tls }).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      name: 'ProberUnavailable',
      message: expect.stringContaining('passphrase_file'),
    });
    expect(String(failure)).not.toContain('fel-fras');
  });

  test.each([
    { address: 'https://127.0.0.1/swish-cpcapi/api', ok: true },
    { address: 'https://[::1]:8443/', ok: true },
    { address: 'http://127.0.0.1/api', ok: false },
    { address: '127.0.0.1:443', ok: false },
    { address: 'https://u:p@127.0.0.1/api', ok: false },
    { address: 'https://127.0.0.1/api?x=1', ok: false },
    { address: '', ok: false },
  ])('reads the address "$address": $ok', ({ address, ok }) => {
    const read = swishProber.parseAddress(address);
    expect(read.ok).toBe(ok);
    if (!read.ok) expect(read.error).toContain('https://');
  });
});

test('no report holds a secret, a body, a phone number or a card number', () => {
  expect(reports.length).toBeGreaterThan(15);
  const all = JSON.stringify(reports);
  for (const secret of [PHONE, PAN, MERCHANT.passphrase, 'payerAlias', 'PRIVATE KEY'])
    expect(all).not.toContain(secret);
  for (const { outcome } of reports) {
    if (outcome.kind === 'failed' || outcome.kind === 'degraded')
      expect(swishProber.reasons).toContain(outcome.reason);
  }
});
