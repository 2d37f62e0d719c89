import { describe, expect, test } from '@jest/globals';
import { MemoryJournal } from '../../src/journal/memory-journal.ts';
import { changes } from './drafts.ts';
import { describeJournal } from './journal.contract.ts';

describeJournal('MemoryJournal', async () => {
  const journal = new MemoryJournal();
  return {
    journal,
    refuse: async () => journal.refuse(new Error('the disk is full')),
    accept: async () => journal.refuse(undefined),
    [Symbol.asyncDispose]: () => journal[Symbol.asyncDispose](),
  };
});

describe('MemoryJournal with a limit', () => {
  test('keeps the newest events, and every head', async () => {
    await using journal = new MemoryJournal({ keep: 3 });
    await journal.append(changes(10));
    expect([journal.firstSeq, journal.lastSeq]).toEqual([8, 10]);
    expect(journal.read(0, 10).map(({ seq }) => seq)).toEqual([8, 9, 10]);
    expect(journal.read(8, 10).map(({ seq }) => seq)).toEqual([9, 10]);
    expect(journal.heads().length).toBe(10);
  });
});
