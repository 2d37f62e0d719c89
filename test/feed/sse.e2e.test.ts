import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FeedHub } from '../../src/feed/hub.ts';
import { makeSseHandler } from '../../src/feed/sse.ts';
import { FakeClock } from '../tools/fake-clock.ts';
import { Announcer, makeEstate, move } from './announcer.ts';

const estate = makeEstate(2, 5);
const ids = Array.from(estate.targets.keys());
const START_MS = Date.UTC(2025, 11, 22, 13);
const storm = (count: number) =>
  Array.from({ length: count }, (_, n) => {
    const isDown = Math.floor(n / ids.length) % 2 === 0;
    return move(
      estate,
      ids[n % ids.length] ?? '',
      isDown ? 'up' : 'down',
      isDown ? 'down' : 'up',
      START_MS + n,
    );
  });

let source: Announcer;
let clock: FakeClock;
let hub: FeedHub;
let server: Server;
const responses: ServerResponse[] = [];

beforeEach(async () => {
  source = new Announcer(estate);
  clock = new FakeClock();
  hub = new FeedHub(source, clock);
  const serve = makeSseHandler(hub, clock);
  server = createServer((asked, response) => {
    responses.push(response);
    serve(asked, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  hub[Symbol.dispose]();
  responses.length = 0;
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
});

async function open(query = '', headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const { port } = server.address() as AddressInfo;
  const asked = request({ host: '127.0.0.1', port, path: `/api/v1/events/stream${query}`, headers });
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return response.setEncoding('utf8');
}

interface Message {
  readonly id?: string;
  readonly event?: string;
  readonly data?: unknown;
  readonly comment?: string;
}

/** The messages as they come, read as the standard says. */
async function* read(response: IncomingMessage): AsyncGenerator<Message> {
  let rest = '';
  for await (const chunk of response) {
    const parts = (rest + String(chunk)).split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) yield parse(part);
  }
}

function parse(text: string): Message {
  const fields = text
    .split('\n')
    .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]);
  const field = (name: string) => fields.find(([key]) => key === name)?.[1];
  const [id, event, data, comment] = [field('id'), field('event'), field('data'), field('')];
  return {
    ...(id === undefined ? {} : { id }),
    ...(event === undefined ? {} : { event }),
    ...(data === undefined ? {} : { data: JSON.parse(data) as unknown }),
    ...(comment === undefined ? {} : { comment }),
  };
}

/** The next message that has an event or comment; the clock runs meanwhile. */
async function next(messages: AsyncGenerator<Message>): Promise<Message> {
  for (;;) {
    const pending = messages.next();
    const tick = async (): Promise<undefined> => {
      await clock.advance(20);
      return undefined;
    };
    let got: IteratorResult<Message> | undefined;
    while (got === undefined) got = await Promise.race([pending, tick()]);
    const { value } = got;
    if (value === undefined) throw new Error('the stream ended');
    if ((value as Message).event !== undefined || (value as Message).comment !== undefined)
      return value as Message;
  }
}

const seqs = ({ data }: Message) => (data as { seq: number }[]).map(({ seq }) => seq);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('contract: GET /api/v1/events/stream', () => {
  test('sends a snapshot, then events, each with the number to come back with', async () => {
    await source.announce(storm(3));
    const response = await open();
    expect(response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(response.headers['cache-control']).toBe('no-store');
    const messages = read(response);
    expect(await next(messages)).toMatchObject({ id: '3', event: 'snapshot', data: { seq: 3 } });
    await source.announce(storm(2));
    const events = await next(messages);
    expect([events.id, events.event, seqs(events)]).toEqual(['5', 'events', [4, 5]]);
  });

  test('goes on after Last-Event-ID, whatever since says', async () => {
    await source.announce(storm(2_500));
    const messages = read(await open('?since=7', { 'last-event-id': '1200' }));
    expect(seqs(await next(messages))).toEqual(range(1_201, 2_500));
  });

  test('says gap before the snapshot when what is asked for is not to be had', async () => {
    const messages = read(await open('?since=99'));
    expect(await next(messages)).toEqual({ event: 'gap', data: { since: 99, firstSeq: 1 } });
    expect(await next(messages)).toMatchObject({ event: 'snapshot', id: '0' });
  });

  test('filters by chain, region, store, kinds and severity', async () => {
    const query =
      '?since=0&chain=Norrbo&region=Dalarna&store=Norrbo-2&kinds=target-state-changed,incident-opened&minSeverity=major';
    const messages = read(await open(query));
    await source.announce(storm(ids.length));
    const events = await next(messages);
    expect((events.data as { store: string }[]).map(({ store }) => store)).toEqual(Array(5).fill('Norrbo-2'));
    expect(events.id).toBe(String(ids.length));
  });

  test.each([
    { query: '?chan=Solhaga', field: 'chan', message: '"chan" is unknown; did you mean chain?' },
    { query: '?since=abc', field: 'since', message: 'since must be the number of an event: 0, 1, 2, …' },
    {
      query: '?kinds=nonsense',
      field: 'kinds.0',
      message: /^each kind must be one of target-state-changed, /,
    },
    {
      query: '?minSeverity=dire',
      field: 'minSeverity',
      message: 'minSeverity must be one of info, minor, major, critical',
    },
    { query: '?chain=a&chain=b', field: 'chain', message: /chain/ },
  ])('answers $query with 400 and names the field', async ({ query, field, message }) => {
    const response = await open(query);
    let body = '';
    for await (const chunk of response) body += String(chunk);
    expect(response.statusCode).toBe(400);
    const { error } = JSON.parse(body) as { error: { code: string; field: string; message: string } };
    expect([error.code, error.field]).toEqual(['invalid-request', field]);
    expect(error.message).toMatch(message);
  });

  test('sends a comment every 15 s', async () => {
    const messages = read(await open());
    await next(messages);
    const beforeMs = clock.monotonicMs();
    expect(await next(messages)).toEqual({ comment: 'still here' });
    expect(await next(messages)).toEqual({ comment: 'still here' });
    expect(clock.monotonicMs() - beforeMs).toBeGreaterThan(29_000);
  });

  test('sends no more to a reader that takes nothing, then lets it go', async () => {
    const response = await open('?since=0');
    response.pause();
    let most = 0;
    while (hub.clientCount === 1) {
      await source.announce(storm(1_000));
      await clock.advance(1_000);
      most = Math.max(most, responses[0]?.writableLength ?? 0);
    }
    expect(most).toBeGreaterThan(100_000);
    expect(most).toBeLessThan(1_000_000);
    const seen = source.journal.lastSeq;
    expect(clock.monotonicMs()).toBeGreaterThan(60_000);
    let bytes = 0;
    await new Promise<void>((resolve) => {
      response.on('data', (chunk: string) => (bytes += chunk.length));
      response.on('error', () => resolve());
      response.on('end', () => resolve());
      response.resume();
    });
    expect(seen).toBeGreaterThan(50_000);
    expect(bytes).toBeLessThan(seen * 200);
  });

  test('forgets a reader that leaves', async () => {
    const response = await open();
    expect(hub.clientCount).toBe(1);
    response.destroy();
    while (hub.clientCount > 0) await new Promise((resolve) => setImmediate(resolve));
    await source.announce(storm(5));
    await clock.advance(1_000);
  });
});
