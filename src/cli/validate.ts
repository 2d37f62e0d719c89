import type { Command } from 'commander';
import type { Notifier } from '../notifiers/notifier.ts';
import type { Prober } from '../probes/probe.ts';
import { loadSettings } from '../settings/load-settings.ts';
import { formatProblem } from '../settings/settings.ts';
import type { CliContext, ExitCode } from './context.ts';

interface ValidateOptions {
  readonly config: string;
}

export function addValidate(
  program: Command,
  cli: CliContext,
  probers: ReadonlyMap<string, Prober>,
  notifiers: ReadonlyMap<string, Notifier>,
): void {
  program
    .command('validate')
    .description('check a configuration and tell everything that is wrong with it')
    .requiredOption('--config <file>', 'the configuration (YAML)')
    .action((options: ValidateOptions) => cli.finish(() => runValidate(options, cli, probers, notifiers)));
}

async function runValidate(
  { config }: ValidateOptions,
  cli: CliContext,
  probers: ReadonlyMap<string, Prober>,
  notifiers: ReadonlyMap<string, Notifier>,
): Promise<ExitCode> {
  const loaded = await loadSettings(config, probers, cli.env, notifiers);
  if (loaded.ok) {
    const { estate, modules } = loaded.value;
    cli.print(
      `OK: ${counted(estate.stores.size, 'store')}, ${counted(estate.targets.size, 'target')}, ${counted(modules.size, 'module')}`,
    );
    return 0;
  }
  for (const problem of loaded.error) cli.complain(formatProblem(problem));
  cli.complain(`${counted(loaded.error.length, 'problem')} in ${config}`);
  return 2;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
