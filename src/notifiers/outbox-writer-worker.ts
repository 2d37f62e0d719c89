import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';

/** One statement with its parameters. */
export type Write = readonly [sql: string, ...parameters: SQLInputValue[]];

/** To the writer: what to write in one commit, or the wish to end. */
export type ToOutboxWriter =
  | { readonly kind: 'write'; readonly id: number; readonly writes: readonly Write[] }
  | { readonly kind: 'close' };

/** From the writer. `error`: why nothing of it was written. */
export interface FromOutboxWriter {
  readonly id: number;
  readonly error?: string;
}

/** Writes the outbox's file on a thread of its own, so that a slow disk holds up nothing else. */
function run(port: MessagePort, path: string): void {
  const db = new DatabaseSync(path, { timeout: 1_000 });
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216;');
  const statements = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    const known = statements.get(sql) ?? db.prepare(sql);
    statements.set(sql, known);
    return known;
  };
  const write = (writes: readonly Write[]): string | undefined => {
    try {
      db.exec('BEGIN IMMEDIATE');
      for (const [sql, ...parameters] of writes) prepare(sql).run(...parameters);
      db.exec('COMMIT');
      return undefined;
    } catch (error) {
      // Some errors have ended the transaction already.
      if (db.isTransaction) db.exec('ROLLBACK');
      return Error.isError(error) ? error.message : String(error);
    }
  };
  port.on('message', (message: ToOutboxWriter) => {
    if (message.kind === 'close') {
      db.close();
      port.close();
      return;
    }
    const error = write(message.writes);
    const answer: FromOutboxWriter = { id: message.id, ...(error === undefined ? {} : { error }) };
    port.postMessage(answer);
  });
}

if (parentPort !== null) run(parentPort, String(workerData));
