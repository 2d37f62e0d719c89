import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import type { Followed } from '../core/followed.ts';
import type { Notice } from '../core/notification.ts';
import type { TellingWindow } from '../core/routing.ts';
import type { Clock } from '../lib/clock.ts';
import { unreachable } from '../lib/unreachable.ts';
import {
  type IncidentId,
  type ListedMessage,
  type Message,
  MESSAGE_STATES,
  type MessageState,
  type OutboxChange,
  type OutboxStore,
  type SavedOutbox,
} from './outbox-store.ts';
import type { FromOutboxWriter, ToOutboxWriter, Write } from './outbox-writer-worker.ts';

/** The outbox's file inside the data folder. */
export const OUTBOX_FILE = 'notifications.db';

/** Node runs the sources as they are; a packed build has the same file compiled. */
const WRITER = new URL(
  import.meta.url.endsWith('.ts') ? './outbox-writer-worker.ts' : './outbox-writer-worker.js',
  import.meta.url,
);

/** Marks the file as ours ("Kvno"), and the layout of its tables and of the JSON in them. */
const APPLICATION_ID = 0x4b766e6f;
const FORMAT = 1;

const LAYOUT = `
  PRAGMA journal_mode = WAL;
  BEGIN IMMEDIATE;
  CREATE TABLE meta (id INTEGER PRIMARY KEY CHECK (id = 1), cursor_seq INTEGER NOT NULL) STRICT;
  CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    channel TEXT NOT NULL,
    notice TEXT NOT NULL,
    due_ms INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    next_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    ended_ms INTEGER,
    error TEXT
  ) STRICT;
  CREATE INDEX messages_by_state ON messages (state, id);
  CREATE TABLE followed (incident TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE windows (channel TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE heard (
    channel TEXT NOT NULL,
    incident TEXT NOT NULL,
    reference TEXT,
    PRIMARY KEY (channel, incident)
  ) STRICT, WITHOUT ROWID;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${FORMAT};
  COMMIT;
`;

/** The outbox's file cannot be used. The message says why, and what to do. */
export class OutboxUnavailable extends Error {
  override readonly name = 'OutboxUnavailable';
}

interface Pending {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** The outbox in a SQLite file (WAL, synchronous=FULL), written by a thread of its own and read here. */
export class SqliteOutboxStore implements OutboxStore {
  private readonly db: DatabaseSync;
  private readonly worker: Worker;
  private readonly pending = new Map<number, Pending>();
  private readonly closed = Promise.withResolvers<void>();
  private nextId = 1;
  private fault: OutboxUnavailable | undefined;

  private constructor(path: string) {
    this.db = openToRead(path);
    this.worker = new Worker(WRITER, { workerData: path, name: 'outbox', execArgv: [] });
    this.worker.on('message', ({ id, error }: FromOutboxWriter) => {
      const pending = this.pending.get(id);
      this.pending.delete(id);
      if (error === undefined) pending?.resolve();
      else pending?.reject(new OutboxUnavailable(`${path} cannot be written: ${error}`));
    });
    this.worker.on('error', (cause) => this.end(`${path} cannot be written; restart the monitor`, cause));
    this.worker.on('exit', () => this.end(`${path} is closed`, undefined));
  }

  /**
   * Opens the outbox in `folder`, for a process that has the journal there for itself; made new if there is none. A file
   * that is damaged is kept aside, which `tell` hears of (where, and what is wrong with it). Throws `OutboxUnavailable`.
   */
  static open(folder: string, clock: Clock, tell: (kept: string, error: Error) => void): SqliteOutboxStore {
    const path = join(folder, OUTBOX_FILE);
    try {
      prepareFile(path);
    } catch (error) {
      if (!isDamage(error)) throw asUnavailable(path, error);
      const stamp = new Date(clock.nowMs()).toISOString().replace(/[-:.]/g, '');
      const kept = join(folder, `notifications-damaged-${stamp}.db`);
      for (const part of ['-wal', '-shm', '']) {
        if (existsSync(path + part)) renameSync(path + part, kept + part);
      }
      tell(kept, error);
      prepareFile(path);
    }
    return new SqliteOutboxStore(path);
  }

