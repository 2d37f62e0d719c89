import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { chainHash, GENESIS } from './chain.ts';
import { JournalDamaged, JournalUnavailable } from './journal.ts';

/** Marks the file as ours ("Kvkt"), and its layout's version. */
const APPLICATION_ID = 0x4b766b74;
const FORMAT = 1;

/** Files up to this size are checked page by page at each start. Unit: bytes. */
const QUICK_CHECK_BYTES = 16 * 1024 * 1024;
/** How many of the newest events have their chain checked at each start. */
const CHECKED_EVENTS = 1_000;

const LAYOUT = `
  BEGIN IMMEDIATE;
  CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT,
    payload TEXT NOT NULL,
    hash BLOB NOT NULL
  ) STRICT;
  CREATE TABLE heads (subject TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    head_seq INTEGER NOT NULL,
    head_hash BLOB NOT NULL
  ) STRICT;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${FORMAT};
`;

/** Made where it is missing: a journal without it is whole, and of the same format. */
const OUTLOOKS =
  'CREATE TABLE IF NOT EXISTS outlooks (hash TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID';

/** Where the chain ends: the newest event's number and hash. 0 and the genesis when there is none. */
export interface Head {
  readonly seq: number;
  readonly hash: Uint8Array;
}

/**
 * Holds the journal at `path` for one process: an exclusive lock on a second, empty SQLite file, which the operating
 * system lets go when the process ends, however it ends. Throws `JournalUnavailable` when another holds it.
 */
export function takeLock(path: string): Disposable {
  const lock = new DatabaseSync(`${path}-lock`);
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;');
  } catch (cause) {
    lock.close();
    if (sqliteCode(cause) !== SQLITE_BUSY) throw cause;
    throw new JournalUnavailable(
      `${path} is in use by another monitor; stop that one first, or give this one another data folder`,
      { cause },
    );
  }
  return { [Symbol.dispose]: () => lock.close() };
}

/**
 * Opens the journal to write, with the layout made if the file is new, and checks cheaply what a restart relies on:
 * small files page by page, of any file the chain of the newest 1,000 events, that it ends where it was left, and
 * that every head is there. (`verifyJournal` checks all.) Throws `JournalDamaged` or SQLite's error.
 */
export function openToWrite(path: string, maxBytes: number | undefined): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: 1_000 });
  try {
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864;');
    if (isNew(db)) makeLayout(db);
    checkIdentity(db, path);
    db.exec(OUTLOOKS);
    if (maxBytes !== undefined) {
      db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / pragma(db, 'page_size')))}`);
    }
    checkCheaply(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Opens the journal to read, beside a writer. Throws `JournalDamaged` or SQLite's error. */
export function openToRead(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { readOnly: true, timeout: 1_000 });
  try {
    checkIdentity(db, path);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Throws `JournalDamaged` when the file does not say where its chain ends. */
export function readHead(db: DatabaseSync): Head {
  const row = db.prepare('SELECT head_seq, head_hash FROM meta').get();
  const [seq, hash] = [row?.['head_seq'], row?.['head_hash']];
  if (typeof seq === 'number' && hash instanceof Uint8Array) return { seq, hash };
  throw new JournalDamaged('the journal does not say where it ends: its meta row is missing');
}

/** Names of the outlooks kept; none in a journal that was never opened to write since it can keep them. */
export function outlookHashes(db: DatabaseSync): readonly string[] {
  if (!hasOutlooks(db)) return [];
  return db
    .prepare('SELECT hash FROM outlooks ORDER BY hash')
    .all()
    .map(({ hash }) => String(hash));
}

/** Undefined when none is kept under `hash`. */
export function selectOutlook(db: DatabaseSync, hash: string): Uint8Array | undefined {
  if (!hasOutlooks(db)) return undefined;
  const body = db.prepare('SELECT body FROM outlooks WHERE hash = ?').get(hash)?.['body'];
  return body instanceof Uint8Array ? body : undefined;
}

function hasOutlooks(db: DatabaseSync): boolean {
  return db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'outlooks'").get() !== undefined;
}

/** What a store's error means, as the contract names it: damage, or a store that cannot be used at present. */
export function asJournalError(error: unknown, path: string): JournalDamaged | JournalUnavailable {
  if (error instanceof JournalDamaged || error instanceof JournalUnavailable) return error;
  const text = messageOf(error);
  const code = sqliteCode(error);
  if (code !== undefined && DAMAGE_CODES.has(code)) {
    return new JournalDamaged(`${path} is damaged: ${text}`, undefined, { cause: error });
  }
  return new JournalUnavailable(`${path} cannot be used: ${text}`, { cause: error });
}

/** Whether `path` still names the file that was opened as `inode`; a journal written past its name is lost. */
export function isInPlace(path: string, inode: bigint): boolean {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino === inode;
}

function isNew(db: DatabaseSync): boolean {
  const tables = db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n'];
  return tables === 0 && pragma(db, 'application_id') === 0;
}

function makeLayout(db: DatabaseSync): void {
  db.exec(LAYOUT);
  db.prepare('INSERT INTO meta (id, head_seq, head_hash) VALUES (1, 0, ?)').run(GENESIS);
  db.exec('COMMIT');
}

function checkIdentity(db: DatabaseSync, path: string): void {
  if (pragma(db, 'application_id') !== APPLICATION_ID) {
    throw new JournalDamaged(`${path} holds no journal of Kassavakt`);
  }
  const format = pragma(db, 'user_version');
  if (format !== FORMAT) {
    throw new JournalUnavailable(
      `${path} has format ${format}, made by a newer version; this one reads ${FORMAT}`,
    );
  }
}

function checkCheaply(db: DatabaseSync): void {
  if (pragma(db, 'page_count') * pragma(db, 'page_size') <= QUICK_CHECK_BYTES) {
    const verdict = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
    if (verdict !== 'ok') throw new JournalDamaged(`the journal's file is damaged: ${String(verdict)}`);
  }
  checkTail(db, readHead(db));
  const stray = db
    .prepare(
      'SELECT h.subject AS subject, h.seq AS seq FROM heads h LEFT JOIN events e ON e.seq = h.seq ' +
        'WHERE e.subject IS NOT h.subject LIMIT 1',
    )
    .get();
  if (stray !== undefined) {
    const [subject, seq] = [String(stray['subject']), Number(stray['seq'])];
    const message = `the newest event of ${subject} should be ${seq}, but that one is of something else or missing`;
    throw new JournalDamaged(message, seq);
  }
}

