import { SEVERITIES } from '../core/events.ts';
import type { WireEvent } from '../feed/protocol.ts';
import { formatDuration } from '../lib/duration.ts';
import { inStores, listWords, wordForMethod } from './feed-words.ts';
import {
  loneTarget,
  readIncidentChange,
  readMethodChange,
  type WireIncident,
  type WireMethodChange,
} from './wire-events.ts';

interface Row {
  incident: WireIncident;
  /** The only chain that it is in. */
  chain: string | undefined;
  resolvedAtMs: number | undefined;
  /** When most of its targets were down. */
  widest: { readonly title: string; readonly targetsDown: number };
  mostStores: number;
  /** Ways to pay that its stores had lost, by whatever. */
  readonly methods: Set<string>;
}

/** More single targets than these, of little weight each, are one row. */
const MANY_LONE = 3;

/** The incidents of a day for its end: when, for how long, what, and the worst that customers lost by each. */
export class IncidentTable {
  private readonly rows = new Map<string, Row>();
  private readonly losses: WireMethodChange[] = [];
  private readonly timeFormat: Intl.DateTimeFormat;

  /** `timeZone`: IANA. */
  constructor(timeZone: string) {
    this.timeFormat = new Intl.DateTimeFormat('sv-SE', { timeStyle: 'short', timeZone });
  }

  hear(event: WireEvent): void {
    const method = readMethodChange(event);
    if (method?.to === 'down') this.losses.push(method);
    const change = readIncidentChange(event);
    if (change === undefined) return;
    const { incident, chain, atMs, kind } = change;
    if (incident.mergedInto !== undefined) {
      this.rows.delete(incident.id);
      return;
    }
    const row = this.rows.get(incident.id) ?? {
      incident,
      chain,
      resolvedAtMs: undefined,
      widest: incident,
      mostStores: 0,
      methods: new Set<string>(),
    };
    this.rows.set(incident.id, row);
    row.incident = incident;
    row.chain = chain;
    row.resolvedAtMs = kind === 'incident-resolved' ? atMs : undefined;
    if (incident.targetsDown >= row.widest.targetsDown) row.widest = incident;
    row.mostStores = Math.max(row.mostStores, incident.storesAffected);
    for (const name of incident.methodsLost) row.methods.add(name);
  }

  /** Lines to print as they are. */
  lines(nowMs: number): readonly string[] {
    const all = Array.from(this.rows.values()).sort((a, b) => a.incident.openedAtMs - b.incident.openedAtMs);
    const lost = this.lostBy(all);
    const small = all.filter(
      ({ incident }) =>
        loneTarget(incident) !== undefined &&
        SEVERITIES.indexOf(incident.severity) < SEVERITIES.indexOf('major'),
    );
    const areMany = small.length > MANY_LONE;
    const shown = areMany ? all.filter((row) => !small.includes(row)) : all;
    const cells = shown.map((row) => this.cellsOf(row, lost.get(row) ?? NOTHING, nowMs));
    if (areMany) cells.push(this.smallCells(small, nowMs));
    if (cells.length === 0) return ['No incidents.'];
    const table = [['From', 'To', 'Lasted', 'What', 'Worst loss'], ...cells];
    const widths = [0, 1, 2, 3].map((i) => Math.max(...table.map((row) => lengthOf(row[i] ?? ''))));
    return table.map((row) =>
      row
        .map((cell, i) => pad(cell, widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }

  private cellsOf(
    { incident, resolvedAtMs, widest, methods }: Row,
    lost: ReadonlyMap<string, ReadonlySet<string>>,
    nowMs: number,
  ): readonly string[] {
    const { openedAtMs, relapses } = incident;
    const again = relapses === 0 ? '' : ` (failed again ${relapses === 1 ? 'once' : `${relapses} times`})`;
    const mostStores = Math.max(0, ...Array.from(lost.values(), ({ size }) => size));
    const none = methods.size === 0 ? 'customers could still pay' : 'nothing that was not lost already';
    const loss = `no ${listWords(Array.from(lost.keys(), wordForMethod), 'or')} payments in ${inStores(mostStores)}`;
    return [
      this.timeFormat.format(openedAtMs),
      resolvedAtMs === undefined ? 'open' : this.timeFormat.format(resolvedAtMs),
      formatDuration((resolvedAtMs ?? nowMs) - openedAtMs),
      `${widest.title.replace(/ (?:is|are) down\b/u, ' down')}${again}`,
      mostStores > 0 ? loss : none,
    ];
  }

  private smallCells(rows: readonly Row[], nowMs: number): readonly string[] {
    const open = rows.filter(({ resolvedAtMs }) => resolvedAtMs === undefined).length;
    const ends = rows.map(({ resolvedAtMs }) => resolvedAtMs ?? nowMs);
    const longestMs = Math.max(...rows.map(({ incident }, i) => (ends[i] ?? nowMs) - incident.openedAtMs));
    return [
      this.timeFormat.format(Math.min(...rows.map(({ incident }) => incident.openedAtMs))),
      open > 0 ? 'open' : this.timeFormat.format(Math.max(...ends)),
      `≤ ${formatDuration(longestMs)}`,
      `${rows.length} single targets down, each by itself${open > 0 ? `; ${open} still ${open === 1 ? 'is' : 'are'}` : ''}`,
      'no more than the target itself',
    ];
  }

  /**
   * Which stores lost which ways to pay by which incident: by the youngest that can have done it and does not have as
   * many as it hit. What sways is its doing while it lasts.
   */
  private lostBy(rows: readonly Row[]): ReadonlyMap<Row, ReadonlyMap<string, ReadonlySet<string>>> {
    const all = new Map<Row, Map<string, Set<string>>>();
    const doers = new Map<string, Row>();
    for (const { method, store, chain, atMs } of this.losses) {
      const key = `${method} ${store}`;
      const isOn = ({ incident, resolvedAtMs }: Row) =>
        incident.openedAtMs <= atMs && atMs <= (resolvedAtMs ?? atMs);
      const before = doers.get(key);
      if (before !== undefined && isOn(before)) continue;
      const able = rows.filter(
        (each) =>
          isOn(each) && each.methods.has(method) && (each.chain === undefined || each.chain === chain),
      );
      const hasRoom = (each: Row) => (all.get(each)?.get(method)?.size ?? 0) < each.mostStores;
      const row = able.findLast(hasRoom) ?? able[0];
      if (row === undefined) continue;
      doers.set(key, row);
      const lost = all.get(row) ?? new Map<string, Set<string>>();
      all.set(row, lost);
      lost.set(method, (lost.get(method) ?? new Set()).add(store));
    }
    return all;
  }
}

const NOTHING: ReadonlyMap<string, ReadonlySet<string>> = new Map();

function lengthOf(text: string): number {
  return Array.from(text).length;
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - lengthOf(text)));
}
