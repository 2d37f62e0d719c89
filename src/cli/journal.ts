import { type Command, InvalidArgumentError } from 'commander';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { JOURNAL_FILE, JournalUnavailable } from '../journal/journal.ts';
import { type NotedHead, verifyJournal } from '../journal/verify-journal.ts';
import type { CliContext, ExitCode } from './context.ts';

interface VerifyOptions {
  readonly data: string;
  readonly head?: NotedHead;
}

/** `kassavakt journal verify`: whether the journal is as it was written. */
export function addJournal(program: Command, cli: CliContext): void {
  const journal = program.command('journal').description('look after the journal of all that was announced');
  journal
    .command('verify')
    .description(
      'check that nothing in a journal was changed, removed or lost; a monitor may be running on it',
    )
    .argument('[file]', `the journal's file (default: ${JOURNAL_FILE} in the data folder)`)
    .option('--data <dir>', "the monitor's data folder", './data')
    .option('--head <seq:hash>', 'a head noted earlier: check also that this journal contains it', parseHead)
    .action((file: string | undefined, options: VerifyOptions) =>
      cli.finish(async () => runVerify(file ?? join(options.data, JOURNAL_FILE), options, cli)),
    );
}

function runVerify(path: string, { head }: VerifyOptions, cli: CliContext): ExitCode {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    cli.complain(`${path} is a folder; name the journal's file, or the folder with --data`);
    return 3;
  }
  try {
    const found = verifyJournal(path, head);
    if (found.kind === 'damaged') {
      cli.print(`${path} is DAMAGED: ${found.message}.`);
      return 1;
    }
    cli.print(`${path} is intact: ${found.events} ${found.events === 1 ? 'event' : 'events'}.`);
    cli.print(`head ${found.lastSeq}:${found.headHash}`);
    cli.print(
      'Keep the head somewhere else: given as --head later, it also finds out a journal that was rewritten as a whole.',
    );
    return 0;
  } catch (error) {
    if (!(error instanceof JournalUnavailable)) throw error;
    cli.complain(error.message);
    return 3;
  }
}

function parseHead(text: string): NotedHead {
  const [, seq, hash] = /^(?:head )?(\d+):([0-9a-f]{64})$/i.exec(text) ?? [];
  if (seq === undefined || hash === undefined) {
    throw new InvalidArgumentError(
      'write it as verify prints it: a number, a colon and 64 hexadecimal digits.',
    );
  }
  return { seq: Number(seq), hash };
}
