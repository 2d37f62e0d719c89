import { expect, test } from '@jest/globals';
import { route } from '../../src/core/routing.ts';
import type { OutboxStore } from '../../src/notifiers/outbox-store.ts';
import { toIncidentId } from '../../src/estate/ids.ts';
import { makeRoute, makeRouting, NOON_MS, told } from '../core/notices.ts';
import { NOTHING_TOLD } from '../../src/core/routing.ts';
import { addressed, kept } from './messages.ts';

/** What every store of the outbox must do. `open`: a new one, or, after `close`, the same again. */
export function outboxStoreContract(
  use: (run: (store: OutboxStore, reopen: () => Promise<OutboxStore>) => Promise<void>) => Promise<void>,
): void {
  const first = kept(addressed(1, 'a', 'i'));
  const second = kept(addressed(2, 'a', 'i', 'resolved'));
  const other = kept(addressed(1, 'b', 'i'));

  test('has nothing when it is new', () =>
    use(async (store) => {
      expect(store.load()).toEqual({
        cursor: undefined,
        followed: new Map(),
        windows: new Map(),
        pending: [],
        heard: [],
      });
      expect(store.list('pending', 10)).toEqual([]);
      expect(store.count()).toEqual(new Map());
    }));

  test('gives back what was committed, as it was', () =>
    use(async (store, reopen) => {
      const { state } = route(NOTHING_TOLD, told(1, 'i', 'opened'), makeRouting([makeRoute('x', ['a'])]));
      const [followed, window] = [state.incidents.get(toIncidentId('i')), state.windows.get('a')];
      if (followed === undefined || window === undefined) throw new Error('nothing was routed');
      await store.commit([
        { kind: 'cursor', seq: 7 },
        { kind: 'follow', incident: toIncidentId('i'), followed },
        { kind: 'window', channel: 'a', window },
        { kind: 'message', message: first },
        { kind: 'message', message: other },
        { kind: 'hear', channel: 'a', incident: toIncidentId('i'), reference: '42' },
        { kind: 'hear', channel: 'b', incident: toIncidentId('i') },
      ]);
      const expected = {
        cursor: 7,
        followed: state.incidents,
        windows: state.windows,
        pending: [first, other],
        heard: [
          { channel: 'a', incident: 'i', reference: '42' },
          { channel: 'b', incident: 'i' },
        ],
      };
      expect(store.load()).toEqual(expected);
      expect((await reopen()).load()).toEqual(expected);
    }));

  test('takes a key once, also when its message has ended', () =>
    use(async (store) => {
      await store.commit([{ kind: 'message', message: first }]);
      await store.commit([{ kind: 'message', message: { ...first, attempts: 5 } }]);
      expect(store.load().pending).toEqual([first]);
      await store.commit([
        { kind: 'end', key: first.notice.key, state: 'delivered', endedMs: NOON_MS, attempts: 1 },
      ]);
      await store.commit([{ kind: 'message', message: first }]);
      expect(store.load().pending).toEqual([]);
    }));

  test('follows a message to its end, and lists the newest first, in pages', () =>
    use(async (store) => {
      await store.commit([first, other, second].map((message) => ({ kind: 'message', message }) as const));
      const failed = { ...first, attempts: 1, nextMs: NOON_MS + 5, error: 'It is busy.' };
      await store.commit([{ kind: 'attempt', message: failed }]);
      expect(store.load().pending).toEqual([failed, other, second]);
      await store.commit([
        { kind: 'end', key: first.notice.key, state: 'delivered', endedMs: NOON_MS + 9, attempts: 2 },
        {
          kind: 'end',
          key: other.notice.key,
          state: 'dead',
          endedMs: NOON_MS + 9,
          attempts: 1,
          error: 'No such door.',
        },
      ]);
      expect(store.count()).toEqual(
        new Map([
          ['a', { pending: 1, delivered: 1, dead: 0 }],
          ['b', { pending: 0, delivered: 0, dead: 1 }],
        ]),
      );
      const { error: _error, ...arrived } = failed;
      expect(store.list('delivered', 10)).toEqual([
        { ...arrived, id: 1, state: 'delivered', attempts: 2, endedMs: NOON_MS + 9 },
      ]);
      expect(store.list('dead', 10)).toMatchObject([{ id: 2, error: 'No such door.' }]);
      await store.commit([{ kind: 'message', message: kept(addressed(3, 'a', 'j')) }]);
      expect(store.list('pending', 1).map(({ id }) => id)).toEqual([4]);
      expect(store.list('pending', 1, 4).map(({ id }) => id)).toEqual([3]);
    }));

  test('forgets what it is told to, and what ended long ago', () =>
    use(async (store) => {
      const incident = toIncidentId('i');
      await store.commit([
        { kind: 'message', message: first },
        { kind: 'message', message: second },
        { kind: 'hear', channel: 'a', incident, reference: '42' },
        { kind: 'hear', channel: 'a', incident },
      ]);
      expect(store.load().heard).toEqual([{ channel: 'a', incident: 'i', reference: '42' }]);
      await store.commit([
        { kind: 'drop', key: second.notice.key },
        { kind: 'unhear', channel: 'a', incident },
        { kind: 'follow', incident },
        { kind: 'window', channel: 'a' },
        { kind: 'end', key: first.notice.key, state: 'dead', endedMs: NOON_MS, attempts: 1 },
      ]);
      expect(store.load()).toMatchObject({ pending: [], heard: [] });
      await store.prune(NOON_MS);
      expect(store.list('dead', 10)).toHaveLength(1);
      await store.prune(NOON_MS + 1);
      expect(store.list('dead', 10)).toEqual([]);
    }));
}
