import type { Clock, Timer } from '../../lib/clock.ts';
import { type Alert, alertKey, type EndedAlert, type PostableAlert, toPostable } from './alert.ts';
import type { AlertBook } from './alert-book.ts';
import { STORE_ALERT } from './incident-alerts.ts';
import type { AlertmanagerPeer, PeerProblem } from './peer.ts';

/** So many alerts go in one request. */
const BATCH_ALERTS = 256;
/** After a failure the next attempt waits: doubles from the first to the last, or to the interval. Unit: ms. */
const RETRY_FIRST_MS = 1_000;
const RETRY_LAST_MS = 30_000;
/** What is due within this share of the interval goes along: alerts told at different times fall into step. */
const EARLY_SHARE = 0.1;

/** Who is told. */
type Taker = Pick<AlertmanagerPeer, 'postAlerts'>;

interface DueAlert {
  readonly key: string;
  readonly text: string;
  readonly postable: PostableAlert;
}

export interface SenderListener {
  /** The Alertmanager began (`problem` given) or ceased to take nothing from us. */
  upChanged(problem: PeerProblem | undefined): void;
}

/**
 * Tells one Alertmanager, and waits for no other: what is new or changed at once, all else once an interval. It keeps no
 * queue: each attempt tells what holds then, so that what was missed while nobody listened is either told or over.
 */
export class AlertSender implements AsyncDisposable {
  private readonly peer: Taker;
  private readonly book: () => AlertBook;
  private readonly resendIntervalMs: number;
  private readonly clock: Clock;
  private readonly listener: SenderListener;
  private readonly stop = new AbortController();
  /** What was told last of each alert, and when on the monotonic clock. */
  private readonly told = new Map<string, { readonly text: string; readonly atMs: number }>();
  private readonly done: Promise<void>;
  private wakeUp: () => void = () => undefined;
  private isChanged = true;
  private heardAtMs = Number.NEGATIVE_INFINITY;
  private retryDelayMs = 0;
  private problem: PeerProblem | undefined;
  private hasAnswered = false;

  constructor(
    peer: Taker,
    book: () => AlertBook,
    resendIntervalMs: number,
    clock: Clock,
    listener: SenderListener,
  ) {
    this.peer = peer;
    this.book = book;
    this.resendIntervalMs = resendIntervalMs;
    this.clock = clock;
    this.listener = listener;
    this.done = this.run();
  }

  /** The last request was taken. */
  get isUp(): boolean {
    return this.hasAnswered && this.problem === undefined;
  }

  /** The book may say something new. */
  changed(): void {
    this.isChanged = true;
    this.wakeUp();
  }

  /** Says nothing of an end: as with Prometheus, what fires is over when nobody has told of it for four intervals. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort();
    this.wakeUp();
    await this.done;
  }

  private async run(): Promise<void> {
    const { signal } = this.stop;
    while (!signal.aborted) {
      this.isChanged = false;
      try {
        await this.tell(signal);
      } catch (error) {
        if (signal.aborted) return;
        // An error of our own: it must not end the sender, nor the monitor.
        const message = `Alerts could not be made ready: ${Error.isError(error) ? error.message : String(error)}.`;
        this.fail({ isPermanent: false, message });
      }
      if (this.retryDelayMs > 0) await this.sleep(this.retryDelayMs, false);
      else await this.sleep(this.untilDueMs(), true);
    }
  }

  /** One round: all that is due, in batches, up to the first that does not arrive. */
  private async tell(signal: AbortSignal): Promise<void> {
    const { monotonicMs, due } = this.dueNow();
    const isSilent = monotonicMs - this.heardAtMs >= this.resendIntervalMs;
    if (due.length === 0 && !isSilent) return;
    let problem: PeerProblem | undefined;
    for (const batch of batchesOf(due)) {
      const answer = await this.peer.postAlerts(
        batch.map(({ postable }) => postable),
        signal,
      );
      this.heardAtMs = this.clock.monotonicMs();
      if (!answer.ok) problem = answer.error;
      if (!answer.ok && !answer.error.isPermanent) {
        // It may have been away, and have forgotten: tell it all.
        this.told.clear();
        this.heardAtMs = Number.NEGATIVE_INFINITY;
        this.fail(answer.error);
        return;
      }
      // What it refuses for good is not offered again before its time; what was good in it, it has taken.
      for (const { key, text } of batch) this.told.set(key, { text, atMs: monotonicMs });
    }
    this.retryDelayMs = 0;
    this.turn(problem);
  }

