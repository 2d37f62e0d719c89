import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { childrenOf, type Dependency, deadParentOf, resolveNeeds } from '../../src/estate/dependencies.ts';
import type { Estate, Target } from '../../src/estate/estate.ts';
import { toTargetId } from '../../src/estate/ids.ts';
import { makeEstate, makeTarget, selectorOf } from './estates.ts';

type Draft = Partial<Pick<Dependency, 'by' | 'redundancy'>> & { readonly from: string; readonly on: string };

const declare = ({ from, on, by = [], redundancy = 'all' }: Draft): Dependency => ({
  children: selectorOf(from),
  parents: selectorOf(on),
  by,
  redundancy,
});

function estateOf(targets: readonly Target[], drafts: readonly Draft[]): Estate {
  const estate = makeEstate(targets);
  const needs = resolveNeeds(estate.targets, drafts.map(declare));
  if (!needs.ok) throw new Error(needs.error.map(({ message }) => message).join('\n'));
  return { ...estate, needs: needs.value };
}

/** Two stores, a gateway each and a second line in S2; all behind one router, terminals at two acquirers. */
const TARGETS = [
  makeTarget('router'),
  makeTarget('bank-a', { kind: 'acquirer', acquirer: 'A' }),
  makeTarget('g1', { kind: 'gateway', store: 'S1' }),
  makeTarget('g2', { kind: 'gateway', store: 'S2' }),
  makeTarget('g2b', { kind: 'gateway', store: 'S2' }),
  makeTarget('t1', { kind: 'terminal', store: 'S1', acquirer: 'A' }),
  makeTarget('t2', { kind: 'terminal', store: 'S1', acquirer: 'A' }),
  makeTarget('t3', { kind: 'terminal', store: 'S2', acquirer: 'B' }),
  makeTarget('kiosk', { kind: 'terminal' }),
];
const LINES: Draft = { from: 'kind=terminal', on: 'kind=gateway', by: ['store'], redundancy: 'any' };
const ACQUIRERS: Draft = { from: 'kind=terminal', on: 'kind=acquirer', by: ['acquirer'] };
const ROUTER: Draft = { from: 'kind=gateway', on: 'target=router' };
const GROUP = estateOf(TARGETS, [LINES, ACQUIRERS, ROUTER]);
const id = toTargetId;
const find = (name: string): Target => TARGETS.find((target) => target.id === name) ?? makeTarget(name);

describe('resolveNeeds', () => {
  test('hangs children on the parents of the same store, on any of them or on each', () => {
    expect(Array.from(GROUP.needs ?? [])).toEqual([
      ['t1', [{ anyOf: ['g1'] }, { anyOf: ['bank-a'] }]],
      ['t2', [{ anyOf: ['g1'] }, { anyOf: ['bank-a'] }]],
      ['t3', [{ anyOf: ['g2', 'g2b'] }]],
      ['g1', [{ anyOf: ['router'] }]],
      ['g2', [{ anyOf: ['router'] }]],
      ['g2b', [{ anyOf: ['router'] }]],
    ]);
    const { needs } = estateOf(TARGETS, [{ ...LINES, redundancy: 'all' }]);
    expect(needs?.get(id('t3'))).toEqual([{ anyOf: ['g2'] }, { anyOf: ['g2b'] }]);
  });

  test('gives the same list to those that hang on the same', () => {
    expect(GROUP.needs?.get(id('t1'))).toBe(GROUP.needs?.get(id('t2')));
    expect(GROUP.needs?.get(id('g1'))).toBe(GROUP.needs?.get(id('g2b')));
  });

  test('counts what is declared twice once', () => {
    const { needs } = estateOf(TARGETS, [ROUTER, ROUTER, { from: 'target=g1', on: 'target=router' }]);
    expect(needs?.get(id('g1'))).toEqual([{ anyOf: ['router'] }]);
  });

  test.each([
    {
      name: 'children that nothing is',
      drafts: [ROUTER, { from: 'kind=terminl', on: 'target=router' }],
      problem: { index: 1, part: 'children', message: 'no target is named by "kind=terminl"' },
    },
    {
      name: 'parents that nothing is',
      drafts: [{ from: 'kind=terminal', on: 'target=ruter' }],
      problem: { index: 0, part: 'parents', message: 'no target is named by "target=ruter"' },
    },
    {
      name: 'a label that no two of them share',
      drafts: [{ from: 'kind=terminal', on: 'kind=gateway', by: ['stor'] }],
      problem: { index: 0, part: 'by', message: 'nothing that "kind=terminal" names has the same stor' },
    },
    {
      name: 'what hangs on itself',
      drafts: [ROUTER, { from: 'store=S1', on: 'kind=gateway', by: ['store'] }],
      problem: { index: 1, part: 'parents', message: '"g1" would hang on itself; leave it out' },
    },
    {
      name: 'a ring',
      drafts: [LINES, ROUTER, { from: 'target=router', on: 'target=t3' }],
      problem: { index: 2, part: 'parents', message: 'in a ring: g2 → router → t3 → g2' },
    },
  ] as const)('refuses $name', ({ drafts, problem }) => {
    const needs = resolveNeeds(makeEstate(TARGETS).targets, drafts.map(declare));
    expect(needs).toEqual({
      ok: false,
      error: [{ ...problem, message: expect.stringContaining(problem.message) }],
    });
  });

  test('tells of all that is wrong at once', () => {
    const drafts = [{ from: 'kind=a', on: 'kind=b' }, ROUTER, { from: 'target=router', on: 'target=g1' }];
    const needs = resolveNeeds(makeEstate(TARGETS).targets, drafts.map(declare));
    const found = needs.ok ? [] : needs.error.map(({ index, part }) => ({ index, part }));
    expect(found).toEqual([
      { index: 0, part: 'children' },
      { index: 0, part: 'parents' },
      { index: 2, part: 'parents' },
    ]);
  });

  test('names a long ring by its beginning and its length', () => {
    const ring = Array.from({ length: 30 }, (_, i) => makeTarget(`r${i}`));
    const drafts = ring.map((_, i) => ({ from: `target=r${i}`, on: `target=r${(i + 1) % 30}` }));
    const needs = resolveNeeds(makeEstate(ring).targets, drafts.map(declare));
    expect(needs.ok ? '' : needs.error[0]?.message).toMatch(/r\d+ → r\d+ → .* → … \(30 in all\) → r\d+$/);
  });

  test('never lets a ring through, and refuses nothing that has none', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const nodes = names.map((name) => makeTarget(name));
    const some = fc.subarray(names, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(fc.array(fc.tuple(some, some), { maxLength: 6 }), (pairs) => {
        const drafts = pairs.map(([from, on]) => ({
          from: `target=${from.join('|')}`,
          on: `target=${on.join('|')}`,
        }));
        const edges = pairs.flatMap(([from, on]) =>
          from.flatMap((child) => on.map((up) => [child, up] as const)),
        );
        const reaches = (from: string, to: string, seen: readonly string[] = []): boolean =>
          edges.some(
            ([child, up]) =>
              child === from && !seen.includes(up) && (up === to || reaches(up, to, [...seen, up])),
          );
        const hasRing = names.some((name) => reaches(name, name));
        const needs = resolveNeeds(makeEstate(nodes).targets, drafts.map(declare));
        expect(needs.ok).toBe(!hasRing);
        if (needs.ok) return;
        const message = needs.error[0]?.message ?? '';
        const ring = /ring: (.*)$/.exec(message)?.[1]?.split(' → ');
        for (const [i, up] of (ring ?? []).slice(1).entries()) {
          expect(edges).toContainEqual([ring?.[i], up]);
        }
        if (ring === undefined) expect(message).toContain('would hang on itself');
        else expect(ring.at(-1)).toBe(ring[0]);
      }),
      { numRuns: 2_000 },
    );
  });

  test('takes an estate of 100,000 targets, one below the other or all below many', () => {
    const chain = Array.from({ length: 100_000 }, (_, i) =>
      makeTarget(`n${i}`, { kind: i < 1_000 ? 'up' : 'x' }),
    );
    const drafts = chain.slice(1).map((_, i) => ({ from: `target=n${i + 1}`, on: `target=n${i}` }));
    expect(estateOf(chain, drafts).needs?.size).toBe(99_999);

    const wide = estateOf(chain, [{ from: 'kind=x', on: 'kind=up' }]);
    expect(new Set(wide.needs?.values())).toHaveProperty('size', 1);
    expect(new Set(childrenOf(wide).values())).toHaveProperty('size', 1);
    expect(childrenOf(wide).get(id('n0'))).toHaveLength(99_000);
  });
});

