import type { JournalEvent } from '../core/events.ts';
import type { Estate } from '../estate/estate.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import {
  type FeedFilter,
  FRAME_INTERVAL_MS,
  type Gap,
  isWanted,
  type Snapshot,
  toWire,
  type WireEvent,
} from './protocol.ts';
import { makeSnapshot } from './snapshot.ts';
import type { FeedSource } from './source.ts';

/** At most so many events go into one frame: what a storm over a large estate brings forth in a frame's time. */
const FRAME_EVENTS = 6_000;
/** The newest events are kept at hand, so that clients that keep up cost no reading. */
const RECENT_EVENTS = 20_000;
/** In a storm so many are kept, for as long as clients that take their frames have not had them all. */
const STORM_EVENTS = 150_000;
/** A client is slow when its network has taken nothing for so many rounds of frames. */
const SLOW_ROUNDS = 10;
/** A slow client that has fallen behind by more than this gets a snapshot instead of old news. */
const MAX_BEHIND_EVENTS = RECENT_EVENTS;
/** Reading the journal holds up the process: so many events are read at once, and so often in a frame's time. */
const PAGE_EVENTS = 1_000;
const PAGES_PER_FRAME = 4;
/** So many filters have their last snapshot kept. */
const KEPT_SNAPSHOTS = 32;

/** What is sent at once. The same object goes to every client that it fits, so that it is serialised once. */
export type Frame =
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
  /** `seq`: up to which event the client has been served, wanted ones or not. */
  | { readonly kind: 'events'; readonly events: readonly WireEvent[]; readonly seq: number }
  | { readonly kind: 'gap'; readonly gap: Gap };

/** A way to clients. Its calls must not throw. */
export interface FeedCarrier {
  send(clients: readonly FeedClient[], frame: Frame): void;
  /** The feed ends: let the client go. */
  end(client: FeedClient): void;
}

/** One that follows the feed. */
export interface FeedClient {
  readonly carrier: FeedCarrier;
  readonly filter: FeedFilter;
  /** The last event it has: it wants those after. Absent: it begins with a snapshot. */
  readonly since?: number;
  /** The network has not taken yet what was sent last: nothing may be added. */
  isBusy(): boolean;
}

/** All that is kept of a client: a place in the journal, never a queue. */
interface Cursor {
  readonly client: FeedClient;
  readonly filterKey: string;
  /** Served up to and including this event. */
  seq: number;
  /** It came back with `since` and has not reached the present yet: it gets everything, however far behind. */
  isReplaying: boolean;
  /** Rounds on end in which it was busy. */
  busyRounds: number;
}

/**
 * Serves every client of the feed, by whatever carrier. A client is served in frames, at most one in
 * `FRAME_INTERVAL_MS`, and only when the network has taken the last one; what is sent is looked up by its cursor,
 * so a slow client costs no memory.
 */
export class FeedHub implements Disposable {
  private readonly source: FeedSource;
  private readonly clock: Clock;
  private readonly subscription: Disposable;
  private readonly cursors = new Map<FeedClient, Cursor>();
  private readonly snapshots = new Map<string, CachedSnapshot>();
  /** Newest events, without gaps, up to `announcedSeq`. */
  private recent: RecentEvent[] = [];
  /** Up to here all has been handed out. Ahead of the board's after a restart whose last events left no state. */
  private announcedSeq: number;
  private servedAtMs: number;
  private timer: Timer | undefined;

  constructor(source: FeedSource, clock: Clock) {
    this.source = source;
    this.clock = clock;
    this.announcedSeq = Math.max(source.board.seq, source.journal.lastSeq);
    this.servedAtMs = clock.monotonicMs() - FRAME_INTERVAL_MS;
    this.subscription = source.subscribe((events) => this.announce(events));
  }

  get clientCount(): number {
    return this.cursors.size;
  }

  /** Serves `client` until the result is disposed. */
  join(client: FeedClient): Disposable {
    const cursor: Cursor = {
      client,
      filterKey: keyOf(client.filter),
      seq: client.since ?? this.announcedSeq,
      isReplaying: client.since !== undefined,
      busyRounds: 0,
    };
    this.cursors.set(client, cursor);
    if (client.since === undefined) this.sendSnapshot(cursor);
    else this.wake();
    return { [Symbol.dispose]: () => this.cursors.delete(client) };
  }

