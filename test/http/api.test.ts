import { afterEach, describe, expect, test } from '@jest/globals';
import type { EventDraft, Incident, JournalEvent } from '../../src/core/events.ts';
import { toIncidentId, toStoreId, toTargetId } from '../../src/estate/ids.ts';
import { MemoryJournal } from '../../src/journal/memory-journal.ts';
import { makeTarget } from '../metrics/targets.ts';
import { type Fixture, type FixtureOptions, makeStore, startFixture } from './app-fixture.ts';

const STORES = [
  makeStore('s2', 'Solhaga Arvika', { city: 'Arvika' }),
  makeStore('s1', 'Björka Säffle', {
    chain: 'Björka',
    city: 'Säffle',
    labels: { chain: 'Björka', size: 'L' },
  }),
];
const TARGETS = [
  makeTarget('T3', { store: 's2', labels: { chain: 'Solhaga' } }),
  makeTarget('T1', { store: 's1', labels: { chain: 'Björka', region: 'Värmland' } }),
  makeTarget('T2', { store: 's1', labels: { chain: 'Björka' } }),
  makeTarget('a/b ö', { module: 'shop', kind: 'web', address: 'https://shop.test/' }),
];

let fixture: Fixture | undefined;
afterEach(async () => {
  await fixture?.[Symbol.asyncDispose]();
  fixture = undefined;
});
async function start(options: FixtureOptions = {}) {
  fixture = await startFixture({ stores: STORES, targets: TARGETS, ...options });
  const { get } = fixture;
  return { ...fixture, read: async (path: string) => (await get(path)).json() as Promise<Body> };
}

interface Body {
  readonly [name: string]: unknown;
  readonly next: unknown;
  readonly targets: readonly { readonly id: string }[];
  readonly stores: readonly { readonly id: string }[];
  readonly incidents: readonly { readonly id: string }[];
  readonly events: readonly { readonly seq: number }[];
}
const ids = (list: readonly { readonly id: string }[]): string[] => list.map(({ id }) => id);

describe('the list of targets', () => {
  test('has the shape that design.md promises', async () => {
    const { read, see } = await start();
    see('T1', 'down', {
      reason: 'connect-refused',
      message: 'It refuses.',
      sinceMs: Date.UTC(2026, 11, 22, 15),
    });
    const { targets } = await read('/api/v1/targets?state=down');
    expect(targets).toEqual([
      {
        id: 'T1',
        labels: { kind: 'terminal', store: 's1', chain: 'Björka', region: 'Värmland' },
        state: 'down',
        since: '2026-12-22T15:00:00.000Z',
        reason: 'connect-refused',
        message: 'It refuses.',
        lastProbeAt: expect.stringMatching(/^\d{4}-.*Z$/),
        durationMs: 12.5,
      },
    ]);
  });

  test('tells no probe, duration or reason of a target never probed', async () => {
    const { read } = await start();
    const { targets } = await read('/api/v1/targets?store=s2');
    expect(targets).toEqual([
      {
        id: 'T3',
        labels: { kind: 'terminal', store: 's2', chain: 'Solhaga' },
        state: 'unknown',
        since: expect.any(String),
        message: '',
      },
    ]);
  });

  test.each([
    { query: '', found: ['T1', 'T2', 'T3', 'a/b ö'] },
    { query: '?state=up', found: ['T2'] },
    { query: '?store=s1', found: ['T1', 'T2'] },
    { query: '?chain=Bj%C3%B6rka', found: ['T1', 'T2'] },
    { query: '?module=shop', found: ['a/b ö'] },
    { query: '?kind=terminal&state=down', found: ['T1'] },
    { query: '?chain=nobody', found: [] },
  ])('is filtered by "$query"', async ({ query, found }) => {
    const { read, see } = await start();
    see('T1', 'down');
    see('T2', 'up');
    const body = await read(`/api/v1/targets${query}`);
    expect(ids(body.targets)).toEqual(found);
    expect(body.next).toBeNull();
  });

  test('comes in pages that hold every target once, also when some go meanwhile', async () => {
    const many = Array.from({ length: 25 }, (_, i) => makeTarget(`T${String(i).padStart(2, '0')}`));
    const { read, columns } = await start({ targets: many.toReversed(), stores: [] });
    const first = await read('/api/v1/targets?limit=10');
    expect(ids(first.targets)).toEqual(many.slice(0, 10).map(({ id }) => id));
    expect(first.next).toBe('T09');
    columns.remove(columns.slotOf(toTargetId('T09')) ?? -1);
    columns.remove(columns.slotOf(toTargetId('T10')) ?? -1);
    const second = await read(`/api/v1/targets?limit=10&after=${String(first.next)}`);
    expect(ids(second.targets)).toEqual(many.slice(11, 21).map(({ id }) => id));
    const last = await read(`/api/v1/targets?limit=10&after=${String(second.next)}`);
    expect(ids(last.targets)).toEqual(many.slice(21).map(({ id }) => id));
    expect(last.next).toBeNull();
  });

  test('ends with null when the last page is full', async () => {
    const { read } = await start();
    expect(await read('/api/v1/targets?limit=4')).toMatchObject({ next: null });
    expect(await read('/api/v1/targets?limit=3')).toMatchObject({ next: 'T3' });
  });
});

