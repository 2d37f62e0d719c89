import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import type { EventDraft, JournalEvent } from '../core/events.ts';
import { unreachable } from '../lib/unreachable.ts';
import { toHex } from './chain.ts';
import { checkDraft } from './encode-event.ts';
import { decodeEvent } from './event-codec.ts';
import { type Journal, JournalDamaged, JournalUnavailable } from './journal.ts';
import { asJournalError, openToRead, readHead, selectOutlook } from './journal-file.ts';
import type { FromWriter, ToWriter, WriterFault, WriterOptions } from './sqlite-writer-worker.ts';

/** Node runs the sources as they are; a packed build has the same file compiled. */
const WRITER = new URL(
  import.meta.url.endsWith('.ts') ? './sqlite-writer-worker.ts' : './sqlite-writer-worker.js',
  import.meta.url,
);

/** What the writer allocates dies at once; left to itself its heap would take 50 MiB more in a storm and keep them. */
const WRITER_YOUNG_MIB = 4;

interface PendingAppend {
  readonly drafts: readonly EventDraft[];
  readonly resolve: (events: readonly JournalEvent[]) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The journal in one SQLite file (WAL, synchronous=FULL). A thread of its own writes, so that a slow disk delays
 * nothing else; what arrives while it commits shares the next commit. Reading is done here, on a connection that
 * cannot write, and shows what has been acknowledged.
 */
export class SqliteJournal implements Journal {
  private readonly path: string;
  private readonly worker: Worker;
  private readonly db: DatabaseSync;
  private readonly selectPage: StatementSync;
  private readonly selectHeads: StatementSync;
  private readonly pending = new Map<number, PendingAppend>();
  private readonly closed = Promise.withResolvers<void>();
  private nextId = 1;
  private newestSeq: number;
  private commitCount = 0;
  private fault: JournalUnavailable | undefined;

  private constructor(path: string, worker: Worker, lastSeq: number) {
    this.path = path;
    this.worker = worker;
    this.newestSeq = lastSeq;
    this.db = openToRead(path);
    const columns = 'e.seq AS seq, e.at_ms AS at_ms, e.payload AS payload';
    this.selectPage = this.db.prepare(
      `SELECT ${columns} FROM events e WHERE e.seq > ? AND e.seq <= ? ORDER BY e.seq LIMIT ?`,
    );
    this.selectHeads = this.db.prepare(
      `SELECT ${columns} FROM heads h JOIN events e ON e.seq = h.seq ORDER BY e.seq`,
    );
    worker.on('message', (message: FromWriter) => this.receive(message));
    worker.on('error', (cause) => this.writerEnded(cause));
    worker.on('exit', () => this.writerEnded(undefined));
  }

  /**
   * Opens the journal at `path`, made new if there is none, for this process alone. Checks of a journal that exists:
   * see `openToWrite`. Rejects with `JournalDamaged` (see `setAside`), or with `JournalUnavailable` when
   * the file cannot be used or another process has it. `maxBytes` bounds the file, as a full disk would.
   */
  static async open(path: string, options: { readonly maxBytes?: number } = {}): Promise<SqliteJournal> {
    try {
      makeFolder(dirname(path));
    } catch (error) {
      throw asJournalError(error, path);
    }
    const workerData: WriterOptions = { path, maxBytes: options.maxBytes };
    const worker = new Worker(WRITER, {
      workerData,
      name: 'journal',
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: WRITER_YOUNG_MIB },
    });
    const lastSeq = await opened(worker);
    try {
      return new SqliteJournal(path, worker, lastSeq);
    } catch (error) {
      await worker.terminate();
      throw asJournalError(error, path);
    }
  }

  get lastSeq(): number {
    return this.newestSeq;
  }

  get firstSeq(): number {
    return 1;
  }

  /** Commits since it was opened: how well appends share them. */
  get commits(): number {
    return this.commitCount;
  }

  async append(drafts: readonly EventDraft[]): Promise<readonly JournalEvent[]> {
    for (const draft of drafts) checkDraft(draft);
    this.checkOpen();
    if (drafts.length === 0) return [];
    return this.send(drafts, (id) => ({ kind: 'append', id, drafts }));
  }

  async keepOutlook(hash: string, body: Uint8Array): Promise<void> {
    this.checkOpen();
    await this.send([], (id) => ({ kind: 'keep-outlook', id, hash, body }));
  }

