import { type EventDraft, type JournalEvent, subjectOf } from '../core/events.ts';
import { checkDraft } from './encode-event.ts';
import { type Journal, JournalUnavailable } from './journal.ts';

/**
 * A journal without a disk: for tests and for what need not outlive the process. It keeps every promise of
 * `Journal` but durability, and can be made to refuse as a full disk would.
 */
export class MemoryJournal implements Journal {
  private readonly kept: JournalEvent[] = [];
  private readonly subjects = new Map<string, JournalEvent>();
  private readonly outlooks = new Map<string, Uint8Array>();
  private readonly keep: number;
  private newestSeq = 0;
  private fault: Error | undefined;
  private isClosed = false;

  /** `keep`: how many of the newest events to keep; all unless given. */
  constructor(options: { readonly keep?: number } = {}) {
    this.keep = options.keep ?? Number.POSITIVE_INFINITY;
  }

  get lastSeq(): number {
    return this.newestSeq;
  }

  get firstSeq(): number {
    return this.newestSeq - this.kept.length + 1;
  }

  /** Refuses every append with `cause` from now on; undefined: takes them again. */
  refuse(cause: Error | undefined): void {
    this.fault = cause;
  }

  async append(drafts: readonly EventDraft[]): Promise<readonly JournalEvent[]> {
    for (const draft of drafts) checkDraft(draft);
    this.checkWritable();
    const events = drafts.map((draft, i) => ({ ...draft, seq: this.newestSeq + 1 + i }));
    for (const event of events) this.store(event);
    return events;
  }

  read(since: number, limit: number): readonly JournalEvent[] {
    const from = Math.max(0, since + 1 - this.firstSeq);
    return this.kept.slice(from, from + limit);
  }

  async keepOutlook(hash: string, body: Uint8Array): Promise<void> {
    this.checkWritable();
    if (!this.outlooks.has(hash)) this.outlooks.set(hash, body.slice());
  }

  loadOutlook(hash: string): Uint8Array | undefined {
    return this.outlooks.get(hash);
  }

  heads(): readonly JournalEvent[] {
    return Array.from(this.subjects.values()).sort((a, b) => a.seq - b.seq);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = true;
  }

  private checkWritable(): void {
    if (this.isClosed) throw new JournalUnavailable('the journal is closed');
    if (this.fault !== undefined) {
      throw new JournalUnavailable(`nothing was written: ${this.fault.message}`, { cause: this.fault });
    }
  }

  private store(event: JournalEvent): void {
    this.newestSeq = event.seq;
    this.kept.push(event);
    if (this.kept.length > this.keep) this.kept.shift();
    const subject = subjectOf(event);
    if (subject === undefined) return;
    if (subject.closes) this.subjects.delete(subject.key);
    else this.subjects.set(subject.key, event);
  }
}
