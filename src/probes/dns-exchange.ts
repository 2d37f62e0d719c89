import { Buffer } from 'node:buffer';
import { createSocket } from 'node:dgram';
import type { Duplex } from 'node:stream';
import { type DecodedPacket, decode, encode, RECURSION_DESIRED } from 'dns-packet';
import type { Clock } from '../lib/clock.ts';

/** The one question of a probe. */
export interface Query {
  /** As dns-packet names it. */
  readonly type: string;
  readonly class: string;
  readonly name: string;
  readonly recursionDesired: boolean;
}

/** How asking ended. */
type Ending =
  | { readonly kind: 'answer'; readonly packet: DecodedPacket }
  | { readonly kind: 'error'; readonly error: unknown }
  /** Only over a connection: it ended, or brought something that is no answer. `what` is a clause for a person. */
  | { readonly kind: 'broken'; readonly what: string }
  | { readonly kind: 'aborted' };

export type Exchange = Ending & {
  /** Messages that were no answer to the question. */
  readonly strays: number;
  /** Opening the socket. Unit: ms. */
  readonly connectMs: number;
  /** From then on. Unit: ms. */
  readonly requestMs: number;
};

/**
 * Larger answers are refused. Unit: bytes. Reading a hostile message costs time that grows with the square of its
 * size (chains of compression pointers), and no sensible monitoring query has an answer near it.
 */
const MAX_ANSWER_BYTES = 16_384;

/**
 * Asks over UDP. Datagrams that do not answer the question (another id, another name, garbage) are counted and
 * passed over, so that nobody can spoil a probe by guessing its port. Settles at once when `signal` aborts.
 */
export async function askByUdp(
  query: Query,
  to: {
    readonly ip: string;
    readonly family: 4 | 6;
    readonly port: number;
    readonly from: string | undefined;
  },
  clock: Clock,
  signal: AbortSignal,
): Promise<Exchange> {
  const id = newId();
  const socket = createSocket(to.family === 6 ? 'udp6' : 'udp4');
  const openAtMs = clock.monotonicMs();
  let askedAtMs: number | undefined;
  let strays = 0;
  const ending = await settled(signal, (settle) => {
    socket.on('error', (error) => settle({ kind: 'error', error }));
    socket.on('message', (bytes) => {
      const packet = acceptable(bytes, id, query);
      if (packet === undefined) strays += 1;
      else settle({ kind: 'answer', packet });
    });
    socket.once('connect', () => {
      askedAtMs = clock.monotonicMs();
      socket.send(encodeQuery(id, query), (error) => {
        if (error !== null) settle({ kind: 'error', error });
      });
    });
    const connect = (): void => socket.connect(to.port, to.ip);
    if (to.from === undefined) connect();
    else socket.bind({ address: to.from, port: 0 }, connect);
  });
  const endedAtMs = clock.monotonicMs();
  socket.removeAllListeners().on('error', () => undefined);
  socket.close();
  const connectMs = (askedAtMs ?? endedAtMs) - openAtMs;
  return { ...ending, strays, connectMs, requestMs: endedAtMs - openAtMs - connectMs };
}

/** Asks over an open connection (TCP or TLS), which stays the caller's to destroy. Settles at once on abort. */
export async function askByStream(
  query: Query,
  stream: Duplex,
  clock: Clock,
  signal: AbortSignal,
): Promise<Exchange> {
  const id = newId();
  const askedAtMs = clock.monotonicMs();
  let strays = 0;
  const ending = await settled(signal, (settle) => {
    let received = Buffer.alloc(0);
    const broken = (what: string): void => settle({ kind: 'broken', what });
    stream.on('error', (error) => settle({ kind: 'error', error }));
    stream.on('close', () => broken('ends the connection without an answer'));
    stream.on('end', () => broken('ends the connection without an answer'));
    stream.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2) return;
      const length = received.readUInt16BE(0);
      if (length <= MAX_ANSWER_BYTES && received.length < length + 2) return;
      const packet = acceptable(received.subarray(2, length + 2), id, query);
      if (packet !== undefined) return settle({ kind: 'answer', packet });
      strays = 1;
      broken('sends something that does not answer the question');
    });
    const message = encodeQuery(id, query);
    const frame = Buffer.alloc(2);
    frame.writeUInt16BE(message.length);
    stream.write(Buffer.concat([frame, message]));
  });
  return { ...ending, strays, connectMs: 0, requestMs: clock.monotonicMs() - askedAtMs };
}

/** The first ending that `start` or the abort brings. */
async function settled(
  signal: AbortSignal,
  start: (settle: (ending: Ending) => void) => void,
): Promise<Ending> {
  const { promise, resolve } = Promise.withResolvers<Ending>();
  // A late loop fires timers before it reads: an answer that is already here gets its turn first.
  const onAbort = (): void => void setImmediate(() => resolve({ kind: 'aborted' }));
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  else start(resolve);
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** The packet, when it answers `query`: same id, same question. An error may leave the question out. */
function acceptable(bytes: Buffer, id: number, query: Query): DecodedPacket | undefined {
  if (bytes.length > MAX_ANSWER_BYTES) return undefined;
  try {
    const packet = decode(bytes);
    if (packet.id !== id || packet.type !== 'response') return undefined;
    const [question, ...more] = packet.questions;
    if (question === undefined) return packet.rcode === 'NOERROR' ? undefined : packet;
    const same =
      more.length === 0 &&
      plain(question.name) === plain(query.name) &&
      question.type === query.type &&
      question.class === query.class;
    return same ? packet : undefined;
  } catch {
    // Not a DNS message.
    return undefined;
  }
}

function encodeQuery(id: number, { name, type, class: class_, recursionDesired }: Query): Buffer {
  const flags = recursionDesired ? RECURSION_DESIRED : 0;
  return encode({ type: 'query', id, flags, questions: [{ name, type, class: class_ }] });
}

function plain(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

/** Not to be guessed: whoever can forge an answer's sender must not also know the id. */
function newId(): number {
  return crypto.getRandomValues(new Uint16Array(1))[0] ?? 0;
}
