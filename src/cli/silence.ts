import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import { addQuietCommand } from './quiet-command.ts';

/** `kassavakt silence`: announce nothing of some targets for a time. */
export function addSilence(program: Command, cli: CliContext): void {
  addQuietCommand(
    program,
    cli,
    'silence',
    'announce nothing of some targets for a time; they are still shown',
  );
}
