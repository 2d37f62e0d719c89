import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { SelfReason } from '../core/reason.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { redact } from '../lib/redact.ts';
import { isTimeout } from './deadline.ts';
import { codeOf } from './fault.ts';

/** What became of one ping. Every duration in ms. */
export type Ping =
  | { readonly kind: 'answered'; readonly rttMs: number; readonly sentAtMs: number }
  /** It was sent and nothing came back. */
  | { readonly kind: 'silent'; readonly sentAtMs: number }
  /** The network answered in the host's place; `detail` is what it said. */
  | { readonly kind: 'unreachable'; readonly detail: string; readonly sentAtMs: number }
  /** Our own fault. */
  | { readonly kind: 'not-sent'; readonly reason: SelfReason; readonly detail: string };

export interface PingerSettings {
  readonly program: string;
  /** How long fping waits for an answer. Unit: ms. */
  readonly timeoutMs: number;
  /** Further arguments of fping, the same for every ping; never anything from a request. */
  readonly args: readonly string[];
  /** Between two requests of one run. Unit: ms. 0.1 or more. See `safeIntervalMs`. */
  readonly intervalMs: number;
  readonly clock: Clock;
}

/**
 * How far apart requests must leave so that a busy machine loses no answers. Every fping gets a copy of every ICMP
 * answer that comes in; the kernel keeps them while the process waits for a processor, as many as
 * `net.core.rmem_default` allows, and drops the rest, which would look like silence. Unit: ms.
 */
export function safeIntervalMs(receiveBufferBytes: number, payloadBytes: number): number {
  const kept = receiveBufferBytes / (KERNEL_BYTES_PER_PACKET + payloadBytes);
  return Math.min(10, Math.max(0.1, Math.round((10 * WAIT_FOR_PROCESSOR_MS) / kept) / 10));
}

/**
 * Pings any number of hosts with few processes: requests are gathered and each batch is one run of fping, which reads
 * the addresses from its standard input. The first ping after a rest waits only a moment; while pings keep coming, a
 * batch is gathered for a tenth of the time-out, a second at most. To start a process costs as much as a hundred pings, and every run in
 * flight (silent hosts hold theirs open until the time-out) gets a copy of every answer. Only one run of this process
 * sends at a time.
 */
export class Pinger implements AsyncDisposable {
  private readonly settings: PingerSettings;
  /** When the last run of any pinger has sent its last request. Monotonic ms. */
  private static sentByMs = Number.NEGATIVE_INFINITY;
  private readonly runs = new Set<Run>();
  private readonly gathered = new Map<string, Waiter[]>();
  private launching: Timer | undefined;
  /** When the last batch was begun. Monotonic ms. */
  private launchedAtMs = Number.NEGATIVE_INFINITY;
  private closed = false;

  private constructor(settings: PingerSettings) {
    this.settings = settings;
  }

  /** A pinger that has been seen to work here. Throws `FpingFault` when fping is missing or cannot ping. */
  static async open(settings: PingerSettings): Promise<Pinger> {
    const pinger = new Pinger(settings);
    await pinger.tryOut();
    return pinger;
  }

