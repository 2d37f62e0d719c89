import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { NexoCrypto } from '@adyen/api-library';
import { systemClock } from '../../src/lib/clock.ts';
import { deriveKey, Envelope, seal, unseal } from '../../src/simulator/envelope.ts';
import type { SimulatedTarget, Simulator } from '../../src/simulator/simulator.ts';
import { NEXO_KEY, startSimulator } from '../../src/simulator/start-simulator.ts';
import { ask, diagnose, diagnosisMessage, pickTarget, sealForTest } from './clients.ts';

describe('envelope', () => {
  const key = deriveKey('k', 1, 'example-passphrase-1');
  const nonce = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
  const message =
    '{"SaleToPOIRequest":{"MessageHeader":{"ProtocolVersion":"3.0","MessageClass":"Service","MessageCategory":"Diagnosis","MessageType":"Request","ServiceID":"0000000001","SaleID":"kassavakt","POIID":"V400m-000000001"},"DiagnosisRequest":{"HostDiagnosisFlag":true}}}';

  test('derives and seals as the published description does', () => {
    expect(key.hmacKey.toString('hex')).toBe(
      '61296c1d406752efedaf933e412f4e2df7b79c95c1fd3cf997e262f4e79e67bb',
    );
    expect(key.cipherKey.toString('hex')).toBe(
      'ab08ee2ecfc9d0f1eea99ea53c52bb2706e859a6ef885072828b7f18465505e6',
    );
    expect(key.iv.toString('hex')).toBe('aa8ddcdaba8516ec1cf62eb114d36ed1');
    const sealed = seal(message, key, nonce);
    expect(sealed.SecurityTrailer.Hmac).toBe('tlCq6jkB6bgNkeN37g0i9JytwRAA9p3Aj/GfLI23GEk=');
    expect(sealed.NexoBlob.startsWith('9Wl83xHzpVZ657xolpVPI9jXsiMI+NvA')).toBe(true);
    expect(unseal(sealed, key)).toBe(message);
  });

  const trailer = (change: Partial<Envelope['SecurityTrailer']>) => (sealed: Envelope) => ({
    ...sealed,
    SecurityTrailer: { ...sealed.SecurityTrailer, ...change },
  });
  test.each([
    { name: 'another key version', change: trailer({ KeyVersion: 2 }) },
    { name: 'another key identifier', change: trailer({ KeyIdentifier: 'other' }) },
    { name: 'another nonce', change: trailer({ Nonce: Buffer.alloc(16).toString('base64') }) },
    { name: 'a short nonce', change: trailer({ Nonce: 'AAAA' }) },
    { name: 'another authentication code', change: trailer({ Hmac: Buffer.alloc(32).toString('base64') }) },
    {
      name: 'a cut blob',
      change: (sealed: Envelope) => ({ ...sealed, NexoBlob: sealed.NexoBlob.slice(0, 24) }),
    },
    { name: 'an empty blob', change: (sealed: Envelope) => ({ ...sealed, NexoBlob: '' }) },
  ])('does not open with $name', ({ change }) => {
    expect(unseal(change(seal(message, key, nonce)), key)).toBeUndefined();
  });

  test('does not open with another passphrase', () => {
    expect(unseal(seal(message, key), deriveKey('k', 1, 'example-passphrase-2'))).toBeUndefined();
  });
});

