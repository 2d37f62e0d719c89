import { describe, expect, test } from '@jest/globals';
import type { EventDraft, MethodState } from '../../src/core/events.ts';
import type { MethodStatus } from '../../src/core/payment-methods.ts';
import { toIncidentId, toStoreId } from '../../src/estate/ids.ts';
import type { FeedFilter } from '../../src/feed/protocol.ts';
import { makeSnapshot } from '../../src/feed/snapshot.ts';
import type { FeedSource } from '../../src/feed/source.ts';
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
      methods: {},
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

  test('tells how customers can pay, in the words of now where the state is the one announced', async () => {
    const source = await announced();
    const id = toStoreId('Norrbo-2');
    const change = (method: string, from: MethodState, to: MethodState, message: string): EventDraft => ({
      atMs: START_MS,
      kind: 'payment-method-changed',
      store: id,
      method,
      from,
      to,
      message,
      sinceMs: START_MS,
    });
    await source.announce([
      change('card', 'unknown', 'degraded', 'Cards work on 2 of 3 terminals.'),
      change('swish', 'unknown', 'available', 'Swish works.'),
      change('cash', 'unknown', 'available', 'Cash works.'),
    ]);
    const methodsOf = (from: Pick<FeedSource, 'board' | 'estate' | 'methodsNow'>) =>
      makeSnapshot(from, {}, START_MS).stores.find((store) => store.id === id)?.methods;
    const since = '2025-12-22T13:00:00.000Z';
    expect(methodsOf(source)).toEqual({
      card: { state: 'degraded', message: 'Cards work on 2 of 3 terminals.', since },
      swish: { state: 'available', message: 'Swish works.', since },
      cash: { state: 'available', message: 'Cash works.', since },
    });
    const judged = (state: MethodState, message: string): MethodStatus => ({ state, message, sinceMs: 0 });
    const now = new Map([
      ['card', judged('degraded', 'Cards work on 1 of 3 terminals.')],
      ['swish', judged('down', 'Swish cannot be paid with.')],
      ['web', judged('available', 'The web shop works.')],
      ['wallet', judged('unknown', 'Whether mobile wallets work is not known.')],
    ]);
    const judging = { board: source.board, estate: () => estate, methodsNow: () => now };
    expect(methodsOf(judging)).toEqual({
      card: { state: 'degraded', message: 'Cards work on 1 of 3 terminals.', since },
      swish: { state: 'available', message: 'Swish works.', since },
      web: { state: 'unknown', message: 'Nothing is known of it yet.' },
      wallet: { state: 'unknown', message: 'Whether mobile wallets work is not known.' },
    });
    await source.announce([change('swish', 'available', 'down', 'Swish cannot be paid with.')]);
    expect(methodsOf(judging)?.['swish']?.state).toBe('down');
  });

  test('tells of the open incidents announced what they are now, but not who takes them on before that is announced', async () => {
    const source = await announced();
    const [norrbo, web] = source.board.openIncidents();
    if (norrbo === undefined || web === undefined) throw new Error('two were announced');
    const acknowledgement = { by: 'Kim', comment: '', atMs: START_MS, sticky: false };
    const now = [
      { ...norrbo, targetsDown: 2, title: 'Both', severity: 'critical' as const, acknowledgement },
      { ...web, id: toIncidentId('not-announced-yet') },
    ];
    const growing = { board: source.board, estate: () => estate, incidentsNow: () => now };
    const incidentsOf = (filter: FeedFilter) => makeSnapshot(growing, filter, START_MS).incidents;
    const wireNorrbo = expect.objectContaining({ targetsDown: 2, title: 'Both', severity: 'critical' });
    expect(incidentsOf({})).toEqual([wireNorrbo, expect.objectContaining({ id: 'web', title: 'web' })]);
    expect(incidentsOf({})[0]).not.toHaveProperty('acknowledgement');
    expect(incidentsOf({ minSeverity: 'critical' })).toEqual([]);
    await source.announce([
      {
        atMs: START_MS,
        kind: 'incident-acknowledged',
        incident: norrbo,
        acknowledgement,
        isWithdrawn: false,
      },
    ]);
    expect(incidentsOf({})[0]).toMatchObject({ acknowledgement: { by: 'Kim' }, targetsDown: 2 });
  });

  test('keeps a store as it is until something of it changes', async () => {
    const source = await announced();
    const storeNow = () => makeSnapshot(source, {}, START_MS).stores.find(({ id }) => id === 'Norrbo-1');
    const first = storeNow();
    expect(storeNow()).toBe(first);
    await source.announce([
      {
        atMs: START_MS,
        kind: 'payment-method-changed',
        store: toStoreId('Norrbo-1'),
        method: 'card',
        from: 'unknown',
        to: 'available',
        message: 'Cards work.',
        sinceMs: START_MS,
      },
    ]);
    expect(storeNow()).not.toBe(first);
  });

  test('knows nothing while we are blind, and says why', async () => {
    const source = await announced();
    await source.announce([
      {
        atMs: START_MS,
        kind: 'monitor-blinded',
        reason: 'self-network',
        message: 'None of 3 canaries answers.',
        sinceMs: START_MS - 1_000,
      },
    ]);
    const snapshot = makeSnapshot(source, {}, START_MS);
    expect(snapshot.blind).toEqual({
      reason: 'self-network',
      message: 'None of 3 canaries answers.',
      since: '2025-12-22T12:59:59.000Z',
    });
    expect(snapshot.targets.counts).toEqual({ unknown: 13, up: 0, degraded: 0, down: 0 });
    expect(new Set(snapshot.stores.map(({ state }) => state))).toEqual(new Set(['unknown']));
    expect(makeSnapshot(await announced(), {}, START_MS)).not.toHaveProperty('blind');
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
