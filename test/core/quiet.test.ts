import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { EventDraft, Maintenance, Silence } from '../../src/core/events.ts';
import { Quiet } from '../../src/core/quiet.ts';
import type { Estate, Store, Target } from '../../src/estate/estate.ts';
import { toStoreId, toTargetId } from '../../src/estate/ids.ts';

const HOUR = 3_600_000;
/** A Friday, 14:00 in Sweden. */
const T0 = Date.UTC(2023, 11, 22, 13);

function makeStore(id: string, openingHours?: string): Store {
  return {
    id: toStoreId(id),
    name: `Solhaga ${id}`,
    timezone: 'Europe/Stockholm',
    labels: { chain: 'Solhaga' },
    ...(openingHours === undefined ? {} : { openingHours }),
  };
}
function makeTarget(id: string, store: string, chain = 'Solhaga'): Target {
  return {
    id: toTargetId(id),
    module: 'terminal',
    address: '127.0.0.1:1',
    kind: 'terminal',
    store: toStoreId(store),
    labels: { chain, store, kind: 'terminal' },
  };
}
const ALWAYS = makeTarget('T1', 'kil');
const BY_DAY = makeTarget('T2', 'torsby');
const OTHER = makeTarget('T3', 'mora', 'Norrbo');
const ODD = makeTarget('T4', 'odd');
const TARGETS = [ALWAYS, BY_DAY, OTHER, ODD];
const STORES = [
  makeStore('kil'),
  makeStore('torsby', 'Mo-Sa 07:00-22:00'),
  makeStore('mora'),
  makeStore('odd', 'whenever we like'),
];
const ESTATE: Estate = {
  stores: new Map(STORES.map((store) => [store.id, store])),
  targets: new Map(TARGETS.map((target) => [target.id, target])),
};

function silence(more: Partial<Silence> = {}): Silence {
  return {
    id: 's1',
    selector: 'chain=Solhaga',
    startsAtMs: T0,
    endsAtMs: T0 + HOUR,
    by: 'Anna',
    comment: 'known',
    ...more,
  };
}
const maintenance = (more: Partial<Maintenance> = {}): Maintenance => ({ ...silence({ id: 'm1' }), ...more });
const silenced = (more: Partial<Silence> = {}): EventDraft => ({
  atMs: T0,
  kind: 'silence-started',
  silence: silence(more),
});
const maintained = (kind: 'planned' | 'started' | 'ended', more: Partial<Maintenance> = {}, atMs = T0) =>
  ({ atMs, kind: `maintenance-${kind}`, maintenance: maintenance(more) }) as const satisfies EventDraft;

function quietAfter(...events: readonly EventDraft[]): Quiet {
  const quiet = new Quiet(ESTATE);
  for (const event of events) quiet.apply(event);
  return quiet;
}