  private dueNow(): {
    readonly monotonicMs: number;
    readonly due: readonly {
      readonly key: string;
      readonly text: string;
      readonly postable: PostableAlert;
    }[];
  } {
    const { firing, ended } = this.book();
    const nowMs = this.clock.nowMs();
    const monotonicMs = this.clock.monotonicMs();
    const due: DueAlert[] = [];
    const keys = new Set<string>();
    for (const alert of [...firing.values(), ...ended.values()]) {
      const key = alertKey(alert);
      const text = contentOf(alert);
      keys.add(key);
      const told = this.told.get(key);
      const isFresh =
        told?.text === text && monotonicMs - told.atMs < this.resendIntervalMs * (1 - EARLY_SHARE);
      if (!isFresh) due.push({ key, text, postable: toPostable(alert, nowMs, this.resendIntervalMs) });
    }
    for (const key of this.told.keys()) if (!keys.has(key)) this.told.delete(key);
    return { monotonicMs, due };
  }

  private untilDueMs(): number {
    let firstMs = this.heardAtMs;
    for (const { atMs } of this.told.values()) firstMs = Math.min(firstMs, atMs);
    return Math.max(0, firstMs + this.resendIntervalMs - this.clock.monotonicMs());
  }

  private fail(problem: PeerProblem): void {
    const longest = Math.min(RETRY_LAST_MS, this.resendIntervalMs);
    this.retryDelayMs = Math.min(longest, Math.max(RETRY_FIRST_MS, this.retryDelayMs * 2));
    this.turn(problem);
  }

  private turn(problem: PeerProblem | undefined): void {
    const isNews = this.problem?.message !== problem?.message || (!this.hasAnswered && problem === undefined);
    this.problem = problem;
    this.hasAnswered ||= problem === undefined;
    if (isNews) this.listener.upChanged(problem);
  }

  /** Until then, the end, or, when that counts, a change. */
  private async sleep(forMs: number, endsWithChange: boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer: Timer = this.clock.after(forMs, resolve);
    this.wakeUp = () => {
      if (this.stop.signal.aborted || endsWithChange) resolve();
    };
    if (this.isChanged || this.stop.signal.aborted) this.wakeUp();
    await promise;
    timer[Symbol.dispose]();
    this.wakeUp = () => undefined;
  }
}

/** At least one. Stores' alerts come behind all incidents: what inhibits them is then known before them. */
function batchesOf(due: readonly DueAlert[]): readonly (readonly DueAlert[])[] {
  const isOfStore = ({ postable }: DueAlert): boolean => postable.labels['alertname'] === STORE_ALERT;
  const batches: (readonly DueAlert[])[] = [];
  for (const part of [due.filter((each) => !isOfStore(each)), due.filter(isOfStore)]) {
    for (let from = 0; from < part.length; from += BATCH_ALERTS) {
      batches.push(part.slice(from, from + BATCH_ALERTS));
    }
  }
  return batches.length === 0 ? [[]] : batches;
}

/** All of an alert that a change can be in. */
function contentOf(alert: Alert | EndedAlert): string {
  const { annotations, startsAtMs, link } = alert;
  return JSON.stringify([annotations, startsAtMs, link, 'endsAtMs' in alert ? alert.endsAtMs : null]);
}
