import { describe, expect, test } from '@jest/globals';
import type { Diagnosis } from '../../src/probes/nexo-message.ts';
import { type DiagnosisEvidence, isSuspicious, judgeDiagnosis } from '../../src/probes/nexo-verdict.ts';

const HEALTHY: Diagnosis = {
  succeeded: true,
  errorCondition: undefined,
  globalStatus: 'OK',
  cardReaderOk: true,
  pinPadOk: true,
  securityOk: true,
  communicationOk: true,
  printer: 'OK',
  hosts: [],
  batteryRatio: 1,
  firmware: 'f',
  unconfirmedBatches: 0,
};
const SILENT: Diagnosis = {
  ...HEALTHY,
  cardReaderOk: undefined,
  pinPadOk: undefined,
  securityOk: undefined,
  communicationOk: undefined,
  printer: undefined,
  batteryRatio: undefined,
  firmware: undefined,
  unconfirmedBatches: undefined,
};
const MINUTE = 60_000;

function judge(diagnosis: Partial<Diagnosis>, rest: Partial<DiagnosisEvidence> = {}) {
  return judgeDiagnosis({
    diagnosis: { ...HEALTHY, ...diagnosis },
    hosts: undefined,
    previousBatches: undefined,
    busy: undefined,
    busyStuckAfterMs: 5 * MINUTE,
    ...rest,
  });
}

function refused(errorCondition: Diagnosis['errorCondition']): Partial<Diagnosis> {
  return { ...SILENT, succeeded: false, globalStatus: undefined, errorCondition };
}

function withHosts(...reachable: boolean[]): DiagnosisEvidence['hosts'] {
  const hosts = reachable.map((reachable, i) => ({ name: `a${i}`, reachable }));
  return { kind: 'answered', diagnosis: { ...HEALTHY, hosts } };
}

describe('a diagnosis', () => {
  test.each([
    { name: 'all is well', diagnosis: {} },
    { name: 'the terminal tells nothing but its status', diagnosis: SILENT },
    { name: 'it is busy', diagnosis: { globalStatus: 'Busy' } },
    { name: 'it refuses because it is busy', diagnosis: refused('Busy') },
    { name: 'it refuses because a payment is in progress', diagnosis: refused('InProgress') },
    { name: 'paper is low', diagnosis: { printer: 'PaperLow' } },
    {
      name: 'batches wait and every host is reached',
      diagnosis: { unconfirmedBatches: 4 },
      rest: { hosts: withHosts(true) },
    },
    { name: 'batches become fewer', diagnosis: { unconfirmedBatches: 4 }, rest: { previousBatches: 5 } },
    {
      name: 'it has been busy for as long as it may',
      diagnosis: { globalStatus: 'Busy' },
      rest: { busy: { forMs: 5 * MINUTE, checks: 6 } },
    },
  ] as const satisfies readonly {
    name: string;
    diagnosis: Partial<Diagnosis>;
    rest?: Partial<DiagnosisEvidence>;
  }[])('is health when $name', ({ diagnosis, ...given }) => {
    expect(judge(diagnosis, 'rest' in given ? given.rest : {}).kind).toBe('answered');
  });

  test.each([
    {
      name: 'the card reader is faulty',
      diagnosis: { cardReaderOk: false },
      reason: 'device',
      says: 'card reader',
    },
    { name: 'the PIN pad is faulty', diagnosis: { pinPadOk: false }, reason: 'device', says: 'PIN pad' },
    {
      name: 'the security module is faulty',
      diagnosis: { securityOk: false },
      reason: 'device',
      says: 'security module',
    },
    {
      name: 'it is in maintenance',
      diagnosis: { globalStatus: 'Maintenance' },
      reason: 'device',
      says: 'maintenance',
    },
    {
      name: 'it refuses as out of order',
      diagnosis: refused('DeviceOut'),
      reason: 'device',
      says: 'DeviceOut',
    },
    {
      name: 'it refuses without a reason',
      diagnosis: refused(undefined),
      reason: 'device',
      says: 'without saying why',
    },
    {
      name: 'it does not understand',
      diagnosis: refused('MessageFormat'),
      reason: 'protocol',
      says: 'does not understand',
    },
    {
      name: 'it says its host is unreachable',
      diagnosis: refused('UnreachableHost'),
      reason: 'host',
      says: 'cannot be reached',
    },
    {
      name: 'it says it is unreachable',
      diagnosis: { globalStatus: 'Unreachable' },
      reason: 'host',
      says: 'no connection',
    },
    {
      name: 'its communication is faulty',
      diagnosis: { communicationOk: false },
      reason: 'host',
      says: 'communication',
    },
    {
      name: 'its communication is faulty and the hosts do not tell',
      diagnosis: { communicationOk: false },
      rest: { hosts: { kind: 'unanswered', clause: 'does not come within 5 s' } },
      reason: 'host',
      says: 'communication',
    },
    {
      name: 'no host is reached',
      diagnosis: {},
      rest: { hosts: withHosts(false) },
      reason: 'host',
      says: 'its payment host (acquirer a0)',
    },
    {
      name: 'none of several hosts is reached',
      diagnosis: {},
      rest: { hosts: withHosts(false, false) },
      reason: 'host',
      says: 'any of its 2 payment hosts (acquirer a0, a1)',
    },
    {
      name: 'the second diagnosis fails for its host',
      diagnosis: { unconfirmedBatches: 2 },
      rest: { hosts: { kind: 'answered', diagnosis: { ...HEALTHY, ...refused('UnreachableHost') } } },
      reason: 'host',
      says: 'cannot be reached',
    },
  ] as const satisfies readonly Row[])('is failed with $reason when $name', (row) => {
    const verdict = judge(row.diagnosis, 'rest' in row ? row.rest : {});
    expect(verdict).toMatchObject({ kind: 'failed', reason: row.reason });
    expect(verdict.clauses[0]).toContain(row.says);
  });

  test.each([
    { name: 'paper is out', diagnosis: { printer: 'NoPaper' }, reason: 'device', says: 'no paper' },
    { name: 'paper is jammed', diagnosis: { printer: 'PaperJam' }, reason: 'device', says: 'paper jam' },
    {
      name: 'the printer is broken',
      diagnosis: { printer: 'OutOfOrder' },
      reason: 'device',
      says: 'out of order',
    },
    {
      name: 'it has been busy for too long',
      diagnosis: { globalStatus: 'Busy' },
      rest: { busy: { forMs: 6 * MINUTE, checks: 7 } },
      reason: 'device',
      says: 'has been busy for 6 min (7 checks): it may be stuck',
    },
    {
      name: 'one host of three is lost',
      diagnosis: {},
      rest: { hosts: withHosts(true, false, true) },
      reason: 'host',
      says: '1 of its 3 payment hosts (acquirer a1)',
    },
    {
      name: 'its communication is faulty but every host answers',
      diagnosis: { communicationOk: false },
      rest: {
        hosts: {
          kind: 'answered',
          diagnosis: { ...HEALTHY, communicationOk: false, hosts: [{ name: '0', reachable: true }] },
        },
      },
      reason: 'host',
      says: 'although it reaches every payment host',
    },
    {
      name: 'batches grow and the hosts do not tell',
      diagnosis: { unconfirmedBatches: 5 },
      rest: { previousBatches: 3, hosts: { kind: 'unanswered', clause: 'does not come within 5 s' } },
      reason: 'host',
      says: 'has payments waiting to be sent (5, 3 before), and the diagnosis of its hosts does not come within 5 s',
    },
  ] as const satisfies readonly Row[])('is degraded with $reason when $name', (row) => {
    const verdict = judge(row.diagnosis, 'rest' in row ? row.rest : {});
    expect(verdict).toMatchObject({ kind: 'degraded', reason: row.reason });
    expect(verdict.clauses[0]).toContain(row.says);
  });

  test('names the device before the host, and a failure before a degradation, and tells both', () => {
    expect(judge({ printer: 'NoPaper', communicationOk: false, cardReaderOk: false })).toEqual({
      kind: 'failed',
      reason: 'device',
      clauses: [
        'reports a fault in its card reader',
        'reports that its communication with the payment host does not work',
        'has no paper in its printer',
      ],
    });
  });

  test('believes the second diagnosis when it clears the first', () => {
    expect(judge({ communicationOk: false }, { hosts: withHosts(true) }).kind).toBe('answered');
  });
});