  load(): SavedOutbox {
    const rows = (sql: string) => this.db.prepare(sql).all();
    const cursor = this.db.prepare('SELECT cursor_seq FROM meta').get()?.['cursor_seq'];
    return {
      cursor: typeof cursor === 'number' ? cursor : undefined,
      followed: new Map(
        rows('SELECT incident, body FROM followed').map(({ incident, body }) => [
          toId(incident),
          JSON.parse(String(body)) as Followed,
        ]),
      ),
      windows: new Map(
        rows('SELECT channel, body FROM windows').map(({ channel, body }) => [
          String(channel),
          JSON.parse(String(body)) as TellingWindow,
        ]),
      ),
      pending: rows("SELECT * FROM messages WHERE state = 'pending' ORDER BY id").map(toMessage),
      heard: rows('SELECT channel, incident, reference FROM heard').map(
        ({ channel, incident, reference }) => ({
          channel: String(channel),
          incident: toId(incident),
          ...(reference === null ? {} : { reference: String(reference) }),
        }),
      ),
    };
  }

  commit(changes: readonly OutboxChange[]): Promise<void> {
    return this.write(changes.map(toWrite));
  }

  list(state: MessageState, limit: number, beforeId = Number.MAX_SAFE_INTEGER): readonly ListedMessage[] {
    return selectMessages(this.db, state, limit, beforeId);
  }

  count(): ReadonlyMap<string, Readonly<Record<MessageState, number>>> {
    const counts = new Map<string, Record<MessageState, number>>();
    const rows = this.db
      .prepare('SELECT channel, state, count(*) AS n FROM messages GROUP BY channel, state')
      .all();
    for (const { channel, state, n } of rows) {
      const own = counts.get(String(channel)) ?? { pending: 0, delivered: 0, dead: 0 };
      const known = MESSAGE_STATES.find((each) => each === state);
      if (known !== undefined) own[known] = Number(n);
      counts.set(String(channel), own);
    }
    return counts;
  }

  prune(beforeMs: number): Promise<void> {
    return this.write([["DELETE FROM messages WHERE state <> 'pending' AND ended_ms < ?", beforeMs]]);
  }

