import type { Socket } from 'node:net';
import type { Clock } from '../lib/clock.ts';
import { errorOf } from './socket-error.ts';

/** How long to wait for a refusal that follows an accepted connection, beyond the way there and back. Unit: ms. */
const LINGER_MS = 50;

/**
 * Waits a moment for what a freshly opened connection may still bring: the reset of a server that accepts and throws
 * away, or, with TLS 1.3, its judgement on our client certificate, which comes after the handshake. The error if one
 * comes, else undefined. Nothing is sent and no close is asked for: devices that answer a close with a reset, as many
 * do, are well. `connectMs` stands for the way there and back. Ends early when the peer ends the connection, when TLS
 * 1.3 shows itself settled by a session ticket, and when the signal aborts.
 */
export function waitForRefusal(
  socket: Socket,
  connectMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const settle = (): void => {
      timer[Symbol.dispose]();
      signal.removeEventListener('abort', settle);
      socket.off('session', settle).off('end', settle).off('close', settle).off('error', settle);
      resolve(errorOf(socket));
    };
    // A late loop fires timers before it reads sockets: give the reset that is already here its turn.
    const timer = clock.after(LINGER_MS + connectMs, () => setImmediate(() => setImmediate(settle)));
    signal.addEventListener('abort', settle, { once: true });
    socket.on('session', settle).on('end', settle).on('close', settle).on('error', settle);
    if (signal.aborted || socket.destroyed || errorOf(socket) !== undefined) settle();
    // Reading is what brings the error up; what is read is dropped.
    socket.resume();
  });
}

/** Says goodbye and destroys: a TLS peer gets its close_notify. */
export function hangUp(socket: Socket): void {
  if (socket.destroyed) return;
  socket.end();
  setImmediate(() => socket.destroy());
}
