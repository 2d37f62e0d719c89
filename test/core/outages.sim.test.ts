import { describe, expect, test } from '@jest/globals';
import { makeChains } from './chains.ts';
import { Day } from './day.ts';

describe('Outages', () => {
  test('tells of a chain that loses its terminals once, by its name, and once that it is over', () => {
    const day = new Day(makeChains(), '2026-12-22T08:00:00Z').runUntil('08:10');
    day.at('08:12', () => day.break({ chain: 'Solhaga', kind: 'terminal' }));
    day.at('09:00', () => day.mend({ chain: 'Solhaga' }));
    day.runUntil('10:00');
    expect(day.told()).toEqual([
      '08:12 opened chain=Solhaga major',
      '08:12 updated chain=Solhaga critical',
      '09:00 updated chain=Solhaga critical',
      '09:02 resolved chain=Solhaga critical',
    ]);
    day.expectCalm();
  });
});
