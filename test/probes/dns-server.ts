import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { type Answer, type DecodedPacket, decode, encode } from 'dns-packet';

/** What a query is answered with; the question and its id are put in unless said otherwise. */
export interface Reply {
  readonly rcode?: number;
  readonly flags?: number;
  readonly id?: number;
  readonly questions?: DecodedPacket['questions'];
  readonly answers?: readonly Answer[];
  readonly authorities?: readonly Answer[];
  readonly additionals?: readonly Answer[];
}

/** The messages to send back, raw or described; none for silence. */
export type Respond = (query: DecodedPacket) => readonly (Reply | Buffer)[];

/** A name server on a free loopback port. `address` is `host:port`; `queries` what it was asked, in order. */
export interface DnsServer extends AsyncDisposable {
  readonly address: string;
  readonly queries: readonly DecodedPacket[];
}

export async function startUdpServer(respond: Respond, host = '127.0.0.1'): Promise<DnsServer> {
  const queries: DecodedPacket[] = [];
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (bytes, peer) => {
    const query = decode(bytes);
    queries.push(query);
    for (const reply of respond(query)) socket.send(toBytes(query, reply), peer.port, peer.address);
  });
  socket.bind(0, host);
  await once(socket, 'listening');
  return {
    address: addressOf(socket.address()),
    queries,
    async [Symbol.asyncDispose]() {
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** With `tls` it speaks DNS over TLS. `piece`: how many bytes are written at once. */
export async function startTcpServer(
  respond: Respond,
  { tls, piece = 65_537 }: { tls?: { cert: string; key: string }; piece?: number } = {},
): Promise<DnsServer> {
  const queries: DecodedPacket[] = [];
  const connections = new Set<Socket>();
  const serve = (socket: Socket): void => {
    connections.add(socket);
    socket.on('error', () => undefined).on('close', () => connections.delete(socket));
    let received = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < received.readUInt16BE(0) + 2) return;
      const query = decode(received.subarray(2));
      queries.push(query);
      for (const reply of respond(query)) {
        const frame = Buffer.isBuffer(reply) ? reply : framed(toBytes(query, reply));
        for (let at = 0; at < frame.length; at += piece) socket.write(frame.subarray(at, at + piece));
      }
    });
  };
  const server: Server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: addressOf(server.address() as AddressInfo),
    queries,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of connections) socket.destroy();
      await once(server, 'close');
    },
  };
}

export function framed(bytes: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function toBytes(query: DecodedPacket, reply: Reply | Buffer): Buffer {
  if (Buffer.isBuffer(reply)) return reply;
  const { rcode = 0, flags = 0, ...rest } = reply;
  return encode({
    type: 'response',
    id: query.id,
    questions: query.questions,
    ...rest,
    flags: flags | rcode,
  });
}

function addressOf({ address, port }: { readonly address: string; readonly port: number }): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
