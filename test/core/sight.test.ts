import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  CanaryReadings,
  isQuorum,
  OwnFaults,
  type Sight,
  type SightNotice,
  stepSight,
} from '../../src/core/sight.ts';
import type { Canary } from '../../src/estate/estate.ts';
import { toTargetId } from '../../src/estate/ids.ts';

const canariesOf = (...kinds: string[]): Canary[] =>
  kinds.map((kind, i) => ({ target: toTargetId(`C${i}`), kind }));

describe('isQuorum', () => {
  test.each([
    { name: 'none at all', kinds: [], failing: [], is: false },
    { name: 'the only one', kinds: ['dns'], failing: [0], is: true },
    { name: 'one of two of a kind', kinds: ['dns', 'dns'], failing: [0], is: true },
    { name: 'one of two kinds', kinds: ['gateway', 'dns'], failing: [1], is: false },
    { name: 'both of two kinds', kinds: ['gateway', 'dns'], failing: [0, 1], is: true },
    { name: 'half, of one kind', kinds: ['gateway', 'dns', 'web', 'web'], failing: [2, 3], is: false },
    { name: 'half, of two kinds', kinds: ['gateway', 'dns', 'web', 'web'], failing: [1, 2], is: true },
    { name: 'two of five', kinds: ['a', 'b', 'c', 'd', 'e'], failing: [0, 1], is: false },
    { name: 'three of five', kinds: ['a', 'b', 'c', 'd', 'e'], failing: [0, 1, 4], is: true },
  ])('$name: $is', ({ kinds, failing, is }) => {
    expect(isQuorum(canariesOf(...kinds), (index) => failing.some((one) => one === index))).toBe(is);
  });
});

describe('CanaryReadings', () => {
  test('are the same for every thread, need two failures in a row and two answers to return', () => {
    const canaries = canariesOf('gateway');
    const readings = new CanaryReadings();
    const other = new CanaryReadings(readings.memory);
    other.tell(0, true, 10);
    expect([readings.hasSeenSince(canaries, 10), readings.hasSeenSince(canaries, 11)]).toEqual([true, false]);
    other.tell(0, false, 20);
    expect(readings.isBlinding(canaries, false)).toBe(false);
    other.tell(0, false, 30);
    expect(readings.isBlinding(canaries, false)).toBe(true);
    other.tell(0, true, 40);
    expect([readings.isBlinding(canaries, false), readings.isBlinding(canaries, true)]).toEqual([
      false,
      true,
    ]);
    other.tell(0, true, 50);
    expect(readings.isBlinding(canaries, true)).toBe(false);
    readings.reset();
    expect(readings.hasSeenSince(canaries, 1)).toBe(false);
  });
});

describe('OwnFaults', () => {
  test('blind when more than half of ten seconds tells nothing for one reason, until it is a quarter', () => {
    const faults = new OwnFaults();
    faults.count(undefined, 10, 0);
    faults.count('self-resolver', 10, 1_000);
    expect(faults.causeAt(1_000, undefined)).toBeUndefined();
    faults.count('self-resolver', 1, 2_000);
    expect(faults.causeAt(2_000, undefined)).toBe('self-resolver');
    faults.count(undefined, 20, 3_000);
    expect(faults.causeAt(3_000, undefined)).toBeUndefined();
    expect(faults.causeAt(3_000, 'self-resolver')).toBe('self-resolver');
    expect(faults.causeAt(11_500, 'self-resolver')).toBeUndefined();
    expect(faults.causeAt(60_000, 'self-resolver')).toBeUndefined();
  });

  test('makes nothing of one or two probes', () => {
    const faults = new OwnFaults();
    faults.count('self-late', 2, 0);
    expect(faults.causeAt(0, undefined)).toBeUndefined();
  });
});

describe('stepSight', () => {
  test('tells blind and seeing by turns, seeing only when all is checked or overdue, and never moves its start', () => {
    const moment = fc.record({
      isBlinding: fc.boolean(),
      isAllRechecked: fc.boolean(),
      passedMs: fc.nat(20_000),
    });
    fc.assert(
      fc.property(fc.array(moment, { maxLength: 60 }), (moments) => {
        let sight: Sight = { kind: 'clear' };
        let timeMs = 1_000;
        const told: SightNotice[] = [];
        for (const { isBlinding, isAllRechecked, passedMs } of moments) {
          timeMs += passedMs;
          const before: Sight = sight;
          const [next, notice] = stepSight(before, {
            cause: isBlinding ? 'self-network' : undefined,
            evidence: 'nobody answers',
            isAllRechecked,
            recheckWithinMs: 30_000,
            nowMs: timeMs,
            monotonicMs: timeMs,
          });
          sight = next;
          if (notice === undefined) continue;
          expect(notice.isBlind).toBe(told.length % 2 === 0);
          if (notice.isBlind) expect([isBlinding, notice.sinceMs]).toEqual([true, timeMs]);
          else {
            expect(isBlinding).toBe(false);
            expect(notice.sinceMs).toBe(told.at(-1)?.sinceMs);
            const waitedMs = before.kind === 'returning' ? timeMs - before.backAtMs : -1;
            expect(isAllRechecked || waitedMs >= 30_000).toBe(true);
          }
          told.push(notice);
        }
        expect(sight.kind === 'clear').toBe(told.length % 2 === 0);
      }),
    );
  });
});
