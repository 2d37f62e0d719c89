import { type Command, InvalidArgumentError } from 'commander';
import { FeedRefused, followFeed } from '../feed/feed-client.ts';
import { repeat } from '../lib/clock.ts';
import type { CliContext, ExitCode } from './context.ts';
import { FeedPrinter } from './feed-printer.ts';

interface WatchOptions {
  readonly url: URL;
  readonly token?: string;
  readonly since?: number;
  readonly json?: boolean;
  readonly all?: boolean;
}

/** How often lines that were held back are looked for. Unit: ms. */
const TICK_MS = 500;

/** `kassavakt watch`: follow the feed in a terminal. */
export function addWatch(program: Command, cli: CliContext): void {
  program
    .command('watch')
    .description('follow the feed: what is down, since when and why, as it happens')
    .option('--url <url>', 'where the monitor answers', parseUrl, new URL('http://127.0.0.1:9840'))
    .option('--token <token>', 'the access token (better in the environment: KASSAVAKT_TOKEN)')
    .option('--since <seq>', 'begin after this event instead of now', parseSince)
    .option('--all', 'tell of single targets too, not only of incidents and ways to pay')
    .option('--json', 'print each event as one line of JSON')
    .action((options: WatchOptions) => cli.finish(() => runWatch(options, cli)));
}

async function runWatch(options: WatchOptions, cli: CliContext): Promise<ExitCode> {
  const { url, since, json, all } = options;
  const token = options.token ?? cli.env['KASSAVAKT_TOKEN'];
  const { clock } = cli;
  const follow = {
    url,
    clock,
    ...(token === undefined ? {} : { token }),
    ...(since === undefined ? {} : { since }),
  };
  try {
    if (json === true) await printJson(follow, cli);
    else await printLines(follow, all === true, cli);
    return 0;
  } catch (error) {
    if (!(error instanceof FeedRefused)) throw error;
    const advice = error.code === 'unauthorized' ? '; give one with --token or in KASSAVAKT_TOKEN' : '';
    cli.complain(`${url.href} refuses: ${error.message}${advice}`);
    return 3;
  }
}

async function printJson(follow: Parameters<typeof followFeed>[0], cli: CliContext): Promise<void> {
  for await (const message of followFeed(follow, cli.stop)) {
    if (message.kind === 'events') for (const event of message.events) cli.print(JSON.stringify(event));
    else if (message.kind === 'disconnected') {
      cli.complain(`no feed from ${follow.url.href}: ${message.reason}; trying to connect`);
    } else if (message.kind === 'gap') {
      cli.complain(`the events after ${message.gap.since} cannot be had; going on with the newest`);
    }
  }
}

async function printLines(
  follow: Parameters<typeof followFeed>[0],
  tellsTargets: boolean,
  cli: CliContext,
): Promise<void> {
  const { clock, terminalWidth: width } = cli;
  const hasColours = width !== undefined && (cli.env['NO_COLOR'] ?? '') === '';
  const printer = new FeedPrinter({ width, hasColours, tellsTargets });
  using _ticks = repeat(clock, TICK_MS, () => printer.tick(clock.nowMs()).forEach(cli.print));
  for await (const message of followFeed(follow, cli.stop)) {
    printer.print(message, clock.nowMs()).forEach(cli.print);
  }
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url;
  throw new InvalidArgumentError('write it as http://host:port.');
}

function parseSince(text: string): number {
  const seq = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(seq)) return seq;
  throw new InvalidArgumentError("write an event's number: 0 for all, or the last one you have.");
}
