import { describe, expect, test } from '@jest/globals';
import type { Addressed } from '../../src/core/routing.ts';
import { Dispatcher } from '../../src/notifiers/dispatcher.ts';
import { Outbox } from '../../src/notifiers/outbox.ts';
import { NOON_MS } from '../core/notices.ts';
import { FakeClock } from '../tools/fake-clock.ts';
import { MemoryOutboxStore } from './memory-outbox-store.ts';
import { addressed, progress } from './messages.ts';
import { BUSY, DELIVERED, ScriptedChannel, WRONG } from './scripted-channel.ts';

const HOUR_MS = 3_600_000;

/** A dispatcher at work by `channels`, without jitter unless `random` says so. */
function start(channels: Readonly<Record<string, ScriptedChannel>>, random = () => 1) {
  const clock = new FakeClock(NOON_MS);
  const store = new MemoryOutboxStore();
  const told: string[] = [];
  const outbox = new Outbox(store, clock, {
    stored: () => dispatcher.wake(),
    writableChanged: () => undefined,
  });
  const dispatcher: Dispatcher = new Dispatcher(outbox, clock, random, {
    delivered: ({ channel, notice }, dwellMs) => told.push(`${channel} ${notice.key} after ${dwellMs}`),
    failed: ({ channel, notice }, { message }, { isGivenUp, isFirst }) => {
      const how = isGivenUp ? 'given up' : isFirst ? 'failing' : 'still failing';
      told.push(`${channel} ${notice.key} ${how}: ${message}`);
    },
  });
  const use = (next: Readonly<Record<string, ScriptedChannel>>) =>
    dispatcher.use(
      new Map(Object.entries(next).map(([name, channel]) => [name, { channel, timeoutMs: 10_000 }])),
    );
  use(channels);
  let cursor = 0;
  const put = (...messages: readonly Addressed[]) => outbox.record(progress(++cursor, ...messages));
  return { clock, store, outbox, dispatcher, told, put, use };
}

/** When each attempt was, in seconds after noon. */
function timesOf(channel: ScriptedChannel, clock: FakeClock): readonly number[] {
  const times: number[] = [];
  const before = channel.answer;
  channel.answer = (notice) => {
    times.push((clock.nowMs() - NOON_MS) / 1_000);
    return before(notice);
  };
  return times;
}