  /**
   * Sends one echo request to `ip`, an address literal. A `TimeoutError` abort settles it as silent or, when it had
   * not been sent yet, as not sent in time; any other abort rejects with its reason.
   */
  ping(ip: string, signal: AbortSignal): Promise<Ping> {
    if (this.closed) return Promise.resolve(STOPPED);
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        signal.removeEventListener('abort', onAbort);
        waiter.settled = true;
        act();
      };
      const waiter: Waiter = {
        settled: false,
        askedAtMs: this.settings.clock.monotonicMs(),
        place: undefined,
        answer: (ping) => settle(() => resolve(ping)),
        refuse: (reason) => settle(() => reject(reason)),
      };
      const onAbort = (): void => {
        if (!isTimeout(signal.reason)) {
          waiter.refuse(signal.reason);
          waiter.place?.run.endIfIdle();
          return;
        }
        // A late loop fires timers before it reads: an answer that is already here gets its turn first.
        setImmediate(() => {
          if (!waiter.settled) waiter.answer(this.silence(waiter));
          waiter.place?.run.endIfIdle();
        });
      };
      signal.addEventListener('abort', onAbort);
      if (signal.aborted) onAbort();
      else this.gather(ip, waiter);
    });
  }

  /** Ends every run; pings still open are answered as not sent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
    this.launching?.[Symbol.dispose]();
    for (const waiter of Array.from(this.gathered.values()).flat()) {
      if (!waiter.settled) waiter.answer(STOPPED);
    }
    this.gathered.clear();
    await Promise.all(Array.from(this.runs, (run) => run.kill()));
  }

  private gather(ip: string, waiter: Waiter): void {
    const waiters = this.gathered.get(ip);
    if (waiters === undefined) this.gathered.set(ip, [waiter]);
    else waiters.push(waiter);
    this.launching ??= this.launchIn(this.windowMs());
  }

  /** What a ping's deadline means: silence only of a host whose ping left in the first half of the time-out. */
  private silence({ askedAtMs, place }: Waiter): Ping {
    const { clock, intervalMs, timeoutMs } = this.settings;
    if (place === undefined) return NOT_IN_TIME;
    const sentAtMs = place.run.startedAtMs + place.index * intervalMs;
    const isFair = sentAtMs <= Math.min(clock.monotonicMs(), askedAtMs + timeoutMs / 2);
    return isFair ? { kind: 'silent', sentAtMs } : NOT_IN_TIME;
  }

  private windowMs(): number {
    const { clock, timeoutMs } = this.settings;
    const sinceLastMs = clock.monotonicMs() - this.launchedAtMs;
    return Math.max(MIN_WINDOW_MS, Math.min(timeoutMs / 10, MAX_WINDOW_MS) - sinceLastMs);
  }

  private launchIn(delayMs: number): Timer {
    const { clock } = this.settings;
    const untilFreeMs = Pinger.sentByMs - clock.monotonicMs();
    return clock.after(Math.max(delayMs, untilFreeMs), () => this.launch());
  }

  private launch(): void {
    this.launching = undefined;
    const { clock, intervalMs } = this.settings;
    // Another pinger may have begun to send since the timer was set.
    if (clock.monotonicMs() < Pinger.sentByMs) {
      this.launching = this.launchIn(0);
      return;
    }
    const hosts = this.takeHosts(Math.ceil(LONGEST_SENDING_MS / intervalMs));
    if (this.gathered.size > 0) this.launching = clock.after(0, () => this.launch());
    if (hosts.size === 0) return;
    let run: Run;
    try {
      run = new Run(this.settings, hosts);
    } catch (error) {
      for (const waiter of Array.from(hosts.values()).flat()) waiter.answer(startFault(error));
      return;
    }
    this.launchedAtMs = run.startedAtMs;
    Pinger.sentByMs = run.startedAtMs + hosts.size * intervalMs;
    this.runs.add(run);
    void run.ended.then(() => this.runs.delete(run));
  }

  /** The first `count` hosts that somebody still waits for. */
  private takeHosts(count: number): Map<string, Waiter[]> {
    const hosts = new Map<string, Waiter[]>();
    for (const [ip, waiters] of this.gathered) {
      if (hosts.size >= count) break;
      this.gathered.delete(ip);
      const waiting = waiters.filter((waiter) => !waiter.settled);
      if (waiting.length > 0) hosts.set(ip, waiting);
    }
    return hosts;
  }

  /** Pings loopback once: whatever fping lacks (itself, a permission, a valid option), it says here. */
  private async tryOut(): Promise<void> {
    const { program, args } = this.settings;
    let works = false;
    let complaint = '';
    let child: ChildProcessWithoutNullStreams | undefined;
    try {
      child = start(program, [...args, ...OUTPUT_ARGS, '-t', '200']);
      child.stdin.on('error', () => undefined);
      child.stdin.end('127.0.0.1\n');
      eachLine(child.stdout, (line) => (works ||= RESULT.test(line)));
      eachLine(child.stderr, (line) => (complaint ||= line.trim()));
      await once(child, 'close', { signal: AbortSignal.timeout(TRY_OUT_MS) });
    } catch (error) {
      child?.kill('SIGKILL');
      if (Error.isError(error) && error.name === 'AbortError')
        throw new FpingFault('stuck', `it does not finish within ${TRY_OUT_MS / 1_000} s`);
      throw new FpingFault(codeOf(error) === 'ENOENT' ? 'missing' : 'not-startable', codeOf(error));
    }
    if (works) return;
    const permitted = !/can't create.*socket/i.test(complaint);
    throw new FpingFault(permitted ? 'unusable' : 'not-permitted', complaint || 'it ends without a word');
  }
}

