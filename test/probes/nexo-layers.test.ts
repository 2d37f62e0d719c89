import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import { describe, expect, test } from '@jest/globals';
import { nexoProber } from '../../src/probes/nexo.ts';
import { type Certificate, makeAuthority, makeSelfSigned } from '../tools/certificates.ts';
import {
  encryption,
  expectDiscreet,
  listen,
  material,
  NAME,
  open,
  PAN,
  POIID,
  type Reply,
  run,
  runUntil,
  says,
  tells,
  tellsSealed,
  terminal,
} from './nexo-terminal.ts';

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
    tlsServer(material().certificate, (socket) => socket.once('data', () => act(socket)));
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
      start: async () => tlsServer(await material().authority.issue({ commonName: NAME, toDays: -3 })),
      reason: 'tls-certificate',
      says: 'expired 3 days ago',
    },
    {
      name: "its certificate is another terminal's",
      start: async () =>
        tlsServer(await material().authority.issue({ commonName: 'V400m-1.test.terminal.adyen.com' })),
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
  expectDiscreet(30);
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
