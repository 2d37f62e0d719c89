import { describe, expect, test } from '@jest/globals';
import { toIncidentId } from '../../src/estate/ids.ts';
import type { FeedFilter } from '../../src/feed/protocol.ts';
import { makeSnapshot } from '../../src/feed/snapshot.ts';
import { Announcer, makeEstate, move } from './announcer.ts';

const estate = makeEstate(2, 3);
const START_MS = Date.UTC(2025, 11, 22, 13);

async function announced(): Promise<Announcer> {
  const source = new Announcer(estate);
  await source.announce([
    ...Array.from(estate.targets.keys(), (id) => move(estate, id, 'unknown', 'up', START_MS)),
    move(estate, 'Norrbo-2-T1', 'up', 'down', START_MS + 60_000),
    move(estate, 'Norrbo-2-T2', 'up', 'down', START_MS + 30_000),
    move(estate, 'Solhaga-1-T1', 'up', 'degraded', START_MS + 10_000),
    move(estate, 'web-Solhaga', 'up', 'down', START_MS + 20_000),
    ...[
      { id: 'norrbo', scope: [{ store: 'Norrbo-2' }], severity: 'major' as const },
      { id: 'web', scope: [{ target: 'web-Solhaga' }], severity: 'minor' as const },
    ].map(({ id, scope, severity }) => ({
      atMs: START_MS,
      kind: 'incident-opened' as const,
      incident: {
        id: toIncidentId(id),
        scope,
        title: id,
        severity,
        state: 'open' as const,
        openedAtMs: START_MS,
        targetsDown: 1,
        storesAffected: 1,
        reason: 'host' as const,
      },
    })),
  ]);
  return source;
}

describe('makeSnapshot', () => {
  test('tells what holds after its seq: counts, stores with the worst first, open incidents', async () => {
    const source = await announced();
    const snapshot = makeSnapshot(source, {}, START_MS + 90_000);
    expect(snapshot).toMatchObject({
      seq: source.board.seq,
      at: '2025-12-22T13:01:30.000Z',
      targets: { counts: { unknown: 0, up: 9, degraded: 1, down: 3 } },
    });
    expect(snapshot.stores.map(({ id, state }) => [id, state])).toEqual([
      ['Norrbo-2', 'down'],
      ['Solhaga-1', 'degraded'],
      ['Norrbo-1', 'up'],
      ['Solhaga-2', 'up'],
    ]);
    expect(snapshot.stores[0]).toEqual({
      id: 'Norrbo-2',
      name: 'Norrbo 2',
      chain: 'Norrbo',
      region: 'Dalarna',
      state: 'down',
      since: '2025-12-22T13:00:26.000Z',
      targets: { unknown: 0, up: 1, degraded: 0, down: 2 },
      kinds: { terminal: 3 },
    });
    expect(snapshot.stores[2]).not.toHaveProperty('since');
    expect(snapshot.incidents).toMatchObject([
      { id: 'norrbo', openedAt: '2025-12-22T13:00:00.000Z' },
      { id: 'web' },
    ]);
  });

  test('knows nothing of an estate of which nothing was announced', () => {
    const snapshot = makeSnapshot(new Announcer(estate), {}, START_MS);
    expect(snapshot.targets.counts).toEqual({ unknown: 13, up: 0, degraded: 0, down: 0 });
    expect(snapshot.stores.map(({ state, since }) => [state, since])).toEqual(
      Array.from({ length: 4 }, () => ['unknown', undefined]),
    );
  });

  test.each<{ name: string; filter: FeedFilter; stores: number; targets: number; incidents: string[] }>([
    { name: 'chain', filter: { chain: 'Solhaga' }, stores: 2, targets: 7, incidents: ['web'] },
    { name: 'region', filter: { region: 'Dalarna' }, stores: 2, targets: 6, incidents: ['norrbo'] },
    { name: 'store', filter: { store: 'Norrbo-2' }, stores: 1, targets: 3, incidents: ['norrbo'] },
    { name: 'severity', filter: { minSeverity: 'major' }, stores: 4, targets: 13, incidents: ['norrbo'] },
    {
      name: 'kinds, which choose no state',
      filter: { kinds: ['config-reloaded'] },
      stores: 4,
      targets: 13,
      incidents: ['norrbo', 'web'],
    },
    { name: 'an unknown chain', filter: { chain: 'Ingen' }, stores: 0, targets: 0, incidents: [] },
  ])('filters by $name', async ({ filter, stores, targets, incidents }) => {
    const snapshot = makeSnapshot(await announced(), filter, START_MS);
    expect(snapshot.stores.length).toBe(stores);
    expect(Object.values(snapshot.targets.counts).reduce((sum, count) => sum + count)).toBe(targets);
    expect(snapshot.incidents.map(({ id }) => id)).toEqual(incidents);
  });
});