  /** Writes what was committed before, then lets go of the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Before the writer's: the last connection to close folds the log into the file, and this one could not.
    this.db[Symbol.dispose]();
    const message: ToOutboxWriter = { kind: 'close' };
    if (this.fault === undefined) this.worker.postMessage(message);
    await this.closed.promise;
  }

  private async write(writes: readonly Write[]): Promise<void> {
    if (this.fault !== undefined) throw new OutboxUnavailable(this.fault.message, { cause: this.fault });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const id = this.nextId++;
    this.pending.set(id, { resolve, reject });
    const message: ToOutboxWriter = { kind: 'write', id, writes };
    this.worker.postMessage(message);
    await promise;
  }

  private end(message: string, cause: unknown): void {
    this.fault ??= new OutboxUnavailable(message, { cause });
    for (const { reject } of this.pending.values()) reject(this.fault);
    this.pending.clear();
    this.closed.resolve();
  }
}

/** Messages of the outbox in `folder`, as `OutboxStore.list` gives them; a monitor may be at work there. Throws `OutboxUnavailable`. */
export function readMessages(folder: string, state: MessageState, limit: number): readonly ListedMessage[] {
  const path = join(folder, OUTBOX_FILE);
  if (!existsSync(path)) throw new OutboxUnavailable(`${path} does not exist`);
  try {
    const db = openToRead(path);
    try {
      return selectMessages(db, state, limit, Number.MAX_SAFE_INTEGER);
    } finally {
      db.close();
    }
  } catch (error) {
    throw asUnavailable(path, error);
  }
}

/** Text that an outbox of ours holds as an id is one. */
function toId(value: unknown): IncidentId {
  return String(value) as IncidentId;
}

function prepareFile(path: string): void {
  const db = new DatabaseSync(path, { timeout: 1_000 });
  try {
    const isNew = db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n'] === 0;
    if (isNew) db.exec(LAYOUT);
    checkIdentity(db, path);
    const verdict = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
    if (verdict !== 'ok') throw new DamagedOutbox(`${path} is damaged: ${String(verdict)}`);
  } finally {
    db.close();
  }
}

function openToRead(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { readOnly: true, timeout: 1_000 });
  try {
    checkIdentity(db, path);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

class DamagedOutbox extends Error {}

function checkIdentity(db: DatabaseSync, path: string): void {
  const read = (name: string) => Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
  if (read('application_id') !== APPLICATION_ID) {
    throw new DamagedOutbox(`${path} holds no notifications of Kassavakt`);
  }
  const format = read('user_version');
  if (format === FORMAT) return;
  throw new OutboxUnavailable(
    `${path} has format ${format}, made by another version; this one reads ${FORMAT}`,
  );
}

/** CORRUPT and NOTADB. By shape, as an error of another realm is no `Error` of this one. */
function isDamage(error: unknown): error is Error {
  if (error instanceof DamagedOutbox) return true;
  const code = typeof error === 'object' && error !== null && 'errcode' in error ? error.errcode : undefined;
  return code === 11 || code === 26;
}

function asUnavailable(path: string, error: unknown): OutboxUnavailable {
  if (error instanceof OutboxUnavailable) return error;
  const message = typeof error === 'object' && error !== null && 'message' in error ? error.message : error;
  return new OutboxUnavailable(`${path} cannot be used: ${String(message)}`, { cause: error });
}

function selectMessages(
  db: DatabaseSync,
  state: MessageState,
  limit: number,
  beforeId: number,
): readonly ListedMessage[] {
  return db
    .prepare('SELECT * FROM messages WHERE state = ? AND id < ? ORDER BY id DESC LIMIT ?')
    .all(state, beforeId, limit)
    .map((row) => ({
      ...toMessage(row),
      id: Number(row['id']),
      state,
      ...(row['ended_ms'] === null ? {} : { endedMs: Number(row['ended_ms']) }),
    }));
}

function toMessage(row: Readonly<Record<string, unknown>>): Message {
  const error = row['error'];
  return {
    channel: String(row['channel']),
    notice: JSON.parse(String(row['notice'])) as Notice,
    dueMs: Number(row['due_ms']),
    createdMs: Number(row['created_ms']),
    attempts: Number(row['attempts']),
    nextMs: Number(row['next_ms']),
    ...(typeof error === 'string' ? { error } : {}),
  };
}

function toWrite(change: OutboxChange): Write {
  switch (change.kind) {
    case 'cursor':
      return [
        'INSERT INTO meta (id, cursor_seq) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET cursor_seq = excluded.cursor_seq',
        change.seq,
      ];
    case 'follow':
      return putOrDelete('followed', 'incident', change.incident, change.followed);
    case 'window':
      return putOrDelete('windows', 'channel', change.channel, change.window);
    case 'message': {
      const { channel, notice, dueMs, createdMs, attempts, nextMs } = change.message;
      return [
        "INSERT OR IGNORE INTO messages (key, channel, notice, due_ms, created_ms, attempts, next_ms, state) VALUES (?, ?, ?, ?, ?, ?, ?, 'pending')",
        notice.key,
        channel,
        JSON.stringify(notice),
        Math.round(dueMs),
        Math.round(createdMs),
        attempts,
        Math.round(nextMs),
      ];
    }
    case 'attempt': {
      const { notice, attempts, nextMs, error = null } = change.message;
      return [
        'UPDATE messages SET attempts = ?, next_ms = ?, error = ? WHERE key = ?',
        attempts,
        Math.round(nextMs),
        error,
        notice.key,
      ];
    }
    case 'end': {
      const { key, state, endedMs, attempts, error = null } = change;
      return [
        'UPDATE messages SET state = ?, ended_ms = ?, attempts = ?, error = ? WHERE key = ?',
        state,
        Math.round(endedMs),
        attempts,
        error,
        key,
      ];
    }
    case 'drop':
      return ['DELETE FROM messages WHERE key = ?', change.key];
    case 'hear':
      return [
        'INSERT INTO heard (channel, incident, reference) VALUES (?, ?, ?) ON CONFLICT (channel, incident) DO UPDATE SET reference = coalesce(excluded.reference, reference)',
        change.channel,
        change.incident,
        change.reference ?? null,
      ];
    case 'unhear':
      return ['DELETE FROM heard WHERE channel = ? AND incident = ?', change.channel, change.incident];
    default:
      return unreachable(change);
  }
}

function putOrDelete(table: string, column: string, id: IncidentId | string, body: unknown): Write {
  return body === undefined
    ? [`DELETE FROM ${table} WHERE ${column} = ?`, id]
    : [
        `INSERT INTO ${table} (${column}, body) VALUES (?, ?) ON CONFLICT (${column}) DO UPDATE SET body = excluded.body`,
        id,
        JSON.stringify(body),
      ];
}
