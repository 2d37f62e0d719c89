import type { Followed } from '../../src/core/followed.ts';
import type { TellingWindow } from '../../src/core/routing.ts';
import { unreachable } from '../../src/lib/unreachable.ts';
import {
  type IncidentId,
  type ListedMessage,
  MESSAGE_STATES,
  type MessageState,
  type OutboxChange,
  type OutboxStore,
  type SavedOutbox,
} from '../../src/notifiers/outbox-store.ts';

/** An outbox store without a disk. It keeps every promise but durability, and can be made to refuse as a full disk would. */
export class MemoryOutboxStore implements OutboxStore {
  private rows: ListedMessage[] = [];
  private readonly followed = new Map<IncidentId, Followed>();
  private readonly windows = new Map<string, TellingWindow>();
  private readonly heard = new Map<string, SavedOutbox['heard'][number]>();
  private cursor: number | undefined;
  private nextId = 1;
  private fault: Error | undefined;
  commits = 0;

  /** Refuses every commit with `cause` from now on; undefined: takes them again. */
  refuse(cause: Error | undefined): void {
    this.fault = cause;
  }

  load(): SavedOutbox {
    const pending = this.rows.filter(({ state }) => state === 'pending');
    return {
      cursor: this.cursor,
      followed: new Map(this.followed),
      windows: new Map(this.windows),
      pending: pending.map(({ id: _id, state: _state, ...message }) => message),
      heard: Array.from(this.heard.values()),
    };
  }

  async commit(changes: readonly OutboxChange[]): Promise<void> {
    // A disk takes its time, too.
    await Promise.resolve();
    if (this.fault !== undefined) throw this.fault;
    this.commits++;
    for (const change of changes) this.apply(change);
  }

  list(state: MessageState, limit: number, beforeId = Number.MAX_SAFE_INTEGER): readonly ListedMessage[] {
    const found = this.rows.filter((row) => row.state === state && row.id < beforeId);
    return found.toReversed().slice(0, limit);
  }

  count(): ReadonlyMap<string, Readonly<Record<MessageState, number>>> {
    const byChannel = Map.groupBy(this.rows, ({ channel }) => channel);
    return new Map(
      Array.from(byChannel, ([channel, rows]) => {
        const count = (state: MessageState) => rows.filter((row) => row.state === state).length;
        const [pending, delivered, dead] = MESSAGE_STATES.map(count);
        return [channel, { pending: pending ?? 0, delivered: delivered ?? 0, dead: dead ?? 0 }];
      }),
    );
  }

  async prune(beforeMs: number): Promise<void> {
    this.rows = this.rows.filter(({ endedMs = beforeMs }) => endedMs >= beforeMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.fault = new Error('the store is closed');
  }

  private apply(change: OutboxChange): void {
    switch (change.kind) {
      case 'cursor':
        this.cursor = change.seq;
        return;
      case 'follow':
        if (change.followed === undefined) this.followed.delete(change.incident);
        else this.followed.set(change.incident, change.followed);
        return;
      case 'window':
        if (change.window === undefined) this.windows.delete(change.channel);
        else this.windows.set(change.channel, change.window);
        return;
      case 'message': {
        const { message } = change;
        if (this.rows.some(({ notice }) => notice.key === message.notice.key)) return;
        this.rows.push({ ...message, id: this.nextId++, state: 'pending' });
        return;
      }
      case 'attempt':
        this.change(change.message.notice.key, change.message);
        return;
      case 'end':
        this.change(change.key, change);
        return;
      case 'drop':
        this.rows = this.rows.filter(({ notice }) => notice.key !== change.key);
        return;
      case 'hear': {
        const { channel, incident, reference = this.heard.get(`${channel} ${incident}`)?.reference } = change;
        this.heard.set(`${channel} ${incident}`, {
          channel,
          incident,
          ...(reference === undefined ? {} : { reference }),
        });
        return;
      }
      case 'unhear':
        this.heard.delete(`${change.channel} ${change.incident}`);
        return;
      default:
        unreachable(change);
    }
  }

  private change(
    key: string,
    { attempts, ...more }: Pick<ListedMessage, 'attempts'> & Partial<ListedMessage>,
  ): void {
    this.rows = this.rows.map((row) => {
      if (row.notice.key !== key) return row;
      const { error: _error, ...rest } = row;
      const { state = row.state, nextMs = row.nextMs, endedMs, error } = more;
      return {
        ...rest,
        attempts,
        state,
        nextMs,
        ...(endedMs === undefined ? {} : { endedMs }),
        ...(error === undefined ? {} : { error }),
      };
    });
  }
}
