import { formatDuration } from '../lib/duration.ts';
import { inStores, nameSome, nounFor, whyMany } from './feed-words.ts';
import type { WireChange } from './wire-events.ts';

/** One thing to tell. `atMs`: when it happened. Epoch ms, UTC. */
export interface Told {
  readonly mark: 'down' | 'back' | 'warn' | 'note';
  readonly atMs: number;
  readonly text: string;
}

/** A store, or a target that belongs to none, and what of it is down. */
export interface Place {
  readonly name: string;
  readonly chain: string | undefined;
  /** How many targets it has; undefined when no snapshot told. */
  readonly size: number | undefined;
  readonly kinds: readonly string[];
  readonly down: Set<string>;
  /** Down ones that a snapshot counted without naming them. */
  unnamed: number;
  /** When its outage began; undefined while nothing is down. */
  sinceMs: number | undefined;
  /** The most that was down at once in this outage. */
  worst: number;
}

/** What has changed since the last line on a place or chain. */
export interface News {
  readonly failed: readonly WireChange[];
  readonly cameBack: readonly WireChange[];
  /** Places that are wholly back, as they were before. */
  readonly recovered: readonly Recovery[];
  /** How many were down when the last line was told, and are now. */
  readonly downBefore: number;
  readonly down: number;
  readonly changedAtMs: number;
  readonly sinceMs: number;
}

export interface Recovery {
  readonly place: Place;
  readonly sinceMs: number;
  readonly atMs: number;
}

/** So many are named one by one before the rest is counted. */
const MANY_NAMES = 3;

export function downIn(place: Place): number {
  return place.down.size + place.unnamed;
}

/** What has changed in a chain, many of whose stores (all in `stores`) have something down. */
export function chainLines(chain: string, stores: readonly Place[], news: News): readonly Told[] {
  const { recovered, down, downBefore, changedAtMs } = news;
  const isJudged = news.cameBack.every(({ to }) => to !== 'unknown');
  const isEach = recovered.length <= MANY_NAMES && isJudged;
  const lines = isEach ? recovered.map((recovery) => recoveryLine(recovery)) : [];
  if (down === 0) {
    const isNews = downBefore > 0 || news.failed.length > 0;
    return isNews ? [...lines, chainEnd(chain, stores, news, isJudged)] : lines;
  }
  const count = ofAll(down, stores);
  const places = inStores(stores.filter((place) => downIn(place) > 0).length);
  const names = nameSome(
    recovered.map(({ place }) => place.name),
    MANY_NAMES,
  );
  const back = isEach || !isJudged ? '' : `${inStores(recovered.length)} work again (${names}); `;
  if (down > downBefore) {
    const now = downBefore > 0 ? 'now ' : '';
    const text = `${chain}: ${back}${now}${count} down in ${places}${because(news.failed)}`;
    return [...lines, { mark: 'down', atMs: changedAtMs, text }];
  }
  if (down === downBefore && back === '') return lines;
  return [
    ...lines,
    { mark: 'back', atMs: changedAtMs, text: `${chain}: ${back}${count} still down in ${places}.` },
  ];
}

/** What has changed in one place. */
export function placeLines(place: Place, news: News): readonly Told[] {
  const { failed, cameBack, down, downBefore, changedAtMs } = news;
  const lastBack = cameBack.at(-1);
  if (down === 0) {
    const recovery = news.recovered.at(-1);
    if (recovery === undefined || cameBack.every(({ to }) => to === 'unknown')) return [];
    return [recoveryLine(recovery, lastBack?.target)];
  }
  const count = ofAll(down, [place]);
  const lastFailed = failed.at(-1);
  if (down > downBefore && down === 1 && lastFailed !== undefined) {
    const text = `${nameIn(place, lastFailed.target)} is down: ${endSentence(lastFailed.message)}`;
    return [{ mark: 'down', atMs: lastFailed.atMs, text }];
  }
  if (down > downBefore) {
    const now = downBefore > 0 ? 'now ' : '';
    return [
      { mark: 'down', atMs: changedAtMs, text: `${place.name}: ${now}${count} down${because(failed)}` },
    ];
  }
  if (down === downBefore || lastBack === undefined) return [];
  return [{ mark: 'back', atMs: changedAtMs, text: `${place.name}: ${count} still down.` }];
}

