import type { Clock, Timer } from '../lib/clock.ts';
import { unreachable } from '../lib/unreachable.ts';
import type { Channel, Delivery } from './notifier.ts';
import type { Outbox } from './outbox.ts';
import type { Message } from './outbox-store.ts';

/** How long to wait after a failed attempt: doubles from the first to the last, of which jitter takes up to a half. Unit: ms. */
const BACK_OFF_FIRST_MS = 1_000;
const BACK_OFF_LAST_MS = 300_000;
/** What has not arrived after so long is old news: it is given up. Unit: ms. */
const GIVE_UP_AFTER_MS = 24 * 3_600_000;
/** The wall clock may be set while we wait for it. Unit: ms. */
const LONGEST_WAIT_MS = 30_000;

/** A channel at work. */
export interface OpenChannel {
  readonly channel: Channel;
  /** How long one attempt may take. Unit: ms. */
  readonly timeoutMs: number;
}

type Failure = Extract<Delivery, { kind: 'failed' }>;

/** What comes of messages. Calls must not throw. */
export interface DispatchListener {
  /** `dwellMs`: from when it was to be told until it had arrived. */
  delivered(message: Message, dwellMs: number): void;
  /** `isGivenUp`: it is not tried again. `isFirst`: the attempt before it, if any, had arrived. */
  failed(
    message: Message,
    failure: Failure,
    outcome: { readonly isGivenUp: boolean; readonly isFirst: boolean },
  ): void;
}

/**
 * Sends what the outbox holds: for each channel a lane of its own, one message at a time, so that a channel that hangs
 * or is gone delays no other. What fails is tried again later, less and less often, for a day; what cannot succeed is
 * given up at once. `random`: from 0 to 1.
 */
export class Dispatcher implements AsyncDisposable {
  private readonly outbox: Outbox;
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly listener: DispatchListener;
  private readonly stop = new AbortController();
  private lanes = new Map<string, Lane>();
  private readonly ending = new Set<Promise<void>>();

  constructor(outbox: Outbox, clock: Clock, random: () => number, listener: DispatchListener) {
    this.outbox = outbox;
    this.clock = clock;
    this.random = random;
    this.listener = listener;
  }

  /**
   * Sends by these channels from now on, and disposes of those before once what they are sending has settled. What
   * waits for a channel that is not among them is given up. Returns how many messages of which channel were.
   */
  use(channels: ReadonlyMap<string, OpenChannel>): ReadonlyMap<string, number> {
    for (const [name, lane] of this.lanes) if (!channels.has(name)) this.end(lane);
    const lanes = new Map<string, Lane>();
    for (const [name, open] of channels) {
      const known = this.lanes.get(name);
      const lane =
        known ?? new Lane(name, this.outbox, this.clock, this.random, this.listener, this.stop.signal);
      lane.use(open);
      lanes.set(name, lane);
    }
    this.lanes = lanes;
    const buried = new Map<string, number>();
    for (const name of this.outbox.channels()) {
      if (channels.has(name)) continue;
      const count = this.outbox.buryAll(name, GONE);
      if (count > 0) buried.set(name, count);
    }
    this.wake();
    return buried;
  }

  /** There may be something to send. */
  wake(): void {
    for (const lane of this.lanes.values()) lane.wake();
  }

  /** Stops sending: what is under way is broken off and sent again after the restart. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort(new DOMException('the monitor stops', 'AbortError'));
    for (const lane of this.lanes.values()) this.end(lane);
    await Promise.all(this.ending);
  }

  private end(lane: Lane): void {
    const ended = lane[Symbol.asyncDispose]();
    this.ending.add(ended);
    void ended.finally(() => this.ending.delete(ended));
  }
}

/** Why what waited for a channel was given up. */
const GONE = 'The channel is not configured any more.';

class Lane implements AsyncDisposable {
  private readonly name: string;
  private readonly outbox: Outbox;
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly listener: DispatchListener;
  private readonly stop: AbortSignal;
  private current: OpenChannel | undefined;
  private upcoming: OpenChannel | undefined;
  private working: Promise<void> | undefined;
  private timer: Timer | undefined;
  private isFailing = false;
  private isOver = false;
  /** The receiver asked to be left alone until then. Epoch ms, UTC. */
  private pausedUntilMs = 0;

  constructor(
    name: string,
    outbox: Outbox,
    clock: Clock,
    random: () => number,
    listener: DispatchListener,
    stop: AbortSignal,
  ) {
    this.name = name;
    this.outbox = outbox;
    this.clock = clock;
    this.random = random;
    this.listener = listener;
    this.stop = stop;
  }

  /** Sends by `open` from the next message on. */
  use(open: OpenChannel): void {
    const skipped = this.upcoming;
    this.upcoming = open;
    if (skipped !== undefined) void skipped.channel[Symbol.asyncDispose]();
    // Another address may well work, or be under less load.
    this.pausedUntilMs = 0;
    this.outbox.hasten(this.name, this.clock.nowMs());
  }