test('one target is found by any id, with all that is known of it', async () => {
  const { read, columns, see } = await start();
  see('a/b ö', 'up');
  const slot = columns.slotOf(toTargetId('a/b ö')) ?? -1;
  columns.setLastReason(slot, 'content');
  columns.setMessage(slot, 'It shows a maintenance page.');
  expect(await read(`/api/v1/targets/${encodeURIComponent('a/b ö')}`)).toMatchObject({
    id: 'a/b ö',
    state: 'up',
    module: 'shop',
    kind: 'web',
    address: 'https://shop.test/',
    lastReason: 'content',
    message: 'It shows a maintenance page.',
    flapping: false,
  });
});

test('a target that is down behind another says so, and only then', async () => {
  const needs = new Map([[toTargetId('T1'), [{ anyOf: [toTargetId('T3')] }]]]);
  const { read, see } = await start({ needs });
  const behind = async () => (await read('/api/v1/targets/T1'))['behind'];
  see('T1', 'down', { reason: 'connect-timeout' });
  expect(await behind()).toBeUndefined();
  see('T3', 'down', { reason: 'unreachable' });
  expect(await behind()).toBe('T3');
  expect((await read('/api/v1/targets?state=down')).targets).toMatchObject([
    { id: 'T1', behind: 'T3' },
    expect.not.objectContaining({ behind: expect.anything() }),
  ]);
  see('T1', 'up');
  expect(await behind()).toBeUndefined();
});

test('while we are blind no target is called down', async () => {
  const { read, see, board } = await start();
  see('T1', 'down', { reason: 'tls' });
  board.apply({
    seq: 1,
    atMs: 2_000,
    kind: 'monitor-blinded',
    reason: 'self-network',
    message: 'None of 3 canaries answers.',
    sinceMs: 1_000,
  });
  expect((await read('/api/v1/targets?state=down')).targets).toEqual([]);
  expect(await read('/api/v1/targets/T1')).toMatchObject({
    state: 'unknown',
    reason: 'self-network',
    since: '1970-01-01T00:00:01.000Z',
  });
  expect((await read('/api/v1/stores/s1')).targets).toMatchObject([
    { state: 'unknown' },
    { state: 'unknown' },
  ]);
});

describe('stores', () => {
  test('come by id, in pages, with their targets counted as announced', async () => {
    const { read, board } = await start();
    board.apply({ seq: 1, ...changeOf('T1', 's1') });
    const first = await read('/api/v1/stores?limit=1');
    expect(first.stores).toEqual([
      {
        id: 's1',
        name: 'Björka Säffle',
        chain: 'Björka',
        city: 'Säffle',
        state: 'down',
        since: '2026-12-22T15:00:00.000Z',
        targets: { unknown: 1, up: 0, degraded: 0, down: 1 },
        kinds: { terminal: 2 },
        methods: {},
      },
    ]);
    const second = await read(`/api/v1/stores?after=${String(first.next)}`);
    expect(ids(second.stores)).toEqual(['s2']);
    expect(second.next).toBeNull();
  });

  test('have their targets and labels with them when asked one by one', async () => {
    const { read } = await start();
    const body = await read('/api/v1/stores/s1');
    expect(body['store']).toMatchObject({ id: 's1', labels: { chain: 'Björka', size: 'L' } });
    expect(ids(body.targets)).toEqual(['T1', 'T2']);
    expect(body['reports']).toEqual([]);
  });

  test('tell how customers can pay and what people there say', async () => {
    const { read, board } = await start();
    const card = {
      state: 'down',
      reason: 'host',
      message: 'Cards cannot be paid with.',
      since: '1970-01-01T00:00:01.000Z',
    };
    board.apply({
      seq: 1,
      atMs: 1_000,
      kind: 'payment-method-changed',
      store: toStoreId('s1'),
      method: 'card',
      from: 'unknown',
      to: 'down',
      reason: 'host',
      message: 'Cards cannot be paid with.',
      sinceMs: 1_000,
    });
    board.apply({
      seq: 2,
      atMs: 2_000,
      kind: 'human-report',
      store: toStoreId('s1'),
      method: 'card',
      says: 'works',
      by: 'till 3',
      comment: 'paid just now',
      probesSay: 'down',
      disagrees: true,
    });
    expect(await read('/api/v1/stores/s1')).toMatchObject({
      store: { methods: { card } },
      reports: [
        {
          method: 'card',
          says: 'works',
          by: 'till 3',
          comment: 'paid just now',
          at: '1970-01-01T00:00:02.000Z',
          probesSay: 'down',
          disagrees: true,
        },
      ],
    });
    expect((await read('/api/v1/stores')).stores).toMatchObject([{ methods: { card } }, { methods: {} }]);
  });
});

