import { describe, expect, test } from '@jest/globals';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import {
  OUTBOX_FILE,
  OutboxUnavailable,
  readMessages,
  SqliteOutboxStore,
} from '../../src/notifiers/sqlite-outbox-store.ts';
import { FakeClock } from '../tools/fake-clock.ts';
import { makeFolder } from '../tools/monitor-process.ts';
import { MemoryOutboxStore } from './memory-outbox-store.ts';
import { addressed, kept } from './messages.ts';
import { outboxStoreContract } from './outbox-store.contract.ts';

const open = (folder: string, told: string[] = []) =>
  SqliteOutboxStore.open(folder, new FakeClock(), (where, error) => told.push(`${where}: ${error.message}`));

describe('SqliteOutboxStore', () => {
  outboxStoreContract(async (run) => {
    await using folder = await makeFolder();
    await using stack = new AsyncDisposableStack();
    const store = open(folder.path);
    stack.use(store);
    await run(store, async () => {
      await store[Symbol.asyncDispose]();
      return stack.use(open(folder.path));
    });
  });

  test('can be read beside the one who writes it', async () => {
    await using folder = await makeFolder();
    await using store = open(folder.path);
    await store.commit([{ kind: 'message', message: kept(addressed(1, 'a', 'i')) }]);
    expect(readMessages(folder.path, 'pending', 10)).toMatchObject([{ channel: 'a' }]);
    expect(() => readMessages(join(folder.path, 'none'), 'pending', 10)).toThrow(/does not exist/);
  });

  test('sets a damaged file aside and begins a new one', async () => {
    await using folder = await makeFolder();
    writeFileSync(
      join(folder.path, OUTBOX_FILE),
      'this is no database, and never was one; it is only some text',
    );
    const told: string[] = [];
    await using store = open(folder.path, told);
    expect(told).toEqual([
      expect.stringMatching(/notifications-damaged-20231222T130000000Z\.db: .*not a database/),
    ]);
    expect(store.load().cursor).toBeUndefined();
    expect(readdirSync(folder.path)).toContain('notifications-damaged-20231222T130000000Z.db');
  });

  test('refuses a file of another version, and of another program', async () => {
    await using folder = await makeFolder();
    await open(folder.path)[Symbol.asyncDispose]();
    const db = new DatabaseSync(join(folder.path, OUTBOX_FILE));
    db.exec('PRAGMA user_version = 99');
    db.close();
    expect(() => open(folder.path)).toThrow(OutboxUnavailable);
    expect(() => readMessages(folder.path, 'pending', 1)).toThrow(/has format 99/);
    await using other = await makeFolder();
    const foreign = new DatabaseSync(join(other.path, OUTBOX_FILE));
    foreign.exec('CREATE TABLE notes (text TEXT)');
    foreign.close();
    const told: string[] = [];
    await using _store = open(other.path, told);
    expect(told).toEqual([expect.stringContaining('holds no notifications of Kassavakt')]);
  });

  test('says that it was closed to who writes later', async () => {
    await using folder = await makeFolder();
    const store = open(folder.path);
    await store[Symbol.asyncDispose]();
    await expect(store.commit([{ kind: 'cursor', seq: 1 }])).rejects.toThrow(/closed/);
  });
});

describe('MemoryOutboxStore', () => {
  outboxStoreContract(async (run) => {
    const store = new MemoryOutboxStore();
    await run(store, async () => store);
  });
});
