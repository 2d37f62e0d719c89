import type { Server as HttpServer, IncomingMessage } from 'node:http';
import { type DefaultEventsMap, type Namespace, Server, type Socket } from 'socket.io';
import { unreachable } from '../lib/unreachable.ts';
import { type FeedRequest, parseFeedRequest } from './feed-request.ts';
import type { FeedCarrier, FeedClient, FeedHub, Frame } from './hub.ts';
import type { ServerToClient } from './protocol.ts';

/** The role that a token gives to one who connects by `request`; undefined: none. Any role may follow. */
export type Admit = (token: string | undefined, request: IncomingMessage) => string | undefined;

/** Clients send nothing but their wish to join; what they send beyond it is bounded. Units: bytes, messages, ms. */
const MAX_MESSAGE_BYTES = 10_000;
const MAX_MESSAGES = 20;
const JOIN_WITHIN_MS = 10_000;
/** A client whose network is gone is let go after at most the sum of these. Unit: ms. */
const PING_EVERY_MS = 15_000;
const PING_TIMEOUT_MS = 10_000;

type Data = { request?: FeedRequest };
type FeedNamespace = Namespace<Record<string, never>, ServerToClient, DefaultEventsMap, Data>;
type FeedSocket = Socket<Record<string, never>, ServerToClient, DefaultEventsMap, Data>;

/**
 * Serves the feed on `server` as socket.io's namespace `/feed`, by websocket alone. Attach it after every other
 * listener for requests: it keeps its own from them. Disposing it lets every client go and leaves `server` to its
 * owner.
 */
export function attachSocketFeed(server: HttpServer, hub: FeedHub, admit: Admit): Disposable {
  const io = new Server(server, {
    transports: ['websocket'],
    serveClient: false,
    perMessageDeflate: false,
    maxHttpBufferSize: MAX_MESSAGE_BYTES,
    connectTimeout: JOIN_WITHIN_MS,
    pingInterval: PING_EVERY_MS,
    pingTimeout: PING_TIMEOUT_MS,
    allowRequest: (request, decide) => decide(undefined, isOwnOrigin(request)),
  });
  io.use((_socket, next) => next(refusal('not-found', 'the feed is the namespace /feed')));
  const feed: FeedNamespace = io.of('/feed');
  feed.use((socket, next) => {
    const parsed = parseFeedRequest(socket.handshake.auth);
    if (!parsed.ok) return next(refusal('invalid-request', parsed.error.message, parsed.error.field));
    const role = admit(parsed.value.token, socket.request);
    if (role === undefined) return next(refusal('unauthorized', 'a valid token is needed', 'token'));
    socket.data.request = parsed.value;
    return next();
  });
  const carrier = new SocketCarrier(feed);
  feed.on('connection', (socket) => join(socket, hub, carrier));
  return {
    [Symbol.dispose]: () => {
      feed.disconnectSockets(true);
      io.engine.close();
    },
  };
}

function join(socket: FeedSocket, hub: FeedHub, carrier: SocketCarrier): void {
  const { request } = socket.data;
  if (request === undefined) throw new Error('a client joined without a checked request');
  const client: SocketClient = {
    carrier,
    socket,
    filter: request.filter,
    ...(request.since === undefined ? {} : { since: request.since }),
    isBusy: () => !socket.conn.transport.writable,
  };
  const membership = hub.join(client);
  socket.on('disconnect', () => membership[Symbol.dispose]());
  let messages = 0;
  socket.onAny(() => {
    if (++messages > MAX_MESSAGES) socket.disconnect(true);
  });
}

interface SocketClient extends FeedClient {
  readonly socket: FeedSocket;
}

/** Sends through the adapter, which encodes a frame once for all who get it. */
class SocketCarrier implements FeedCarrier {
  private readonly feed: FeedNamespace;

  constructor(feed: FeedNamespace) {
    this.feed = feed;
  }

  send(clients: readonly FeedClient[], frame: Frame): void {
    const to = this.feed.to(clients.map((client) => (client as SocketClient).socket.id));
    switch (frame.kind) {
      case 'snapshot':
        to.emit('snapshot', frame.snapshot);
        return;
      case 'events':
        to.emit('events', frame.events);
        return;
      case 'gap':
        to.emit('gap', frame.gap);
        return;
      default:
        unreachable(frame);
    }
  }

  end(client: FeedClient): void {
    (client as SocketClient).socket.disconnect(true);
  }
}

/** Arrives at the client as `connect_error` with `data`. */
function refusal(code: string, message: string, field?: string): Error {
  return Object.assign(new Error(message), {
    data: { code, message, ...(field === undefined ? {} : { field }) },
  });
}

/**
 * Browsers let any page open a websocket to any address, a monitor on loopback included, and say in `Origin` which
 * page it is. Only our own pages may; programs send no origin.
 */
function isOwnOrigin({ headers }: IncomingMessage): boolean {
  if (headers.origin === undefined) return true;
  return URL.canParse(headers.origin) && new URL(headers.origin).host === headers.host;
}
