import { Client, Config, EnvironmentEnum, NexoCrypto, TerminalLocalAPI, Types } from '@adyen/api-library';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import type { ProbeReport } from '../../src/core/outcome.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { nexoProber } from '../../src/probes/nexo.ts';
import { deriveKeyMaterial, openMessage, sealMessage } from '../../src/probes/nexo-envelope.ts';
import type { Probe } from '../../src/probes/probe.ts';
import { type Authority, type Certificate, makeAuthority, makeSelfSigned } from '../tools/certificates.ts';
import { FakeClock } from '../tools/fake-clock.ts';

const POIID = 'V400m-346403161';
const NAME = `${POIID}.test.terminal.adyen.com`;
const PASSPHRASE = 'en-mycket-hemlig-fras';
const PAN = '4111111111111111';
const vendorKey = {
  AdyenCryptoVersion: 1,
  KeyIdentifier: 'kassanyckel',
  KeyVersion: 2,
  Passphrase: PASSPHRASE,
};

let dir: string;
let authority: Authority;
let certificate: Certificate;
const cleanups: (() => unknown)[] = [];
/** Every report of every test, for the last test to look for what must never be in one. */
const reports: ProbeReport[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nexo-'));
  authority = await makeAuthority('Terminal Root');
  certificate = await authority.issue({ commonName: NAME });
  await writeFile(join(dir, 'root.pem'), authority.cert);
  await writeFile(join(dir, 'passphrase'), `${PASSPHRASE}\n`);
  await writeFile(join(dir, 'other-passphrase'), 'en-annan-hemlig-fras');
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});
afterAll(() => rm(dir, { recursive: true }));

interface Wish {
  readonly [field: string]: unknown;
}

const encryption = { key_identifier: 'kassanyckel', key_version: 2, passphrase_file: 'passphrase' };

async function open(wish: Wish = {}, clock = systemClock, timeoutMs = 10_000): Promise<Probe> {
  const options = nexoProber.options.parse({ tls_config: { ca_file: 'root.pem' }, ...wish });
  const probe = await nexoProber.open(options, { module: 'terminal', timeoutMs, clock, baseDir: dir });
  cleanups.push(() => probe[Symbol.asyncDispose]());
  return probe;
}

async function run(probe: Probe, port: number, timeoutMs = 10_000): Promise<ProbeReport> {
  const request = { targetId: 'T1', address: `${POIID}@127.0.0.1:${port}` };
  const report = await probe.run(request, AbortSignal.timeout(timeoutMs));
  reports.push(report);
  return report;
}

/** Runs with a deadline that comes at the moment `reached` tells. */
async function runUntil(probe: Probe, port: number, reached: Promise<unknown>): Promise<ProbeReport> {
  const deadline = new AbortController();
  const running = probe.run({ targetId: 'T1', address: `${POIID}@127.0.0.1:${port}` }, deadline.signal);
  await reached;
  deadline.abort(new DOMException('too late', 'TimeoutError'));
  reports.push(await running);
  return running;
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

/** What a terminal was asked: the message as it was meant, decrypted. */
interface Seen {
  readonly MessageHeader: Readonly<Record<string, string>>;
  readonly DiagnosisRequest?: { readonly HostDiagnosisFlag: boolean };
}
type Reply = (response: ServerResponse, asked: Seen, body: string) => void;

/** A terminal over real TLS. `reply` answers the nth request, the last one those after it. */
async function terminal(
  ...replies: readonly Reply[]
): Promise<{ port: number; asked: Seen[]; overlaps: () => number }> {
  const asked: Seen[] = [];
  let open = 0;
  let most = 0;
  const server = createHttpsServer({ ...certificate, minVersion: 'TLSv1.2' }, (request, response) => {
    open++;
    most = Math.max(most, open);
    response.on('close', () => open--);
    void readAll(request).then((body) => {
      const { SaleToPOIRequest } = JSON.parse(body);
      const clear =
        'NexoBlob' in SaleToPOIRequest ? new NexoCrypto().decrypt(SaleToPOIRequest, vendorKey) : body;
      expect([request.method, request.url]).toEqual(['POST', '/nexo/']);
      asked.push(JSON.parse(clear).SaleToPOIRequest);
      const reply = replies[Math.min(asked.length, replies.length) - 1];
      reply?.(response, JSON.parse(clear).SaleToPOIRequest, body);
    });
  });
  return { port: await listen(server), asked, overlaps: () => most };
}

async function readAll(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) body += chunk;
  return body;
}

