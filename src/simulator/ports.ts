import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';

const HOST = '127.0.0.1';
const BLOCK_SIZE = 256;
const LOWEST_PORT = 20_224;
const HIGHEST_PORT = 65_535;
/** Ports that clients may be given by chance, where the system does not say: IANA's. */
const USUAL_EPHEMERAL: readonly [number, number] = [49_152, 65_535];

/** There are not enough ports. The message says how many were wanted. */
export class PortsExhausted extends Error {
  override readonly name = 'PortsExhausted';
}

/**
 * Ports that stay ours while nobody listens on them, so that a target that refuses connections can come back on its
 * port. They lie outside the range that the system gives to clients, in blocks of 256; who listens on a block's first
 * port owns the rest of it.
 */
export class PortPool implements AsyncDisposable {
  private readonly owned: readonly Server[];
  private readonly free: number[];
  private readonly wanted: number;

  private constructor(owned: readonly Server[], free: number[], wanted: number) {
    this.owned = owned;
    this.free = free;
    this.wanted = wanted;
  }

  /** Claims enough blocks for `count` ports, some of which may turn out to be taken. Rejects with `PortsExhausted`. */
  static async open(count: number): Promise<PortPool> {
    const enough = Math.ceil(count * 1.02) + 16;
    const owned: Server[] = [];
    const free: number[] = [];
    const [low, high] = readEphemeralRange();
    for (let first = LOWEST_PORT; first + BLOCK_SIZE - 1 <= HIGHEST_PORT; first += BLOCK_SIZE) {
      if (free.length >= enough) break;
      if (first <= high && first + BLOCK_SIZE > low) continue;
      const claim = await listen(first);
      if (claim === undefined) continue;
      owned.push(claim);
      for (let port = first + 1; port < first + BLOCK_SIZE; port++) free.push(port);
    }
    const pool = new PortPool(owned, free.reverse(), count);
    if (free.length >= count) return pool;
    await pool[Symbol.asyncDispose]();
    throw new PortsExhausted(`${count} ports of 127.0.0.1 are needed, but only ${free.length} are free`);
  }

  /** A port not handed out before. Throws `PortsExhausted`. */
  next(): number {
    const port = this.free.pop();
    if (port === undefined) {
      throw new PortsExhausted(
        `${this.wanted} ports of 127.0.0.1 are needed, but other programs hold too many`,
      );
    }
    return port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.owned.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

function readEphemeralRange(): readonly [number, number] {
  try {
    const [low, high] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/);
    return [Number(low), Number(high)];
  } catch {
    return USUAL_EPHEMERAL;
  }
}

/** Undefined: somebody else has the port. */
async function listen(port: number): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  const { promise, resolve, reject } = Promise.withResolvers<Server | undefined>();
  server.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined);
    else reject(error);
  });
  server.listen({ port, host: HOST }, () => resolve(server));
  return promise;
}
