import type { Notice } from '../core/notification.ts';
import type { Addressed, RoutingState } from '../core/routing.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { IncidentId, Message, OutboxChange, OutboxStore } from './outbox-store.ts';

/** How long to wait before writing again when the store refuses: doubles from the first to the last. Unit: ms. */
const RETRY_FIRST_MS = 250;
const RETRY_LAST_MS = 5_000;
/** The cursor moves by so many events before that alone is worth a write. */
const CURSOR_STEP = 10_000;

export interface OutboxListener {
  /** There are messages on disk that were not before. Must not throw. */
  stored(): void;
  /** The store began (`error` given) or ceased to refuse. Must not throw. */
  writableChanged(error: Error | undefined): void;
}

/** Up to where the journal has been routed, and what came of it. */
export interface Progress {
  readonly cursor: number;
  readonly state: RoutingState;
  readonly messages: readonly Addressed[];
}

/** What waits for a channel. */
export interface Backlog {
  readonly count: number;
  /** From when on the oldest was to be told. Epoch ms, UTC; undefined when there is none. */
  readonly oldestMs: number | undefined;
}

interface Waiting {
  message: Message;
  readonly incidents: readonly IncidentId[];
  isStored: boolean;
  isClaimed: boolean;
}

/**
 * Messages from when they are routed until they have arrived, with what routing has to remember: on disk, in one
 * commit, before anything is sent. While the store refuses, changes wait here and are written when it takes them again.
 */
export class Outbox implements AsyncDisposable {
  private readonly store: OutboxStore;
  private readonly clock: Clock;
  private readonly listener: OutboxListener;
  private readonly queues = new Map<string, Waiting[]>();
  private readonly heard = new Map<string, Map<IncidentId, string | undefined>>();
  private progress: { readonly cursor: number | undefined; readonly state: RoutingState };
  private savedCursor: number | undefined;
  private unsaved: OutboxChange[] = [];
  private unstored: Waiting[] = [];
  private writing: Promise<void> | undefined;
  private retryTimer: Timer | undefined;
  private retryDelayMs = 0;
  private isRefused = false;
  private isOver = false;

  constructor(store: OutboxStore, clock: Clock, listener: OutboxListener) {
    this.store = store;
    this.clock = clock;
    this.listener = listener;
    const { cursor, followed, windows, pending, heard } = store.load();
    this.progress = { cursor, state: { incidents: followed, windows } };
    this.savedCursor = cursor;
    for (const message of pending) this.enqueue(message).isStored = true;
    for (const { channel, incident, reference } of heard) this.heardBy(channel).set(incident, reference);
  }

  /** Up to which event of the journal all has been routed; undefined: none ever was. */
  get cursor(): number | undefined {
    return this.progress.cursor;
  }

  get state(): RoutingState {
    return this.progress.state;
  }

  /** Takes in what routing came to. Messages of a key that is here already are not taken twice. */
  record({ cursor, state, messages }: Progress): void {
    const before = this.progress.state;
    const changes: OutboxChange[] = [];
    if (state === before && messages.length === 0) {
      this.advanceCursor(cursor);
      return;
    }
    for (const { channel, notice, dueMs } of messages) this.put(channel, notice, dueMs, changes);
    for (const [incident, followed] of state.incidents) {
      if (before.incidents.get(incident) !== followed) changes.push({ kind: 'follow', incident, followed });
    }
    for (const incident of before.incidents.keys()) {
      if (!state.incidents.has(incident)) changes.push({ kind: 'follow', incident });
    }
    for (const [channel, window] of state.windows) {
      if (before.windows.get(channel) !== window) changes.push({ kind: 'window', channel, window });
    }
    for (const channel of before.windows.keys()) {
      if (!state.windows.has(channel)) changes.push({ kind: 'window', channel });
    }
    this.progress = { cursor, state };
    this.saveCursor(changes);
  }

  /** Sees to it that the cursor is kept as it stands: what it passed is not looked at again. */
  saveCursor(changes: readonly OutboxChange[] = []): void {
    const { cursor } = this.progress;
    if (cursor === undefined || (changes.length === 0 && this.savedCursor === cursor)) return;
    this.savedCursor = cursor;
    this.save([...changes, { kind: 'cursor', seq: cursor }]);
  }

  /**
   * The message that `channel` is to send next, if one is due, claimed for it until it is settled. Of one incident they
   * go in their order; apart from that what was tried less goes first, so that one bad message holds up no other.
   */
  claim(channel: string, nowMs: number): Message | undefined {
    const blocked = new Set<IncidentId>();
    let best: Waiting | undefined;
    for (const waiting of this.queues.get(channel) ?? []) {
      const { message, incidents, isStored, isClaimed } = waiting;
      const isFree = !isClaimed && isStored && !incidents.some((incident) => blocked.has(incident));
      for (const incident of incidents) blocked.add(incident);
      if (!isFree || message.nextMs > nowMs) continue;
      if (best === undefined || message.attempts < best.message.attempts) best = waiting;
    }
    if (best === undefined) return undefined;
    best.isClaimed = true;
    return best.message;
  }

