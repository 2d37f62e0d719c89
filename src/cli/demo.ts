import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { pino } from 'pino';
import { type FeedMessage, followFeed } from '../feed/feed-client.ts';
import { makeStoryClock, runScenario, type Scenario, SCENARIOS } from '../simulator/scenario.ts';
import { startSimulatorThread, type ThreadedSimulator } from '../simulator/simulator-thread.ts';
import { repeat } from '../lib/clock.ts';
import { type CliContext, type ExitCode, type Monitor, type StartMonitor, UsageError } from './context.ts';
import { FeedPrinter } from './feed-printer.ts';
import { IncidentTable } from './incident-table.ts';

interface DemoOptions {
  readonly stores: number;
  readonly terminals: number;
  readonly scenario: string;
  readonly listen: string;
}

/** How much faster than life the day passes. */
const SPEED = 30;
/** The estate lives here and then: midnight before the Friday, in Stockholm. */
const TIME_ZONE = 'Europe/Stockholm';
const MIDNIGHT_MS = Date.parse('2023-12-22T00:00:00+01:00');
/** Unit: ms. */
const INTERVAL_MS = 5_000;
const TICK_MS = 250;

export function addDemo(program: Command, cli: CliContext, start: StartMonitor): void {
  program
    .command('demo')
    .description('a simulated estate with an outage, and the monitor on it')
    .option('--stores <n>', 'how many stores', parseCount, 44)
    .option('--terminals <n>', 'how many card terminals in all', parseCount, 400)
    .addOption(
      new Option('--scenario <name>', 'what happens').choices([...SCENARIOS.keys()]).default('friday'),
    )
    .option('--listen <host:port>', 'where the monitor answers', '127.0.0.1:9840')
    .action((options: DemoOptions) => cli.finish(() => runDemo(options, cli, start)));
}

async function runDemo(options: DemoOptions, cli: CliContext, start: StartMonitor): Promise<ExitCode> {
  const scenario = SCENARIOS.get(options.scenario);
  if (scenario === undefined) throw new UsageError(`there is no scenario "${options.scenario}"`);
  const { stores, terminals } = options;
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'kassavakt-demo-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const simulator = stack.use(
    await startSimulatorThread({ stores, terminals, seed: 1, intervalMs: INTERVAL_MS, metrics: 'detailed' }),
  );
  const config = await simulator.writeConfig(folder);
  const log = pino({ level: 'error' }, pino.destination(2));
  const started = await start({ config, data: join(folder, 'data'), listen: options.listen }, log);
  if (!started.ok) throw new UsageError(started.error.map(({ message }) => message).join('\n'));
  const monitor = stack.use(started.value);

  cli.print(
    `A fictional group: 3 chains, ${stores} stores, ${terminals} card terminals, all on this machine.`,
  );
  cli.print(
    `The day: ${scenario.summary}. It passes about ${SPEED} times faster than life, its long waits faster still.`,
  );
  cli.print(`Look at ${monitor.url}/ while it does. Ctrl-C ends it.`);
  cli.print('');
  try {
    await tellTheDay({ scenario, simulator, monitor }, cli);
  } catch (error) {
    if (!cli.stop.aborted) throw error;
  }
  return 0;
}

interface Stage {
  readonly scenario: Scenario;
  readonly simulator: ThreadedSimulator;
  readonly monitor: Monitor;
}

/** Prints the feed and lets the day happen, once every target has been judged. Ends when stopped. */
async function tellTheDay({ scenario, simulator, monitor }: Stage, cli: CliContext): Promise<void> {
  const { clock, terminalWidth: width } = cli;
  const hasColours = width !== undefined && (cli.env['NO_COLOR'] ?? '') === '';
  const printer = new FeedPrinter({ width, hasColours, timeZone: TIME_ZONE, pace: SPEED });
  const table = new IncidentTable(TIME_ZONE);
  let isSummed = false;
  const sumUp = (heading: string): void => {
    if (day === undefined || isSummed) return;
    isSummed = true;
    cli.print(`\n${heading}`);
    table.lines(toStory(clock.nowMs())).forEach(cli.print);
  };
  let storyTime = (realMs: number): number =>
    scenario.startsAtMinutes + ((realMs - clock.nowMs()) * SPEED) / 60_000;
  const toStory = (realMs: number): number => MIDNIGHT_MS + storyTime(realMs) * 60_000;
  const unjudged = new Set(simulator.targets.map(({ id }) => id));
  let day: Promise<void> | undefined;
  using _ticks = repeat(clock, TICK_MS, () => {
    const lines = printer.tick(toStory(clock.nowMs()));
    if (day !== undefined) lines.forEach(cli.print);
  });

  for await (const message of followFeed({ url: new URL(monitor.url), clock }, cli.stop)) {
    const told = inStoryTime(message, toStory);
    if (told.kind === 'events') for (const event of told.events) table.hear(event);
    const lines = printer.print(told, toStory(clock.nowMs()));
    if (day === undefined) {
      for (const id of judgedIn(message)) unjudged.delete(id);
      if (unjudged.size > 0) continue;
      storyTime = makeStoryClock(scenario, simulator, SPEED, clock.nowMs());
      cli.print(`All ${simulator.targets.length} targets answer. The day begins.`);
      day = runScenario(simulator, scenario, {
        speed: SPEED,
        clock,
        signal: cli.stop,
        onStep: ({ time, tells }) => cli.print(`\n${time}     ${tells}`),
      });
      void day.then(
        () => {
          sumUp('The incidents of the day:');
          cli.print(`\nThe day is over. The monitor goes on at ${monitor.url}/ until you press Ctrl-C.`);
        },
        (error: unknown) => {
          if (cli.stop.aborted) return;
          cli.complain(`The day breaks off: ${Error.isError(error) ? error.message : String(error)}`);
        },
      );
      continue;
    }
    lines.forEach(cli.print);
  }
  if (!cli.stop.aborted) await once(cli.stop, 'abort');
  sumUp('The incidents so far:');
}

function judgedIn(message: FeedMessage): readonly string[] {
  if (message.kind !== 'events') return [];
  return message.events.flatMap(({ kind, ...event }) =>
    kind === 'target-state-changed' && event['to'] === 'up' ? [String(event['target'])] : [],
  );
}

/** The same message with every stamp moved into the story. */
function inStoryTime<Message>(message: Message, toStory: (realMs: number) => number): Message {
  const text = JSON.stringify(message, (key, value: unknown) =>
    typeof value === 'string' && /^(?:at|since|openedAt|resolvedAt)$/.test(key)
      ? new Date(toStory(Date.parse(value))).toISOString()
      : value,
  );
  return JSON.parse(text) as Message;
}

function parseCount(text: string): number {
  const count = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (count >= 1) return count;
  throw new InvalidArgumentError('Write a whole number from 1 to 999999.');
}
