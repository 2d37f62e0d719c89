import type { Command } from 'commander';
import { z } from 'zod';
import { addApiOptions, type ApiOptions, parseMinutes, parseTime, showTime, withApi } from './api-client.ts';
import { type CliContext, type ExitCode, UsageError } from './context.ts';

interface QuietOptions extends ApiOptions {
  readonly for?: number;
  readonly from?: string;
  readonly until?: string;
  readonly flexible?: number;
  readonly comment?: string;
  readonly by?: string;
  readonly list?: boolean;
  readonly end?: string;
  readonly json?: boolean;
}

const Span = z.looseObject({
  id: z.string(),
  state: z.enum(['pending', 'active', 'planned', 'started']),
  selector: z.string(),
  startsAt: z.string(),
  endsAt: z.string(),
  by: z.string(),
  comment: z.string(),
  targets: z.number(),
  flexibleMinutes: z.number().optional(),
});
type Span = z.infer<typeof Span>;
const Spans = z.record(z.string(), z.array(Span));

/** Silences and maintenances are begun, listed and ended alike. */
export function addQuietCommand(
  program: Command,
  cli: CliContext,
  name: 'silence' | 'maintenance',
  description: string,
): void {
  const command = addApiOptions(program.command(name))
    .description(description)
    .argument('[selector]', 'what it is about, such as chain=Solhaga')
    .option('--for <duration>', 'how long it lasts, as in 2h', parseMinutes)
    .option('--from <time>', 'when it begins (default: now)', parseTime)
    .option('--until <time>', 'when it ends, instead of --for', parseTime);
  if (name === 'maintenance') {
    const what = 'begin at the first failure between --from and --until, and last so long';
    command.option('--flexible <duration>', what, parseMinutes);
  }
  command
    .option('--comment <text>', 'why')
    .option('--by <name>', 'who does it (default: the name of the token)')
    .option('--list', `list the ${name}s that hold or will`)
    .option('--end <id>', `end a ${name} before its time`)
    .option('--json', 'print the answer as JSON')
    .action((selector: string | undefined, options: QuietOptions) =>
      cli.finish(() => runQuiet(name, selector, options, cli)),
    );
}

function runQuiet(
  name: string,
  selector: string | undefined,
  options: QuietOptions,
  cli: CliContext,
): Promise<ExitCode> {
  const path = `/api/v1/${name}s`;
  const { list, end, json, by, comment, from, until, for: forMinutes, flexible } = options;
  const asked = [list === true, end !== undefined, selector !== undefined].filter(Boolean).length;
  if (asked !== 1) {
    throw new UsageError('give one of these: a selector such as chain=Solhaga, --list, or --end with an id');
  }
  const show = (answer: unknown, describe: () => readonly string[]): ExitCode => {
    if (json === true) cli.print(JSON.stringify(answer));
    else describe().forEach(cli.print);
    return 0;
  };
  if (list === true) {
    return withApi(options, cli, async (api) => {
      const { data } = await api.get<unknown>(path);
      const spans = Spans.parse(data)[`${name}s`] ?? [];
      return show(data, () => (spans.length === 0 ? [`There are no ${name}s.`] : spans.map(describeSpan)));
    });
  }
  if (end !== undefined) {
    return withApi(options, cli, async (api) => {
      const { data } = await api.delete<unknown>(`${path}/${encodeURIComponent(end)}`);
      return show(data, () => [`Ended: ${describeSpan(Span.parse(data))}`]);
    });
  }
  if (comment === undefined) throw new UsageError(`--comment is missing: say why there is a ${name}`);
  if ((forMinutes === undefined) === (until === undefined)) {
    throw new UsageError('say when it ends: with --for, as in --for 2h, or with --until');
  }
  return withApi(options, cli, async (api) => {
    const span = { selector, comment, by, startsAt: from, endsAt: until, forMinutes };
    const { data } = await api.post<unknown>(path, { ...span, flexibleMinutes: flexible });
    return show(data, () => [describeSpan(Span.parse(data))]);
  });
}

function describeSpan({ id, state, selector, by, comment, targets, ...times }: Span): string {
  const when = `${showTime(times.startsAt)} to ${showTime(times.endsAt)}`;
  const lasts = times.flexibleMinutes === undefined ? '' : `, ${times.flexibleMinutes} min`;
  const count = targets === 1 ? '1 target' : `${targets} targets`;
  return `${id}  ${state}  ${when}${lasts}  ${selector} (${count})  ${by}: ${comment}`;
}
