import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import { addQuietCommand } from './quiet-command.ts';

/** `kassavakt maintenance`: name a time in which failures are expected. */
export function addMaintenance(program: Command, cli: CliContext): void {
  addQuietCommand(program, cli, 'maintenance', 'name a time in which failures of some targets are expected');
}
