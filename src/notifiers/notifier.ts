import type { z } from 'zod';
import type { Language, Notice } from '../core/notification.ts';
import type { Clock } from '../lib/clock.ts';

/** What came of one attempt. */
export type Delivery =
  | {
      readonly kind: 'delivered';
      /** What the receiver calls it, as an annotation's id: handed back with what is told of the incident later. */
      readonly reference?: string;
    }
  | {
      readonly kind: 'failed';
      /** Trying again as it is cannot help: an address that does not exist, a refused credential, a bad request. */
      readonly isPermanent: boolean;
      /** One sentence for an operator: what failed, and what to change. No secret. */
      readonly message: string;
      /** Some whom the channel tells have it all the same: they are told of the incident's end. */
      readonly isPartly?: true;
      /** How long the receiver asked to be left alone. Unit: ms. */
      readonly retryAfterMs?: number;
    };

/**
 * A channel with its options, ready to send. Disposing it closes what it holds open.
 *
 * `send` makes one attempt and keeps no queue: trying again is the dispatcher's. One is under way at a time. It settles
 * within 50 ms of the signal's abort: with `failed`, not permanent, when the reason is a `TimeoutError`, by rejecting with
 * the reason otherwise. What the other side does wrong is data and never throws.
 */
export interface Channel extends AsyncDisposable {
  /** `reference`: what was last `delivered` with for the notice's incident by this channel, if anything. */
  send(notice: Notice, reference: string | undefined, signal: AbortSignal): Promise<Delivery>;
}

/** What a notifier is given when a channel is opened. */
export interface NotifierContext {
  /** The channel's name, for messages. */
  readonly channel: string;
  /** What its messages are written in, where an option does not say otherwise. */
  readonly language: Language;
  /** IANA zone that times are told in, where a notice does not say otherwise. */
  readonly timezone: string;
  readonly clock: Clock;
  /** Folder that relative file options are read against. */
  readonly baseDir: string;
  /** Where people reach this monitor, for links; no slash at the end. */
  readonly externalUrl: string;
}

/** One way to tell people: the whole of what settings, docs, schema and contract tests need to know about it. */
export interface Notifier<Options = unknown> {
  /** The word used in `type:`, and the key under which a channel's options stand. */
  readonly name: string;
  /** One line for the documentation. */
  readonly summary: string;
  /**
   * It keeps a record of each incident instead of telling people: it gets every notice by itself, never a digest.
   * Absent: it tells people.
   */
  readonly isRecord?: true;
  /** Options under the notifier's name in a channel; strict, with defaults. */
  readonly options: z.ZodType<Options>;
  /**
   * Reads what the options name. Throws `NotifierUnavailable` when they cannot work here, with what to change.
   * Reaches nothing over the network: a receiver that is down must not keep the monitor from starting.
   */
  open(options: Options, context: NotifierContext): Promise<Channel>;
}

/** A channel cannot be opened: an unreadable secret, a template that does not read. The message says what to do. */
export class NotifierUnavailable extends Error {
  override readonly name = 'NotifierUnavailable';
}
