import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { TimingWheel } from '../../src/engine/timing-wheel.ts';

function fired(wheel: TimingWheel, nowMs: number): number[] {
  const items: number[] = [];
  wheel.advance(nowMs, (item) => items.push(item));
  return items;
}

describe('TimingWheel', () => {
  test('fires an item once, not before it is due', () => {
    const wheel = new TimingWheel(0);
    wheel.schedule(7, 105);
    expect(fired(wheel, 104)).toEqual([]);
    expect(fired(wheel, 105)).toEqual([7]);
    expect(fired(wheel, 100_000)).toEqual([]);
  });

  test('keeps only the latest due time', () => {
    const wheel = new TimingWheel(0);
    wheel.schedule(1, 50);
    wheel.schedule(1, 500);
    expect(fired(wheel, 400)).toEqual([]);
    expect(fired(wheel, 500)).toEqual([1]);
  });

  test('fires what is due after several turns of the wheel', () => {
    const wheel = new TimingWheel(0);
    wheel.schedule(3, 300_000);
    for (let now = 0; now < 300_000; now += 1_000) expect(fired(wheel, now)).toEqual([]);
    expect(fired(wheel, 300_000)).toEqual([3]);
  });

  test('loses nothing when it wakes late', () => {
    const wheel = new TimingWheel(0);
    for (let item = 0; item < 1_000; item++) wheel.schedule(item, item * 100);
    expect(fired(wheel, 1_000_000).sort((a, b) => a - b)).toEqual(Array.from({ length: 1_000 }, (_, i) => i));
  });

  test('lets a firing item schedule itself and cancel another', () => {
    const wheel = new TimingWheel(0);
    const seen: number[] = [];
    wheel.schedule(1, 10);
    wheel.schedule(2, 12);
    wheel.advance(20, (item) => {
      seen.push(item);
      wheel.cancel(item === 1 ? 2 : 1);
      wheel.schedule(item, 40);
    });
    expect(seen).toHaveLength(1);
    expect(fired(wheel, 40)).toEqual(seen);
  });

  test('fires each item at the first advance at or after its due time, whatever is scheduled and cancelled', () => {
    const act = fc.oneof(
      fc.record({ kind: fc.constant('schedule' as const), item: fc.nat(20), inMs: fc.nat(100_000) }),
      fc.record({ kind: fc.constant('cancel' as const), item: fc.nat(20) }),
      fc.record({ kind: fc.constant('advance' as const), byMs: fc.nat(60_000) }),
    );
    fc.assert(
      fc.property(fc.array(act, { maxLength: 100 }), (acts) => {
        const wheel = new TimingWheel(0);
        const due = new Map<number, number>();
        let now = 0;
        for (const step of acts) {
          if (step.kind === 'schedule') {
            due.set(step.item, now + step.inMs);
            wheel.schedule(step.item, now + step.inMs);
          } else if (step.kind === 'cancel') {
            due.delete(step.item);
            wheel.cancel(step.item);
          } else {
            now += step.byMs;
            const expected = Array.from(due.keys()).filter((item) => (due.get(item) ?? 0) <= now);
            for (const item of expected) due.delete(item);
            expect(fired(wheel, now).sort((a, b) => a - b)).toEqual(expected.sort((a, b) => a - b));
          }
        }
      }),
    );
  });
});
