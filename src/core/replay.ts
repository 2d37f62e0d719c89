import type { Estate } from '../estate/estate.ts';
import type { IncidentId, TargetId } from '../estate/ids.ts';
import { type EventDraft, type EvidenceGathered, isOutcome, type JournalEvent, subjectOf } from './events.ts';
import { decodeBits, encodeBits, orderedIds } from './evidence.ts';
import type { State } from './health.ts';
import { Outages } from './outages.ts';
import type { Outlook } from './outlook.ts';

/** Under what a journal is replayed. */
export interface ReplayBasis {
  /** The outlook that a `config-reloaded` event names; throws when there is none, and with it the replay. */
  readonly outlookOf: (hash: string) => Outlook;
  /** In force before the first that the journal names. Undefined: what was told before that is not compared. */
  readonly initial?: Outlook;
  /** In force all the time, whatever the journal names: what would have been told. */
  readonly instead?: Outlook;
  /** Only what happened up to and with then. Epoch ms, UTC. */
  readonly untilMs?: number;
}

/** Where what was told and what is told now part: at the same place in their order, one or both. */
export interface Difference {
  readonly told?: JournalEvent;
  readonly replayed?: EventDraft;
  /** Where in the event, e.g. `incident.confidence`, when both are there. */
  readonly part?: string;
}

/** What a journal's inputs give when they are folded again, beside what it says was told of them. */
export interface Replay {
  /** The fold at the end; undefined when no outlook was ever in force. */
  readonly outages: Outages | undefined;
  readonly outlook: Outlook | undefined;
  /** The newest state of every target that was ever spoken of. */
  readonly states: ReadonlyMap<TargetId, State>;
  readonly events: number;
  /** Events before the first outlook, of a version that kept none: not compared. */
  readonly uncompared: number;
  /** When the last event happened. Epoch ms, UTC; undefined when there was none. */
  readonly lastAtMs: number | undefined;
  /** Outcomes as the journal has them, and as they follow now. */
  readonly told: readonly JournalEvent[];
  readonly replayed: readonly EventDraft[];
  readonly firstDifference?: Difference;
  /** Told, and does not follow now. */
  readonly missing: readonly JournalEvent[];
  /** Follows now, and was not told. */
  readonly extra: readonly EventDraft[];
}

/**
 * Folds the inputs among `events` again, under the outlooks that were in force, and compares what follows with what
 * was told, in order. Outcomes due to time alone are awaited up to the last that was told, no longer.
 */
export function replay(events: Iterable<JournalEvent>, basis: ReplayBasis): Replay {
  const { untilMs = Number.POSITIVE_INFINITY } = basis;
  const player = new Player(basis);
  let isCut = false;
  for (const event of events) {
    if (event.atMs <= untilMs) player.take(event);
    else isCut = true;
  }
  return player.end(isCut ? untilMs : undefined);
}

class Player {
  private readonly basis: ReplayBasis;
  private outlook: Outlook | undefined;
  private outages: Outages | undefined;
  /** What the journal says is in force: evidence is about its targets. */
  private named: string | undefined;
  private readonly heads = new Map<string, JournalEvent>();
  private readonly states = new Map<TargetId, State>();
  private readonly told: JournalEvent[] = [];
  private readonly replayed: EventDraft[] = [];
  /** Incidents told before there was an outlook. */
  private readonly older = new Set<IncidentId>();
  private events = 0;
  private uncompared = 0;
  private lastAtMs: number | undefined;

  constructor(basis: ReplayBasis) {
    this.basis = basis;
    this.outlook = basis.instead ?? basis.initial;
    if (this.outlook !== undefined) this.outages = new Outages(this.outlook);
  }

  take(event: JournalEvent): void {
    this.events++;
    this.lastAtMs = Math.max(this.lastAtMs ?? event.atMs, event.atMs);
    if (event.kind === 'target-state-changed') this.states.set(event.target, event.to);
    if (event.kind === 'config-reloaded') this.named = event.outlook ?? this.named;
    const outlook = this.outlookFrom(event);
    if (this.outages === undefined) {
      if (outlook === undefined) {
        this.keepHead(event);
        return;
      }
      this.outages = begin(Array.from(this.heads.values()), outlook);
    }
    if (isOutcome(event)) {
      if (!this.isOlder(event)) this.told.push(event);
      return;
    }
    if (outlook !== undefined) {
      this.collect(this.outages.advanceTo(event.atMs));
      this.outages.setOutlook(outlook);
    }
    this.outlook = outlook ?? this.outlook;
    const input = this.inputFrom(event);
    if (input !== undefined) this.collect(this.outages.apply(input));
  }

  end(untilMs: number | undefined): Replay {
    const { outages, outlook, states, events, uncompared, lastAtMs, told, replayed } = this;
    const endMs = untilMs ?? told.reduce((latest, { atMs }) => Math.max(latest, atMs), 0);
    if (outages !== undefined) this.collect(outages.advanceTo(endMs + 1));
    return {
      outages,
      outlook,
      states,
      events,
      uncompared,
      lastAtMs,
      told,
      replayed,
      ...compare(told, replayed),
    };
  }

