/** What a metric is: the whole of what a reader of the exposition may know beforehand. */
export interface Family {
  readonly type: 'gauge' | 'counter' | 'histogram' | 'summary';
  /** Base unit, also the name's suffix (`_total` apart). `none`: a state, a count or an info metric. */
  readonly unit: 'seconds' | 'none';
  readonly help: string;
  /** Label names of its own, beside those that tell the target. */
  readonly labels: readonly string[];
}

/** Labels by which every per-target series tells its target. Absent where they do not apply. */
export const TARGET_LABELS = ['target', 'module', 'kind', 'store', 'chain'] as const;

/**
 * Per-target series of `/metrics/targets`: at most one of each for a target, so at most six
 * (`probe_timeout_seconds` is for `/probe` alone). What a module exports beyond them is in `core/measurements.ts`.
 * Names and helps that blackbox_exporter has are its own, to the letter.
 */
export const TARGET_FAMILIES = {
  probe_success: {
    type: 'gauge',
    unit: 'none',
    help: 'Displays whether or not the probe was a success',
    labels: [],
  },
  probe_duration_seconds: {
    type: 'gauge',
    unit: 'seconds',
    help: 'Returns how long the probe took to complete in seconds',
    labels: [],
  },
  kassavakt_target_state: {
    type: 'gauge',
    unit: 'none',
    help: 'Confirmed state of the target: 0 unknown, 1 up, 2 degraded, 3 down',
    labels: [],
  },
  kassavakt_probe_last_run_timestamp_seconds: {
    type: 'gauge',
    unit: 'seconds',
    help: 'When the last probe that gave a verdict ended, in unixtime',
    labels: [],
  },
  kassavakt_target_info: {
    type: 'gauge',
    unit: 'none',
    help: 'Every label of the target, for joins; always 1',
    labels: [],
  },
  probe_failure_info: {
    type: 'gauge',
    unit: 'none',
    help: 'Why the last probe failed; absent while it succeeds',
    labels: ['reason'],
  },
  probe_timeout_seconds: {
    type: 'gauge',
    unit: 'seconds',
    help: 'Returns how long the probe timeout is in seconds',
    labels: [],
  },
} as const satisfies Readonly<Record<string, Family>>;

const METHOD_LABELS = ['store', 'chain', 'payment_method'] as const;

/** Series of `/metrics/targets` beside those of targets: of stores, and of incidents while they are open. */
export const OUTAGE_FAMILIES = {
  kassavakt_payment_method_available: {
    type: 'gauge',
    unit: 'none',
    help: 'Whether a customer can pay that way in the store, if only offline or slowly; absent while it is not known',
    labels: METHOD_LABELS,
  },
  kassavakt_payment_method_state: {
    type: 'gauge',
    unit: 'none',
    help: 'How a customer can pay that way in the store: 0 unknown, 1 available, 2 degraded, 3 offline only, 4 down',
    labels: METHOD_LABELS,
  },
  kassavakt_store_open: {
    type: 'gauge',
    unit: 'none',
    help: 'Whether the store is open by its opening hours; absent while they are not known',
    labels: ['store', 'chain'],
  },
  kassavakt_store_info: {
    type: 'gauge',
    unit: 'none',
    help: 'What and where the store is, for joins; always 1',
    labels: ['store', 'chain', 'name', 'region', 'city', 'latitude', 'longitude'],
  },
  kassavakt_incident_targets_down: {
    type: 'gauge',
    unit: 'none',
    help: 'Targets down in an open incident; 0 while it is not yet sure that it is over',
    labels: ['incident', 'severity', 'scope', 'chain'],
  },
  kassavakt_incident_start_timestamp_seconds: {
    type: 'gauge',
    unit: 'seconds',
    help: 'When the first target of an open incident failed, in unixtime',
    labels: ['incident'],
  },
} as const satisfies Readonly<Record<string, Family>>;

