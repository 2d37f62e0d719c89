import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { Board } from '../src/core/board.ts';
import type { JournalEvent } from '../src/core/events.ts';
import type { State } from '../src/core/health.ts';
import { encodeBits, orderedIds } from '../src/core/evidence.ts';
import { Outages } from '../src/core/outages.ts';
import { Ledger } from '../src/engine/ledger.ts';
import { FeedHub } from '../src/feed/hub.ts';
import { attachSocketFeed } from '../src/feed/socket-feed.ts';
import { JOURNAL_FILE } from '../src/journal/journal.ts';
import { SqliteJournal } from '../src/journal/sqlite-journal.ts';
import { systemClock } from '../src/lib/clock.ts';
import { probers } from '../src/probes/registry.ts';
import { loadSettings } from '../src/settings/load-settings.ts';
import { helperOptions, serveParent } from './processes.ts';

/**
 * The monitor's cold path put together as the monitor does it (ledger, incidents, SQLite journal, board, feed over
 * socket.io), without probes: on the wire 100,000 transitions would take an interval to arrive.
 */
export interface StormOptions {
  readonly config: string;
  readonly data: string;
}

/** `up`: every target comes up, in preparation. `down`: the storm. */
export type StormQuestion = 'up' | 'down';

export interface StormAnswer {
  /** From the first transition until all were on disk, and until the last was handed to us. Unit: ms. */
  readonly durableMs: number;
  readonly fedMs: number;
  /** Epoch ms: when the first transition was handed to the ledger. */
  readonly startedAtMs: number;
  readonly lastSeq: number;
  readonly events: number;
  /** From the first transition until the loop had been quiet for a while after the last was announced. Unit: ms. */
  readonly loopDelayP99Ms: number;
  readonly loopDelayLongestMs: number;
}

/** Transitions come as workers would hand them over: a batch a turn, all within about a second. */
const BATCHES = 100;
const TURN_MS = 10;
const RESOLUTION_MS = 10;

const { config, data } = helperOptions() as StormOptions;
const loaded = await loadSettings(config, probers, {});
if (!loaded.ok) throw new Error('the configuration of the benchmark itself is wrong');
const { estate } = loaded.value;
const targets = Array.from(estate.targets.values());
const journal = await SqliteJournal.open(join(data, JOURNAL_FILE));
const board = new Board();
const listeners = new Set<(events: readonly JournalEvent[]) => void>();
let changesAnnounced = 0;
const outages = new Outages(loaded.value);
const ledger = new Ledger(
  { journal, board, outages },
  { outlook: () => loaded.value, evidenceSince: tellEvidence },
  systemClock,
  {
    announced(events) {
      for (const listener of listeners) listener(events);
      for (const { kind } of events) if (kind === 'target-state-changed') changesAnnounced++;
    },
    writableChanged: (error) => {
      if (error !== undefined) throw error;
    },
  },
);
const hub = new FeedHub(
  {
    journal,
    board,
    estate: () => estate,
    subscribe(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => listeners.delete(listener) };
    },
  },
  systemClock,
);
const server = createServer().listen(0, '127.0.0.1');
await once(server, 'listening');
attachSocketFeed(server, hub, () => 'viewer');
const address = server.address();
const port = typeof address === 'object' && address !== null ? address.port : 0;

/** As probing threads would have seen it: whatever is down fails, the rest answers. */
function tellEvidence(): { readonly answering: string; readonly failing: string } {
  const ids = orderedIds(estate);
  const answering = new Uint8Array(Math.ceil(ids.length / 8));
  const failing = new Uint8Array(answering.length);
  for (const [index, id] of ids.entries()) {
    const bits = board.statusOf(id)?.state === 'down' ? failing : answering;
    bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
  }
  return { answering: encodeBits(answering), failing: encodeBits(failing) };
}

async function storm(from: State, to: State): Promise<StormAnswer> {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  const seqBefore = journal.lastSeq;
  changesAnnounced = 0;
  delays.enable();
  const startedAtMs = Date.now();
  const startedMs = performance.now();
  const fedMs = await feedAll(from, to);
  while (changesAnnounced < targets.length) await new Promise((resolve) => setTimeout(resolve, TURN_MS / 2));
  const durableMs = performance.now() - startedMs;
  return {
    durableMs,
    fedMs: fedMs - startedMs,
    startedAtMs,
    lastSeq: journal.lastSeq,
    events: journal.lastSeq - seqBefore,
    loopDelayP99Ms: Math.max(0, delays.percentile(99) / 1e6 - RESOLUTION_MS),
    loopDelayLongestMs: Math.max(0, delays.max / 1e6 - RESOLUTION_MS),
  };
}

/** Hands all over, batch by batch. When the last was handed over. */
async function feedAll(from: State, to: State): Promise<number> {
  const size = Math.ceil(targets.length / BATCHES);
  const reason = to === 'down' ? ({ reason: 'connect-refused' } as const) : {};
  for (let first = 0; first < targets.length; first += size) {
    const atMs = Date.now();
    for (const target of targets.slice(first, first + size)) {
      const message = to === 'down' ? `${target.address} refuses the connection` : 'Connects in 1 ms';
      const transition = { from, to, flapping: false, ...reason };
      ledger.recordChange({ target, transition, message, atMs, sinceMs: atMs });
    }
    await new Promise((resolve) => setTimeout(resolve, TURN_MS));
  }
  await setImmediate();
  return performance.now();
}

serveParent({ url: `http://127.0.0.1:${port}` }, (question) =>
  (question as StormQuestion) === 'up' ? storm('unknown', 'up') : storm('up', 'down'),
);
