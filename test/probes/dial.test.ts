import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Answer, DecodedPacket } from 'dns-packet';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { systemClock } from '../../src/lib/clock.ts';
import { parseHostPort } from '../../src/probes/address.ts';
import { type DialOptions, type DialResult, dial } from '../../src/probes/dial.ts';
import { faultOf, type Step } from '../../src/probes/fault.ts';
import { ProberUnavailable } from '../../src/probes/probe.ts';
import { addressSamples, resolveHost } from '../../src/probes/resolve.ts';
import { type ClientTls, loadTlsConfig, tlsConfigOptions } from '../../src/probes/tls-config.ts';
import { type Authority, type Certificate, makeAuthority, makeSelfSigned } from '../tools/certificates.ts';
import { listen, startBlackhole, unusedPort } from './dial-fixture.ts';
import { startUdpServer } from './dns-server.ts';

let folder: string;
let root: Authority;
let server: Certificate;
let client: ClientTls;
const IP4 = { preferred_ip_protocol: 'ip4', ip_protocol_fallback: true } as const;
const IP6 = { preferred_ip_protocol: 'ip6', ip_protocol_fallback: true } as const;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dial-'));
  root = await makeAuthority('Dial Root', 100);
  const middle = await root.issueAuthority('Dial Middle');
  server = await middle.issue({
    dns: ['localhost', 'kassa.example'],
    subject: [{ O: ['Sol, haga'] }, { OU: ['a'] }, { OU: ['b'] }, { L: ['Årjäng'] }, { C: ['SE'] }],
    toDays: 50,
  });
  const own = await root.issue({ commonName: 'client', usage: 'client', toDays: 20 });
  await writeFile(join(folder, 'root.pem'), root.cert);
  await writeFile(join(folder, 'client.pem'), own.cert);
  await writeFile(join(folder, 'client.key'), own.key);
  await writeFile(join(folder, 'other.key'), server.key);
  await writeFile(join(folder, 'not.pem'), 'hello');
  await writeFile(join(folder, 'empty'), '\n');
  client = await load({ ca_file: 'root.pem' });
});
afterAll(() => rm(folder, { recursive: true }));

function load(config: object): Promise<ClientTls> {
  const context = { module: 'kassa', timeoutMs: 1_000, clock: systemClock, baseDir: folder };
  return loadTlsConfig(tlsConfigOptions.parse(config), context);
}

async function dialOnce(
  wish: Partial<DialOptions> & { readonly port: number },
  signal = AbortSignal.timeout(5_000),
): Promise<DialResult> {
  const result = await dial({ host: '127.0.0.1', ip: IP4, clock: systemClock, ...wish }, signal);
  if (result.kind === 'ok') result.socket.destroy();
  return result;
}

describe('parseHostPort', () => {
  test.each([
    ['10.0.0.5:8443', { host: '10.0.0.5', port: 8443 }],
    ['[fd00::5]:8443', { host: 'fd00::5', port: 8443 }],
    ['kassa-1.butik.example:80', { host: 'kassa-1.butik.example', port: 80 }],
    ['kassa_1:80', { host: 'kassa_1', port: 80 }],
    ['smörgås.example:1', { host: 'smörgås.example', port: 1 }],
  ])('reads %s', (text, value) => {
    expect(parseHostPort(text)).toEqual({ ok: true, value });
  });

  test.each([
    ['', /write host:port/],
    ['kassa', /the port is missing/],
    ['kassa:0', /port 0 does not exist/],
    ['kassa:65536', /port 65536 does not exist/],
    ['fd00::5:80', /write host:port/],
    ['[10.0.0.5]:80', /only those stand in brackets/],
    ['10.0.0.256:80', /neither an IP address nor a host name/],
    ['a..b:80', /neither an IP address nor a host name/],
    ['-a:80', /neither an IP address nor a host name/],
    ['a b:80', /write host:port/],
    ['http://a:80', /write host:port/],
  ])('refuses %j', (text, error) => {
    expect(parseHostPort(text)).toEqual({ ok: false, error: expect.stringMatching(error) });
  });
});

