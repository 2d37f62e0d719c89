import { describe, expect, test } from '@jest/globals';
import { makeChains } from './chains.ts';
import { Day } from './day.ts';

const HOURS = 'Mo-Su 07:00-22:00';

describe('Outages that nobody is told of, or later', () => {
  test('says nothing of what it cannot see while blind, nor afterwards of what is well', () => {
    const day = new Day(makeChains(), '2026-12-22T08:00:00Z');
    day.at('08:12', () => day.loseSight());
    day.at('08:40', () => day.regainSight());
    day.runUntil('10:00');
    expect(day.told()).toEqual([]);
    day.expectCalm();
  });

  test('keeps an incident through blindness, and ends it only after all was seen to be well', () => {
    const day = new Day(makeChains(), '2026-12-22T08:00:00Z');
    day.at('08:05', () => day.break({ chain: 'Solhaga', kind: 'terminal' }));
    day.at('08:12', () => day.loseSight());
    day.at('08:30', () => day.mend({ chain: 'Solhaga' }));
    day.at('08:40', () => day.regainSight());
    day.runUntil('08:39');
    expect(day.outages.incidents()).toMatchObject([{ state: 'open', scope: [{ chain: 'Solhaga' }] }]);
    day.runUntil('10:00');
    expect(day.told()).toEqual([
      '08:05 opened chain=Solhaga major',
      '08:05 updated chain=Solhaga critical',
      '08:40 updated chain=Solhaga critical',
      '08:42 resolved chain=Solhaga critical',
    ]);
    day.expectCalm();
  });

  test('tells what broke while it was blind once it sees again', () => {
    const day = new Day(makeChains(), '2026-12-22T08:00:00Z');
    day.at('08:12', () => day.loseSight());
    day.at('08:20', () => day.break({ chain: 'Solhaga', kind: 'terminal' }));
    day.at('08:40', () => day.regainSight());
    day.at('09:00', () => day.mend({ chain: 'Solhaga' }));
    day.runUntil('10:00');
    expect(day.told()).toEqual([
      '08:40 opened chain=Solhaga critical',
      '09:00 updated chain=Solhaga critical',
      '09:02 resolved chain=Solhaga critical',
    ]);
    day.expectCalm();
  });

  test.each([
    { name: 'on a leap day', eve: '2024-02-28', day: '2024-02-29', opens: '06:00' },
    { name: 'in the night to summer time', eve: '2026-03-28', day: '2026-03-29', opens: '05:00' },
    { name: 'in the night to winter time', eve: '2026-10-24', day: '2026-10-25', opens: '06:00' },
  ] as const)(
    'waits for the stores to open at seven by their own clocks $name',
    ({ eve, day: date, opens }) => {
      const day = new Day(makeChains({ openingHours: HOURS }), `${eve}T20:45:00Z`);
      day.at(`${date}T00:00Z`, () => day.break({ kind: 'terminal' }, 'host'));
      day.at(`${date}T10:00Z`, () => day.mend({ kind: 'terminal' }));
      day.runUntil(`${date}T${opens}Z`);
      expect(day.told()).toEqual([]);
      expect(day.outages.whyHeld(day.some({ kind: 'terminal' }))).toEqual({
        rule: 'closed',
        why: 'Store 0 is closed.',
      });
      day.runUntil(`${date}T12:00Z`);
      expect(day.told()).toEqual([
        `${opens} opened kind=terminal critical`,
        '10:00 updated kind=terminal critical',
        '10:02 resolved kind=terminal critical',
      ]);
      day.expectCalm();
    },
  );

  test('opens one incident when each store fails as it opens', () => {
    const day = new Day(makeChains({ openingHours: HOURS }), '2024-02-29T05:30:00Z');
    day.at('06:00', () => day.break({ kind: 'terminal', group: 'Solgruppen' }, 'host'));
    day.at('10:00', () => day.mend({ kind: 'terminal' }));
    day.runUntil('12:00');
    expect(day.told()).toEqual([
      '06:00 opened group=Solgruppen major',
      '06:00 updated group=Solgruppen critical',
      '10:00 updated group=Solgruppen critical',
      '10:02 resolved group=Solgruppen critical',
    ]);
    day.expectCalm();
  });

  test('gives what hangs on a gateway time to come back after it, and then tells what has not', () => {
    const day = new Day(makeChains(), '2026-12-22T08:00:00Z');
    day.at('08:12', () => day.break({ store: 'S003' }, 'unreachable'));
    day.at('09:00', () => day.mend({ store: 'S003', kind: 'gateway' }));
    day.at('09:00', () => day.mend({ store: 'S003', kind: 'till' }));
    day.at('09:20', () => day.mend({ store: 'S003' }));
    day.runUntil('09:01');
    expect(day.outages.whyHeld(day.some({ store: 'S003', kind: 'terminal' }))).toMatchObject({
      rule: 'parent-back',
    });
    day.runUntil('10:00');
    expect(day.told()).toEqual([
      '08:12 opened target=gw-S003 major',
      '09:01 updated store=S003 major',
      '09:24 resolved store=S003 major',
    ]);
    day.expectCalm();
  });

  test('leaves nothing behind of an outage within maintenance', () => {
    const day = new Day(makeChains(), '2026-12-22T08:00:00Z');
    const maintenance = {
      id: 'm1',
      selector: 'chain=Solhaga',
      startsAtMs: Date.parse('2026-12-22T08:10:00Z'),
      endsAtMs: Date.parse('2026-12-22T10:00:00Z'),
      by: 'Ebba',
      comment: 'New switches',
    };
    day.at('08:05', () => day.input({ atMs: day.nowMs, kind: 'maintenance-planned', maintenance }));
    day.at('08:12', () => day.break({ chain: 'Solhaga' }, 'unreachable'));
    day.at('09:00', () => day.mend({ chain: 'Solhaga' }));
    day.runUntil('11:00');
    expect(day.told()).toEqual([]);
    day.expectCalm();
  });

  test('tells what is still down when its maintenance ends', () => {
    const day = new Day(makeChains(), '2026-12-22T08:00:00Z');
    const maintenance = {
      id: 'm1',
      selector: 'chain=Solhaga',
      startsAtMs: Date.parse('2026-12-22T08:10:00Z'),
      endsAtMs: Date.parse('2026-12-22T10:00:00Z'),
      by: 'Ebba',
      comment: 'New switches',
    };
    day.at('08:05', () => day.input({ atMs: day.nowMs, kind: 'maintenance-planned', maintenance }));
    day.at('08:12', () => day.break({ chain: 'Solhaga', kind: 'terminal' }, 'unreachable'));
    day.at('11:00', () => day.mend({ chain: 'Solhaga' }));
    day.runUntil('12:00');
    expect(day.told()).toEqual([
      '10:00 opened chain=Solhaga critical',
      '11:00 updated chain=Solhaga critical',
      '11:02 resolved chain=Solhaga critical',
    ]);
    day.expectCalm();
  });
});
