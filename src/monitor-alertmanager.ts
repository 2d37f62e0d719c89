import { setImmediate } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Incident, JournalEvent } from './core/events.ts';
import type { Outages } from './core/outages.ts';
import { scopeLabels } from './core/scope-labels.ts';
import { parseSelector } from './estate/selector.ts';
import type { FeedSource } from './feed/source.ts';
import type { Clock } from './lib/clock.ts';
import { RESOLVED_REPEAT_MS } from './notifiers/alertmanager/alert-book.ts';
import {
  AlertmanagerLink,
  type AlertmanagerState,
  type AnnouncedChange,
} from './notifiers/alertmanager/alertmanager-link.ts';
import type { LostMethod, ToldIncident } from './notifiers/alertmanager/incident-alerts.ts';
import type { QuietSpan } from './notifiers/alertmanager/silence-plan.ts';
import type { AlertmanagerSettings, Settings } from './settings/settings.ts';

/** How far back a start looks for what was announced lately. */
const EVENTS_BACK = 20_000;
const SLICE_EVENTS = 500;

export interface AlertmanagerContext {
  readonly outages: Outages;
  /** The settings in force. */
  settings(): Settings;
  /** Where we answer; to be asked once we do. */
  listenUrl(): string;
}

/** The part of the monitor that hands what is announced to Alertmanager. It talks to nobody before `configure`. */
export class AlertmanagerAlerts implements AsyncDisposable {
  private readonly source: FeedSource;
  private readonly context: AlertmanagerContext;
  private readonly clock: Clock;
  private readonly link: AlertmanagerLink;
  private readonly subscription: Disposable;
  private configured: AlertmanagerSettings | undefined;
  private hasStarted = false;
  private instance: string | undefined;

  constructor(source: FeedSource, context: AlertmanagerContext, clock: Clock, log: Logger) {
    this.source = source;
    this.context = context;
    this.clock = clock;
    this.link = new AlertmanagerLink(
      {
        incidents: () => this.incidents(),
        isBlind: () => source.board.sight !== undefined,
        spans: () => Array.from(this.spans()),
        instance: () => this.nameInstance(),
        links: () => {
          const { alertmanager, externalUrl = context.listenUrl() } = context.settings();
          return { externalUrl, runbookUrl: alertmanager?.runbookUrl ?? `${externalUrl}/runbook` };
        },
      },
      clock,
      log,
    );
    this.subscription = source.subscribe((events) => {
      for (const event of events) this.hear(event);
    });
  }

  states(): readonly AlertmanagerState[] {
    return this.link.states();
  }

  /** How many alerts fire. */
  get firing(): number {
    return this.link.firing;
  }

  /** Takes the settings in force. One call at a time. */
  async configure(): Promise<void> {
    const { alertmanager } = this.context.settings();
    if (!this.hasStarted) this.link.recall(await this.readLately());
    if (this.hasStarted && isDeepStrictEqual(this.configured, alertmanager)) {
      this.link.changed();
      return;
    }
    this.hasStarted = true;
    this.configured = alertmanager;
    await this.link.configure(alertmanager);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.subscription[Symbol.dispose]();
    await this.link[Symbol.asyncDispose]();
  }

  private hear(event: JournalEvent): void {
    switch (event.kind) {
      case 'incident-resolved':
        this.link.resolve(this.toAlone(event.incident));
        return;
      case 'incident-opened':
      case 'incident-updated':
      case 'incident-acknowledged':
      case 'payment-method-changed':
      case 'monitor-blinded':
      case 'monitor-recovered':
        this.link.changed();
        return;
      case 'maintenance-planned':
      case 'maintenance-started':
      case 'maintenance-ended':
      case 'silence-started':
      case 'silence-ended':
        this.link.quietChanged();
        return;
      default:
        return;
    }
  }

