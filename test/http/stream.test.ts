import { expect, test } from '@jest/globals';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { Board } from '../../src/core/board.ts';
import type { EventDraft, JournalEvent } from '../../src/core/events.ts';
import { toTargetId } from '../../src/estate/ids.ts';
import { FeedHub } from '../../src/feed/hub.ts';
import { makeSseHandler } from '../../src/feed/sse.ts';
import { MemoryJournal } from '../../src/journal/memory-journal.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { makeToken, startFixture } from './app-fixture.ts';

test('the feed flows through the app to a reader with a token, from where the reader was', async () => {
  const journal = new MemoryJournal();
  const board = new Board();
  const listeners = new Set<(events: readonly JournalEvent[]) => void>();
  const announce = async (...drafts: EventDraft[]): Promise<void> => {
    const events = await journal.append(drafts);
    for (const event of events) board.apply(event);
    for (const listener of listeners) listener(events);
  };
  const estate = { stores: new Map(), targets: new Map() };
  using hub = new FeedHub(
    {
      journal,
      board,
      estate: () => estate,
      subscribe(listener) {
        listeners.add(listener);
        return { [Symbol.dispose]: () => listeners.delete(listener) };
      },
    },
    systemClock,
  );
  await using fixture = await startFixture({
    tokens: [makeToken('wallboard', 'viewer')],
    context: { journal, board, streamEvents: makeSseHandler(hub, systemClock) },
  });
  const change = (target: string): EventDraft => ({
    atMs: 1,
    kind: 'target-state-changed',
    target: toTargetId(target),
    from: 'up',
    to: 'down',
    reason: 'tls',
    message: 'No session.',
    sinceMs: 1,
  });
  await announce(change('T1'), change('T2'));

  const sent = request(`${fixture.url}/api/v1/events/stream`, {
    headers: { authorization: 'Bearer secret-of-wallboard', 'last-event-id': '1' },
  });
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  answer.setEncoding('utf8');
  expect(answer.statusCode).toBe(200);
  expect(answer.headers['content-type']).toBe('text/event-stream; charset=utf-8');
  expect(answer.headers['content-encoding']).toBeUndefined();
  let text = '';
  answer.on('data', (part: string) => {
    text += part;
  });
  const says = async (wanted: string): Promise<void> => {
    while (!text.includes(wanted)) await once(answer, 'data');
  };
  await says('"T2"');
  expect(text).not.toContain('"T1"');
  await announce(change('T3'));
  await says('"T3"');
  expect(text).toContain('id: 3\nevent: events\n');
  sent.destroy();
});
