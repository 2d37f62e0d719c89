import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { pino } from 'pino';
import { addAck } from './cli/ack.ts';
import { addCheck } from './cli/check.ts';
import { type CliContext, type ExitCode, UsageError } from './cli/context.ts';
import { addDemo } from './cli/demo.ts';
import { addExplain } from './cli/explain.ts';
import { addImport } from './cli/import.ts';
import { addJournal } from './cli/journal.ts';
import { addMaintenance } from './cli/maintenance.ts';
import { addNotify } from './cli/notify.ts';
import { addReplay } from './cli/replay.ts';
import { addReport } from './cli/report.ts';
import { addServe } from './cli/serve.ts';
import { addSilence } from './cli/silence.ts';
import { addSimulate } from './cli/simulate.ts';
import { addStatus } from './cli/status.ts';
import { addValidate } from './cli/validate.ts';
import { addWatch } from './cli/watch.ts';
import { addWhy } from './cli/why.ts';
import { systemClock } from './lib/clock.ts';
import { monitorStarter } from './monitor.ts';
import { notifiers } from './notifiers/registry.ts';
import { probers } from './probes/registry.ts';
import { loadSettings } from './settings/load-settings.ts';

/** A second signal this long after the first means: now. Sooner, it is the same one by another way. Unit: ms. */
const INSIST_AFTER_MS = 500;

const version = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version;

followParent();
const cli = makeContext();
const log = pino({
  base: null,
  level: logLevel(),
  timestamp: pino.stdTimeFunctions.isoTime,
});
const start = monitorStarter({
  version,
  probers,
  notifiers,
  loadSettings,
  clock: systemClock,
  env: process.env,
});

const program = new Command('kassavakt')
  .description("Watches a retail chain's ways of being paid.")
  .version(version)
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, '')) })
  .showHelpAfterError('Run "kassavakt --help" for the commands and their options.');
addServe(program, cli, start, log);
addDemo(program, cli, start);
addSimulate(program, cli);
addCheck(program, cli, probers, (file, kinds, env) => loadSettings(file, kinds, env, notifiers));
addValidate(program, cli, probers, notifiers);
addImport(program, cli, probers);
addWatch(program, cli);
addStatus(program, cli);
addAck(program, cli);
addSilence(program, cli);
addMaintenance(program, cli);
addReport(program, cli);
addWhy(program, cli);
addExplain(program, cli);
addJournal(program, cli);
addReplay(program, cli, probers, notifiers);
addNotify(program, cli, { probers, notifiers });

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}

/** An unknown level is told and passed over: the monitor is worth more than its log. */
function logLevel(): string {
  const wanted = process.env['LOG_LEVEL'] ?? 'info';
  const known = [...Object.values(pino.levels.labels), 'silent'];
  if (known.includes(wanted)) return wanted;
  process.stderr.write(`LOG_LEVEL is "${wanted}"; it is one of ${known.join(', ')}. Going on with info.\n`);
  return 'info';
}

function makeContext(): CliContext {
  process.stdout.on('error', endQuietlyWithoutReader);
  const stop = new AbortController();
  let stoppedAtMs: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      const now = systemClock.monotonicMs();
      if (stoppedAtMs !== undefined && now - stoppedAtMs > INSIST_AFTER_MS) process.exit(130);
      stoppedAtMs ??= now;
      stop.abort(new DOMException(`stopped by ${signal}`, 'AbortError'));
    });
  }
  return {
    print: (line) => process.stdout.write(`${line}\n`),
    complain: (line) => process.stderr.write(`${line}\n`),
    stop: stop.signal,
    onHangup: (listener) => {
      process.on('SIGHUP', listener);
      return { [Symbol.dispose]: () => process.off('SIGHUP', listener) };
    },
    env: process.env,
    clock: systemClock,
    terminalWidth: process.stdout.isTTY ? process.stdout.columns : undefined,
    finish,
  };
}

async function finish(run: () => Promise<ExitCode>): Promise<void> {
  try {
    process.exitCode = await run();
  } catch (error) {
    process.stderr.write(`${Error.isError(error) ? error.message : String(error)}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 3;
  }
}

/** Whoever read our output is gone (`kassavakt watch | head`): there is nothing more to do. */
function endQuietlyWithoutReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
}

/** Started by an older Node (see bin/kassavakt.js): end with it, however it ends, or its port would stay taken. */
function followParent(): void {
  if (process.env['KASSAVAKT_FOLLOWS_PARENT'] === undefined || process.channel === undefined) return;
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  process.channel?.unref();
}