  private incidents(): readonly ToldIncident[] {
    const { board } = this.source;
    const { outages } = this.context;
    const { estate } = this.context.settings();
    const now = new Map(outages.incidents().map((incident) => [incident.id, incident]));
    return board
      .openIncidents()
      .toSorted((a, b) => a.openedAtMs - b.openedAtMs || (a.id < b.id ? -1 : 1))
      .map((incident) => ({
        incident,
        now: now.get(incident.id) ?? incident,
        place: scopeLabels(incident.scope, estate),
        lost: Array.from(this.lostBy(incident)),
      }));
  }

  /** What stores have lost, as announced, where the incident is felt. */
  private *lostBy({ id }: Incident): Iterable<LostMethod> {
    const { board } = this.source;
    const { stores } = this.context.settings().estate;
    const reach = this.context.outages.reachOf(id);
    for (const storeId of Array.from(reach?.stores ?? []).sort()) {
      const announced = board.methodsOf(storeId);
      const { chain, region } = stores.get(storeId) ?? {};
      for (const method of reach?.methods ?? []) {
        const status = announced.get(method);
        if (status?.state !== 'down') continue;
        const { message, sinceMs } = status;
        yield {
          store: storeId,
          ...(chain === undefined ? {} : { chain }),
          ...(region === undefined ? {} : { region }),
          method,
          message,
          sinceMs,
        };
      }
    }
  }

  /** Without what stores lose by it. */
  private toAlone(incident: Incident): ToldIncident {
    const place = scopeLabels(incident.scope, this.context.settings().estate);
    return { incident, now: incident, place, lost: [] };
  }

  private *spans(): Iterable<QuietSpan> {
    const { board } = this.source;
    for (const silence of board.silences()) yield* toSpan('silence', silence);
    for (const maintenance of board.maintenances()) {
      // A flexible one holds nothing before it begins, and when that is nobody knows.
      const holds = maintenance.state === 'started' || maintenance.flexibleMs === undefined;
      if (holds) yield* toSpan('maintenance', maintenance);
    }
  }

  /** When the journal began tells it from any other's, for as long as there is a journal. */
  private nameInstance(): string | undefined {
    const { journal } = this.source;
    this.instance ??= journal.read(journal.firstSeq - 1, 1)[0]?.atMs.toString(36);
    return this.instance;
  }

  /** What was announced of incidents so lately that their alerts may have to be repeated, oldest first. */
  private async readLately(): Promise<readonly AnnouncedChange[]> {
    const { journal } = this.source;
    const sinceMs = this.clock.nowMs() - RESOLVED_REPEAT_MS;
    const oldestSeq = Math.max(journal.firstSeq - 1, journal.lastSeq - EVENTS_BACK);
    const slices: (readonly AnnouncedChange[])[] = [];
    for (let upTo = journal.lastSeq; upTo > oldestSeq; upTo -= SLICE_EVENTS) {
      const from = Math.max(oldestSeq, upTo - SLICE_EVENTS);
      const events = journal.read(from, upTo - from);
      slices.push(events.flatMap((event) => (event.atMs > sinceMs ? this.toChange(event) : [])));
      if ((events[0]?.atMs ?? 0) <= sinceMs) break;
      await setImmediate();
    }
    return slices.reverse().flat();
  }

  private toChange(event: JournalEvent): readonly AnnouncedChange[] {
    switch (event.kind) {
      case 'incident-opened':
      case 'incident-updated':
      case 'incident-resolved':
        return [{ told: this.toAlone(event.incident), atMs: event.atMs }];
      default:
        return [];
    }
  }
}

function* toSpan(kind: QuietSpan['kind'], span: Omit<QuietSpan, 'kind' | 'conditions'>): Iterable<QuietSpan> {
  const { id, selector, startsAtMs, endsAtMs, by, comment } = span;
  const parsed = parseSelector(selector);
  // One that does not parse holds nothing with us either.
  if (!parsed.ok) return;
  const { conditions } = parsed.value;
  yield { kind, id, selector, conditions, startsAtMs, endsAtMs, by, comment };
}
