import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { deriveKeyMaterial, type NexoKey, sealMessage } from '../../src/probes/nexo-envelope.ts';
import { makeServiceIds, readDiagnosis, writeDiagnosis } from '../../src/probes/nexo-message.ts';

const request = { serviceId: 'A1', saleId: 'kassavakt', poiId: 'V400m-346403161', askHosts: false };
const key: NexoKey = {
  keyIdentifier: 'kassa',
  keyVersion: 1,
  cryptoVersion: 1,
  material: deriveKeyMaterial('example-passphrase-1'),
};
const header = {
  ProtocolVersion: '3.0',
  MessageClass: 'Service',
  MessageCategory: 'Diagnosis',
  MessageType: 'Response',
  ServiceID: 'A1',
  SaleID: 'kassavakt',
  POIID: 'V400m-346403161',
};
const OK = {
  HostStatus: [{ IsReachableFlag: true, AcquirerID: '0' }],
  POIStatus: { CommunicationOKFlag: true, PrinterStatus: 'OK', GlobalStatus: 'OK' },
  Response: {
    Result: 'Success',
    AdditionalResponse:
      'batteryLevel=87%25&firmwareVersion=adyen_v1_49p5&networkProfile=W10%3D&unconfirmedBatchCount=4&terminalId=V400m-346403161',
  },
};

function answer(response: unknown = OK, head: object = {}): string {
  return JSON.stringify({
    SaleToPOIResponse: { MessageHeader: { ...header, ...head }, DiagnosisResponse: response },
  });
}

describe('the diagnosis request', () => {
  test('is a diagnosis and nothing else', () => {
    expect(JSON.parse(writeDiagnosis({ ...request, askHosts: true }, undefined))).toEqual({
      SaleToPOIRequest: {
        MessageHeader: { ...header, MessageType: 'Request' },
        DiagnosisRequest: { HostDiagnosisFlag: true },
      },
    });
  });

  test('shows only its header when encrypted', () => {
    const { SaleToPOIRequest } = JSON.parse(writeDiagnosis(request, key));
    expect(Object.keys(SaleToPOIRequest)).toEqual(['MessageHeader', 'NexoBlob', 'SecurityTrailer']);
    expect(SaleToPOIRequest.MessageHeader).toEqual({ ...header, MessageType: 'Request' });
  });
});

describe('ServiceIDs', () => {
  test('are never given twice, however the clock jumps and however often the process restarts', () => {
    const jumpMs = fc.integer({ min: -3_600_000, max: 3_600_000 });
    const life = fc.array(fc.tuple(jumpMs, fc.integer({ min: 1, max: 40 })), { maxLength: 20 });
    fc.assert(
      fc.property(
        fc.array(life, { minLength: 1, maxLength: 4 }),
        fc.infiniteStream(fc.nat(999)),
        (lives, digits) => {
          const seen = new Set<string>();
          let count = 0;
          let newestMs = Date.UTC(2026, 1, 28);
          for (const jumps of lives) {
            // A restart takes a while, and its clock has not gone back behind the life before.
            let nowMs = newestMs + 50;
            const random = (): number => (digits.next().value ?? 0) / 1_000;
            const next = makeServiceIds({ nowMs: () => nowMs }, random);
            for (const [jump, probes] of [[0, 1] as const, ...jumps]) {
              nowMs += jump;
              newestMs = Math.max(newestMs, nowMs);
              for (let i = 0; i < probes; i++) {
                const id = next();
                expect(id).toMatch(/^[0-9A-Z]{1,10}$/);
                seen.add(id);
                count++;
              }
            }
          }
          expect(seen.size).toBe(count);
        },
      ),
    );
  });

  test('of two processes that ask in the same millisecond differ by their random digits', () => {
    const clock = { nowMs: () => 1_700_000_000_000 };
    expect(makeServiceIds(clock, () => 0.1)()).not.toBe(makeServiceIds(clock, () => 0.2)());
  });
});

