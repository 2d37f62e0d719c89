import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { unreachable } from '../lib/unreachable.ts';
import type { BlackHole } from './black-hole.ts';
import type { PortPool } from './ports.ts';

/** How a port meets connection attempts: takes them, refuses them, or swallows them. */
export type PortMode = 'open' | 'refusing' | 'swallowing';

const HOST = '127.0.0.1';
/** Coming back to a port that another program grabbed meanwhile: how often, how far apart. */
const REOPEN_TRIES = 50;
const REOPEN_PAUSE_MS = 100;
/** More than any monitor needs towards one target, and little for thousands of targets. */
const BACKLOG = 64;

/** A port that can go dark and come back. */
export class Listener implements AsyncDisposable {
  private readonly sockets = new Set<Socket>();
  private readonly onConnection: (socket: Socket) => void;
  private readonly blackHole: BlackHole;
  private mode: PortMode = 'refusing';
  private wanted: PortMode = 'refusing';
  private moving: Promise<void> = Promise.resolve();
  private server: Server | undefined;
  private bound: number | undefined;
  private isDisposed = false;

  private constructor(blackHole: BlackHole, onConnection: (socket: Socket) => void) {
    this.blackHole = blackHole;
    this.onConnection = onConnection;
  }

  /** Listens on a port of `pool`. */
  static async open(
    pool: PortPool,
    blackHole: BlackHole,
    onConnection: (socket: Socket) => void,
  ): Promise<Listener> {
    const listener = new Listener(blackHole, onConnection);
    while (listener.mode !== 'open') {
      listener.bound = pool.next();
      if (await listener.tryListen()) listener.mode = 'open';
    }
    listener.wanted = 'open';
    return listener;
  }

  get port(): number {
    return this.bound ?? 0;
  }

  /** Resolves when the port behaves so, or when a later call has asked for something else. */
  set(mode: PortMode): Promise<void> {
    this.wanted = mode;
    const moved = this.moving.then(() => this.move());
    this.moving = moved.catch(() => {});
    return moved;
  }

  /** Cuts every connection off, as a device that loses power. */
  reset(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isDisposed = true;
    await this.moving;
    this.server?.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private async move(): Promise<void> {
    const to = this.wanted;
    if (this.isDisposed || to === this.mode) return;
    if (this.mode === 'open') {
      this.server?.close();
      this.server = undefined;
    }
    if (this.mode === 'swallowing') await this.blackHole.close(this.port);
    this.mode = 'refusing';
    switch (to) {
      case 'refusing':
        break;
      case 'swallowing':
        await this.blackHole.open(this.port);
        break;
      case 'open':
        await this.reopen();
        break;
      default:
        unreachable(to);
    }
    this.mode = to;
  }

  private async reopen(): Promise<void> {
    for (let tries = 0; tries < REOPEN_TRIES && !this.isDisposed; tries++) {
      if (await this.tryListen()) return;
      await wait(REOPEN_PAUSE_MS);
    }
    throw new Error(`port ${this.port} was taken by another program while its target was dark`);
  }

  private tryListen(): Promise<boolean> {
    const server = createServer((socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
      socket.on('error', () => {});
      this.onConnection(socket);
    });
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen({ port: this.port, host: HOST, backlog: BACKLOG }, () => {
      this.server = server;
      resolve(true);
    });
    return promise;
  }
}
