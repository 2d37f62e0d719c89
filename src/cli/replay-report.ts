import type { EventDraft } from '../core/events.ts';
import type { State } from '../core/health.ts';
import type { Replay } from '../core/replay.ts';
import type { TargetId } from '../estate/ids.ts';
import { stampsToIso } from '../feed/protocol.ts';

/** What a replay is told of. */
export interface Report {
  /** The journal's file. */
  readonly path: string;
  /** The configuration that was in force instead of the journal's own. */
  readonly config: string | undefined;
  /** ISO 8601. */
  readonly until: string | undefined;
  readonly replayed: Replay;
}

/** So many are named; the rest is counted. */
const MOST_NAMED = 10;

/** A replay for a person. */
export function linesOf(report: Report): readonly string[] {
  const { events } = report.replayed;
  if (events === 0) {
    const when = report.until === undefined ? '' : ` up to ${report.until}`;
    return [`${report.path} has no events${when}.`];
  }
  const verdict = report.config === undefined ? verdictLines(report.replayed) : otherwiseLines(report);
  return [...verdict, ...stateLines(report)];
}

/** The same for a program: times in ISO 8601, as on the feed. */
export function jsonOf(report: Report): object {
  const { replayed, config, path } = report;
  const { outages, firstDifference, told, replayed: now, missing, extra, events, uncompared } = replayed;
  const isCompared = outages !== undefined;
  const { counts, down } = statesOf(replayed);
  return {
    journal: path,
    ...(config === undefined ? {} : { config }),
    at: endOf(report) ?? null,
    events,
    uncompared,
    asAnnounced: isCompared ? firstDifference === undefined : null,
    announced: countsOf(told),
    replayed: isCompared ? countsOf(now) : null,
    ...(firstDifference === undefined
      ? {}
      : {
          firstDifference: {
            ...(firstDifference.told === undefined ? {} : { announced: wire(firstDifference.told) }),
            ...(firstDifference.replayed === undefined ? {} : { replayed: wire(firstDifference.replayed) }),
            ...(firstDifference.part === undefined ? {} : { part: firstDifference.part }),
          },
        }),
    missing: missing.map(wire),
    extra: extra.map(wire),
    targets: { counts, down },
    incidents: (outages?.incidents() ?? []).map((incident) => stampsToIso({ ...incident })),
  };
}

function verdictLines(replayed: Replay): readonly string[] {
  const { events, uncompared, outages, told, firstDifference, missing, extra } = replayed;
  const all = counted(events, 'event');
  if (outages === undefined) {
    return [
      `${all}, all of a version that did not keep its settings in the journal: what it announced cannot be compared.`,
      'Give --config FILE to see what would have been announced under that configuration.',
    ];
  }
  const lines: string[] = [];
  if (firstDifference === undefined) {
    lines.push(`${all}: ${countedOutcomes(told)}, all as announced.`);
  } else {
    const { told: before, replayed: now, part } = firstDifference;
    const what = part === undefined ? '' : `, in ${part === 'atMs' ? 'its time' : part}`;
    lines.push(
      `${all}: NOT as announced. The first difference is at ${isoOf((before ?? now)?.atMs)}${what}:`,
      `  announced: ${before === undefined ? 'nothing more' : `event ${before.seq}, ${lineOf(before)}`}`,
      `  replayed:  ${now === undefined ? 'nothing more' : lineOf(now)}`,
      differencesLine(missing.length, extra.length),
    );
  }
  if (uncompared > 0) {
    const old = uncompared === 1 ? 'The first event is' : `The first ${numbered(uncompared)} events are`;
    lines.push(`${old} of a version that did not keep its settings in the journal, and not compared.`);
  }
  return lines;
}

function differencesLine(missing: number, extra: number): string {
  if (missing === 0 && extra === 0) return 'All that was announced follows, in another order.';
  const parts: string[] = [];
  if (missing > 0) parts.push(`${counted(missing, 'announcement')} not replayed`);
  if (extra > 0)
    parts.push(`${counted(extra, 'announcement')} replayed that ${extra === 1 ? 'was' : 'were'} not made`);
  return `In all: ${parts.join('; ')}.`;
}

