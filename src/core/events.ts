import type { IncidentId, StoreId, TargetId } from '../estate/ids.ts';
import { unreachable } from '../lib/unreachable.ts';
import type { State } from './health.ts';
import type { AnyReason, SelfReason } from './reason.ts';

/** Every kind of event that the feed may carry (public contract). */
export const EVENT_KINDS = [
  'target-state-changed',
  'incident-opened',
  'incident-updated',
  'incident-resolved',
  'payment-method-changed',
  'monitor-blinded',
  'monitor-recovered',
  'maintenance-planned',
  'maintenance-started',
  'maintenance-ended',
  'silence-started',
  'silence-ended',
  'incident-acknowledged',
  'human-report',
  'config-reloaded',
  'evidence-gathered',
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
  readonly state: 'open' | 'recovering' | 'resolved';
  /** When the first of its targets failed. Epoch ms, UTC. */
  readonly openedAtMs: number;
  readonly resolvedAtMs?: number;
  readonly targetsDown: number;
  /** How many targets its scope has, of the kinds that fail. */
  readonly targetsInScope?: number;
  /** Of what is down, in the order of the letters; when it is over, of what was. Absent in journals of 0.1. */
  readonly kinds?: readonly string[];
  readonly storesAffected: number;
  readonly reason: AnyReason;
  /** How well the scope explains what is seen, 0 to 1. */
  readonly confidence?: number;
  /** What speaks against it, and why it fails, one sentence: "3 of 412 are not confirmed down; mostly …". */
  readonly evidence?: string;
  /** Payment methods that stores have lost by it. */
  readonly methodsLost?: readonly string[];
  /** How often it came back when it seemed over. */
  readonly relapses?: number;
  /** It recovers and fails by turns. */
  readonly unstable?: boolean;
  /** The incident it went into, when it turned out to be part of another. */
  readonly mergedInto?: IncidentId;
  readonly acknowledgement?: Acknowledgement;
}

/** Somebody has taken an incident on: it is announced no more until it ends, grows more severe or this expires. */
export interface Acknowledgement {
  readonly by: string;
  readonly comment: string;
  readonly atMs: number;
  readonly expiresAtMs?: number;
  /** Holds though the incident grows more severe. */
  readonly sticky: boolean;
}

export interface IncidentChanged {
  readonly kind: 'incident-opened' | 'incident-updated' | 'incident-resolved';
  readonly incident: Incident;
  readonly store?: StoreId;
  readonly chain?: string;
  readonly region?: string;
}

/** How a customer can pay with one method in one store. */
export const METHOD_STATES = ['available', 'degraded', 'offline-only', 'down', 'unknown'] as const;
export type MethodState = (typeof METHOD_STATES)[number];

export interface PaymentMethodChanged {
  readonly kind: 'payment-method-changed';
  readonly store: StoreId;
  readonly chain?: string;
  readonly region?: string;
  /** `card`, `wallet`, `swish`, `cash`, `web`, or a word of the configuration's. */
  readonly method: string;
  readonly from: MethodState;
  readonly to: MethodState;
  readonly reason?: AnyReason;
  /** One plain sentence for a person. */
  readonly message: string;
  readonly sinceMs: number;
}

/** Our own sight of the world went or came back. While it is gone nothing is said of any target. */
export interface SightChanged {
  readonly kind: 'monitor-blinded' | 'monitor-recovered';
  readonly reason: SelfReason;
  readonly message: string;
  /** When it went. Epoch ms, UTC. */
  readonly sinceMs: number;
}

/** A time in which failures of what `selector` names are expected. */
export interface Maintenance {
  readonly id: string;
  /** As `parseSelector` reads it. */
  readonly selector: string;
  /** Planned; of a flexible one, the window in which it may begin. Epoch ms, UTC. */
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  /** Flexible: begins at the first failure in its window and lasts this long. Unit: ms. */
  readonly flexibleMs?: number;
  readonly by: string;
  readonly comment: string;
}

export interface MaintenanceChanged {
  readonly kind: 'maintenance-planned' | 'maintenance-started' | 'maintenance-ended';
  readonly maintenance: Maintenance;
  /** Who ended it before its time. Absent: time did, or it has not ended. */
  readonly endedBy?: string;
}