describe('deadParentOf', () => {
  type States = Readonly<Record<string, 'up' | 'degraded' | 'down' | 'unknown'>>;
  test.each<{ name: string; target: string; states: States; parent: string | undefined }>([
    { name: 'all is well', target: 't1', states: {}, parent: undefined },
    { name: 'its line is down', target: 't1', states: { g1: 'down' }, parent: 'g1' },
    { name: 'its line is slow', target: 't1', states: { g1: 'degraded' }, parent: undefined },
    { name: 'its line was never checked', target: 't1', states: { g1: 'unknown' }, parent: undefined },
    { name: 'its acquirer is down', target: 't1', states: { 'bank-a': 'down' }, parent: 'bank-a' },
    { name: 'one of two lines is down', target: 't3', states: { g2: 'down' }, parent: undefined },
    {
      name: 'one line is down, one unknown',
      target: 't3',
      states: { g2: 'down', g2b: 'unknown' },
      parent: undefined,
    },
    { name: 'both lines are down', target: 't3', states: { g2: 'down', g2b: 'down' }, parent: 'g2' },
    {
      name: 'both lines are down behind the router',
      target: 't3',
      states: { g2: 'down', g2b: 'down', router: 'down' },
      parent: 'router',
    },
    {
      name: 'the router is down and its line answers',
      target: 't1',
      states: { router: 'down' },
      parent: undefined,
    },
    {
      name: 'it hangs on nothing',
      target: 'router',
      states: { router: 'down', g1: 'down' },
      parent: undefined,
    },
  ])('$name: $parent', ({ target, states, parent }) => {
    expect(deadParentOf(GROUP, find(target), (up) => states[up] ?? 'up')).toBe(parent);
  });

  test('finds nothing in an estate without dependencies', () => {
    expect(deadParentOf(makeEstate(TARGETS), find('t1'), () => 'down')).toBeUndefined();
  });
});

describe('childrenOf', () => {
  test('turns the needs around, once for each estate', () => {
    expect(Array.from(childrenOf(GROUP))).toEqual([
      ['g1', ['t1', 't2']],
      ['bank-a', ['t1', 't2']],
      ['g2', ['t3']],
      ['g2b', ['t3']],
      ['router', ['g1', 'g2', 'g2b']],
    ]);
    expect(childrenOf(GROUP)).toBe(childrenOf(GROUP));
    expect(childrenOf(makeEstate(TARGETS)).size).toBe(0);
  });
});
