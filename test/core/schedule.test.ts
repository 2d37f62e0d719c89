import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { nextDue, phaseOf } from '../../src/core/schedule.ts';

describe('phaseOf', () => {
  test('is the same for the same id, whatever runs', () => {
    expect(phaseOf('T-000001', 30_000)).toBe(phaseOf('T-000001', 30_000));
    expect(phaseOf('T-000001', 30_000)).not.toBe(phaseOf('T-000002', 30_000));
  });

  test('spreads numbered ids evenly: no tenth of the interval has more than twice its share', () => {
    const tenths = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < 5_000; i++) {
      const tenth = Math.floor(phaseOf(`V400m-${String(i).padStart(9, '0')}`, 30_000) / 3_000);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    expect(Math.max(...tenths)).toBeLessThan(1_000);
    expect(Math.min(...tenths)).toBeGreaterThan(250);
  });
});

describe('nextDue', () => {
  test('stays on the grid, strictly later, at most one interval later', () => {
    fc.assert(
      fc.property(
        fc.nat(30_000),
        fc.integer({ min: 1, max: 60_000 }),
        fc.nat(10_000_000),
        (phase, interval, after) => {
          const due = nextDue(phase, interval, after);
          expect(due).toBeGreaterThan(after);
          expect(due - after).toBeLessThanOrEqual(interval + Math.max(0, phase - after));
          expect(Math.abs((due - phase) % interval)).toBe(0);
        },
      ),
    );
  });
});