interface Told {
  readonly status?: Wish;
  readonly hosts?: readonly boolean[];
  readonly response?: Wish;
  readonly additional?: string;
}

function diagnosis(told: Told): Wish {
  return {
    POIStatus: { GlobalStatus: 'OK', CommunicationOKFlag: true, PrinterStatus: 'OK', ...told.status },
    HostStatus: (told.hosts ?? []).map((IsReachableFlag, i) => ({ IsReachableFlag, AcquirerID: `a${i}` })),
    LoggedSaleID: [PAN],
    Response: {
      Result: 'Success',
      AdditionalResponse: told.additional ?? `batteryLevel=64%25&firmwareVersion=adyen_v1_49p5&card=${PAN}`,
      ...told.response,
    },
  };
}

function message(asked: Seen, told: Told): string {
  const header = { ...asked.MessageHeader, MessageType: 'Response' };
  return JSON.stringify({ SaleToPOIResponse: { MessageHeader: header, DiagnosisResponse: diagnosis(told) } });
}

const tells =
  (told: Told = {}): Reply =>
  (response, asked) =>
    response.end(message(asked, told));

const says =
  (status: number, text: string): Reply =>
  (response) =>
    response.writeHead(status).end(text);

/** Answers as the vendor's library would have it, encrypted with its own code. */
const tellsSealed =
  (told: Told = {}, passphrase = PASSPHRASE): Reply =>
  (response, asked) => {
    const header = {
      ...asked.MessageHeader,
      MessageType: 'Response',
    } as unknown as Types.terminal.MessageHeader;
    const sealed = NexoCrypto.encrypt(header, message(asked, told), { ...vendorKey, Passphrase: passphrase });
    response.end(JSON.stringify({ SaleToPOIResponse: sealed }));
  };

describe('a terminal that is well', () => {
  test('answers the diagnosis in clear text', async () => {
    const { port, asked } = await terminal(
      tells({ additional: 'batteryLevel=64%25&firmwareVersion=f1&unconfirmedBatchCount=0' }),
    );
    const { outcome, phases, samples, trail } = await run(await open(), port);
    expect(outcome).toMatchObject({ kind: 'answered' });
    expect(outcome.message).toMatch(/^The terminal answers the diagnosis in \d+ ms$/);
    expect(phases.map(({ name }) => name)).toEqual(['connect', 'tls', 'diagnosis']);
    expect(samples).toEqual(
      expect.arrayContaining([
        { name: 'kassavakt_terminal_battery_ratio', value: 0.64 },
        { name: 'kassavakt_terminal_unconfirmed_batches', value: 0 },
        { name: 'kassavakt_terminal_busy', value: 0 },
        { name: 'kassavakt_terminal_firmware_info', value: 1, labels: { firmware: 'f1' } },
        { name: 'probe_ssl_earliest_cert_expiry', value: certificate.expiresAtMs / 1_000 },
      ]),
    );
    expect(trail.at(-1)).toMatch(/^diagnosis: GlobalStatus OK in \d+ ms$/);
    expect(asked).toEqual([
      {
        MessageHeader: {
          ProtocolVersion: '3.0',
          MessageClass: 'Service',
          MessageCategory: 'Diagnosis',
          MessageType: 'Request',
          ServiceID: expect.stringMatching(/^[0-9A-Z]{10}$/),
          SaleID: 'kassavakt',
          POIID,
        },
        DiagnosisRequest: { HostDiagnosisFlag: false },
      },
    ]);
  });

  test("answers in an envelope that the vendor's library opened and sealed", async () => {
    const { port, asked } = await terminal(tellsSealed());
    const { outcome } = await run(await open({ encryption }), port);
    expect(outcome).toMatchObject({ kind: 'answered' });
    expect(asked[0]?.DiagnosisRequest).toEqual({ HostDiagnosisFlag: false });
  });

  test('is found by its id when the address does not name it, and over plain HTTP when told so', async () => {
    const server = createHttpServer((request, response) => {
      void readAll(request).then((body) => tells()(response, JSON.parse(body).SaleToPOIRequest, body));
    });
    const port = await listen(server);
    const probe = await open({ tls: false, tls_config: undefined, sale_id: 'vakt' });
    const report = await probe.run(
      { targetId: POIID, address: `localhost:${port}` },
      AbortSignal.timeout(5_000),
    );
    expect(report.outcome).toMatchObject({ kind: 'answered' });
  });

  test('may have any of the configured certificate names, or the one of server_name', async () => {
    const { port } = await terminal(tells());
    const named = await open({ certificate_names: ['else.example', '{poi_id}.TEST.terminal.adyen.com'] });
    expect((await run(named, port)).outcome.kind).toBe('answered');
    const pinned = await open({ tls_config: { ca_file: 'root.pem', server_name: NAME } });
    expect((await run(pinned, port)).outcome.kind).toBe('answered');
  });

  test('is healthy while busy', async () => {
    const { port } = await terminal(tells({ status: { GlobalStatus: 'Busy' } }));
    const { outcome, samples } = await run(await open(), port);
    expect(outcome).toMatchObject({ kind: 'answered', message: expect.stringContaining('busy') });
    expect(samples).toContainEqual({ name: 'kassavakt_terminal_busy', value: 1 });
  });
});

