import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { inTurns, sortInSlices } from '../../src/lib/pace.ts';

test('sorts in slices as sort does, equal items in the order they came', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 9_000 }), fc.integer(), async (length, seed) => {
      const items = Array.from({ length }, (_, i) => ({ key: Math.imul(i + 1, seed | 1) >>> 22, i }));
      const byKey = (a: { key: number }, b: { key: number }): number => a.key - b.key;
      expect(await sortInSlices(items, byKey)).toEqual(items.toSorted(byKey));
    }),
    { numRuns: 20 },
  );
});

test('gives other work a turn between long steps, and returns what the steps come to', async () => {
  const turn = { isOver: false };
  function* steps(): Generator<void, string> {
    setImmediate(() => {
      turn.isOver = true;
    });
    while (!turn.isOver) yield;
    return 'done';
  }
  expect(await inTurns(steps())).toBe('done');
});
