import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { LANGUAGES, type Notice } from '../../src/core/notification.ts';
import { toIncidentId } from '../../src/estate/ids.ts';
import {
  type Channel,
  type Delivery,
  type Notifier,
  NotifierUnavailable,
} from '../../src/notifiers/notifier.ts';
import { MANNERS, type Manner, startTcpPeer } from '../probes/hostile-peer.ts';
import { settlesWithin50Ms } from '../tools/settles-in-time.ts';
import { contextFor, digestOf, noticeOf, TEST_NOTICE } from './notices.ts';

/** A receiver that works, and by what it knows the messages that it has. */
export interface Receiver extends AsyncDisposable {
  /** Options that lead to it. */
  readonly options: object;
  /** What tells one message from another, for each that came. */
  ids(): readonly string[];
}

/** What a notifier must give for the contract to be tried on it. */
export interface NotifierCase {
  /** Options that lead to `host:port`, as a user writes them; every secret in them is in the file `secret`. */
  optionsAt(address: string): object;
  start(): Promise<Receiver>;
  /** A receiver that answers so that trying again may, or cannot, help. */
  startRefusing(kind: 'temporary' | 'permanent'): Promise<AsyncDisposable & { readonly options: object }>;
  /** Options that name a file that is not there: `/nonexistent/…`. */
  readonly unreadable: object;
  /** Manners in which a receiver refuses for good. */
  readonly permanent: readonly Manner[];
}

/** What no message may ever hold. */
export const SECRET = 'whsec_aGVtbGlndC03ZjNhOTEtaGVtbGlndC03ZjNhOTE';
const CARD = '4111111111111111';
const OTHER = toIncidentId('i-other');
const DEADLINE_MS = 400;

