import { z } from 'zod';
import { NOTICE_CHANGES } from '../core/notification.ts';
import { type ListedMessage, MESSAGE_STATES } from '../notifiers/outbox-store.ts';
import type { AppContext } from './app-context.ts';
import { defineRoute, LIMIT, type Route } from './route.ts';

const CHANNEL = z.strictObject({
  name: z.string(),
  type: z.string(),
  pending: z.int(),
  delivered: z.int(),
  dead: z.int(),
  lastError: z
    .strictObject({
      at: z.iso.datetime(),
      message: z.string(),
      permanent: z.boolean().describe('trying again as it was could not have helped'),
    })
    .optional()
    .describe('what last kept a message from arriving, since the monitor started'),
});

const MESSAGE = z.strictObject({
  id: z.int(),
  key: z.string().describe('the same for each attempt, and for no other message'),
  channel: z.string(),
  change: z.enum(NOTICE_CHANGES),
  incidents: z.array(z.strictObject({ id: z.string(), title: z.string() })),
  at: z.iso.datetime().describe('when what it tells of happened'),
  attempts: z.int(),
  nextAttemptAt: z.iso.datetime().optional(),
  endedAt: z.iso.datetime().optional().describe('when it arrived or was given up'),
  error: z.string().optional().describe('what the last attempt came to, unless it arrived'),
});

/** What people are told, and what of it has not arrived. */
export function notificationRoute({ notifications }: AppContext): Route {
  return defineRoute({
    method: 'get',
    path: '/api/v1/notifications',
    access: 'viewer',
    summary: 'Channels with what waits for them, and messages in a state, newest first',
    query: z.strictObject({
      state: z
        .enum(MESSAGE_STATES)
        .default('pending')
        .describe(`one of ${MESSAGE_STATES.join(', ')}`),
      limit: LIMIT,
      after: z.coerce.number().int().min(1).optional().describe('the next of the page before'),
    }),
    answers: {
      200: {
        description: 'Every channel, and a page of messages; those that ended are kept for 30 days',
        body: z.strictObject({
          channels: z.array(CHANNEL),
          messages: z.array(MESSAGE),
          next: z.int().nullable(),
        }),
      },
    },
    answer({ response }, { state, limit, after }) {
      const page = notifications.messages(state, limit + 1, after);
      const shown = page.slice(0, limit);
      response.json({
        channels: notifications.channels().map(({ lastError, ...channel }) => ({
          ...channel,
          ...(lastError === undefined
            ? {}
            : {
                lastError: {
                  at: toIso(lastError.atMs),
                  message: lastError.message,
                  permanent: lastError.isPermanent,
                },
              }),
        })),
        messages: shown.map(toBody),
        next: page.length > limit ? (shown.at(-1)?.id ?? null) : null,
      });
    },
  });
}

/** A message as JSON on our own API has it. */
export function toBody(message: ListedMessage): z.input<typeof MESSAGE> {
  const { id, channel, notice, attempts, state, nextMs, endedMs, error } = message;
  return {
    id,
    key: notice.key,
    channel,
    change: notice.change,
    incidents: notice.incidents.map(({ incident }) => ({ id: incident.id, title: incident.title })),
    at: toIso(notice.atMs),
    attempts,
    ...(state === 'pending' ? { nextAttemptAt: toIso(nextMs) } : {}),
    ...(endedMs === undefined ? {} : { endedAt: toIso(endedMs) }),
    ...(error === undefined ? {} : { error }),
  };
}

function toIso(atMs: number): string {
  return new Date(atMs).toISOString();
}
