import { io, type Socket } from 'socket.io-client';
import type { Clock, Timer } from '../lib/clock.ts';
import type { FeedFilter, Gap, ServerToClient, Snapshot, WireEvent } from './protocol.ts';

/** Waits between attempts to connect: from the first to the last, doubling, each with some chance in it. Unit: ms. */
const RETRY_FIRST_MS = 500;
const RETRY_LAST_MS = 10_000;

export interface FollowOptions {
  /** Where the monitor answers, e.g. `http://127.0.0.1:9840`. */
  readonly url: URL;
  readonly token?: string;
  /** The last event that is known already. Absent: begin with a snapshot. */
  readonly since?: number;
  readonly filter?: FeedFilter;
  readonly clock: Clock;
}

export type FeedMessage =
  | { readonly kind: 'connected' }
  /** Attempts go on. `reason`: one clause for a person. Said once for each loss. */
  | { readonly kind: 'disconnected'; readonly reason: string }
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly kind: 'events'; readonly events: readonly WireEvent[] }
  /** Some events are not to be had; a snapshot follows. */
  | { readonly kind: 'gap'; readonly gap: Gap };

/** The monitor does not want us: trying again is no use. */
export class FeedRefused extends Error {
  override readonly name = 'FeedRefused';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Follows the feed until `signal` aborts, through every loss of the connection: each event comes once and in order.
 * Throws `FeedRefused`. Leaving the loop closes the connection.
 */
export async function* followFeed(
  options: FollowOptions,
  signal: AbortSignal,
): AsyncGenerator<FeedMessage, void> {
  if (signal.aborted) return;
  await using connection = new Connection(options);
  signal.addEventListener('abort', () => connection.end(), { once: true });
  for (;;) {
    const message = await connection.next();
    if (message === undefined) return;
    yield message;
  }
}

class Connection implements AsyncDisposable {
  private readonly socket: Socket<ServerToClient>;
  private readonly clock: Clock;
  private readonly queue: FeedMessage[] = [];
  private since: number | undefined;
  private isLost = false;
  private outcome: { readonly refused: FeedRefused | undefined } | undefined;
  private wake: (() => void) | undefined;
  private timer: Timer | undefined;

  constructor({ url, token, since, filter, clock }: FollowOptions) {
    this.since = since;
    this.clock = clock;
    this.socket = io(`${url.origin}/feed`, {
      path: `${url.pathname.replace(/\/$/, '')}/socket.io`,
      transports: ['websocket'],
      forceNew: true,
      reconnectionDelay: RETRY_FIRST_MS,
      reconnectionDelayMax: RETRY_LAST_MS,
      auth: (give) =>
        give({
          ...(token === undefined ? {} : { token }),
          ...(this.since === undefined ? {} : { since: this.since }),
          ...(filter === undefined ? {} : { filter }),
        }),
    });
    this.socket.on('connect', () => {
      this.isLost = false;
      this.push({ kind: 'connected' });
    });
    this.socket.on('connect_error', (error) => this.failed(error));
    this.socket.on('disconnect', (reason) => this.lost(reason));
    this.socket.on('snapshot', (snapshot) => {
      this.since = snapshot.seq;
      this.push({ kind: 'snapshot', snapshot });
    });
    this.socket.on('events', (events) => this.take(events));
    this.socket.on('gap', (gap) => this.push({ kind: 'gap', gap }));
  }

  /** The next message; undefined when it has ended. */
  async next(): Promise<FeedMessage | undefined> {
    for (;;) {
      if (this.outcome?.refused === undefined && this.outcome !== undefined) return undefined;
      const message = this.queue.shift();
      if (message !== undefined) return message;
      if (this.outcome?.refused !== undefined) throw this.outcome.refused;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.wake = resolve;
      await promise;
    }
  }

  end(refused?: FeedRefused): void {
    this.outcome ??= { refused };
    this.timer?.[Symbol.dispose]();
    this.socket.disconnect();
    this.wake?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
  }

  private push(message: FeedMessage): void {
    this.queue.push(message);
    this.wake?.();
  }

  /** Whatever the server repeats after a loss is left out. */
  private take(events: readonly WireEvent[]): void {
    const { since } = this;
    const fresh = since === undefined ? events : events.filter(({ seq }) => seq > since);
    const last = fresh.at(-1);
    if (last === undefined) return;
    this.since = last.seq;
    this.push({ kind: 'events', events: fresh });
  }

  private failed(error: Error): void {
    if (this.socket.active) {
      this.lost(error.message);
      return;
    }
    const { code, message } = 'data' in error ? (error.data as { code?: string; message?: string }) : {};
    this.end(new FeedRefused(code ?? 'refused', message ?? error.message));
  }

  private lost(reason: string): void {
    if (this.outcome !== undefined) return;
    if (!this.isLost) this.push({ kind: 'disconnected', reason: inWords(reason) });
    this.isLost = true;
    // The library comes back by itself, but not when the server has sent it away, as one that stops does.
    if (!this.socket.active) this.timer = this.clock.after(RETRY_FIRST_MS, () => this.socket.connect());
  }
}

function inWords(reason: string): string {
  switch (reason) {
    case 'io server disconnect':
      return 'the monitor closed the connection';
    case 'ping timeout':
      return 'the monitor does not answer any more';
    case 'transport close':
    case 'transport error':
      return 'the connection broke';
    case 'websocket error':
      return 'no connection comes about';
    default:
      return reason;
  }
}
