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

/** `closed`: refuse from now on. `open`: answer again, on the same port. */
export type TargetQuestion = 'closed' | 'open';

const PAGE = `<!doctype html><title>Solhaga</title>${'<p>Varor och priser.</p>\n'.repeat(60)}`;

const { kind, addresses, backlog } = helperOptions() as TargetOptions;
let servers: readonly Server[] = [];

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

async function listen(port: number): Promise<number> {
  let chosen = port;
  const opened: Server[] = [];
  servers = opened;
  for (const host of addresses) {
    const server = makeServer();
    server.listen({ host, port: chosen, backlog });
    await once(server, 'listening');
    opened.push(server);
    const address = server.address();
    if (typeof address === 'object' && address !== null) chosen = address.port;
  }
  return chosen;
}

async function close(): Promise<void> {
  const closed = servers.map((server) => once(server, 'close'));
  for (const server of servers) server.close();
  await Promise.all(closed);
}

const port = await listen(0);
serveParent({ port }, async (question) => {
  if ((question as TargetQuestion) === 'closed') await close();
  else await listen(port);
});
