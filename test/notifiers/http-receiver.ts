import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** A request as it came. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An HTTP server on loopback that keeps what it is sent. */
export interface HttpReceiver extends AsyncDisposable {
  /** `http://host:port` or `https://…`. */
  readonly url: string;
  readonly received: readonly Received[];
}

/** `answer`: to each request; without it 204. With `tls` it speaks HTTPS. */
export async function startHttpReceiver(
  answer: (request: Received, response: ServerResponse) => void = (_, response) => {
    response.writeHead(204).end();
  },
  tls?: { readonly cert: string; readonly key: string },
): Promise<HttpReceiver> {
  const received: Received[] = [];
  const server = (tls === undefined ? createServer() : createTlsServer(tls)).on(
    'request',
    (request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const { method = '', url: path = '', headers } = request;
        const one = { method, path, headers, body: Buffer.concat(parts).toString('utf8') };
        received.push(one);
        answer(one, response);
      });
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    received,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** Answers every request with `status`. */
export function always(
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body = '',
): (request: Received, response: ServerResponse) => void {
  return (_, response) => {
    response.writeHead(status, headers).end(body);
  };
}
