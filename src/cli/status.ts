import type { AxiosInstance } from 'axios';
import type { Command } from 'commander';
import { z } from 'zod';
import { formatDuration } from '../lib/duration.ts';
import { addApiOptions, type ApiOptions, withApi } from './api-client.ts';
import type { CliContext, ExitCode } from './context.ts';

interface StatusOptions extends ApiOptions {
  readonly json?: boolean;
}

const PAGE_SIZE = 1_000;

const TargetPage = z.object({
  targets: z.array(
    z.object({
      id: z.string(),
      labels: z.record(z.string(), z.string()),
      since: z.string().optional(),
      message: z.string().optional(),
      behind: z.string().optional(),
    }),
  ),
  next: z.string().nullable().optional(),
});
type DownTarget = z.infer<typeof TargetPage>['targets'][number];

/** `kassavakt status`: one look, for a script or a tired person. */
export function addStatus(program: Command, cli: CliContext): void {
  addApiOptions(program.command('status'))
    .description('what is down now; exit code 1 when anything is')
    .option('--json', 'print the targets that are down as JSON')
    .action((options: StatusOptions) => cli.finish(() => runStatus(options, cli)));
}

function runStatus(options: StatusOptions, cli: CliContext): Promise<ExitCode> {
  return withApi(options, cli, async (api) => {
    const down = await listDown(api);
    if (options.json === true) cli.print(JSON.stringify({ down }));
    else describe(down, cli.clock.nowMs()).forEach(cli.print);
    return down.length === 0 ? 0 : 1;
  });
}

async function listDown(api: AxiosInstance): Promise<readonly DownTarget[]> {
  const all: DownTarget[] = [];
  for (let after: string | undefined; ; ) {
    const params = { state: 'down', limit: PAGE_SIZE, after };
    const { targets, next } = TargetPage.parse((await api.get<unknown>('/api/v1/targets', { params })).data);
    all.push(...targets);
    if (next === undefined || next === null) return all;
    after = next;
  }
}

function describe(down: readonly DownTarget[], nowMs: number): readonly string[] {
  if (down.length === 0) return ['Nothing is down.'];
  const lines = down.map(({ id, labels, since, message, behind }) => {
    const place = labels['store'] === undefined ? '' : ` in store ${labels['store']}`;
    const time = since === undefined ? '' : ` for ${formatDuration(Math.max(0, nowMs - Date.parse(since)))}`;
    if (behind !== undefined) return `${id}${place} cannot be reached${time}: it is behind ${behind}`;
    return `${id}${place} is down${time}: ${message ?? 'no reason is known'}`;
  });
  return [...lines, `${down.length} down.`];
}