/** Why fping cannot be used here. The message is fping's or the system's own. */
export class FpingFault extends Error {
  override readonly name = 'FpingFault';
  readonly fault: 'missing' | 'not-startable' | 'not-permitted' | 'unusable' | 'stuck';

  constructor(fault: FpingFault['fault'], message: string) {
    super(message);
    this.fault = fault;
  }
}

/** One line a result, and what went wrong while sending on standard error; one request a host, no repeat. */
const OUTPUT_ARGS = ['-e', '-r', '0'] as const;
const MIN_WINDOW_MS = 50;
/** However patient a module is, somebody may wait for one ping. */
const MAX_WINDOW_MS = 1_000;
/** The last host of a run must not wait much longer than the first. */
const LONGEST_SENDING_MS = 250;
/** What the kernel counts for a small packet that waits to be read, at most; and how long it may have to wait. */
const KERNEL_BYTES_PER_PACKET = 1_280;
const WAIT_FOR_PROCESSOR_MS = 150;
const TRY_OUT_MS = 5_000;
const MAX_LINE_CHARS = 1_024;

const RESULT = /^(\S+) is (?:alive \(([\d.e+-]+) ms\)|(unreachable)$)/;
/** What fping adds, without ending the line, to the result of a host that answers from another address. */
const FOREIGN_REPLY = / \[<- [^\]]*\]/g;
const ICMP_REPLY = /(ICMP .+?) from (\S+) for ICMP Echo sent to (\S+)\s*$/;
const HOST_TROUBLE = /(\S+): (?:error while sending ping: )?(.+)$/;

const NOT_IN_TIME: Ping = {
  kind: 'not-sent',
  reason: 'self-late',
  detail: 'the time was over before the ping could be sent and waited for',
};

const STOPPED: Ping = { kind: 'not-sent', reason: 'self-program', detail: 'the prober was closed' };

interface Waiter {
  settled: boolean;
  /** Monotonic ms. */
  readonly askedAtMs: number;
  /** The run it belongs to, and its turn there; undefined until then. */
  place: { readonly run: Run; readonly index: number } | undefined;
  answer(ping: Ping): void;
  refuse(reason: unknown): void;
}

/** One fping process and the requests that wait for it. */
class Run {
  readonly startedAtMs: number;
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>;
  private readonly hosts: Map<string, Waiter[]>;
  private readonly intervalMs: number;
  private readonly child: ChildProcessWithoutNullStreams;
  private lastComplaint = '';

  /** Throws as `start`. */
  constructor(settings: PingerSettings, hosts: Map<string, Waiter[]>) {
    this.hosts = hosts;
    this.intervalMs = settings.intervalMs;
    const timing = ['-i', String(settings.intervalMs), '-t', String(Math.ceil(settings.timeoutMs))];
    this.child = start(settings.program, [...settings.args, ...OUTPUT_ARGS, ...timing]);
    this.startedAtMs = settings.clock.monotonicMs();
    for (const [index, waiters] of Array.from(hosts.values()).entries()) {
      for (const waiter of waiters) waiter.place = { run: this, index };
    }
    eachLine(this.child.stdout, (line) => this.takeResult(line));
    eachLine(this.child.stderr, (line) => this.takeComplaint(line.replace(FOREIGN_REPLY, '')));
    // A process that dies early closes the pipe on us; its end is reported by 'close'.
    this.child.stdin.on('error', () => undefined);
    this.child.stdin.end(`${Array.from(hosts.keys()).join('\n')}\n`);
    this.ended = new Promise((resolve) => {
      this.child.once('error', (error) => {
        this.fail(startFault(error));
        if (this.child.pid === undefined) resolve();
      });
      this.child.once('close', (code, signal) => {
        const how = signal === null ? `with code ${String(code)}` : `by ${signal}`;
        const why = this.lastComplaint === '' ? '' : `: ${this.lastComplaint}`;
        const detail = `fping ended ${how} before it told${why}`;
        this.fail({ kind: 'not-sent', reason: 'self-program', detail });
        resolve();
      });
    });
  }

