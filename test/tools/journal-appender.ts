import { SqliteJournal } from '../../src/journal/sqlite-journal.ts';
import { change } from '../journal/drafts.ts';

/**
 * A process to be killed: appends to the journal given as argument without end, several appends at once, and writes
 * the last number of each append to standard output once it is acknowledged.
 */
const [, , path = ''] = process.argv;
const journal = await SqliteJournal.open(path);
await Promise.all(
  [1, 2, 3, 4].map(async (lane) => {
    for (let n = 0; ; n++) {
      const count = 1 + ((n + lane) % 5);
      const events = await journal.append(Array.from({ length: count }, (_, i) => change(lane * 100 + i)));
      process.stdout.write(`${events.at(-1)?.seq}\n`);
    }
  }),
);
