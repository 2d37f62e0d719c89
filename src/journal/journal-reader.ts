import { existsSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import type { JournalEvent } from '../core/events.ts';
import { GENESIS } from './chain.ts';
import { decodeEvent } from './event-codec.ts';
import { JournalUnavailable } from './journal.ts';
import {
  asJournalError,
  checkEnd,
  type Head,
  nextHead,
  openToRead,
  readHead,
  selectOutlook,
} from './journal-file.ts';

/** A journal as it stands when opened, to be read from its beginning; a monitor may go on writing meanwhile. */
export class JournalReader implements Disposable {
  private readonly path: string;
  private readonly db: DatabaseSync;

  /** Throws `JournalUnavailable` when there is no journal that can be read, `JournalDamaged` when it is none. */
  constructor(path: string) {
    this.path = path;
    if (!existsSync(path)) throw new JournalUnavailable(`${path} does not exist`);
    try {
      this.db = openToRead(path);
      this.db.exec('BEGIN');
    } catch (error) {
      throw asJournalError(error, path);
    }
  }

  /** Every event, oldest first. Throws `JournalDamaged` at the first that is not what was written. */
  *events(): Generator<JournalEvent> {
    try {
      let last: Head = { seq: 0, hash: GENESIS };
      const rows = this.db.prepare('SELECT seq, at_ms, payload, hash FROM events ORDER BY seq').iterate();
      for (const row of rows) {
        last = nextHead(last, row);
        yield decodeEvent({
          seq: last.seq,
          atMs: Number(row['at_ms']),
          payload: String(row['payload']),
        });
      }
      checkEnd(last, readHead(this.db));
    } catch (error) {
      throw asJournalError(error, this.path);
    }
  }

  /** As it was kept; undefined when the journal has none of that hash. */
  loadOutlook(hash: string): Uint8Array | undefined {
    return selectOutlook(this.db, hash);
  }

  [Symbol.dispose](): void {
    this.db.close();
  }
}
