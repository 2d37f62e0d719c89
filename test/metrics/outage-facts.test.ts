import { describe, expect, test } from '@jest/globals';
import { Board } from '../../src/core/board.ts';
import { TargetColumns } from '../../src/core/columns.ts';
import { Outages } from '../../src/core/outages.ts';
import { DEFAULT_METHODS, DEFAULT_TIMING, type Outlook } from '../../src/core/outlook.ts';
import { makeOutageFacts } from '../../src/metrics/outage-facts.ts';
import { FakeClock } from '../tools/fake-clock.ts';
import { makeShop } from './outages.ts';
import { makeTarget } from './targets.ts';

const SHOP = makeShop('s1', { chain: 'Solhaga', openingHours: 'Mo-Fr 07:00-22:00' });
const TARGET = makeTarget('T1', { store: 's1', labels: { chain: 'Solhaga' } });
const OUTLOOK: Outlook = {
  estate: { stores: new Map([[SHOP.id, SHOP]]), targets: new Map([[TARGET.id, TARGET]]) },
  timing: DEFAULT_TIMING,
  methods: DEFAULT_METHODS,
};

function watch() {
  const clock = new FakeClock();
  const outages = new Outages(OUTLOOK);
  const board = new Board();
  const columns = new TargetColumns();
  const facts = makeOutageFacts({ outages, board, columns }, () => OUTLOOK, clock);
  outages.apply({
    atMs: clock.nowMs(),
    kind: 'target-state-changed',
    target: TARGET.id,
    from: 'unknown',
    to: 'down',
    reason: 'host',
    message: 'down',
    sinceMs: clock.nowMs() - 100,
  });
  outages.advanceTo(clock.nowMs() + 60_000);
  return { board, columns, facts, clock };
}

describe('what metrics tell of outages', () => {
  test('is what is judged now', () => {
    const { facts } = watch();
    expect(Array.from(facts.methodsOf(SHOP))).toEqual([
      ['card', 'down'],
      ['wallet', 'down'],
    ]);
    expect(facts.methods()).toEqual(['card', 'wallet', 'swish', 'cash', 'web']);
    expect(facts.incidents().map(({ scope, targetsDown }) => [scope, targetsDown])).toEqual([
      [[{ target: 'T1' }], 1],
    ]);
    expect(facts.isBlind()).toBe(false);
  });

  test('knows when a store is open, and of one without hours that it does not know', () => {
    const { facts, clock } = watch();
    expect([facts.isOpen(SHOP), facts.isOpen(makeShop('s2'))]).toEqual([true, undefined]);
    clock.jumpWall(9 * 3_600_000);
    expect(facts.isOpen(SHOP)).toBe(false);
  });

  test('knows of no payment from the moment we go blind until everything was looked at again', () => {
    const { board, columns, facts } = watch();
    const methods = () => Array.from(facts.methodsOf(SHOP), ([, state]) => state);
    const told = { atMs: 70_000, reason: 'self-network', message: 'blind', sinceMs: 69_000 } as const;
    columns.goBlind('self-network');
    expect([facts.isBlind(), methods()]).toEqual([true, ['unknown', 'unknown']]);
    board.apply({ ...told, seq: 1, kind: 'monitor-blinded' });
    columns.seeAgain(1);
    expect([facts.isBlind(), methods()]).toEqual([true, ['unknown', 'unknown']]);
    board.apply({ ...told, seq: 2, kind: 'monitor-recovered' });
    expect([facts.isBlind(), methods()]).toEqual([false, ['down', 'down']]);
    expect(facts.incidents()).toHaveLength(1);
  });
});