  wake(): void {
    if (this.working !== undefined || this.isOver || this.stop.aborted) return;
    this.timer?.[Symbol.dispose]();
    this.timer = undefined;
    this.working = this.work().finally(() => {
      this.working = undefined;
      this.wait();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isOver = true;
    this.timer?.[Symbol.dispose]();
    await this.working;
    await this.upcoming?.channel[Symbol.asyncDispose]();
    await this.current?.channel[Symbol.asyncDispose]();
  }

  private async work(): Promise<void> {
    while (!this.isOver && !this.stop.aborted) {
      await this.change();
      const nowMs = this.clock.nowMs();
      if (this.current === undefined || nowMs < this.pausedUntilMs) return;
      const message = this.outbox.claim(this.name, nowMs);
      if (message === undefined) return;
      if (this.outbox.isMoot(message)) this.outbox.drop(message);
      else if (nowMs - message.createdMs >= GIVE_UP_AFTER_MS) this.giveUp(message, lateBy(message));
      else await this.send(this.current, message);
    }
  }

  private async change(): Promise<void> {
    const { current, upcoming } = this;
    if (upcoming === undefined) return;
    this.current = upcoming;
    this.upcoming = undefined;
    await current?.channel[Symbol.asyncDispose]();
  }

  private async send({ channel, timeoutMs }: OpenChannel, message: Message): Promise<void> {
    const late = new AbortController();
    using _timer = this.clock.after(timeoutMs, () =>
      late.abort(new DOMException('no answer in time', 'TimeoutError')),
    );
    let delivery: Delivery;
    try {
      const reference = this.outbox.referenceFor(message);
      delivery = await channel.send(message.notice, reference, AbortSignal.any([this.stop, late.signal]));
    } catch (error) {
      if (this.stop.aborted) {
        this.outbox.release(message);
        return;
      }
      const why = Error.isError(error) ? error.message : String(error);
      delivery = { kind: 'failed', isPermanent: false, message: `The channel failed within: ${why}` };
    }
    switch (delivery.kind) {
      case 'delivered':
        this.arrived(message, delivery.reference);
        return;
      case 'failed':
        this.failed(message, delivery);
        return;
      default:
        unreachable(delivery);
    }
  }

  private arrived(message: Message, reference: string | undefined): void {
    const nowMs = this.clock.nowMs();
    this.outbox.delivered(message, reference);
    if (this.isFailing) this.outbox.hasten(this.name, nowMs);
    this.isFailing = false;
    this.listener.delivered(message, Math.max(0, nowMs - message.dueMs));
  }

  private failed(message: Message, failure: Failure): void {
    const nowMs = this.clock.nowMs();
    const { retryAfterMs = 0 } = failure;
    const nextMs = nowMs + Math.max(this.backOffMs(message.attempts), retryAfterMs);
    if (failure.isPermanent || nextMs >= message.createdMs + GIVE_UP_AFTER_MS) {
      this.giveUp(message, failure);
      return;
    }
    if (retryAfterMs > 0) this.pausedUntilMs = nowMs + retryAfterMs;
    if (this.isOver) this.outbox.bury(message, GONE);
    else this.outbox.retry(message, failure.message, nextMs);
    this.tell(message, failure, this.isOver);
  }

  private giveUp(message: Message, failure: Failure): void {
    const { message: why, isPartly = false } = failure;
    this.outbox.bury({ ...message, attempts: message.attempts + 1 }, why, isPartly);
    this.tell(message, failure, true);
  }

  private tell(message: Message, failure: Failure, isGivenUp: boolean): void {
    const isFirst = !this.isFailing;
    this.isFailing = true;
    this.listener.failed(message, failure, { isGivenUp, isFirst });
  }

  private backOffMs(attempts: number): number {
    const fullMs = Math.min(BACK_OFF_LAST_MS, BACK_OFF_FIRST_MS * 2 ** Math.min(attempts, 20));
    return fullMs * (0.5 + 0.5 * this.random());
  }

  /** Until something becomes due; what is stored meanwhile wakes it sooner. */
  private wait(): void {
    const dueMs = this.outbox.nextDueMs(this.name);
    if (dueMs === undefined || this.isOver || this.stop.aborted || this.timer !== undefined) return;
    const fromMs = Math.max(dueMs, this.pausedUntilMs);
    const delayMs = Math.min(LONGEST_WAIT_MS, Math.max(1, fromMs - this.clock.nowMs()));
    this.timer = this.clock.after(delayMs, () => {
      this.timer = undefined;
      this.wake();
    });
  }
}

function lateBy({ error }: Message): Failure {
  const message = `It could not be delivered within 24 hours.${error === undefined ? '' : ` Last: ${error}`}`;
  return { kind: 'failed', isPermanent: false, message };
}