describe('a message', () => {
  test('is sent as soon as it is stored', async () => {
    const a = new ScriptedChannel();
    const { clock, told, put, store } = start({ a });
    put(addressed(1, 'a', 'i'));
    await clock.advance(0);
    expect(told).toEqual(['a i/opened/1/a after 0']);
    expect(store.list('delivered', 10)).toMatchObject([{ attempts: 1 }]);
  });

  test('goes alone: the next waits until it has settled', async () => {
    const a = new ScriptedChannel(() => undefined);
    const { clock, put } = start({ a });
    put(addressed(1, 'a', 'i'), addressed(1, 'a', 'j'));
    await clock.advance(5_000);
    expect(a.keys).toEqual(['i/opened/1/a']);
    a.attempts[0]?.settle(DELIVERED);
    await clock.advance(0);
    expect(a.keys).toEqual(['i/opened/1/a', 'j/opened/1/a']);
  });

  test('is tried again less and less often, and given up after a day', async () => {
    const a = new ScriptedChannel(() => BUSY);
    const { clock, told, put, store } = start({ a });
    const times = timesOf(a, clock);
    put(addressed(1, 'a', 'i'));
    await clock.advance(23 * HOUR_MS);
    expect(times.slice(0, 12)).toEqual([0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1_111]);
    expect(store.list('dead', 10)).toEqual([]);
    await clock.advance(HOUR_MS);
    expect(store.list('dead', 10)).toMatchObject([{ error: 'It is busy.' }]);
    expect(told[0]).toBe('a i/opened/1/a failing: It is busy.');
    expect(told[1]).toBe('a i/opened/1/a still failing: It is busy.');
    expect(told.at(-1)).toBe('a i/opened/1/a given up: It is busy.');
    const count = times.length;
    await clock.advance(HOUR_MS);
    expect(times).toHaveLength(count);
  });

  test('is tried again sooner by chance, by a half at most', async () => {
    const a = new ScriptedChannel(() => BUSY);
    const { clock, put } = start({ a }, () => 0);
    const times = timesOf(a, clock);
    put(addressed(1, 'a', 'i'));
    await clock.advance(4_000);
    expect(times).toEqual([0, 0.5, 1.5, 3.5]);
  });

  test('that cannot be delivered as it is is given up at once', async () => {
    const a = new ScriptedChannel(({ key }) => (key.startsWith('i/') ? WRONG : DELIVERED));
    const { clock, told, put, store } = start({ a });
    put(addressed(1, 'a', 'i'), addressed(1, 'a', 'j'));
    await clock.advance(HOUR_MS);
    expect(told).toEqual(['a i/opened/1/a given up: There is no such address.', 'a j/opened/1/a after 0']);
    expect(store.list('dead', 10)).toMatchObject([{ attempts: 1, error: 'There is no such address.' }]);
  });

  test('whose receiver asks for time gets it, and so does all else for it', async () => {
    const a = new ScriptedChannel(() => ({ ...BUSY, retryAfterMs: 90_000 }));
    const { clock, put } = start({ a });
    const times = timesOf(a, clock);
    put(addressed(1, 'a', 'i'));
    await clock.advance(10_000);
    put(addressed(2, 'a', 'j'));
    await clock.advance(79_000);
    expect(times).toEqual([0]);
    await clock.advance(2_000);
    expect(times).toEqual([0, 90]);
  });

  test('without an answer in time is tried again', async () => {
    const a = new ScriptedChannel(() => undefined);
    const { clock, told, put } = start({ a });
    put(addressed(1, 'a', 'i'));
    await clock.advance(9_999);
    expect(told).toEqual([]);
    await clock.advance(1);
    expect(told).toEqual(['a i/opened/1/a failing: No answer in time.']);
    a.answer = () => DELIVERED;
    await clock.advance(1_000);
    expect(told.at(-1)).toBe('a i/opened/1/a after 11000');
  });

  test('whose channel breaks is tried again', async () => {
    const a = new ScriptedChannel(() => undefined);
    const { clock, told, put } = start({ a });
    put(addressed(1, 'a', 'i'));
    await clock.advance(0);
    a.attempts[0]?.reject(new Error('a bug'));
    await clock.advance(0);
    expect(told).toEqual(['a i/opened/1/a failing: The channel failed within: a bug']);
  });

  test('that is stored while the monitor was away for more than a day is old news', async () => {
    const a = new ScriptedChannel();
    const { clock, outbox, put, told, store, use } = start({});
    put(addressed(1, 'a', 'i'));
    await outbox.flushed();
    await clock.advance(25 * HOUR_MS);
    use({ a });
    await clock.advance(0);
    expect([a.keys, told]).toEqual([
      [],
      ['a i/opened/1/a given up: It could not be delivered within 24 hours.'],
    ]);
    expect(store.list('dead', 10)).toHaveLength(1);
  });

  test('of an end of which nobody heard the beginning is not sent', async () => {
    const a = new ScriptedChannel(({ change }) => (change === 'opened' ? WRONG : DELIVERED));
    const { clock, put, store, outbox } = start({ a });
    put(addressed(1, 'a', 'i'));
    put(addressed(2, 'a', 'i', 'resolved'));
    await clock.advance(1_000);
    await outbox.flushed();
    expect(a.keys).toEqual(['i/opened/1/a']);
    expect(store.load().pending).toEqual([]);
  });
});

test('the end of what only some could be told of is told', async () => {
  const a = new ScriptedChannel(({ change }) =>
    change === 'opened' ? { ...WRONG, isPartly: true } : DELIVERED,
  );
  const { clock, put } = start({ a });
  put(addressed(1, 'a', 'i'));
  put(addressed(2, 'a', 'i', 'resolved'));
  await clock.advance(0);
  expect(a.keys).toEqual(['i/opened/1/a', 'i/resolved/2/a']);
});

