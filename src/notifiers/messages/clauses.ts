import type { Incident } from '../../core/events.ts';
import type { NoticedIncident } from '../../core/notification.ts';
import {
  type Catalogue,
  KNOWN_KINDS,
  KNOWN_LABELS,
  KNOWN_METHODS,
  type KnownKind,
  type Noun,
} from './catalogue.ts';

type Scope = Incident['scope'][number];

/**
 * What an incident comes to, as a clause: what customers cannot do or, where that is not known, what is down. Of one that
 * went into another: only what it was about.
 */
export function stateClause(noticed: NoticedIncident, words: Catalogue): string {
  const { incident } = noticed;
  const { methodsLost = [], targetsDown: down, targetsInScope } = incident;
  const { say } = words;
  const noun = nounOf(incident, words);
  const place = leading(placeOf(noticed, words));
  if (incident.mergedInto !== undefined) return `${subjectOf(noticed, words)}${place}`;
  if (incident.state === 'resolved') return say.worksAgain(subjectOf(noticed, words), place, isOne(noticed));
  if (methodsLost.length > 0) {
    return say.cannotPay(methodsClause(methodsLost, words), place, isPartly(noticed));
  }
  if (down === 0) return say.answersAgain(subjectOf(noticed, words), place, isOne(noticed));
  if (isOne(noticed)) return say.isDown(subjectOf(noticed, words), place);
  return say.areDown(down, targetsInScope ?? down, noun, place);
}

/** Where it is, in words that follow a clause; empty when it is not in one place. */
export function placeOf(noticed: NoticedIncident, words: Catalogue): string {
  const places = noticed.incident.scope
    .slice(0, MOST_PLACES)
    .map((scope) => onePlace(scope, noticed, words))
    .filter((place) => place !== '');
  return listOf(Array.from(new Set(places)), words.or);
}

/** `by card, with Swish or in the web shop`. */
export function methodsClause(methods: readonly string[], words: Catalogue): string {
  return listOf(
    methods.map((name) => {
      const known = KNOWN_METHODS.find((each) => each === name);
      return known === undefined ? words.otherMethod(oneLine(name)) : words.methods[known];
    }),
    words.or,
  );
}

/** How many are down of how many: `160 of 180 card terminals`. */
export function amountOf({ incident }: NoticedIncident, words: Catalogue): string {
  const { targetsDown: down, targetsInScope } = incident;
  return words.say.amount(down, Math.max(down, targetsInScope ?? down), nounOf(incident, words));
}

/** Whether it is one target that it is about, and nothing else. */
export function isOne({ incident: { scope, targetsDown, targetsInScope } }: NoticedIncident): boolean {
  const isNamed = scope.length === 1 && scope[0]?.['target'] !== undefined;
  return (targetsInScope === undefined ? isNamed : targetsInScope === 1) && targetsDown <= 1;
}

/** Text from elsewhere, such as a store's name, fit to stand in a line of ours. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
}

export function sentence(clause: string): string {
  return `${capital(clause)}.`;
}

export function capital(clause: string): string {
  return clause.charAt(0).toUpperCase() + clause.slice(1);
}

const MOST_PLACES = 3;
/** With so many of its targets down, what is lost counts as lost everywhere in it. */
const WHOLE_SHARE = 0.9;

/** Whether only some of the customers of the place can be hit; in one store what is lost is lost to all. */
function isPartly({ incident, store }: NoticedIncident): boolean {
  const { scope, targetsDown, targetsInScope = 0 } = incident;
  const isInOneStore =
    store !== undefined && scope.every((each) => each['target'] !== undefined || each['store'] !== undefined);
  return !isInOneStore && targetsDown < WHOLE_SHARE * targetsInScope;
}

/** What it is about, without a number: `card terminals`, `the Swish connection`, `card terminal T1`. */
function subjectOf(noticed: NoticedIncident, words: Catalogue): string {
  const { incident } = noticed;
  const noun = nounOf(incident, words);
  const only = incident.scope.length === 1 ? incident.scope[0]?.['target'] : undefined;
  if (!isOne(noticed)) return noun.many;
  return only === undefined ? noun.the : `${noun.one} ${oneLine(only)}`;
}

/** One noun for what is down in it. */
function nounOf({ kinds = [] }: Incident, words: Catalogue): Noun {
  const known = KNOWN_KINDS.filter((kind) => kinds.includes(kind));
  if (known.length === 0 || known.length < kinds.length) return words.units;
  const list = (form: keyof Noun): string =>
    listOf(
      known.map((kind: KnownKind) => words.kinds[kind][form]),
      words.and,
    );
  return { one: list('one'), many: list('many'), the: list('the') };
}

function onePlace(scope: Scope, noticed: NoticedIncident, words: Catalogue): string {
  const target = scope['target'];
  if (target !== undefined) {
    const place = placeOfNotice(noticed, words);
    // What hangs on it is down as well: then it is not told of by itself.
    return isOne(noticed) ? place : `${place} (${oneLine(target)})`.trim();
  }
  const places: string[] = [];
  const marks: string[] = [];
  for (const [name, value] of Object.entries(scope)) {
    const text = oneLine(value);
    switch (name) {
      case 'kind':
        break;
      case 'chain':
        places.push(words.atChain(text));
        break;
      case 'city':
      case 'region':
        places.push(words.inArea(text));
        break;
      case 'store':
        places.push(words.inStore(storeName(value, noticed)));
        break;
      default: {
        const known = KNOWN_LABELS.find((label) => label === name);
        marks.push(`${known === undefined ? name.replaceAll('_', ' ') : words.labels[known]} ${text}`);
      }
    }
  }
  return [...places, ...(marks.length === 0 ? [] : [`(${marks.join(', ')})`])].join(' ');
}

/** Of a target that the scope names: its store or, of one that many share, what it is for. */
function placeOfNotice(noticed: NoticedIncident, words: Catalogue): string {
  const { store, chain, region } = noticed;
  if (store !== undefined) return words.inStore(storeName(store, noticed));
  if (chain !== undefined) return words.atChain(oneLine(chain));
  return region === undefined ? '' : words.inArea(oneLine(region));
}

function storeName(id: string, { store, storeName }: NoticedIncident): string {
  return oneLine(id === store && storeName !== undefined ? storeName : id);
}

function leading(place: string): string {
  return place === '' ? '' : ` ${place}`;
}

function listOf(parts: readonly string[], last: string): string {
  return parts.length < 2
    ? parts.join('')
    : `${parts.slice(0, -1).join(', ')} ${last} ${parts[parts.length - 1]}`;
}
