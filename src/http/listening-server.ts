import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { isIPv6 } from 'node:net';
import type { ListenAddress } from '../settings/settings.ts';
import { limitServer } from './app.ts';

/** A server with its limits set, that lets every connection go when it is disposed of. */
export function makeServer(): Server & AsyncDisposable {
  const server = createServer();
  limitServer(server);
  return Object.assign(server, {
    async [Symbol.asyncDispose]() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  });
}

/** Resolves once it listens; rejects with what to do when the port is taken. */
export async function listen(server: Server, { host, port }: ListenAddress): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const code = Error.isError(error) && 'code' in error ? error.code : undefined;
    if (code !== 'EADDRINUSE') throw error;
    throw new Error(`${host}:${port} is taken by another program; choose another with --listen or listen:`, {
      cause: error,
    });
  }
}

/** Where a listening server answers. */
export function urlOf(server: Server, host: string): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen');
  return `http://${isIPv6(host) ? `[${host}]` : host}:${address.port}`;
}
