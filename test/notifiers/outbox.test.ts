import { describe, expect, test } from '@jest/globals';
import { NOTHING_TOLD, route } from '../../src/core/routing.ts';
import { Outbox } from '../../src/notifiers/outbox.ts';
import { makeRoute, makeRouting, NOON_MS, told } from '../core/notices.ts';
import { FakeClock } from '../tools/fake-clock.ts';
import { MemoryOutboxStore } from './memory-outbox-store.ts';
import { addressed, digestOf, progress } from './messages.ts';

/** An outbox at noon, with what it told its listener. */
function open(store = new MemoryOutboxStore()) {
  const clock = new FakeClock(NOON_MS);
  const heard: string[] = [];
  const outbox = new Outbox(store, clock, {
    stored: () => heard.push('stored'),
    writableChanged: (error) => heard.push(error === undefined ? 'writable' : error.message),
  });
  const claim = (channel: string) => outbox.claim(channel, clock.nowMs());
  return { outbox, store, clock, heard, claim, keyOf: (channel: string) => claim(channel)?.notice.key };
}

describe('a message', () => {
  test('is on disk, with the cursor and in one commit, before anybody can send it', async () => {
    const { outbox, store, claim, heard } = open();
    outbox.record(progress(7, addressed(7, 'a', 'i'), addressed(7, 'b', 'i')));
    expect(claim('a')).toBeUndefined();
    await outbox.flushed();
    expect([store.commits, store.load().cursor, store.load().pending.length, heard]).toEqual([
      1,
      7,
      2,
      ['stored'],
    ]);
    expect(claim('a')?.notice.key).toBe('i/opened/7/a');
    expect(claim('a')).toBeUndefined();
  });

  test('of a key that is waiting already is not taken twice', async () => {
    const { outbox, keyOf } = open();
    outbox.record(progress(7, addressed(7, 'a', 'i')));
    outbox.record(progress(7, addressed(7, 'a', 'i')));
    await outbox.flushed();
    expect([keyOf('a'), keyOf('a')]).toEqual(['i/opened/7/a', undefined]);
  });

  test('waits for those before it of the same incident, and for no other', async () => {
    const { outbox, clock, claim, keyOf } = open();
    outbox.record(
      progress(
        4,
        addressed(1, 'a', 'i'),
        addressed(2, 'a', 'i', 'resolved'),
        digestOf(3, 'a', ['i', 'j']),
        addressed(4, 'a', 'k'),
      ),
    );
    await outbox.flushed();
    const first = claim('a');
    expect(first?.notice.key).toBe('i/opened/1/a');
    expect([keyOf('a'), keyOf('a')]).toEqual(['k/opened/4/a', undefined]);
    if (first !== undefined) outbox.retry(first, 'busy', clock.nowMs() + 1_000);
    expect(keyOf('a')).toBeUndefined();
    await clock.advance(1_000);
    const again = claim('a');
    expect(again).toMatchObject({ attempts: 1, error: 'busy', notice: { key: 'i/opened/1/a' } });
    if (again !== undefined) outbox.delivered(again, undefined);
    expect([keyOf('a'), keyOf('a')]).toEqual(['i/resolved/2/a', undefined]);
  });

  test('that was tried less often goes first', async () => {
    const { outbox, clock, claim, keyOf } = open();
    outbox.record(progress(2, addressed(1, 'a', 'i'), addressed(2, 'a', 'j')));
    await outbox.flushed();
    const first = claim('a');
    if (first !== undefined) outbox.retry(first, 'busy', clock.nowMs());
    expect([keyOf('a'), keyOf('a')]).toEqual(['j/opened/2/a', 'i/opened/1/a']);
  });

  test('of an update that waits gives way to a newer one, but not while it is sent', async () => {
    const { outbox, store, claim, keyOf } = open();
    outbox.record(
      progress(
        3,
        addressed(1, 'a', 'i', 'updated'),
        addressed(2, 'a', 'i', 'updated'),
        addressed(2, 'a', 'j', 'updated'),
      ),
    );
    await outbox.flushed();
    expect(claim('a')?.notice.key).toBe('i/updated/2/a');
    outbox.record(progress(4, addressed(4, 'a', 'i', 'resolved'), addressed(4, 'a', 'j', 'resolved')));
    await outbox.flushed();
    expect(store.load().pending.map(({ notice }) => notice.key)).toEqual([
      'i/updated/2/a',
      'i/resolved/4/a',
      'j/resolved/4/a',
    ]);
    expect(keyOf('a')).toBe('j/resolved/4/a');
  });

  test('is given what its receiver calls the incident, until that has ended', async () => {
    const { outbox, claim, store } = open();
    outbox.record(
      progress(
        3,
        addressed(1, 'a', 'i'),
        addressed(2, 'a', 'i', 'updated'),
        addressed(3, 'a', 'i', 'resolved'),
      ),
    );
    await outbox.flushed();
    const references: (string | undefined)[] = [];
    for (let message = claim('a'); message !== undefined; message = claim('a')) {
      references.push(outbox.referenceFor(message));
      outbox.delivered(message, references.length === 1 ? '42' : undefined);
    }
    expect(references).toEqual([undefined, '42']);
    await outbox.flushed();
    expect(store.load().heard).toEqual([]);
    expect(store.list('delivered', 10)).toHaveLength(2);
  });

  test('of an end is moot where nobody can have heard of the beginning', async () => {
    const { outbox, claim, clock } = open();
    outbox.record(
      progress(
        4,
        addressed(1, 'a', 'i'),
        addressed(2, 'a', 'i', 'resolved'),
        addressed(3, 'a', 'j'),
        addressed(4, 'a', 'j', 'resolved'),
      ),
    );
    await outbox.flushed();
    const [i, j] = [claim('a'), claim('a')];
    if (i === undefined || j === undefined) throw new Error('nothing to send');
    outbox.bury(i, 'No such door.');
    outbox.retry(j, 'No answer in time.', clock.nowMs());
    outbox.bury(j, 'No answer in a day.');
    const ends = [claim('a'), claim('a')].map((message) => message && outbox.isMoot(message));
    expect(ends).toEqual([true, false]);
  });
});

