import { describe, expect, test } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { addNotify } from '../../src/cli/notify.ts';
import type { ChannelStatus } from '../../src/http/app-context.ts';
import { type Notifier, type NotifierContext, NotifierUnavailable } from '../../src/notifiers/notifier.ts';
import type { ListedMessage, MessageState } from '../../src/notifiers/outbox-store.ts';
import { SqliteOutboxStore } from '../../src/notifiers/sqlite-outbox-store.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { NOON_MS } from '../core/notices.ts';
import { startFixture } from '../http/app-fixture.ts';
import { addressed, kept } from '../notifiers/messages.ts';
import { BUSY, DELIVERED, ScriptedChannel, WRONG } from '../notifiers/scripted-channel.ts';
import { makeFolder } from '../tools/monitor-process.ts';
import { runCli } from './cli-double.ts';

/** Channels of type `scripted` do as `channel` does; opening one of type `broken` fails. */
function kinds(channel: ScriptedChannel, contexts: NotifierContext[] = []) {
  const make = (name: string, open: Notifier['open']): Notifier => ({
    name,
    summary: name,
    options: z.unknown(),
    open,
  });
  const scripted = make('scripted', async (_options, context) => {
    contexts.push(context);
    return channel;
  });
  const broken = make('broken', () =>
    Promise.reject(new NotifierUnavailable('The file token cannot be read.')),
  );
  return { probers: new Map(), notifiers: new Map([scripted, broken].map((each) => [each.name, each])) };
}

const CONFIG = `external_url: https://kassavakt.example.test
notifications:
  channels:
    - { name: duty, type: scripted, language: sv, timeout: 100ms }
    - { name: desk, type: broken }
`;

async function runTest(
  channel: ScriptedChannel,
  name: string,
  contexts: NotifierContext[] = [],
  config = CONFIG,
) {
  await using folder = await makeFolder();
  const file = join(folder.path, 'kassavakt.yaml');
  await writeFile(file, config);
  return runCli(
    (program, cli) => addNotify(program, cli, kinds(channel, contexts)),
    ['notify', 'test', name, '--config', file],
  );
}

describe('kassavakt notify test', () => {
  test('sends one test message by the channel as it is configured, and closes it', async () => {
    const channel = new ScriptedChannel(() => ({ ...DELIVERED, reference: '42' }));
    const contexts: NotifierContext[] = [];
    const ran = await runTest(channel, 'duty', contexts);
    expect(ran).toMatchObject({ code: 0, complained: [] });
    expect(ran.printed).toEqual([
      expect.stringMatching(
        /^DELIVERED: duty \(scripted\) took the test message in .*\. The receiver calls it 42\.$/,
      ),
    ]);
    expect(channel.attempts).toMatchObject([
      { notice: { change: 'test', incidents: [] }, reference: undefined },
    ]);
    expect(channel.isClosed).toBe(true);
    expect(contexts).toMatchObject([
      { channel: 'duty', language: 'sv', externalUrl: 'https://kassavakt.example.test' },
    ]);
  });

  test.each([
    { name: 'what cannot help', answer: WRONG, says: /There is no such address\./, next: /cannot help/ },
    { name: 'what may pass', answer: BUSY, says: /It is busy\./, next: /would try again/ },
    { name: 'what takes too long', answer: undefined, says: /No answer in time\./, next: /would try again/ },
  ])('says $name', async ({ answer, says, next }) => {
    const ran = await runTest(new ScriptedChannel(() => answer), 'duty');
    expect(ran.code).toBe(1);
    expect(ran.printed).toEqual([expect.stringMatching(says), expect.stringMatching(next)]);
  });

  test.each([
    {
      name: 'a channel that is not there',
      channel: 'dutty',
      code: 2,
      says: /has no channel "dutty"; did you mean duty\?/,
    },
    {
      name: 'a channel like none',
      channel: 'smoke',
      code: 2,
      says: /no channel "smoke"; its channels are duty, desk/,
    },
    {
      name: 'a channel that cannot be opened',
      channel: 'desk',
      code: 3,
      says: /The file token cannot be read\./,
    },
  ])('refuses $name with $code', async ({ channel, code, says }) => {
    const ran = await runTest(new ScriptedChannel(), channel);
    expect(ran).toMatchObject({ code, printed: [] });
    expect(ran.complained).toEqual([expect.stringMatching(says)]);
  });

  test('refuses a configuration with errors', async () => {
    const ran = await runTest(new ScriptedChannel(), 'duty', [], 'notifications: { chanels: [] }\n');
    expect(ran.code).toBe(2);
    expect(ran.complained).toEqual([
      expect.stringContaining('kassavakt.yaml:1:18: unknown option "chanels"'),
    ]);
  });
});

