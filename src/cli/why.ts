import type { Command } from 'commander';
import { z } from 'zod';
import { addApiOptions, type ApiOptions, withApi } from './api-client.ts';
import type { CliContext, ExitCode } from './context.ts';

interface WhyOptions extends ApiOptions {
  readonly json?: boolean;
}

const Answer = z.object({
  target: z.string(),
  state: z.string(),
  announced: z.boolean(),
  rule: z.string().optional(),
  why: z.string(),
});

/** `kassavakt why`: whether a target's failure is announced, and what keeps it from that. */
export function addWhy(program: Command, cli: CliContext): void {
  addApiOptions(program.command('why'))
    .description('why the failure of a target is, or is not, announced')
    .argument('<target>', 'its id')
    .option('--json', 'print the answer as JSON')
    .action((target: string, options: WhyOptions) => cli.finish(() => runWhy(target, options, cli)));
}

function runWhy(target: string, options: WhyOptions, cli: CliContext): Promise<ExitCode> {
  return withApi(options, cli, async (api) => {
    const { data } = await api.get<unknown>('/api/v1/why', { params: { target } });
    const answer = Answer.parse(data);
    const { state, announced, rule, why } = answer;
    const held = rule === undefined ? 'not announced' : `not announced (${rule})`;
    if (options.json === true) cli.print(JSON.stringify(answer));
    else cli.print(`${target} is ${state}, ${announced ? 'announced' : held}: ${why}`);
    return 0;
  });
}
