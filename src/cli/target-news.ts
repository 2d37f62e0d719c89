import type { Snapshot, WireStore } from '../feed/protocol.ts';
import { inStores } from './feed-words.ts';
import {
  chainLines,
  downIn,
  murmurLine,
  nameIn,
  type Place,
  placeLines,
  type Recovery,
  standingLine,
  type Told,
} from './story-lines.ts';
import type { WireChange } from './wire-events.ts';

/** What happens so close together is told as one. Unit: ms. */
const TOGETHER_MS = 1_000;
/** What goes on changing is told again at most so often. Unit: ms. */
const RETELL_MS = 15_000;
/** From so many stores of a chain with something down, the chain is told of and not each store. */
const MANY_STORES = 3;
/** So many troubled stores are listed at the beginning. */
const LISTED_STORES = 12;

/** What one line is about: a place, or a chain while many of its stores have something down. */
interface Subject {
  readonly name: string;
  readonly isChain: boolean;
  readonly places: Set<Place>;
  toldAtMs: number;
  toldDown: number;
  /** When the line for what has changed since is due; undefined when nothing has. */
  dueAtMs: number | undefined;
  changedAtMs: number;
  /** When the first of its targets went down. */
  sinceMs: number;
  failed: WireChange[];
  cameBack: WireChange[];
  recovered: Recovery[];
}

/** Impairments, or losses of sight, of one chain that have not been told yet. */
interface Murmur {
  readonly changes: Map<string, WireChange>;
  readonly dueAtMs: number;
}

/**
 * Tells of targets, store by store or chain by chain: what happens together is one thing, what goes on is told again
 * now and then, and each end is told with how long it took.
 */
export class TargetNews {
  private places = new Map<string, Place>();
  private subjects = new Map<string, Subject>();
  private murmurs = new Map<string, Murmur>();
  private readonly togetherMs: number;
  private readonly retellMs: number;
  private clockMs = Number.NEGATIVE_INFINITY;
  private told: Told[] = [];

  /** `pace`: how many times faster than life the events come; what is held back for a time is held shorter. */
  constructor(pace: number) {
    this.togetherMs = TOGETHER_MS * pace;
    this.retellMs = RETELL_MS * pace;
  }

  /** How long after it happened a thing may be told, while what is told sooner comes between. Unit: ms. */
  get heldBackMs(): number {
    return this.retellMs + this.togetherMs;
  }

  /** Begins anew from what holds now. */
  begin(snapshot: Snapshot): void {
    this.clockMs = Date.parse(snapshot.at);
    this.places = new Map(snapshot.stores.map((store) => [`store:${store.id}`, placeOf(store)]));
    this.subjects = new Map();
    this.murmurs = new Map();
    this.tellStanding();
  }

  hear(change: WireChange): void {
    this.passTo(change.atMs);
    const place = this.placeFor(change);
    if (change.to === 'down') this.goDown(place, change);
    else if (change.from === 'down') this.comeBack(place, change);
    if (change.to === 'degraded' || change.to === 'unknown') this.murmur(change);
    else if (change.to === 'up' && change.from === 'degraded') this.unmurmur(place, change);
  }

  /** Tells what has become due by `nowMs`. */
  passTo(nowMs: number): void {
    for (const [key, subject] of this.subjects) {
      if (subject.dueAtMs !== undefined && subject.dueAtMs <= nowMs) this.tellSubject(key, subject);
    }
    for (const [key, { changes, dueAtMs }] of this.murmurs) {
      if (dueAtMs > nowMs) continue;
      this.murmurs.delete(key);
      this.told.push(...murmurLine(Array.from(changes.values()), (change) => this.placeFor(change)));
    }
    this.clockMs = Math.max(this.clockMs, nowMs);
  }

  /** What was told since the last call. */
  take(): readonly Told[] {
    const { told } = this;
    this.told = [];
    return told;
  }

