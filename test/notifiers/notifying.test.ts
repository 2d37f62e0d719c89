import { describe, expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { z } from 'zod';
import { Board } from '../../src/core/board.ts';
import type { EventDraft } from '../../src/core/events.ts';
import { MemoryJournal } from '../../src/journal/memory-journal.ts';
import { registerNotificationMetrics } from '../../src/metrics/notification-metrics.ts';
import { type Notifier, type NotifierContext, NotifierUnavailable } from '../../src/notifiers/notifier.ts';
import { OUTBOX_FILE } from '../../src/notifiers/sqlite-outbox-store.ts';
import { Notifying } from '../../src/notifying.ts';
import type { ChannelSettings, Settings } from '../../src/settings/settings.ts';
import { loadSettings } from '../../src/settings/load-settings.ts';
import { makeRoute, NOON_MS, told } from '../core/notices.ts';
import { ConfigFolder } from '../settings/config-folder.ts';
import { FakeClock } from '../tools/fake-clock.ts';
import { makeFolder } from '../tools/monitor-process.ts';
import { BUSY, ScriptedChannel, WRONG } from './scripted-channel.ts';

/** Settings with channels of type `scripted`, or `broken`, all told of everything. */
async function settingsWith(channels: Readonly<Record<string, 'scripted' | 'broken'>>): Promise<Settings> {
  using folder = new ConfigFolder({ 'kassavakt.yaml': 'listen: 127.0.0.1:0\n' });
  const loaded = await loadSettings(folder.file, new Map(), {});
  if (!loaded.ok) throw new Error('an empty configuration has problems');
  const names = Object.keys(channels);
  const entries = Object.entries(channels).map(([name, type]): [string, ChannelSettings] => [
    name,
    { name, type, language: 'nb', timezone: 'Europe/Oslo', timeoutMs: 1_000, options: { of: name } },
  ]);
  const notifications = {
    channels: new Map(entries),
    routes: [makeRoute('all', names)],
    digest: { after: 5, windowMs: 60_000 },
  };
  return { ...loaded.value, notifications };
}

/** Telling as the monitor has it, with channels that do as the test says. */
class House implements AsyncDisposable {
  readonly clock = new FakeClock(NOON_MS);
  readonly journal = new MemoryJournal();
  readonly channels = new Map<string, ScriptedChannel>();
  readonly contexts: NotifierContext[] = [];
  readonly log: Readonly<Record<string, unknown>>[] = [];
  readonly registry = new Registry();
  readonly folder: string;
  readonly notifying: Notifying;
  /** What the next channels that are opened do. */
  answer: ConstructorParameters<typeof ScriptedChannel>[0];

  constructor(folder: string) {
    this.folder = folder;
    const scripted: Notifier = {
      name: 'scripted',
      summary: '',
      options: z.unknown(),
      open: async (_options, context) => {
        this.contexts.push(context);
        const channel = new ScriptedChannel(this.answer);
        this.channels.set(context.channel, channel);
        return channel;
      },
    };
    const broken: Notifier = {
      ...scripted,
      name: 'broken',
      open: () => Promise.reject(new NotifierUnavailable('secrets/url cannot be read')),
    };
    this.notifying = new Notifying({
      dataDir: folder,
      journal: this.journal,
      board: new Board(),
      notifiers: new Map([scripted, broken].map((notifier) => [notifier.name, notifier])),
      metrics: registerNotificationMetrics(this.registry, () => this.notifying.backlogs()),
      url: () => 'http://127.0.0.1:9840',
      clock: this.clock,
      log: pino(
        { level: 'debug' },
        { write: (line) => this.log.push(JSON.parse(line) as Record<string, unknown>) },
      ),
    });
  }

  async happens(...events: readonly EventDraft[]): Promise<void> {
    this.notifying.announced(await this.journal.append(events));
  }

  /** Once the log has such an event. */
  async logged(event: string): Promise<Readonly<Record<string, unknown>>> {
    for (;;) {
      const found = this.log.find((entry) => entry['event'] === event);
      if (found !== undefined) return found;
      // Not time: the thread that writes, which tells by a message.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.notifying[Symbol.asyncDispose]();
  }
}

function opened(id: string): EventDraft {
  const { seq: _seq, ...draft } = told(0, id, 'opened');
  return draft;
}

describe('telling people', () => {
  test('keeps nothing for a monitor that has no channels, until it gets one', async () => {
    await using folder = await makeFolder();
    await using house = new House(folder.path);
    await house.notifying.use(await settingsWith({}));
    await house.happens(opened('i'));
    expect([existsSync(join(folder.path, OUTBOX_FILE)), house.notifying.channels()]).toEqual([false, []]);

    await house.notifying.use(await settingsWith({ a: 'scripted' }));
    expect(house.contexts).toMatchObject([
      { channel: 'a', language: 'nb', timezone: 'Europe/Oslo', externalUrl: 'http://127.0.0.1:9840' },
    ]);
    await house.happens(opened('j'));
    expect(await house.logged('notifier.delivered')).toMatchObject({
      channel: 'a',
      key: 'j/opened/2/a',
      dwellMs: 0,
    });
    expect(house.channels.get('a')?.keys).toEqual(['j/opened/2/a']);
  });

  test('goes on as before when a new channel cannot be opened, and closes those that were opened with it', async () => {
    await using folder = await makeFolder();
    await using house = new House(folder.path);
    await house.notifying.use(await settingsWith({ a: 'scripted' }));
    const before = house.channels.get('a');
    await expect(house.notifying.use(await settingsWith({ a: 'scripted', b: 'broken' }))).rejects.toThrow(
      NotifierUnavailable,
    );
    expect([before?.isClosed, house.channels.get('a')?.isClosed]).toEqual([false, true]);
    await house.happens(opened('i'));
    await house.logged('notifier.delivered');
    expect(before?.keys).toEqual(['i/opened/1/a']);
  });

  test('warns once of what fails, says when it works again, and shows both', async () => {
    await using folder = await makeFolder();
    await using house = new House(folder.path);
    house.answer = () => BUSY;
    await house.notifying.use(await settingsWith({ a: 'scripted' }));
    await house.happens(opened('i'));
    expect(await house.logged('notifier.failed')).toMatchObject({
      level: 40,
      channel: 'a',
      problem: 'It is busy.',
    });
    expect(house.notifying.channels()).toMatchObject([
      { name: 'a', type: 'scripted', lastError: { message: 'It is busy.', isPermanent: false } },
    ]);
    expect(house.notifying.backlogs()).toEqual([{ channel: 'a', pending: 1, oldestMs: NOON_MS }]);
    await house.clock.advance(60_000);
    const levels = house.log.filter(({ event }) => event === 'notifier.failed').map(({ level }) => level);
    expect(levels.length).toBeGreaterThan(3);
    expect(levels.filter((level) => level === 40)).toHaveLength(1);
    const channel = house.channels.get('a');
    if (channel !== undefined) channel.answer = () => ({ kind: 'delivered' });
    await house.clock.advance(120_000);
    await house.logged('notifier.recovered');
    const text = await house.registry.metrics();
    expect(text).toContain('kassavakt_notifications_total{channel="a"} 1');
    expect(text).toContain('kassavakt_notifications_pending{channel="a"} 0');
    expect(text).toMatch(/kassavakt_notification_failures_total\{channel="a",permanent="false"\} [4-9]/);
    expect(text).toContain('kassavakt_notification_failures_total{channel="a",permanent="true"} 0');
  });

  test('gives up what waits for a channel that is gone, and its series with it', async () => {
    await using folder = await makeFolder();
    await using house = new House(folder.path);
    house.answer = ({ key }) => (key.startsWith('bad') ? WRONG : BUSY);
    await house.notifying.use(await settingsWith({ a: 'scripted', b: 'scripted' }));
    await house.happens(opened('i'));
    await house.logged('notifier.failed');
    await house.notifying.use(await settingsWith({ b: 'scripted' }));
    expect(await house.logged('notifier.gone')).toMatchObject({ level: 40, channel: 'a', messages: 1 });
    expect(await house.registry.metrics()).not.toContain('channel="a"');
    expect(house.notifying.channels().map(({ name }) => name)).toEqual(['b']);
  });

  test('goes on after a restart, also without channels, of which what waits is given up', async () => {
    await using folder = await makeFolder();
    const house = new House(folder.path);
    house.answer = () => BUSY;
    await house.notifying.use(await settingsWith({ a: 'scripted' }));
    await house.happens(opened('i'));
    await house.logged('notifier.failed');
    await house[Symbol.asyncDispose]();
    await using next = new House(folder.path);
    await next.notifying.use(await settingsWith({}));
    expect(await next.logged('notifications.lost')).toMatchObject({ cursor: 1, lastSeq: 0 });
    expect(await next.logged('notifier.gone')).toMatchObject({ channel: 'a', messages: 1 });
  });
});
