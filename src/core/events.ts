import type { IncidentId, StoreId, TargetId } from '../estate/ids.ts';
import { unreachable } from '../lib/unreachable.ts';
import type { State } from './health.ts';
import type { AnyReason } from './reason.ts';

/** Every kind of event that the feed may carry (public contract). */
export const EVENT_KINDS = [
  'target-state-changed',
  'incident-opened',
  'incident-updated',
  'incident-resolved',
  'payment-method-changed',
  'monitor-blinded',
  'monitor-recovered',
  'maintenance-started',
  'maintenance-ended',
  'incident-acknowledged',
  'human-report',
  'config-reloaded',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** How much customers lose, least first. */
export const SEVERITIES = ['info', 'minor', 'major', 'critical'] as const;
export type IncidentSeverity = (typeof SEVERITIES)[number];

export interface TargetStateChanged {
  readonly kind: 'target-state-changed';
  readonly target: TargetId;
  readonly store?: StoreId;
  readonly chain?: string;
  readonly region?: string;
  readonly from: State;
  readonly to: State;
  readonly reason?: AnyReason;
  /** One plain sentence for a person. No secret, no card data. */
  readonly message: string;
  /** When the state began: the first probe that saw it, not the one that confirmed it. Epoch ms, UTC. */
  readonly sinceMs: number;
}

/** One outage as a person would tell it. */
export interface Incident {
  readonly id: IncidentId;
  /** What the failing targets share: label maps, each a conjunction, any of which may explain it. */
  readonly scope: readonly Readonly<Record<string, string>>[];
  readonly title: string;
  readonly severity: IncidentSeverity;
  readonly state: 'open' | 'resolved';
  readonly openedAtMs: number;
  readonly resolvedAtMs?: number;
  readonly targetsDown: number;
  readonly storesAffected: number;
  readonly reason: AnyReason;
}

export interface IncidentChanged {
  readonly kind: 'incident-opened' | 'incident-updated' | 'incident-resolved';
  readonly incident: Incident;
  readonly store?: StoreId;
  readonly chain?: string;
  readonly region?: string;
}

export interface ConfigReloaded {
  readonly kind: 'config-reloaded';
  readonly message: string;
  readonly targetsAdded: number;
  readonly targetsRemoved: number;
  readonly targetsChanged: number;
}

/** An event before the journal has numbered it. `atMs`: when it happened, epoch ms, UTC. */
export type EventDraft = { readonly atMs: number } & (TargetStateChanged | IncidentChanged | ConfigReloaded);

/** An event as journalled and announced. `seq` counts from 1 without gaps. */
export type JournalEvent = EventDraft & { readonly seq: number };

/**
 * What an event is about. The newest event of a subject tells its present state, until it is closed.
 * Absent: the event leaves no state behind.
 */
export function subjectOf(event: EventDraft): { readonly key: string; readonly closes: boolean } | undefined {
  switch (event.kind) {
    case 'target-state-changed':
      return { key: `target:${event.target}`, closes: false };
    case 'incident-opened':
    case 'incident-updated':
      return { key: `incident:${event.incident.id}`, closes: false };
    case 'incident-resolved':
      return { key: `incident:${event.incident.id}`, closes: true };
    case 'config-reloaded':
      return undefined;
    default:
      return unreachable(event);
  }
}
