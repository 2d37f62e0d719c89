import type { Socket } from 'node:net';
import type { Clock } from '../lib/clock.ts';
import { throwUnlessTimeout } from './deadline.ts';
import { codeOf } from './fault.ts';
import { readBody, sendRequest } from './http-exchange.ts';

/** One HTTP request over a connection that is there already. */
export interface ExchangeRequest {
  readonly method: 'GET' | 'POST';
  /** Origin form. */
  readonly path: string;
  readonly host: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Longest body to accept, in bytes. 0: the body is not read at all, the status is the answer. */
  readonly maxBodyBytes: number;
}

/** What came back. */
export type Exchanged =
  /** `processingMs`: from the sending to the head of the response. */
  | {
      readonly kind: 'response';
      readonly status: number;
      readonly body: string;
      readonly processingMs: number;
    }
  /** The deadline came first; `seen` is how far the answer had come. */
  | { readonly kind: 'timeout'; readonly seen: 'nothing' | 'head' }
  /** The connection ended too soon. `error` is for `faultOf`; undefined when the other side just closed. */
  | { readonly kind: 'closed'; readonly error: unknown }
  /** What came is not HTTP. */
  | { readonly kind: 'garbage' }
  | { readonly kind: 'too-large' };

/**
 * Sends a request and reads the answer as UTF-8; the socket is destroyed afterwards, whatever happened. A
 * `TimeoutError` abort resolves as `timeout`, any other rejects with the signal's reason.
 */
export async function exchange(
  socket: Socket,
  wanted: ExchangeRequest,
  clock: Pick<Clock, 'monotonicMs'>,
  signal: AbortSignal,
): Promise<Exchanged> {
  const body = wanted.body === undefined ? undefined : Buffer.from(wanted.body, 'utf8');
  const headers = Object.entries({
    Host: wanted.host,
    ...wanted.headers,
    // Told beforehand: small devices do not read chunks.
    ...(body === undefined ? {} : { 'Content-Length': String(body.length) }),
    Connection: 'close',
  }).flat();
  const startedMs = clock.monotonicMs();
  try {
    const headed = await sendRequest(
      socket,
      { method: wanted.method, path: wanted.path, headers, body },
      signal,
    );
    if (headed.kind === 'aborted') return timedOut('nothing', signal);
    if (headed.kind === 'closed') return { kind: 'closed', error: undefined };
    if (headed.kind === 'error') {
      const { error } = headed;
      return codeOf(error).startsWith('HPE_') ? { kind: 'garbage' } : { kind: 'closed', error };
    }
    const { response } = headed;
    const processingMs = clock.monotonicMs() - startedMs;
    const answered = (text: string): Exchanged => ({
      kind: 'response',
      status: response.statusCode ?? 0,
      body: text,
      processingMs,
    });
    if (wanted.maxBodyBytes === 0) return answered('');
    const wish = { compression: undefined, maxBytes: wanted.maxBodyBytes, keep: true };
    const read = await readBody(response, wish, signal);
    switch (read.kind) {
      case 'whole':
        return answered(read.bytes.toString('utf8'));
      case 'too-large':
        return { kind: 'too-large' };
      case 'aborted':
        return timedOut('head', signal);
      default:
        return { kind: 'closed', error: undefined };
    }
  } finally {
    socket.destroy();
  }
}

function timedOut(seen: 'nothing' | 'head', signal: AbortSignal): Exchanged {
  throwUnlessTimeout(signal);
  return { kind: 'timeout', seen };
}
