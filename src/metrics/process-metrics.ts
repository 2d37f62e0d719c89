import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { TargetColumns } from '../core/columns.ts';
import { type JournalEvent, METHOD_STATES, type MethodState, SEVERITIES } from '../core/events.ts';
import { type State } from '../core/health.ts';
import type { Outcome } from '../core/outcome.ts';
import { type AnyReason, REASONS, SELF_REASONS } from '../core/reason.ts';
import type { Clock } from '../lib/clock.ts';
import { PROCESS_FAMILIES } from './catalogue.ts';
import { EventLoopDelay } from './event-loop-delay.ts';
import type { OutageFacts } from './outage-facts.ts';
import {
  type ChannelBacklog,
  type NotificationMetrics,
  registerNotificationMetrics,
} from './notification-metrics.ts';

/** Unit: s. */
const LATENESS_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Gauges of prom-client that are named as counters. `promtool check metrics` rightly objects. */
const MISNAMED_DEFAULTS = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/** What is asked at each scrape. */
export interface ProcessFacts {
  readonly columns: TargetColumns;
  readonly outages: OutageFacts;
  /** Scheduled probes under way. */
  inFlight(): number;
  /** Scheduled probes that are due and wait. */
  queued(): number;
  journalLastSeq(): number;
  isJournalWritable(): boolean;
  pendingEvents(): number;
  feedClients(): number;
  /** Probing goes at a fraction of its rate. */
  isCalm(): boolean;
  /** Those configured. */
  alertmanagers(): readonly { readonly url: string; readonly isUp: boolean }[];
  /** Alerts that fire towards them. */
  alertmanagerAlerts(): number;
  /** Of each channel by which people are told. */
  notificationBacklogs(): readonly ChannelBacklog[];
}

export interface BuildInfo {
  readonly version: string;
  /** Version of Node.js, without the `v`. */
  readonly node: string;
}

/** Our own process' metrics. Recording is cheap, synchronous and never throws. */
export interface ProcessMetrics extends Disposable {
  readonly registry: Registry;
  readonly notifications: NotificationMetrics;
  /** A scheduled probe ended. `reason` is the outcome's; `latenessMs` is how long after its due time it started. */
  readonly recordProbe: (kind: Outcome['kind'], reason: AnyReason | undefined, latenessMs: number) => void;
  /** Events are on disk and told. */
  readonly recordEvents: (events: readonly JournalEvent[]) => void;
  /** An attempt to read the configuration ended; the first one is the start itself. */
  readonly recordReload: (isSuccessful: boolean) => void;
}

export function startProcessMetrics(facts: ProcessFacts, build: BuildInfo, clock: Clock): ProcessMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED_DEFAULTS) registry.removeSingleMetric(name);
  const eventLoopDelay = new EventLoopDelay(registry, () => clock.monotonicMs());
  registerFacts(registry, facts);
  gauge(registry, 'kassavakt_build_info').set({ version: build.version, node: build.node }, 1);

  const probes = counter(registry, 'kassavakt_probes_total');
  const opened = countersBy(counter(registry, 'kassavakt_incidents_opened_total'), SEVERITIES);
  const failures = countersBy(counter(registry, 'kassavakt_probe_failures_total'), REASONS);
  const inconclusive = countersBy(counter(registry, 'kassavakt_probes_inconclusive_total'), SELF_REASONS);
  const lateness = new Histogram({
    ...describe('kassavakt_probe_lateness_seconds'),
    buckets: LATENESS_BUCKETS,
    registers: [registry],
  });
  const reloaded = gauge(registry, 'kassavakt_config_last_reload_successful');
  const reloadedAt = gauge(registry, 'kassavakt_config_last_reload_success_timestamp_seconds');

  const notifications = registerNotificationMetrics(registry, () => facts.notificationBacklogs());

  return {
    registry,
    notifications,
    recordProbe(kind, reason, latenessMs) {
      probes.inc();
      lateness.observe(latenessMs / 1_000);
      if (kind === 'failed') failures.get(reason)?.inc();
      else if (kind === 'inconclusive') inconclusive.get(reason)?.inc();
    },
    recordEvents(events) {
      for (const event of events) {
        if (event.kind === 'incident-opened') opened.get(event.incident.severity)?.inc();
      }
    },
    recordReload(isSuccessful) {
      reloaded.set(isSuccessful ? 1 : 0);
      if (isSuccessful) reloadedAt.set(clock.nowMs() / 1_000);
    },
    [Symbol.dispose]() {
      eventLoopDelay[Symbol.dispose]();
      registry.clear();
    },
  };
}

