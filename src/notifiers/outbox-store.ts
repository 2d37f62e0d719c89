import type { Incident } from '../core/events.ts';
import type { Followed } from '../core/followed.ts';
import type { Notice } from '../core/notification.ts';
import type { TellingWindow } from '../core/routing.ts';

export type IncidentId = Incident['id'];

/** One message to one channel, as it is kept until it has arrived. */
export interface Message {
  readonly channel: string;
  /** Its `key` is the message's: of two with one key only the first is kept. */
  readonly notice: Notice;
  /** From when on it was to be told. Epoch ms, UTC. */
  readonly dueMs: number;
  /** When it was put here. Epoch ms, UTC. */
  readonly createdMs: number;
  readonly attempts: number;
  /** Not to be tried before. Epoch ms, UTC. */
  readonly nextMs: number;
  /** What the last attempt came to, unless there was none. */
  readonly error?: string;
}

export const MESSAGE_STATES = ['pending', 'delivered', 'dead'] as const;
export type MessageState = (typeof MESSAGE_STATES)[number];

/** A message as people are shown it. */
export interface ListedMessage extends Message {
  /** Its place among all, oldest first. */
  readonly id: number;
  readonly state: MessageState;
  /** When it arrived or was given up. Epoch ms, UTC; absent while it is pending. */
  readonly endedMs?: number;
}

/** What changes together is on disk together. */
export type OutboxChange =
  /** Up to which event of the journal all has been routed. */
  | { readonly kind: 'cursor'; readonly seq: number }
  /** `followed` absent: it is followed no more. */
  | { readonly kind: 'follow'; readonly incident: IncidentId; readonly followed?: Followed }
  | { readonly kind: 'window'; readonly channel: string; readonly window?: TellingWindow }
  | { readonly kind: 'message'; readonly message: Message }
  | { readonly kind: 'attempt'; readonly message: Message }
  | {
      readonly kind: 'end';
      readonly key: string;
      readonly state: 'delivered' | 'dead';
      readonly endedMs: number;
      readonly attempts: number;
      readonly error?: string;
    }
  /** A newer message has made it needless. */
  | { readonly kind: 'drop'; readonly key: string }
  /** The channel has, or may have, heard of the incident; `reference`: what the receiver calls that. */
  | {
      readonly kind: 'hear';
      readonly channel: string;
      readonly incident: IncidentId;
      readonly reference?: string;
    }
  | { readonly kind: 'unhear'; readonly channel: string; readonly incident: IncidentId };

/** All that is kept, but for messages that have ended. */
export interface SavedOutbox {
  /** Undefined: nothing was ever routed. */
  readonly cursor: number | undefined;
  readonly followed: ReadonlyMap<IncidentId, Followed>;
  readonly windows: ReadonlyMap<string, TellingWindow>;
  /** Oldest first. */
  readonly pending: readonly Message[];
  readonly heard: readonly {
    readonly channel: string;
    readonly incident: IncidentId;
    readonly reference?: string;
  }[];
}

/**
 * Where the outbox is kept. What a resolved `commit` wrote is there after a kill of the process or a loss of power.
 * One that is not all there is not there at all.
 */
export interface OutboxStore extends AsyncDisposable {
  load(): SavedOutbox;
  /** Writes `changes` in order, all or none. Rejects when they could not be written: the caller keeps them. */
  commit(changes: readonly OutboxChange[]): Promise<void>;
  /** Messages in `state`, the newest first, `limit` at most, with ids below `beforeId` where one is given. */
  list(state: MessageState, limit: number, beforeId?: number): readonly ListedMessage[];
  /** By channel. */
  count(): ReadonlyMap<string, Readonly<Record<MessageState, number>>>;
  /** Removes messages that ended before `beforeMs` (epoch ms, UTC). */
  prune(beforeMs: number): Promise<void>;
}
