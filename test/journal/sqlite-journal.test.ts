import { describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { JournalUnavailable } from '../../src/journal/journal.ts';
import { SqliteJournal } from '../../src/journal/sqlite-journal.ts';
import { changes, change } from './drafts.ts';
import { describeJournal } from './journal.contract.ts';

/** A folder that goes away with its scope. */
function scratch(): { readonly path: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'kassavakt-journal-'));
  return {
    path: join(folder, 'journal.db'),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

describeJournal('SqliteJournal', async () => {
  const folder = scratch();
  const journal = await SqliteJournal.open(folder.path);
  let intruder: DatabaseSync | undefined;
  return {
    journal,
    refuse: async () => {
      intruder = new DatabaseSync(folder.path);
      intruder.exec('BEGIN IMMEDIATE');
    },
    accept: async () => intruder?.close(),
    [Symbol.asyncDispose]: async () => {
      await journal[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
});

describe('SqliteJournal', () => {
  test('shares commits between appends that arrive together', async () => {
    using folder = scratch();
    await using journal = await SqliteJournal.open(folder.path);
    await Promise.all(Array.from({ length: 500 }, (_, i) => journal.append([change(i)])));
    expect(journal.lastSeq).toBe(500);
    expect(journal.commits).toBeLessThan(100);
  });

  test('has everything after it is opened again', async () => {
    using folder = scratch();
    {
      await using journal = await SqliteJournal.open(folder.path);
      await journal.append(changes(1_500));
    }
    await using journal = await SqliteJournal.open(folder.path);
    expect([journal.lastSeq, journal.heads().length, journal.read(1_499, 9).length]).toEqual([
      1_500, 1_500, 1,
    ]);
    expect((await journal.append([change(1, 'up')]))[0]?.seq).toBe(1_501);
  });

  test('refuses to be opened twice, and says why', async () => {
    using folder = scratch();
    await using journal = await SqliteJournal.open(folder.path);
    const second = SqliteJournal.open(folder.path);
    await expect(second).rejects.toThrow(JournalUnavailable);
    await expect(second).rejects.toThrow(/in use by another monitor/);
    expect((await journal.append([change(1)])).length).toBe(1);
  });
});
