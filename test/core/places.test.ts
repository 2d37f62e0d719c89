import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Board } from '../../src/core/board.ts';
import type { JournalEvent } from '../../src/core/events.ts';
import { STATES } from '../../src/core/health.ts';
import type { Place } from '../../src/core/places.ts';
import type { Estate, Target } from '../../src/estate/estate.ts';
import { makeTarget } from '../metrics/targets.ts';

const NAMES = Array.from({ length: 8 }, (_, i) => `T${i}`);

/** Where a target of the estate is: mostly in a store, sometimes with another chain than its neighbours. */
const estateOf = fc
  .uniqueArray(fc.constantFrom(...NAMES), { minLength: 1 })
  .chain((ids) =>
    fc.tuple(
      ...ids.map((id) =>
        fc
          .record({
            store: fc.option(fc.constantFrom('s1', 's2'), { nil: undefined }),
            chain: fc.constantFrom('Solhaga', 'Norrbo'),
            kind: fc.constantFrom('terminal', 'gateway'),
          })
          .map(({ store, chain, kind }) =>
            makeTarget(id, { kind, labels: { chain }, ...(store === undefined ? {} : { store }) }),
          ),
      ),
    ),
  )
  .map(
    (targets): Estate => ({ stores: new Map(), targets: new Map(targets.map((each) => [each.id, each])) }),
  );

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('change' as const),
      id: fc.constantFrom(...NAMES),
      to: fc.constantFrom(...STATES),
      sinceMs: fc.integer({ min: 1, max: 9 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reload' as const), estate: estateOf }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'look' as const }) },
);

/** Counted anew from the board's statuses. */
function recount(board: Board, estate: Estate) {
  const groups = Map.groupBy(estate.targets.values(), placeKey);
  return Array.from(groups, ([key, targets]) => ({
    key,
    counts: Object.fromEntries(
      STATES.map((state) => [state, targets.filter(({ id }) => stateOf(board, id) === state).length]),
    ),
    sinceMs: Object.fromEntries(
      STATES.map((state) => {
        const times = targets.flatMap(({ id }) => {
          const status = board.statusOf(id);
          return status?.state === state ? [status.sinceMs] : [];
        });
        return [state, Math.min(...times)];
      }),
    ),
    kinds: Object.fromEntries(
      Map.groupBy(targets, ({ kind }) => kind)
        .entries()
        .map(([kind, alike]) => [kind, alike.length]),
    ),
  })).sort((a, b) => (a.key < b.key ? -1 : 1));
}

function placeKey({ store, labels }: Target): string {
  return `${store} ${labels['chain']}`;
}

function stateOf(board: Board, id: Target['id']): string {
  return board.statusOf(id)?.state ?? 'unknown';
}

function told(places: Iterable<Place>) {
  return Array.from(places, (place) => ({
    key: `${place.store} ${place.chain}`,
    counts: { ...place.counts },
    sinceMs: Object.fromEntries(STATES.map((state) => [state, place.sinceMs(state)])),
    kinds: { ...place.kinds },
  })).sort((a, b) => (a.key < b.key ? -1 : 1));
}

test('places kept up change by change are what counting all targets anew gives', () => {
  fc.assert(
    fc.property(estateOf, fc.array(step, { maxLength: 60 }), (first, steps) => {
      const board = new Board();
      let estate = first;
      let seq = 0;
      for (const each of steps) {
        if (each.kind === 'reload') estate = each.estate;
        else if (each.kind === 'change') {
          const target = makeTarget(each.id).id;
          const event: JournalEvent = {
            seq: ++seq,
            atMs: seq,
            kind: 'target-state-changed',
            target,
            from: board.statusOf(target)?.state ?? 'unknown',
            to: each.to,
            message: '',
            sinceMs: each.sinceMs,
          };
          board.apply(event);
        } else expect(told(board.placesOf(estate))).toEqual(recount(board, estate));
      }
      expect(told(board.placesOf(estate))).toEqual(recount(board, estate));
    }),
  );
});
