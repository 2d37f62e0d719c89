import { once } from 'node:events';
import type { Command } from 'commander';
import type { Logger } from 'pino';
import { formatProblem } from '../settings/settings.ts';
import {
  type CliContext,
  type ExitCode,
  type Monitor,
  type MonitorOptions,
  type StartMonitor,
  UsageError,
} from './context.ts';

export function addServe(program: Command, cli: CliContext, start: StartMonitor, log: Logger): void {
  program
    .command('serve')
    .description('run the monitor')
    .option('--config <file>', 'the configuration (YAML)')
    .option(
      '--blackbox-config <file>',
      'a configuration of blackbox_exporter: /probe takes its modules. Without --config nothing else is done',
    )
    .option('--listen <host:port>', "where to answer, instead of the configuration's listen")
    .option('--data <dir>', "where the journal is kept, instead of the configuration's data_dir")
    .action((options: MonitorOptions) => cli.finish(() => runServe(options, cli, start, log)));
}

async function runServe(
  options: MonitorOptions,
  cli: CliContext,
  start: StartMonitor,
  log: Logger,
): Promise<ExitCode> {
  if (options.config === undefined && options.blackboxConfig === undefined) {
    throw new UsageError('Give --config FILE, --blackbox-config FILE, or both.');
  }
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
