import { describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { SqliteJournal } from '../../src/journal/sqlite-journal.ts';
import { verifyJournal } from '../../src/journal/verify-journal.ts';
import { change } from './drafts.ts';
import { scratch } from './scratch.ts';

const APPENDER = join(import.meta.dirname, '../tools/journal-appender.ts');

/** Lets a process append until it has acknowledged `count` appends, kills it, and returns the highest number acknowledged. */
async function appendAndKill(path: string, count: number): Promise<number> {
  const child = spawn(process.execPath, [APPENDER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    if (text.split('\n').length > count) child.kill('SIGKILL');
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  expect([code, signal]).toEqual([null, 'SIGKILL']);
  const acknowledged = text.split('\n').slice(0, -1).map(Number);
  return Math.max(...acknowledged);
}

describe('contract: after kill -9 nothing announced is lost', () => {
  test('has every acknowledged event after each of many kills, its chain whole, and goes on', async () => {
    using folder = scratch();
    let lastSeq = 0;
    for (let round = 0; round < 12; round++) {
      const acknowledged = await appendAndKill(folder.path, 5 + round * 17);
      expect(acknowledged).toBeGreaterThan(lastSeq);
      const found = verifyJournal(folder.path);
      expect(found).toMatchObject({ kind: 'intact' });
      await using journal = await SqliteJournal.open(folder.path);
      expect(journal.lastSeq).toBeGreaterThanOrEqual(acknowledged);
      expect(journal.read(lastSeq, 100_000).map(({ seq }) => seq)).toEqual(
        Array.from({ length: journal.lastSeq - lastSeq }, (_, i) => lastSeq + 1 + i),
      );
      await journal.append([change(1, 'up')]);
      lastSeq = journal.lastSeq;
    }
  });

  test('lets another process have the journal as soon as its holder is killed', async () => {
    using folder = scratch();
    const child = spawn(process.execPath, [APPENDER, folder.path], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    await expect(SqliteJournal.open(folder.path)).rejects.toThrow(/in use by another monitor/);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await using journal = await SqliteJournal.open(folder.path);
    expect(journal.lastSeq).toBeGreaterThan(0);
  });
});
