import type { Socket } from 'node:net';

const errors = new WeakMap<Socket, Error>();

/**
 * Remembers the socket's first error, whoever else listens, and keeps an error from ending the process. `tell` hears
 * of every error.
 */
export function keepError(socket: Socket, tell: (error: Error) => void): void {
  socket.on('error', (error) => {
    if (!errors.has(socket)) errors.set(socket, error);
    tell(error);
  });
}

/** The socket's error, if it had one. A TLS session's `errored` does not have those that TLS itself reports. */
export function errorOf(socket: Socket): Error | undefined {
  return errors.get(socket) ?? socket.errored ?? undefined;
}