describe('a channel', () => {
  test('that is dead delays no other', async () => {
    const a = new ScriptedChannel(() => undefined);
    const b = new ScriptedChannel();
    const { clock, told, put } = start({ a, b });
    for (let n = 1; n <= 20; n++) put(addressed(n, 'a', `i${n}`), addressed(n, 'b', `i${n}`));
    await clock.advance(0);
    expect(told.filter((line) => line.endsWith('after 0'))).toHaveLength(20);
    expect(a.keys).toHaveLength(1);
  });

  test('with one message that fails delays no other message', async () => {
    const a = new ScriptedChannel(({ key }) => (key.startsWith('bad/') ? BUSY : DELIVERED));
    const { clock, told, put } = start({ a });
    put(addressed(1, 'a', 'bad'));
    await clock.advance(HOUR_MS);
    put(addressed(2, 'a', 'i'));
    await clock.advance(0);
    expect(told).toContain('a i/opened/2/a after 3600000');
  });

  test('that works again gets all that waits for it at once, each incident in its order', async () => {
    const a = new ScriptedChannel(() => BUSY);
    const { clock, put } = start({ a });
    put(addressed(1, 'a', 'i'), addressed(2, 'a', 'j'));
    await clock.advance(600_000);
    put(addressed(3, 'a', 'i', 'resolved'));
    a.answer = () => DELIVERED;
    const before = a.keys.length;
    put(addressed(4, 'a', 'k'));
    await clock.advance(0);
    expect(a.keys.slice(before)).toEqual(['k/opened/4/a', 'i/opened/1/a', 'i/resolved/3/a', 'j/opened/2/a']);
  });

  test('that is replaced finishes what it is sending, and the new one sends the rest', async () => {
    const [old, fresh] = [new ScriptedChannel(() => undefined), new ScriptedChannel()];
    const { clock, put, use, told } = start({ a: old });
    put(addressed(1, 'a', 'i'), addressed(2, 'a', 'j'));
    await clock.advance(0);
    use({ a: fresh });
    await clock.advance(0);
    expect([old.isClosed, old.keys, fresh.keys]).toEqual([false, ['i/opened/1/a'], []]);
    old.attempts[0]?.settle(DELIVERED);
    await clock.advance(0);
    expect([old.isClosed, fresh.keys]).toEqual([true, ['j/opened/2/a']]);
    expect(told).toHaveLength(2);
  });

  test('that is gone has what waited for it given up, with the reason', async () => {
    const [a, b] = [new ScriptedChannel(() => BUSY), new ScriptedChannel()];
    const { clock, put, use, store, outbox } = start({ a, b });
    put(addressed(1, 'a', 'i'), addressed(2, 'a', 'j'));
    await clock.advance(0);
    expect(use({ b })).toEqual(new Map([['a', 2]]));
    await clock.advance(0);
    await outbox.flushed();
    expect(store.list('dead', 10)).toMatchObject([
      { error: 'The channel is not configured any more.' },
      { error: 'The channel is not configured any more.' },
    ]);
    expect([a.isClosed, store.load().heard]).toEqual([true, []]);
  });

  test('that is gone while it sends may still deliver that, and is not tried again', async () => {
    const a = new ScriptedChannel(() => undefined);
    const { clock, put, use, store, outbox } = start({ a });
    put(addressed(1, 'a', 'i'));
    await clock.advance(0);
    expect(use({})).toEqual(new Map());
    a.attempts[0]?.settle(BUSY);
    await clock.advance(HOUR_MS);
    await outbox.flushed();
    expect([a.keys.length, store.list('dead', 10).length]).toEqual([1, 1]);
  });
});

test('a dispatcher that stops breaks off what it sends, closes its channels, and leaves the message to be sent again', async () => {
  const a = new ScriptedChannel(() => undefined);
  const { clock, put, store, dispatcher, outbox, told } = start({ a });
  put(addressed(1, 'a', 'i'));
  await clock.advance(0);
  await dispatcher[Symbol.asyncDispose]();
  await outbox[Symbol.asyncDispose]();
  expect([a.isClosed, told]).toEqual([true, []]);
  expect(store.load().pending).toMatchObject([{ attempts: 0, notice: { key: 'i/opened/1/a' } }]);
});
