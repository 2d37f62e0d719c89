import {
  type EventKind,
  type IncidentSeverity,
  type JournalEvent,
  type MethodState,
  SEVERITIES,
} from '../core/events.ts';
import type { AnyReason, SelfReason } from '../core/reason.ts';

/** An event on the wire: the journal's, with every `…Ms` stamp as an ISO 8601 string named without its unit. */
export type WireEvent = { readonly seq: number; readonly at: string; readonly kind: EventKind } & Readonly<
  Record<string, unknown>
>;

/** What a client wants to see. All parts given must hold. Absent parts let everything through. */
export interface FeedFilter {
  readonly chain?: string;
  readonly region?: string;
  readonly store?: string;
  readonly kinds?: readonly EventKind[];
  /** Incidents below this are left out; events without a severity pass. */
  readonly minSeverity?: IncidentSeverity;
}

/** A store in a snapshot or list: its targets by state, and since when the worst of them. */
export interface WireStore {
  readonly id: string;
  readonly name: string;
  readonly chain?: string;
  readonly region?: string;
  readonly city?: string;
  /** The worst state among its targets that are known; `unknown` when none is. */
  readonly state: 'unknown' | 'up' | 'degraded' | 'down';
  /** Since when its worst state holds; absent while `up` or `unknown`. ISO 8601. */
  readonly since?: string;
  readonly targets: Readonly<Record<'unknown' | 'up' | 'degraded' | 'down', number>>;
  /** How many targets it has of each kind (`terminal`, `gateway`, …). */
  readonly kinds: Readonly<Record<string, number>>;
  /** How customers can pay now, by method; only those that are watched in the store. */
  readonly methods: Readonly<Record<string, WireMethod>>;
}

/** How customers can pay with one method in one store. */
export interface WireMethod {
  readonly state: MethodState;
  readonly reason?: AnyReason;
  /** One plain sentence for a person. */
  readonly message: string;
  /** When the state began; absent while it was never known. ISO 8601. */
  readonly since?: string;
}

/** What holds after event `seq`: enough to draw a page; later `events` bring it forward. */
export interface Snapshot {
  readonly seq: number;
  readonly at: string;
  readonly targets: { readonly counts: Readonly<Record<'unknown' | 'up' | 'degraded' | 'down', number>> };
  readonly stores: readonly WireStore[];
  readonly incidents: readonly Readonly<Record<string, unknown>>[];
  /** We are blind, since when and why: nothing is known of any target. Absent: we can see. */
  readonly blind?: { readonly reason: SelfReason; readonly message: string; readonly since: string };
}

/** The events from `since` on are no longer kept; a snapshot follows. */
export interface Gap {
  readonly since: number;
  readonly firstSeq: number;
}

export interface ServerToClient {
  snapshot(snapshot: Snapshot): void;
  events(events: readonly WireEvent[]): void;
  gap(gap: Gap): void;
}

/** At most one frame of events per client in this time. Unit: ms. */
export const FRAME_INTERVAL_MS = 200;

/** The event as clients get it. `fooMs` becomes `foo`, an ISO 8601 string in UTC with milliseconds. */
export function toWire(event: JournalEvent): WireEvent {
  const wire = { seq: event.seq, at: new Date(event.atMs).toISOString(), kind: event.kind };
  for (const [key, part] of Object.entries(event)) {
    if (key !== 'seq' && key !== 'atMs' && key !== 'kind') copyPart(wire, key, part);
  }
  return wire;
}

/** Renames each `fooMs` epoch stamp (top level and nested objects) to `foo` in ISO 8601. */
export function stampsToIso(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const renamed: Record<string, unknown> = {};
  for (const [key, part] of Object.entries(value)) copyPart(renamed, key, part);
  return renamed;
}

function copyPart(to: Record<string, unknown>, key: string, part: unknown): void {
  if (typeof part === 'number' && /(?:^at|At|^since)Ms$/.test(key)) {
    to[key.slice(0, -2)] = new Date(part).toISOString();
  } else {
    const isObject = typeof part === 'object' && part !== null && !Array.isArray(part);
    to[key] = isObject ? stampsToIso(part as Record<string, unknown>) : part;
  }
}

/** Whether `event` passes `filter`. Events about no place (`config-reloaded`) pass every place filter. */
export function isWanted(event: JournalEvent, filter: FeedFilter): boolean {
  if (filter.kinds !== undefined && !filter.kinds.includes(event.kind)) return false;
  if ('incident' in event && !isSevereEnough(event.incident, filter)) return false;
  const isOfPlace = 'store' in event || 'chain' in event || 'target' in event || 'incident' in event;
  return !isOfPlace || isPlaceWanted(event, filter);
}

/** Whether an incident is at least as severe as `filter` asks. */
export function isSevereEnough(
  { severity }: { readonly severity: IncidentSeverity },
  { minSeverity }: FeedFilter,
): boolean {
  return minSeverity === undefined || SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(minSeverity);
}

/** Whether all parts of `filter` about places hold for one. */
export function isPlaceWanted(
  place: {
    readonly chain?: string | undefined;
    readonly region?: string | undefined;
    readonly store?: string | undefined;
  },
  filter: FeedFilter,
): boolean {
  return (
    (filter.chain === undefined || place.chain === filter.chain) &&
    (filter.region === undefined || place.region === filter.region) &&
    (filter.store === undefined || place.store === filter.store)
  );
}
