import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import type { ProbeReport } from '../../src/core/outcome.ts';
import { tlsProber } from '../../src/probes/tls.ts';
import { type Authority, type Certificate, makeAuthority, makeSelfSigned } from '../tools/certificates.ts';
import { listen, probeOnce, type RunWish, sampleOf, unusedPort } from './dial-fixture.ts';

let folder: string;
let root: Authority;
let server: Certificate;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tls-'));
  root = await makeAuthority();
  server = await root.issue({ dns: ['localhost'], toDays: 90.5 });
  const client = await root.issue({ commonName: 'client', usage: 'client', toDays: 5.5 });
  await writeFile(join(folder, 'root.pem'), root.cert);
  await writeFile(join(folder, 'client.pem'), client.cert);
  await writeFile(join(folder, 'client.key'), client.key);
});
afterAll(() => rm(folder, { recursive: true }));

const CLIENT = { ca_file: 'root.pem', cert_file: 'client.pem', key_file: 'client.key' };

async function against(settings: TlsOptions, options: object = {}, wish: RunWish = {}): Promise<ProbeReport> {
  await using peer = await listen(createTlsServer(settings));
  const withRoot = { tls_config: { ca_file: 'root.pem' }, ...options };
  const report = await probeOnce(tlsProber, withRoot, `localhost:${peer.port}`, { baseDir: folder, ...wish });
  await peer.gone();
  return report;
}

describe('a good session', () => {
  test('is well and says for how long', async () => {
    const report = await against(server);
    expect(report.outcome).toMatchObject({
      kind: 'answered',
      message: expect.stringMatching(
        /^Opens TLS 1\.3 in \d+ ms; its certificate ends in 90 days \(\d{4}-\d\d-\d\d\)$/,
      ),
    });
    expect(sampleOf(report, 'probe_ssl_earliest_cert_expiry')).toBe(server.expiresAtMs / 1_000);
    expect(sampleOf(report, 'probe_tls_version_info', 'TLS 1.3')).toBe(1);
    expect(report.phases.map(({ name }) => name)).toEqual(['resolve', 'connect', 'tls']);
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s ends with a proper goodbye', async (maxVersion) => {
    const listening = createTlsServer({ ...server, maxVersion });
    const ended = new Promise<string>((resolve) => {
      listening.on('secureConnection', (socket) => {
        socket
          .resume()
          .on('end', () => resolve('end'))
          .on('error', (error) => resolve(error.message));
      });
    });
    await using peer = await listen(listening);
    const options = { tls_config: { ca_file: 'root.pem' } };
    await probeOnce(tlsProber, options, `localhost:${peer.port}`, { baseDir: folder });
    await expect(ended).resolves.toBe('end');
  });

  test('the name to expect can be given with the request', async () => {
    const other = await root.issue({ dns: ['kassa.example'] });
    expect((await against(other, {}, { hostname: 'kassa.example' })).outcome.kind).toBe('answered');
    expect((await against(other)).outcome).toMatchObject({ kind: 'failed', reason: 'tls-certificate' });
  });

  test('the port may be left out', () => {
    expect(tlsProber.parseAddress('pay.example')).toEqual({ ok: true, value: true });
    expect(tlsProber.parseAddress('pay.example:0').ok).toBe(false);
  });
});

describe('a session that ends soon', () => {
  test('is degraded within warn_before, and names the date', async () => {
    const soon = await root.issue({ dns: ['localhost'], toDays: 3.5 });
    expect((await against(soon)).outcome).toMatchObject({
      kind: 'degraded',
      reason: 'tls-certificate',
      message: expect.stringMatching(
        /^The certificate of localhost:\d+ \(127\.0\.0\.1\) ends in 3 days \(\d{4}-\d\d-\d\d\)$/,
      ),
    });
    expect((await against(soon, { warn_before: '3d' })).outcome.kind).toBe('answered');
    expect((await against(server, { warn_before: '91d' })).outcome.kind).toBe('degraded');
  });

  test('also when it is our own certificate that ends', async () => {
    const report = await against({ ...server, ca: root.cert, requestCert: true }, { tls_config: CLIENT });
    expect(report.outcome).toMatchObject({
      kind: 'degraded',
      message: expect.stringMatching(/^The client certificate that we present ends in 5 days/),
    });
    expect(sampleOf(report, 'kassavakt_client_certificate_expiry_timestamp_seconds')).toBeGreaterThan(0);
  });

  test('0s warns never, not even of what has ended', async () => {
    const over = await makeSelfSigned({ dns: ['localhost'], toDays: -1 });
    const skip = { tls_config: { insecure_skip_verify: true } };
    expect((await against(over, { ...skip, warn_before: '0s' })).outcome.kind).toBe('answered');
    expect((await against(over, skip)).outcome).toMatchObject({
      kind: 'degraded',
      message: expect.stringMatching(/expired 1 day ago/),
    });
  });
});

describe('a session that does not come about', () => {
  test('an expired certificate has failed, with its date as a measurement', async () => {
    const report = await against(await root.issue({ dns: ['localhost'], toDays: -2 }));
    expect(report.outcome).toMatchObject({ kind: 'failed', reason: 'tls-certificate' });
    expect(sampleOf(report, 'probe_ssl_earliest_cert_expiry')).toBeLessThan(Date.now() / 1_000);
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'without the client certificate that %s demands',
    async (version) => {
      const settings = {
        ...server,
        ca: root.cert,
        requestCert: true,
        minVersion: version,
        maxVersion: version,
      };
      expect((await against(settings)).outcome).toMatchObject({
        kind: 'failed',
        reason: expect.stringMatching(version === 'TLSv1.3' ? /^auth$/ : /^(auth|tls)$/),
      });
    },
  );

  test('refused', async () => {
    const report = await probeOnce(tlsProber, {}, `127.0.0.1:${await unusedPort(createServer())}`);
    expect(report.outcome).toMatchObject({ kind: 'failed', reason: 'connect-refused' });
  });
});

describe('options', () => {
  test.each([
    [{ warn_before: '14' }, 'is not a duration'],
    [{ tls: true }, 'tls'],
  ])('%j is refused', (options, says) => {
    const read = tlsProber.options.safeParse(options);
    expect(read.error?.issues.map(({ message }) => message).join('\n')).toContain(says);
  });
});