  /** Lets every client go. */
  [Symbol.dispose](): void {
    this.subscription[Symbol.dispose]();
    this.timer?.[Symbol.dispose]();
    for (const client of this.cursors.keys()) client.carrier.end(client);
    this.cursors.clear();
  }

  private announce(events: readonly JournalEvent[]): void {
    for (const event of events) {
      if (event.seq <= this.announcedSeq) continue;
      this.recent.push({ event, wire: this.cursors.size === 0 ? undefined : toWire(event) });
      this.announcedSeq = event.seq;
    }
    this.trim();
    this.wake();
  }

  /** Sees to it that all are served as soon as the frame interval allows. */
  private wake(): void {
    if (this.timer !== undefined || this.cursors.size === 0) return;
    const waitMs = Math.max(0, this.servedAtMs + FRAME_INTERVAL_MS - this.clock.monotonicMs());
    this.timer = this.clock.after(waitMs, () => {
      this.timer = undefined;
      this.serveAll();
    });
  }

  private serveAll(): void {
    this.servedAtMs = this.clock.monotonicMs();
    const round = new Round();
    for (const cursor of this.cursors.values()) {
      if (this.isServed(cursor)) continue;
      if (cursor.client.isBusy()) {
        cursor.busyRounds++;
        continue;
      }
      this.serve(cursor, round);
      cursor.busyRounds = 0;
    }
    for (const [frame, clients] of round.frames) {
      for (const [carrier, group] of Map.groupBy(clients, (client) => client.carrier))
        carrier.send(group, frame);
    }
    if (round.leftOut.size > 0) this.bringForward(round.leftOut);
    this.trim();
    if (this.cursors.values().every((cursor) => this.isServed(cursor))) {
      for (const entry of this.recent) entry.wire = undefined;
    } else this.wake();
  }

  /** Lets go of old events, but in a storm not of those for which clients that keep up are still waiting. */
  private trim(): void {
    if (this.recent.length <= 1.5 * RECENT_EVENTS) return;
    let from = this.announcedSeq - RECENT_EVENTS;
    for (const { seq, isReplaying, busyRounds } of this.cursors.values()) {
      if (!isReplaying && busyRounds < SLOW_ROUNDS) from = Math.min(from, seq);
    }
    from = Math.max(from, this.announcedSeq - STORM_EVENTS);
    const surplus = from + 1 - (this.recent[0]?.event.seq ?? from);
    if (surplus > RECENT_EVENTS / 2) this.recent = this.recent.slice(surplus);
  }

  private isServed(cursor: Cursor): boolean {
    return cursor.seq === this.announcedSeq;
  }

  /** Puts the next frame for a client that is behind into `round`, or sends a snapshot where events do not do. */
  private serve(cursor: Cursor, round: Round): void {
    const behind = this.announcedSeq - cursor.seq;
    const maxBehind = cursor.busyRounds < SLOW_ROUNDS ? STORM_EVENTS : MAX_BEHIND_EVENTS;
    if (behind < 0 || (!cursor.isReplaying && behind > maxBehind)) {
      this.sendGap(cursor);
      return;
    }
    while (cursor.seq < this.announcedSeq) {
      const page = this.page(cursor, round);
      if (page === 'gone') {
        this.sendGap(cursor);
        return;
      }
      if (page === 'later') {
        round.leftOut.add(cursor);
        return;
      }
      cursor.seq = page.seq;
      if (page.events.length === 0) continue;
      round.add(page, cursor.client);
      break;
    }
    if (cursor.seq === this.announcedSeq) cursor.isReplaying = false;
  }

  private page(cursor: Cursor, round: Round): EventsFrame | 'gone' | 'later' {
    const key = `${cursor.seq} ${cursor.filterKey}`;
    const known = round.pages.get(key);
    if (known !== undefined) return known;
    const found = this.after(cursor.seq, round);
    if (typeof found === 'string') return found;
    const last = found.at(-1);
    if (last === undefined || found[0]?.event.seq !== cursor.seq + 1) return 'gone';
    const { filter } = cursor.client;
    const wanted = found.filter(({ event }) => isWanted(event, filter));
    const events = wanted.map((entry) => (entry.wire ??= toWire(entry.event)));
    const page: EventsFrame = { kind: 'events', events, seq: last.event.seq };
    round.pages.set(key, page);
    return page;
  }