/** Nothing is announced of what `selector` names until it ends; it is still shown. */
export interface Silence {
  readonly id: string;
  readonly selector: string;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly by: string;
  readonly comment: string;
}

export interface SilenceChanged {
  readonly kind: 'silence-started' | 'silence-ended';
  readonly silence: Silence;
  /** Who ended it before its time. Absent: time did, or it has not ended. */
  readonly endedBy?: string;
}

/** `by` took the incident on, or, when `isWithdrawn`, let it go again. */
export interface IncidentAcknowledged {
  readonly kind: 'incident-acknowledged';
  readonly incident: Incident;
  readonly acknowledgement: Acknowledgement;
  readonly isWithdrawn: boolean;
  readonly store?: StoreId;
  readonly chain?: string;
  readonly region?: string;
}

/** What somebody in the store says. */
export interface HumanReport {
  readonly kind: 'human-report';
  readonly store: StoreId;
  readonly chain?: string;
  readonly region?: string;
  readonly method: string;
  readonly says: 'works' | 'fails';
  readonly by: string;
  readonly comment: string;
  /** What the probes said of the method then, and whether that contradicts. */
  readonly probesSay: MethodState;
  readonly disagrees: boolean;
}

/**
 * What the probes had told when a question of scope was decided: kept so that a replay decides alike. Both are bit
 * sets over the estate's targets in the order of their ids, base64, lowest bit first.
 */
export interface EvidenceGathered {
  readonly kind: 'evidence-gathered';
  /** Probes that began since then count. Epoch ms, UTC. */
  readonly sinceMs: number;
  /** Answered since, last. */
  readonly answering: string;
  /** Failed since, last: confirmed or not. */
  readonly failing: string;
}

export interface ConfigReloaded {
  readonly kind: 'config-reloaded';
  readonly message: string;
  readonly targetsAdded: number;
  readonly targetsRemoved: number;
  readonly targetsChanged: number;
  /** Which of the settings that the journal keeps is in force from here on. Absent in journals of 0.1. */
  readonly outlook?: string;
}

/** An event before the journal has numbered it. `atMs`: when it happened, epoch ms, UTC. */
export type EventDraft = { readonly atMs: number } & (
  | TargetStateChanged
  | IncidentChanged
  | PaymentMethodChanged
  | SightChanged
  | MaintenanceChanged
  | SilenceChanged
  | IncidentAcknowledged
  | HumanReport
  | EvidenceGathered
  | ConfigReloaded
);

/** An event as journalled and announced. `seq` counts from 1 without gaps. */
export type JournalEvent = EventDraft & { readonly seq: number };

/** What follows from other events; the rest is what they follow from. */
export function isOutcome(event: EventDraft): boolean {
  switch (event.kind) {
    case 'incident-opened':
    case 'incident-updated':
    case 'incident-resolved':
    case 'payment-method-changed':
      return true;
    case 'maintenance-started':
      // A flexible one begins with a failure; the others when somebody, or the calendar, says so.
      return event.maintenance.flexibleMs !== undefined;
    default:
      return false;
  }
}

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
    case 'payment-method-changed':
      return { key: `method:${event.store}/${event.method}`, closes: false };
    case 'monitor-blinded':
    case 'monitor-recovered':
      return { key: 'sight', closes: event.kind === 'monitor-recovered' };
    case 'maintenance-planned':
    case 'maintenance-started':
    case 'maintenance-ended':
      return { key: `maintenance:${event.maintenance.id}`, closes: event.kind === 'maintenance-ended' };
    case 'silence-started':
    case 'silence-ended':
      return { key: `silence:${event.silence.id}`, closes: event.kind === 'silence-ended' };
    case 'incident-acknowledged':
      return { key: `acknowledgement:${event.incident.id}`, closes: event.isWithdrawn };
    case 'human-report':
      return { key: `report:${event.store}/${event.method}`, closes: false };
    case 'config-reloaded':
      return event.outlook === undefined ? undefined : { key: 'outlook', closes: false };
    case 'evidence-gathered':
      return undefined;
    default:
      return unreachable(event);
  }
}
