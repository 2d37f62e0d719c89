import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import type { ProbeReport } from '../../src/core/outcome.ts';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { tcpProber } from '../../src/probes/tcp.ts';
import { type Authority, type Certificate, makeAuthority } from '../tools/certificates.ts';
import { FakeClock } from '../tools/fake-clock.ts';
import {
  heldBufferBytes,
  listen,
  probeOnce,
  type RunWish,
  sampleOf,
  startBlackhole,
  unusedPort,
} from './dial-fixture.ts';

let folder: string;
let root: Authority;
let server: Certificate;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tcp-'));
  root = await makeAuthority();
  server = await root.issue({ dns: ['localhost'], ip: ['127.0.0.1'] });
  await writeFile(join(folder, 'root.pem'), root.cert);
});
afterAll(() => rm(folder, { recursive: true }));

async function against(
  talk: (socket: Socket) => void,
  options: object = {},
  wish: RunWish = {},
): Promise<ProbeReport> {
  await using peer = await listen(createServer(talk));
  const report = await probeOnce(tcpProber, options, `127.0.0.1:${peer.port}`, { baseDir: folder, ...wish });
  await peer.gone();
  return report;
}

const quiet = (socket: Socket): void => void socket.resume();

describe('a bare connection', () => {
  test('to a server that says nothing is well', async () => {
    const report = await against(quiet);
    expect(report.outcome).toMatchObject({
      kind: 'answered',
      message: expect.stringMatching(/^Connects in \d+ ms$/),
    });
    expect(report.phases.map(({ name }) => name)).toEqual(['connect']);
    expect(sampleOf(report, 'probe_ip_protocol')).toBe(4);
    expect(sampleOf(report, 'probe_failed_due_to_regex')).toBe(0);
  });

  test('takes as long as connecting: the watch for a reset does not count', async () => {
    const time = new FakeClock();
    const watching = Promise.withResolvers<void>();
    const clock: Clock = {
      nowMs: () => time.nowMs(),
      monotonicMs: () => time.monotonicMs(),
      after(delayMs, fire) {
        watching.resolve();
        return time.after(delayMs, fire);
      },
    };
    await using peer = await listen(createServer(quiet));
    const context = { module: 'm', timeoutMs: 5_000, clock, baseDir: '.' };
    await using probe = await tcpProber.open(tcpProber.options.parse({}), context);
    const request = { targetId: 't', address: `127.0.0.1:${peer.port}` };
    const running = probe.run(request, AbortSignal.timeout(5_000));
    await watching.promise;
    await time.advance(1_000);
    expect((await running).outcome).toMatchObject({ kind: 'answered', durationMs: 0 });
  });

  test('to a server that greets, or that closes, is well', async () => {
    expect((await against((socket) => socket.resume().write('220 hello\r\n'))).outcome.kind).toBe('answered');
    expect((await against((socket) => socket.resume().end())).outcome.kind).toBe('answered');
  });

  test('to a device that answers our close with a reset is well', async () => {
    const abrupt = createServer({ allowHalfOpen: true }, (socket) => {
      socket.resume().on('end', () => socket.resetAndDestroy());
    });
    await using peer = await listen(abrupt);
    const report = await probeOnce(tcpProber, {}, `127.0.0.1:${peer.port}`);
    expect(report.outcome.kind).toBe('answered');
  });

  test('to a server that accepts and resets is not', async () => {
    for (const delay of [setImmediate, (act: () => void) => setTimeout(act, 20)]) {
      const report = await against((socket) => void delay(() => socket.resetAndDestroy()));
      expect(report.outcome).toMatchObject({
        kind: 'failed',
        reason: 'protocol',
        message: expect.stringMatching(/^127\.0\.0\.1:\d+ accepts the connection and then resets it$/),
      });
    }
  });

  test('refused', async () => {
    const report = await probeOnce(tcpProber, {}, `127.0.0.1:${await unusedPort(createServer())}`);
    expect(report.outcome).toMatchObject({ kind: 'failed', reason: 'connect-refused' });
  });

  test('into a black hole', async () => {
    await using hole = await startBlackhole();
    const report = await probeOnce(tcpProber, {}, `127.0.0.1:${hole.port}`, { deadlineMs: 200 });
    expect(report.outcome).toMatchObject({ kind: 'failed', reason: 'connect-timeout' });
  });

  test('a deadline while it only watches for a reset leaves it well', async () => {
    const deadline = new AbortController();
    const accepted = Promise.withResolvers<void>();
    const running = against(
      (socket) => accepted.resolve(void socket.resume()),
      {},
      { signal: deadline.signal },
    );
    await accepted.promise;
    await new Promise((resolve) => setImmediate(resolve));
    deadline.abort(new DOMException('', 'TimeoutError'));
    expect((await running).outcome.kind).toBe('answered');
  });
});