/** Series of `/metrics`: our own process, beside Node's and the operating system's usual ones. */
export const PROCESS_FAMILIES = {
  kassavakt_probes_total: {
    type: 'counter',
    unit: 'none',
    help: 'Probes that ended, whatever came of them',
    labels: [],
  },
  kassavakt_probe_failures_total: {
    type: 'counter',
    unit: 'none',
    help: 'Probes that failed, by the layer that failed first',
    labels: ['reason'],
  },
  kassavakt_probes_inconclusive_total: {
    type: 'counter',
    unit: 'none',
    help: 'Probes without a verdict for a reason of our own; they change no state',
    labels: ['reason'],
  },
  kassavakt_probe_lateness_seconds: {
    type: 'histogram',
    unit: 'seconds',
    help: 'How long after its due time a probe started',
    labels: [],
  },
  kassavakt_event_loop_delay_seconds: {
    type: 'summary',
    unit: 'seconds',
    help: 'How late the event loop ran what was due; quantiles of the last minute',
    labels: [],
  },
  kassavakt_in_flight_probes: {
    type: 'gauge',
    unit: 'none',
    help: 'Scheduled probes under way',
    labels: [],
  },
  kassavakt_queued_probes: {
    type: 'gauge',
    unit: 'none',
    help: 'Scheduled probes that are due and wait for a place',
    labels: [],
  },
  kassavakt_targets: {
    type: 'gauge',
    unit: 'none',
    help: 'Targets watched, by confirmed state',
    labels: ['state'],
  },
  kassavakt_stores: {
    type: 'gauge',
    unit: 'none',
    help: 'Stores in which a way to pay is watched, by its state there',
    labels: ['payment_method', 'state'],
  },
  kassavakt_incidents: {
    type: 'gauge',
    unit: 'none',
    help: 'Open incidents, by severity',
    labels: ['severity'],
  },
  kassavakt_incidents_opened_total: {
    type: 'counter',
    unit: 'none',
    help: 'Incidents announced as open, by their severity then; one that comes back counts again',
    labels: ['severity'],
  },
  kassavakt_monitor_blind: {
    type: 'gauge',
    unit: 'none',
    help: 'Whether the monitor itself cannot see; while 1 nothing is known of any target',
    labels: [],
  },
  kassavakt_alertmanager_up: {
    type: 'gauge',
    unit: 'none',
    help: 'Whether this Alertmanager took our last request: 0 no or not yet, 1 yes',
    labels: ['alertmanager'],
  },
  kassavakt_alertmanager_alerts: {
    type: 'gauge',
    unit: 'none',
    help: 'Alerts that fire towards Alertmanager: incidents, and what stores have lost by them',
    labels: [],
  },
  kassavakt_journal_last_seq: {
    type: 'gauge',
    unit: 'none',
    help: 'Number of the newest event in the journal',
    labels: [],
  },
  kassavakt_journal_writable: {
    type: 'gauge',
    unit: 'none',
    help: 'Whether the journal takes new events; while 0 nothing new is announced',
    labels: [],
  },
  kassavakt_journal_pending_events: {
    type: 'gauge',
    unit: 'none',
    help: 'Confirmed events that are not yet in the journal and so not yet announced',
    labels: [],
  },
  kassavakt_feed_clients: {
    type: 'gauge',
    unit: 'none',
    help: 'Clients that follow the feed',
    labels: [],
  },
  kassavakt_calm_mode: {
    type: 'gauge',
    unit: 'none',
    help: 'Whether probing goes at a quarter of its rate for a time',
    labels: [],
  },
  kassavakt_notifications_total: {
    type: 'counter',
    unit: 'none',
    help: 'Notifications that arrived',
    labels: ['channel'],
  },
  kassavakt_notification_failures_total: {
    type: 'counter',
    unit: 'none',
    help: 'Attempts to deliver a notification that failed; permanent: trying again as it is cannot help',
    labels: ['channel', 'permanent'],
  },
  kassavakt_notifications_pending: {
    type: 'gauge',
    unit: 'none',
    help: 'Notifications that wait to be delivered',
    labels: ['channel'],
  },
  kassavakt_notification_oldest_pending_timestamp_seconds: {
    type: 'gauge',
    unit: 'seconds',
    help: 'Since when the oldest notification waits that is not delivered, in unixtime; absent when none waits',
    labels: ['channel'],
  },
  kassavakt_notification_dwell_seconds: {
    type: 'histogram',
    unit: 'seconds',
    help: 'From the event, or the hours, step or digest it waited for, to the delivery of a notification',
    labels: ['channel'],
  },
  kassavakt_build_info: {
    type: 'gauge',
    unit: 'none',
    help: 'Version of Kassavakt and of Node.js; always 1',
    labels: ['version', 'node'],
  },
  kassavakt_config_last_reload_successful: {
    type: 'gauge',
    unit: 'none',
    help: 'Whether the last attempt to read the configuration succeeded',
    labels: [],
  },
  kassavakt_config_last_reload_success_timestamp_seconds: {
    type: 'gauge',
    unit: 'seconds',
    help: 'When the configuration was last read with success, in unixtime',
    labels: [],
  },
} as const satisfies Readonly<Record<string, Family>>;