  /** Ends the process when nobody waits for it any more. */
  endIfIdle(): void {
    for (const waiters of this.hosts.values()) {
      if (waiters.some((waiter) => !waiter.settled)) return;
    }
    void this.kill();
  }

  kill(): Promise<void> {
    this.child.kill('SIGKILL');
    // Whatever the program may have started would hold these open, and with them our end.
    this.child.stdout.destroy();
    this.child.stderr.destroy();
    return this.ended;
  }

  /** About when the request to `ip` left. */
  private sentAtMs(ip: string): number {
    const index = this.hosts.get(ip)?.[0]?.place?.index ?? 0;
    return this.startedAtMs + index * this.intervalMs;
  }

  private takeResult(line: string): void {
    const [, ip, rtt] = RESULT.exec(line) ?? [];
    if (ip === undefined) return;
    const rttMs = Number(rtt);
    const sentAtMs = this.sentAtMs(ip);
    this.settle(ip, rtt === undefined ? { kind: 'silent', sentAtMs } : { kind: 'answered', rttMs, sentAtMs });
  }

  private takeComplaint(line: string): void {
    const [, said, from, sentTo] = ICMP_REPLY.exec(line) ?? [];
    if (said !== undefined && sentTo !== undefined) {
      const sentAtMs = this.sentAtMs(sentTo);
      if (!/unreachable|prohibited|exceeded|parameter/i.test(said)) return;
      return this.settle(sentTo, { kind: 'unreachable', detail: `${said} from ${from ?? ''}`, sentAtMs });
    }
    if (line.trim() === '') return;
    this.lastComplaint = redact(line.trim());
    const [, ip, error] = HOST_TROUBLE.exec(line) ?? [];
    if (ip === undefined || error === undefined) return;
    this.settle(ip, sendingFault(error, this.sentAtMs(ip)));
  }

  private settle(ip: string, ping: Ping): void {
    const waiters = this.hosts.get(ip);
    if (waiters === undefined) return;
    this.hosts.delete(ip);
    for (const waiter of waiters) if (!waiter.settled) waiter.answer(ping);
    if (this.hosts.size === 0) void this.kill();
  }

  private fail(ping: Ping): void {
    for (const ip of Array.from(this.hosts.keys())) this.settle(ip, ping);
  }
}

/**
 * Throws, with a `code`, when the program cannot be started; some failures come later, as its `error`. Node gives a
 * child without pipes when no descriptor is left for them.
 */
function start(program: string, args: readonly string[]): ChildProcessWithoutNullStreams {
  const child = spawn(program, args, { stdio: 'pipe' });
  const { stdin }: { readonly stdin?: unknown } = child;
  if (stdin !== undefined && stdin !== null) return child;
  child.on('error', () => undefined);
  throw Object.assign(new Error('no descriptor is left'), { code: 'EMFILE' });
}

function startFault(error: unknown): Ping {
  const code = codeOf(error);
  const isScarce = ['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM'].includes(code);
  return {
    kind: 'not-sent',
    reason: isScarce ? 'self-resources' : 'self-program',
    detail: `fping cannot be started (${code})`,
  };
}

/** What the system's refusal to send means: mostly our own network, not the host. */
function sendingFault(error: string, sentAtMs: number): Ping {
  if (/no route to host|host is down|message too long/i.test(error)) {
    return { kind: 'unreachable', detail: error, sentAtMs };
  }
  const reason = /no buffer space|cannot allocate/i.test(error) ? 'self-resources' : 'self-network';
  return { kind: 'not-sent', reason, detail: error };
}

/** Calls `take` with each line of a child's output, cut at a bound. */
function eachLine(stream: NodeJS.ReadableStream, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('latin1');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = (lines.pop() ?? '').slice(0, MAX_LINE_CHARS);
    for (const line of lines) take(line.slice(0, MAX_LINE_CHARS));
  });
  stream.on('end', () => {
    if (rest !== '') take(rest);
  });
}
