import { Command } from 'commander';
import type { CliContext, ExitCode } from '../../src/cli/context.ts';
import { systemClock } from '../../src/lib/clock.ts';

/** What a command printed, and how it ended. */
export interface Ran {
  readonly code: ExitCode;
  readonly printed: readonly string[];
  readonly complained: readonly string[];
}

/**
 * Runs `kassavakt <args>` in this process; `stop` ends it. `onPrint` sees each line as it comes, `hangUps` is where
 * who waits for SIGHUP is added.
 */
export async function runCli(
  add: (program: Command, cli: CliContext) => void,
  args: readonly string[],
  options: {
    readonly stop?: AbortSignal;
    readonly env?: CliContext['env'];
    readonly width?: number;
    readonly onPrint?: (line: string) => void;
    readonly hangUps?: Set<() => void>;
  } = {},
): Promise<Ran> {
  const printed: string[] = [];
  const complained: string[] = [];
  let code: ExitCode = 0;
  const program = new Command('kassavakt').exitOverride().configureOutput({ writeErr: () => {} });
  add(program, {
    print: (line) => {
      printed.push(line);
      options.onPrint?.(line);
    },
    complain: (line) => complained.push(line),
    stop: options.stop ?? new AbortController().signal,
    onHangup: (listener) => {
      options.hangUps?.add(listener);
      return { [Symbol.dispose]: () => options.hangUps?.delete(listener) };
    },
    env: options.env ?? {},
    clock: systemClock,
    terminalWidth: options.width,
    finish: async (run) => {
      code = await run();
    },
  });
  await program.parseAsync(args, { from: 'user' });
  return { code, printed, complained };
}