const STATUS: ChannelStatus = {
  name: 'duty',
  type: 'webhook',
  pending: 1,
  delivered: 7,
  dead: 1,
  lastError: { message: 'It is busy.', atMs: NOON_MS, isPermanent: false },
};
const MESSAGES: readonly ListedMessage[] = [
  { ...kept(addressed(3, 'duty', 'i'), { attempts: 2, error: 'It is busy.' }), id: 3, state: 'pending' },
  {
    ...kept(addressed(2, 'duty', 'j')),
    id: 2,
    state: 'dead',
    endedMs: NOON_MS,
    attempts: 1,
    error: 'No such address.',
  },
  {
    ...kept(addressed(1, 'duty', 'k')),
    id: 1,
    state: 'dead',
    endedMs: NOON_MS,
    attempts: 1,
    error: 'No such address.',
  },
];
const NOTIFICATIONS = {
  channels: () => [STATUS],
  messages: (state: MessageState, limit: number, beforeId = 99) =>
    MESSAGES.filter((message) => message.state === state && message.id < beforeId).slice(0, limit),
};

describe('kassavakt notify list', () => {
  const list = (...args: readonly string[]) =>
    runCli(
      (program, cli) => addNotify(program, cli, kinds(new ScriptedChannel())),
      ['notify', 'list', ...args],
    );

  test('shows the channels, what waits and what was given up', async () => {
    await using fixture = await startFixture({ context: { notifications: NOTIFICATIONS } });
    const ran = await list('--url', fixture.url);
    expect(ran.code).toBe(0);
    expect(ran.printed).toEqual([
      'duty  webhook  1 pending, 7 delivered, 1 dead',
      expect.stringMatching(/^ {2}last error 2023-12-22 \d\d:00: It is busy\.$/),
      expect.stringMatching(/^pending {2}.* {2}duty {2}opened {2}i is down \(2 attempts: It is busy\.\)$/),
      expect.stringMatching(/^dead {2}.* {2}duty {2}opened {2}j is down \(1 attempt: No such address\.\)$/),
      expect.stringMatching(/^dead {2}.* {2}duty {2}opened {2}k is down/),
    ]);
  });

  test('says so when there is nothing', async () => {
    await using fixture = await startFixture();
    const { printed } = await list('--url', fixture.url, '--state', 'dead');
    expect(printed).toEqual(['There are no channels: nobody is told of anything.', 'No message is dead.']);
  });

  test('reads the data folder of a monitor that does not run', async () => {
    await using folder = await makeFolder();
    const store = SqliteOutboxStore.open(folder.path, systemClock, () => undefined);
    await store.commit([{ kind: 'message', message: kept(addressed(1, 'duty', 'i')) }]);
    await store[Symbol.asyncDispose]();
    const { printed } = await list('--data', folder.path);
    expect(printed).toEqual([
      expect.stringMatching(/^pending .* {2}duty {2}opened {2}i is down \(0 attempts\)$/),
      'No message is dead.',
    ]);
  });
});

describe('GET /api/v1/notifications', () => {
  test('gives channels and messages, in pages', async () => {
    await using fixture = await startFixture({ context: { notifications: NOTIFICATIONS } });
    const ask = async (query: string) => (await fixture.get(`/api/v1/notifications${query}`)).json();
    expect(await ask('')).toEqual({
      channels: [
        {
          name: 'duty',
          type: 'webhook',
          pending: 1,
          delivered: 7,
          dead: 1,
          lastError: { at: '2023-12-22T11:00:00.000Z', message: 'It is busy.', permanent: false },
        },
      ],
      messages: [
        {
          id: 3,
          key: 'i/opened/3/duty',
          channel: 'duty',
          change: 'opened',
          incidents: [{ id: 'i', title: 'i is down' }],
          at: '2023-12-22T11:00:00.000Z',
          attempts: 2,
          nextAttemptAt: '2023-12-22T11:00:00.000Z',
          error: 'It is busy.',
        },
      ],
      next: null,
    });
    expect(await ask('?state=dead&limit=1')).toMatchObject({ messages: [{ id: 2 }], next: 2 });
    expect(await ask('?state=dead&limit=1&after=2')).toMatchObject({ messages: [{ id: 1 }], next: null });
    expect(await ask('?state=lost')).toMatchObject({ error: { field: 'state' } });
  });
});
