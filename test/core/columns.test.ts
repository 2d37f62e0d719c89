import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HotColumns, NEVER, TargetColumns } from '../../src/core/columns.ts';
import { advance, type Health, type Observation, step, UNKNOWN_HEALTH } from '../../src/core/health.ts';
import { REASONS } from '../../src/core/reason.ts';
import type { Target } from '../../src/estate/estate.ts';
import { toTargetId } from '../../src/estate/ids.ts';

const target = (id: string): Target => ({
  id: toTargetId(id),
  module: 'terminal',
  address: '127.0.0.1:1',
  kind: 'terminal',
  labels: {},
});

const reason = fc.constantFrom(...REASONS);
const observation: fc.Arbitrary<Observation> = fc.oneof(
  fc.constant({ kind: 'good' } as const),
  fc.constant({ kind: 'none' } as const),
  fc.record({ kind: fc.constant('impaired' as const), reason }),
  fc.record({ kind: fc.constant('failed' as const), reason }),
  fc.constant({ kind: 'missed', reason: 'stale' } as const),
);
const policy = fc.record({
  failAfter: fc.integer({ min: 1, max: 5 }),
  recoverAfter: fc.integer({ min: 1, max: 5 }),
});

describe('HotColumns', () => {
  test('hold health in place exactly as the pure step has it, row by row', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), observation), { maxLength: 120 }), policy, (seen, rules) => {
        const columns = new HotColumns();
        const pure: Health[] = [UNKNOWN_HEALTH, UNKNOWN_HEALTH, UNKNOWN_HEALTH];
        const scratch = { ...UNKNOWN_HEALTH };
        for (const [slot, one] of seen) {
          columns.readHealth(slot, scratch);
          const inPlace = advance(scratch, one, rules);
          columns.setHealth(slot, scratch);
          const [next, transition] = step(pure[slot] ?? UNKNOWN_HEALTH, one, rules);
          pure[slot] = next;
          expect(inPlace).toEqual(transition);
          columns.readHealth(slot, scratch);
          expect(scratch).toEqual(next);
        }
      }),
    );
  });

  test('are the same for every thread that has their memory', () => {
    const writer = new HotColumns();
    const reader = new HotColumns(writer.memory);
    writer.setHealth(70_000, { ...UNKNOWN_HEALTH, state: 'down', reason: 'host' });
    writer.durationMs[70_000] = 12.5;
    expect(reader.stateAt(70_000)).toBe('down');
    expect(reader.reasonAt(70_000)).toBe('host');
    expect(reader.durationMs[70_000]).toBe(12.5);
  });
});

describe('HotColumns while we are blind', () => {
  test('hide what is known of a target until it has been probed since, and keep its health as it was', () => {
    const columns = new TargetColumns();
    const slot = columns.add(target('A'), { ...UNKNOWN_HEALTH, state: 'down', reason: 'host' }, 1_000, 0);
    expect([columns.stateAt(slot), columns.sightedSinceMs]).toEqual(['down', 0]);
    columns.goBlind('self-resolver');
    columns.lastRunMonotonicMs[slot] = 2_000;
    const other = new HotColumns(columns.memory);
    expect([other.stateAt(slot), other.reasonAt(slot)]).toEqual(['unknown', 'self-resolver']);
    expect([other.confirmedAt(slot), other.confirmedReasonAt(slot)]).toEqual(['down', 'host']);
    expect(columns.healthAt(slot)).toMatchObject({ state: 'down', reason: 'host' });
    columns.seeAgain(3_000);
    expect(other.isHiddenAt(slot)).toBe(true);
    columns.lastRunMonotonicMs[slot] = 3_000;
    expect([other.stateAt(slot), other.reasonAt(slot)]).toEqual(['down', 'host']);
  });
});

describe('TargetColumns', () => {
  test('give an emptied slot away only once it is released', () => {
    const columns = new TargetColumns();
    const slot = columns.add(target('A'), UNKNOWN_HEALTH, 0, 0);
    columns.success[slot] = 1;
    columns.remove(slot);
    expect(columns.add(target('B'), UNKNOWN_HEALTH, 0, 0)).not.toBe(slot);
    columns.release(slot);
    expect(columns.add(target('C'), UNKNOWN_HEALTH, 0, 0)).toBe(slot);
    expect(columns.success[slot]).toBe(NEVER);
  });

  test('refuse a target twice, and a slot that is in use', () => {
    const columns = new TargetColumns();
    const slot = columns.add(target('A'), UNKNOWN_HEALTH, 0, 0);
    expect(() => columns.add(target('A'), UNKNOWN_HEALTH, 0, 0)).toThrow('present already');
    expect(() => columns.release(slot)).toThrow('in use');
    expect(() => columns.replace(slot, target('B'))).toThrow('does not hold B');
  });
});