/** The contract of notifier.ts, tried on one notifier with receivers that work, refuse and misbehave. */
export function describeNotifier(notifier: Notifier, given: NotifierCase): void {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'kassavakt-notifier-'));
    writeFileSync(join(folder, 'secret'), `${SECRET}\n`);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const open = (options: object, channel = 'ops'): Promise<Channel> =>
    notifier.open(notifier.options.parse(options), contextFor(folder, { channel }));

  describe('as a description', () => {
    test('has a name and a line of summary', () => {
      expect(notifier.name).toMatch(/^[a-z]+$/);
      expect(notifier.summary).toMatch(/^[^\n]{10,120}$/);
    });

    test('refuses an option that it does not know', () => {
      const options = given.optionsAt('127.0.0.1:9');
      expect(notifier.options.safeParse(options).success).toBe(true);
      expect(notifier.options.safeParse({ ...options, adress: 1 }).success).toBe(false);
    });

    test('has options that become a JSON Schema', () => {
      expect(z.toJSONSchema(notifier.options, { io: 'input' })).toMatchObject({ type: 'object' });
    });
  });

  describe('opened', () => {
    test('names the channel and the file that is not there', async () => {
      const opening = open({ ...given.optionsAt('127.0.0.1:9'), ...given.unreadable }, 'kassa-7');
      await expect(opening).rejects.toThrow(NotifierUnavailable);
      await expect(opening).rejects.toThrow(/kassa-7.*\/nonexistent\//);
    });

    test('asks nothing of a receiver that is not there', async () => {
      await using peer = await startTcpPeer('refuse');
      await using channel = await open(given.optionsAt(peer.address));
      expect(channel).toBeDefined();
    });
  });

  describe('at a receiver that works', () => {
    test('delivers every kind of notice', async () => {
      await using receiver = await given.start();
      await using channel = await open(receiver.options);
      const notices = [
        noticeOf('opened'),
        noticeOf('updated', { state: 'recovering', targetsDown: 0 }),
        noticeOf('escalated'),
        noticeOf('resolved'),
        digestOf(3),
        TEST_NOTICE,
      ];
      for (const notice of notices) {
        expect([notice.change, await send(channel, notice)]).toMatchObject([
          notice.change,
          { kind: 'delivered' },
        ]);
      }
    });

    test.each(LANGUAGES)('delivers in %s', async (language) => {
      await using receiver = await given.start();
      await using channel = await notifier.open(
        notifier.options.parse(receiver.options),
        contextFor(folder, { language }),
      );
      expect(await send(channel, noticeOf('opened'))).toMatchObject({ kind: 'delivered' });
    });

    test('tells the same message by the same sign, after a restart too, and another by another', async () => {
      await using receiver = await given.start();
      for (const notice of [noticeOf('opened'), noticeOf('opened'), noticeOf('opened', { id: OTHER })]) {
        await using channel = await open(receiver.options);
        await send(channel, notice);
      }
      const [first, again, other = ''] = receiver.ids();
      expect(first).toBeTruthy();
      expect(again).toBe(first);
      expect([first, '']).not.toContain(other);
    });
  });

  describe('at a receiver that refuses', () => {
    test.each(['temporary', 'permanent'] as const)('tells that it is %s', async (kind) => {
      await using receiver = await given.startRefusing(kind);
      await using channel = await open(receiver.options);
      const delivery = await send(channel, noticeOf('opened'));
      expect(delivery).toMatchObject({ kind: 'failed', isPermanent: kind === 'permanent' });
      checkMessage(delivery);
    });
  });

  describe('aborted while the receiver hangs', () => {
    test('rejects with the reason, at once, and leaves nothing open', async () => {
      await using peer = await startTcpPeer('hang');
      await using channel = await open(given.optionsAt(peer.address));
      const stop = new AbortController();
      const sending = channel.send(noticeOf('opened'), undefined, stop.signal);
      const ended = expect(sending).rejects.toThrow('the monitor stops');
      await peer.reached;
      stop.abort(new Error('the monitor stops'));
      await expect(settlesWithin50Ms(sending)).resolves.toBe(true);
      await ended;
      await peer.gone();
    });

    test('by its deadline fails, at once, for now, and leaves nothing open', async () => {
      await using peer = await startTcpPeer('hang');
      await using channel = await open(given.optionsAt(peer.address));
      const deadline = new AbortController();
      const sending = channel.send(noticeOf('opened'), undefined, deadline.signal);
      await peer.reached;
      deadline.abort(new DOMException('too late', 'TimeoutError'));
      await expect(settlesWithin50Ms(sending)).resolves.toBe(true);
      const delivery = await sending;
      expect(delivery).toMatchObject({ kind: 'failed', isPermanent: false });
      checkMessage(delivery);
      await peer.gone();
    });

    test('before it began rejects with the reason, or fails when it is the deadline', async () => {
      await using peer = await startTcpPeer('hang');
      await using channel = await open(given.optionsAt(peer.address));
      const sending = channel.send(
        noticeOf('opened'),
        undefined,
        AbortSignal.abort(new Error('not any more')),
      );
      await expect(sending).rejects.toThrow('not any more');
      const late = AbortSignal.abort(new DOMException('too late', 'TimeoutError'));
      const delivery = await channel.send(noticeOf('opened'), undefined, late);
      expect(delivery).toMatchObject({ kind: 'failed', isPermanent: false });
    });

    test('delivers the next message as ever', async () => {
      await using receiver = await given.start();
      await using channel = await open(receiver.options);
      const stopped = AbortSignal.abort(new Error('not any more'));
      await expect(channel.send(noticeOf('opened'), undefined, stopped)).rejects.toThrow('not any more');
      expect(await send(channel, noticeOf('opened'))).toMatchObject({ kind: 'delivered' });
    });
  });

  describe('at a receiver that misbehaves', () => {
    test.each(MANNERS)('%s: fails in time, and says so without a secret', async (manner) => {
      await using peer = await startTcpPeer(manner);
      await using channel = await open(given.optionsAt(peer.address));
      const deadline = AbortSignal.timeout(DEADLINE_MS);
      const notice = noticeOf('opened', { id: OTHER, scope: [{ target: `t-${CARD}` }] });
      const sending = channel.send(notice, undefined, deadline);
      await new Promise<void>((resolve) => {
        deadline.addEventListener('abort', () => resolve());
        sending.then(() => resolve(), resolve);
      });
      await expect(settlesWithin50Ms(sending)).resolves.toBe(true);
      const delivery = await sending;
      const isPermanent = given.permanent.includes(manner);
      expect(delivery).toMatchObject({ kind: 'failed', isPermanent });
      checkMessage(delivery);
      await peer.gone();
    });
  });
}

/** One attempt with ample time. */
export function send(channel: Channel, notice: Notice, reference?: string): Promise<Delivery> {
  return channel.send(notice, reference, AbortSignal.timeout(10_000));
}

function checkMessage(delivery: Delivery): void {
  const text = JSON.stringify(delivery);
  expect(text).not.toContain(SECRET);
  expect(text).not.toContain(SECRET.slice(6));
  expect(text).not.toContain(CARD);
  expect(delivery).toMatchObject({ message: expect.stringMatching(/^127\.0\.0\.1:\d+ [^\n]+$/) });
}
