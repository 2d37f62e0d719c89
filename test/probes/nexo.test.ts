import { createServer as createHttpServer, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { join } from 'node:path';
import { Client, Config, EnvironmentEnum, TerminalLocalAPI, Types } from '@adyen/api-library';
import { describe, expect, test } from '@jest/globals';
import { deriveKeyMaterial, openMessage, sealMessage } from '../../src/probes/nexo-envelope.ts';
import { FakeClock } from '../tools/fake-clock.ts';
import {
  encryption,
  expectDiscreet,
  listen,
  material,
  message,
  NAME,
  open,
  PASSPHRASE,
  POIID,
  type Reply,
  readAll,
  run,
  runUntil,
  type Seen,
  type Told,
  tells,
  tellsSealed,
  terminal,
  vendorKey,
} from './nexo-terminal.ts';

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
        { name: 'probe_ssl_earliest_cert_expiry', value: material().certificate.expiresAtMs / 1_000 },
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
    const server = createHttpsServer(material().certificate, (request, response) => {
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
      certificatePath: join(material().dir, 'root.pem'),
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
    // Two modules, or one before and after a reload.
    const probes = [await open(), await open()];
    const kinds = await Promise.all(
      [0, 1, 0, 1, 0].map(async (i) => (await run(probes[i] ?? (await open()), port)).outcome.kind),
    );
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

test('no report holds a secret, a body or a card number', () => {
  expectDiscreet(25);
});
