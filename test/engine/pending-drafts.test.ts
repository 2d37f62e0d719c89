import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { EventDraft } from '../../src/core/events.ts';
import type { State } from '../../src/core/health.ts';
import { PendingDrafts } from '../../src/engine/pending-drafts.ts';
import { toTargetId } from '../../src/estate/ids.ts';

const MANY = 50_000;
type Change = Extract<EventDraft, { kind: 'target-state-changed' }>;

function change(target: string, from: State, to: State, atMs = 1): Change {
  return {
    atMs,
    kind: 'target-state-changed',
    target: toTargetId(target),
    from,
    to,
    message: '',
    sinceMs: atMs,
  };
}
const reloaded = (atMs: number): EventDraft => ({
  atMs,
  kind: 'config-reloaded',
  message: '',
  targetsAdded: 0,
  targetsRemoved: 0,
  targetsChanged: 0,
});

function takeAll(pending: PendingDrafts, count: number): EventDraft[] {
  const taken: EventDraft[] = [];
  while (pending.length > 0) {
    const batch = pending.first(count);
    taken.push(...batch);
    pending.drop(batch.length);
  }
  return taken;
}

describe('PendingDrafts', () => {
  test('gives back what was added, in order, in batches, whatever is added meanwhile', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constant('add' as const), fc.integer({ min: 1, max: 7 })), { maxLength: 200 }),
        (acts) => {
          const pending = new PendingDrafts();
          const taken: number[] = [];
          let added = 0;
          for (const act of acts) {
            if (act === 'add') pending.add(change('T1', 'up', 'down', ++added), false);
            else {
              const batch = pending.first(act);
              expect(pending.first(act)).toEqual(batch);
              pending.drop(batch.length);
              taken.push(...batch.map(({ atMs }) => atMs));
            }
            expect(pending.length).toBe(added - taken.length);
          }
          taken.push(...takeAll(pending, 3).map(({ atMs }) => atMs));
          expect(taken).toEqual(Array.from({ length: added }, (_, i) => i + 1));
        },
      ),
    );
  });

  test('folds each target’s changes into one when many are held up, and keeps what is of no target', () => {
    const pending = new PendingDrafts();
    pending.add(reloaded(0), true);
    for (let i = 1; i <= MANY; i++) {
      const [from, to] = i % 2 === 1 ? (['up', 'down'] as const) : (['down', 'up'] as const);
      pending.add(change('T1', from, to, i), true);
    }
    pending.add(change('T2', 'unknown', 'up', MANY + 1), true);
    pending.add(change('T1', 'up', 'degraded', MANY + 2), true);
    pending.add(change('T2', 'up', 'down', MANY + 3), true);
    expect(pending.length).toBe(3);
    expect(takeAll(pending, 2)).toEqual([
      reloaded(0),
      change('T1', 'up', 'degraded', MANY + 2),
      change('T2', 'unknown', 'down', MANY + 3),
    ]);
  });

  test('never folds into what was taken and may be on its way', () => {
    const pending = new PendingDrafts();
    for (let i = 0; i <= MANY; i++) pending.add(change(`T${i}`, 'up', 'down'), true);
    const batch = pending.first(2);
    pending.add(change('T0', 'down', 'up', 2), false);
    expect(pending.first(2)).toEqual(batch);
    pending.drop(2);
    const rest = takeAll(pending, 1_000);
    expect(rest).toHaveLength(MANY);
    expect(rest.at(-1)).toEqual(change('T0', 'down', 'up', 2));
  });
});
