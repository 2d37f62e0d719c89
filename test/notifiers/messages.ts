import type { NoticeChange } from '../../src/core/notification.ts';
import { NOTHING_TOLD, type Addressed } from '../../src/core/routing.ts';
import type { Message } from '../../src/notifiers/outbox-store.ts';
import { NOON_MS, told } from '../core/notices.ts';

/** Message number `seq` of incident `id` for `channel`, told at noon. */
export function addressed(
  seq: number,
  channel: string,
  id: string,
  change: NoticeChange = 'opened',
): Addressed {
  const { incident } = told(seq, id, change === 'resolved' ? 'resolved' : 'opened');
  const key = `${id}/${change}/${seq}/${channel}`;
  return { channel, dueMs: NOON_MS, notice: { key, change, atMs: NOON_MS, incidents: [{ incident }] } };
}

/** A digest of the incidents `ids`. */
export function digestOf(seq: number, channel: string, ids: readonly string[]): Addressed {
  const incidents = ids.map((id) => ({ incident: told(seq, id, 'opened').incident }));
  return {
    channel,
    dueMs: NOON_MS,
    notice: { key: `digest/${seq}/${channel}`, change: 'digest', atMs: NOON_MS, incidents },
  };
}

/** The same as it is kept. */
export function kept({ channel, notice, dueMs }: Addressed, more: Partial<Message> = {}): Message {
  return { channel, notice, dueMs, createdMs: NOON_MS, attempts: 0, nextMs: NOON_MS, ...more };
}

/** What routing came to when all it has to say is `messages`. */
export function progress(cursor: number, ...messages: readonly Addressed[]) {
  return { cursor, state: NOTHING_TOLD, messages };
}
