import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Board } from '../core/board.ts';
import type { TargetColumns } from '../core/columns.ts';
import type { EventDraft, Incident, JournalEvent, Maintenance, MethodState } from '../core/events.ts';
import type { ProbeReport } from '../core/outcome.ts';
import type { Quiet } from '../core/quiet.ts';
import type { StoreId, TargetId } from '../estate/ids.ts';
import type { WireStore } from '../feed/protocol.ts';
import type { Journal } from '../journal/journal.ts';
import type { Clock } from '../lib/clock.ts';
import type { Result } from '../lib/result.ts';
import type { OutageFacts } from '../metrics/outage-facts.ts';
import type { ListedMessage, MessageState } from '../notifiers/outbox-store.ts';
import type { ProbeRequest, Prober } from '../probes/probe.ts';
import type { Settings, SettingsProblem } from '../settings/settings.ts';
import type { Authenticator } from './auth.ts';

/** How many targets a new configuration touched. */
export interface ReloadSummary {
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
}

/** Whether the monitor does its whole work; each problem is one sentence for an operator. */
export interface Readiness {
  readonly ready: boolean;
  readonly problems: readonly string[];
}

/** Probing at a quarter of its rate, for a time. */
export interface Calm {
  /** What intervals are multiplied by now. 1 when it is not calm. */
  readonly pace: number;
  /** When it ends. Epoch ms, UTC; undefined: it is not calm. */
  readonly untilMs: number | undefined;
  set(untilMs: number | undefined): void;
}

/** What people may do and ask about what is announced. */
export interface Acts {
  /** Lays down what somebody did. Resolves once it is on disk and told; rejects when the monitor stops before. */
  record(draft: EventDraft): Promise<JournalEvent>;
  /**
   * What keeps a failure of `target` from being announced now; undefined, or the rule `announced`: nothing does. `why` is
   * one sentence.
   */
  why(target: TargetId): { readonly rule: string; readonly why: string } | undefined;
  /** Maintenances and silences as announced so far. */
  readonly quiet: Quiet;
  /** Maintenances that the configuration plans and nothing has been announced of, the next first. */
  comingMaintenances(): readonly Maintenance[];
  /** As announced so far. */
  methodState(store: StoreId, method: string): MethodState;
}

/** How a channel does by which people are told. */
export interface ChannelStatus {
  readonly name: string;
  /** Of the notifier. */
  readonly type: string;
  /** How many messages are in each state, of those that are still kept. */
  readonly pending: number;
  readonly delivered: number;
  readonly dead: number;
  /** What last kept a message from arriving, since the monitor started. */
  readonly lastError?: { readonly message: string; readonly atMs: number; readonly isPermanent: boolean };
}

/** What people are told, and what of it has not arrived. */
export interface Notifications {
  channels(): readonly ChannelStatus[];
  /** Newest first, `limit` at most, with ids below `beforeId` where one is given. */
  messages(state: MessageState, limit: number, beforeId: number | undefined): readonly ListedMessage[];
}

/** All that the HTTP side knows of the monitor. It reads; only `probe`, `reload` and `acts` do anything. */
export interface AppContext {
  readonly version: string;
  /** The settings in force; a new object after each reload. */
  readonly settings: () => Settings;
  readonly columns: TargetColumns;
  readonly board: Board;
  readonly journal: Journal;
  readonly registry: Registry;
  readonly outages: OutageFacts;
  readonly probers: ReadonlyMap<string, Prober>;
  readonly authenticator: Authenticator;
  readonly clock: Clock;
  readonly log: Logger;
  /** Every store with its targets by state, as the feed's snapshot has them. */
  readonly stores: () => readonly WireStore[];
  /** Open incidents, oldest first, as the feed's snapshot has them. */
  readonly openIncidents: () => readonly Incident[];
  /** Answers `/api/v1/events/stream`. The caller's right to read is already checked. */
  readonly streamEvents: (request: IncomingMessage, response: ServerResponse) => void;
  /**
   * One probe now, outside the schedule, with `module` as it is configured. Undefined: no such module is open.
   * Never two at a time towards one target, scheduled ones included. Signal and outcome as of `Probe`.
   */
  readonly probe: (
    module: string,
    request: ProbeRequest,
    signal: AbortSignal,
  ) => Promise<ProbeReport | undefined>;
  /** Reads the configuration anew and applies it, or changes nothing and tells what is wrong with it. */
  readonly reload: () => Promise<Result<ReloadSummary, readonly SettingsProblem[]>>;
  readonly readiness: () => Readiness;
  readonly calm: Calm;
  readonly notifications: Notifications;
  /** Absent: this monitor takes no acts, and has no addresses for them. */
  readonly acts?: Acts;
}