/** What was announced and what would have been, in one list; changes of payment methods only counted. */
function otherwiseLines({ config, replayed }: Report): readonly string[] {
  const { events, told, replayed: now, missing, extra } = replayed;
  const gone = new Set<EventDraft>(missing);
  const marked = [
    ...told.map((event) => ({ event, mark: gone.has(event) ? '-' : ' ' })),
    ...extra.map((event) => ({ event, mark: '+' })),
  ]
    .filter(({ event }) => 'incident' in event)
    .toSorted((a, b) => a.event.atMs - b.event.atMs);
  const [less, more] = [missing, extra].map((list) => countsOf(list).paymentMethodChanges);
  return [
    `${counted(events, 'event')}: announced were ${countedOutcomes(told)};`,
    `under ${config} it would have been ${countedOutcomes(now)}.`,
    ...(marked.length === 0 ? [] : ['Of incidents (- announced only, + would have been):']),
    ...marked.map(({ event, mark }) => `${mark} ${lineOf(event)}`),
    `Of payment methods: ${counted(less ?? 0, 'change')} announced only, ${numbered(more ?? 0)} would have been instead.`,
  ];
}

function stateLines(report: Report): readonly string[] {
  const { counts, down } = statesOf(report.replayed);
  const { outages } = report.replayed;
  const others = `${numbered(counts.degraded)} degraded, ${numbered(counts.up)} up, ${numbered(counts.unknown)} unknown`;
  const is = counts.down === 1 ? 'target is' : 'targets are';
  const lines = [`At ${endOf(report)}: ${numbered(counts.down)} ${is} down, ${others}.`];
  if (down.length > 0) lines.push(`Down: ${named(down)}.`);
  for (const { id, state, openedAtMs, severity, title } of outages?.incidents() ?? []) {
    lines.push(`Incident ${id}, ${state}, ${severity}, since ${isoOf(openedAtMs)}: ${title}`);
  }
  return lines;
}

/** Of the targets in the estate; of all that were ever spoken of, when no estate is known. */
function statesOf({ outlook, states }: Replay): {
  readonly counts: Readonly<Record<State, number>>;
  readonly down: readonly TargetId[];
} {
  const counts: Record<State, number> = { unknown: 0, up: 0, degraded: 0, down: 0 };
  const down: TargetId[] = [];
  for (const id of outlook?.estate.targets.keys() ?? states.keys()) {
    const state = states.get(id) ?? 'unknown';
    counts[state]++;
    if (state === 'down') down.push(id);
  }
  return { counts, down: down.toSorted() };
}

/** The time as of which it is told. ISO 8601; undefined when there are no events. */
function endOf({ until, replayed: { lastAtMs, outages } }: Report): string | undefined {
  if (lastAtMs === undefined) return undefined;
  // One millisecond behind all that was done.
  const foldedMs = outages === undefined ? lastAtMs : Math.max(lastAtMs, outages.atMs - 1);
  const endMs = until === undefined ? lastAtMs : Math.min(Date.parse(until), foldedMs);
  return isoOf(endMs);
}

function countsOf(outcomes: readonly EventDraft[]): {
  readonly incidents: number;
  readonly paymentMethodChanges: number;
} {
  const incidents = new Set<string>();
  let paymentMethodChanges = 0;
  for (const event of outcomes) {
    if ('incident' in event) incidents.add(event.incident.id);
    else if (event.kind === 'payment-method-changed') paymentMethodChanges++;
  }
  return { incidents: incidents.size, paymentMethodChanges };
}

function countedOutcomes(outcomes: readonly EventDraft[]): string {
  const { incidents, paymentMethodChanges } = countsOf(outcomes);
  const changes = paymentMethodChanges === 1 ? 'change' : 'changes';
  return `${counted(incidents, 'incident')} and ${numbered(paymentMethodChanges)} ${changes} of payment methods`;
}

function lineOf(event: EventDraft): string {
  const start = `${isoOf(event.atMs)} ${event.kind}`;
  if ('incident' in event) {
    const { id, severity, title, targetsDown } = event.incident;
    return `${start} ${id} ${severity}, ${numbered(targetsDown)} down: ${title}`;
  }
  if (event.kind === 'payment-method-changed') {
    return `${start} ${event.store} ${event.method} from ${event.from} to ${event.to}: ${event.message}`;
  }
  return event.kind === 'maintenance-started'
    ? `${start} ${event.maintenance.id} ${event.maintenance.selector}`
    : start;
}

function wire(event: EventDraft): Record<string, unknown> {
  return stampsToIso({ ...event });
}

function isoOf(atMs: number | undefined): string {
  return atMs === undefined ? 'no time' : new Date(atMs).toISOString();
}

function named(ids: readonly string[]): string {
  const shown = ids.slice(0, MOST_NAMED).join(', ');
  return ids.length > MOST_NAMED ? `${shown} and ${numbered(ids.length - MOST_NAMED)} more` : shown;
}

function counted(count: number, what: string): string {
  return `${numbered(count)} ${what}${count === 1 ? '' : 's'}`;
}

function numbered(count: number): string {
  return count.toLocaleString('en-US');
}