describe('an outbox', () => {
  test('goes on after a restart where it was', async () => {
    const { outbox, store, claim } = open();
    const { state, messages } = route(
      NOTHING_TOLD,
      told(7, 'i', 'opened'),
      makeRouting([makeRoute('x', ['a', 'b'])]),
    );
    outbox.record({ cursor: 7, state, messages });
    await outbox.flushed();
    const sent = claim('a');
    if (sent !== undefined) outbox.delivered(sent, '42');
    await outbox[Symbol.asyncDispose]();

    const next = open(store);
    expect([next.outbox.cursor, next.outbox.state]).toEqual([7, state]);
    expect([next.keyOf('a'), next.keyOf('b')]).toEqual([undefined, 'i/opened/7/b']);
    expect(next.outbox.channels()).toEqual(new Set(['a', 'b']));
    next.outbox.record({ cursor: 7, state: NOTHING_TOLD, messages: [] });
    await next.outbox.flushed();
    expect(store.load()).toMatchObject({ followed: new Map(), windows: new Map() });
  });

  test('keeps what its store refuses, sends nothing of it, and writes it when the store takes it', async () => {
    const { outbox, store, clock, heard, claim } = open();
    store.refuse(new Error('the disk is full'));
    outbox.record(progress(7, addressed(7, 'a', 'i')));
    await clock.advance(60_000);
    expect([claim('a'), heard]).toEqual([undefined, ['the disk is full']]);
    store.refuse(undefined);
    await clock.advance(5_000);
    expect(heard).toEqual(['the disk is full', 'writable', 'stored']);
    expect(claim('a')?.notice.key).toBe('i/opened/7/a');
  });

  test('ends also when its store refuses', async () => {
    const { outbox, store } = open();
    store.refuse(new Error('the disk is full'));
    outbox.record(progress(7, addressed(7, 'a', 'i')));
    await outbox[Symbol.asyncDispose]();
    expect(store.load().pending).toEqual([]);
  });

  test('does not write for every event that changes nothing, but at its end', async () => {
    const { outbox, store } = open();
    outbox.record(progress(1));
    await outbox.flushed();
    for (let seq = 2; seq < 500; seq++) outbox.record(progress(seq));
    await outbox.flushed();
    expect([store.commits, store.load().cursor]).toEqual([1, 1]);
    outbox.record(progress(20_000));
    await outbox.flushed();
    expect(store.load().cursor).toBe(20_000);
    outbox.record(progress(20_001));
    await outbox[Symbol.asyncDispose]();
    expect(store.load().cursor).toBe(20_001);
  });

  test('tells how much waits, and since when', async () => {
    const { outbox } = open();
    expect(outbox.backlog('a')).toEqual({ count: 0, oldestMs: undefined });
    outbox.record(progress(1, { ...addressed(1, 'a', 'i'), dueMs: NOON_MS - 5 }, addressed(1, 'a', 'j')));
    expect(outbox.backlog('a')).toEqual({ count: 2, oldestMs: NOON_MS - 5 });
  });
});
