import { existsSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { subjectOf } from '../core/events.ts';
import { GENESIS, toHex } from './chain.ts';
import { decodeEvent } from './event-codec.ts';
import { JournalDamaged, JournalUnavailable, type Verification } from './journal.ts';
import {
  asJournalError,
  checkEnd,
  type Head,
  nextHead,
  openToRead,
  outlookHashes,
  readHead,
  selectOutlook,
} from './journal-file.ts';
import { checkOutlook } from './outlook-codec.ts';

/** A head as somebody noted it elsewhere: the hash, in hexadecimal, that event `seq` had then. */
export interface NotedHead {
  readonly seq: number;
  readonly hash: string;
}

/**
 * Checks every event of the journal at `path`, its end, its heads and its file, without changing anything; a
 * monitor may go on writing meanwhile. With `noted`, also that the journal is the one that head was taken from.
 * Throws `JournalUnavailable` when there is nothing that could be checked.
 */
export function verifyJournal(path: string, noted?: NotedHead): Verification {
  if (!existsSync(path)) throw new JournalUnavailable(`${path} does not exist`);
  try {
    using db = openToRead(path);
    db.exec('BEGIN');
    return verifyAll(db, noted);
  } catch (error) {
    const known = asJournalError(error, path);
    if (known instanceof JournalUnavailable) throw known;
    return {
      kind: 'damaged',
      message: known.message,
      ...(known.seq === undefined ? {} : { seq: known.seq }),
    };
  }
}

function verifyAll(db: DatabaseSync, noted: NotedHead | undefined): Verification {
  const head = readHead(db);
  const { last, subjects, outlooks } = verifyEvents(db, noted);
  checkEnd(last, head);
  if (noted !== undefined && noted.seq > last.seq) {
    const message = `event ${noted.seq} was noted, but the journal ends with ${last.seq}: it was cut or is another`;
    throw new JournalDamaged(message, last.seq + 1);
  }
  verifyHeads(db, subjects);
  verifyOutlooks(db, outlooks);
  const verdict = db.prepare('PRAGMA integrity_check(1)').get()?.['integrity_check'];
  if (verdict !== 'ok') throw new JournalDamaged(`the journal's file is damaged: ${String(verdict)}`);
  return { kind: 'intact', events: last.seq, lastSeq: last.seq, headHash: toHex(last.hash) };
}

/** What the events say of the other tables. */
interface Walked {
  readonly last: Head;
  /** The newest event of every open subject. */
  readonly subjects: ReadonlyMap<string, number>;
  /** The first event that names each outlook, by its hash. */
  readonly outlooks: ReadonlyMap<string, number>;
}

/** Walks the chain from its beginning. */
function verifyEvents(db: DatabaseSync, noted: NotedHead | undefined): Walked {
  const subjects = new Map<string, number>();
  const outlooks = new Map<string, number>();
  let last: Head = { seq: 0, hash: GENESIS };
  try {
    const rows = db
      .prepare('SELECT seq, at_ms, kind, subject, payload, hash FROM events ORDER BY seq')
      .iterate();
    for (const row of rows) {
      last = nextHead(last, row);
      verifyColumns(last.seq, row, subjects, outlooks);
      if (noted?.seq === last.seq && noted.hash.toLowerCase() !== toHex(last.hash)) {
        throw new JournalDamaged(
          `event ${last.seq} is not the one noted: the journal was rewritten`,
          last.seq,
        );
      }
    }
  } catch (error) {
    if (error instanceof JournalDamaged) throw error;
    const known = asJournalError(error, 'the journal');
    if (known instanceof JournalUnavailable) throw known;
    throw new JournalDamaged(`${known.message} (after event ${last.seq})`, last.seq + 1, { cause: error });
  }
  return { last, subjects, outlooks };
}

/** The columns beside the payload only repeat it, but heads and reports are read by them. */
function verifyColumns(
  seq: number,
  row: Readonly<Record<string, unknown>>,
  subjects: Map<string, number>,
  outlooks: Map<string, number>,
): void {
  const event = decodeEvent({ seq, atMs: Number(row['at_ms']), payload: String(row['payload']) });
  const subject = subjectOf(event);
  if (row['kind'] !== event.kind || row['subject'] !== (subject?.key ?? null)) {
    throw new JournalDamaged(`event ${seq} has a kind or subject column that its payload does not have`, seq);
  }
  if (event.kind === 'config-reloaded' && event.outlook !== undefined) {
    outlooks.set(event.outlook, outlooks.get(event.outlook) ?? seq);
  }
  if (subject === undefined) return;
  if (subject.closes) subjects.delete(subject.key);
  else subjects.set(subject.key, seq);
}

function verifyHeads(db: DatabaseSync, subjects: ReadonlyMap<string, number>): void {
  let count = 0;
  for (const { subject, seq } of db.prepare('SELECT subject, seq FROM heads').iterate()) {
    count++;
    const expected = subjects.get(String(subject));
    if (expected === seq) continue;
    const message = `the table of heads gives ${String(seq)} as the newest event of ${String(subject)}; it is ${expected ?? 'closed'}`;
    throw new JournalDamaged(message, expected ?? Number(seq));
  }
  if (count < subjects.size) {
    throw new JournalDamaged(
      `the table of heads has ${count} subjects; the events leave ${subjects.size} open`,
    );
  }
}

/** What the events name must be there, and all that is there must be what was written. */
function verifyOutlooks(db: DatabaseSync, named: ReadonlyMap<string, number>): void {
  const kept = new Set(outlookHashes(db));
  for (const [hash, seq] of named) {
    if (!kept.has(hash)) {
      throw new JournalDamaged(`the settings that event ${seq} names are not in the journal`, seq);
    }
  }
  for (const hash of kept) checkOutlook(hash, selectOutlook(db, hash) ?? new Uint8Array());
}
