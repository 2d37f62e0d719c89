import { randomUUID } from 'node:crypto';
import { type Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { type Delivery, type Notifier, NotifierUnavailable } from '../notifiers/notifier.ts';
import { openChannel } from '../notifiers/open-channel.ts';
import { MESSAGE_STATES, type MessageState } from '../notifiers/outbox-store.ts';
import { readMessages } from '../notifiers/sqlite-outbox-store.ts';
import { toBody } from '../http/notification-route.ts';
import { loadSettings } from '../settings/load-settings.ts';
import { type ChannelSettings, formatProblem, type Settings } from '../settings/settings.ts';
import { suggest } from '../lib/suggest.ts';
import { formatDuration } from '../lib/duration.ts';
import type { Prober } from '../probes/probe.ts';
import { addApiOptions, type ApiOptions, showTime, withApi } from './api-client.ts';
import type { CliContext, ExitCode } from './context.ts';

/** What can be named in a configuration. */
export interface Kinds {
  readonly probers: ReadonlyMap<string, Prober>;
  readonly notifiers: ReadonlyMap<string, Notifier>;
}

interface ListOptions extends ApiOptions {
  readonly data?: string;
  readonly json?: boolean;
  readonly state?: MessageState;
}

/** With --data. */
const MOST_LISTED = 1_000;

/** `kassavakt notify`: try a channel, and see what has not arrived. */
export function addNotify(program: Command, cli: CliContext, kinds: Kinds): void {
  const notify = program.command('notify').description('try the channels by which people are told');
  notify
    .command('test')
    .description('send one test message by a channel of the configuration, and say what came of it')
    .argument('<channel>', "the channel's name")
    .requiredOption('--config <file>', 'the configuration (YAML)')
    .action((channel: string, { config }: { readonly config: string }) =>
      cli.finish(() => runTest(channel, config, cli, kinds)),
    );
  addApiOptions(notify.command('list'))
    .description("the monitor's channels, and messages that wait, or were given up")
    .option('--data <dir>', "read the monitor's data folder instead of asking it; it need not run")
    .option('--state <state>', `${MESSAGE_STATES.join(', ')} (default: pending and dead)`, parseState)
    .option('--json', 'print the answers as JSON')
    .action((options: ListOptions) => cli.finish(() => runList(options, cli)));
}

async function runTest(name: string, config: string, cli: CliContext, kinds: Kinds): Promise<ExitCode> {
  const loaded = await loadSettings(config, kinds.probers, cli.env, kinds.notifiers);
  if (!loaded.ok) {
    for (const problem of loaded.error) cli.complain(formatProblem(problem));
    return 2;
  }
  const settings = loaded.value;
  const { channels } = settings.notifications;
  const channel = channels.get(name);
  if (channel === undefined) {
    const near = suggest(name, channels.keys());
    const known =
      channels.size === 0 ? 'it has none' : `its channels are ${Array.from(channels.keys()).join(', ')}`;
    cli.complain(
      `${config} has no channel "${name}"; ${near === undefined ? known : `did you mean ${near}?`}`,
    );
    return 2;
  }
  try {
    const startMs = cli.clock.monotonicMs();
    const delivery = await sendTest(channel, settings, cli, kinds.notifiers);
    const took = formatDuration(cli.clock.monotonicMs() - startMs);
    if (delivery.kind === 'delivered') {
      const reference =
        delivery.reference === undefined ? '' : ` The receiver calls it ${delivery.reference}.`;
      cli.print(`DELIVERED: ${name} (${channel.type}) took the test message in ${took}.${reference}`);
      return 0;
    }
    const again = delivery.isPermanent
      ? 'Trying again as it is cannot help.'
      : 'The monitor would try again later, for a day.';
    cli.print(
      `FAILED: ${name} (${channel.type}) did not take the test message (${took}). ${delivery.message}`,
    );
    cli.print(again);
    return 1;
  } catch (error) {
    if (!(error instanceof NotifierUnavailable)) throw error;
    cli.complain(error.message);
    return 3;
  }
}

async function sendTest(
  configured: ChannelSettings,
  { baseDir, externalUrl, listen }: Settings,
  { clock, stop }: CliContext,
  notifiers: ReadonlyMap<string, Notifier>,
): Promise<Delivery> {
  const { name, timeoutMs } = configured;
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  await using channel = await openChannel(configured, notifiers, {
    clock,
    baseDir,
    externalUrl: externalUrl ?? `http://${host}:${listen.port}`,
  });
  const signal = AbortSignal.any([stop, AbortSignal.timeout(timeoutMs)]);
  const key = `test/${randomUUID()}/${name}`;
  return await channel.send({ key, change: 'test', atMs: clock.nowMs(), incidents: [] }, undefined, signal);
}

const MESSAGES = z.array(
  z.looseObject({
    channel: z.string(),
    change: z.string(),
    incidents: z.array(z.looseObject({ title: z.string() })),
    at: z.string(),
    attempts: z.number(),
    error: z.string().optional(),
  }),
);

const ANSWER = z.looseObject({
  channels: z.array(
    z.looseObject({
      name: z.string(),
      type: z.string(),
      pending: z.number(),
      delivered: z.number(),
      dead: z.number(),
      lastError: z.looseObject({ at: z.string(), message: z.string() }).optional(),
    }),
  ),
  messages: MESSAGES,
});
type Answer = z.infer<typeof ANSWER>;

async function runList(options: ListOptions, cli: CliContext): Promise<ExitCode> {
  const states: readonly MessageState[] = options.state === undefined ? ['pending', 'dead'] : [options.state];
  const { data: folder } = options;
  if (folder !== undefined) {
    for (const state of states) {
      const messages = readMessages(folder, state, MOST_LISTED).map(toBody);
      if (options.json === true) cli.print(JSON.stringify({ messages }));
      else for (const line of describeMessages(MESSAGES.parse(messages), state)) cli.print(line);
    }
    return 0;
  }
  return withApi(options, cli, async (api) => {
    for (const [i, state] of states.entries()) {
      const { data } = await api.get<unknown>('/api/v1/notifications', { params: { state } });
      if (options.json === true) {
        cli.print(JSON.stringify(data));
        continue;
      }
      const answer = ANSWER.parse(data);
      if (i === 0) for (const line of describeChannels(answer)) cli.print(line);
      for (const line of describeMessages(answer.messages, state)) cli.print(line);
    }
    return 0;
  });
}

function parseState(text: string): MessageState {
  const state = MESSAGE_STATES.find((known) => known === text);
  if (state === undefined) throw new InvalidArgumentError(`it is one of ${MESSAGE_STATES.join(', ')}.`);
  return state;
}

function describeChannels({ channels }: Answer): readonly string[] {
  if (channels.length === 0) return ['There are no channels: nobody is told of anything.'];
  return channels.flatMap(({ name, type, pending, delivered, dead, lastError }) => [
    `${name}  ${type}  ${pending} pending, ${delivered} delivered, ${dead} dead`,
    ...(lastError === undefined ? [] : [`  last error ${showTime(lastError.at)}: ${lastError.message}`]),
  ]);
}

function describeMessages(messages: Answer['messages'], state: string): readonly string[] {
  if (messages.length === 0) return [`No message is ${state}.`];
  return messages.map(({ channel, change, incidents, at, attempts, error }) => {
    const [first, ...others] = incidents;
    const more = others.length === 0 ? '' : ` and ${others.length} more`;
    const tries = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
    const why = error === undefined ? '' : `: ${error}`;
    return `${state}  ${showTime(at)}  ${channel}  ${change}  ${first?.title ?? ''}${more} (${tries}${why})`;
  });
}