type ProcessFamily = keyof typeof PROCESS_FAMILIES;

function describe(name: ProcessFamily): { name: string; help: string; labelNames: readonly string[] } {
  const { help, labels } = PROCESS_FAMILIES[name];
  return { name, help, labelNames: labels };
}

function gauge(registry: Registry, name: ProcessFamily, collect?: (gauge: Gauge) => void): Gauge {
  return new Gauge({
    ...describe(name),
    registers: [registry],
    ...(collect === undefined
      ? {}
      : {
          collect() {
            collect(this);
          },
        }),
  });
}

function counter(registry: Registry, name: ProcessFamily): Counter {
  return new Counter({ ...describe(name), registers: [registry] });
}

/** One counter a value of its label, all there from the start at 0. */
function countersBy(
  counter: Counter,
  values: readonly string[],
): ReadonlyMap<string | undefined, Counter.Internal> {
  return new Map(
    values.map((value) => {
      const own = counter.labels(value);
      own.inc(0);
      return [value, own];
    }),
  );
}

function registerFacts(registry: Registry, facts: ProcessFacts): void {
  const read = (name: ProcessFamily, value: () => number): void => {
    gauge(registry, name, (own) => own.set(value()));
  };
  read('kassavakt_in_flight_probes', () => facts.inFlight());
  read('kassavakt_queued_probes', () => facts.queued());
  read('kassavakt_journal_last_seq', () => facts.journalLastSeq());
  read('kassavakt_journal_writable', () => (facts.isJournalWritable() ? 1 : 0));
  read('kassavakt_journal_pending_events', () => facts.pendingEvents());
  read('kassavakt_feed_clients', () => facts.feedClients());
  read('kassavakt_calm_mode', () => (facts.isCalm() ? 1 : 0));
  registerOutages(registry, facts.outages);
  read('kassavakt_alertmanager_alerts', () => facts.alertmanagerAlerts());
  gauge(registry, 'kassavakt_alertmanager_up', (own) => {
    own.reset();
    for (const { url, isUp } of facts.alertmanagers()) own.set({ alertmanager: url }, isUp ? 1 : 0);
  });
  gauge(registry, 'kassavakt_targets', (own) => {
    for (const [state, count] of Object.entries(countStates(facts.columns))) own.set({ state }, count);
  });
}

function registerOutages(registry: Registry, outages: OutageFacts): void {
  gauge(registry, 'kassavakt_monitor_blind', (own) => own.set(outages.isBlind() ? 1 : 0));
  gauge(registry, 'kassavakt_incidents', (own) => {
    const open = Map.groupBy(outages.incidents(), ({ severity }) => severity);
    for (const severity of SEVERITIES) own.set({ severity }, open.get(severity)?.length ?? 0);
  });
  gauge(registry, 'kassavakt_stores', (own) => {
    // A method that is configured no more must not stay behind.
    own.reset();
    for (const [method, counts] of countStores(outages)) {
      for (const state of METHOD_STATES) own.set({ payment_method: method, state }, counts[state]);
    }
  });
}

function countStores(outages: OutageFacts): ReadonlyMap<string, Record<MethodState, number>> {
  const nowhere = { available: 0, degraded: 0, 'offline-only': 0, down: 0, unknown: 0 };
  const counted = new Map(outages.methods().map((method) => [method, { ...nowhere }]));
  for (const store of outages.estate().stores.values()) {
    for (const [method, state] of outages.methodsOf(store)) {
      const counts = counted.get(method);
      if (counts !== undefined) counts[state]++;
    }
  }
  return counted;
}

function countStates(columns: TargetColumns): Record<State, number> {
  const counts = { unknown: 0, up: 0, degraded: 0, down: 0 };
  for (let slot = 0; slot < columns.slotCount; slot++) {
    if (columns.targetAt(slot) !== undefined) counts[columns.stateAt(slot)]++;
  }
  return counts;
}
