import type { Command } from 'commander';
import { statSync } from 'node:fs';
import type { Outlook } from '../core/outlook.ts';
import { replay } from '../core/replay.ts';
import { JournalDamaged, JournalUnavailable } from '../journal/journal.ts';
import { JournalReader } from '../journal/journal-reader.ts';
import { decodeOutlook } from '../journal/outlook-codec.ts';
import type { Notifier } from '../notifiers/notifier.ts';
import type { Prober } from '../probes/probe.ts';
import { loadSettings } from '../settings/load-settings.ts';
import { formatProblem } from '../settings/settings.ts';
import { parseTime } from './api-client.ts';
import type { CliContext, ExitCode } from './context.ts';
import { jsonOf, linesOf, type Report } from './replay-report.ts';

interface ReplayOptions {
  readonly journal: string;
  /** ISO 8601 with its zone. */
  readonly until?: string;
  readonly config?: string;
  readonly json?: true;
}

/** `kassavakt replay`: whether what a journal says was told follows from what it says happened. */
export function addReplay(
  program: Command,
  cli: CliContext,
  probers: ReadonlyMap<string, Prober>,
  notifiers: ReadonlyMap<string, Notifier>,
): void {
  program
    .command('replay')
    .description(
      'rebuild states and incidents from a journal, and compare them with what was announced at the time; ' +
        'a monitor may be running on it',
    )
    .requiredOption('--journal <file>', "the journal's file")
    .option('--until <time>', 'as of then, as in 2026-12-24T15:00:00Z (default: its end)', parseTime)
    .option('--config <file>', 'show what would have been announced under this configuration instead')
    .option('--json', 'print one JSON object')
    .action((options: ReplayOptions) => cli.finish(() => runReplay(options, cli, probers, notifiers)));
}

async function runReplay(
  { journal: path, until, config, json }: ReplayOptions,
  cli: CliContext,
  probers: ReadonlyMap<string, Prober>,
  notifiers: ReadonlyMap<string, Notifier>,
): Promise<ExitCode> {
  let instead: Outlook | undefined;
  if (config !== undefined) {
    const loaded = await loadSettings(config, probers, cli.env, notifiers);
    if (!loaded.ok) {
      for (const problem of loaded.error) cli.complain(formatProblem(problem));
      return 2;
    }
    instead = loaded.value;
  }
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    cli.complain(`${path} is a folder; name the journal's file in it`);
    return 3;
  }
  try {
    using reader = new JournalReader(path);
    const replayed = replay(reader.events(), {
      outlookOf: outlooksIn(reader),
      ...(instead === undefined ? {} : { instead }),
      ...(until === undefined ? {} : { untilMs: Date.parse(until) }),
    });
    const report: Report = { path, config, until, replayed };
    if (json === true) cli.print(JSON.stringify(jsonOf(report)));
    else for (const line of linesOf(report)) cli.print(line);
    return exitCodeOf(report);
  } catch (error) {
    if (!(error instanceof JournalDamaged || error instanceof JournalUnavailable)) throw error;
    const { message } = error;
    cli.complain(message.startsWith(path) ? message : `${path} cannot be replayed: ${message}`);
    return 3;
  }
}

function exitCodeOf({ config, replayed }: Report): ExitCode {
  if (config !== undefined || replayed.events === 0) return 0;
  if (replayed.outages === undefined) return 3;
  return replayed.firstDifference === undefined ? 0 : 1;
}

/** The last one is remembered: it may be asked for again and again. */
function outlooksIn(reader: JournalReader): (hash: string) => Outlook {
  let last: { readonly hash: string; readonly outlook: Outlook } | undefined;
  return (hash) => {
    if (last?.hash === hash) return last.outlook;
    const body = reader.loadOutlook(hash);
    if (body === undefined) throw new JournalDamaged('settings that it names are not in it');
    last = { hash, outlook: decodeOutlook(hash, body) };
    return last.outlook;
  };
}
