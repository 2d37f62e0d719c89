import { describe, expect, test } from '@jest/globals';
import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { chainHash, GENESIS, toHex } from '../../src/journal/chain.ts';
import { JournalUnavailable } from '../../src/journal/journal.ts';
import { SqliteJournal } from '../../src/journal/sqlite-journal.ts';
import { verifyJournal } from '../../src/journal/verify-journal.ts';
import { DEFAULT_METHODS, DEFAULT_TIMING } from '../../src/core/outlook.ts';
import { noteOutlook } from '../../src/journal/outlook-codec.ts';
import { makeChains } from '../core/chains.ts';
import { change, changes, incident, reloaded } from './drafts.ts';
import { scratch } from './scratch.ts';

/** A closed journal of 100 events, 3 of them incidents' and one of the configuration. */
async function write(path: string): Promise<void> {
  await using journal = await SqliteJournal.open(path);
  await journal.append(changes(50));
  await journal.append([
    incident('i1', 'opened'),
    incident('i2', 'opened'),
    incident('i1', 'resolved'),
    reloaded,
  ]);
  await journal.append(Array.from({ length: 46 }, (_, i) => change(i + 1, 'up')));
}

function damage(path: string, sql: string): void {
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
}

/** Gives event `seq` another payload and all later ones the hashes that fit, as one who knows the format would. */
function rewrite(path: string, seq: number): void {
  const db = new DatabaseSync(path);
  db.exec(`UPDATE events SET payload = replace(payload, 'Solhaga', 'Solhagb') WHERE seq = ${seq}`);
  let hash = GENESIS;
  const set = db.prepare('UPDATE events SET hash = ? WHERE seq = ?');
  for (const row of db.prepare('SELECT seq, at_ms, payload FROM events ORDER BY seq').all()) {
    hash = chainHash(hash, Number(row['seq']), Number(row['at_ms']), String(row['payload']));
    set.run(hash, Number(row['seq']));
  }
  db.prepare('UPDATE meta SET head_hash = ?').run(hash);
  db.close();
}