describe('what holds a failure', () => {
  const flexible = { flexibleMs: 2 * HOUR, endsAtMs: T0 + 8 * HOUR };
  test.each([
    { name: 'nothing, when nobody said anything', events: [], target: ALWAYS, atMs: T0, rule: undefined },
    { name: 'a silence from its start', events: [silenced()], target: ALWAYS, atMs: T0, rule: 'silence' },
    { name: 'a silence not before', events: [silenced()], target: ALWAYS, atMs: T0 - 1, rule: undefined },
    {
      name: 'a silence up to its end',
      events: [silenced()],
      target: ALWAYS,
      atMs: T0 + HOUR - 1,
      rule: 'silence',
    },
    {
      name: 'no silence that has expired unseen',
      events: [silenced()],
      target: ALWAYS,
      atMs: T0 + HOUR,
      rule: undefined,
    },
    { name: 'no silence of others', events: [silenced()], target: OTHER, atMs: T0, rule: undefined },
    {
      name: 'no silence that was ended',
      events: [silenced(), { atMs: T0, kind: 'silence-ended', silence: silence() }],
      target: ALWAYS,
      atMs: T0,
      rule: undefined,
    },
    {
      name: 'no silence whose selector cannot be read',
      events: [silenced({ selector: 'chain' })],
      target: ALWAYS,
      atMs: T0,
      rule: undefined,
    },
    {
      name: 'a maintenance that runs',
      events: [maintained('started')],
      target: ALWAYS,
      atMs: T0,
      rule: 'maintenance',
    },
    {
      name: 'a planned maintenance in its time, though its start was not told',
      events: [maintained('planned')],
      target: ALWAYS,
      atMs: T0,
      rule: 'maintenance',
    },
    {
      name: 'no maintenance that was ended',
      events: [maintained('started'), maintained('ended')],
      target: ALWAYS,
      atMs: T0,
      rule: undefined,
    },
    {
      name: 'no flexible maintenance that nothing set off',
      events: [maintained('planned', flexible)],
      target: ALWAYS,
      atMs: T0,
      rule: undefined,
    },
    {
      name: 'the maintenance rather than the silence, though that ends later',
      events: [silenced({ endsAtMs: T0 + 9 * HOUR }), maintained('started')],
      target: ALWAYS,
      atMs: T0,
      rule: 'maintenance',
    },
    { name: 'nothing in an open store', events: [], target: BY_DAY, atMs: T0, rule: undefined },
    { name: 'a closed store', events: [], target: BY_DAY, atMs: T0 + 8 * HOUR, rule: 'closed' },
    {
      name: 'nothing where the hours cannot be read',
      events: [],
      target: ODD,
      atMs: T0 + 8 * HOUR,
      rule: undefined,
    },
    {
      name: 'the silence rather than the hours',
      events: [silenced({ endsAtMs: T0 + 9 * HOUR })],
      target: BY_DAY,
      atMs: T0 + 8 * HOUR,
      rule: 'silence',
    },
  ] as const)('$name', ({ events, target, atMs, rule }) => {
    expect(quietAfter(...events).ruleFor(target, atMs)?.rule).toBe(rule);
  });

  test('is told in a sentence, with what it is and when it ends', () => {
    const quiet = quietAfter(
      silenced(),
      silenced({ id: 's2', endsAtMs: T0 + 2 * HOUR, comment: 'Nets is told.' }),
    );
    expect(quiet.ruleFor(ALWAYS, T0)).toEqual({
      rule: 'silence',
      id: 's2',
      why: 'Silenced by Anna: Nets is told.',
      untilMs: T0 + 2 * HOUR,
    });
    expect(quietAfter(maintained('started')).ruleFor(ALWAYS, T0)?.why).toBe(
      'Under maintenance by Anna: known.',
    );
    expect(quiet.ruleFor(BY_DAY, T0 + 8 * HOUR)).toEqual({
      rule: 'closed',
      id: 'torsby',
      why: 'Solhaga torsby is closed.',
      untilMs: Date.UTC(2023, 11, 23, 6),
    });
  });

  test('follows the estate of a reload', () => {
    const quiet = quietAfter();
    expect(quiet.ruleFor(BY_DAY, T0 + 8 * HOUR)?.rule).toBe('closed');
    const store = makeStore('torsby', '24/7');
    quiet.setEstate({ ...ESTATE, stores: new Map([[store.id, store]]) });
    expect(quiet.ruleFor(BY_DAY, T0 + 8 * HOUR)).toBeUndefined();
  });
});

describe('a flexible maintenance', () => {
  const window = maintained('planned', { flexibleMs: 2 * HOUR, endsAtMs: T0 + 8 * HOUR });

  test('is set off by the first failure in its window, and runs from then as long as it says', () => {
    const quiet = quietAfter(window);
    expect(quiet.startsFlexible(ALWAYS, T0 - 1)).toBeUndefined();
    expect(quiet.startsFlexible(OTHER, T0)).toBeUndefined();
    expect(quiet.startsFlexible(ALWAYS, T0 + 8 * HOUR)).toBeUndefined();
    const begun = quiet.startsFlexible(ALWAYS, T0 + 7 * HOUR);
    expect(begun).toEqual(
      maintenance({ flexibleMs: 2 * HOUR, startsAtMs: T0 + 7 * HOUR, endsAtMs: T0 + 9 * HOUR }),
    );
    expect(quiet.ruleFor(ALWAYS, T0 + 7 * HOUR)).toBeUndefined();
    if (begun === undefined) throw new Error('not begun');
    quiet.apply({ atMs: T0 + 7 * HOUR, kind: 'maintenance-started', maintenance: begun });
    expect(quiet.ruleFor(ALWAYS, T0 + 9 * HOUR - 1)?.untilMs).toBe(T0 + 9 * HOUR);
    expect(quiet.ruleFor(ALWAYS, T0 + 9 * HOUR)).toBeUndefined();
    expect(quiet.startsFlexible(BY_DAY, T0 + 7 * HOUR)).toBeUndefined();
  });
});

