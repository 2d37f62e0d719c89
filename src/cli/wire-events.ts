import { z } from 'zod';
import { METHOD_STATES, type MethodState, SEVERITIES } from '../core/events.ts';
import { STATES, type State } from '../core/health.ts';
import type { WireEvent } from '../feed/protocol.ts';

/** A `target-state-changed` as it came over the wire, times as epoch ms. */
export interface WireChange {
  readonly atMs: number;
  readonly target: string;
  readonly store?: string;
  readonly chain?: string;
  readonly from: State;
  readonly to: State;
  readonly reason?: string;
  readonly message: string;
  readonly sinceMs: number;
}

/** What lines say of an incident, times as epoch ms. */
export interface WireIncident {
  readonly id: string;
  readonly scope: readonly Readonly<Record<string, string>>[];
  readonly title: string;
  readonly severity: (typeof SEVERITIES)[number];
  readonly state: 'open' | 'recovering' | 'resolved';
  readonly openedAtMs: number;
  readonly targetsDown: number;
  readonly storesAffected: number;
  readonly reason: string;
  readonly methodsLost: readonly string[];
  readonly relapses: number;
  readonly isUnstable: boolean;
  /** It turned out to be part of this other. */
  readonly mergedInto?: string;
}

/** What became of an incident. `store`, `chain`: the only one in which it is. */
export interface WireIncidentChange {
  readonly atMs: number;
  readonly kind: 'incident-opened' | 'incident-updated' | 'incident-resolved';
  readonly store?: string;
  readonly chain?: string;
  readonly incident: WireIncident;
}

/** A `payment-method-changed` as it came over the wire. */
export interface WireMethodChange {
  readonly atMs: number;
  readonly store: string;
  readonly chain?: string;
  readonly method: string;
  readonly to: MethodState;
}

const time = z.iso.datetime().transform((text) => Date.parse(text));

const change = z.object({
  at: time,
  kind: z.literal('target-state-changed'),
  target: z.string(),
  store: z.exactOptional(z.string()),
  chain: z.exactOptional(z.string()),
  from: z.enum(STATES),
  to: z.enum(STATES),
  reason: z.exactOptional(z.string()),
  message: z.string(),
  since: time,
});

const incident = z
  .object({
    id: z.string(),
    scope: z.array(z.record(z.string(), z.string())),
    title: z.string(),
    severity: z.enum(SEVERITIES),
    state: z.enum(['open', 'recovering', 'resolved']),
    openedAt: time,
    targetsDown: z.number(),
    storesAffected: z.number(),
    reason: z.string(),
    methodsLost: z.array(z.string()).default([]),
    relapses: z.number().default(0),
    unstable: z.boolean().default(false),
    mergedInto: z.exactOptional(z.string()),
  })
  .transform(({ openedAt: openedAtMs, unstable: isUnstable, ...rest }) => ({
    ...rest,
    openedAtMs,
    isUnstable,
  }));

const incidentChange = z.object({
  at: time,
  kind: z.enum(['incident-opened', 'incident-updated', 'incident-resolved']),
  store: z.exactOptional(z.string()),
  chain: z.exactOptional(z.string()),
  incident,
});

const methodChange = z.object({
  at: time,
  kind: z.literal('payment-method-changed'),
  store: z.string(),
  chain: z.exactOptional(z.string()),
  method: z.string(),
  to: z.enum(METHOD_STATES),
});

/** Undefined: it is another kind of event, or one that a newer monitor writes otherwise. */
export function readChange(event: WireEvent): WireChange | undefined {
  const { data } = change.safeParse(event);
  if (data === undefined) return undefined;
  const { at, since, kind: _, ...rest } = data;
  return { ...rest, atMs: at, sinceMs: since };
}

/** Undefined: as with `readChange`. */
export function readIncidentChange(event: WireEvent): WireIncidentChange | undefined {
  const { data } = incidentChange.safeParse(event);
  if (data === undefined) return undefined;
  const { at, ...rest } = data;
  return { ...rest, atMs: at };
}

/** An incident of a snapshot. Undefined: a newer monitor writes it otherwise. */
export function readIncident(part: Readonly<Record<string, unknown>>): WireIncident | undefined {
  return incident.safeParse(part).data;
}

/** Undefined: as with `readChange`. */
export function readMethodChange(event: WireEvent): WireMethodChange | undefined {
  const { data } = methodChange.safeParse(event);
  if (data === undefined) return undefined;
  const { at, kind: _, ...rest } = data;
  return { ...rest, atMs: at };
}

/** The one target that the incident is about. Undefined: it is about more. */
export function loneTarget({ scope }: WireIncident): string | undefined {
  return scope.length === 1 ? scope[0]?.['target'] : undefined;
}
