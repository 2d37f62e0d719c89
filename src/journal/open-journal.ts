import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { JOURNAL_FILE, JournalDamaged } from './journal.ts';
import { setAside } from './set-aside.ts';
import { SqliteJournal } from './sqlite-journal.ts';

/**
 * The journal in `folder`. One that is damaged is kept aside, which `tell` hears of (where, and what is wrong with it),
 * and a new one begins. Rejects with `JournalUnavailable`.
 */
export async function openJournal(
  folder: string,
  clock: Clock,
  tell: (kept: string, error: JournalDamaged) => void,
): Promise<SqliteJournal> {
  const path = join(folder, JOURNAL_FILE);
  try {
    return await SqliteJournal.open(path);
  } catch (error) {
    if (!(error instanceof JournalDamaged)) throw error;
    tell(setAside(path, clock), error);
    return SqliteJournal.open(path);
  }
}