describe('the next change', () => {
  test('is the first end of what holds those held, or an opening', () => {
    const quiet = quietAfter(
      silenced({ endsAtMs: T0 + 12 * HOUR }),
      silenced({ id: 's2', selector: 'chain=Norrbo', endsAtMs: T0 + HOUR }),
    );
    expect(quiet.nextChangeMs([], T0)).toBeUndefined();
    expect(quiet.nextChangeMs([ALWAYS], T0)).toBe(T0 + 12 * HOUR);
    expect(quiet.nextChangeMs([ALWAYS, OTHER], T0)).toBe(T0 + HOUR);
    expect(quiet.nextChangeMs([OTHER], T0 + HOUR)).toBeUndefined();
    expect(quiet.nextChangeMs([BY_DAY], T0 + 13 * HOUR)).toBe(Date.UTC(2023, 11, 23, 6));
  });
});

describe('a maintenance that ended before its time', () => {
  test('is over until that time has passed', () => {
    const quiet = quietAfter(maintained('started'), maintained('ended', {}, T0 + 1));
    expect(quiet.isOver('m1')).toBe(true);
    quiet.apply(maintained('ended', { id: 'm2' }, T0 + HOUR));
    expect(quiet.isOver('m1')).toBe(false);
    expect(quiet.isOver('m2')).toBe(false);
  });

  test('is over, too, when it ran within a window that is still open', () => {
    const ran = { flexibleMs: HOUR, startsAtMs: T0, endsAtMs: T0 + HOUR };
    const quiet = quietAfter(
      maintained('planned', { flexibleMs: HOUR, endsAtMs: T0 + 8 * HOUR }),
      maintained('started', ran),
      maintained('ended', ran, T0 + HOUR),
    );
    expect(quiet.isOver('m1')).toBe(true);
    expect(quiet.startsFlexible(ALWAYS, T0 + 2 * HOUR)).toBeUndefined();
  });
});

const selector = fc.constantFrom('chain=Solhaga', 'chain=Norrbo', 'store=torsby', 'kind!=terminal', '!');
const anyEvent: fc.Arbitrary<EventDraft> = fc
  .record({
    atMs: fc.integer({ min: 0, max: 100 }),
    id: fc.constantFrom('a', 'b', 'c'),
    selector,
    startsAtMs: fc.integer({ min: 0, max: 100 }),
    lastsMs: fc.integer({ min: 1, max: 100 }),
    flexibleMs: fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }),
    kind: fc.constantFrom(
      'maintenance-planned',
      'maintenance-started',
      'maintenance-ended',
      'silence-started',
      'silence-ended',
    ),
  })
  .map(({ atMs, id, selector, startsAtMs, lastsMs, flexibleMs, kind }) => {
    const span = { id, selector, startsAtMs, endsAtMs: startsAtMs + lastsMs, by: 'x', comment: 'y' };
    if (kind === 'silence-started' || kind === 'silence-ended') return { atMs, kind, silence: span };
    return { atMs, kind, maintenance: flexibleMs === undefined ? span : { ...span, flexibleMs } };
  });

describe('whatever is said', () => {
  test('a restart at any point changes nothing', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 20 }), fc.nat(20), fc.nat(250), (events, cut, atMs) => {
        const whole = quietAfter(...events);
        const second = new Quiet(ESTATE);
        second.restore(JSON.parse(JSON.stringify(quietAfter(...events.slice(0, cut)).save())));
        for (const event of events.slice(cut)) second.apply(event);
        expect(second.save()).toEqual(whole.save());
        for (const target of TARGETS) {
          expect(second.ruleFor(target, atMs)).toEqual(whole.ruleFor(target, atMs));
          expect(second.startsFlexible(target, atMs)).toEqual(whole.startsFlexible(target, atMs));
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('what holds a target goes on doing so until the next change, and no change comes unforeseen', () => {
    const always = TARGETS.filter((target) => target !== BY_DAY);
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 8 }), fc.nat(120), (events, atMs) => {
        const quiet = quietAfter(...events);
        const held = always.filter((target) => quiet.ruleFor(target, atMs) !== undefined);
        const nextMs = quiet.nextChangeMs(held, atMs);
        for (let laterMs = atMs; laterMs < (nextMs ?? atMs + 300); laterMs++) {
          for (const target of held) expect(quiet.ruleFor(target, laterMs)).toBeDefined();
        }
        expect(held.length === 0).toBe(nextMs === undefined);
      }),
      { numRuns: 1_000 },
    );
  });
});