describe("the vendor's own client", () => {
  test('is understood, and understands what we seal', async () => {
    const key = {
      keyIdentifier: vendorKey.KeyIdentifier,
      keyVersion: vendorKey.KeyVersion,
      cryptoVersion: 1,
      material: deriveKeyMaterial(PASSPHRASE),
    } as const;
    let asked: Seen | undefined;
    const server = createHttpsServer(certificate, (request, response) => {
      void readAll(request).then((body) => {
        const opened = openMessage(JSON.parse(body).SaleToPOIRequest, key);
        if (!opened.ok) throw new Error(opened.error);
        asked = JSON.parse(opened.value).SaleToPOIRequest as Seen;
        const sealed = sealMessage(message(asked, { hosts: [true] }), key);
        response.end(
          JSON.stringify({ SaleToPOIResponse: { MessageHeader: asked.MessageHeader, ...sealed } }),
        );
      });
    });
    const port = await listen(server);
    const config = new Config({
      apiKey: 'none',
      environment: EnvironmentEnum.TEST,
      certificatePath: join(dir, 'root.pem'),
      // The library appends its own port and path, which the query takes up.
      terminalApiLocalEndpoint: `https://127.0.0.1:${port}/nexo/?`,
    });
    const api = new TerminalLocalAPI(new Client(config));
    const { terminal } = Types;
    const answer = await api.request(
      {
        SaleToPOIRequest: {
          MessageHeader: {
            MessageCategory: terminal.MessageCategoryType.Diagnosis,
            MessageClass: terminal.MessageClassType.Service,
            MessageType: terminal.MessageType.Request,
            POIID,
            ProtocolVersion: '3.0',
            SaleID: 'kassavakt',
            ServiceID: '0000000001',
          },
          DiagnosisRequest: { HostDiagnosisFlag: true },
        },
      },
      vendorKey,
    );
    expect(asked?.DiagnosisRequest).toEqual({ HostDiagnosisFlag: true });
    expect(answer.SaleToPOIResponse?.DiagnosisResponse?.HostStatus?.[0]?.IsReachableFlag).toBe(true);
    expect(answer.SaleToPOIResponse?.DiagnosisResponse?.POIStatus?.GlobalStatus).toBe('OK');
  });
});