describe('resolveHost', () => {
  const answers: Readonly<Record<string, readonly Answer[]>> = {
    'A both.test': [{ name: 'both.test', type: 'A', ttl: 1, data: '127.0.0.4' }],
    'AAAA both.test': [{ name: 'both.test', type: 'AAAA', ttl: 1, data: '::1' }],
    'A four.test': [{ name: 'four.test', type: 'A', ttl: 1, data: '127.0.0.4' }],
    'AAAA far.test': [{ name: 'far.test', type: 'AAAA', ttl: 1, data: '2001:db8::7' }],
  };
  const respond = (query: DecodedPacket) => {
    const [question] = query.questions;
    const name = question?.name ?? '';
    if (name === 'silent.test') return [];
    if (name === 'servfail.test') return [{ rcode: 2 }];
    if (name === 'refused.test') return [{ rcode: 5 }];
    const found = answers[`${question?.type} ${name}`];
    if (found !== undefined) return [{ answers: found }];
    return [{ rcode: ['both.test', 'four.test', 'far.test'].includes(name) ? 0 : 3 }];
  };
  const ask = async (name: string, preference: Parameters<typeof resolveHost>[1], signal?: AbortSignal) => {
    await using names = await startUdpServer(respond);
    return await resolveHost(name, preference, signal ?? AbortSignal.timeout(5_000), [names.address]);
  };

  test.each([
    ['both.test', IP6, '::1'],
    ['both.test', IP4, '127.0.0.4'],
    ['four.test', IP6, '127.0.0.4'],
    ['far.test', IP4, '2001:db8::7'],
  ] as const)('%s with %j is %s', async (name, preference, address) => {
    await expect(ask(name, preference)).resolves.toMatchObject({ kind: 'address', address });
  });

  test('without fallback a name without the preferred kind has no address', async () => {
    await expect(ask('four.test', { ...IP6, ip_protocol_fallback: false })).resolves.toEqual({
      kind: 'failed',
      message: 'The name four.test has no IPv6 address, and ip_protocol_fallback is off',
    });
  });

  test('a name that does not exist is the name’s fault', async () => {
    await expect(ask('nowhere.test', IP6)).resolves.toMatchObject({ kind: 'failed' });
  });

  test.each(['servfail.test', 'refused.test'])('%s is our resolver’s fault', async (name) => {
    await expect(ask(name, IP6)).resolves.toMatchObject({ kind: 'no-answer' });
  });

  test('a name server that is not there is our fault', async () => {
    const port = await unusedPort(createServer());
    const asked = resolveHost('x.test', IP6, AbortSignal.timeout(5_000), [`127.0.0.1:${port}`]);
    await expect(asked).resolves.toMatchObject({ kind: 'no-answer' });
  });

  test('a name server that does not answer leaves the wait to the signal', async () => {
    await expect(ask('silent.test', IP6, AbortSignal.timeout(100))).resolves.toEqual({ kind: 'aborted' });
  });

  test('localhost needs no name server, and an address none either', async () => {
    const none = AbortSignal.timeout(5_000);
    await expect(resolveHost('localhost', IP4, none, ['127.0.0.1:1'])).resolves.toMatchObject({
      address: '127.0.0.1',
    });
    await expect(resolveHost('fe80::1%lo', IP4, none)).resolves.toEqual({
      kind: 'address',
      address: 'fe80::1%lo',
      family: 6,
    });
  });

  test.each([
    // The first as blackbox_exporter 0.23 gives it, the second as FNV-1a over its 16 bytes.
    ['127.0.0.1', 4, 3_668_918_509],
    ['::1', 6, 1_751_717_746],
    ['::ffff:127.0.0.1', 6, 3_668_918_509],
  ] as const)('hashes %s', (address, family, hash) => {
    const samples = addressSamples({ address, family }, 1);
    expect(samples.find(({ name }) => name === 'probe_ip_addr_hash')?.value).toBe(hash);
  });
});

