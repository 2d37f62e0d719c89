import { describe, expect, test } from '@jest/globals';
import { type Journal, JournalUnavailable } from '../../src/journal/journal.ts';
import { outlookInForce } from '../../src/journal/outlook-codec.ts';
import { change, changes, incident, reloaded } from './drafts.ts';

/** A journal under test, and the means to make its store refuse and take again. */
interface Subject extends AsyncDisposable {
  readonly journal: Journal;
  refuse(): Promise<void>;
  accept(): Promise<void>;
}

/** What every `Journal` promises. */
export function describeJournal(name: string, open: () => Promise<Subject>): void {
  describe(`${name} keeps the contract of Journal`, () => {
    test('is empty at first', async () => {
      await using subject = await open();
      const { journal } = subject;
      expect([journal.lastSeq, journal.firstSeq, journal.read(0, 10), journal.heads()]).toEqual([
        0,
        1,
        [],
        [],
      ]);
    });

    test('numbers events from 1 in the order they were appended, and gives them back as they were', async () => {
      await using subject = await open();
      const { journal } = subject;
      const drafts = [
        change(1),
        incident('i1', 'opened'),
        reloaded,
        change(1, 'up'),
        incident('i1', 'resolved'),
      ];
      const written = [
        ...(await journal.append(drafts.slice(0, 2))),
        ...(await journal.append(drafts.slice(2))),
      ];
      expect(written).toEqual(drafts.map((draft, i) => ({ ...draft, seq: i + 1 })));
      expect(journal.read(0, 100)).toEqual(written);
      expect(journal.lastSeq).toBe(5);
    });

    test('appends nothing for no drafts', async () => {
      await using subject = await open();
      expect(await subject.journal.append([])).toEqual([]);
      expect(subject.journal.lastSeq).toBe(0);
    });

    test('keeps each of many appends in one piece and in the order of the calls', async () => {
      await using subject = await open();
      const { journal } = subject;
      const batches = Array.from({ length: 50 }, (_, i) => changes(1 + (i % 7), i * 10));
      const written = await Promise.all(batches.map((batch) => journal.append(batch)));
      const seqs = written.flat().map(({ seq }) => seq);
      expect(seqs).toEqual(seqs.map((_, i) => i + 1));
      expect(journal.read(0, 1_000)).toEqual(written.flat());
    });

    test('reads in pages, after `since` and up to `limit`', async () => {
      await using subject = await open();
      const { journal } = subject;
      await journal.append(changes(25));
      const pages = [0, 10, 20, 25, 99].map((since) => journal.read(since, 10).map(({ seq }) => seq));
      expect(pages.map((page) => [page[0], page.at(-1), page.length])).toEqual([
        [1, 10, 10],
        [11, 20, 10],
        [21, 25, 5],
        [undefined, undefined, 0],
        [undefined, undefined, 0],
      ]);
    });

    test('has the newest event of every subject that is not closed as heads, oldest first', async () => {
      await using subject = await open();
      const { journal } = subject;
      await journal.append([change(1), incident('i1', 'opened'), change(2), reloaded]);
      await journal.append([change(1, 'up'), incident('i2', 'opened'), incident('i1', 'resolved')]);
      await journal.append([incident('i2', 'updated')]);
      expect(journal.heads().map(({ seq, kind }) => [seq, kind])).toEqual([
        [3, 'target-state-changed'],
        [5, 'target-state-changed'],
        [8, 'incident-updated'],
      ]);
    });

    test('writes all of an append or nothing, and goes on by itself when its store takes writes again', async () => {
      await using subject = await open();
      const { journal } = subject;
      await journal.append(changes(3));
      await subject.refuse();
      await expect(journal.append(changes(20_000, 10))).rejects.toThrow(JournalUnavailable);
      expect([journal.lastSeq, journal.read(0, 100).length, journal.heads().length]).toEqual([3, 3, 3]);
      await subject.accept();
      const after = await journal.append([change(4)]);
      expect(after.map(({ seq }) => seq)).toEqual([4]);
      expect(journal.read(3, 10)).toEqual(after);
    });

    test('refuses an event whose time is no whole number, whatever else is appended with it', async () => {
      await using subject = await open();
      await expect(subject.journal.append([change(1), change(2, 'down', 0.5)])).rejects.toThrow(RangeError);
      expect(subject.journal.lastSeq).toBe(0);
    });

    test('keeps outlooks under their hashes, the first of each as it was', async () => {
      await using subject = await open();
      const { journal } = subject;
      const body = Uint8Array.of(1, 2, 3);
      expect(journal.loadOutlook('a')).toBeUndefined();
      const [written] = await Promise.all([
        journal.append([change(1)]),
        journal.keepOutlook('a', body),
        journal.keepOutlook('b', Uint8Array.of()),
        journal.keepOutlook('a', Uint8Array.of(9)),
      ]);
      body.fill(7);
      expect(['a', 'b', 'c'].map((hash) => journal.loadOutlook(hash))).toEqual([
        Uint8Array.of(1, 2, 3),
        Uint8Array.of(),
        undefined,
      ]);
      expect([journal.lastSeq, journal.read(0, 10)]).toEqual([1, written]);
      expect((await journal.append([change(2)])).map(({ seq }) => seq)).toEqual([2]);
    });

    test('keeps no outlook while its store refuses, nor once it is closed', async () => {
      await using subject = await open();
      const { journal } = subject;
      await subject.refuse();
      await expect(journal.keepOutlook('a', new Uint8Array(2_000_000))).rejects.toThrow(JournalUnavailable);
      expect(journal.loadOutlook('a')).toBeUndefined();
      await subject.accept();
      await journal.keepOutlook('a', Uint8Array.of(1));
      expect(journal.loadOutlook('a')).toEqual(Uint8Array.of(1));
      await journal[Symbol.asyncDispose]();
      await expect(journal.keepOutlook('b', Uint8Array.of(1))).rejects.toThrow(JournalUnavailable);
    });

    test('has the newest outlook named among its heads', async () => {
      await using subject = await open();
      const { journal } = subject;
      await journal.append([
        { ...reloaded, outlook: 'a' },
        change(1),
        { ...reloaded, outlook: 'b' },
        reloaded,
      ]);
      expect(journal.heads().map(({ seq, kind }) => [seq, kind])).toEqual([
        [2, 'target-state-changed'],
        [3, 'config-reloaded'],
      ]);
      expect(outlookInForce(journal.heads())).toBe('b');
    });

    test('settles every append made before it is closed, and refuses those made after', async () => {
      await using subject = await open();
      const { journal } = subject;
      const early = [journal.append(changes(100)), journal.append([change(7)])];
      const closing = journal[Symbol.asyncDispose]();
      const late = journal.append([change(8)]);
      await expect(late).rejects.toThrow(JournalUnavailable);
      const written = (await Promise.all(early)).flat();
      await closing;
      expect(written.map(({ seq }) => seq)).toEqual(Array.from({ length: 101 }, (_, i) => i + 1));
    });
  });
}