  loadOutlook(hash: string): Uint8Array | undefined {
    try {
      return selectOutlook(this.db, hash);
    } catch (error) {
      throw asJournalError(error, this.path);
    }
  }

  read(since: number, limit: number): readonly JournalEvent[] {
    return this.load(() => this.selectPage.all(since, this.newestSeq, limit));
  }

  heads(): readonly JournalEvent[] {
    return this.load(() => this.selectHeads.all());
  }

  /** Where the chain ends: kept elsewhere, it shows a journal that was written anew. `hash`: SHA-256, hex. */
  head(): { readonly seq: number; readonly hash: string } {
    const { seq, hash } = readHead(this.db);
    return { seq, hash: toHex(hash) };
  }

  /** Writes what was appended before, then lets go of the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Before the writer's: the last connection to close folds the log into the file, and this one could not.
    this.db[Symbol.dispose]();
    if (this.fault === undefined) {
      this.fault = new JournalUnavailable('the journal is closed');
      this.post({ kind: 'close' });
    }
    await this.closed.promise;
  }

  private checkOpen(): void {
    if (this.fault !== undefined) throw new JournalUnavailable(this.fault.message, { cause: this.fault });
  }

  /** Resolves with `drafts` numbered once what `message` asks for is on disk. */
  private send(
    drafts: readonly EventDraft[],
    message: (id: number) => ToWriter,
  ): Promise<readonly JournalEvent[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly JournalEvent[]>();
    const id = this.nextId++;
    this.pending.set(id, { drafts, resolve, reject });
    this.post(message(id));
    return promise;
  }

  private post(message: ToWriter): void {
    this.worker.postMessage(message, []);
  }

  private receive(message: FromWriter): void {
    switch (message.kind) {
      case 'written':
        this.commitCount = message.commits;
        this.settle(message.id, ({ drafts, resolve }) => {
          const events = drafts.map((draft, i) => ({ ...draft, seq: message.firstSeq + i }));
          this.newestSeq = message.firstSeq + events.length - 1;
          resolve(events);
        });
        return;
      case 'refused':
        this.settle(message.id, ({ reject }) => reject(revive(message.fault)));
        return;
      case 'opened':
      case 'not-opened':
      case 'closed':
        return;
      default:
        unreachable(message);
    }
  }

  private settle(id: number, how: (append: PendingAppend) => void): void {
    const append = this.pending.get(id);
    if (append === undefined) throw new Error(`the writer answered append ${id}, which nobody waits for`);
    this.pending.delete(id);
    how(append);
  }

  /** A writer that dies on its own leaves unsaid what it committed last: only a restart can tell, so it ends here. */
  private writerEnded(cause: unknown): void {
    this.fault ??= new JournalUnavailable('the journal stopped writing; restart the monitor', { cause });
    for (const { reject } of this.pending.values()) {
      reject(new JournalUnavailable(this.fault.message, { cause: this.fault }));
    }
    this.pending.clear();
    this.closed.resolve();
  }

  private load(select: () => readonly Readonly<Record<string, unknown>>[]): readonly JournalEvent[] {
    let rows: readonly Readonly<Record<string, unknown>>[];
    try {
      rows = select();
    } catch (error) {
      throw asJournalError(error, this.path);
    }
    return rows.map((row) =>
      decodeEvent({ seq: Number(row['seq']), atMs: Number(row['at_ms']), payload: String(row['payload']) }),
    );
  }
}

/** Node's own recursive mkdir never returns where a folder that exists takes no other, as /proc does. */
function makeFolder(path: string): void {
  if (!existsSync(dirname(path))) makeFolder(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
  }
}

/** `lastSeq` once the writer has the journal open; rejects as `SqliteJournal.open` does. */
async function opened(worker: Worker): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  worker.once('message', (message: FromWriter) => {
    if (message.kind === 'opened') resolve(message.lastSeq);
    else if (message.kind === 'not-opened') reject(revive(message.fault));
  });
  const refuse = (cause: unknown) =>
    reject(new JournalUnavailable('the journal cannot be opened', { cause }));
  worker.once('error', refuse);
  worker.once('exit', refuse);
  return promise;
}

function revive({ isDamage, message, seq, cause }: WriterFault): JournalDamaged | JournalUnavailable {
  return isDamage ? new JournalDamaged(message, seq, { cause }) : new JournalUnavailable(message, { cause });
}
