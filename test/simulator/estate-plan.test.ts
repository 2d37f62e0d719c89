import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { planEstate } from '../../src/simulator/estate-plan.ts';

const sizes = fc.record({
  stores: fc.integer({ min: 1, max: 120 }),
  terminals: fc.integer({ min: 1, max: 1_500 }),
  seed: fc.integer(),
});

describe('planEstate', () => {
  test('the same seed gives the same estate, another seed another', () => {
    expect(planEstate(44, 400, 7)).toEqual(planEstate(44, 400, 7));
    expect(planEstate(44, 400, 8)).not.toEqual(planEstate(44, 400, 7));
  });

  test('has as many stores and terminals as asked for, each with its own id and name', () => {
    fc.assert(
      fc.property(sizes, ({ stores, terminals, seed }) => {
        const plan = planEstate(stores, terminals, seed);
        const ofKind = (kind: string) => plan.targets.filter((target) => target.kind === kind);
        expect(plan.stores).toHaveLength(stores);
        expect(ofKind('terminal')).toHaveLength(terminals);
        expect(ofKind('gateway')).toHaveLength(stores);
        expect(new Set(plan.targets.map(({ id }) => id)).size).toBe(plan.targets.length);
        expect(new Set(plan.stores.map(({ id }) => id)).size).toBe(stores);
        expect(new Set(plan.stores.map(({ name }) => name)).size).toBe(stores);
      }),
    );
  });

  test('gives every store 2 to 20 terminals where the number allows it', () => {
    fc.assert(
      fc.property(sizes, ({ stores, terminals, seed }) => {
        fc.pre(terminals >= 2 * stores && terminals <= 20 * stores);
        const { targets } = planEstate(stores, terminals, seed);
        const lanes = Map.groupBy(
          targets.filter(({ kind }) => kind === 'terminal'),
          ({ store }) => store?.id,
        );
        const counts = Array.from(lanes.values(), ({ length }) => length);
        expect(counts).toHaveLength(stores);
        expect(Math.min(...counts)).toBeGreaterThanOrEqual(2);
        expect(Math.max(...counts)).toBeLessThanOrEqual(20);
      }),
    );
  });

  test('looks like a group of chains: sizes, regions, models and contracts vary', () => {
    const { stores, targets } = planEstate(44, 400, 1);
    const terminals = targets.filter(({ kind }) => kind === 'terminal');
    const distinct = (label: string) => new Set(terminals.map(({ labels }) => labels[label])).size;
    expect(distinct('chain')).toBe(3);
    expect(distinct('region')).toBeGreaterThan(1);
    expect(distinct('acquirer')).toBe(3);
    expect(distinct('network')).toBe(3);
    expect(distinct('model')).toBe(3);
    expect(distinct('till_system')).toBe(2);
    expect(stores.filter(({ region }) => region === 'Värmland').length).toBeGreaterThan(30);
    const firmwareModels = new Map<string, Set<string>>();
    for (const { device } of terminals) {
      const models = firmwareModels.get(device?.firmware ?? '') ?? new Set();
      firmwareModels.set(device?.firmware ?? '', models.add(device?.model ?? ''));
    }
    expect(Array.from(firmwareModels.values(), ({ size }) => size)).toEqual(
      Array.from(firmwareModels, () => 1),
    );
  });

  test('names the stores of a chain by the chain alone', () => {
    fc.assert(
      fc.property(fc.integer({ min: 30, max: 200 }), fc.integer(), (count, seed) => {
        const { stores } = planEstate(count, count, seed);
        const groupsBy = (label: 'chain' | 'region' | 'city' | 'network' | 'tillSystem') =>
          Array.from(Map.groupBy(stores, (store) => store[label]).values(), (group) =>
            group.map(({ id }) => id).join(' '),
          );
        const chains = groupsBy('chain');
        expect(chains).toHaveLength(3);
        for (const label of ['region', 'city', 'network', 'tillSystem'] as const) {
          expect(groupsBy(label).filter((group) => chains.includes(group))).toEqual([]);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('a small estate lies in Värmland alone', () => {
    const { stores } = planEstate(10, 40, 1);
    expect(new Set(stores.map(({ region }) => region))).toEqual(new Set(['Värmland']));
  });
});
