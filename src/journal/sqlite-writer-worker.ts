import { statSync } from 'node:fs';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { EventDraft } from '../core/events.ts';
import { chainHash } from './chain.ts';
import { encodeEvent } from './encode-event.ts';
import { JournalDamaged, JournalUnavailable } from './journal.ts';
import { asJournalError, type Head, isInPlace, openToWrite, readHead, takeLock } from './journal-file.ts';

/** What the writer is started with. */
export interface WriterOptions {
  readonly path: string;
  readonly maxBytes: number | undefined;
}

/**
 * To the writer: one append, whose events are encoded here, off the main path; an outlook to keep; or the wish to end
 * after what was sent before.
 */
export type ToWriter =
  | { readonly kind: 'append'; readonly id: number; readonly drafts: readonly EventDraft[] }
  | { readonly kind: 'keep-outlook'; readonly id: number; readonly hash: string; readonly body: Uint8Array }
  | { readonly kind: 'close' };

/** An error that keeps its meaning across threads. */
export interface WriterFault {
  readonly isDamage: boolean;
  readonly message: string;
  readonly seq: number | undefined;
  readonly cause: unknown;
}

/**
 * From the writer. `firstSeq` is what the append's first event got, or the next one will; `commits` counts commits
 * since opening.
 */
export type FromWriter =
  | { readonly kind: 'opened'; readonly lastSeq: number }
  | { readonly kind: 'not-opened'; readonly fault: WriterFault }
  | { readonly kind: 'written'; readonly id: number; readonly firstSeq: number; readonly commits: number }
  | { readonly kind: 'refused'; readonly id: number; readonly fault: WriterFault }
  | { readonly kind: 'closed' };

type Write = Exclude<ToWriter, { kind: 'close' }>;

/** Owns the journal's file. Every message waiting when a commit begins is part of it. */
class Writer implements Disposable {
  private readonly path: string;
  private readonly lock: Disposable;
  private readonly db: DatabaseSync;
  private readonly inode: bigint;
  private readonly insertEvent: StatementSync;
  private readonly setSubject: StatementSync;
  private readonly closeSubject: StatementSync;
  private readonly setHead: StatementSync;
  private readonly insertOutlook: StatementSync;
  private commits = 0;
  head: Head;

  constructor({ path, maxBytes }: WriterOptions) {
    this.path = path;
    this.lock = takeLock(path);
    try {
      this.db = openToWrite(path, maxBytes);
    } catch (error) {
      this.lock[Symbol.dispose]();
      throw error;
    }
    this.inode = statSync(path, { bigint: true }).ino;
    this.head = readHead(this.db);
    this.insertEvent = this.db.prepare(
      'INSERT INTO events (seq, at_ms, kind, subject, payload, hash) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.setSubject = this.db.prepare(
      'INSERT INTO heads (subject, seq) VALUES (?, ?) ON CONFLICT (subject) DO UPDATE SET seq = excluded.seq',
    );
    this.closeSubject = this.db.prepare('DELETE FROM heads WHERE subject = ?');
    this.setHead = this.db.prepare('UPDATE meta SET head_seq = ?, head_hash = ?');
    this.insertOutlook = this.db.prepare('INSERT OR IGNORE INTO outlooks (hash, body) VALUES (?, ?)');
  }

  /** Writes all in one commit, or nothing. */
  write(writes: readonly Write[], tell: (message: FromWriter) => void): void {
    const before = this.head;
    try {
      if (!isInPlace(this.path, this.inode)) {
        throw new JournalUnavailable(
          `${this.path} was removed or replaced while in use; put it back or restart`,
        );
      }
      this.db.exec('BEGIN IMMEDIATE');
      for (const write of writes) {
        if (write.kind === 'keep-outlook') this.insertOutlook.run(write.hash, write.body);
        else for (const draft of write.drafts) this.insert(draft);
      }
      this.setHead.run(this.head.seq, this.head.hash);
      this.db.exec('COMMIT');
    } catch (error) {
      this.head = before;
      this.rollBack();
      const fault = describeFault(error, this.path);
      for (const { id } of writes) tell({ kind: 'refused', id, fault });
      return;
    }
    this.commits++;
    let firstSeq = before.seq + 1;
    for (const write of writes) {
      tell({ kind: 'written', id: write.id, firstSeq, commits: this.commits });
      if (write.kind === 'append') firstSeq += write.drafts.length;
    }
  }

  [Symbol.dispose](): void {
    this.db.close();
    this.lock[Symbol.dispose]();
  }

  /** Some errors have ended the transaction already. */
  private rollBack(): void {
    try {
      if (this.db.isTransaction) this.db.exec('ROLLBACK');
    } catch {
      // The next BEGIN tells; nothing was committed either way.
    }
  }

  private insert(draft: EventDraft): void {
    const { atMs, kind, subject, closes, payload } = encodeEvent(draft);
    const seq = this.head.seq + 1;
    const hash = chainHash(this.head.hash, seq, atMs, payload);
    this.insertEvent.run(seq, atMs, kind, subject, payload, hash);
    if (subject !== null) {
      if (closes) this.closeSubject.run(subject);
      else this.setSubject.run(subject, seq);
    }
    this.head = { seq, hash };
  }
}

function describeFault(error: unknown, path: string): WriterFault {
  const known = asJournalError(error, path);
  const cause = Error.isError(known.cause) ? known.cause.message : undefined;
  const isDamage = known instanceof JournalDamaged;
  return { isDamage, message: known.message, seq: isDamage ? known.seq : undefined, cause };
}

function run(port: MessagePort, options: WriterOptions): void {
  const tell = (message: FromWriter): void => port.postMessage(message);
  let writer: Writer;
  try {
    writer = new Writer(options);
  } catch (error) {
    tell({ kind: 'not-opened', fault: describeFault(error, options.path) });
    port.close();
    return;
  }
  tell({ kind: 'opened', lastSeq: writer.head.seq });
  port.on('message', (first: ToWriter) => {
    const writes: Write[] = [];
    let isClosing = false;
    for (let message: ToWriter | undefined = first; message !== undefined; message = nextMessage(port)) {
      if (message.kind === 'close') isClosing = true;
      else writes.push(message);
    }
    if (writes.length > 0) writer.write(writes, tell);
    if (!isClosing) return;
    writer[Symbol.dispose]();
    tell({ kind: 'closed' });
    port.close();
  });
}

function nextMessage(port: MessagePort): ToWriter | undefined {
  return receiveMessageOnPort(port)?.message as ToWriter | undefined;
}

if (parentPort !== null) run(parentPort, workerData as WriterOptions);
