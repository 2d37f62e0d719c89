import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../lib/clock.ts';
import { errorOf } from './socket-error.ts';

/** How long to wait for a refusal that follows an accepted connection, beyond the way there and back. Unit: ms. */
const LINGER_MS = 50;
/** How often to look at the connections that are watched. Unit: ms. Well below the 50 ms that an abort may take. */
const LOOK_MS = 10;

/**
 * Watches freshly opened connections for what they may still bring: the reset of a server that accepts and throws
 * away, or, with TLS 1.3, its judgement on our client certificate, which comes after the handshake. Nothing is sent
 * and no close is asked for: devices that answer a close with a reset, as many do, are well. One timer serves all.
 */
export class RefusalWatch {
  private readonly watched = new Set<Watched>();
  private isLooking = false;
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /**
   * The error if one comes within the time, else undefined. `connectMs` stands for the way there and back. Ends early
   * when TLS 1.3 shows itself settled by a session ticket, and soon after the signal aborts.
   */
  wait(socket: Socket, connectMs: number, signal: AbortSignal): Promise<Error | undefined> {
    return new Promise((resolve) => {
      const untilMs = this.clock.monotonicMs() + LINGER_MS + connectMs;
      const watched: Watched = { socket, signal, untilMs, resolve };
      if (socket instanceof TLSSocket) socket.once('session', () => this.settle(watched));
      this.watched.add(watched);
      this.lookLater();
    });
  }

  private lookLater(): void {
    if (this.isLooking || this.watched.size === 0) return;
    this.isLooking = true;
    this.clock.after(LOOK_MS, () => this.look());
  }

  private look(): void {
    this.isLooking = false;
    const nowMs = this.clock.monotonicMs();
    const over: Watched[] = [];
    for (const watched of this.watched) {
      const { socket, signal, untilMs } = watched;
      if (signal.aborted || socket.destroyed) this.settle(watched);
      else if (untilMs <= nowMs) over.push(watched);
    }
    // A late loop fires timers before it reads sockets: give the resets that are already here their turn.
    setImmediate(() =>
      setImmediate(() => {
        for (const watched of over) this.settle(watched);
      }),
    );
    this.lookLater();
  }

  private settle(watched: Watched): void {
    this.watched.delete(watched);
    watched.resolve(errorOf(watched.socket));
  }
}

interface Watched {
  readonly socket: Socket;
  readonly signal: AbortSignal;
  /** Monotonic ms. */
  readonly untilMs: number;
  resolve(refusal: Error | undefined): void;
}

/** Destroys a connection; on one where something was said, says goodbye first: a TLS peer gets its close_notify. */
export function hangUp(socket: Socket): void {
  if (socket.destroyed) return;
  if (!(socket instanceof TLSSocket) && socket.bytesWritten === 0) {
    socket.destroy();
    return;
  }
  socket.end();
  setImmediate(() => socket.destroy());
}
