import { once } from 'node:events';
import { unreachable } from '../src/lib/unreachable.ts';
import { helperOptions, serveParent } from './processes.ts';

/**
 * Clients of the feed. They speak socket.io's wire protocol by hand on Node's own WebSocket and look for numbers in
 * the text instead of parsing it, so that what is measured is the monitor and not its readers.
 */
export interface ClientsOptions {
  readonly url: string;
  readonly count: number;
}

export type ClientsQuestion =
  /** Connect all; answers once each has its snapshot. */
  | 'join'
  /** Forget what has come. */
  | 'forget'
  | 'report';

export interface ClientsReport {
  /** For each client: events got, the highest sequence number, snapshots got instead, when the last event came. */
  readonly clients: readonly {
    readonly events: number;
    readonly seq: number;
    readonly snapshots: number;
    readonly lastAtMs: number;
  }[];
  /** From an incident's being opened, by its own stamp, to its reaching a client. Unit: ms. */
  readonly alertLatenciesMs: readonly number[];
}

const JOIN_AT_ONCE = 50;
const EVENTS = '42/feed,["events",';
const SNAPSHOT = '42/feed,["snapshot",';

const { url, count } = helperOptions() as ClientsOptions;
let alertLatenciesMs: number[] = [];

class Client {
  events = 0;
  seq = 0;
  snapshots = 0;
  lastAtMs = 0;
  private readonly joined = Promise.withResolvers<void>();

  async join(): Promise<void> {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/socket.io/?EIO=4&transport=websocket`);
    socket.addEventListener('message', ({ data }) => this.receive(String(data), socket));
    socket.addEventListener('error', () =>
      this.joined.reject(new Error('a client of the feed lost its way')),
    );
    await once(socket, 'open');
    await this.joined.promise;
  }

  private receive(text: string, socket: WebSocket): void {
    if (text.startsWith(EVENTS)) this.take(text);
    else if (text.startsWith(SNAPSHOT)) {
      this.snapshots++;
      this.seq = Math.max(this.seq, Number(/"seq":(\d+)/.exec(text)?.[1] ?? 0));
      this.lastAtMs = Date.now();
      this.joined.resolve();
    } else if (text === '2') socket.send('3');
    else if (text.startsWith('0')) socket.send('40/feed,{}');
    else if (text.startsWith('44')) this.joined.reject(new Error(`refused: ${text}`));
  }

  private take(text: string): void {
    const nowMs = Date.now();
    let last = -1;
    for (let at = text.indexOf('{"seq":'); at !== -1; at = text.indexOf('{"seq":', at + 7)) {
      this.events++;
      last = at;
    }
    this.seq = Number.parseInt(text.slice(last + 7, last + 20), 10);
    this.lastAtMs = nowMs;
    const opened = /"at":"([^"]+)","kind":"incident-opened"/.exec(text)?.[1];
    if (opened !== undefined) alertLatenciesMs.push(nowMs - Date.parse(opened));
  }

  forget(): void {
    this.events = 0;
    this.snapshots = 0;
    this.lastAtMs = 0;
  }
}

const clients = Array.from({ length: count }, () => new Client());

async function joinAll(): Promise<void> {
  for (let i = 0; i < clients.length; i += JOIN_AT_ONCE) {
    await Promise.all(clients.slice(i, i + JOIN_AT_ONCE).map((client) => client.join()));
  }
}

function forgetAll(): void {
  alertLatenciesMs = [];
  for (const client of clients) client.forget();
}

function report(): ClientsReport {
  return {
    clients: clients.map(({ events, seq, snapshots, lastAtMs }) => ({ events, seq, snapshots, lastAtMs })),
    alertLatenciesMs,
  };
}

serveParent({}, (asked) => {
  const question = asked as ClientsQuestion;
  switch (question) {
    case 'join':
      return joinAll();
    case 'forget':
      return forgetAll();
    case 'report':
      return report();
    default:
      return unreachable(question);
  }
});
