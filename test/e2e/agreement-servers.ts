import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { RECORDS } from '../probes/dns-record-samples.ts';
import { type Respond, startTcpServer, startUdpServer } from '../probes/dns-server.ts';
import type { Certificate } from '../tools/certificates.ts';

/** Where each server of the agreement suite listens, as `host:port`; known once `startServers` is done. */
export const at = {
  http: '',
  https: '',
  expired: '',
  tls: '',
  banner: '',
  silent: '',
  /** Nobody listens there. */
  closed: '',
  dnsUdp: '',
  dnsTcp: '',
  dnsTls: '',
};

const respond: Respond = ({ questions: [question] }) => {
  const name = question?.name ?? '';
  const a = (data: string) => ({ name, type: 'A', ttl: 60, data }) as const;
  const record = RECORDS[Number(/^record-(\d+)\./.exec(name)?.[1])]?.record;
  if (record !== undefined) return [{ answers: [record] }];
  const soa = RECORDS.find((sample) => sample.record.type === 'SOA')?.record;
  switch (name) {
    case 'silence.test':
      return [];
    case 'none.test':
      return [{ rcode: 3 }];
    case 'servfail.test':
      return [{ rcode: 2 }];
    case 'empty.test':
      return [{}];
    case 'zone.test':
      return soa === undefined ? [] : [{ answers: [soa] }];
    case 'sections.test':
      return [
        {
          answers: [a('192.0.2.80')],
          authorities: soa === undefined ? [] : [soa],
          additionals: [a('192.0.2.82')],
        },
      ];
    default:
      return [{ answers: [a('192.0.2.80'), a('192.0.2.81')] }];
  }
};

const site: RequestListener = (request, response) => {
  const body: Buffer[] = [];
  request.on('data', (chunk: Buffer) => body.push(chunk));
  request.on('end', () => {
    switch (request.url) {
      case '/ok':
        return response.setHeader('X-State', 'fine').end('all is well');
      case '/dated':
        return response
          .writeHead(200, { 'Content-Length': 5, 'Last-Modified': 'Fri, 22 Dec 2023 14:00:00 GMT' })
          .end('dated');
      case '/gzip':
        return response.setHeader('Content-Encoding', 'gzip').end(gzipSync('x'.repeat(1_000)));
      case '/204':
        return response.writeHead(204).end();
      case '/broken':
        return response.writeHead(500).end('broken');
      case '/maintenance':
        return response.end('<h1>Driftstörning: vi har en driftstörning</h1>');
      case '/redirect':
        return response.writeHead(302, { Location: '/ok' }).end();
      case '/redirect-nowhere':
        return response.writeHead(302, { Location: `http://${at.closed}/` }).end();
      case '/loop':
        return response.writeHead(302, { Location: '/loop' }).end();
      case '/echo':
        return response.end(`${request.method} ${Buffer.concat(body).toString()}`);
      case '/host':
        return response.end(request.headers.host);
      case '/header':
        return response.end(request.headers['x-own']);
      default:
        return response.writeHead(404).end('no such page');
    }
  });
};

/** Starts them all; `running` ends them. */
export async function startServers(
  running: AsyncDisposableStack,
  good: Certificate,
  expired: Certificate,
): Promise<void> {
  const greet = (socket: Socket): void => {
    socket.on('error', () => undefined);
    socket.write('220 till ready\r\n');
    socket.on('data', (data: Buffer) => {
      if (data.toString().startsWith('EHLO ')) socket.write(`250 ${data.toString().slice(5).trim()}\r\n`);
    });
  };
  const start = async (server: Server): Promise<string> => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const sockets = new Set<Socket>();
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
    running.defer(async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    });
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  at.http = await start(createHttpServer(site));
  at.https = await start(createHttpsServer(good, site));
  at.expired = await start(createHttpsServer(expired, site));
  at.tls = await start(createTlsServer(good, greet));
  at.banner = await start(createServer(greet));
  at.silent = await start(createServer((socket) => socket.on('error', () => undefined).resume()));
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  at.closed = `127.0.0.1:${(closed.address() as AddressInfo).port}`;
  closed.close();
  at.dnsUdp = running.use(await startUdpServer(respond)).address;
  at.dnsTcp = running.use(await startTcpServer(respond)).address;
  at.dnsTls = running.use(await startTcpServer(respond, { tls: good })).address;
}
