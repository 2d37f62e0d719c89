import { once } from 'node:events';
import type { Command } from 'commander';
import type { Logger } from 'pino';
import { formatProblem } from '../settings/settings.ts';
import type { CliContext, ExitCode, Monitor, StartMonitor } from './context.ts';

interface ServeOptions {
  readonly config: string;
  readonly listen?: string;
  readonly data?: string;
}

export function addServe(program: Command, cli: CliContext, start: StartMonitor, log: Logger): void {
  program
    .command('serve')
    .description('run the monitor')
    .requiredOption('--config <file>', 'the configuration (YAML)')
    .option('--listen <host:port>', "where to answer, instead of the configuration's listen")
    .option('--data <dir>', "where the journal is kept, instead of the configuration's data_dir")
    .action((options: ServeOptions) => cli.finish(() => runServe(options, cli, start, log)));
}

async function runServe(
  options: ServeOptions,
  cli: CliContext,
  start: StartMonitor,
  log: Logger,
): Promise<ExitCode> {
  let running: Monitor | undefined;
  let isReloadDue = false;
  const reload = (): void => {
    if (cli.stop.aborted) return;
    isReloadDue = running === undefined;
    running
      ?.reload()
      .catch((error: unknown) =>
        log.error({ event: 'config.failed', err: error }, 'the configuration could not be read anew'),
      );
  };
  // Before the start, which may take seconds: unheard, a SIGHUP would end the process.
  using _hangups = cli.onHangup(reload);
  const started = await start(options, log);
  if (!started.ok) {
    for (const problem of started.error) cli.complain(formatProblem(problem));
    return 2;
  }
  await using monitor = started.value;
  running = monitor;
  if (isReloadDue) reload();
  log.info({ event: 'monitor.started', url: monitor.url }, 'watching');
  if (!cli.stop.aborted) await once(cli.stop, 'abort');
  log.info({ event: 'monitor.stopping' }, 'stopping');
  return 0;
}