describe('with TLS', () => {
  const tls = { tls: true, tls_config: { ca_file: 'root.pem' } };

  test('names the version and has the session’s measurements', async () => {
    await using peer = await listen(createTlsServer(server));
    const report = await probeOnce(tcpProber, tls, `127.0.0.1:${peer.port}`, { baseDir: folder });
    expect(report.outcome).toMatchObject({
      kind: 'answered',
      message: expect.stringMatching(/^Connects with TLS 1\.3 in/),
    });
    expect(sampleOf(report, 'probe_ssl_earliest_cert_expiry')).toBe(server.expiresAtMs / 1_000);
    expect(report.phases.map(({ name }) => name)).toEqual(['connect', 'tls']);
  });

  test('a server that wants a client certificate says so only after the handshake', async () => {
    const strict = createTlsServer({ ...server, ca: root.cert, requestCert: true, rejectUnauthorized: true });
    await using peer = await listen(strict);
    const report = await probeOnce(tcpProber, tls, `127.0.0.1:${peer.port}`, { baseDir: folder });
    expect(report.outcome).toMatchObject({
      kind: 'failed',
      reason: 'auth',
      message: expect.stringContaining('demands a client certificate, and this module has none'),
    });
  });
});

describe('a dialogue', () => {
  const lines =
    (...texts: string[]) =>
    (socket: Socket): void =>
      void socket.resume().end(texts.join(''));

  test('passes over lines, expects, sends with the groups, and labels what it found', async () => {
    const heard: string[] = [];
    const report = await against(
      (socket) => {
        socket.write('noise\r\n220 kassa7 ESMTP v4\r\n');
        socket.on('data', (bytes) => {
          heard.push(bytes.toString());
          socket.end('250 ok\n');
        });
      },
      {
        query_response: [
          {
            expect: '^220 (?P<host>[a-z0-9]+) ESMTP v(\\d)',
            labels: [
              { name: 'host', value: '${host}' },
              { name: 'version', value: 'v$2' },
            ],
            send: 'EHLO ${host} $2 $$ ${9}',
          },
          { expect: '^250' },
        ],
      },
    );
    expect(report.outcome).toMatchObject({ kind: 'answered' });
    expect(heard).toEqual(['EHLO kassa7 4 $ \n']);
    expect(report.samples).toContainEqual({
      name: 'probe_expect_info',
      value: 1,
      labels: { host: 'kassa7', version: 'v4' },
    });
    expect(report.phases.map(({ name }) => name)).toEqual(['connect', 'dialogue']);
    expect(report.trail.join('\n')).not.toContain('ESMTP v4');
  });

  test('reads a last line without an end, and lines that come in pieces', async () => {
    expect((await against(lines('ab', 'c'), { query_response: [{ expect: '^abc$' }] })).outcome.kind).toBe(
      'answered',
    );
    const slowly = (socket: Socket): void => {
      socket.resume().write('o');
      setTimeout(() => socket.write('k\r'), 10);
      setTimeout(() => socket.write('\n'), 20);
    };
    expect((await against(slowly, { query_response: [{ expect: '^ok$' }] })).outcome.kind).toBe('answered');
  });

  test('expects bytes, before and after lines', async () => {
    const options = {
      query_response: [{ expect_bytes: '\u0005\u0001' }, { expect: '^ok$' }, { expect_bytes: 'END' }],
    };
    expect((await against(lines('\u0005\u0001ok\nEND'), options)).outcome.kind).toBe('answered');
    expect((await against(lines('\u0005\u0002ok\nEND'), options)).outcome).toMatchObject({
      reason: 'content',
    });
    expect((await against(lines('\u0005'), options)).outcome).toMatchObject({ reason: 'content' });
  });

  test.each([
    {
      name: 'ends without the line',
      talk: lines('a\n', 'b\n'),
      reason: 'content',
      regex: 1,
      says: /ends the connection without having sent a line that matches "\^ready" \(step 1\)$/,
    },
    {
      name: 'ends without a word',
      talk: lines(),
      reason: 'protocol',
      regex: 1,
      says: /ends the connection without sending anything$/,
    },
    {
      name: 'says something else, then nothing',
      talk: (socket: Socket) => void socket.resume().write('busy\n'),
      reason: 'content',
      regex: 0,
      says: /does not send a line that matches "\^ready" within \d+ ms/,
    },
    {
      name: 'says nothing',
      talk: quiet,
      reason: 'protocol',
      regex: 0,
      says: /connects, but sends nothing within \d+ ms/,
    },
    {
      name: 'sends a line without end',
      talk: (socket: Socket) => void socket.resume().write('x'.repeat(70_000)),
      reason: 'protocol',
      regex: 0,
      says: /sends a line longer than 65536 bytes$/,
    },
    {
      name: 'resets in the middle',
      talk: (socket: Socket) =>
        void socket.write('hi\n', () => setTimeout(() => socket.resetAndDestroy(), 20)),
      reason: 'protocol',
      regex: 0,
      says: /resets it$/,
    },
  ])('with a server that $name', async ({ talk, reason, regex, says }) => {
    const report = await against(talk, { query_response: [{ expect: '^ready' }] }, { deadlineMs: 300 });
    expect(report.outcome).toMatchObject({ kind: 'failed', reason, message: expect.stringMatching(says) });
    expect(sampleOf(report, 'probe_failed_due_to_regex')).toBe(regex);
  });

  test('holds no more than a line of a flood', async () => {
    const chunk = Buffer.from(`${'y'.repeat(1_000)}\n`.repeat(64));
    let sent = 0;
    const flood = (socket: Socket): void => {
      const pour = (): void => {
        while (!socket.destroyed && socket.write(chunk)) sent += chunk.length;
      };
      socket.resume().on('drain', pour);
      pour();
    };
    const before = heldBufferBytes();
    let during = Number.POSITIVE_INFINITY;
    setTimeout(() => {
      during = heldBufferBytes();
    }, 300);
    const report = await against(flood, { query_response: [{ expect: '^ready' }] }, { deadlineMs: 500 });
    expect(report.outcome).toMatchObject({ kind: 'failed', reason: 'content' });
    expect(sent).toBeGreaterThan(5_000_000);
    expect(during - before).toBeLessThan(4_000_000);
  });

  test('upgrades to TLS where a step says so, and talks on inside it', async () => {
    const upgrading = (socket: Socket): void => {
      socket.write('220 ready\r\n');
      socket.once('data', () => {
        socket.write('220 go ahead\r\nPLAIN TEXT THAT WAS SMUGGLED IN\r\n', () => {
          const inside = new TLSSocket(socket, { isServer: true, cert: server.cert, key: server.key });
          inside.on('error', () => undefined);
          inside.on('data', (bytes) => inside.end(`inside: ${bytes.toString()}`));
        });
      });
    };
    const steps = [
      { expect: '^220', send: 'STARTTLS' },
      { expect: '^220', starttls: true },
      { send: 'hej' },
      { expect: '^inside: hej' },
    ];
    const report = await against(upgrading, { query_response: steps, tls_config: { ca_file: 'root.pem' } });
    expect(report.outcome).toMatchObject({ kind: 'answered' });
    expect(sampleOf(report, 'probe_tls_version_info')).toBe(1);
    expect(report.phases.map(({ name }) => name)).toEqual(['connect', 'tls', 'dialogue']);
  });

  test('a certificate that is refused at STARTTLS ends it', async () => {
    const upgrading = (socket: Socket): void => {
      socket.write('go\n', () => {
        new TLSSocket(socket, { isServer: true, cert: server.cert, key: server.key }).on(
          'error',
          () => undefined,
        );
      });
    };
    const report = await against(upgrading, { query_response: [{ expect: 'go', starttls: true }] });
    expect(report.outcome).toMatchObject({ kind: 'failed', reason: 'tls-certificate' });
  });

  test('a line that could not be searched, and not for want of time, is our own fault', async () => {
    const talking = createServer(quiet);
    await using peer = await listen(talking);
    const context = { module: 'm', timeoutMs: 5_000, clock: systemClock, baseDir: folder };
    const options = tcpProber.options.parse({ query_response: [{ expect: 'never' }] });
    const probe = await tcpProber.open(options, context);
    const accepted = once(talking, 'connection') as Promise<[Socket]>;
    const address = `127.0.0.1:${peer.port}`;
    const running = probe.run({ targetId: 'a', address }, AbortSignal.timeout(5_000));
    const [socket] = await accepted;
    await probe[Symbol.asyncDispose]();
    socket.write('a line\n');
    expect((await running).outcome).toMatchObject({ kind: 'inconclusive', reason: 'self-late' });
    await peer.gone();
  });

  test('an abort that is no time-out rejects, and leaves nothing open', async () => {
    const talking = createServer(quiet);
    await using peer = await listen(talking);
    const stop = new AbortController();
    const options = { query_response: [{ expect: 'never' }] };
    const accepted = once(talking, 'connection');
    const running = probeOnce(tcpProber, options, `127.0.0.1:${peer.port}`, { signal: stop.signal });
    await accepted;
    stop.abort(new Error('stopped'));
    await expect(running).rejects.toThrow('stopped');
    await peer.gone();
  });
});

describe('options', () => {
  test.each([
    [
      { query_response: [{ expect: '(a' }] },
      '"(a" is not a regular expression as Go reads them: missing closing )',
    ],
    [{ query_response: [{ expect: '(?=a)' }] }, 'is not a regular expression as Go reads them'],
    [{ query_response: [{ expect: '((a{0,100}){10}){10}' }] }, 'regular expression'],
    [
      { query_response: [{ expect: 'a', expect_bytes: 'b' }] },
      'give either expect or expect_bytes in one step',
    ],
    [{ query_response: [{ labels: [{ name: '0', value: '' }] }] }, 'a label name is letters, digits and _'],
    [{ source_ip_address: 'kassa' }, 'source_ip_address is an IP address of this machine'],
    [{ preferred_ip_protocol: 'ipv4' }, 'ip4'],
    [{ timeout: '1s' }, 'timeout'],
  ])('%j is refused', (options, says) => {
    const read = tcpProber.options.safeParse(options);
    expect(read.error?.issues.map(({ message }) => message).join('\n')).toContain(says);
  });
});
