import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Linux counts processor time in ticks of this many a second, on every machine. */
const TICKS_PER_SECOND = 100;

/** What must not outlive this process, however it ends. */
const atExit = new Set<() => void>();
process.on('exit', () => {
  for (const undo of atExit) undo();
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

/** Calls `undo` when this process ends, on a signal too, unless the result was disposed before. Not on SIGKILL. */
export function undoAtExit(undo: () => void): Disposable {
  atExit.add(undo);
  return { [Symbol.dispose]: () => atExit.delete(undo) };
}

/** Processor time of a process so far: all its threads, and those of its children that have ended. Unit: s. */
export function cpuSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  // utime, stime, cutime, cstime: fields 14 to 17 of proc(5), of which the first two are cut off.
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return ticks / TICKS_PER_SECOND;
}

/** Resident memory of a process. Unit: MiB. */
export function residentMib(pid: number): number {
  const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / 1_024;
}

/** Throws, with what to do, when this shell lets a process open fewer files than `needed`. */
export function requireOpenFiles(needed: number): void {
  const most = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  if (most === undefined || Number(most) >= needed) return;
  throw new Error(
    `this benchmark opens up to ${needed} files in one process and the limit is ${most}; ` +
      `run "ulimit -n ${needed}" in this shell first`,
  );
}

/** A process of the benchmark's own that was told what to do, and answers. */
export interface Helper<Ready> extends AsyncDisposable {
  readonly pid: number;
  /** What it said when it was ready. */
  readonly ready: Ready;
  /** One question at a time. Rejects when the process ends instead of answering. */
  ask<Answer>(question: unknown): Promise<Answer>;
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
}

/** Starts `file` of this folder as a process of its own with `options`, and waits for its first message. */
export async function startHelper<Ready>(file: string, options: unknown): Promise<Helper<Ready>> {
  const child = fork(join(import.meta.dirname, file), [JSON.stringify(options)], { execArgv: [] });
  const pid = pidOf(child);
  const next = async <Message>(): Promise<Message> => {
    const given = new AbortController();
    const ended = once(child, 'exit', { signal: given.signal }).then(() => {
      throw new Error(`${file} ended without an answer`);
    });
    ended.catch(() => undefined);
    try {
      const [message] = await Promise.race([once(child, 'message', { signal: given.signal }), ended]);
      return message as Message;
    } finally {
      given.abort();
    }
  };
  try {
    return {
      pid,
      ready: await next<Ready>(),
      async ask<Answer>(question: unknown) {
        const answer = next<Answer>();
        child.send({ question });
        return answer;
      },
      signal: (signal) => child.kill(signal),
      [Symbol.asyncDispose]: () => endProcess(child, 'SIGKILL'),
    };
  } catch (error) {
    await endProcess(child, 'SIGKILL');
    throw error;
  }
}

/** In a helper: the options it was started with. */
export function helperOptions(): unknown {
  return JSON.parse(process.argv[2] ?? '{}');
}

/** In a helper: says it is ready, and answers what it is asked from then on. It ends with its parent. */
export function serveParent(ready: unknown, answer: (question: unknown) => unknown): void {
  process.on('disconnect', () => process.exit());
  process.on('message', ({ question }: { question: unknown }) => {
    // A rejection that nobody takes ends the process, and so tells the parent.
    void Promise.resolve(answer(question)).then((said) => process.send?.(said ?? {}));
  });
  process.send?.(ready);
}

/** Starts another program, quiet but for its errors when `stderr` is `inherit`. */
export function startProgram(
  program: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly stderr: 'inherit' | 'ignore' },
): { readonly pid: number; readonly child: ChildProcess } & AsyncDisposable {
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', options.stderr],
    env: options.env ?? process.env,
  });
  return { pid: pidOf(child), child, [Symbol.asyncDispose]: () => endProcess(child, 'SIGTERM') };
}

export async function endProcess(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

function pidOf(child: ChildProcess): number {
  child.on('error', () => undefined);
  if (child.pid === undefined) throw new Error(`${child.spawnfile} cannot be started: is it installed?`);
  const ending = undoAtExit(() => child.kill('SIGKILL'));
  child.once('exit', () => ending[Symbol.dispose]());
  return child.pid;
}