describe('verifyJournal', () => {
  test('finds a journal intact that nobody touched, also while it is being written', async () => {
    using folder = scratch();
    await write(folder.path);
    const closed = verifyJournal(folder.path);
    expect(closed).toMatchObject({ kind: 'intact', events: 100, lastSeq: 100 });
    await using journal = await SqliteJournal.open(folder.path);
    await journal.append([change(7)]);
    expect(verifyJournal(folder.path)).toMatchObject({ kind: 'intact', lastSeq: 101 });
    expect((await journal.append([change(8)]))[0]?.seq).toBe(102);
  });

  test('finds an empty journal intact', async () => {
    using folder = scratch();
    {
      await using _journal = await SqliteJournal.open(folder.path);
    }
    expect(verifyJournal(folder.path)).toEqual({
      kind: 'intact',
      events: 0,
      lastSeq: 0,
      headHash: toHex(GENESIS),
    });
  });

  test.each([
    {
      name: 'a changed message',
      sql: "UPDATE events SET payload = replace(payload, '5 s', '6 s') WHERE seq = 17",
      seq: 17,
      says: /hash/,
    },
    {
      name: 'a changed time',
      sql: 'UPDATE events SET at_ms = at_ms + 1 WHERE seq = 17',
      seq: 17,
      says: /hash/,
    },
    { name: 'a changed hash', sql: "UPDATE events SET hash = x'00' WHERE seq = 17", seq: 17, says: /hash/ },
    {
      name: 'a changed kind column',
      sql: "UPDATE events SET kind = 'config-reloaded' WHERE seq = 17",
      seq: 17,
      says: /kind or subject/,
    },
    {
      name: 'a changed subject column',
      sql: "UPDATE events SET subject = 'target:T99' WHERE seq = 17",
      seq: 17,
      says: /kind or subject/,
    },
    { name: 'a removed event', sql: 'DELETE FROM events WHERE seq = 17', seq: 17, says: /missing/ },
    { name: 'removed first events', sql: 'DELETE FROM events WHERE seq < 4', seq: 1, says: /missing/ },
    {
      name: 'a removed tail',
      sql: 'DELETE FROM events WHERE seq > 90',
      seq: 91,
      says: /ended with event 100/,
    },
    {
      name: 'an event added at the end',
      sql: 'INSERT INTO events SELECT 101, at_ms, kind, subject, payload, hash FROM events WHERE seq = 100',
      seq: 101,
      says: /hash/,
    },
    {
      name: 'an event before the first',
      sql: 'INSERT INTO events SELECT 0, at_ms, kind, subject, payload, hash FROM events WHERE seq = 1',
      seq: 1,
      says: /stands where/,
    },
    {
      name: 'two events changed about',
      sql: 'UPDATE events SET seq = -1 WHERE seq = 17; UPDATE events SET seq = 17 WHERE seq = 18; UPDATE events SET seq = 18 WHERE seq = -1',
      seq: 17,
      says: /hash/,
    },
    {
      name: 'an event that is none',
      sql: "UPDATE events SET payload = '{}' WHERE seq = 17",
      seq: 17,
      says: /hash/,
    },
    {
      name: 'a head of an older event',
      sql: "UPDATE heads SET seq = 5 WHERE subject = 'target:T5'",
      seq: 59,
      says: /heads/,
    },
    {
      name: 'a head too few',
      sql: "DELETE FROM heads WHERE subject = 'target:T5'",
      seq: undefined,
      says: /heads/,
    },
    {
      name: 'a head of what is closed',
      sql: "INSERT INTO heads VALUES ('incident:i1', 53)",
      seq: 53,
      says: /closed/,
    },
    { name: 'no meta row', sql: 'DELETE FROM meta', seq: undefined, says: /meta/ },
    {
      name: 'a meta row that tells of another end',
      sql: 'UPDATE meta SET head_seq = 99',
      seq: 100,
      says: /not the one/,
    },
    { name: 'no table of events', sql: 'DROP TABLE events', seq: 1, says: /no such table/ },
  ])('names $name', async ({ sql, seq, says }) => {
    using folder = scratch();
    await write(folder.path);
    damage(folder.path, sql);
    const found = verifyJournal(folder.path);
    expect(found).toMatchObject({ kind: 'damaged', message: expect.stringMatching(says) });
    expect('seq' in found ? found.seq : undefined).toBe(seq);
  });

  test.each([0.05, 0.3, 0.6, 0.95])('finds out a file that was cut at %d of its length', async (share) => {
    using folder = scratch();
    await write(folder.path);
    truncateSync(folder.path, Math.floor(statSync(folder.path).size * share));
    expect(verifyJournal(folder.path).kind).toBe('damaged');
  });

  test('finds out damage beside the tables', async () => {
    using folder = scratch();
    await write(folder.path);
    const bytes = readFileSync(folder.path);
    bytes.writeUInt32BE(7, 36);
    writeFileSync(folder.path, bytes);
    expect(verifyJournal(folder.path)).toMatchObject({
      kind: 'damaged',
      message: expect.stringMatching(/freelist/i),
    });
  });

  test('finds out any page that was overwritten', async () => {
    using folder = scratch();
    await write(folder.path);
    const bytes = readFileSync(folder.path);
    const copy = join(folder.folder, 'copy.db');
    for (let at = 0; at < bytes.length; at += 4_096) {
      const broken = Buffer.from(bytes);
      broken.fill(0x5a, at === 0 ? 30 : at, at + 4_096);
      writeFileSync(copy, broken);
      expect([at, verifyJournal(copy).kind]).toEqual([at, 'damaged']);
    }
  });

  test('finds out a journal that was rewritten as a whole, by a head noted before', async () => {
    using folder = scratch();
    await write(folder.path);
    const before = verifyJournal(folder.path);
    if (before.kind !== 'intact') throw new Error(before.message);
    const noted = { seq: before.lastSeq, hash: before.headHash };
    const cut = join(folder.folder, 'cut.db');
    copyFileSync(folder.path, cut);
    expect(verifyJournal(folder.path, { ...noted, hash: noted.hash.toUpperCase() }).kind).toBe('intact');
    rewrite(folder.path, 17);
    expect(verifyJournal(folder.path).kind).toBe('intact');
    expect(verifyJournal(folder.path, noted)).toMatchObject({ kind: 'damaged', seq: 100 });
    expect(verifyJournal(cut, { ...noted, seq: 101 })).toMatchObject({ kind: 'damaged', seq: 101 });
  });

  test('finds out kept settings that were changed, or removed though an event names them', async () => {
    using folder = scratch();
    {
      await using journal = await SqliteJournal.open(folder.path);
      const outlook = { estate: makeChains({ stores: 3 }), timing: DEFAULT_TIMING, methods: DEFAULT_METHODS };
      const hash = await noteOutlook(journal, outlook);
      await journal.append([change(1), { ...reloaded, outlook: hash }]);
    }
    expect(verifyJournal(folder.path)).toMatchObject({ kind: 'intact', events: 2 });
    const removed = join(folder.folder, 'removed.db');
    copyFileSync(folder.path, removed);
    damage(folder.path, "UPDATE outlooks SET body = x'0102'");
    expect(verifyJournal(folder.path)).toMatchObject({
      kind: 'damaged',
      message: expect.stringMatching(
        /^the settings [0-9a-f]{12}… that the journal keeps are not what was written$/,
      ),
    });
    damage(removed, 'DROP TABLE outlooks');
    expect(verifyJournal(removed)).toMatchObject({
      kind: 'damaged',
      seq: 2,
      message: 'the settings that event 2 names are not in the journal',
    });
  });

  test('finds a journal intact that was made before it could keep settings, and can be gone on with', async () => {
    using folder = scratch();
    await write(folder.path);
    damage(folder.path, 'DROP TABLE outlooks');
    expect(verifyJournal(folder.path)).toMatchObject({ kind: 'intact', events: 100 });
    {
      await using journal = await SqliteJournal.open(folder.path);
      expect(journal.loadOutlook('a')).toBeUndefined();
      await journal.append([change(7)]);
    }
    expect(verifyJournal(folder.path)).toMatchObject({ kind: 'intact', events: 101 });
  });

  test('changes nothing', async () => {
    using folder = scratch();
    await write(folder.path);
    const before = readFileSync(folder.path);
    verifyJournal(folder.path);
    expect(Buffer.compare(readFileSync(folder.path), before)).toBe(0);
  });

  test('throws when there is nothing to check', () => {
    using folder = scratch();
    expect(() => verifyJournal(folder.path)).toThrow(JournalUnavailable);
  });
});