/** Targets that became impaired, or that are not judged any more, at about the same time. */
export function murmurLine(changes: readonly WireChange[], placeFor: (change: WireChange) => Place): Told[] {
  const [first] = changes;
  const last = changes.at(-1);
  if (first === undefined || last === undefined) return [];
  const isImpaired = first.to === 'degraded';
  if (first === last) {
    const what = isImpaired ? 'works, but not as it should' : 'is not judged any more';
    const who = nameIn(placeFor(first), first.target);
    return [{ mark: 'warn', atMs: first.atMs, text: `${who} ${what}: ${endSentence(first.message)}` }];
  }
  const places = Array.from(new Set(changes.map(placeFor)));
  const isOnePlace = places.length === 1;
  const where = isOnePlace ? places[0]?.name : first.chain;
  const count = `${changes.length} ${nounOf(places, changes.length)}`;
  const what = isImpaired ? 'work, but not as they should' : 'are not judged any more';
  const text = `${where}: ${count}${isOnePlace ? '' : ` in ${inStores(places.length)}`} ${what}${because(changes)}`;
  return [{ mark: 'warn', atMs: last.atMs, text }];
}

/** What of a chain or place is down already when the watch begins. */
export function standingLine(
  name: string,
  places: readonly Place[],
  all: readonly Place[],
  nowMs: number,
): Told {
  const down = places.reduce((sum, place) => sum + downIn(place), 0);
  const sinceMs = Math.min(...places.map((place) => place.sinceMs ?? nowMs));
  const count = ofAll(down, all);
  const where = all.length === 1 ? '' : ` in ${inStores(places.length)}`;
  const text = `${name}: ${count} down${where}, for ${formatDuration(nowMs - sinceMs)} now.`;
  return { mark: 'down', atMs: nowMs, text };
}

/** `T17`, or `Solhaga Kil: T17`. */
export function nameIn(place: Place, target: string): string {
  return place.name === target ? target : `${place.name}: ${target}`;
}

function recoveryLine({ place, sinceMs, atMs }: Recovery, target?: string): Told {
  const took = `(down ${formatDuration(atMs - sinceMs)})`;
  const [lone] = place.worst === 1 && target === undefined ? place.down : [target];
  const text =
    place.worst === 1 && lone !== undefined
      ? `${nameIn(place, lone)} works again ${took}.`
      : `${place.name}: all ${countOf([place])} work again ${took}.`;
  return { mark: 'back', atMs, text };
}

function chainEnd(chain: string, stores: readonly Place[], news: News, isJudged: boolean): Told {
  const endMs = news.recovered.at(-1)?.atMs ?? news.changedAtMs;
  const what = isJudged ? `all ${countOf(stores)} work again` : 'nothing is known to be down any more';
  const text = `${chain}: ${what}, ${formatDuration(endMs - news.sinceMs)} after the first went down.`;
  return { mark: 'back', atMs: news.changedAtMs, text };
}

function because(changes: readonly WireChange[]): string {
  const why = whyMany(changes.map(({ reason }) => reason));
  return why === '' ? '.' : `: ${why}.`;
}

function countOf(places: readonly Place[]): string {
  const size = sizeOf(places);
  const noun = nounOf(places, size ?? 2);
  return size === undefined ? noun : `${size} ${noun}`;
}

function nounOf(places: readonly Place[], count: number): string {
  return nounFor(
    places.flatMap(({ kinds }) => kinds),
    count,
  );
}

function sizeOf(places: readonly Place[]): number | undefined {
  let sum = 0;
  for (const { size } of places) {
    if (size === undefined) return undefined;
    sum += size;
  }
  return sum;
}

/** `4 targets`, `4 of 9 terminals`, `all 9 terminals`. */
function ofAll(count: number, places: readonly Place[]): string {
  const size = sizeOf(places);
  const noun = nounOf(places, size ?? count);
  if (size === undefined || size < count) return `${count} ${noun}`;
  return count === size && size > 1 ? `all ${size} ${noun}` : `${count} of ${size} ${noun}`;
}

function endSentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