describe('the first layer that fails is the reason', () => {
  const nothingListens = async (): Promise<number> => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    return port;
  };
  const tlsServer = (
    given: Certificate,
    onSession: (socket: Socket) => void = () => undefined,
  ): Promise<number> =>
    listen(
      createTlsServer({ cert: given.cert, key: given.key }, (socket) => {
        socket.on('error', () => undefined);
        onSession(socket);
      }),
    );
  const afterRequest = (act: (socket: Socket) => void): Promise<number> =>
    tlsServer(certificate, (socket) => socket.once('data', () => act(socket)));
  const port = async (reply: Reply): Promise<number> => (await terminal(reply)).port;

  test.each([
    { name: 'nobody listens', start: nothingListens, reason: 'connect-refused', says: 'refuses' },
    {
      name: 'it does not speak TLS',
      start: () => listen(createServer((socket) => socket.write('hello, hello, hello\n'))),
      reason: 'tls',
      says: 'does not speak TLS',
    },
    {
      name: 'it signs its own certificate',
      start: async () => tlsServer(await makeSelfSigned({ commonName: NAME })),
      reason: 'tls-certificate',
      says: 'self-signed',
    },
    {
      name: 'another authority signed it',
      start: async () => tlsServer(await (await makeAuthority('Other')).issue({ commonName: NAME })),
      reason: 'tls-certificate',
      says: 'unknown authority',
    },
    {
      name: 'its certificate has expired',
      start: async () => tlsServer(await authority.issue({ commonName: NAME, toDays: -3 })),
      reason: 'tls-certificate',
      says: 'expired 3 days ago',
    },
    {
      name: "its certificate is another terminal's",
      start: async () => tlsServer(await authority.issue({ commonName: 'V400m-1.test.terminal.adyen.com' })),
      reason: 'tls-certificate',
      says: `is for V400m-1.test.terminal.adyen.com, not the terminal ${POIID}`,
    },
    { name: 'it answers 401', start: () => port(says(401, PAN)), reason: 'auth', says: 'HTTP 401' },
    { name: 'it answers 403', start: () => port(says(403, '')), reason: 'auth', says: 'HTTP 403' },
    {
      name: 'it cannot decrypt',
      start: () => port(says(400, '{"errors":["Nexo Service: crypto error (9)"],"ServiceID":"-NULL-"}')),
      reason: 'auth',
      says: 'does not accept our key: check the passphrase, the key identifier and the key version',
    },
    {
      name: 'its key is another',
      start: () => port(tellsSealed({}, 'fel fras')),
      reason: 'auth',
      says: 'our key',
    },
    { name: 'it answers 500', start: () => port(says(500, PAN)), reason: 'protocol', says: 'HTTP 500' },
    {
      name: 'it answers with a page',
      start: () => port(says(200, `<b>${PAN}`)),
      reason: 'protocol',
      says: 'not JSON',
    },
    {
      name: 'it answers with endless text',
      start: () => port((response) => void endless(response)),
      reason: 'protocol',
      says: 'more than 64 KiB',
    },
    {
      name: 'it answers with garbage',
      start: () => afterRequest((socket) => socket.end(Buffer.from([0, 1, 2, 255, 10, 13, 10]))),
      reason: 'protocol',
      says: 'something that is not HTTP',
    },
    {
      name: 'it answers with endless headers',
      start: () => afterRequest((socket) => socket.write(`HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(60_000)}`)),
      reason: 'protocol',
      says: 'something that is not HTTP',
    },
    {
      name: 'it hangs up',
      start: () => afterRequest((socket) => socket.end()),
      reason: 'protocol',
      says: 'closes the connection',
    },
    {
      name: 'it hangs up in the middle of its answer',
      start: () =>
        afterRequest((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"Sale')),
      reason: 'protocol',
      says: 'closes the connection',
    },
  ])('$reason when $name', async ({ start, reason, says }) => {
    const at = await start();
    const { outcome } = await run(await open({ encryption }), at);
    expect(outcome).toMatchObject({ kind: 'failed', reason, message: expect.stringContaining(says) });
  });

  test('protocol when it resets the connection', async () => {
    const server = createServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const at = await listen(server);
    const { outcome } = await run(await open({ tls: false, tls_config: undefined }), at);
    expect(outcome).toMatchObject({
      kind: 'failed',
      reason: 'protocol',
      message: expect.stringContaining('resets'),
    });
  });

  test.each([
    {
      name: 'nothing',
      start: (reached: () => void) => port(reached),
      says: 'does not answer the diagnosis',
    },
    {
      name: 'headers in drips',
      start: (reached: () => void) => afterRequest((socket) => drip(socket, reached)),
      says: 'does not answer the diagnosis',
    },
    {
      name: 'half an answer',
      start: (reached: () => void) =>
        port((response) => {
          response.writeHead(200, { 'content-length': 99 }).write('{');
          // The probe has read the head long before that, on any machine that is awake.
          void sleep(1_000).then(reached);
        }),
      says: 'does not finish its answer to the diagnosis',
    },
  ])('protocol, with the times, when it sends $name until the deadline', async ({ start, says }) => {
    const reached = Promise.withResolvers<void>();
    const at = await start(reached.resolve);
    const { outcome } = await runUntil(await open(), at, reached.promise);
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'protocol' });
    expect(outcome.message).toMatch(
      /^TCP connects in \d+ ms and TLS in \d+ ms, but the terminal .* within [\d.]+ m?s$/,
    );
    expect(outcome.message).toContain(says);
  });

  test('tls when it never finishes the handshake', async () => {
    const at = await listen(createServer(() => undefined));
    const { outcome } = await run(await open(), at, 1_000);
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'tls' });
  });

  test.each([
    { name: 'failed device, its card reader', told: { status: { CardReaderOKFlag: false } } },
    { name: 'failed device, maintenance', told: { status: { GlobalStatus: 'Maintenance' } } },
    { name: 'failed host, no connection', told: { status: { GlobalStatus: 'Unreachable' } } },
    { name: 'failed host, its payment host', told: { hosts: [false] } },
    {
      name: 'failed host, its payment host',
      told: { response: { Result: 'Failure', ErrorCondition: 'UnreachableHost' } },
    },
    {
      name: 'failed device, refuses',
      told: { response: { Result: 'Failure', ErrorCondition: 'DeviceOut' } },
    },
    { name: 'degraded device, no paper', told: { status: { PrinterStatus: 'NoPaper' } } },
    { name: 'degraded host, 1 of its 2', told: { hosts: [true, false] } },
    { name: 'answered , low on paper', told: { status: { PrinterStatus: 'PaperLow' } } },
    { name: 'answered , busy', told: { response: { Result: 'Failure', ErrorCondition: 'InProgress' } } },
  ])('$name, for $told', async ({ name, told }) => {
    const [, kind, reason, says] = /^(\w+) (\w*), (.*)$/.exec(name) ?? [];
    const { outcome } = await run(await open(), await port(tells(told)));
    expect(outcome.kind).toBe(kind);
    expect('reason' in outcome ? outcome.reason : '').toBe(reason);
    expect(outcome.message).toContain(says);
  });
});