  /** The outlook that comes into force with `event`, if one does. */
  private outlookFrom(event: JournalEvent): Outlook | undefined {
    if (event.kind !== 'config-reloaded') return undefined;
    if (this.basis.instead !== undefined) return this.basis.instead;
    return event.outlook === undefined ? undefined : this.basis.outlookOf(event.outlook);
  }

  private keepHead(event: JournalEvent): void {
    this.uncompared++;
    if ('incident' in event) this.older.add(event.incident.id);
    const subject = subjectOf(event);
    if (subject === undefined) return;
    this.heads.delete(subject.key);
    if (!subject.closes) this.heads.set(subject.key, event);
  }

  /** `event` as the fold takes it; undefined when it cannot read it. */
  private inputFrom(event: JournalEvent): EventDraft | undefined {
    if (event.kind !== 'evidence-gathered' || this.basis.instead === undefined) return event;
    if (this.named === undefined) return undefined;
    const { estate } = this.basis.outlookOf(this.named);
    return translate(event, orderedIds(estate), this.basis.instead.estate);
  }

  private collect(following: readonly EventDraft[]): void {
    for (const draft of following) {
      if (isOutcome(draft) && !this.isOlder(draft)) this.replayed.push(draft);
    }
  }

  private isOlder(event: EventDraft): boolean {
    return 'incident' in event && this.older.has(event.incident.id);
  }
}

/**
 * A fold that begins in the middle of a journal, with its heads (see `Journal.heads`) all that is known: what is down
 * settles anew.
 */
export function begin(heads: readonly JournalEvent[], outlook: Outlook): Outages {
  const outages = new Outages(outlook);
  const endMs = heads.reduce((latest, { atMs }) => Math.max(latest, atMs), 0);
  for (const head of heads) {
    if (isOutcome(head) && head.kind !== 'maintenance-started') continue;
    outages.apply({ ...head, atMs: endMs });
  }
  return outages;
}

/** The same evidence about the targets of another estate; of those that it alone has, nothing. */
function translate(event: EvidenceGathered & EventDraft, from: readonly TargetId[], to: Estate): EventDraft {
  const places = new Map(from.map((id, place) => [id, place]));
  const translated = (text: string): string => {
    const bits = decodeBits(text);
    const ids = orderedIds(to);
    const moved = new Uint8Array(Math.ceil(ids.length / 8));
    for (const [index, id] of ids.entries()) {
      const place = places.get(id);
      if (place === undefined || (((bits[place >> 3] ?? 0) >> (place & 7)) & 1) === 0) continue;
      moved[index >> 3] = (moved[index >> 3] ?? 0) | (1 << (index & 7));
    }
    return encodeBits(moved);
  };
  return { ...event, answering: translated(event.answering), failing: translated(event.failing) };
}

function compare(
  told: readonly JournalEvent[],
  replayed: readonly EventDraft[],
): Pick<Replay, 'firstDifference' | 'missing' | 'extra'> {
  const before = told.map(keyOf);
  const now = replayed.map(keyOf);
  let place = 0;
  while (place < before.length && before[place] === now[place]) place++;
  if (place === before.length && place === now.length) return { missing: [], extra: [] };
  const [first, second] = [told[place], replayed[place]];
  const part =
    first === undefined || second === undefined ? undefined : differingPart(plain(first), second, '');
  return {
    firstDifference: {
      ...(first === undefined ? {} : { told: first }),
      ...(second === undefined ? {} : { replayed: second }),
      ...(part === undefined ? {} : { part }),
    },
    missing: without(told, before, now, place),
    extra: without(replayed, now, before, place),
  };
}

/** Those of `events` from `place` on that have no equal among the others. */
function without<Event>(
  events: readonly Event[],
  keys: readonly string[],
  others: readonly string[],
  place: number,
): readonly Event[] {
  const counts = new Map<string, number>();
  for (const key of others.slice(place)) counts.set(key, (counts.get(key) ?? 0) + 1);
  return events.slice(place).filter((_, index) => {
    const key = keys[place + index] ?? '';
    const count = counts.get(key) ?? 0;
    counts.set(key, count - 1);
    return count <= 0;
  });
}

/** The same for the same event, whether it was journalled or not. */
function keyOf(event: EventDraft): string {
  return JSON.stringify(sorted(plain(event)));
}

function plain(event: EventDraft): object {
  return { ...event, seq: undefined };
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, part]) => [name, sorted(part)]));
}

function differingPart(a: unknown, b: unknown, path: string): string | undefined {
  if (!isObject(a) || !isObject(b)) return Object.is(a, b) ? undefined : path;
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)].toSorted())) {
    const found = differingPart(a[name], b[name], path === '' ? name : `${path}.${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