  /** The events after `seq`, from those at hand or else from the journal. */
  private after(seq: number, round: Round): readonly RecentEvent[] | 'gone' | 'later' {
    const firstRecent = this.recent[0]?.event.seq ?? this.announcedSeq + 1;
    if (seq + 1 >= firstRecent) {
      const from = seq + 1 - firstRecent;
      return this.recent.slice(from, from + FRAME_EVENTS);
    }
    const read = round.reads.get(seq);
    if (read !== undefined) return read;
    if (round.reads.size >= PAGES_PER_FRAME) return 'later';
    const page = this.read(seq);
    round.reads.set(seq, page);
    return page;
  }

  /** A journal that cannot be read must not end the feed: what is there no more is a gap. */
  private read(since: number): readonly RecentEvent[] | 'gone' {
    try {
      return this.source.journal
        .read(since, PAGE_EVENTS)
        .filter((event) => event.seq <= this.announcedSeq)
        .map((event) => ({ event, wire: undefined }));
    } catch {
      return 'gone';
    }
  }

  private sendGap(cursor: Cursor): void {
    const gap: Gap = { since: cursor.seq, firstSeq: this.source.journal.firstSeq };
    cursor.client.carrier.send([cursor.client], { kind: 'gap', gap });
    this.sendSnapshot(cursor);
  }

  /** What has happened since the snapshot was made follows as events. */
  private sendSnapshot(cursor: Cursor): void {
    const frame = this.snapshotFor(cursor);
    cursor.seq = frame.snapshot.seq;
    cursor.isReplaying = false;
    cursor.client.carrier.send([cursor.client], frame);
    if (!this.isServed(cursor)) this.wake();
  }

  /** The present, or in a storm, in which many may come at once, what was the present a moment ago. */
  private snapshotFor({ client, filterKey }: Cursor): SnapshotFrame {
    const estate = this.source.estate();
    const nowMs = this.clock.monotonicMs();
    const cached = this.snapshots.get(filterKey);
    if (cached?.estate === estate && this.isFresh(cached, nowMs)) return cached.frame;
    const made = makeSnapshot(this.source, client.filter, this.clock.nowMs());
    const frame: SnapshotFrame = { kind: 'snapshot', snapshot: { ...made, seq: this.announcedSeq } };
    this.snapshots.delete(filterKey);
    this.snapshots.set(filterKey, { madeAtMs: nowMs, estate, frame });
    const [oldest] = this.snapshots.keys();
    if (this.snapshots.size > KEPT_SNAPSHOTS && oldest !== undefined) this.snapshots.delete(oldest);
    return frame;
  }

  private isFresh({ madeAtMs, frame }: CachedSnapshot, nowMs: number): boolean {
    const { seq } = frame.snapshot;
    if (seq === this.announcedSeq) return true;
    return nowMs - madeAtMs < FRAME_INTERVAL_MS && this.announcedSeq - seq < RECENT_EVENTS / 2;
  }

  /** Those for whom nothing could be read this time, as others had used up the reading, come first next time. */
  private bringForward(first: ReadonlySet<Cursor>): void {
    const rest = Array.from(this.cursors.values()).filter((cursor) => !first.has(cursor));
    this.cursors.clear();
    for (const cursor of [...first, ...rest]) this.cursors.set(cursor.client, cursor);
  }
}

type EventsFrame = Extract<Frame, { kind: 'events' }>;
type SnapshotFrame = Extract<Frame, { kind: 'snapshot' }>;

interface RecentEvent {
  readonly event: JournalEvent;
  /** Made when first wanted. */
  wire: WireEvent | undefined;
}

interface CachedSnapshot {
  readonly madeAtMs: number;
  readonly estate: Estate;
  readonly frame: SnapshotFrame;
}

/** What one serving of all clients shares: pages read, frames made, and who gets which. */
class Round {
  readonly frames = new Map<EventsFrame, FeedClient[]>();
  readonly pages = new Map<string, EventsFrame>();
  readonly reads = new Map<number, readonly RecentEvent[] | 'gone'>();
  readonly leftOut = new Set<Cursor>();

  add(frame: EventsFrame, client: FeedClient): void {
    const clients = this.frames.get(frame);
    if (clients === undefined) this.frames.set(frame, [client]);
    else clients.push(client);
  }
}

/** The same text for filters that let the same through. */
function keyOf(filter: FeedFilter): string {
  const { chain, region, store, minSeverity } = filter;
  return JSON.stringify([chain, region, store, minSeverity, filter.kinds?.toSorted()]);
}
