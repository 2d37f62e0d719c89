import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Readable } from 'node:stream';
import axios from 'axios';
import { whyUnreachable } from './net-fault.ts';
import type { Delivery } from './notifier.ts';

export type Failed = Extract<Delivery, { readonly kind: 'failed' }>;

/** A request to somebody else's HTTP API. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH';
  /** May hold a secret: nothing but its host is ever told. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The most to read of the answer's body; the rest is dropped. */
  readonly bodyBytes: number;
}

export interface ApiAnswer {
  readonly kind: 'answered';
  readonly status: number;
  /** How long it asks to be left alone. Unit: ms. */
  readonly retryAfterMs?: number;
  readonly body: string;
}

/** Where requests go from. Disposing it closes what is open. */
export interface ApiClient extends Disposable {
  /**
   * Sends the request once; follows no redirect. Whatever status comes back is an answer. Settles with the abort of
   * `signal`: with `failed` when its reason is a `TimeoutError`, by rejecting with the reason otherwise.
   */
  call(request: ApiRequest, signal: AbortSignal): Promise<ApiAnswer | Failed>;
}

/** `authorities`: PEM of the only ones to trust; undefined: the usual ones. */
export function makeApiClient(authorities: string | undefined): ApiClient {
  // A connection for each request: between two incidents hours may pass.
  const httpAgent = new HttpAgent();
  const httpsAgent = new HttpsAgent(authorities === undefined ? {} : { ca: authorities });
  return {
    async call({ method, url, headers, body, bodyBytes }, signal) {
      try {
        signal.throwIfAborted();
        const response = await axios.request<Readable>({
          method,
          url: url.href,
          headers: { 'User-Agent': 'kassavakt', ...headers },
          ...(body === undefined ? {} : { data: Buffer.from(body) }),
          responseType: 'stream',
          maxRedirects: 0,
          validateStatus: null,
          httpAgent,
          httpsAgent,
          signal,
        });
        const retryAfterMs = readRetryAfter(response.headers['retry-after'], response.headers['date']);
        const text = await readAtMost(response.data, bodyBytes);
        signal.throwIfAborted();
        return {
          kind: 'answered',
          status: response.status,
          body: text,
          ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
        };
      } catch (error) {
        if (signal.aborted) return timedOut(signal, url.host);
        return { kind: 'failed', isPermanent: false, message: `${url.host} ${whyUnreachable(error)}` };
      }
    },
    [Symbol.dispose]() {
      httpAgent.destroy();
      httpsAgent.destroy();
    },
  };
}

/** What a status says when it is no success. `told`: the option to correct when the receiver refuses, and why. */
export function refusal(answer: ApiAnswer, host: string, told: Refusals): Failed | undefined {
  const { status, retryAfterMs } = answer;
  if (status >= 200 && status < 300) return undefined;
  const isTemporary = status >= 500 || [408, 425, 429].includes(status);
  return {
    kind: 'failed',
    isPermanent: !isTemporary,
    message: `${host} answers ${status}: ${isTemporary ? whyLater(status) : whyNever(status, told)}`,
    ...(isTemporary && retryAfterMs !== undefined ? { retryAfterMs } : {}),
  };
}

/** What to change when the receiver does not take it as it is. */
export interface Refusals {
  /** 401, 403. */
  readonly credential: string;
  /** 3xx, 404, 410. */
  readonly address: string;
  /** Anything else. */
  readonly content: string;
}

/** Ends an attempt whose signal was aborted: `failed` for a deadline, thrown for anything else. */
export function timedOut({ reason }: AbortSignal, host: string): Failed {
  if (!Error.isError(reason) || reason.name !== 'TimeoutError') throw reason;
  return { kind: 'failed', isPermanent: false, message: `${host} does not answer in time` };
}

const LONGEST_WAIT_MS = 86_400_000;

/** Of `Retry-After`: seconds or a date, the latter by the answer's own clock where it tells it. Unit: ms. */
function readRetryAfter(value: unknown, date: unknown): number | undefined {
  if (typeof value !== 'string') return undefined;
  const waitMs = /^\s*\d+\s*$/.test(value)
    ? Number(value) * 1_000
    : Date.parse(value) - Date.parse(typeof date === 'string' ? date : '');
  return Number.isNaN(waitMs) ? undefined : Math.min(LONGEST_WAIT_MS, Math.max(0, waitMs));
}

async function readAtMost(stream: Readable, bytes: number): Promise<string> {
  if (bytes === 0) {
    stream.on('error', () => undefined).destroy();
    return '';
  }
  const parts: Buffer[] = [];
  let size = 0;
  // Leaving the loop destroys the stream, and with it the connection.
  for await (const part of stream) {
    const chunk = Buffer.from(part);
    parts.push(chunk);
    size += chunk.length;
    if (size >= bytes) break;
  }
  return Buffer.concat(parts).subarray(0, bytes).toString('utf8');
}

function whyLater(status: number): string {
  if (status === 429) return 'it is asked too often';
  return status >= 500 ? 'it has a fault of its own' : 'it is not ready';
}

function whyNever(status: number, { credential, address, content }: Refusals): string {
  if (status === 401 || status === 403) return `it refuses us; ${credential}`;
  if (status === 404 || status === 410) return `nothing is there; ${address}`;
  if (status < 400) return `it sends us elsewhere, and redirects are not followed; ${address}`;
  return `it does not take it as it is; ${content}`;
}
