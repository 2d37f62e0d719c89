import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../lib/clock.ts';
import { codeOf } from './fault.ts';

/** One HTTP request over a connection that is there already. */
export interface ExchangeRequest {
  readonly method: 'GET' | 'POST';
  /** Origin form, with the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Longest body to accept, in bytes. 0: the body is not read at all, the status is the answer. */
  readonly maxBodyBytes: number;
}

/** What came back. Durations from the sending, in ms. */
export type Exchanged =
  | {
      readonly kind: 'response';
      readonly status: number;
      readonly body: string;
      /** Until the head of the response. */
      readonly processingMs: number;
      readonly transferMs: number;
    }
  /** The deadline came first; `seen` is how far the answer had come. */
  | { readonly kind: 'timeout'; readonly seen: Seen }
  /** The connection ended too soon. `error` is for `faultOf`; undefined when the other side just closed. */
  | { readonly kind: 'closed'; readonly seen: Seen; readonly error: unknown }
  /** What came is not HTTP. */
  | { readonly kind: 'garbage' }
  | { readonly kind: 'too-large' };

/** `nothing`: not one whole head. `head`: the head, and not all of the body. */
type Seen = 'nothing' | 'head';

/**
 * Sends `wanted` over `socket` and reads the answer; the socket is destroyed afterwards, whatever happened.
 * A `TimeoutError` abort resolves as `timeout`, any other rejects with the signal's reason. Memory is bounded by
 * `maxBodyBytes` and Node's limit on a head (16 KiB).
 */
export function exchange(
  socket: Duplex,
  wanted: ExchangeRequest,
  clock: Pick<Clock, 'monotonicMs'>,
  signal: AbortSignal,
): Promise<Exchanged> {
  const startedMs = clock.monotonicMs();
  return new Promise<Exchanged>((resolve, reject) => {
    let message: ClientRequest | undefined;
    let seen: Seen = 'nothing';
    let ended = false;
    const end = (act: () => void): void => {
      if (ended) return;
      ended = true;
      signal.removeEventListener('abort', onAbort);
      socket.on('error', ignore);
      socket.destroy();
      message?.destroy();
      act();
    };
    const settle = (exchanged: Exchanged): void => end(() => resolve(exchanged));
    const onAbort = (): void => {
      const reason: unknown = signal.reason;
      if (isTimeout(reason)) settle({ kind: 'timeout', seen });
      else end(() => reject(reason));
    };
    const onEnd = (error?: unknown): void => {
      settle(codeOf(error).startsWith('HPE_') ? { kind: 'garbage' } : { kind: 'closed', seen, error });
    };
    if (signal.aborted) {
      onAbort();
      return;
    }
    if (socket.destroyed) {
      onEnd(socket.errored);
      return;
    }
    signal.addEventListener('abort', onAbort);
    message = request({
      createConnection: () => socket,
      method: wanted.method,
      path: wanted.path,
      headers: { ...wanted.headers, connection: 'close' },
    });
    message.on('error', onEnd);
    message.on('close', () => onEnd());
    message.on('response', (response) => {
      seen = 'head';
      const processingMs = clock.monotonicMs() - startedMs;
      const { statusCode: status = 0 } = response;
      const finish = (body: string): void => {
        const transferMs = clock.monotonicMs() - startedMs - processingMs;
        settle({ kind: 'response', status, body, processingMs, transferMs });
      };
      if (wanted.maxBodyBytes === 0) {
        response.on('error', ignore);
        finish('');
      } else {
        readBody(response, wanted.maxBodyBytes, finish, () => settle({ kind: 'too-large' }), onEnd);
      }
    });
    message.end(wanted.body);
  });
}

function readBody(
  response: IncomingMessage,
  maxBytes: number,
  onWhole: (body: string) => void,
  onTooLarge: () => void,
  onBroken: (error?: unknown) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxBytes) onTooLarge();
    else chunks.push(chunk);
  });
  response.on('end', () => onWhole(Buffer.concat(chunks).toString('utf8')));
  response.on('error', onBroken);
}

function isTimeout(reason: unknown): boolean {
  return Error.isError(reason) && reason.name === 'TimeoutError';
}

function ignore(): void {
  // A destroyed socket may still report the error that came first.
}