  /** When `channel` has something to send; undefined: not before something new is stored. Epoch ms, UTC. */
  nextDueMs(channel: string): number | undefined {
    let firstMs: number | undefined;
    for (const { message, isStored, isClaimed } of this.queues.get(channel) ?? []) {
      if (isStored && !isClaimed) firstMs = Math.min(firstMs ?? message.nextMs, message.nextMs);
    }
    return firstMs;
  }

  /** What the receiver calls what it was told of the message's incident last. */
  referenceFor({ channel, notice }: Message): string | undefined {
    const [only, ...others] = notice.incidents;
    return only === undefined || others.length > 0
      ? undefined
      : this.heard.get(channel)?.get(only.incident.id);
  }

  /** Whether the end of an incident is told that its channel, for all that is known, never heard of. */
  isMoot({ channel, notice }: Message): boolean {
    if (notice.change !== 'resolved') return false;
    return notice.incidents.every(({ incident }) => this.heard.get(channel)?.has(incident.id) !== true);
  }

  /** It has arrived. */
  delivered(message: Message, reference: string | undefined): void {
    const changes: OutboxChange[] = [];
    for (const { incident } of message.notice.incidents) {
      const { id: incidentId } = incident;
      if (incident.state === 'resolved') this.unhear(message.channel, incidentId, changes);
      else this.hear(message.channel, incidentId, reference, changes);
    }
    this.end(message, 'delivered', undefined, changes);
  }

  /** It has not, as far as is known, and is tried again at `nextMs`. */
  retry(message: Message, error: string, nextMs: number): void {
    const waiting = this.find(message);
    if (waiting === undefined) return;
    const changes: OutboxChange[] = [];
    for (const { incident } of message.notice.incidents) {
      if (incident.state !== 'resolved') this.hear(message.channel, incident.id, undefined, changes);
    }
    waiting.isClaimed = false;
    waiting.message = { ...message, attempts: message.attempts + 1, nextMs, error };
    this.save([...changes, { kind: 'attempt', message: waiting.message }]);
  }

  /** It is given up. `isPartly`: some have it all the same. */
  bury(message: Message, error: string, isPartly = false): void {
    const changes: OutboxChange[] = [];
    for (const { incident } of message.notice.incidents) {
      if (incident.state === 'resolved') this.unhear(message.channel, incident.id, changes);
      else if (isPartly) this.hear(message.channel, incident.id, undefined, changes);
    }
    this.end(message, 'dead', error, changes);
  }

  /** It need not be sent. */
  drop(message: Message): void {
    this.take(message);
    this.save([{ kind: 'drop', key: message.notice.key }]);
  }

  /** It was not tried after all: the monitor stops. */
  release(message: Message): void {
    const waiting = this.find(message);
    if (waiting !== undefined) waiting.isClaimed = false;
  }

  /** Whatever failed before is to be tried again at once: the channel works. */
  hasten(channel: string, nowMs: number): void {
    for (const waiting of this.queues.get(channel) ?? []) {
      if (!waiting.isClaimed && waiting.message.nextMs > nowMs) {
        waiting.message = { ...waiting.message, nextMs: nowMs };
      }
    }
  }

  /** Gives up all that waits for `channel` and is not being sent, and forgets what it has heard. Returns how many. */
  buryAll(channel: string, error: string): number {
    const buried = (this.queues.get(channel) ?? []).filter(({ isClaimed }) => !isClaimed);
    for (const { message } of buried) this.bury(message, error);
    const changes: OutboxChange[] = [];
    for (const incident of this.heard.get(channel)?.keys() ?? []) this.unhear(channel, incident, changes);
    if (changes.length > 0) this.save(changes);
    return buried.length;
  }

  /** Channels for which something waits or that have heard of something. */
  channels(): ReadonlySet<string> {
    const waiting = Array.from(this.queues).filter(([, queue]) => queue.length > 0);
    const heard = Array.from(this.heard).filter(([, incidents]) => incidents.size > 0);
    return new Set([...waiting, ...heard].map(([channel]) => channel));
  }

  backlog(channel: string): Backlog {
    const queue = this.queues.get(channel) ?? [];
    const oldestMs = queue.length === 0 ? undefined : Math.min(...queue.map(({ message }) => message.dueMs));
    return { count: queue.length, oldestMs };
  }

  /** Resolves once all that was recorded so far is on disk, or the store has refused it. */
  async flushed(): Promise<void> {
    while (this.writing !== undefined) await this.writing;
  }