describe('a second diagnosis', () => {
  const second = (diagnosis: Partial<Diagnosis>): Partial<DiagnosisEvidence> => ({
    hosts: { kind: 'answered', diagnosis: { ...HEALTHY, ...diagnosis } },
  });

  test.each([
    { name: 'refused because a customer came', rest: second(refused('Busy')) },
    { name: 'without the flag', rest: second(SILENT) },
    { name: 'refused for a fault', rest: second(refused('UnavailableService')) },
  ])('$name does not clear the terminal of a communication fault', ({ rest }) => {
    expect(judge({ communicationOk: false }, rest)).toMatchObject({ kind: 'failed', reason: 'host' });
  });

  test('refused because a customer came leaves waiting payments a note', () => {
    expect(judge({ unconfirmedBatches: 2 }, second(refused('InProgress')))).toEqual({
      kind: 'answered',
      clauses: ['has payments waiting to be sent (2)'],
    });
  });

  test('refused for another reason leaves suspicion', () => {
    expect(judge({ unconfirmedBatches: 2 }, second(refused('UnavailableService')))).toMatchObject({
      kind: 'degraded',
      reason: 'host',
    });
  });
});

describe('the hosts are asked for', () => {
  test.each([
    { name: 'not while all is well', diagnosis: {}, previous: 0, expected: false },
    {
      name: 'when communication is faulty',
      diagnosis: { communicationOk: false },
      previous: 0,
      expected: true,
    },
    {
      name: 'when batches wait at first sight',
      diagnosis: { unconfirmedBatches: 1 },
      previous: undefined,
      expected: true,
    },
    { name: 'when batches grow', diagnosis: { unconfirmedBatches: 3 }, previous: 2, expected: true },
    {
      name: 'when batches do not become fewer',
      diagnosis: { unconfirmedBatches: 3 },
      previous: 3,
      expected: true,
    },
    {
      name: 'not when batches become fewer',
      diagnosis: { unconfirmedBatches: 2 },
      previous: 3,
      expected: false,
    },
    {
      name: 'not while it is busy',
      diagnosis: { globalStatus: 'Busy', unconfirmedBatches: 9 },
      previous: 0,
      expected: false,
    },
    { name: 'not when it refused the first', diagnosis: refused('DeviceOut'), previous: 0, expected: false },
    { name: 'not when it tells no count', diagnosis: SILENT, previous: undefined, expected: false },
  ] as const)('$name', ({ diagnosis, previous, expected }) => {
    expect(isSuspicious({ ...HEALTHY, ...diagnosis }, previous)).toBe(expected);
  });
});

interface Row {
  readonly name: string;
  readonly diagnosis: Partial<Diagnosis>;
  readonly rest?: Partial<DiagnosisEvidence>;
  readonly reason: string;
  readonly says: string;
}
