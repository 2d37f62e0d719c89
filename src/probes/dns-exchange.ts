import { Buffer } from 'node:buffer';
import { createSocket } from 'node:dgram';
import type { Duplex } from 'node:stream';
import { type DecodedPacket, decode, encode, RECURSION_DESIRED } from 'dns-packet';

/** The one question of a probe. */
export interface Query {
  /** As dns-packet names it. */
  readonly type: string;
  readonly class: string;
  readonly name: string;
  readonly recursionDesired: boolean;
}

/** What came back: at most one acceptable answer, and how much that was none. */
export type Exchange =
  | { readonly kind: 'answer'; readonly packet: DecodedPacket; readonly strays: number }
  | { readonly kind: 'error'; readonly code: string; readonly strays: number }
  /** Only over TCP: the connection ended, or brought something that is no answer to the question. */
  | { readonly kind: 'broken'; readonly what: string; readonly strays: number }
  | { readonly kind: 'aborted'; readonly strays: number };

/**
 * Larger answers are refused. Unit: bytes. Reading a hostile message costs time that grows with the square of its
 * size (chains of compression pointers), and no sensible monitoring query has an answer near it.
 */
const MAX_ANSWER_BYTES = 16_384;

/**
 * Asks over UDP. Datagrams that do not answer the question (another id, another name, garbage) are counted and
 * passed over, so that nobody can spoil a probe by guessing its port. Settles within the abort.
 */
export function askByUdp(
  query: Query,
  to: {
    readonly ip: string;
    readonly family: 4 | 6;
    readonly port: number;
    readonly from: string | undefined;
  },
  signal: AbortSignal,
): Promise<Exchange> {
  const id = newId();
  const message = encodeQuery(id, query);
  const socket = createSocket(to.family === 6 ? 'udp6' : 'udp4');
  let strays = 0;
  return new Promise<Exchange>((resolve) => {
    const settle = (exchange: Exchange): void => {
      signal.removeEventListener('abort', onAbort);
      resolve(exchange);
    };
    const onAbort = (): void => settle({ kind: 'aborted', strays });
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) return onAbort();
    socket.on('error', (error) => settle({ kind: 'error', code: codeOf(error), strays }));
    socket.on('message', (bytes) => {
      const packet = acceptable(bytes, id, query);
      if (packet === undefined) strays += 1;
      else settle({ kind: 'answer', packet, strays });
    });
    const ask = (): void => {
      socket.once('connect', () => {
        socket.send(message, (error) => {
          if (error !== null) settle({ kind: 'error', code: codeOf(error), strays });
        });
      });
      socket.connect(to.port, to.ip);
    };
    if (to.from === undefined) ask();
    else socket.bind({ address: to.from, port: 0 }, ask);
  }).finally(() => closeQuietly(socket));
}

/** Asks over an open connection (TCP or TLS), which stays the caller's to destroy. Settles within the abort. */
export function askByStream(query: Query, stream: Duplex, signal: AbortSignal): Promise<Exchange> {
  const id = newId();
  const message = encodeQuery(id, query);
  const frame = Buffer.alloc(2);
  frame.writeUInt16BE(message.length);
  let received = Buffer.alloc(0);
  return new Promise<Exchange>((resolve) => {
    const settle = (exchange: Exchange): void => {
      signal.removeEventListener('abort', onAbort);
      stream.off('data', onData).off('error', onError).off('close', onEnd).off('end', onEnd);
      stream.on('error', () => undefined);
      resolve(exchange);
    };
    const onAbort = (): void => settle({ kind: 'aborted', strays: 0 });
    const onError = (error: unknown): void => settle({ kind: 'error', code: codeOf(error), strays: 0 });
    const onEnd = (): void =>
      settle({ kind: 'broken', what: 'the connection ends without an answer', strays: 0 });
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2) return;
      const length = received.readUInt16BE(0);
      if (length > MAX_ANSWER_BYTES) {
        return settle({
          kind: 'broken',
          what: `the answer is larger than ${MAX_ANSWER_BYTES} bytes`,
          strays: 1,
        });
      }
      if (received.length < length + 2) return;
      const packet = acceptable(received.subarray(2, length + 2), id, query);
      settle(
        packet === undefined
          ? { kind: 'broken', what: 'what comes back does not answer the question', strays: 1 }
          : { kind: 'answer', packet, strays: 0 },
      );
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) return onAbort();
    stream.on('data', onData).on('error', onError).on('close', onEnd).on('end', onEnd);
    stream.write(Buffer.concat([frame, message]));
  });
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

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown';
}

function closeQuietly(socket: {
  close(): void;
  removeAllListeners(): unknown;
  on(e: 'error', f: () => void): unknown;
}) {
  socket.removeAllListeners();
  socket.on('error', () => undefined);
  try {
    socket.close();
  } catch {
    // It never opened.
  }
}
