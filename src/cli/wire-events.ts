import { z } from 'zod';
import { SEVERITIES } from '../core/events.ts';
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

/** What a line says of an incident. */
interface WireIncident {
  readonly atMs: number;
  readonly id: string;
  readonly severity: string;
  readonly title: string;
  /** Its scope in words. */
  readonly where: string;
  /** It is about one store or one target alone. */
  readonly isNarrow: boolean;
  /** It turned out to be part of another. */
  readonly isMerged: boolean;
  readonly openedAtMs: number;
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

const incidentChange = z.object({
  at: time,
  incident: z.object({
    id: z.string(),
    scope: z.array(z.record(z.string(), z.string())),
    title: z.string(),
    severity: z.enum(SEVERITIES),
    openedAt: time,
    mergedInto: z.string().optional(),
  }),
});

/** Undefined: it is another kind of event, or one that a newer monitor writes otherwise. */
export function readChange(event: WireEvent): WireChange | undefined {
  const { data } = change.safeParse(event);
  if (data === undefined) return undefined;
  const { at, since, kind: _, ...rest } = data;
  return { ...rest, atMs: at, sinceMs: since };
}

export function readIncident(event: WireEvent): WireIncident | undefined {
  const { data } = incidentChange.safeParse(event);
  if (data === undefined) return undefined;
  const { scope, id, severity, title, openedAt, mergedInto } = data.incident;
  const where = scope.map((labels) =>
    Object.entries(labels)
      .map(([name, value]) => `${name} ${value}`)
      .join(', '),
  );
  const [only] = scope;
  const isNarrow = scope.length === 1 && only !== undefined && isOneThing(Object.keys(only));
  const isMerged = mergedInto !== undefined;
  return {
    atMs: data.at,
    id,
    severity,
    title,
    where: where.join(' or '),
    isNarrow,
    isMerged,
    openedAtMs: openedAt,
  };
}

function isOneThing(names: readonly string[]): boolean {
  return names.includes('target') || names.includes('store');
}
