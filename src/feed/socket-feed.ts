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
  const carrier = new SocketCarrier();
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
  // What its first request held (headers, parser, …) is of no use any more and would be kept as long as it follows.
  const connection: { request: unknown } = socket.conn;
  connection.request = null;
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

/** Encodes a frame once, however many get it and whenever. */
class SocketCarrier implements FeedCarrier {
  private readonly encoded = new WeakMap<Frame, EncodedFrame>();

  send(clients: readonly FeedClient[], frame: Frame): void {
    const { text, options } = this.encodedFor(frame);
    for (const client of clients) {
      const { socket } = client as SocketClient;
      if (socket.connected) socket.conn.write(text, options);
    }
  }

  end(client: FeedClient): void {
    (client as SocketClient).socket.disconnect(true);
  }

  private encodedFor(frame: Frame): EncodedFrame {
    const encoded = this.encoded.get(frame) ?? encodeFrame(frame);
    this.encoded.set(frame, encoded);
    return encoded;
  }
}

/**
 * An event as socket.io's protocol (version 5) has it in a message of engine.io's, and the whole of it as a websocket
 * frame: engine.io sends that as it is, one buffer for all clients, as it does for what socket.io's adapter encodes.
 */
interface EncodedFrame {
  readonly text: string;
  readonly options: { readonly compress: false; readonly wsPreEncodedFrame: readonly Buffer[] };
}

function encodeFrame(frame: Frame): EncodedFrame {
  const text = `2/feed,${JSON.stringify([frame.kind, contentOf(frame)])}`;
  const payload = Buffer.from(`4${text}`);
  return { text, options: { compress: false, wsPreEncodedFrame: [frameHeader(payload.length), payload] } };
}

function contentOf(frame: Frame): Parameters<ServerToClient[Frame['kind']]>[0] {
  switch (frame.kind) {
    case 'snapshot':
      return frame.snapshot;
    case 'events':
      return frame.events;
    case 'gap':
      return frame.gap;
    default:
      return unreachable(frame);
  }
}

/** A whole text message in one frame from a server (RFC 6455, 5.2). */
function frameHeader(length: number): Buffer {
  const size = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const header = Buffer.alloc(size);
  header[0] = 0x81;
  if (size === 2) header[1] = length;
  else if (size === 4) {
    header[1] = 126;
    header.writeUInt16BE(length, 2);
  } else {
    header[1] = 127;
    header.writeBigUInt64BE(BigInt(length), 2);
  }
  return header;
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
