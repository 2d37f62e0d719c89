import type { Command } from 'commander';
import type { Notifier } from '../notifiers/notifier.ts';
import type { Prober } from '../probes/probe.ts';
import { loadBlackboxConfig } from '../settings/blackbox-config.ts';
import { loadSettings } from '../settings/load-settings.ts';
import { formatProblem, type SettingsProblem } from '../settings/settings.ts';
import { type CliContext, type ExitCode, UsageError } from './context.ts';

interface ValidateOptions {
  readonly config?: string;
  readonly blackboxConfig?: string;
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
    .option('--config <file>', 'the configuration (YAML)')
    .option('--blackbox-config <file>', 'a configuration of blackbox_exporter, as "serve" takes it')
    .action((options: ValidateOptions) => cli.finish(() => runValidate(options, cli, probers, notifiers)));
}

async function runValidate(
  { config, blackboxConfig }: ValidateOptions,
  cli: CliContext,
  probers: ReadonlyMap<string, Prober>,
  notifiers: ReadonlyMap<string, Notifier>,
): Promise<ExitCode> {
  if (config === undefined && blackboxConfig === undefined) {
    throw new UsageError('Give --config FILE, --blackbox-config FILE, or both.');
  }
  const codes = [
    ...(config === undefined ? [] : [await validateConfig(config, cli, probers, notifiers)]),
    ...(blackboxConfig === undefined ? [] : [await validateBlackbox(blackboxConfig, cli, probers)]),
  ];
  return codes.includes(2) ? 2 : codes.includes(1) ? 1 : 0;
}

async function validateConfig(
  config: string,
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
  return complainOf(loaded.error, config, cli);
}

/** A module that cannot be used hides nothing of the others, so it is a warning. */
async function validateBlackbox(
  file: string,
  cli: CliContext,
  probers: ReadonlyMap<string, Prober>,
): Promise<ExitCode> {
  const loaded = await loadBlackboxConfig(file, probers, cli.clock);
  if (!loaded.ok) return complainOf(loaded.error, file, cli);
  const { modules, unusable, warnings } = loaded.value;
  for (const warning of warnings) cli.complain(`${formatProblem(warning)} (warning)`);
  const others = unusable.size === 0 ? '' : `, and ${unusable.size} that cannot be used`;
  if (modules.size === 0) {
    cli.complain(`${file} has no module that can be used`);
    return 1;
  }
  cli.print(`OK: ${counted(modules.size, 'module')} of blackbox_exporter${others}`);
  return 0;
}

function complainOf(problems: readonly SettingsProblem[], file: string, cli: CliContext): ExitCode {
  for (const problem of problems) cli.complain(formatProblem(problem));
  cli.complain(`${counted(problems.length, 'problem')} in ${file}`);
  return 2;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
