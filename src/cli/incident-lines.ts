import { SEVERITIES } from '../core/events.ts';
import type { Snapshot } from '../feed/protocol.ts';
import { formatDuration } from '../lib/duration.ts';
import { inStores, nameSome, whyMany } from './feed-words.ts';
import type { Told } from './story-lines.ts';
import { loneTarget, readIncident, type WireIncident, type WireIncidentChange } from './wire-events.ts';

/** What becomes of an incident in so short a time is told as one. Unit: ms. */
const TOGETHER_MS = 1_000;
/** Incidents about single targets are gathered for so long: they may come in numbers. Unit: ms. */
const GATHER_MS = 5_000;
/** And are told of at most so often. Unit: ms. */
const LONE_RETELL_MS = 5 * 60_000;
/** So many single targets are named before the rest is counted. */
const MANY_NAMES = 3;

interface Entry {
  newest: WireIncident;
  store: string | undefined;
  changedAtMs: number;
  /** What the last line said. */
  told: WireIncident | undefined;
  /** The most stores it had at once. */
  mostStores: number;
  /** It was over, and that had been told. */
  isAgain: boolean;
  dueAtMs: number | undefined;
}

interface IncidentWords {
  /** What to call a store by its id. */
  readonly nameOf: (store: string) => string;
  /** A sentence on what stores have lost of these ways to pay and was not told; empty: nothing. */
  readonly claim: (methods: readonly string[], atMs: number) => string;
}

/** Tells of incidents: that one begins, what of it changes enough to matter, that it is over. */
export class IncidentNews {
  private readonly entries = new Map<string, Entry>();
  /** Incidents whose end was told. */
  private readonly ended = new Set<string>();
  private readonly words: IncidentWords;
  private readonly togetherMs: number;
  private readonly gatherMs: number;
  private loneToldAtMs = Number.NEGATIVE_INFINITY;

  /** `pace`: how many times faster than life the events come. */
  constructor(pace: number, words: IncidentWords) {
    this.words = words;
    this.togetherMs = TOGETHER_MS * pace;
    this.gatherMs = GATHER_MS * pace;
  }

  /** How long after it happened a thing may be told. Unit: ms. */
  get heldBackMs(): number {
    return this.gatherMs + LONE_RETELL_MS;
  }

  /** Begins anew from what holds now, and tells that. */
  begin({ at, incidents }: Snapshot): readonly Told[] {
    const nowMs = Date.parse(at);
    this.entries.clear();
    for (const part of incidents) {
      const newest = readIncident(part);
      if (newest === undefined) continue;
      this.entries.set(newest.id, {
        ...begun(newest, newest.scope.length === 1 ? newest.scope[0]?.['store'] : undefined, nowMs),
        told: newest,
        dueAtMs: undefined,
      });
    }
    const all = Array.from(this.entries.values());
    const lone = all.filter(({ newest }) => loneTarget(newest) !== undefined);
    const wide = all.filter((entry) => !lone.includes(entry));
    const told = wide.map(({ newest }) => this.standing(newest, nowMs));
    const few = lone.length <= MANY_NAMES;
    if (few) told.push(...lone.map(({ newest }) => this.standing(newest, nowMs)));
    else told.push({ mark: 'down', atMs: nowMs, text: `${this.nameAll(lone)} are down, each by itself.` });
    return told;
  }

  hear({ kind, atMs, store, incident }: WireIncidentChange): void {
    const isOver = kind === 'incident-resolved';
    const known = this.entries.get(incident.id);
    const entry = known ?? begun(incident, store, atMs);
    if (known === undefined) {
      entry.isAgain = this.ended.delete(incident.id);
      this.entries.set(incident.id, entry);
    }
    entry.newest = isOver ? { ...incident, state: 'resolved' } : incident;
    entry.store = store ?? entry.store;
    entry.changedAtMs = atMs;
    entry.mostStores = Math.max(entry.mostStores, incident.storesAffected);
    if (isOver && entry.told === undefined) {
      // One that was over before a line was due is no news; of one that began before we watched, its end is.
      if (known !== undefined) {
        this.entries.delete(incident.id);
        return;
      }
      entry.told = incident;
    }
    const waitMs = loneTarget(incident) === undefined ? this.togetherMs : this.gatherMs;
    entry.dueAtMs = Math.min(entry.dueAtMs ?? Number.POSITIVE_INFINITY, atMs + waitMs);
  }

