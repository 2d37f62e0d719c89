import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import { compileRegex, type RegexFinding, type RegexJob, type RegexMatch, runRegex } from './regex-match.ts';

/** Largest pattern to accept, in instructions of its compiled program; repeat counts multiply. */
const MAX_PROGRAM = 2_000;

/**
 * Searches up to this many instructions × characters run in place. Unit: about 4 ns at worst, so some 8 ms; usually
 * a hundredth of it. Larger ones run in a thread.
 */
const INLINE_WORK = 2_000_000;

const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './regex-worker.ts' : './regex-worker.js',
  import.meta.url,
);

/** A regular expression in Go's syntax, as blackbox_exporter reads them: no back references, no look-around. */
export const regexOption = z.string().superRefine((text, context) => {
  const problem = problemOf(text);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

function problemOf(text: string): string | undefined {
  try {
    return compileRegex(text).programSize() > MAX_PROGRAM
      ? `the regular expression ${text} is too large: lower its repeat counts`
      : undefined;
  } catch (error) {
    const why = Error.isError(error)
      ? error.message.replace(/^error parsing regexp: /, '')
      : 'it does not parse';
    return `"${text}" is not a regular expression as Go reads them: ${why}`;
  }
}

/** `unfinished`: the abort came first, or the search could not run here: our fault, so it says nothing of the text. */
export type Search =
  | { readonly kind: 'absent' }
  | { readonly kind: 'found'; readonly match?: RegexMatch }
  | { readonly kind: 'unfinished' };

/**
 * Searches texts from outside for a module's patterns. Time is linear in the text (RE2), and what could take long
 * runs in a thread of the searcher's own, started when first needed: neither pattern nor text can stall the process.
 */
export class RegexSearcher implements AsyncDisposable {
  private worker: Worker | undefined;
  private turn: Promise<unknown> = Promise.resolve();
  private disposed = false;

  /** Whether `pattern` is found in `text`, with the groups of its first match if wanted. Never rejects. */
  async search(job: RegexJob, signal: AbortSignal): Promise<Search> {
    if (signal.aborted || this.disposed) return UNFINISHED;
    if (compileRegex(job.pattern).programSize() * job.text.length <= INLINE_WORK)
      return searchOf(runRegex(job));
    return await new Promise((resolve) => {
      const onAbort = (): void => resolve(UNFINISHED);
      signal.addEventListener('abort', onAbort, { once: true });
      this.turn = this.turn
        .then(() => this.searchInThread(job, signal))
        // A thread that cannot be started is our own lack.
        .then(resolve, () => resolve(UNFINISHED))
        .finally(() => signal.removeEventListener('abort', onAbort));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true;
    await this.stopWorker();
  }

  private async searchInThread(job: RegexJob, signal: AbortSignal): Promise<Search> {
    if (signal.aborted || this.disposed) return UNFINISHED;
    const worker = (this.worker ??= startWorker());
    const search = await new Promise<Search>((resolve) => {
      const onAbort = (): void => settle(UNFINISHED);
      const settle = (result: Search): void => {
        signal.removeEventListener('abort', onAbort);
        worker.removeAllListeners('message').removeAllListeners('exit');
        resolve(result);
      };
      worker.once('message', (finding: RegexFinding) => settle(searchOf(finding)));
      worker.once('exit', () => settle(UNFINISHED));
      signal.addEventListener('abort', onAbort, { once: true });
      worker.postMessage(job, []);
    });
    if (search.kind === 'unfinished') await this.stopWorker();
    return search;
  }

  private async stopWorker(): Promise<void> {
    const { worker } = this;
    this.worker = undefined;
    await worker?.terminate();
  }
}

const UNFINISHED: Search = { kind: 'unfinished' };

function searchOf(finding: RegexFinding): Search {
  if (!finding.found) return { kind: 'absent' };
  return finding.match === undefined ? { kind: 'found' } : { kind: 'found', match: finding.match };
}

function startWorker(): Worker {
  const worker = new Worker(WORKER, {
    name: 'regex',
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 256 },
  });
  // Its end is seen as `exit`; without a listener an error would end this process too.
  worker.on('error', () => undefined);
  worker.unref();
  return worker;
}
