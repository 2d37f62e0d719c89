import { type IncomingMessage, request as startRequest } from 'node:http';
import type { Socket } from 'node:net';
import { type Duplex, pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import { codeOf } from './fault.ts';
import type { HttpOptions } from './http-options.ts';
import { errorOf } from './socket-error.ts';

/** The largest head of a response to accept. Unit: bytes. */
export const MAX_HEAD_BYTES = 65_536;

export interface HttpRequest {
  readonly method: string;
  /** Origin form, with the query. */
  readonly path: string;
  /** Every header, in order: its name as it is sent, then its value. */
  readonly headers: readonly string[];
  readonly body: Buffer | undefined;
}

/** `error` is for a fault; `closed`: the other side just ended the connection. */
export type Headed =
  | { readonly kind: 'head'; readonly response: IncomingMessage }
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'closed' }
  | { readonly kind: 'aborted' };

/** Sends a request over an open connection and waits for the head of the answer. The socket stays the caller's. */
export function sendRequest(socket: Socket, request: HttpRequest, signal: AbortSignal): Promise<Headed> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve({ kind: 'aborted' });
    const error = errorOf(socket);
    if (error !== undefined) return resolve({ kind: 'error', error });
    if (socket.destroyed) return resolve({ kind: 'closed' });
    // A body may take more than one packet, and the last must not wait for the first one's receipt.
    if (request.body !== undefined) socket.setNoDelay(true);
    const message = startRequest({
      createConnection: () => socket,
      method: request.method,
      path: request.path,
      headers: request.headers,
      maxHeaderSize: MAX_HEAD_BYTES,
    });
    const settle = (headed: Headed): void => {
      signal.removeEventListener('abort', onAbort);
      resolve(headed);
    };
    const onAbort = (): void => settle({ kind: 'aborted' });
    const onHead = (response: IncomingMessage): void => {
      // An error that comes while nobody reads must not end the process; whoever reads sees it.
      response.on('error', () => undefined);
      settle({ kind: 'head', response });
    };
    message.on('response', onHead);
    // 101 without having asked for it: an answer like another, though without a body.
    message.on('upgrade', onHead);
    message.on('error', (error) =>
      // Node makes an ECONNRESET of its own, without a system call, when the other side merely closes.
      settle(
        codeOf(error) === 'ECONNRESET' && !('syscall' in error)
          ? { kind: 'closed' }
          : { kind: 'error', error },
      ),
    );
    message.on('close', () => settle({ kind: 'closed' }));
    signal.addEventListener('abort', onAbort, { once: true });
    message.end(request.body);
  });
}

export type BodyRead =
  /** `bytes` only when they were to be kept; `length` counts them after decompression. */
  | { readonly kind: 'whole'; readonly bytes: Buffer; readonly length: number }
  | { readonly kind: 'too-large'; readonly length: number }
  | { readonly kind: 'not-compressed-so'; readonly length: number }
  | { readonly kind: 'broken-off'; readonly length: number }
  | { readonly kind: 'aborted'; readonly length: number };

/**
 * Reads a body to its end, at most `maxBytes` after decompression, and holds it only if `keep`. What is compressed
 * is decompressed piece by piece, so that a small body that unpacks into a huge one stops at the limit too.
 */
export async function readBody(
  response: IncomingMessage,
  wish: {
    readonly compression: HttpOptions['compression'];
    readonly maxBytes: number;
    readonly keep: boolean;
  },
  signal: AbortSignal,
): Promise<BodyRead> {
  const { compression, maxBytes, keep } = wish;
  const { socket } = response;
  const kept: Buffer[] = [];
  let length = 0;
  const take = (chunk: Buffer): boolean => {
    length += chunk.length;
    if (keep) kept.push(chunk);
    return length <= maxBytes;
  };
  const onAbort = (): void => void response.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const isPlain = compression === undefined || compression === 'identity';
    await eachChunk(isPlain ? response : await decoded(response, compression), take);
    if (length > maxBytes) return { kind: 'too-large', length: maxBytes };
    if (signal.aborted) return { kind: 'aborted', length };
    if (!response.complete || isCutShort(response, socket)) return { kind: 'broken-off', length };
    return { kind: 'whole', bytes: Buffer.concat(kept), length };
  } catch (error) {
    if (signal.aborted) return { kind: 'aborted', length };
    const isEncoding = /^(Z_|ERR_BROTLI|ERR__ERROR_|ERR_ZLIB|ERR_.*BROTLI)/.test(codeOf(error));
    return { kind: isEncoding ? 'not-compressed-so' : 'broken-off', length };
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Whether a body that only the connection's end can end was ended by an error instead; Node takes either for whole. */
function isCutShort({ headers }: IncomingMessage, socket: Socket): boolean {
  const hasEnd = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  return !hasEnd && errorOf(socket) !== undefined;
}

/**
 * Gives `take` chunk after chunk until the stream has no more or `take` wants none; rejects when the stream fails. An
 * iterator over the stream would cost a fifth of the whole probe.
 */
function eachChunk(stream: Readable, take: (chunk: Buffer) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.on('data', (chunk: Buffer) => {
      if (!take(chunk)) stream.destroy();
    });
    stream.on('end', resolve).on('close', resolve).on('error', reject);
  });
}

async function decoded(response: IncomingMessage, compression: 'gzip' | 'br' | 'deflate'): Promise<Readable> {
  const chunks: AsyncIterator<Buffer> = response[Symbol.asyncIterator]();
  const first = await chunks.next();
  const source = async function* (): AsyncGenerator<Buffer> {
    for (let next = first; next.done !== true; next = await chunks.next()) yield next.value;
  };
  const head = first.done === true ? Buffer.alloc(0) : first.value;
  // Errors, of source and decoder alike, are for the loop that reads.
  return pipeline(source, makeDecoder(compression, head), () => undefined);
}

function makeDecoder(compression: 'gzip' | 'br' | 'deflate', head: Buffer): Duplex {
  if (compression === 'gzip') return createGunzip();
  if (compression === 'br') return createBrotliDecompress();
  // "deflate" means zlib's format (RFC 9110), but many servers, and Go, take it for the bare one.
  const header = head.length < 2 ? 0x789c : head.readUInt16BE(0);
  return (header & 0x0f00) === 0x0800 && header % 31 === 0 ? createInflate() : createInflateRaw();
}

const UTF8 = new TextDecoder();

/** The body as text, in the character set that the response names; UTF-8 if it names none that is known. */
export function bodyText(bytes: Buffer, contentType: string | undefined): string {
  const charset = /;\s*charset="?([^";\s]+)/i.exec(contentType ?? '')?.[1];
  if (charset === undefined || charset.toLowerCase() === 'utf-8') return UTF8.decode(bytes);
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    // A name that nobody knows.
    return UTF8.decode(bytes);
  }
}
