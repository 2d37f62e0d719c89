import type { IncidentChanged, JournalEvent } from '../core/events.ts';
import { advance, nextDueMs, type Routed, revise, route, type Routing } from '../core/routing.ts';
import type { Journal } from '../journal/journal.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { makePace } from '../lib/pace.ts';
import type { Outbox } from './outbox.ts';

const PAGE_EVENTS = 1_000;
/** How long until a journal that cannot be read is tried again. Unit: ms. */
const REREAD_AFTER_MS = 5_000;
/** The wall clock may be set while we wait for it. Unit: ms. */
const LONGEST_WAIT_MS = 30_000;

/** What an operator should know of it. Calls must not throw. */
export interface RouterListener {
  /**
   * The journal does not go on where routing was: `kept` events after `cursor` are gone (retention), or it is another
   * journal (`cursor` is beyond its end).
   */
  lost(cursor: number, firstSeq: number, lastSeq: number): void;
  unreadable(error: unknown): void;
}

/**
 * Follows the journal: each event once, in order, from where it was when the process last ended, also by a kill. What
 * is announced is routed at once; what time alone makes due, when it is due.
 */
export class NoticeRouter implements AsyncDisposable {
  private readonly journal: Journal;
  private readonly outbox: Outbox;
  private readonly clock: Clock;
  private readonly listener: RouterListener;
  private routing: Routing;
  private reading: Promise<void> | undefined;
  private timer: Timer | undefined;
  private isOver = false;

  /**
   * An outbox that is new begins at the journal's end: what was before is not told. `isOpen`: whether an incident is
   * open by what the journal holds.
   */
  constructor(
    source: {
      readonly journal: Journal;
      readonly isOpen: (incident: IncidentChanged['incident']) => boolean;
    },
    outbox: Outbox,
    routing: Routing,
    clock: Clock,
    listener: RouterListener,
  ) {
    this.journal = source.journal;
    this.outbox = outbox;
    this.routing = routing;
    this.clock = clock;
    this.listener = listener;
    this.begin(source.isOpen);
    this.setRouting(routing);
    this.readOn();
  }

  /** What the configuration says from now on. */
  setRouting(routing: Routing): void {
    this.routing = routing;
    this.take(revise(this.outbox.state, this.clock.nowMs(), routing));
  }

  /** Events that are on disk: a batch of the journal's, in order. */
  announced(events: readonly JournalEvent[]): void {
    if (this.reading !== undefined || this.isOver) return;
    if (events[0]?.seq === this.cursor + 1) {
      for (const event of events) this.follow(event);
      this.wait();
    } else this.readOn();
  }

  /** Resolves when nothing of it is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.isOver = true;
    this.timer?.[Symbol.dispose]();
    await this.reading;
  }

  private get cursor(): number {
    return this.outbox.cursor ?? this.journal.lastSeq;
  }

  private begin(isOpen: (incident: IncidentChanged['incident']) => boolean): void {
    const { lastSeq, firstSeq } = this.journal;
    const { cursor, state } = this.outbox;
    if (cursor === undefined) {
      this.outbox.record({ cursor: lastSeq, state, messages: [] });
    } else if (cursor > lastSeq) {
      this.listener.lost(cursor, firstSeq, lastSeq);
      // Of incidents of another journal nothing will be heard any more; those of this one are told from here on.
      this.outbox.record({ cursor: lastSeq, state: { ...state, incidents: new Map() }, messages: [] });
    } else if (cursor + 1 < firstSeq) {
      this.listener.lost(cursor, firstSeq, lastSeq);
      this.bridge(firstSeq - 1, isOpen);
    }
  }

  /** Events up to `seq` are gone: what ended meanwhile is told by what is known, what opened by the journal's heads. */
  private bridge(seq: number, isOpen: (incident: IncidentChanged['incident']) => boolean): void {
    const atMs = this.clock.nowMs();
    const { cursor = 0 } = this.outbox;
    const gone: JournalEvent[] = this.journal
      .heads()
      .filter((event) => event.seq > cursor && event.seq <= seq);
    for (const { noticed } of this.outbox.state.incidents.values()) {
      const { incident, store, chain, region } = noticed;
      if (incident.state === 'resolved' || isOpen(incident)) continue;
      gone.push({
        seq,
        atMs,
        kind: 'incident-resolved',
        incident: { ...incident, state: 'resolved', resolvedAtMs: atMs, targetsDown: 0 },
        ...(store === undefined ? {} : { store: store as NonNullable<IncidentChanged['store']> }),
        ...(chain === undefined ? {} : { chain }),
        ...(region === undefined ? {} : { region }),
      });
    }
    for (const event of gone) {
      const { state, messages } = route(this.outbox.state, event, this.routing);
      this.outbox.record({ cursor: seq, state, messages });
    }
    this.outbox.record({ cursor: seq, state: this.outbox.state, messages: [] });
    this.outbox.saveCursor();
  }

  private follow(event: JournalEvent): void {
    const { state, messages } = route(this.outbox.state, event, this.routing);
    this.outbox.record({ cursor: event.seq, state, messages });
    // What was not told under this configuration is not to be told under another after a kill.
    if (event.kind.startsWith('incident-')) this.outbox.saveCursor();
  }

  /** Reads from the journal what was not announced to us, until there is no more of it. */
  private readOn(): void {
    if (this.reading !== undefined || this.isOver) return;
    this.reading = this.readAll()
      .catch((error: unknown) => {
        this.listener.unreadable(error);
        this.timer?.[Symbol.dispose]();
        this.timer = this.clock.after(REREAD_AFTER_MS, () => this.readOn());
        return 'unreadable';
      })
      .then((outcome) => {
        this.reading = undefined;
        if (outcome === 'unreadable') return;
        // What was announced in the meantime was left to the reading.
        if (this.journal.lastSeq > this.cursor) this.readOn();
        else this.wait();
      });
  }

  private async readAll(): Promise<void> {
    const pace = makePace();
    while (!this.isOver) {
      const page = this.journal.read(this.cursor, PAGE_EVENTS);
      if (page.length === 0) return;
      for (const event of page) {
        this.follow(event);
        if (pace.isDue()) await pace.turn();
      }
    }
  }

  private take({ state, messages }: Routed): void {
    this.outbox.record({ cursor: this.cursor, state, messages });
    this.wait();
  }

  /** Until something is due by time alone. */
  private wait(): void {
    this.timer?.[Symbol.dispose]();
    this.timer = undefined;
    const dueMs = nextDueMs(this.outbox.state, this.routing);
    if (dueMs === undefined || this.isOver) return;
    const delayMs = Math.min(LONGEST_WAIT_MS, Math.max(1, dueMs - this.clock.nowMs()));
    this.timer = this.clock.after(delayMs, () => {
      this.timer = undefined;
      this.take(advance(this.outbox.state, this.clock.nowMs(), this.routing));
    });
  }
}
