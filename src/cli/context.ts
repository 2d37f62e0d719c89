import type { Logger } from 'pino';
import type { ReloadSummary } from '../http/app-context.ts';
import type { Clock } from '../lib/clock.ts';
import type { Result } from '../lib/result.ts';
import type { SettingsProblem } from '../settings/settings.ts';

/** 0 yes or ok; 1 the answer is no; 2 usage or configuration; 3 could not run. */
export type ExitCode = 0 | 1 | 2 | 3;

/**
 * What a command may know of the world. `main.ts` makes the real one; tests make their own.
 * Each command is a file that exports `add<Name>(program, cli)`: it declares its options on `program` and in its
 * action calls `cli.finish(() => run<Name>(options, cli))`.
 */
export interface CliContext {
  /** One line to standard output. */
  readonly print: (line: string) => void;
  /** One line to standard error. */
  readonly complain: (line: string) => void;
  /** Aborts on SIGINT and SIGTERM: end what runs, cleanly. */
  readonly stop: AbortSignal;
  /** Calls `listener` on each SIGHUP. */
  readonly onHangup: (listener: () => void) => Disposable;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Standard output's width when it is a terminal; undefined when it is not: then no colours, no redrawing. */
  readonly terminalWidth: number | undefined;
  /** Runs a command to its exit code. An error that escapes is printed and becomes 3. */
  readonly finish: (run: () => Promise<ExitCode>) => Promise<void>;
}

/** The command line or the environment asks for what cannot be: printed as it is, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** One of `config` and `blackboxConfig` at least is given. */
export interface MonitorOptions {
  /** Absent: no estate, and settings by default. */
  readonly config?: string;
  /** A configuration of blackbox_exporter, whose modules `/probe` takes. */
  readonly blackboxConfig?: string;
  /** `host:port` instead of the configuration's. */
  readonly listen?: string;
  /** Folder instead of the configuration's. */
  readonly data?: string;
}

/** A monitor at work. Disposing it ends every probe, writes what is confirmed and lets every client go. */
export interface Monitor extends AsyncDisposable {
  /** Where it answers, e.g. `http://127.0.0.1:9840`. */
  readonly url: string;
  reload(): Promise<Result<ReloadSummary, readonly SettingsProblem[]>>;
}

/** Starts the whole monitor: the composition root's, handed to the commands that need one. */
export type StartMonitor = (
  options: MonitorOptions,
  log: Logger,
) => Promise<Result<Monitor, readonly SettingsProblem[]>>;
