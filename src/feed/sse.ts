import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock, Timer } from '../lib/clock.ts';
import { unreachable } from '../lib/unreachable.ts';
import { parseFeedRequest } from './feed-request.ts';
import type { FeedCarrier, FeedClient, FeedHub, Frame } from './hub.ts';

/** A comment keeps proxies and readers from taking silence for an end. Unit: ms. */
const HEARTBEAT_MS = 15_000;
/** A reader that has taken nothing for so many heartbeats is gone. */
const MAX_STUCK_HEARTBEATS = 4;
/** How soon a reader should come back. Unit: ms. */
const RETRY_MS = 2_000;

/**
 * Serves the feed as server-sent events: `event: snapshot | events | gap`, `id:` the journal's number. A reader
 * comes back with `Last-Event-ID`, or begins after `?since`; `chain`, `region`, `store`, `kinds` (with commas) and
 * `minSeverity` filter. Who may read was decided before.
 */
export function makeSseHandler(
  hub: FeedHub,
  clock: Clock,
): (request: IncomingMessage, response: ServerResponse) => void {
  const carrier = new SseCarrier();
  return (request, response) => {
    const parsed = parseFeedRequest(readQuery(request));
    if (!parsed.ok) {
      const { message, field } = parsed.error;
      const name = field?.replace(/^filter\./, '');
      const error = { code: 'invalid-request', message, ...(name === undefined ? {} : { field: name }) };
      response.writeHead(400, { 'content-type': 'application/json; charset=utf-8' });
      response.end(JSON.stringify({ error }));
      return;
    }
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    response.write(`retry: ${RETRY_MS}\n\n`);
    const { filter, since } = parsed.value;
    const client: SseClient = {
      carrier,
      response,
      filter,
      ...(since === undefined ? {} : { since }),
      isBusy: () => response.writableNeedDrain,
    };
    const membership = hub.join(client);
    const heartbeat = startHeartbeat(response, clock);
    response.on('error', () => response.destroy());
    response.on('close', () => {
      membership[Symbol.dispose]();
      heartbeat[Symbol.dispose]();
    });
  };
}

interface SseClient extends FeedClient {
  readonly response: ServerResponse;
}

/** Encodes a frame once, however many get it and whenever. */
class SseCarrier implements FeedCarrier {
  private readonly encoded = new WeakMap<Frame, Buffer>();

  send(clients: readonly FeedClient[], frame: Frame): void {
    const text = this.encoded.get(frame) ?? Buffer.from(toText(frame));
    this.encoded.set(frame, text);
    for (const client of clients) (client as SseClient).response.write(text);
  }

  end(client: FeedClient): void {
    (client as SseClient).response.end();
  }
}

function toText(frame: Frame): string {
  switch (frame.kind) {
    case 'snapshot':
      return `id: ${frame.snapshot.seq}\nevent: snapshot\ndata: ${JSON.stringify(frame.snapshot)}\n\n`;
    case 'events':
      return `id: ${frame.seq}\nevent: events\ndata: ${JSON.stringify(frame.events)}\n\n`;
    case 'gap':
      return `event: gap\ndata: ${JSON.stringify(frame.gap)}\n\n`;
    default:
      return unreachable(frame);
  }
}

function startHeartbeat(response: ServerResponse, clock: Clock): Disposable {
  let timer: Timer;
  let stuck = 0;
  const beat = (): void => {
    stuck = response.writableNeedDrain ? stuck + 1 : 0;
    if (stuck >= MAX_STUCK_HEARTBEATS) {
      response.destroy();
      return;
    }
    if (stuck === 0) response.write(': still here\n\n');
    timer = clock.after(HEARTBEAT_MS, beat);
  };
  timer = clock.after(HEARTBEAT_MS, beat);
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}

/** The query as a request: what is given twice is as wrong as what is unknown. */
function readQuery(request: IncomingMessage): unknown {
  const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
  const lastEventId = request.headers['last-event-id'];
  const given: Record<string, unknown> = {};
  for (const name of new Set(searchParams.keys())) {
    const values = searchParams.getAll(name);
    given[name] = values.length === 1 ? values[0] : values;
  }
  const { since, kinds, ...rest } = given;
  const last = lastEventId ?? since;
  return {
    ...(last === undefined ? {} : { since: toNumber(last) }),
    filter: {
      ...rest,
      ...(typeof kinds === 'string'
        ? { kinds: kinds.split(',') }
        : given['kinds'] === undefined
          ? {}
          : { kinds }),
    },
  };
}

function toNumber(text: unknown): unknown {
  return typeof text === 'string' && /^\d+$/.test(text) ? Number(text) : text;
}
