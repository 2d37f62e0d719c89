import type { Incident } from './events.ts';

/**
 * Why something is told: the first three are events of the incident; `escalated`: nobody has taken it on in time;
 * `digest`: many incidents changed at once; `test`: somebody tries the channel.
 */
export const NOTICE_CHANGES = ['opened', 'updated', 'resolved', 'escalated', 'digest', 'test'] as const;
export type NoticeChange = (typeof NOTICE_CHANGES)[number];

/** What a channel's messages may be written in: English, Swedish, Norwegian bokmål. */
export const LANGUAGES = ['en', 'sv', 'nb'] as const;
export type Language = (typeof LANGUAGES)[number];

/** One incident as it is told of, with where it is. */
export interface NoticedIncident {
  readonly incident: Incident;
  /** As of the event: where all of it is in one. */
  readonly store?: string;
  readonly chain?: string;
  readonly region?: string;
  /** What people call `store`. */
  readonly storeName?: string;
  /** IANA zone of where it is. */
  readonly timezone?: string;
}

/** One message to one channel. Structured, so that each channel says it in its own form and language. */
export interface Notice {
  /**
   * The same for each attempt, after a restart too, and for no other message: receivers that have seen it drop it.
   * Made of what is told and to which channel, never of when it is sent.
   */
  readonly key: string;
  readonly change: NoticeChange;
  /** When what it tells of happened. Epoch ms, UTC. */
  readonly atMs: number;
  /** One, or those of a digest, worst first; none in a test. */
  readonly incidents: readonly NoticedIncident[];
}