function checkTail(db: DatabaseSync, head: Head): void {
  const rows = db
    .prepare('SELECT seq, at_ms, payload, hash FROM events ORDER BY seq DESC LIMIT ?')
    .all(CHECKED_EVENTS + 1)
    .reverse();
  const first = rows[0];
  let previous: Head = { seq: 0, hash: GENESIS };
  if (rows.length > CHECKED_EVENTS && first !== undefined) {
    previous = { seq: Number(first['seq']), hash: first['hash'] as Uint8Array };
    rows.shift();
  }
  for (const row of rows) previous = nextHead(previous, row);
  checkEnd(previous, head);
}

/** The chain one event on. Throws `JournalDamaged` when `row` does not follow from `previous`. */
export function nextHead(previous: Head, row: Readonly<Record<string, unknown>>): Head {
  const { seq, at_ms: atMs, payload, hash } = row;
  const expected = previous.seq + 1;
  if (typeof seq !== 'number' || seq < expected) {
    throw new JournalDamaged(`an event ${String(seq)} stands where ${expected} belongs`, expected);
  }
  if (seq > expected) throw new JournalDamaged(`event ${expected} is missing; ${seq} comes next`, expected);
  const computed =
    typeof atMs === 'number' && typeof payload === 'string'
      ? chainHash(previous.hash, seq, atMs, payload)
      : undefined;
  if (computed === undefined || !(hash instanceof Uint8Array) || Buffer.compare(computed, hash) !== 0) {
    const message = `event ${seq} does not fit its hash: it, or the event before it, is not what was written`;
    throw new JournalDamaged(message, seq);
  }
  return { seq, hash };
}

/** Throws `JournalDamaged` when the chain's last event is not the one that the journal says it ended with. */
export function checkEnd(last: Head, head: Head): void {
  if (last.seq < head.seq) {
    const message = `the journal ended with event ${head.seq}, but its last is ${last.seq}: its tail was removed`;
    throw new JournalDamaged(message, last.seq + 1);
  }
  if (last.seq > head.seq || Buffer.compare(last.hash, head.hash) !== 0) {
    const seq = Math.min(last.seq, head.seq + 1);
    throw new JournalDamaged(
      `event ${seq} is not the one that the journal ended with: it was added or changed`,
      seq,
    );
  }
}

const SQLITE_BUSY = 5;
/** ERROR (our own SQL fails only where a table is missing), CORRUPT, NOTADB, IOERR_SHORT_READ (a page is missing). */
const DAMAGE_CODES: ReadonlySet<number> = new Set([1, 11, 26, 522]);

/** By shape, as an error of another realm is no `Error` of this one. Extended codes only where they matter. */
function sqliteCode(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return undefined;
  const { errcode } = error;
  if (typeof errcode !== 'number') return undefined;
  return DAMAGE_CODES.has(errcode) ? errcode : errcode & 0xff;
}

function messageOf(error: unknown): string {
  const isNamed = typeof error === 'object' && error !== null && 'message' in error;
  return isNamed ? String(error.message) : String(error);
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}
