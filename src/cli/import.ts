import { join } from 'node:path';
import type { Command } from 'commander';
import type { Prober } from '../probes/probe.ts';
import { type ImportOutcome, importers, importFiles } from '../settings/importers/import-files.ts';
import { countEntries, type ImportReport, reportLines } from '../settings/importers/import-report.ts';
import type { Importer } from '../settings/importers/importer.ts';
import { formatProblem } from '../settings/settings.ts';
import type { CliContext, ExitCode } from './context.ts';

interface ImportCommandOptions {
  readonly out: string;
  readonly json?: boolean;
}

/** `kassavakt import`: another monitor's export as our configuration, with a report of what it could not carry. */
export function addImport(program: Command, cli: CliContext, probers: ReadonlyMap<string, Prober>): void {
  const command = program
    .command('import')
    .description("turn another monitor's configuration into one of Kassavakt")
    .showHelpAfterError(`It can read ${importers.map(({ name }) => name).join(', ')}.`);
  for (const importer of importers) {
    command
      .command(importer.name)
      .description(importer.summary)
      .argument('<file>', 'the file to read')
      .option('--out <dir>', 'a new folder to write to', `kassavakt-from-${importer.name}`)
      .option('--json', 'print the report as one JSON document')
      .action((file: string, options: ImportCommandOptions) =>
        cli.finish(() => runImport(importer, file, options, cli, probers)),
      );
  }
}

async function runImport(
  importer: Importer,
  file: string,
  { out, json = false }: ImportCommandOptions,
  cli: CliContext,
  probers: ReadonlyMap<string, Prober>,
): Promise<ExitCode> {
  let outcome: ImportOutcome;
  try {
    outcome = await importFiles(importer, { file, out, probers, env: cli.env });
  } catch (error) {
    if (!isFileError(error)) throw error;
    cli.complain(`Nothing was written to "${out}": ${error.message}.`);
    return 3;
  }
  if (outcome.kind === 'refused') {
    for (const problem of outcome.problems) cli.complain(formatProblem(problem));
    cli.complain('Nothing was written.');
    return 2;
  }
  const { report } = outcome;
  if (json) cli.print(asJson(report, out));
  else for (const line of reportLines(report)) cli.print(line);
  if (outcome.kind === 'empty') {
    cli.complain(`Nothing in ${file} could be carried over; nothing was written.`);
    return 1;
  }
  if (json) return 0;
  cli.print('');
  cli.print(`Written: ${report.files.map((name) => join(out, name)).join(', ')}`);
  cli.print(`The same report: ${join(out, 'import-report.md')}`);
  cli.print(`Look at it, then: kassavakt serve --config ${join(out, 'kassavakt.yaml')}`);
  return 0;
}

function asJson(report: ImportReport, out: string): string {
  const { kind, file, files, entries } = report;
  return JSON.stringify({ kind, file, out, files, counts: countEntries(entries), entries }, undefined, 2);
}

function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return Error.isError(error) && 'code' in error && 'syscall' in error;
}
