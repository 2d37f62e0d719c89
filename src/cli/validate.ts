import type { Command } from 'commander';
import { type Notifier, NotifierUnavailable } from '../notifiers/notifier.ts';
import { openChannel } from '../notifiers/open-channel.ts';
import type { Prober } from '../probes/probe.ts';
import { loadBlackboxConfig } from '../settings/blackbox-config.ts';
import { loadSettings } from '../settings/load-settings.ts';
import { formatProblem, type Settings, type SettingsProblem } from '../settings/settings.ts';
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
    const { estate, modules, notifications } = loaded.value;
    const problems = await whyNotOpened(loaded.value, notifiers, cli);
    if (problems.length > 0) {
      for (const problem of problems) cli.complain(`${config}: ${problem}`);
      return 2;
    }
    const channels = notifications.channels.size;
    cli.print(
      `OK: ${counted(estate.stores.size, 'store')}, ${counted(estate.targets.size, 'target')}, ${counted(modules.size, 'module')}` +
        (channels === 0 ? '' : `, ${counted(channels, 'channel')}`),
    );
    return 0;
  }
  return complainOf(loaded.error, config, cli);
}

/** What keeps channels from being opened, as a start would find: secrets that cannot be read, templates. Sends nothing. */
async function whyNotOpened(
  { notifications, baseDir, externalUrl = '' }: Settings,
  notifiers: ReadonlyMap<string, Notifier>,
  { clock }: CliContext,
): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const configured of notifications.channels.values()) {
    try {
      await using _opened = await openChannel(configured, notifiers, { clock, baseDir, externalUrl });
    } catch (error) {
      if (!(error instanceof NotifierUnavailable)) throw error;
      problems.push(error.message);
    }
  }
  return problems;
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
