import { describe, expect, test } from '@jest/globals';
import { SuspectSearch } from '../../src/engine/suspect-search.ts';
import { toStoreId, toTargetId } from '../../src/estate/ids.ts';
import type { Target } from '../../src/estate/estate.ts';
import { estateOf, MODULE, REFUSED, setUp } from './engine-fixture.ts';

const INTERVAL_MS = 30_000;
/** What may come at once beyond the rate: a second's worth saved up, and half of one that confirms failures. */
const SAVED_S = 1.5;

/** Terminals in stores of ten, a third of the stores in the chain `A`; whatever else they bear cuts across chains. */
function terminals(count: number): Target[] {
  return Array.from({ length: count }, (_, i) => {
    const store = Math.floor(i / 10);
    const chain = ['A', 'A', 'A', 'B', 'C', 'C', 'D', 'E', 'F'][store % 9] ?? '';
    return {
      id: toTargetId(`T${i}`),
      module: 'terminal',
      address: '127.0.0.1:1',
      kind: 'terminal',
      store: toStoreId(`S${store}`),
      labels: {
        kind: 'terminal',
        store: `S${store}`,
        chain,
        acquirer: 'ABC'.includes(chain) ? 'north' : 'south',
        model: `M${(i * 7) % 5}`,
        firmware: `M${(i * 7) % 5}-${i % 3}`,
        network: `N${store % 4}`,
        region: `R${Math.floor(store / 9) % 7}`,
        till_system: chain === 'A' || chain === 'D' ? 'kassa' : 'annan',
        serial: `serial ${i}`,
      },
    };
  });
}

/** An estate in its ordinary course for a minute and a half, all well. */
async function running(targets: readonly Target[]) {
  const restore = Object.fromEntries(targets.map(({ id }) => [id, 'up' as const]));
  const world = setUp(estateOf(...targets), { restore, module: { ...MODULE, intervalMs: INTERVAL_MS } });
  const { clock, columns, engine, hooks } = world;
  const search = new SuspectSearch(columns, clock, (slots) => engine.recheck(slots, 0));
  search.watch(new Map([['terminal', { ...MODULE, intervalMs: INTERVAL_MS }]]), 1);
  hooks.suspected = (slot) => search.suspected([slot]);
  hooks.probed = () => search.probed(1);
  await clock.advance(40_000);
  world.probe.started.length = 0;
  const end = async () => {
    search[Symbol.dispose]();
    await engine[Symbol.asyncDispose]();
  };
  return { ...world, search, end };
}

describe('SuspectSearch', () => {
  test('within five seconds of the fault of a chain, knows enough of it and of the others to name it', async () => {
    const targets = terminals(5_000);
    const { clock, probe, columns, end } = await running(targets);
    const chain = targets.filter(({ labels }) => labels['chain'] === 'A');
    for (const { id } of chain) probe.answers.set(id, REFUSED);
    const faultAtMs = clock.monotonicMs();
    await clock.advance(5_000);
    const shareOf = (group: readonly Target[], hasFailed: boolean): number =>
      group.filter(({ id }) => {
        const slot = columns.slotOf(id) ?? -1;
        const isSince = (columns.lastRunMonotonicMs[slot] ?? 0) >= faultAtMs;
        return isSince && (columns.success[slot] === 0) === hasFailed;
      }).length / group.length;
    const others = targets.filter(({ labels }) => labels['chain'] !== 'A');
    expect(chain.length).toBeGreaterThan(1_600);
    expect(shareOf(chain, true)).toBeGreaterThan(0.4);
    expect(shareOf(others, false)).toBeGreaterThan(0.25);
    const base = (targets.length * 5_000) / INTERVAL_MS;
    expect(probe.started.length).toBeLessThanOrEqual(3 * base + SAVED_S * (targets.length / 30));
    await end();
  });

  test('probes three times as often at most however long it lasts, and no more than ordinarily afterwards', async () => {
    const targets = terminals(1_000);
    const { clock, probe, end } = await running(targets);
    for (const { id, labels } of targets) if (labels['model'] === 'M2') probe.answers.set(id, REFUSED);
    const base = (targets.length * 10_000) / INTERVAL_MS;
    for (let passed = 0; passed < 40_000; passed += 10_000) {
      probe.started.length = 0;
      await clock.advance(10_000);
      expect(probe.started.length).toBeLessThanOrEqual(3 * base + SAVED_S * (targets.length / 30));
    }
    await clock.advance(20_000);
    probe.started.length = 0;
    await clock.advance(30_000);
    expect(probe.started.length).toBeLessThanOrEqual(targets.length * 1.02);
    await end();
  });

  test('looks at once at the store and model of one that fails alone, at few in all, and is done', async () => {
    const targets = terminals(1_000);
    const { clock, probe, suspects, end } = await running(targets);
    probe.answers.set('T500', REFUSED);
    await clock.advance(30_000);
    expect(suspects).toEqual(['T500']);
    const extra = probe.started.length - 1_000;
    expect(extra).toBeGreaterThanOrEqual(20);
    expect(extra).toBeLessThanOrEqual(40);
    probe.started.length = 0;
    await clock.advance(30_000);
    expect(probe.started.length).toBeLessThanOrEqual(1_002);
    await end();
  });
});