describe('suspicion', () => {
  const waiting = (count: number, told: Told = {}): Reply =>
    tells({ ...told, additional: `unconfirmedBatchCount=${count}` });

  test('asks once more, for the hosts, on a connection of its own, with another ServiceID', async () => {
    const { port, asked, overlaps } = await terminal(waiting(2), waiting(2, { hosts: [true, false] }));
    const { outcome, phases, trail } = await run(await open(), port);
    expect(outcome).toMatchObject({ kind: 'degraded', reason: 'host' });
    expect(outcome.message).toBe('The terminal cannot reach 1 of its 2 payment hosts (acquirer a1)');
    expect(asked.map((seen) => seen.DiagnosisRequest?.HostDiagnosisFlag)).toEqual([false, true]);
    expect(new Set(asked.map((seen) => seen.MessageHeader['ServiceID'])).size).toBe(2);
    expect(overlaps()).toBe(1);
    expect(phases.map(({ name }) => name)).toEqual(['connect', 'tls', 'diagnosis', 'host-diagnosis']);
    expect(trail.some((line) => line.startsWith('diagnosis with hosts:'))).toBe(true);
  });

  test('rests while the count falls and returns when it grows', async () => {
    const probe = await open();
    const counts = [3, 3, 2, 2, 1, 4, 4, 0, 0];
    const { port, asked } = await terminal(...counts.map((count) => waiting(count, { hosts: [true] })));
    const flags = () => asked.map((seen) => seen.DiagnosisRequest?.HostDiagnosisFlag);
    await run(probe, port); // 3 at first sight: asks again
    await run(probe, port); // 2
    expect(flags()).toEqual([false, true, false]);
    await run(probe, port); // 2 again: asks again
    expect(flags()).toEqual([false, true, false, false, true]);
    await run(probe, port); // 4 after 2: asks again
    expect(flags()).toEqual([false, true, false, false, true, false, true]);
    await run(probe, port); // 0
    expect(flags()).toEqual([false, true, false, false, true, false, true, false]);
  });

  test('that the hosts dispel is told and is no fault', async () => {
    const { port } = await terminal(waiting(1), waiting(1, { hosts: [true] }));
    const { outcome } = await run(await open(), port);
    expect(outcome).toMatchObject({
      kind: 'answered',
      message: expect.stringContaining('waiting to be sent (1)'),
    });
  });

  test('that the hosts leave open until the deadline is degraded', async () => {
    const asked = Promise.withResolvers<void>();
    const { port } = await terminal(waiting(1), () => asked.resolve());
    const { outcome } = await runUntil(await open(), port, asked.promise);
    expect(outcome).toMatchObject({ kind: 'degraded', reason: 'host' });
    expect(outcome.message).toMatch(/the diagnosis of its hosts was not answered within \d+ ms$/);
  });

  test('of its communication is failed when no host is reached', async () => {
    const status = { CommunicationOKFlag: false };
    const { port, asked } = await terminal(tells({ status }), tells({ status, hosts: [false] }));
    const { outcome } = await run(await open(), port);
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'host' });
    expect(asked.length).toBe(2);
  });
});

