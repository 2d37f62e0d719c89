import type { EventDraft, JournalEvent } from '../core/events.ts';

/**
 * The append-only, hash-chained record of all that was confirmed. Sole source of truth: all else can be rebuilt
 * from it. `seq` starts at 1 and has no gaps.
 */
export interface Journal extends AsyncDisposable {
  /**
   * Writes `drafts` in order, all or none, and resolves with them numbered once they are on disk (fsync).
   * Calls that arrive together share one commit. Rejects with `JournalUnavailable` when nothing was written;
   * the caller keeps the drafts and tries again.
   */
  append(drafts: readonly EventDraft[]): Promise<readonly JournalEvent[]>;
  /** Up to `limit` events with `seq > since`, oldest first. Only events that are on disk. */
  read(since: number, limit: number): readonly JournalEvent[];
  /**
   * The newest event of every subject that is not closed (see `subjectOf`), oldest first: what there is to know
   * after a restart. Includes targets that are no longer in the settings.
   */
  heads(): readonly JournalEvent[];
  /**
   * Keeps what a `config-reloaded` event names as its `outlook`, under its hash; kept already, it stays as it is.
   * Resolves once it is on disk: the event is then to be appended. Rejects as `append` does.
   */
  keepOutlook(hash: string, body: Uint8Array): Promise<void>;
  /** What was kept under `hash`; undefined when nothing was. */
  loadOutlook(hash: string): Uint8Array | undefined;
  /** `seq` of the newest event on disk; 0 when empty. */
  readonly lastSeq: number;
  /** `seq` of the oldest event kept; 1 unless retention removed some. */
  readonly firstSeq: number;
}

/** Nothing was written: disk full, file gone, locked. `cause` has the store's own error. */
export class JournalUnavailable extends Error {
  override readonly name = 'JournalUnavailable';
}

/** What is on disk is not what was written, or is no journal. `seq`: the first event that does not fit, if known. */
export class JournalDamaged extends Error {
  override readonly name = 'JournalDamaged';
  readonly seq: number | undefined;

  constructor(message: string, seq?: number, options?: ErrorOptions) {
    super(message, options);
    this.seq = seq;
  }
}

/** The journal's file inside the data folder. */
export const JOURNAL_FILE = 'journal.db';

/** What a check of a whole journal found. */
export type Verification =
  | { readonly kind: 'intact'; readonly events: number; readonly lastSeq: number; readonly headHash: string }
  | {
      readonly kind: 'damaged';
      /** The first event that does not fit, if it can be told. */
      readonly seq?: number;
      /** One sentence: what does not fit, and what that means. */
      readonly message: string;
    };