describe('terminals', () => {
  let simulator: Simulator;
  let encrypted: SimulatedTarget;
  let clear: SimulatedTarget;

  beforeAll(async () => {
    simulator = await startSimulator({ stores: 2, terminals: 12, seed: 3, clock: systemClock });
    encrypted = pickTarget(simulator, 'terminal', ({ device }) => device?.isEncrypted === true);
    clear = pickTarget(simulator, 'terminal', ({ device }) => device?.isEncrypted === false);
  });
  afterAll(async () => {
    await simulator[Symbol.asyncDispose]();
  });

  const post = (target: SimulatedTarget, message: unknown) =>
    ask(simulator, target, { method: 'POST', path: '/nexo/', body: JSON.stringify(message) });

  /** The violations that `work` brings about. */
  async function violationsOf(work: () => Promise<unknown>): Promise<readonly string[]> {
    const before = simulator.violations().total;
    await work();
    const { total, newest } = simulator.violations();
    return newest.slice(newest.length - (total - before)).map(({ kind }) => kind);
  }

  test('every terminal answers a diagnosis, and none of it is a violation', async () => {
    const terminals = simulator.targets.filter(({ kind }) => kind === 'terminal');
    const violations = await violationsOf(async () => {
      for (const target of terminals) {
        const { header, status, hosts, additional } = await diagnose(simulator, target, {
          serviceId: 'Same1',
        });
        expect(header).toMatchObject({
          MessageType: 'Response',
          MessageCategory: 'Diagnosis',
          ServiceID: 'Same1',
          POIID: target.id,
        });
        expect(status).toMatchObject({ GlobalStatus: 'OK', CommunicationOKFlag: true });
        expect(hosts).toBeUndefined();
        expect(additional.get('terminalId')).toBe(target.id);
        expect(additional.get('firmwareVersion')).toBe(target.device?.firmware);
        expect(additional.get('unconfirmedBatchCount')).toBe('0');
        expect(additional.get('merchantAccount')).not.toBeNull();
        const battery = target.device?.batteryPercent;
        expect(additional.get('batteryLevel')).toBe(battery === undefined ? null : `${battery}%`);
      }
    });
    expect(violations).toEqual([]);
  });

  test('tells of its hosts only when asked', async () => {
    const { hosts } = await diagnose(simulator, encrypted, { hosts: true });
    expect(hosts).toEqual([{ AcquirerID: encrypted.device?.acquirer, IsReachableFlag: true }]);
  });

  test("understands and is understood by the vendor's own library", async () => {
    const securityKey = {
      KeyIdentifier: NEXO_KEY.identifier,
      KeyVersion: NEXO_KEY.version,
      Passphrase: NEXO_KEY.passphrase,
      AdyenCryptoVersion: 1,
    };
    const message = diagnosisMessage(encrypted.id);
    const sealed = NexoCrypto.encrypt(
      message.SaleToPOIRequest.MessageHeader as never,
      JSON.stringify(message),
      securityKey,
    );
    const { status, body } = await post(encrypted, { SaleToPOIRequest: sealed });
    expect(status).toBe(200);
    const opened = new NexoCrypto().decrypt(JSON.parse(body).SaleToPOIResponse, securityKey);
    expect(JSON.parse(opened).SaleToPOIResponse.DiagnosisResponse.POIStatus.GlobalStatus).toBe('OK');
  });

  test.each(['Payment', 'Login', 'Abort', 'TransactionStatus', 'CardAcquisition'])(
    'refuses a clear %s request and counts it',
    async (category) => {
      const violations = await violationsOf(async () => {
        expect((await post(clear, diagnosisMessage(clear.id, { category }))).status).toBe(400);
      });
      expect(violations).toEqual(['other-message']);
    },
  );

  test('counts a Payment in an envelope, even when the clear header lies about it', async () => {
    const payment = diagnosisMessage(encrypted.id, { category: 'Payment' });
    const sealed = sealForTest(payment);
    const disguised = {
      SaleToPOIRequest: {
        ...sealed.SaleToPOIRequest,
        MessageHeader: { ...sealed.SaleToPOIRequest.MessageHeader, MessageCategory: 'Diagnosis' },
      },
    };
    const violations = await violationsOf(async () => {
      expect((await post(encrypted, sealed)).status).toBe(400);
      expect((await post(encrypted, disguised)).status).toBe(400);
    });
    expect(violations).toEqual(['other-message', 'other-message']);
  });

  test('counts a ServiceID that comes again', async () => {
    const violations = await violationsOf(async () => {
      await diagnose(simulator, clear, { serviceId: 'Again1' });
      await diagnose(simulator, clear, { serviceId: 'Again2' });
      await diagnose(simulator, clear, { serviceId: 'Again1' });
    });
    expect(violations).toEqual(['repeated-service-id']);
  });

  test('counts a second request while one is in flight', async () => {
    const slow = await simulator.addFault({ where: { target: clear.id }, fault: 'slow', latencyMs: 300 });
    const violations = await violationsOf(() =>
      Promise.all([diagnose(simulator, clear), diagnose(simulator, clear)]),
    );
    expect(violations).toEqual(['concurrent-request']);
    if (slow.ok) await simulator.removeFault(slow.value.id);
  });

  test.each([
    { name: 'no JSON', body: 'hello' },
    { name: 'JSON of another kind', body: '[1]' },
    { name: 'a header without its fields', body: '{"SaleToPOIRequest":{"MessageHeader":{}}}' },
  ])('refuses $name and counts it', async ({ body }) => {
    const violations = await violationsOf(async () => {
      expect((await ask(simulator, clear, { method: 'POST', path: '/nexo/', body })).status).toBe(400);
    });
    expect(violations).toEqual(['malformed-message']);
  });

  test.each([
    {
      name: 'clear text where only envelopes are taken',
      of: () => encrypted,
      sealed: false,
      says: /REQUIRES/,
    },
    { name: 'an envelope where only clear text is taken', of: () => clear, sealed: true, says: /Unexpected/ },
  ])('refuses $name', async ({ of, sealed, says }) => {
    const message = diagnosisMessage(of().id);
    const { status, body } = await post(of(), sealed ? sealForTest(message) : message);
    expect(status).toBe(400);
    expect(body).toMatch(says);
  });

  test("refuses another terminal's POIID, other paths and other methods", async () => {
    expect((await post(clear, diagnosisMessage('V400m-000000000'))).status).toBe(400);
    expect((await ask(simulator, clear, { method: 'POST', path: '/' })).status).toBe(404);
    expect((await ask(simulator, clear, { method: 'GET', path: '/nexo/' })).status).toBe(405);
  });

  test('hangs up on a body without end', async () => {
    const body = 'x'.repeat(1_000_000);
    await expect(ask(simulator, clear, { method: 'POST', path: '/nexo/', body })).rejects.toThrow();
    expect((await diagnose(simulator, clear)).status['GlobalStatus']).toBe('OK');
  });
});
