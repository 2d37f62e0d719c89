import type { Command } from 'commander';
import { z } from 'zod';
import { addApiOptions, type ApiOptions, parseMinutes, showTime, withApi } from './api-client.ts';
import { type CliContext, type ExitCode, UsageError } from './context.ts';

interface AckOptions extends ApiOptions {
  readonly comment?: string;
  readonly by?: string;
  readonly for?: number;
  readonly sticky?: boolean;
  readonly withdraw?: boolean;
}

const Answer = z.object({
  incident: z.string(),
  acknowledgement: z.object({ by: z.string(), comment: z.string(), expiresAt: z.string().optional() }),
});

/** `kassavakt ack`: take an incident on, or let it go again. */
export function addAck(program: Command, cli: CliContext): void {
  addApiOptions(program.command('ack'))
    .description('take an incident on: it is announced no more until it ends or grows more severe')
    .argument('<incident>', 'its id')
    .option('--comment <text>', 'why')
    .option('--for <duration>', 'until then at the longest, as in 2h', parseMinutes)
    .option('--sticky', 'hold though it grows more severe')
    .option('--by <name>', 'who does it (default: the name of the token)')
    .option('--withdraw', 'let it go again')
    .action((incident: string, options: AckOptions) => cli.finish(() => runAck(incident, options, cli)));
}

async function runAck(incident: string, options: AckOptions, cli: CliContext): Promise<ExitCode> {
  const { comment, by, for: forMinutes, sticky, withdraw } = options;
  const path = `/api/v1/incidents/${encodeURIComponent(incident)}/acknowledge`;
  if (withdraw === true) {
    return withApi(options, cli, async (api) => {
      const { acknowledgement } = Answer.parse((await api.delete<unknown>(path)).data);
      cli.print(`Incident ${incident} is no longer acknowledged (withdrawn by ${acknowledgement.by}).`);
      return 0;
    });
  }
  if (comment === undefined)
    throw new UsageError('--comment is missing: say why the incident is acknowledged');
  return withApi(options, cli, async (api) => {
    const answer = await api.post<unknown>(path, { comment, by, forMinutes, sticky });
    const { acknowledgement } = Answer.parse(answer.data);
    const { expiresAt } = acknowledgement;
    const until = expiresAt === undefined ? '' : ` until ${showTime(expiresAt)}`;
    cli.print(
      `Incident ${incident} is acknowledged by ${acknowledgement.by}${until}: ${acknowledgement.comment}`,
    );
    return 0;
  });
}