describe('the diagnosis response', () => {
  test("is read from the vendor's example", () => {
    expect(readDiagnosis(200, answer(), request, undefined)).toEqual({
      ok: true,
      value: {
        succeeded: true,
        communicationOk: true,
        printer: 'OK',
        globalStatus: 'OK',
        hosts: [{ name: '0', reachable: true }],
        batteryRatio: 0.87,
        firmware: 'adyen_v1_49p5',
        unconfirmedBatches: 4,
      },
    });
  });

  test('is read from an envelope', () => {
    const sealed = JSON.stringify({
      SaleToPOIResponse: { MessageHeader: header, ...sealMessage(answer(), key) },
    });
    expect(readDiagnosis(200, sealed, request, key)).toMatchObject({
      ok: true,
      value: { globalStatus: 'OK' },
    });
  });

  test.each([
    { name: 'a flag that is no boolean', status: { GlobalStatus: 'OK', CardReaderOKFlag: 'no' } },
    { name: 'a printer status that nobody knows', status: { GlobalStatus: 'OK', PrinterStatus: 'Ink' } },
    { name: 'fields that nobody asked for', status: { GlobalStatus: 'OK', Extra: { a: [1] } } },
  ])('is read without $name', ({ status }) => {
    const read = readDiagnosis(200, answer({ ...OK, POIStatus: status }), request, undefined);
    expect(read).toMatchObject({ ok: true, value: { globalStatus: 'OK' } });
    expect(read.ok && [read.value.cardReaderOk, read.value.printer]).toEqual([undefined, undefined]);
  });

  test.each([
    { field: 'firmwareVersion=4111111111111111', value: { firmware: undefined } },
    { field: 'firmwareVersion=%3Cscript%3E', value: { firmware: undefined } },
    { field: 'batteryLevel=140%25', value: { batteryRatio: undefined } },
    { field: 'batteryLevel=7%25', value: { batteryRatio: 0.07 } },
    { field: 'unconfirmedBatchCount=-1', value: { unconfirmedBatches: undefined } },
    { field: 'unconfirmedBatchCount=1e3', value: { unconfirmedBatches: undefined } },
    { field: '%%%', value: { batteryRatio: undefined } },
  ])('reads the additional response $field as it is meant', ({ field, value }) => {
    const body = answer({ ...OK, Response: { Result: 'Success', AdditionalResponse: field } });
    expect(readDiagnosis(200, body, request, undefined)).toMatchObject({ ok: true, value });
  });

  const other: NexoKey = { ...key, material: deriveKeyMaterial('example-passphrase-2') };
  const sealedByOther = JSON.stringify({ SaleToPOIResponse: sealMessage(answer(), other) });
  const sealed = JSON.stringify({ SaleToPOIResponse: sealMessage(answer(), key) });
  const complaint = (text: string) => JSON.stringify({ errors: [text], ServiceID: '-NULL-' });
  const clearComplaint = (text: string) =>
    answer({ Response: { Result: 'Failure', ErrorCondition: 'MessageFormat', AdditionalResponse: text } });
  const event = (text: string) =>
    JSON.stringify({
      SaleToPOIRequest: { EventNotification: { EventToNotify: 'Reject', EventDetails: text } },
    });

  test.each([
    {
      name: 'crypto error',
      status: 400,
      body: complaint('Nexo Service: crypto error (9)'),
      key,
      says: 'crypto error 9',
    },
    {
      name: 'crypto error with 200',
      status: 200,
      body: complaint('Nexo Service: crypto error'),
      key,
      says: 'passphrase',
    },
    {
      name: 'crypto error in a response',
      status: 200,
      body: clearComplaint('message=crypto+error+%283%29'),
      key,
      says: 'crypto error 3',
    },
    {
      name: 'crypto error in an event',
      status: 200,
      body: event('message=crypto+error+(9)'),
      key,
      says: 'crypto error 9',
    },
    { name: 'another passphrase', status: 200, body: sealedByOther, key, says: 'our key does not open' },
    { name: 'HTTP 401', status: 401, body: '', key: undefined, says: 'HTTP 401' },
    { name: 'HTTP 403', status: 403, body: '<html>', key, says: 'HTTP 403' },
    {
      name: 'an envelope we did not ask for',
      status: 200,
      body: sealed,
      key: undefined,
      says: 'no nexo.encryption',
    },
    {
      name: 'a terminal without a key',
      status: 400,
      body: complaint('At SaleToPOIRequest.MessageHeader, field NexoBlob: Unexpected'),
      key,
      says: 'does not know encrypted messages',
    },
    {
      name: 'a terminal that wants envelopes',
      status: 400,
      body: clearComplaint('note=Direct%20API%20REQUIRES%20payload%20crypto%20on%20live'),
      key: undefined,
      says: 'accepts encrypted messages only',
    },
  ])('is auth for $name', ({ status, body, key, says }) => {
    const read = readDiagnosis(status, body, request, key);
    expect(read).toMatchObject({ ok: false, error: { reason: 'auth' } });
    expect(!read.ok && read.error.clause).toContain(says);
  });

  test.each([
    { name: 'HTTP 500', status: 500, body: '', key: undefined, says: 'HTTP 500' },
    { name: 'HTTP 204', status: 204, body: '', key: undefined, says: 'HTTP 204' },
    { name: 'no JSON', status: 200, body: '<html>', key: undefined, says: 'not JSON' },
    { name: 'other JSON', status: 200, body: '{"a":1}', key: undefined, says: 'no diagnosis' },
    {
      name: 'no response in it',
      status: 200,
      body: '{"SaleToPOIResponse":{}}',
      key: undefined,
      says: 'no diagnosis',
    },
    {
      name: 'an event instead',
      status: 200,
      body: event('message=busy'),
      key: undefined,
      says: 'no diagnosis',
    },
    { name: 'clear text to an encrypted request', status: 200, body: answer(), key, says: 'clear text' },
    {
      name: 'a broken envelope',
      status: 200,
      body: '{"SaleToPOIResponse":{"NexoBlob":"A"}}',
      key,
      says: 'malformed',
    },
    {
      name: 'another ServiceID',
      status: 200,
      body: answer(OK, { ServiceID: 'A2' }),
      key: undefined,
      says: 'another request',
    },
    {
      name: 'another POIID',
      status: 200,
      body: answer(OK, { POIID: 'V400m-1' }),
      key: undefined,
      says: 'another POIID than V400m-346403161',
    },
    {
      name: 'another category',
      status: 200,
      body: answer(OK, { MessageCategory: 'Payment' }),
      key: undefined,
      says: 'no diagnosis response',
    },
    {
      name: 'a request',
      status: 200,
      body: answer(OK, { MessageType: 'Request' }),
      key: undefined,
      says: 'no diagnosis response',
    },
    {
      name: 'no GlobalStatus',
      status: 200,
      body: answer({ ...OK, POIStatus: {} }),
      key: undefined,
      says: 'no GlobalStatus',
    },
    {
      name: 'an unknown GlobalStatus',
      status: 200,
      body: answer({ ...OK, POIStatus: { GlobalStatus: 'Fine' } }),
      key: undefined,
      says: 'no GlobalStatus',
    },
  ])('is protocol for $name', ({ status, body, key, says }) => {
    const read = readDiagnosis(status, body, request, key);
    expect(read).toMatchObject({ ok: false, error: { reason: 'protocol' } });
    expect(!read.ok && read.error.clause).toContain(says);
  });

  /** JSON of any shape, and of nearly the right one, with a card number wherever a text may be. */
  const PAN = '4111111111111111';
  const text = fc.oneof(
    fc.constant(PAN),
    fc.constant(`firmwareVersion=${PAN}&batteryLevel=${PAN}`),
    fc.string(),
  );
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      text,
      fc.jsonValue(),
      fc.array(tie('value'), { maxLength: 3 }),
      tie('message'),
    ),
    message: fc.record(
      {
        errors: fc.array(text),
        SaleToPOIResponse: tie('value'),
        SaleToPOIRequest: tie('value'),
        EventNotification: tie('value'),
        EventDetails: text,
        NexoBlob: text,
        SecurityTrailer: tie('value'),
        MessageHeader: fc.oneof(fc.constant(header), tie('value')),
        DiagnosisResponse: tie('value'),
        POIStatus: tie('value'),
        GlobalStatus: fc.oneof(fc.constant('OK'), text),
        HostStatus: fc.array(fc.record({ AcquirerID: text, IsReachableFlag: fc.boolean() })),
        Response: tie('value'),
        Result: fc.constantFrom('Success', 'Failure', PAN),
        ErrorCondition: text,
        AdditionalResponse: text,
      },
      { requiredKeys: [] },
    ),
  }));
  const nearly = fc
    .record({ id: text, firmware: text, condition: text, host: text, word: text })
    .map(({ id, firmware, condition, host, word }) =>
      JSON.parse(
        answer(
          {
            HostStatus: [{ AcquirerID: host, IsReachableFlag: false }],
            POIStatus: { GlobalStatus: 'OK', PrinterStatus: word },
            Response: {
              Result: 'Failure',
              ErrorCondition: condition,
              AdditionalResponse: `firmwareVersion=${firmware}`,
            },
          },
          id === PAN ? { POIID: id } : {},
        ),
      ),
    );

  test('never throws and never lets a card number through, whatever the JSON', () => {
    const status = fc.constantFrom(200, 200, 200, 400, 500);
    fc.assert(
      fc.property(status, fc.oneof(json['message'], nearly), fc.boolean(), (status, body, encrypted) => {
        const read = readDiagnosis(status, JSON.stringify(body), request, encrypted ? key : undefined);
        expect(JSON.stringify(read)).not.toContain(PAN);
      }),
      { numRuns: 2_000 },
    );
  });

  test('never throws on text that is not JSON', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (body) => {
        expect(readDiagnosis(200, body, request, key).ok).toBe(false);
      }),
    );
  });

  test('does not overflow on JSON as deep as it may be long', () => {
    const deep = '{"SaleToPOIResponse":'.repeat(3_000);
    expect(readDiagnosis(200, `${deep}1${'}'.repeat(3_000)}`, request, undefined).ok).toBe(false);
    expect(readDiagnosis(200, '['.repeat(60_000) + ']'.repeat(60_000), request, key).ok).toBe(false);
  });
});
