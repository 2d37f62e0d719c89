import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';
import { helperOptions, serveParent } from './processes.ts';

/** Servers to be probed, in a process of their own so that their cost is not counted as the monitor's. */
export interface TargetOptions {
  readonly kind: 'tcp' | 'http';
  /** Loopback addresses to listen on, all on one port. */
  readonly addresses: readonly string[];
  readonly backlog: number;
}

const PAGE = `<!doctype html><title>Solhaga</title>${'<p>Varor och priser.</p>\n'.repeat(60)}`;

const { kind, addresses, backlog } = helperOptions() as TargetOptions;
function makeServer(): Server {
  if (kind === 'http') {
    return createHttpServer((_request, response) => {
      response.setHeader('Content-Type', 'text/html; charset=utf-8');
      response.end(PAGE);
    });
  }
  return createServer({ noDelay: false }, (socket) => {
    socket.on('error', () => undefined);
    socket.resume();
  });
}

let port = 0;
const servers: Server[] = [];
for (const host of addresses) {
  const server = makeServer();
  server.listen({ host, port, backlog });
  await once(server, 'listening');
  servers.push(server);
  const address = server.address();
  if (typeof address === 'object' && address !== null) port = address.port;
}

/** Asked anything: refuses from now on. */
serveParent({ port }, async () => {
  const closed = servers.map((server) => once(server, 'close'));
  for (const server of servers) server.close();
  await Promise.all(closed);
});
