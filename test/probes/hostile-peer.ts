import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';

/** How a peer misbehaves. */
export const MANNERS = [
  'hang',
  'refuse',
  'close',
  'reset',
  'garbage',
  'echo',
  'flood',
  'drip',
  'http-401',
] as const;
export type Manner = (typeof MANNERS)[number];

/** The other side of a probe, on loopback. */
export interface Peer extends AsyncDisposable {
  /** `host:port`, or for ping a host. */
  readonly address: string;
  /** Resolves when a probe has reached it. Never for `refuse`. */
  readonly reached: Promise<unknown>;
  /** Resolves when nothing of a probe is left open here. */
  gone(): Promise<void>;
}

export async function startTcpPeer(manner: Manner): Promise<Peer> {
  const sockets = new Set<Socket>();
  const reached = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    sockets.add(socket);
    reached.resolve();
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    misbehave(socket, manner);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  };
  if (manner === 'refuse') await close();
  return {
    address: `127.0.0.1:${port}`,
    reached: reached.promise,
    async gone() {
      await Promise.all(
        Array.from(sockets, (socket) => new Promise((resolve) => socket.on('close', resolve))),
      );
    },
    [Symbol.asyncDispose]: close,
  };
}

function misbehave(socket: Socket, manner: Manner): void {
  const every = (ms: number, act: () => void): void => {
    const timer = setInterval(act, ms);
    socket.on('close', () => clearInterval(timer));
  };
  switch (manner) {
    case 'close':
      socket.resume().end();
      return;
    case 'reset':
      socket.resetAndDestroy();
      return;
    case 'garbage':
      socket.resume().write(Buffer.from('\0\u00ff\r\n\r\n{"garbage": ]'));
      return;
    case 'echo':
      socket.pipe(socket);
      return;
    case 'flood':
      every(1, () => socket.resume().writableNeedDrain || socket.write(Buffer.alloc(65_536, 'A')));
      return;
    case 'drip':
      socket.resume().write('HTTP/1.1 200 OK\r\n');
      every(20, () => socket.write('x'));
      return;
    case 'http-401':
      // Tells everything it was told, secrets too.
      socket.on('data', (bytes: Buffer) => {
        const body = bytes.toString('latin1');
        socket.end(`HTTP/1.1 401 Unauthorized\r\nContent-Length: ${body.length}\r\n\r\n${body}`, 'latin1');
      });
      return;
    default:
      socket.resume();
  }
}

export async function startUdpPeer(manner: Manner): Promise<Peer> {
  const socket = createSocket('udp4');
  const reached = Promise.withResolvers<void>();
  let timer: NodeJS.Timeout | undefined;
  socket.on('message', (bytes, { port, address }) => {
    reached.resolve();
    const send = (reply: Buffer): void => socket.send(reply, port, address, () => undefined);
    if (manner === 'echo') send(bytes);
    if (manner === 'garbage' || manner === 'http-401') send(Buffer.from('garbage'));
    if (manner === 'flood' || manner === 'drip') {
      timer ??= setInterval(() => send(Buffer.alloc(manner === 'flood' ? 9_000 : 1)), 1);
    }
  });
  socket.on('error', () => undefined).bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  let open = true;
  const close = async (): Promise<void> => {
    if (!open) return;
    open = false;
    clearInterval(timer);
    socket.close();
    await once(socket, 'close');
  };
  if (['refuse', 'close', 'reset'].includes(manner)) await close();
  return {
    address: `127.0.0.1:${port}`,
    reached: reached.promise,
    gone: async () => undefined,
    [Symbol.asyncDispose]: close,
  };
}

/** A stand-in for fping in `folder` that behaves so; `program` is an option of the icmp prober. */
export async function startFpingPeer(
  manner: Manner,
  folder: string,
): Promise<Peer & { readonly program: string }> {
  const program = join(mkdtempSync(join(folder, 'fping-')), 'fping');
  const pidFile = `${program}.pid`;
  const bodies: Readonly<Record<Manner, string>> = {
    hang: 'exec sleep 60',
    refuse: 'echo "ICMP Port Unreachable from 192.0.2.1 for ICMP Echo sent to 127.0.0.9" >&2; exec sleep 60',
    close: 'exit 0',
    reset: 'kill -9 $$',
    garbage: 'head -c 300 /dev/urandom; head -c 300 /dev/urandom >&2; exit 1',
    echo: 'echo 127.0.0.9; exit 1',
    flood: 'exec cat /dev/zero',
    drip: 'while :; do printf x; sleep 0.02; done',
    'http-401': 'echo "127.0.0.9: error while sending ping: Operation not permitted" >&2; exit 1',
  };
  const script = `#!/bin/sh
hosts=$(cat)
case "$*" in *"-t 200") echo "$hosts is alive (0.1 ms)"; exit 0;; esac
echo $$ > '${pidFile}'
${bodies[manner]}
`;
  writeFileSync(program, script);
  chmodSync(program, 0o755);
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise((resolve) => setImmediate(resolve));
  };
  let stopped = false;
  return {
    program,
    address: '127.0.0.9',
    get reached() {
      return until(() => stopped || existsSync(pidFile));
    },
    gone: async () => undefined,
    async [Symbol.asyncDispose]() {
      stopped = true;
    },
  };
}