  private goDown(place: Place, change: WireChange): void {
    place.down.add(change.target);
    place.sinceMs = Math.min(place.sinceMs ?? change.sinceMs, change.sinceMs);
    place.worst = Math.max(place.worst, downIn(place));
    const subject = this.subjectFor(place, change);
    subject.failed.push(change);
    this.changed(subject, change.atMs);
  }

  private comeBack(place: Place, change: WireChange): void {
    const subject = this.subjectFor(place, change);
    const before = { ...place, down: new Set(place.down) };
    if (!place.down.delete(change.target)) place.unnamed = Math.max(0, place.unnamed - 1);
    subject.cameBack.push(change);
    if (downIn(place) === 0 && place.sinceMs !== undefined) {
      subject.recovered.push({ place: before, sinceMs: place.sinceMs, atMs: change.sinceMs });
      place.sinceMs = undefined;
      place.worst = 0;
    }
    this.changed(subject, change.atMs);
  }

  private subjectFor(place: Place, change: WireChange): Subject {
    const { chain } = place;
    const chainKey = `chain:${chain}`;
    const known = this.subjects.get(chainKey);
    const subject =
      known ??
      (chain !== undefined && this.troubledIn(chain).length >= MANY_STORES
        ? this.openChain(chainKey, chain, change.sinceMs)
        : this.openPlace(place, change.sinceMs));
    subject.places.add(place);
    subject.sinceMs = Math.min(subject.sinceMs, change.to === 'down' ? change.sinceMs : subject.sinceMs);
    return subject;
  }

  private openPlace(place: Place, sinceMs: number): Subject {
    const key = keyOf(place);
    const subject = this.subjects.get(key) ?? newSubject(place.name, false, place.sinceMs ?? sinceMs);
    this.subjects.set(key, subject);
    return subject;
  }

  /** From now on the chain is told of: what its stores have not told yet passes to it. */
  private openChain(key: string, chain: string, sinceMs: number): Subject {
    const subject = newSubject(chain, true, sinceMs);
    for (const place of this.placesOf(chain)) {
      if (downIn(place) > 0) subject.places.add(place);
      subject.sinceMs = Math.min(subject.sinceMs, place.sinceMs ?? sinceMs);
      const own = this.subjects.get(keyOf(place));
      if (own === undefined) continue;
      subject.failed.push(...own.failed);
      subject.cameBack.push(...own.cameBack);
      subject.recovered.push(...own.recovered);
      this.subjects.delete(keyOf(place));
    }
    this.subjects.set(key, subject);
    return subject;
  }

  private tellSubject(key: string, subject: Subject): void {
    const down = downOf(subject);
    const news = { ...subject, down, downBefore: subject.toldDown };
    const [place] = subject.places;
    if (subject.isChain) this.told.push(...chainLines(subject.name, this.placesOf(subject.name), news));
    else if (place !== undefined) this.told.push(...placeLines(place, news));
    if (down === 0) {
      this.subjects.delete(key);
      return;
    }
    Object.assign(subject, { toldDown: down, toldAtMs: subject.changedAtMs, dueAtMs: undefined });
    Object.assign(subject, { failed: [], cameBack: [], recovered: [] });
  }

  private murmur(change: WireChange): void {
    const key = murmurKey(change.to, change);
    const murmur = this.murmurs.get(key) ?? { changes: new Map(), dueAtMs: change.atMs + this.togetherMs };
    murmur.changes.set(change.target, change);
    this.murmurs.set(key, murmur);
  }

  /** What was impaired for so short a time that nothing was told of it needs no end. */
  private unmurmur(place: Place, change: WireChange): void {
    const murmur = this.murmurs.get(murmurKey('degraded', change));
    if (murmur?.changes.delete(change.target) === true) return;
    this.tell('back', `${nameIn(place, change.target)} works as it should again.`, change.atMs);
  }

