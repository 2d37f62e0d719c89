import { Argument, type Command } from 'commander';
import { z } from 'zod';
import { addApiOptions, type ApiOptions, withApi } from './api-client.ts';
import type { CliContext, ExitCode } from './context.ts';

interface ReportOptions extends ApiOptions {
  readonly comment?: string;
  readonly by?: string;
}

const Answer = z.object({ by: z.string(), probesSay: z.string(), disagrees: z.boolean() });

/** `kassavakt report`: what somebody in a store says of a way to pay. */
export function addReport(program: Command, cli: CliContext): void {
  addApiOptions(program.command('report'))
    .description('tell what somebody in a store says: that a way to pay works, or fails')
    .argument('<store>', 'its id')
    .argument('<method>', 'the payment method, such as card')
    .addArgument(new Argument('<says>', 'what they say').choices(['works', 'fails']))
    .option('--comment <text>', 'in their words')
    .option('--by <name>', 'who says it (default: the name of the token)')
    .action((store: string, method: string, says: string, options: ReportOptions) =>
      cli.finish(() => runReport({ store, method, says }, options, cli)),
    );
}

function runReport(
  { store, method, says }: { readonly store: string; readonly method: string; readonly says: string },
  options: ReportOptions,
  cli: CliContext,
): Promise<ExitCode> {
  const { comment, by } = options;
  return withApi(options, cli, async (api) => {
    const path = `/api/v1/stores/${encodeURIComponent(store)}/reports`;
    const answer = Answer.parse((await api.post<unknown>(path, { method, says, comment, by })).data);
    const verdict = answer.disagrees ? 'which disagrees' : 'which does not disagree';
    cli.print(
      `Kept: ${answer.by} says that ${method} ${says} in ${store}. The probes say ${answer.probesSay}, ${verdict}.`,
    );
    return 0;
  });
}