  /** What has become due by `nowMs`. */
  takeDue(nowMs: number): readonly Told[] {
    const due = Array.from(this.entries.values()).filter(({ dueAtMs }) => (dueAtMs ?? Infinity) <= nowMs);
    const told: Told[] = [];
    for (const entry of due) {
      if (loneTarget(entry.newest) === undefined) told.push(...this.tell(entry));
    }
    return [...told, ...this.tellLone(nowMs)];
  }

  private tell(entry: Entry): readonly Told[] {
    const { newest, told, changedAtMs: atMs, isAgain } = entry;
    entry.dueAtMs = undefined;
    if (newest.state === 'resolved') {
      this.forget(newest.id);
      return [ending(newest, atMs)];
    }
    entry.told = newest;
    if (told === undefined) return [this.beginning(newest, isAgain, atMs)];
    const line = this.change(told, newest, entry.mostStores, atMs);
    return line === undefined ? [] : [line];
  }

  private beginning(incident: WireIncident, isAgain: boolean, atMs: number): Told {
    const again = isAgain ? 'Again' : '';
    const head = incident.severity === 'critical' ? `Critical${isAgain ? ', again' : ''}` : again;
    const text = withHead(head, incident.title);
    return { mark: 'down', atMs, text: this.sentence(text, incident, atMs) };
  }

  private standing(incident: WireIncident, nowMs: number): Told {
    const text = withHead(`For ${formatDuration(nowMs - incident.openedAtMs)} now`, incident.title);
    return { mark: 'down', atMs: nowMs, text: this.sentence(text, incident, nowMs) };
  }

  private change(told: WireIncident, now: WireIncident, mostStores: number, atMs: number): Told | undefined {
    const isWorse = SEVERITIES.indexOf(now.severity) > SEVERITIES.indexOf(told.severity);
    const isWider = now.title !== told.title && now.targetsDown > told.targetsDown;
    if (now.isUnstable && !told.isUnstable) {
      return { mark: 'warn', atMs, text: `${withHead('Unstable', now.title)}; it works and fails by turns.` };
    }
    if (isWorse || isWider || (now.state === 'open' && told.state === 'recovering')) {
      const again = now.state === 'open' && told.state === 'recovering' ? 'Failing again' : 'Now';
      const head = isWorse ? `${upperFirst(now.severity)} now` : again;
      const text = withHead(head, now.title);
      // The reason was told with the same words before.
      return { mark: 'down', atMs, text: this.sentence(text, now, atMs, now.title !== told.title) };
    }
    const isSmaller = now.targetsDown < told.targetsDown || now.storesAffected < told.storesAffected;
    if (now.state === 'recovering' && isSmaller) {
      const back = mostStores - now.storesAffected;
      const head = back > 0 ? `Well again in ${back} of ${inStores(mostStores)}, but` : 'Coming back';
      const still = now.title.replace(/ (is|are) down\b/u, ' $1 still down');
      return { mark: 'back', atMs, text: `${withHead(head, still)}.` };
    }
    if (now.title !== told.title && JSON.stringify(now.scope) !== JSON.stringify(told.scope)) {
      return { mark: 'note', atMs, text: `${withHead('More exactly', now.title)}.` };
    }
    return undefined;
  }

  /** Single targets, told together. What is critical does not wait. */
  private tellLone(nowMs: number): readonly Told[] {
    const lone = Array.from(this.entries.values()).filter(
      ({ newest, dueAtMs }) => loneTarget(newest) !== undefined && dueAtMs !== undefined,
    );
    const isPressing = ({ newest }: Entry) => newest.severity === 'critical' || newest.severity === 'major';
    const dues = lone.map((entry) =>
      isPressing(entry)
        ? (entry.dueAtMs ?? 0)
        : Math.max(entry.dueAtMs ?? 0, this.loneToldAtMs + LONE_RETELL_MS),
    );
    const atMs = Math.min(...dues);
    if (atMs > nowMs || lone.length === 0) return [];
    this.loneToldAtMs = atMs;
    for (const entry of lone) entry.dueAtMs = undefined;
    const begun = lone.filter(({ told, newest }) => told === undefined && newest.state !== 'resolved');
    const ended = lone.filter(({ told, newest }) => told !== undefined && newest.state === 'resolved');
    for (const entry of begun) entry.told = entry.newest;
    for (const { newest } of ended) this.forget(newest.id);
    return [...this.loneBeginnings(begun, atMs), ...this.loneEndings(ended, atMs)];
  }