describe('a terminal that stays busy', () => {
  test('is degraded once it has been busy at every check for longer than busy_stuck_after', async () => {
    const clock = new FakeClock();
    const probe = await open({ busy_stuck_after: '2m' }, clock);
    const busy = tells({ status: { GlobalStatus: 'Busy' } });
    const { port } = await terminal(busy, busy, busy, tells(), busy);
    expect((await run(probe, port)).outcome.kind).toBe('answered');
    clock.jumpWall(3_600_000);
    clock.freeze(120_000);
    expect((await run(probe, port)).outcome.kind).toBe('answered');
    clock.freeze(1_000);
    expect((await run(probe, port)).outcome).toMatchObject({
      kind: 'degraded',
      reason: 'device',
      message: 'The terminal has been busy for 2 min 1 s (3 checks): it may be stuck',
    });
    expect((await run(probe, port)).outcome.kind).toBe('answered');
    clock.freeze(1_000);
    expect((await run(probe, port)).outcome.kind).toBe('answered');
  });
});

describe('one terminal', () => {
  test('is never asked twice at the same time', async () => {
    const { port, asked, overlaps } = await terminal((response, seen) => {
      setImmediate(() => tells()(response, seen, ''));
    });
    const probe = await open();
    const kinds = await Promise.all([1, 2, 3, 4, 5].map(async () => (await run(probe, port)).outcome.kind));
    expect(kinds).toEqual(Array(5).fill('answered'));
    expect(asked.length).toBe(5);
    expect(overlaps()).toBe(1);
  });

  test('that is asked already makes another probe inconclusive, and the one behind it still gets its turn', async () => {
    const held = Promise.withResolvers<ServerResponse>();
    const { port, asked } = await terminal((response) => held.resolve(response), tells());
    const probe = await open();
    const first = run(probe, port);
    const response = await held.promise;
    const second = run(probe, port, 100);
    const third = run(probe, port);
    expect((await second).outcome).toMatchObject({ kind: 'inconclusive', reason: 'self-late' });
    tells()(response, asked[0] ?? { MessageHeader: {} }, '');
    expect((await first).outcome.kind).toBe('answered');
    expect((await third).outcome.kind).toBe('answered');
    expect(asked.length).toBe(2);
  });
});

describe('an abort', () => {
  test('rejects with its reason and closes the connection', async () => {
    const closed = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const { port } = await terminal((response) => {
      response.on('close', () => closed.resolve());
      asked.resolve();
    });
    const stop = new AbortController();
    const probe = await open();
    const running = probe.run({ targetId: 'T', address: `${POIID}@127.0.0.1:${port}` }, stop.signal);
    await asked.promise;
    const reason = new Error('stopping');
    stop.abort(reason);
    await expect(running).rejects.toBe(reason);
    await closed.promise;
  });

  test('that came before the start rejects at once', async () => {
    const probe = await open();
    const reason = new Error('stopped');
    await expect(
      probe.run({ targetId: 'T', address: `${POIID}@127.0.0.1:1` }, AbortSignal.abort(reason)),
    ).rejects.toBe(reason);
  });
});

