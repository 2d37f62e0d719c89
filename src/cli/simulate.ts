import { once } from 'node:events';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { formatDuration, parseDuration } from '../lib/duration.ts';
import { isLoopback, parseListen } from '../settings/listen.ts';
import type { ListenAddress } from '../settings/settings.ts';
import { type ControlServer, serveControl } from '../simulator/control.ts';
import type { Simulator } from '../simulator/simulator.ts';
import { startSimulator } from '../simulator/start-simulator.ts';
import type { Metrics } from '../simulator/write-config.ts';
import type { CliContext, ExitCode } from './context.ts';

interface SimulateOptions {
  readonly stores: number;
  readonly terminals: number;
  readonly out: string;
  readonly control: ListenAddress;
  readonly interval: number;
  readonly seed: number;
  readonly metrics: Metrics;
}

/** Modules are never probed more often. Unit: ms. */
const SHORTEST_INTERVAL_MS = 1_000;
const LONGEST_INTERVAL_MS = 86_400_000;

export function addSimulate(program: Command, cli: CliContext): void {
  program
    .command('simulate')
    .description('run a simulated estate, and write a configuration that watches it')
    .requiredOption('--stores <n>', 'how many stores', parseCount)
    .requiredOption('--terminals <n>', 'how many card terminals in all', parseCount)
    .requiredOption('--out <dir>', 'where the configuration is written')
    .option('--control <host:port>', 'where faults are ordered; loopback only', parseControl, {
      host: '127.0.0.1',
      port: 0,
    })
    .option('--interval <duration>', 'how often the configuration has targets probed', parseInterval, 5_000)
    .addOption(
      new Option('--metrics <which>', 'how much of each target the configuration has exported')
        .choices(['basic', 'detailed'])
        .default('basic'),
    )
    .option('--seed <n>', 'another number makes another estate', parseSeed, 1)
    .action((options: SimulateOptions) => cli.finish(() => runSimulate(options, cli)));
}

async function runSimulate(options: SimulateOptions, cli: CliContext): Promise<ExitCode> {
  const { stores, terminals, seed, interval: intervalMs, metrics } = options;
  const failed = (what: string, error: unknown): ExitCode => {
    cli.complain(`${what}: ${whyNot(error)}.`);
    return 3;
  };
  await using stack = new AsyncDisposableStack();
  let simulator: Simulator;
  try {
    simulator = stack.use(
      await startSimulator({ stores, terminals, seed, intervalMs, metrics, clock: cli.clock }),
    );
  } catch (error) {
    return failed('The estate cannot start', error);
  }
  let config: string;
  try {
    config = await simulator.writeConfig(options.out);
  } catch (error) {
    return failed(`The configuration cannot be written to "${options.out}"`, error);
  }
  let control: ControlServer;
  try {
    control = stack.use(await serveControl(simulator, options.control));
  } catch (error) {
    return failed(`Orders cannot be taken on ${options.control.host}:${options.control.port}`, error);
  }
  cli.print(
    `Simulating ${stores} stores and ${terminals} terminals, to be probed every ${formatDuration(intervalMs)}.`,
  );
  cli.print(`Watch it:  kassavakt serve --config ${quote(config)}`);
  cli.print(`Break it:  curl ${control.url}/faults --json '{"where":{"chain":"Solhaga"},"fault":"refuse"}'`);
  cli.print(`Control:   ${control.url}`);
  if (!cli.stop.aborted) await once(cli.stop, 'abort');
  return 0;
}

function parseCount(text: string): number {
  const count = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (count >= 1) return count;
  throw new InvalidArgumentError('Write a whole number from 1 to 999999.');
}

function parseSeed(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Write a whole number from 0 to 999999999.');
}

function parseInterval(text: string): number {
  const read = parseDuration(text);
  if (!read.ok) throw new InvalidArgumentError(`${read.error}.`);
  if (read.value >= SHORTEST_INTERVAL_MS && read.value <= LONGEST_INTERVAL_MS) return Math.round(read.value);
  throw new InvalidArgumentError('Write a duration from 1s to 24h.');
}

function parseControl(text: string): ListenAddress {
  const read = parseListen(text);
  if (!read.ok) throw new InvalidArgumentError(`${read.error}.`);
  if (isLoopback(read.value.host)) return read.value;
  throw new InvalidArgumentError(
    `"${read.value.host}" can be reached from outside; whoever reaches it may break things: write 127.0.0.1:${read.value.port}.`,
  );
}

function whyNot(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return 'this user may not; choose another place';
    case 'EROFS':
      return 'that file system is read-only; choose another folder with --out';
    case 'EEXIST':
    case 'ENOTDIR':
      return 'it, or a part of it, is a file; choose another folder with --out';
    case 'ENOSPC':
      return 'the disk is full';
    case 'EADDRINUSE':
      return 'another program has that port; choose one with --control, or port 0 for any that is free';
    case 'EMFILE':
    case 'ENFILE':
      return 'the system lets a program open too few files for so many targets; raise the limit with "ulimit -n"';
    default:
      return message;
  }
}

/** For a shell. */
function quote(path: string): string {
  return /^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