  private loneBeginnings(entries: readonly Entry[], atMs: number): readonly Told[] {
    const [first, ...others] = entries;
    if (first === undefined) return [];
    if (others.length === 0) return [this.beginning(first.newest, first.isAgain, atMs)];
    const why = whyMany(entries.map(({ newest }) => newest.reason));
    const methods = Array.from(new Set(entries.flatMap(({ newest }) => newest.methodsLost)));
    const lost = this.words.claim(methods, atMs);
    const text = `${this.nameAll(entries)} are down${why === '' ? '' : `: ${why}`}.${lost === '' ? '' : ` ${lost}`}`;
    return [{ mark: 'down', atMs, text }];
  }

  private loneEndings(entries: readonly Entry[], atMs: number): readonly Told[] {
    const ended = entries.filter(({ newest }) => newest.mergedInto === undefined);
    if (ended.length === 0) return [];
    const lasted = Math.max(...ended.map(({ newest, changedAtMs }) => changedAtMs - newest.openedAtMs));
    const text =
      ended.length === 1
        ? `${this.nameAll(ended)} works again, after ${formatDuration(lasted)}.`
        : `${this.nameAll(ended)} work again, after ${formatDuration(lasted)} at most.`;
    return [{ mark: 'back', atMs, text }];
  }

  private sentence(text: string, incident: WireIncident, atMs: number, tellsWhy = true): string {
    const { reason, methodsLost } = incident;
    const reasons = loneTarget(incident) === undefined ? [reason, reason] : [reason];
    const why = tellsWhy ? whyMany(reasons) : '';
    const lost = this.words.claim(methodsLost, atMs);
    return `${text}${why === '' ? '' : `: ${why}`}.${lost === '' ? '' : ` ${lost}`}`;
  }

  private nameAll(entries: readonly Entry[]): string {
    const names = entries.map(({ newest, store }) => {
      const target = loneTarget(newest) ?? newest.title;
      return store === undefined ? target : `${target} in ${this.words.nameOf(store)}`;
    });
    return nameSome(names, MANY_NAMES);
  }

  private forget(id: string): void {
    this.entries.delete(id);
    this.ended.add(id);
  }
}

function begun(newest: WireIncident, store: string | undefined, atMs: number): Entry {
  return {
    newest,
    store,
    changedAtMs: atMs,
    told: undefined,
    mostStores: newest.storesAffected,
    isAgain: false,
    dueAtMs: undefined,
  };
}

function ending({ title, openedAtMs, mergedInto, relapses }: WireIncident, atMs: number): Told {
  const past = inThePast(title);
  if (mergedInto !== undefined) {
    return { mark: 'note', atMs, text: `${withHead('Part of a wider outage', past)}.` };
  }
  const sways = relapses === 0 ? '' : ` It failed again ${relapses === 1 ? 'once' : `${relapses} times`}.`;
  const text = `${withHead(`Over after ${formatDuration(atMs - openedAtMs)}`, past)}.${sways}`;
  return { mark: 'back', atMs, text };
}

/** `All 44 gateways are down` was so. */
function inThePast(title: string): string {
  return title.replace(/ (is|are) down\b/u, (_, verb: string) =>
    verb === 'is' ? ' was down' : ' were down',
  );
}

/** `Critical: 39 of 400 …`; the title's own first letter as inside a sentence. */
function withHead(head: string, title: string): string {
  if (head === '') return title;
  const rest = /^(?:All|The only) /u.test(title) ? `${title[0]?.toLowerCase()}${title.slice(1)}` : title;
  return head.endsWith('but') || head === 'Now' ? `${head} ${rest}` : `${head}: ${rest}`;
}

function upperFirst(text: string): string {
  return `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}`;
}
