import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createNetServer, type Socket as NetSocket } from 'node:net';
import { Server as IoServer } from 'socket.io';
import { io, type Socket } from 'socket.io-client';
import { FeedRefused, type FeedMessage, followFeed, type FollowOptions } from '../../src/feed/feed-client.ts';
import { FeedHub } from '../../src/feed/hub.ts';
import { type Snapshot, toWire, type WireEvent } from '../../src/feed/protocol.ts';
import { attachSocketFeed } from '../../src/feed/socket-feed.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { Announcer, makeEstate, move } from './announcer.ts';

const estate = makeEstate(5, 4);
const ids = Array.from(estate.targets.keys());
const START_MS = Date.UTC(2025, 11, 22, 13);

let source: Announcer;
let hub: FeedHub;
let server: Server;
let feed: Disposable;
let url: URL;
const sockets: Socket[] = [];
/** The server's side of every connection. */
const connections = new Set<NetSocket>();

beforeEach(async () => {
  source = new Announcer(estate);
  hub = new FeedHub(source, systemClock);
  await listen(0);
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.disconnect();
  hub[Symbol.dispose]();
  await shut();
});

async function listen(port: number): Promise<void> {
  server = createServer();
  server.on('connection', (connection: NetSocket) => {
    connections.add(connection);
    connection.on('close', () => connections.delete(connection));
  });
  feed = attachSocketFeed(server, hub, (token) => (token === 'wrong' ? undefined : 'viewer'));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

async function shut(): Promise<void> {
  feed[Symbol.dispose]();
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

/** Targets going down and up by turns, `count` events from event `from` on. */
function storm(count: number, from = 0): ReturnType<typeof move>[] {
  return Array.from({ length: count }, (_, i) => {
    const n = from + i;
    const isDown = Math.floor(n / ids.length) % 2 === 0;
    const target = ids[n % ids.length] ?? '';
    return move(estate, target, isDown ? 'up' : 'down', isDown ? 'down' : 'up', START_MS + n);
  });
}

function connect(auth: object): Socket {
  const socket = io(`${url.origin}/feed`, {
    transports: ['websocket'],
    forceNew: true,
    reconnection: false,
    auth,
  });
  sockets.push(socket);
  return socket;
}

async function refused(auth: object): Promise<unknown> {
  const socket = connect(auth);
  const [error] = await new Promise<[{ data?: unknown }]>((resolve) => {
    socket.once('connect_error', (error: Error & { data?: unknown }) => resolve([error]));
  });
  return error.data;
}

/** The client's own end of the connection, to stop it from reading. */
function transportOf(socket: Socket): { pause(): void; resume(): void } {
  return (socket.io.engine.transport as unknown as { ws: { pause(): void; resume(): void } }).ws;
}

/** Collects from a plain client until `isEnough`. */
async function collect(
  socket: Socket,
  isEnough: (events: readonly WireEvent[]) => boolean,
): Promise<WireEvent[]> {
  const events: WireEvent[] = [];
  await new Promise<void>((resolve) => {
    socket.on('events', (some: WireEvent[]) => {
      events.push(...some);
      if (isEnough(events)) resolve();
    });
  });
  return events;
}

const upTo = (seq: number) => (events: readonly WireEvent[]) => events.at(-1)?.seq === seq;
const seqs = (events: readonly WireEvent[]) => events.map(({ seq }) => seq);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('contract: Feed, socket.io namespace /feed', () => {
  test('sends a snapshot first, then the events after it', async () => {
    await source.announce(storm(3));
    const socket = connect({});
    const [snapshot] = (await new Promise<[Snapshot]>((resolve) => {
      socket.once('snapshot', (snapshot: Snapshot) => resolve([snapshot]));
    })) satisfies [Snapshot];
    expect(snapshot.seq).toBe(3);
    expect(snapshot.targets.counts).toEqual({ unknown: ids.length - 3, up: 0, degraded: 0, down: 3 });
    const got = collect(socket, upTo(5));
    await source.announce(storm(2, 3));
    const events = await got;
    expect(seqs(events)).toEqual([4, 5]);
    expect(Object.keys(events[0] ?? {}).sort()).toEqual(
      [
        'at',
        'chain',
        'from',
        'kind',
        'message',
        'reason',
        'region',
        'seq',
        'since',
        'store',
        'target',
        'to',
      ].sort(),
    );
  });

  test('sends a frame of any length whole: one event, and a thousand at once', async () => {
    const socket = connect({});
    await new Promise((resolve) => socket.once('snapshot', resolve));
    for (const [from, count] of [
      [0, 1],
      [1, 1_000],
    ] as const) {
      const frame = new Promise<WireEvent[]>((resolve) => socket.once('events', resolve));
      const events = await source.announce(storm(count, from));
      expect(await frame).toEqual(events.map(toWire));
    }
  });

  test('gives a client that comes back with since every event it missed, once and in order', async () => {
    await source.announce(storm(2_500));
    const socket = connect({ since: 100 });
    const got = collect(socket, upTo(3_000));
    await source.announce(storm(500, 2_500));
    expect(seqs(await got)).toEqual(range(101, 3_000));
  });

  test('says gap and sends a snapshot for a since that is not to be had', async () => {
    await source.announce(storm(5));
    const socket = connect({ since: 6 });
    const order: string[] = [];
    const done = new Promise<void>((resolve) => {
      socket.on('gap', (gap) => order.push(`gap ${JSON.stringify(gap)}`));
      socket.on('snapshot', ({ seq }: Snapshot) => {
        order.push(`snapshot ${seq}`);
        resolve();
      });
    });
    await done;
    expect(order).toEqual(['gap {"since":6,"firstSeq":1}', 'snapshot 5']);
  });

  test('applies the filter on the server', async () => {
    const socket = connect({ since: 0, filter: { chain: 'Norrbo', region: 'Dalarna' } });
    const got = collect(socket, (events) => events.length === 8);
    await source.announce(storm(ids.length));
    const events = await got;
    const places = events.map((event) => JSON.stringify([event['chain'], event['region']]));
    expect(new Set(places)).toEqual(new Set(['["Norrbo","Dalarna"]']));
  });

  test('names what it does not accept', async () => {
    expect(await refused({ token: 'wrong' })).toMatchObject({ code: 'unauthorized', field: 'token' });
    expect(await refused({ filter: { chan: 'Solhaga' } })).toEqual({
      code: 'invalid-request',
      field: 'filter.chan',
      message: '"chan" is unknown; did you mean chain?',
    });
    expect(await refused({ since: -1 })).toMatchObject({ code: 'invalid-request', field: 'since' });
    expect(await refused({ filter: { kinds: ['incident-open'] } })).toMatchObject({
      field: 'filter.kinds.0',
    });
  });

  test('lets in no page of another origin', async () => {
    const socket = io(`${url.origin}/feed`, {
      transports: ['websocket'],
      forceNew: true,
      reconnection: false,
      extraHeaders: { origin: 'http://evil.example' },
    });
    sockets.push(socket);
    const error = await new Promise<Error>((resolve) => socket.once('connect_error', resolve));
    expect(error.message).toBe('websocket error');
    expect(hub.clientCount).toBe(0);
  });

  test('keeps at most one frame for a client that takes nothing, and brings it up to date when it does', async () => {
    const socket = connect({});
    await new Promise<void>((resolve) => socket.once('snapshot', () => resolve()));
    const [connection] = connections;
    const transport = transportOf(socket);
    transport.pause();
    let most = 0;
    for (let n = 0; n < 80_000; n += 1_000) {
      await source.announce(storm(1_000, n));
      await new Promise((resolve) => setTimeout(resolve, 50));
      most = Math.max(most, connection?.writableLength ?? 0);
    }
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(2 * 1_048_576);
    const order: string[] = [];
    const caughtUp = new Promise<void>((resolve) => {
      socket.on('gap', () => order.push('gap'));
      socket.on('snapshot', ({ seq }: Snapshot) => {
        order.push(`snapshot ${seq}`);
        resolve();
      });
    });
    transport.resume();
    await caughtUp;
    expect(order).toEqual(['gap', 'snapshot 80000']);
  });

  test('sends away a client that does not stop talking', async () => {
    const socket = connect({});
    await new Promise<void>((resolve) => socket.once('snapshot', () => resolve()));
    expect(hub.clientCount).toBe(1);
    const gone = new Promise<string>((resolve) => socket.once('disconnect', resolve));
    for (let i = 0; i < 50; i++) socket.emit('chatter', i);
    expect(await gone).toBe('io server disconnect');
    expect(hub.clientCount).toBe(0);
  });
});

describe('followFeed', () => {
  const stop = new AbortController();

  /** Follows until event `last`; returns what came. */
  async function follow(
    options: Partial<FollowOptions>,
    last: number,
    onMessage: (message: FeedMessage) => Promise<unknown> = async () => {},
  ): Promise<FeedMessage[]> {
    const messages: FeedMessage[] = [];
    for await (const message of followFeed({ url, clock: systemClock, ...options }, stop.signal)) {
      messages.push(message);
      if (message.kind === 'events' && message.events.at(-1)?.seq === last) break;
      await onMessage(message);
    }
    return messages;
  }

  const eventsOf = (messages: readonly FeedMessage[]) =>
    messages.flatMap((message) => (message.kind === 'events' ? message.events : []));

  test('has every event once and in order though it is cut off mid-storm, again and again', async () => {
    const total = 6_000;
    let [announced, frames] = [0, 0];
    const goOn = async () => {
      if (announced >= total) return;
      await source.announce(storm(250, announced));
      announced += 250;
    };
    await goOn();
    const messages = await follow({ since: 0 }, total, async ({ kind }) => {
      await goOn();
      if (kind !== 'events') return;
      if (++frames % 3 === 0) for (const connection of connections) connection.destroy();
      await goOn();
    });
    expect(seqs(eventsOf(messages))).toEqual(range(1, total));
    expect(messages.filter(({ kind }) => kind === 'connected').length).toBeGreaterThan(1);
  });

  test('comes back to a monitor that was restarted', async () => {
    const { port } = url;
    const done = follow({}, 20);
    await connected(1);
    await source.announce(storm(10));
    await shut();
    await source.announce(storm(5, 10));
    await listen(Number(port));
    await connected(1);
    await source.announce(storm(5, 15));
    const messages = await done;
    expect(messages.map(({ kind }) => kind).filter((kind) => kind !== 'events')).toEqual([
      'connected',
      'snapshot',
      'disconnected',
      'connected',
    ]);
    expect(seqs(eventsOf(messages)).at(-1)).toBe(20);
  });

  test('leaves out what a monitor says twice', async () => {
    const other = createServer();
    const twice = new IoServer(other, { transports: ['websocket'] });
    twice.of('/feed').on('connection', (socket) => {
      for (const some of [[4, 5], [5, 6], [4], [6, 7]])
        socket.emit(
          'events',
          some.map((seq) => ({ seq })),
        );
    });
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const messages = await follow({ url: new URL(`http://127.0.0.1:${port}`), since: 3 }, 7);
    expect(seqs(eventsOf(messages))).toEqual([4, 5, 6, 7]);
    await twice.close();
  });

  test('throws when it is refused, and does not try again', async () => {
    const refusal = follow({ token: 'wrong' }, 1);
    await expect(refusal).rejects.toThrow(FeedRefused);
    await expect(refusal).rejects.toMatchObject({ code: 'unauthorized' });
  });

  test('says once that nobody answers, goes on trying, and ends when told to', async () => {
    const end = new AbortController();
    let attempts = 0;
    const mute = createNetServer((connection) => {
      connection.destroy();
      if (++attempts === 3) end.abort();
    }).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as AddressInfo;
    const kinds: string[] = [];
    const options = { url: new URL(`http://127.0.0.1:${port}`), clock: systemClock };
    for await (const { kind } of followFeed(options, end.signal)) kinds.push(kind);
    mute.close();
    expect([kinds, attempts]).toEqual([['disconnected'], 3]);
  });

  async function connected(count: number): Promise<void> {
    while (hub.clientCount !== count) await new Promise((resolve) => setTimeout(resolve, 5));
  }
});
