import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Certificates, Identity, ServerIdentities } from './certificates.ts';
import type { TargetKind } from './estate-plan.ts';

type OnRequest = (request: IncomingMessage, response: ServerResponse) => void;

/** Which certificate a server shows. */
export type Shown = keyof ServerIdentities;

/**
 * The servers behind all ports, one for each certificate rather than one for each target: none of them listens, each
 * is handed connections. A thousand terminals then cost a thousand listening sockets and little else.
 */
export class Fronts {
  private readonly servers: Readonly<Record<Exclude<TargetKind, 'gateway'>, Readonly<Record<Shown, Server>>>>;
  private readonly plain: Server;

  constructor(certificates: Certificates, onRequest: OnRequest) {
    const make = (identity: Identity, asksForClient: boolean) =>
      createHttpsServer(
        {
          cert: identity.cert,
          key: identity.key,
          ca: certificates.ca,
          requestCert: asksForClient,
          rejectUnauthorized: false,
        },
        onRequest,
      );
    const makeAll = ({ good, expired, wrongName }: ServerIdentities, asksForClient: boolean) => ({
      good: make(good, asksForClient),
      expired: make(expired, asksForClient),
      wrongName: make(wrongName, asksForClient),
    });
    this.servers = {
      terminal: makeAll(certificates.terminal, false),
      swish: makeAll(certificates.loopback, true),
      web: makeAll(certificates.loopback, false),
    };
    this.plain = createHttpServer(onRequest);
  }

  /** Hands `socket` over to the server that speaks for `kind`. */
  take(socket: Socket, kind: Exclude<TargetKind, 'gateway'>, shown: Shown): void {
    if (kind === 'web') this.takeEither(socket, shown);
    else this.servers[kind][shown].emit('connection', socket);
  }

  /** Shops answer HTTP and HTTPS on one port: the first byte of a TLS session is 0x16. */
  private takeEither(socket: Socket, shown: Shown): void {
    socket.once('data', (first: Buffer) => {
      socket.pause();
      socket.unshift(first);
      if (first[0] === 0x16) {
        this.servers.web[shown].emit('connection', socket);
      } else {
        this.plain.emit('connection', socket);
        socket.resume();
      }
    });
  }
}
