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

  test('says at the end what it was at its widest, though that was never told', () => {
    const estate = makeChains();
    const isTerminal = { chain: 'Solhaga', kind: 'terminal' };
    const day = new Day(estate, '2026-12-22T08:00:00Z').runUntil('08:10');
    day.at('08:12', () => day.break(isTerminal, 'connect-refused', ({ id }) => id.endsWith('7')));
    day.at('08:30', () => day.break(isTerminal));
    day.at('09:00', () => day.mend(isTerminal));
    day.runUntil('08:20');
    const known = day.last()?.title;
    day.runUntil('10:00');
    const all = estate.targets
      .values()
      .filter(({ kind, labels }) => kind === 'terminal' && labels['chain'] === 'Solhaga')
      .toArray().length;
    expect(known).not.toMatch(/^All /);
    expect(day.last()).toMatchObject({
      state: 'resolved',
      title: expect.stringMatching(new RegExp(`^All ${all} card terminals of Solhaga are down`)),
    });
    day.expectCalm();
  });
});
