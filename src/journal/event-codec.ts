import { z } from 'zod';
import { type Incident, type JournalEvent, SEVERITIES, type TargetStateChanged } from '../core/events.ts';
import { STATES } from '../core/health.ts';
import { REASONS, SELF_REASONS } from '../core/reason.ts';
import { JournalDamaged } from './journal.ts';

/** A row of the table `events` without its hash. */
export interface EventRow {
  readonly seq: number;
  readonly atMs: number;
  readonly payload: string;
}

/**
 * Reads a row back. Parts that this version does not know are kept as they are, so that an older program can read
 * a newer journal. Throws `JournalDamaged` with the row's `seq` when it is no event.
 */
export function decodeEvent({ seq, atMs, payload }: EventRow): JournalEvent {
  let value: unknown;
  try {
    value = JSON.parse(payload);
  } catch (cause) {
    throw new JournalDamaged(`event ${seq} cannot be read: it is not JSON`, seq, { cause });
  }
  const parsed = eventBody.safeParse(value);
  if (parsed.success) return { seq, atMs, ...parsed.data };
  const issue = parsed.error.issues[0];
  const where = issue?.path.join('.') || 'kind';
  throw new JournalDamaged(`event ${seq} cannot be read: ${where}: ${issue?.message}`, seq, {
    cause: parsed.error,
  });
}

type Body<Event> = Event extends unknown ? Omit<Event, 'seq' | 'atMs'> : never;

/** Ids are minted here: text that a journal of ours holds as an id is one. */
const id = <Id extends string>() => z.custom<Id>((value) => typeof value === 'string', 'not an id');
const reason = z.enum([...REASONS, ...SELF_REASONS]);
const place = {
  store: z.exactOptional(id<NonNullable<TargetStateChanged['store']>>()),
  chain: z.exactOptional(z.string()),
  region: z.exactOptional(z.string()),
};
const stamp = z.number();

const targetStateChanged = z.looseObject({
  kind: z.literal('target-state-changed'),
  target: id<TargetStateChanged['target']>(),
  ...place,
  from: z.enum(STATES),
  to: z.enum(STATES),
  reason: z.exactOptional(reason),
  message: z.string(),
  sinceMs: stamp,
});

const incidentChanged = z.looseObject({
  kind: z.enum(['incident-opened', 'incident-updated', 'incident-resolved']),
  incident: z.looseObject({
    id: id<Incident['id']>(),
    scope: z.array(z.record(z.string(), z.string())),
    title: z.string(),
    severity: z.enum(SEVERITIES),
    state: z.enum(['open', 'resolved']),
    openedAtMs: stamp,
    resolvedAtMs: z.exactOptional(stamp),
    targetsDown: z.number(),
    storesAffected: z.number(),
    reason,
  }),
  ...place,
});

const configReloaded = z.looseObject({
  kind: z.literal('config-reloaded'),
  message: z.string(),
  targetsAdded: z.number(),
  targetsRemoved: z.number(),
  targetsChanged: z.number(),
});

const eventBody: z.ZodType<Body<JournalEvent>> = z.discriminatedUnion('kind', [
  targetStateChanged,
  incidentChanged,
  configReloaded,
]);
