import { describe, expect, test } from '@jest/globals';
import { DatabaseSync } from 'node:sqlite';
import { addJournal } from '../../src/cli/journal.ts';
import { SqliteJournal } from '../../src/journal/sqlite-journal.ts';
import { changes } from '../journal/drafts.ts';
import { scratch } from '../journal/scratch.ts';
import { runCli } from './cli-double.ts';

const verify = (...args: string[]) => runCli(addJournal, ['journal', 'verify', ...args]);

async function write(path: string): Promise<void> {
  await using journal = await SqliteJournal.open(path);
  await journal.append(changes(12));
}

describe('kassavakt journal verify', () => {
  test('says that a journal is intact, with the head to note, and accepts that head later', async () => {
    using folder = scratch();
    await write(folder.path);
    const { code, printed } = await verify('--data', folder.folder);
    expect(code).toBe(0);
    expect(printed[0]).toBe(`${folder.path} is intact: 12 events.`);
    const head = /^head (12:[0-9a-f]{64})$/.exec(printed[1] ?? '')?.[1] ?? '';
    expect(printed[2]).toMatch(/--head/);
    await using journal = await SqliteJournal.open(folder.path);
    await journal.append(changes(3));
    expect((await verify(folder.path, '--head', head)).code).toBe(0);
    expect(await verify(folder.path, '--head', `11:${head.slice(3)}`)).toMatchObject({
      code: 1,
      printed: [
        expect.stringMatching(/is DAMAGED: event 11 is not the one noted: the journal was rewritten\.$/),
      ],
    });
  });

  test('says what is damaged', async () => {
    using folder = scratch();
    await write(folder.path);
    const db = new DatabaseSync(folder.path);
    db.exec('DELETE FROM events WHERE seq = 5');
    db.close();
    expect(await verify(folder.path)).toEqual({
      code: 1,
      printed: [`${folder.path} is DAMAGED: event 5 is missing; 6 comes next.`],
      complained: [],
    });
  });

  test('could not run without a journal, or on a folder', async () => {
    using folder = scratch();
    expect(await verify('--data', folder.folder)).toMatchObject({
      code: 3,
      complained: [`${folder.path} does not exist`],
    });
    expect(await verify(folder.folder)).toMatchObject({
      code: 3,
      complained: [expect.stringMatching(/is a folder/)],
    });
  });

  test.each(['12', '12:abc', 'x:y'])('does not take %s as a head', async (head) => {
    await expect(verify('--head', head)).rejects.toThrow(/a number, a colon and 64 hexadecimal digits/);
  });
});
