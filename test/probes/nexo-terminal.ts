import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NexoCrypto, type Types } from '@adyen/api-library';
import { afterAll, afterEach, beforeAll, expect } from '@jest/globals';
import type { ProbeReport } from '../../src/core/outcome.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { nexoProber } from '../../src/probes/nexo.ts';
import type { Probe } from '../../src/probes/probe.ts';
import { type Authority, type Certificate, makeAuthority } from '../tools/certificates.ts';

export const POIID = 'V400m-346403161';
export const NAME = `${POIID}.test.terminal.adyen.com`;
export const PASSPHRASE = 'en-mycket-hemlig-fras';
export const PAN = '4111111111111111';
export const vendorKey = {
  AdyenCryptoVersion: 1,
  KeyIdentifier: 'kassanyckel',
  KeyVersion: 2,
  Passphrase: PASSPHRASE,
};

let made:
  | { readonly dir: string; readonly authority: Authority; readonly certificate: Certificate }
  | undefined;

/** The folder of the modules' files, the terminals' authority and the usual terminal's certificate. */
export function material(): NonNullable<typeof made> {
  if (made === undefined) throw new Error('no test has begun');
  return made;
}

const cleanups: (() => unknown)[] = [];
/** Every report of every test, for the last test to look for what must never be in one. */
const reports: ProbeReport[] = [];

beforeAll(async () => {
  const dir = await mkdtemp(join(tmpdir(), 'nexo-'));
  const authority = await makeAuthority('Terminal Root');
  made = { dir, authority, certificate: await authority.issue({ commonName: NAME }) };
  await writeFile(join(dir, 'root.pem'), authority.cert);
  await writeFile(join(dir, 'passphrase'), `${PASSPHRASE}\n`);
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});
afterAll(() => rm(material().dir, { recursive: true }));

interface Wish {
  readonly [field: string]: unknown;
}

export const encryption = { key_identifier: 'kassanyckel', key_version: 2, passphrase_file: 'passphrase' };

export async function open(wish: Wish = {}, clock = systemClock, timeoutMs = 10_000): Promise<Probe> {
  const options = nexoProber.options.parse({ tls_config: { ca_file: 'root.pem' }, ...wish });
  const probe = await nexoProber.open(options, {
    module: 'terminal',
    timeoutMs,
    clock,
    baseDir: material().dir,
  });
  cleanups.push(() => probe[Symbol.asyncDispose]());
  return probe;
}

export async function run(probe: Probe, port: number, timeoutMs = 10_000): Promise<ProbeReport> {
  const request = { targetId: 'T1', address: `${POIID}@127.0.0.1:${port}` };
  const report = await probe.run(request, AbortSignal.timeout(timeoutMs));
  reports.push(report);
  return report;
}

/** Runs with a deadline that comes at the moment `reached` tells. */
export async function runUntil(probe: Probe, port: number, reached: Promise<unknown>): Promise<ProbeReport> {
  const deadline = new AbortController();
  const running = probe.run({ targetId: 'T1', address: `${POIID}@127.0.0.1:${port}` }, deadline.signal);
  await reached;
  deadline.abort(new DOMException('too late', 'TimeoutError'));
  reports.push(await running);
  return running;
}

export async function listen(server: Server): Promise<number> {
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
export interface Seen {
  readonly MessageHeader: Readonly<Record<string, string>>;
  readonly DiagnosisRequest?: { readonly HostDiagnosisFlag: boolean };
}
export type Reply = (response: ServerResponse, asked: Seen, body: string) => void;

/** A terminal over real TLS. `reply` answers the nth request, the last one those after it. */
export async function terminal(
  ...replies: readonly Reply[]
): Promise<{ port: number; asked: Seen[]; overlaps: () => number }> {
  const asked: Seen[] = [];
  let open = 0;
  let most = 0;
  const server = createHttpsServer(
    { ...material().certificate, minVersion: 'TLSv1.2' },
    (request, response) => {
      open++;
      most = Math.max(most, open);
      response.on('close', () => open--);
      void readAll(request).then((body) => {
        const { SaleToPOIRequest } = JSON.parse(body);
        const clear =
          'NexoBlob' in SaleToPOIRequest ? new NexoCrypto().decrypt(SaleToPOIRequest, vendorKey) : body;
        if (request.method !== 'POST' || request.url !== '/nexo/') response.writeHead(404).end();
        asked.push(JSON.parse(clear).SaleToPOIRequest);
        const reply = replies[Math.min(asked.length, replies.length) - 1];
        reply?.(response, JSON.parse(clear).SaleToPOIRequest, body);
      });
    },
  );
  return { port: await listen(server), asked, overlaps: () => most };
}

export async function readAll(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) body += chunk;
  return body;
}

export interface Told {
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

export function message(asked: Seen, told: Told): string {
  const header = { ...asked.MessageHeader, MessageType: 'Response' };
  return JSON.stringify({ SaleToPOIResponse: { MessageHeader: header, DiagnosisResponse: diagnosis(told) } });
}

export const tells =
  (told: Told = {}): Reply =>
  (response, asked) =>
    response.end(message(asked, told));

export const says =
  (status: number, text: string): Reply =>
  (response) =>
    response.writeHead(status).end(text);

/** Answers as the vendor's library would have it, encrypted with its own code. */
export const tellsSealed =
  (told: Told = {}, passphrase = PASSPHRASE): Reply =>
  (response, asked) => {
    const header = {
      ...asked.MessageHeader,
      MessageType: 'Response',
    } as unknown as Types.terminal.MessageHeader;
    const sealed = NexoCrypto.encrypt(header, message(asked, told), { ...vendorKey, Passphrase: passphrase });
    response.end(JSON.stringify({ SaleToPOIResponse: sealed }));
  };

/** Of every report so far: nothing in it that must never be in one, no reason that the prober does not list. */
export function expectDiscreet(atLeast: number): void {
  expect(reports.length).toBeGreaterThanOrEqual(atLeast);
  const all = JSON.stringify(reports);
  for (const secret of [PAN, PASSPHRASE, vendorKey.KeyIdentifier, 'NexoBlob', '<b>', 'LoggedSaleID']) {
    expect(all).not.toContain(secret);
  }
  for (const { outcome } of reports) {
    if (outcome.kind === 'failed' || outcome.kind === 'degraded') {
      expect(nexoProber.reasons).toContain(outcome.reason);
    }
  }
}