  /** Writes what is pending; what the store refuses now is routed, or sent, again after the restart. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.progress.cursor !== this.savedCursor) this.saveCursor();
    this.isOver = true;
    await this.flushed();
    this.retryTimer?.[Symbol.dispose]();
    this.retryTimer = undefined;
  }

  private advanceCursor(cursor: number): void {
    this.progress = { cursor, state: this.progress.state };
    const isFar = this.savedCursor === undefined || Math.abs(cursor - this.savedCursor) >= CURSOR_STEP;
    if (isFar) this.saveCursor();
  }

  private put(channel: string, notice: Notice, dueMs: number, changes: OutboxChange[]): void {
    const queue = this.queues.get(channel) ?? [];
    if (queue.some(({ message }) => message.notice.key === notice.key)) return;
    const [only, ...others] = notice.incidents;
    if (only !== undefined && others.length === 0) {
      const outdated = queue.filter(
        ({ message, incidents, isClaimed }) =>
          message.notice.change === 'updated' && !isClaimed && incidents.includes(only.incident.id),
      );
      for (const { message } of outdated) {
        this.take(message);
        changes.push({ kind: 'drop', key: message.notice.key });
      }
    }
    const nowMs = this.clock.nowMs();
    const message: Message = { channel, notice, dueMs, createdMs: nowMs, attempts: 0, nextMs: nowMs };
    this.unstored.push(this.enqueue(message));
    changes.push({ kind: 'message', message });
  }

  private enqueue(message: Message): Waiting {
    const incidents = message.notice.incidents.map(({ incident }) => incident.id);
    const waiting: Waiting = { message, incidents, isStored: false, isClaimed: false };
    const queue = this.queues.get(message.channel);
    if (queue === undefined) this.queues.set(message.channel, [waiting]);
    else queue.push(waiting);
    return waiting;
  }

  private find({ channel, notice }: Message): Waiting | undefined {
    return this.queues.get(channel)?.find(({ message }) => message.notice.key === notice.key);
  }

  private take({ channel, notice }: Message): void {
    const queue = this.queues.get(channel) ?? [];
    this.queues.set(
      channel,
      queue.filter(({ message }) => message.notice.key !== notice.key),
    );
  }

  private end(
    message: Message,
    state: 'delivered' | 'dead',
    error: string | undefined,
    changes: readonly OutboxChange[],
  ): void {
    this.take(message);
    this.save([
      ...changes,
      {
        kind: 'end',
        key: message.notice.key,
        state,
        endedMs: this.clock.nowMs(),
        attempts: message.attempts + (state === 'delivered' ? 1 : 0),
        ...(error === undefined ? {} : { error }),
      },
    ]);
  }

  private heardBy(channel: string): Map<IncidentId, string | undefined> {
    const heard = this.heard.get(channel) ?? new Map<IncidentId, string | undefined>();
    this.heard.set(channel, heard);
    return heard;
  }

  private hear(
    channel: string,
    incident: IncidentId,
    reference: string | undefined,
    changes: OutboxChange[],
  ): void {
    const heard = this.heardBy(channel);
    const before = heard.get(incident);
    if (heard.has(incident) && (reference === undefined || reference === before)) return;
    heard.set(incident, reference ?? before);
    changes.push({ kind: 'hear', channel, incident, ...(reference === undefined ? {} : { reference }) });
  }

  private unhear(channel: string, incident: IncidentId, changes: OutboxChange[]): void {
    if (this.heard.get(channel)?.delete(incident) === true)
      changes.push({ kind: 'unhear', channel, incident });
  }

  private save(changes: readonly OutboxChange[]): void {
    this.unsaved.push(...changes);
    this.write();
  }

  private write(): void {
    if (this.writing !== undefined || this.retryTimer !== undefined) return;
    // After what is recorded in the same breath: it shares the commit.
    this.writing = Promise.resolve()
      .then(() => this.writeBatch())
      .finally(() => {
        this.writing = undefined;
        if (this.unsaved.length > 0) this.write();
      });
  }

  private async writeBatch(): Promise<void> {
    const [changes, messages] = [this.unsaved, this.unstored];
    this.unsaved = [];
    this.unstored = [];
    try {
      await this.store.commit(changes);
    } catch (cause) {
      this.unsaved = [...changes, ...this.unsaved];
      this.unstored = [...messages, ...this.unstored];
      this.refuse(cause);
      return;
    }
    this.retryDelayMs = 0;
    if (this.isRefused) {
      this.isRefused = false;
      this.listener.writableChanged(undefined);
    }
    for (const waiting of messages) waiting.isStored = true;
    if (messages.length > 0) this.listener.stored();
  }

  private refuse(cause: unknown): void {
    if (!this.isRefused) {
      this.listener.writableChanged(
        Error.isError(cause) ? cause : new Error('the outbox refuses', { cause }),
      );
    }
    this.isRefused = true;
    this.retryDelayMs = Math.min(RETRY_LAST_MS, Math.max(RETRY_FIRST_MS, this.retryDelayMs * 2));
    if (this.isOver) {
      this.unsaved = [];
      return;
    }
    this.retryTimer = this.clock.after(this.retryDelayMs, () => {
      this.retryTimer = undefined;
      this.write();
    });
  }
}