describe('incidents', () => {
  test('that are open come from what was announced, newest first, in the shape of the feed', async () => {
    const { read, board } = await start();
    for (const [i, id] of ['i1', 'i2', 'i3'].entries()) board.apply(opened(i + 1, incident(id, i)));
    const first = await read('/api/v1/incidents?limit=2');
    expect(ids(first.incidents)).toEqual(['i3', 'i2']);
    expect(first.incidents[0]).toEqual({
      id: 'i3',
      scope: [{ store: 's1' }],
      title: 'T1 is down',
      severity: 'minor',
      state: 'open',
      openedAt: '1970-01-01T00:00:02.000Z',
      targetsDown: 1,
      storesAffected: 1,
      reason: 'tls',
    });
    const second = await read(`/api/v1/incidents?limit=2&after=${encodeURIComponent(String(first.next))}`);
    expect([ids(second.incidents), second.next]).toEqual([['i1'], null]);
    expect(await read('/api/v1/incidents/i2')).toMatchObject({ id: 'i2', state: 'open' });
  });

  test('that ended are found in the journal, as soon as they end', async () => {
    const { read, board, journal } = await start();
    const end = (id: string, at: number): Incident => ({
      ...incident(id, at),
      state: 'resolved',
      resolvedAtMs: 9_000,
      targetsDown: 0,
    });
    await journal.append([{ atMs: 9_000, kind: 'incident-resolved', incident: end('i1', 1) }]);
    board.apply(opened(2, incident('i2', 2)));
    expect(ids((await read('/api/v1/incidents')).incidents)).toEqual(['i2']);
    expect(ids((await read('/api/v1/incidents?state=resolved')).incidents)).toEqual(['i1']);
    await journal.append([{ atMs: 9_000, kind: 'incident-resolved', incident: end('i0', 0) }]);
    expect(ids((await read('/api/v1/incidents?state=all')).incidents)).toEqual(['i2', 'i1', 'i0']);
    expect(await read('/api/v1/incidents/i0')).toMatchObject({
      state: 'resolved',
      resolvedAt: '1970-01-01T00:00:09.000Z',
    });
  });
});

describe('events', () => {
  test('come in order after the given one, and name where to go on', async () => {
    const { read, journal } = await start();
    await journal.append(Array.from({ length: 5 }, (_, i) => changeOf(`T${i}`, 's1')));
    const first = await read('/api/v1/events?limit=2');
    expect(first.events).toEqual([
      {
        seq: 1,
        at: '2026-12-22T15:00:05.000Z',
        kind: 'target-state-changed',
        target: 'T0',
        store: 's1',
        from: 'up',
        to: 'down',
        reason: 'tls',
        message: 'No session.',
        since: '2026-12-22T15:00:00.000Z',
      },
      expect.objectContaining({ seq: 2 }),
    ]);
    expect(first.next).toBe(2);
    const rest = await read('/api/v1/events?since=2');
    expect(rest.events.map(({ seq }) => seq)).toEqual([3, 4, 5]);
    expect(rest.next).toBe(5);
    expect(await read('/api/v1/events?since=5')).toEqual({ events: [], next: 5 });
  });

  test('that are no longer kept are told as a gap', async () => {
    const journal = new MemoryJournal({ keep: 2 });
    const { read } = await start({ context: { journal } });
    await journal.append(Array.from({ length: 5 }, (_, i) => changeOf(`T${i}`, 's1')));
    expect(await read('/api/v1/events?since=1')).toMatchObject({
      events: [{ seq: 4 }, { seq: 5 }],
      gap: { since: 1, firstSeq: 4 },
    });
    expect(await read('/api/v1/events?since=3')).not.toHaveProperty('gap');
    expect(await read('/api/v1/events')).not.toHaveProperty('gap');
  });

  test('are streamed by the handler of the feed', async () => {
    const { get } = await start();
    expect(await (await get('/api/v1/events/stream?kinds=incident-opened,incident-resolved')).text()).toBe(
      'stream',
    );
  });
});

function changeOf(target: string, store: string): EventDraft {
  return {
    atMs: Date.UTC(2026, 11, 22, 15, 0, 5),
    kind: 'target-state-changed',
    target: toTargetId(target),
    store: toStoreId(store),
    from: 'up',
    to: 'down',
    reason: 'tls',
    message: 'No session.',
    sinceMs: Date.UTC(2026, 11, 22, 15),
  };
}

function incident(id: string, openedAtSeconds: number): Incident {
  return {
    id: toIncidentId(id),
    scope: [{ store: 's1' }],
    title: 'T1 is down',
    severity: 'minor',
    state: 'open',
    openedAtMs: openedAtSeconds * 1_000,
    targetsDown: 1,
    storesAffected: 1,
    reason: 'tls',
  };
}

function opened(seq: number, incident: Incident): JournalEvent {
  return { seq, atMs: incident.openedAtMs, kind: 'incident-opened', incident };
}
