import { z } from 'zod';
import {
  type Incident,
  type JournalEvent,
  METHOD_STATES,
  SEVERITIES,
  type TargetStateChanged,
} from '../core/events.ts';
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

const acknowledgement = z.looseObject({
  by: z.string(),
  comment: z.string(),
  atMs: stamp,
  expiresAtMs: z.exactOptional(stamp),
  sticky: z.boolean(),
});

const incident = z.looseObject({
  id: id<Incident['id']>(),
  scope: z.array(z.record(z.string(), z.string())),
  title: z.string(),
  severity: z.enum(SEVERITIES),
  state: z.enum(['open', 'recovering', 'resolved']),
  openedAtMs: stamp,
  resolvedAtMs: z.exactOptional(stamp),
  targetsDown: z.number(),
  targetsInScope: z.exactOptional(z.number()),
  kinds: z.exactOptional(z.array(z.string())),
  storesAffected: z.number(),
  reason,
  confidence: z.exactOptional(z.number()),
  evidence: z.exactOptional(z.string()),
  methodsLost: z.exactOptional(z.array(z.string())),
  relapses: z.exactOptional(z.number()),
  unstable: z.exactOptional(z.boolean()),
  mergedInto: z.exactOptional(id<Incident['id']>()),
  acknowledgement: z.exactOptional(acknowledgement),
});

const incidentChanged = z.looseObject({
  kind: z.enum(['incident-opened', 'incident-updated', 'incident-resolved']),
  incident,
  ...place,
});

const paymentMethodChanged = z.looseObject({
  kind: z.literal('payment-method-changed'),
  ...place,
  store: id<NonNullable<TargetStateChanged['store']>>(),
  method: z.string(),
  from: z.enum(METHOD_STATES),
  to: z.enum(METHOD_STATES),
  reason: z.exactOptional(reason),
  message: z.string(),
  sinceMs: stamp,
});

const sightChanged = z.looseObject({
  kind: z.enum(['monitor-blinded', 'monitor-recovered']),
  reason: z.enum(SELF_REASONS),
  message: z.string(),
  sinceMs: stamp,
});

const span = { startsAtMs: stamp, endsAtMs: stamp, by: z.string(), comment: z.string() };

const maintenanceChanged = z.looseObject({
  kind: z.enum(['maintenance-planned', 'maintenance-started', 'maintenance-ended']),
  maintenance: z.looseObject({
    id: z.string(),
    selector: z.string(),
    ...span,
    flexibleMs: z.exactOptional(z.number()),
  }),
  endedBy: z.exactOptional(z.string()),
});

const silenceChanged = z.looseObject({
  kind: z.enum(['silence-started', 'silence-ended']),
  silence: z.looseObject({ id: z.string(), selector: z.string(), ...span }),
  endedBy: z.exactOptional(z.string()),
});

const incidentAcknowledged = z.looseObject({
  kind: z.literal('incident-acknowledged'),
  incident,
  acknowledgement,
  isWithdrawn: z.boolean(),
  ...place,
});

const humanReport = z.looseObject({
  kind: z.literal('human-report'),
  ...place,
  store: id<NonNullable<TargetStateChanged['store']>>(),
  method: z.string(),
  says: z.enum(['works', 'fails']),
  by: z.string(),
  comment: z.string(),
  probesSay: z.enum(METHOD_STATES),
  disagrees: z.boolean(),
});

const evidenceGathered = z.looseObject({
  kind: z.literal('evidence-gathered'),
  sinceMs: stamp,
  answering: z.string(),
  failing: z.string(),
});

const configReloaded = z.looseObject({
  kind: z.literal('config-reloaded'),
  message: z.string(),
  targetsAdded: z.number(),
  targetsRemoved: z.number(),
  targetsChanged: z.number(),
  outlook: z.exactOptional(z.string()),
});

const eventBody: z.ZodType<Body<JournalEvent>> = z.discriminatedUnion('kind', [
  targetStateChanged,
  incidentChanged,
  paymentMethodChanged,
  sightChanged,
  maintenanceChanged,
  silenceChanged,
  incidentAcknowledged,
  humanReport,
  evidenceGathered,
  configReloaded,
]);
