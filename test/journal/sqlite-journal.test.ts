import { describe, expect, test } from '@jest/globals';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { JournalDamaged, JournalUnavailable } from '../../src/journal/journal.ts';
import { setAside } from '../../src/journal/set-aside.ts';
import { SqliteJournal } from '../../src/journal/sqlite-journal.ts';
import { changes, change } from './drafts.ts';
import { FakeClock } from '../tools/fake-clock.ts';
import { mountSmallDisk } from '../tools/small-disk.ts';
import { describeJournal } from './journal.contract.ts';
import { scratch } from './scratch.ts';
import { verifyJournal } from '../../src/journal/verify-journal.ts';

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

  test('shows no event before it is acknowledged', async () => {
    using folder = scratch();
    await using journal = await SqliteJournal.open(folder.path);
    const append = journal.append(changes(3));
    // The writer has the time to commit; its answer waits until this function lets go.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    expect([journal.lastSeq, journal.read(0, 10)]).toEqual([0, []]);
    const written = await append;
    expect(journal.read(0, 10)).toEqual(written);
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

  test('writes nothing that does not fit on a full disk, and goes on when there is room again', async () => {
    using folder = scratch();
    {
      await using journal = await SqliteJournal.open(folder.path, { maxBytes: 200_000 });
      await journal.append(changes(50));
      await expect(journal.append(changes(2_000))).rejects.toThrow(/database or disk is full/);
      expect([journal.lastSeq, journal.read(0, 100).length, journal.heads().length]).toEqual([50, 50, 50]);
      expect((await journal.append([change(51)]))[0]?.seq).toBe(51);
      expect(verifyJournal(folder.path)).toMatchObject({ kind: 'intact', lastSeq: 51 });
    }
    await using journal = await SqliteJournal.open(folder.path);
    expect((await journal.append(changes(2_000))).at(-1)?.seq).toBe(2_051);
  });

  const disk = mountSmallDisk();
  (disk === undefined ? test.skip : test)('goes on by itself after a disk was really full', async () => {
    using mounted = disk;
    if (mounted === undefined) throw new Error('no disk');
    using folder = scratch(mounted.path);
    await using journal = await SqliteJournal.open(folder.path);
    await journal.append(changes(10));
    mounted.fill();
    const appendTillFull = async (): Promise<void> => {
      for (let n = 0; n < 1_000; n++) await journal.append(changes(100, n * 100));
    };
    await expect(appendTillFull()).rejects.toThrow(JournalUnavailable);
    const { lastSeq } = journal;
    mounted.empty();
    expect((await journal.append(changes(100)))[0]?.seq).toBe(lastSeq + 1);
    expect(verifyJournal(folder.path)).toMatchObject({ kind: 'intact', lastSeq: lastSeq + 100 });
  });

  test('refuses while its file is gone, and goes on when it is back', async () => {
    using folder = scratch();
    await using journal = await SqliteJournal.open(folder.path);
    await journal.append(changes(3));
    renameSync(folder.path, `${folder.path}.away`);
    await expect(journal.append([change(4)])).rejects.toThrow(/was removed or replaced/);
    renameSync(`${folder.path}.away`, folder.path);
    expect((await journal.append([change(4)]))[0]?.seq).toBe(4);
  });

  test.each([
    {
      name: 'a folder in the place of its file',
      prepare: (path: string) => mkdirSync(path, { recursive: true }),
    },
    {
      name: 'a file in the place of its folder',
      prepare: (path: string) => writeFileSync(dirname(path), ''),
    },
  ])('says that it cannot be used with $name', async ({ prepare }) => {
    using folder = scratch();
    const path = join(folder.folder, 'deeper', 'journal.db');
    prepare(path);
    await expect(SqliteJournal.open(path)).rejects.toThrow(JournalUnavailable);
  });

  test('says that it cannot be used in a folder that takes no other, instead of trying for ever', async () => {
    await expect(SqliteJournal.open('/proc/kassavakt/deeper/journal.db')).rejects.toThrow(JournalUnavailable);
  });

  test('makes its folder, however deep', async () => {
    using folder = scratch();
    await using journal = await SqliteJournal.open(join(folder.folder, 'a', 'b', 'c', 'journal.db'));
    expect((await journal.append([change(1)]))[0]?.seq).toBe(1);
  });
});

describe('SqliteJournal on a damaged file', () => {
  /** A journal of 3,000 events, closed, then damaged by `damage`. */
  async function damaged(path: string, damage: (path: string) => void): Promise<unknown> {
    {
      await using journal = await SqliteJournal.open(path);
      await journal.append(changes(3_000));
    }
    damage(path);
    try {
      await using journal = await SqliteJournal.open(path);
      return journal.lastSeq;
    } catch (error) {
      return error;
    }
  }

  const sql = (text: string) => (path: string) => {
    const db = new DatabaseSync(path);
    db.exec(text);
    db.close();
  };

  test.each([
    { name: 'no database', damage: (path: string) => writeFileSync(path, 'x'.repeat(5_000)) },
    {
      name: 'cut in the middle',
      damage: (path: string) => truncateSync(path, Math.floor(statSync(path).size / 2)),
    },
    { name: 'another database', damage: sql('PRAGMA application_id = 7') },
    { name: 'without its end', damage: sql('DELETE FROM events WHERE seq > 2990') },
    {
      name: 'changed near its end',
      damage: sql("UPDATE events SET payload = replace(payload, 'down', 'DOWN') WHERE seq = 2500"),
    },
    { name: 'without a table', damage: sql('DROP TABLE meta') },
    { name: 'without the event of a head', damage: sql('UPDATE heads SET seq = 1 WHERE seq = 2') },
  ])('finds out at its start one that is $name', async ({ damage }) => {
    using folder = scratch();
    expect(await damaged(folder.path, damage)).toBeInstanceOf(JournalDamaged);
    expect(existsSync(folder.path)).toBe(true);
  });

  test('sets it aside with all its parts, so that a new one can begin', async () => {
    using folder = scratch();
    await damaged(folder.path, (path) => {
      sql('UPDATE events SET at_ms = 1 WHERE seq = 2999')(path);
      writeFileSync(`${path}-wal`, '');
    });
    const clock = new FakeClock(Date.UTC(2025, 11, 22, 14, 5, 12));
    const aside = setAside(folder.path, clock);
    expect(aside).toBe(join(folder.folder, 'journal-damaged-20251222T140512Z.db'));
    expect(
      readdirSync(folder.folder).filter((name) => name.startsWith('journal.db') && !name.endsWith('-lock')),
    ).toEqual([]);
    await using journal = await SqliteJournal.open(folder.path);
    expect(journal.lastSeq).toBe(0);
    expect(verifyJournal(aside)).toMatchObject({ kind: 'damaged', seq: 2_999 });
  });

  test('sets nothing aside that is in use, and never overwrites what was set aside before', async () => {
    using folder = scratch();
    const clock = new FakeClock();
    {
      await using journal = await SqliteJournal.open(folder.path);
      await journal.append([change(1)]);
      expect(() => setAside(folder.path, clock)).toThrow(JournalUnavailable);
    }
    const first = setAside(folder.path, clock);
    writeFileSync(folder.path, 'again');
    const second = setAside(folder.path, clock);
    expect(second).toBe(first.replace('.db', '-2.db'));
  });
});