describe('dial', () => {
  test('times each phase and knows the address', async () => {
    await using peer = await listen(createServer());
    const result = await dialOnce({ host: 'localhost', port: peer.port });
    expect(result).toMatchObject({ kind: 'ok', address: '127.0.0.1', family: 4, tls: undefined });
    expect(result.phases.map(({ name }) => name)).toEqual(['resolve', 'connect']);
  });

  test('an address has no resolve phase', async () => {
    await using peer = await listen(createServer());
    expect((await dialOnce({ port: peer.port })).phases.map(({ name }) => name)).toEqual(['connect']);
  });

  test('connects from the address asked for', async () => {
    const server = createServer();
    await using peer = await listen(server);
    const accepted = once(server, 'connection');
    await dialOnce({ port: peer.port, sourceIpAddress: '127.0.0.1' });
    const [socket] = (await accepted) as [{ remoteAddress?: string }];
    expect(socket.remoteAddress).toBe('127.0.0.1');
  });

  test('a source address that is not ours is our fault', async () => {
    await using peer = await listen(createServer());
    await expect(dialOnce({ port: peer.port, sourceIpAddress: '192.0.2.1' })).resolves.toMatchObject({
      kind: 'inconclusive',
      reason: 'self-resources',
    });
  });

  test('refused', async () => {
    const port = await unusedPort(createServer());
    await expect(dialOnce({ port })).resolves.toMatchObject({
      kind: 'failed',
      reason: 'connect-refused',
      message: `127.0.0.1:${port} refuses the connection`,
    });
  });

  test('a black hole is a connect time-out', async () => {
    await using hole = await startBlackhole();
    await expect(dialOnce({ port: hole.port }, AbortSignal.timeout(200))).resolves.toMatchObject({
      kind: 'failed',
      reason: 'connect-timeout',
      message: expect.stringMatching(/does not answer a connection attempt within 2\d\d ms$/),
    });
  });

  test('an abort that is no time-out rejects with its reason and leaves nothing open', async () => {
    await using peer = await listen(createServer());
    const stop = new AbortController();
    const dialling = dialOnce({ port: peer.port, tls: { client } }, stop.signal);
    setImmediate(() => stop.abort(new Error('stopped')));
    await expect(dialling).rejects.toThrow('stopped');
    await peer.gone();
  });

  test('an abort before it begins rejects too', async () => {
    await expect(dialOnce({ port: 1 }, AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped');
  });
});

describe('dial with TLS', () => {
  const against = async (
    certificate: Certificate,
    wish: { readonly client?: ClientTls; readonly serverName?: string; readonly host?: string } = {},
    settings: object = {},
  ): Promise<DialResult> => {
    await using peer = await listen(
      createTlsServer({ cert: certificate.cert, key: certificate.key, ...settings }),
    );
    const { host = 'localhost', ...tls } = wish;
    return await dialOnce({ host, port: peer.port, tls: { client, ...tls } });
  };

  test('gives the facts of session and chain as blackbox_exporter words them', async () => {
    const result = await against(server);
    expect(result).toMatchObject({
      kind: 'ok',
      tls: {
        version: 'TLS 1.3',
        cipher: 'TLS_AES_256_GCM_SHA384',
        earliestExpiryMs: server.expiresAtMs,
        chainExpiryMs: server.expiresAtMs,
        clientExpiryMs: undefined,
        leaf: {
          subject: 'CN=localhost,OU=a+OU=b,O=Sol\\, haga,L=Årjäng,C=SE',
          issuer: 'CN=Dial Middle',
          dnsNames: ['localhost', 'kassa.example'],
          fingerprintSha256: expect.stringMatching(/^[\da-f]{64}$/),
          serialNumber: expect.stringMatching(/^[\da-f]+$/),
        },
      },
    });
    expect(result.phases.map(({ name }) => name)).toEqual(['resolve', 'connect', 'tls']);
    expect(result.samples.find(({ name }) => name === 'probe_tls_version_info')?.labels).toEqual({
      version: 'TLS 1.3',
    });
  });

  test('a root that ends before the leaf ends the chain, though it is not sent', async () => {
    const young = await makeAuthority('Young Root', 10);
    await writeFile(join(folder, 'young.pem'), young.cert);
    const leaf = await young.issue({ dns: ['localhost'], toDays: 30 });
    const result = await against(leaf, { client: await load({ ca_file: 'young.pem' }) });
    expect(result.tls).toMatchObject({
      earliestExpiryMs: leaf.expiresAtMs,
      chainExpiryMs: young.expiresAtMs,
    });
  });

  test.each([
    {
      name: 'expired',
      wish: { dns: ['localhost'], toDays: -3 },
      says: /^The certificate of localhost:\d+ \(127.0.0.1\) expired 3 days ago \(\d{4}-\d\d-\d\d\)$/,
    },
    {
      name: 'not valid yet',
      wish: { dns: ['localhost'], fromDays: 3 },
      says: /is not valid before \d{4}-\d\d-\d\d$/,
    },
    {
      name: 'for another name',
      wish: { dns: ['other.example'] },
      says: /is for other\.example, not localhost$/,
    },
    { name: 'for nobody', wish: { commonName: 'Nobody' }, says: /is for Nobody, not localhost$/ },
    {
      name: 'for clients only',
      wish: { dns: ['localhost'], usage: 'client' as const },
      says: /is not meant for servers$/,
    },
  ])('a certificate that is $name is refused, with its facts', async ({ wish, says }) => {
    const result = await against(await root.issue(wish));
    expect(result).toMatchObject({
      kind: 'failed',
      reason: 'tls-certificate',
      message: expect.stringMatching(says),
    });
    expect(result.samples.some(({ name }) => name === 'probe_ssl_earliest_cert_expiry')).toBe(true);
  });

  test('self-signed', async () => {
    await expect(against(await makeSelfSigned({ dns: ['localhost'] }))).resolves.toMatchObject({
      reason: 'tls-certificate',
      message: expect.stringContaining('is self-signed'),
    });
  });

  test('an unknown authority', async () => {
    await expect(against(server, { client: await load({}) })).resolves.toMatchObject({
      reason: 'tls-certificate',
      message: expect.stringContaining('comes from an unknown authority'),
    });
  });

  test('a missing intermediate', async () => {
    const leafOnly = { ...server, cert: server.cert.split('-----END CERTIFICATE-----\n')[0] ?? '' };
    const cut = { ...leafOnly, cert: `${leafOnly.cert}-----END CERTIFICATE-----\n` };
    await expect(against(cut)).resolves.toMatchObject({
      reason: 'tls-certificate',
      message: expect.stringContaining('leaves out an intermediate certificate'),
    });
  });

  test('insecure_skip_verify accepts all of that', async () => {
    const any = await load({ insecure_skip_verify: true });
    const result = await against(await makeSelfSigned({ dns: ['other'], toDays: -1 }), { client: any });
    expect(result).toMatchObject({ kind: 'ok', tls: { chainExpiryMs: undefined } });
  });

  test('server_name of the module comes first, then the given name, then the host', async () => {
    const named = await load({ ca_file: 'root.pem', server_name: 'kassa.example' });
    const only = await root.issue({ dns: ['kassa.example'] });
    await expect(against(only, { client: named, serverName: 'x.example' })).resolves.toMatchObject({
      kind: 'ok',
    });
    await expect(against(only, { serverName: 'kassa.example' })).resolves.toMatchObject({ kind: 'ok' });
    await expect(against(only)).resolves.toMatchObject({ kind: 'failed' });
  });

  test('an address is looked for among the certificate’s addresses', async () => {
    const byAddress = await root.issue({ commonName: 'x', ip: ['127.0.0.1'] });
    await expect(against(byAddress, { host: '127.0.0.1' })).resolves.toMatchObject({ kind: 'ok' });
  });

  test('a server that is older than min_version', async () => {
    const modern = await load({ ca_file: 'root.pem', min_version: 'TLS13' });
    const result = await against(server, { client: modern }, { maxVersion: 'TLSv1.2' });
    expect(result).toMatchObject({ kind: 'failed', reason: 'tls' });
  });

  test('min_version TLS10 speaks to a server of 1999', async () => {
    const old = await load({ ca_file: 'root.pem', min_version: 'TLS10' });
    const settings = { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' };
    await expect(against(server, { client: old }, settings)).resolves.toMatchObject({
      kind: 'ok',
      tls: { version: 'TLS 1.0' },
    });
  });

  test.each([
    { name: 'speaks plain text', talk: 'SSH-2.0-x\r\nhello\r\n', says: /does not speak TLS/ },
    { name: 'closes', talk: '', says: /closes the connection during the TLS handshake/ },
  ])('a server that $name', async ({ talk, says }) => {
    await using peer = await listen(createServer((socket) => socket.resume().end(talk)));
    await expect(dialOnce({ port: peer.port, tls: { client } })).resolves.toMatchObject({
      kind: 'failed',
      reason: 'tls',
      message: expect.stringMatching(says),
    });
  });

  test('a server that resets when we begin', async () => {
    await using peer = await listen(
      createServer((socket) => socket.once('data', () => socket.resetAndDestroy())),
    );
    await expect(dialOnce({ port: peer.port, tls: { client } })).resolves.toMatchObject({
      kind: 'failed',
      reason: 'protocol',
      message: expect.stringContaining('reset'),
    });
  });

  test('a server that says nothing is out of time in the handshake', async () => {
    await using peer = await listen(createServer((socket) => socket.resume()));
    const result = await dialOnce({ port: peer.port, tls: { client } }, AbortSignal.timeout(200));
    expect(result).toMatchObject({ kind: 'failed', reason: 'tls' });
    expect(result.kind === 'ok' ? '' : result.message).toMatch(/does not complete the TLS handshake within/);
    await peer.gone();
  });

  test('the prober’s own rule for names replaces the usual one', async () => {
    await using peer = await listen(createTlsServer(server));
    const tls = { client, checkName: () => 'belongs to another terminal' };
    await expect(dialOnce({ port: peer.port, tls })).resolves.toMatchObject({
      reason: 'tls-certificate',
      message: `The certificate of 127.0.0.1:${peer.port} belongs to another terminal`,
    });
  });
});

describe('faultOf', () => {
  const failing = (code: string, isCall = true): Error =>
    Object.assign(new Error(code), { code, ...(isCall ? { syscall: 'connect' } : {}) });

  test.each([
    ['EMFILE', 'connect-start', 'self-resources'],
    ['ENFILE', 'connect-start', 'self-resources'],
    ['ENOBUFS', 'connect', 'self-resources'],
    ['ENOMEM', 'talk', 'self-resources'],
    ['EADDRNOTAVAIL', 'connect-start', 'self-resources'],
    ['ENETDOWN', 'connect-start', 'self-network'],
    ['ENETUNREACH', 'connect-start', 'self-network'],
    ['EHOSTUNREACH', 'connect-start', 'self-network'],
    ['EACCES', 'connect-start', 'self-network'],
  ] as const)('%s at %s is ours: %s', (code, step, reason) => {
    expect(faultOf(failing(code), step, 'a:1')).toMatchObject({ kind: 'inconclusive', reason });
  });

  test.each([
    ['ECONNREFUSED', 'connect-start', 'connect-refused'],
    ['ECONNREFUSED', 'connect', 'connect-refused'],
    ['ETIMEDOUT', 'connect', 'connect-timeout'],
    ['ENETUNREACH', 'connect', 'unreachable'],
    ['EHOSTUNREACH', 'connect', 'unreachable'],
    ['EHOSTDOWN', 'connect', 'unreachable'],
    ['ECONNRESET', 'talk', 'protocol'],
    ['EPIPE', 'talk', 'protocol'],
    ['ETIMEDOUT', 'talk', 'protocol'],
    ['ETIMEDOUT', 'tls', 'tls'],
    ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', 'tls', 'tls'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'talk', 'auth'],
    ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', 'tls-with-certificate', 'auth'],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'talk-with-certificate', 'auth'],
    ['ERR_SSL_TLSV1_ALERT_ACCESS_DENIED', 'tls-with-certificate', 'auth'],
    ['ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC', 'talk', 'tls'],
    ['ESOMETHING', 'talk', 'protocol'],
  ] as const)('%s at %s is theirs: %s', (code: string, step: Step, reason) => {
    expect(faultOf(failing(code), step, 'a:1')).toMatchObject({ kind: 'failed', reason });
  });

  test('never quotes an error’s own words', () => {
    const fault = faultOf(new Error('4111111111111111'), 'talk', 'a:1');
    expect(fault.message).not.toContain('4111');
  });
});

describe('loadTlsConfig', () => {
  test.each([
    [
      { ca_file: 'none.pem' },
      /^module kassa: tls_config\.ca_file .*none\.pem does not exist; correct the path/,
    ],
    [{ ca_file: '.' }, /tls_config\.ca_file .* is a folder/],
    [{ ca_file: 'not.pem' }, /tls_config\.ca_file not\.pem holds no PEM certificate/],
    [
      { cert_file: 'not.pem', key_file: 'client.key' },
      /tls_config\.cert_file not\.pem with key_file client\.key is not in PEM form/,
    ],
    [{ cert_file: 'client.pem', key_file: 'other.key' }, /do not belong together/],
    [{ pfx_file: 'not.pem' }, /tls_config\.pfx_file not\.pem is damaged or of another format/],
  ])('%j: names the file and what to do', async (config, says) => {
    const loading = load(config);
    await expect(loading).rejects.toThrow(ProberUnavailable);
    await expect(loading).rejects.toThrow(says);
  });

  test.each([
    [{ cert_file: 'a' }, 'cert_file needs its key: add key_file'],
    [{ key_file: 'a' }, 'key_file needs its certificate: add cert_file'],
    [{ pfx_file: 'a', cert_file: 'b', key_file: 'c' }, 'give the client certificate once'],
    [{ passphrase_file: 'a' }, 'neither is given'],
    [{ min_version: 'TLS9' }, 'TLS10'],
    [{ ca: 'x' }, 'ca'],
  ])('%j is not accepted', (config, says) => {
    const read = tlsConfigOptions.safeParse(config);
    expect(read.error?.issues.map(({ message }) => message).join('\n')).toContain(says);
  });

  test('presents the client certificate and knows when it ends', async () => {
    const own = await load({ ca_file: 'root.pem', cert_file: 'client.pem', key_file: 'client.key' });
    const asking = createTlsServer({ cert: server.cert, key: server.key, ca: root.cert, requestCert: true });
    await using peer = await listen(asking);
    const accepted = once(asking, 'secureConnection');
    const options = { host: 'localhost', port: peer.port, ip: IP4, tls: { client: own }, clock: systemClock };
    const result = await dial(options, AbortSignal.timeout(5_000));
    const [socket] = (await accepted) as [{ getPeerCertificate(): { subject: { CN: string } } }];
    expect(socket.getPeerCertificate().subject.CN).toBe('client');
    if (result.kind === 'ok') result.socket.destroy();
    const ended = result.samples.find(
      ({ name }) => name === 'kassavakt_client_certificate_expiry_timestamp_seconds',
    );
    expect((ended?.value ?? 0) * 1_000).toBeGreaterThan(Date.now() + 19 * 86_400_000);
  });
});
