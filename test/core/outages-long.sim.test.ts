import { describe, expect, test } from '@jest/globals';
import type { StoreId } from '../../src/estate/ids.ts';
import { makeChains } from './chains.ts';
import { Day } from './day.ts';

const MINUTE_MS = 60_000;

/** Stores of the group that was attacked. */
function attacked({ outlook }: Day): readonly StoreId[] {
  return Array.from(outlook.estate.stores.values())
    .filter(({ chain }) => chain !== 'Fristad')
    .map(({ id }) => id);
}

describe('Outages that last', () => {
  test('tells of the Friday attack on three chains as one incident that ends with its last store', () => {
    const day = new Day(makeChains(), '2023-12-22T10:00:00Z');
    day.at('11:47', () => {
      day.break({ group: 'Solgruppen', kind: 'terminal' }, 'host');
      day.break({ group: 'Solgruppen', kind: 'web' }, 'connect-timeout');
    });
    let atMs = Date.parse('2023-12-22T14:00:00Z');
    for (const [n, store] of attacked(day).entries()) {
      day.at(new Date(atMs).toISOString(), () => day.mend({ store }));
      if (n % 7 === 3) {
        // It comes back, goes again after a quarter of an hour, and stays away for most of one.
        day.at(new Date(atMs + 15 * MINUTE_MS).toISOString(), () =>
          day.break({ store, kind: 'terminal' }, 'host'),
        );
        day.at(new Date(atMs + 60 * MINUTE_MS).toISOString(), () => day.mend({ store }));
      }
      atMs += 10 * MINUTE_MS;
    }
    day.at('2023-12-23T06:00Z', () => day.mend({ kind: 'web' }));
    day.runUntil('2023-12-23T09:00Z');
    expect(day.told()).toEqual([
      '11:47 opened group=Solgruppen major',
      '11:47 updated group=Solgruppen critical',
      '16:40 updated group=Solgruppen critical',
      '06:02 resolved group=Solgruppen critical',
    ]);
    expect(day.methods().filter((line) => / (swish|cash) (?!available)/.test(line))).toEqual([]);
    day.expectCalm();
  });

  test('tells of a primary line and its backup that are cut together once, until the next morning', () => {
    const day = new Day(makeChains({ lines: true }), '2024-11-28T16:00:00Z');
    day.at('17:12', () => day.break({ region: 'Dalarna' }, 'unreachable'));
    day.at('2024-11-29T06:30Z', () => day.mend({ region: 'Dalarna' }));
    day.runUntil('2024-11-29T09:00Z');
    expect(day.told()).toEqual([
      '17:12 opened region=Dalarna minor',
      '17:12 updated region=Dalarna critical',
      '06:30 updated region=Dalarna critical',
      '06:32 resolved region=Dalarna critical',
    ]);
    day.expectCalm();
  });

  test('tells of a backup line that is cut, and of nothing behind it', () => {
    const day = new Day(makeChains({ lines: true }), '2024-11-28T16:00:00Z');
    day.at('17:12', () => day.break({ target: 'line-b-Dalarna' }, 'unreachable'));
    day.at('18:00', () => day.mend({ region: 'Dalarna' }));
    day.runUntil('19:00');
    expect(day.told()).toEqual([
      '17:12 opened target=line-b-Dalarna minor',
      '18:02 resolved target=line-b-Dalarna minor',
    ]);
    day.expectCalm();
  });

  test('tells what sways as one incident that is unstable, not as many', () => {
    const day = new Day(makeChains(), '2026-12-22T08:00:00Z');
    for (let n = 0; n < 8; n++) {
      const atMs = Date.parse('2026-12-22T08:12:00Z') + n * 4 * MINUTE_MS;
      day.at(new Date(atMs).toISOString(), () => day.break({ chain: 'Torgboden', kind: 'terminal' }));
      day.at(new Date(atMs + 2.5 * MINUTE_MS).toISOString(), () => day.mend({ chain: 'Torgboden' }));
    }
    day.runUntil('11:00');
    expect(day.told()).toEqual([
      '08:12 opened chain=Torgboden major',
      '08:12 updated chain=Torgboden critical',
      '08:14 updated chain=Torgboden critical',
      '09:13 resolved chain=Torgboden critical',
    ]);
    expect(day.last()?.unstable).toBe(true);
    day.expectCalm();
  });
});