describe('a module', () => {
  test.each([
    { name: 'without ca_file', given: {}, says: 'tls_config.ca_file' },
    {
      name: 'with tls_config and no TLS',
      given: { tls: false, tls_config: { ca_file: 'x' } },
      says: 'has no effect',
    },
    { name: 'with an unknown option', given: { tls: false, sale: 'x' }, says: 'sale' },
    {
      name: 'with a wrong duration',
      given: { tls: false, busy_stuck_after: '5' },
      says: 'is not a duration',
    },
    {
      name: 'with another crypto version',
      given: { tls: false, encryption: { ...encryption, crypto_version: 2 } },
      says: 'crypto_version',
    },
  ])('$name is refused', ({ given, says }) => {
    const read = nexoProber.options.safeParse(given);
    expect(JSON.stringify(read.error?.issues)).toContain(says);
  });

  test.each([
    {
      name: 'a passphrase file that is missing',
      wish: { encryption: { ...encryption, passphrase_file: 'nowhere' } },
      says: 'nowhere does not exist',
    },
    {
      name: 'a root file that is missing',
      wish: { tls_config: { ca_file: 'nowhere.pem' } },
      says: 'nowhere.pem does not exist',
    },
  ])('with $name cannot be opened', async ({ wish, says }) => {
    await expect(open(wish)).rejects.toMatchObject({
      name: 'ProberUnavailable',
      message: expect.stringContaining(says),
    });
  });

  test.each([
    { address: '10.0.0.5', ok: true },
    { address: '10.0.0.5:8443', ok: true },
    { address: 'V400m-346403161@10.0.0.5:8443', ok: true },
    { address: 'terminal-7.store.example', ok: true },
    { address: 'S1F2-1@[2001:db8::7]:8443', ok: true },
    { address: '', ok: false },
    { address: 'V400m-1@', ok: false },
    { address: '10.0.0.5:0', ok: false },
    { address: '10.0.0.5:70000', ok: false },
    { address: '2001:db8::7', ok: false },
    { address: '[10.0.0.5]:8443', ok: false },
    { address: 'https://10.0.0.5:8443/nexo/', ok: false },
    { address: 'a b', ok: false },
  ])('reads the address "$address": $ok', ({ address, ok }) => {
    const read = nexoProber.parseAddress(address);
    expect(read.ok).toBe(ok);
    if (!read.ok) expect(read.error).toMatch(/write|ports|neither|brackets/);
  });

  test('without a POIID for the terminal says how to give it one', async () => {
    const probe = await open();
    const { outcome } = await probe.run(
      { targetId: 'kassa 7', address: '127.0.0.1:1' },
      AbortSignal.timeout(1_000),
    );
    expect(outcome).toMatchObject({
      kind: 'inconclusive',
      message: expect.stringContaining('POIID@127.0.0.1:1'),
    });
  });
});

test('no report holds a secret, a body or a card number', () => {
  expect(reports.length).toBeGreaterThan(40);
  const all = JSON.stringify(reports);
  for (const secret of [PAN, PASSPHRASE, vendorKey.KeyIdentifier, 'NexoBlob', '<b>', 'LoggedSaleID']) {
    expect(all).not.toContain(secret);
  }
  const reasons = reports.flatMap(({ outcome }) =>
    outcome.kind === 'failed' || outcome.kind === 'degraded' ? [outcome.reason] : [],
  );
  for (const reason of reasons) expect(nexoProber.reasons).toContain(reason);
});

async function endless(response: ServerResponse): Promise<void> {
  while (!response.destroyed) {
    if (!response.write(PAN.repeat(1_000)))
      await Promise.race([once(response, 'drain'), once(response, 'close')]);
  }
}

function drip(socket: Socket, onThird: () => void): void {
  void (async () => {
    socket.write('HTTP/1.1 200 OK\r\n');
    for (let n = 1; !socket.destroyed; n++) {
      socket.write('X-Drip: 1\r\n');
      if (n === 3) onThird();
      await sleep(20);
    }
  })();
}
