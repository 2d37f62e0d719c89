import axios, { type AxiosInstance } from 'axios';
import { type Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { formatDuration } from '../lib/duration.ts';
import type { CliContext, ExitCode } from './context.ts';

interface StatusOptions {
  readonly url: string;
  readonly token?: string;
  readonly json?: boolean;
}

/** Unit: ms. */
const ANSWER_WITHIN_MS = 10_000;
const PAGE_SIZE = 1_000;

const TargetPage = z.object({
  targets: z.array(
    z.object({
      id: z.string(),
      labels: z.record(z.string(), z.string()),
      since: z.string().optional(),
      message: z.string().optional(),
    }),
  ),
  next: z.string().nullable().optional(),
});
type DownTarget = z.infer<typeof TargetPage>['targets'][number];

/** `kassavakt status`: one look, for a script or a tired person. */
export function addStatus(program: Command, cli: CliContext): void {
  program
    .command('status')
    .description('what is down now; exit code 1 when anything is')
    .option('--url <url>', 'where the monitor answers', parseUrl, 'http://127.0.0.1:9840')
    .option('--token <token>', 'the access token (better in the environment: KASSAVAKT_TOKEN)')
    .option('--json', 'print the targets that are down as JSON')
    .action((options: StatusOptions) => cli.finish(() => runStatus(options, cli)));
}

async function runStatus(options: StatusOptions, cli: CliContext): Promise<ExitCode> {
  const token = options.token ?? cli.env['KASSAVAKT_TOKEN'];
  const api = axios.create({
    baseURL: options.url,
    timeout: ANSWER_WITHIN_MS,
    signal: cli.stop,
    maxRedirects: 0,
    ...(token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } }),
  });
  let down: readonly DownTarget[];
  try {
    down = await listDown(api);
  } catch (error) {
    if (!axios.isAxiosError(error)) throw error;
    cli.complain(`${options.url} gives no answer to go by: ${whyNot(error.response?.data) ?? error.message}`);
    return 3;
  }
  if (options.json === true) cli.print(JSON.stringify({ down }));
  else describe(down, cli.clock.nowMs()).forEach(cli.print);
  return down.length === 0 ? 0 : 1;
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
  const lines = down.map(({ id, labels, since, message }) => {
    const place = labels['store'] === undefined ? '' : ` in store ${labels['store']}`;
    const time = since === undefined ? '' : ` for ${formatDuration(Math.max(0, nowMs - Date.parse(since)))}`;
    return `${id}${place} is down${time}: ${message ?? 'no reason is known'}`;
  });
  return [...lines, `${down.length} down.`];
}

function whyNot(answer: unknown): string | undefined {
  const problem = z.object({ error: z.object({ message: z.string() }) }).safeParse(answer);
  return problem.success ? problem.data.error.message : undefined;
}

function parseUrl(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new InvalidArgumentError('write it as http://host:port.');
}