  private tellStanding(): void {
    const nowMs = this.clockMs;
    const troubled = Array.from(this.places.values()).filter((place) => downIn(place) > 0);
    const lines: Told[] = [];
    for (const [chain, places] of Map.groupBy(troubled, (place) => place.chain)) {
      const isWide = chain !== undefined && places.length >= MANY_STORES;
      if (isWide) lines.push(standingLine(chain, places, this.placesOf(chain), nowMs));
      else lines.push(...places.map((place) => standingLine(place.name, [place], [place], nowMs)));
      for (const group of isWide ? [places] : places.map((place) => [place])) {
        const [first] = group;
        if (first === undefined) continue;
        const sinceMs = Math.min(...group.map((place) => place.sinceMs ?? nowMs));
        const subject = newSubject(isWide ? chain : first.name, isWide, sinceMs);
        for (const place of group) subject.places.add(place);
        Object.assign(subject, { toldAtMs: nowMs, toldDown: downOf(subject) });
        this.subjects.set(isWide ? `chain:${chain}` : keyOf(first), subject);
      }
    }
    this.told.push(...lines.slice(0, LISTED_STORES));
    const rest = lines.length - LISTED_STORES;
    if (rest > 0) this.tell('down', `Something is down in ${inStores(rest)} more.`);
  }

  private troubledIn(chain: string): readonly Place[] {
    return this.placesOf(chain).filter((place) => downIn(place) > 0);
  }

  private placesOf(chain: string): readonly Place[] {
    return Array.from(this.places.values()).filter((place) => place.chain === chain);
  }

  private placeFor({ store, target, chain }: WireChange): Place {
    const key = store === undefined ? `target:${target}` : `store:${store}`;
    const known = this.places.get(key);
    if (known !== undefined) return known;
    const isLone = store === undefined;
    const place: Place = {
      ...NOTHING_DOWN,
      name: isLone ? target : store,
      chain: isLone ? undefined : chain,
      size: isLone ? 1 : undefined,
      kinds: [],
      down: new Set(),
    };
    this.places.set(key, place);
    return place;
  }

  /** An end is told soon; what goes on, not before the last line on it is some time ago. */
  private changed(subject: Subject, atMs: number): void {
    subject.changedAtMs = atMs;
    const soonestMs = downOf(subject) === 0 ? Number.NEGATIVE_INFINITY : subject.toldAtMs + this.retellMs;
    const dueAtMs = Math.max(atMs + this.togetherMs, soonestMs);
    subject.dueAtMs = Math.min(subject.dueAtMs ?? dueAtMs, dueAtMs);
  }

  private tell(mark: Told['mark'], text: string, atMs = this.clockMs): void {
    this.told.push({ mark, atMs, text });
  }
}

const NOTHING_DOWN = { unnamed: 0, sinceMs: undefined, worst: 0 };

function placeOf(store: WireStore): Place {
  const { unknown, up, degraded, down } = store.targets;
  return {
    name: store.name,
    chain: store.chain,
    size: unknown + up + degraded + down,
    kinds: Object.keys(store.kinds),
    down: new Set(),
    unnamed: down,
    sinceMs: down > 0 && store.since !== undefined ? Date.parse(store.since) : undefined,
    worst: down,
  };
}

function newSubject(name: string, isChain: boolean, sinceMs: number): Subject {
  return {
    name,
    isChain,
    places: new Set(),
    toldAtMs: Number.NEGATIVE_INFINITY,
    toldDown: 0,
    dueAtMs: undefined,
    changedAtMs: sinceMs,
    sinceMs,
    failed: [],
    cameBack: [],
    recovered: [],
  };
}

function downOf(subject: Subject): number {
  return Array.from(subject.places).reduce((sum, place) => sum + downIn(place), 0);
}

function keyOf(place: Place): string {
  return `place:${place.chain ?? ''}:${place.name}`;
}

function murmurKey(state: WireChange['to'], { chain, store, target }: WireChange): string {
  return `${state}:${chain ?? store ?? target}`;
}
