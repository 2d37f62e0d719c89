import { unreachable } from '../lib/unreachable.ts';
import type { MethodState } from './events.ts';
import { type AnyReason, REASON_TEXT, REASON_TEXT_OF_MANY } from './reason.ts';

/** Services that stand in for one another and are not well. */
export interface ServiceVerdict {
  /** Empty: the configuration does not name it. */
  readonly kind: string;
  readonly state: 'down' | 'degraded' | 'unknown';
  readonly reason?: AnyReason;
  readonly members: number;
  /** How many of them are down. */
  readonly down: number;
}

/** Why a lane is not well: a service that it hangs on or, without one, itself. */
export interface Cause {
  readonly service?: ServiceVerdict;
  readonly reason?: AnyReason;
}

interface MethodFacts {
  readonly name: string;
  readonly state: MethodState;
  readonly laneKind: string;
  /** Lanes; `total` 0: it is judged by services alone. */
  readonly lanes: {
    readonly total: number;
    readonly known: number;
    /** Degraded ones among them. */
    readonly working: number;
    readonly degraded: number;
    /** Not working, but taking payments offline. */
    readonly cutOff: number;
  };
  /** The most common. */
  readonly cause: Cause | undefined;
  readonly isOnlyCause: boolean;
}

interface Words {
  readonly subject: string;
  readonly works: string;
  readonly fails: string;
  readonly offline: string;
}

const WORDS: ReadonlyMap<string, Words> = new Map([
  [
    'card',
    {
      subject: 'Cards',
      works: 'work',
      fails: 'cannot be paid with',
      offline: 'work offline, by chip and PIN only',
    },
  ],
  [
    'wallet',
    {
      subject: 'Mobile wallets',
      works: 'work',
      fails: 'cannot be paid with',
      offline: 'work offline only',
    },
  ],
  [
    'swish',
    { subject: 'Swish', works: 'works', fails: 'cannot be paid with', offline: 'works offline only' },
  ],
  ['cash', { subject: 'Cash', works: 'works', fails: 'cannot be paid with', offline: 'works offline only' }],
  ['web', { subject: 'The web shop', works: 'works', fails: 'does not work', offline: 'works offline only' }],
]);

function wordsFor(name: string): Words {
  return (
    WORDS.get(name) ?? {
      subject: `Payment by ${name}`,
      works: 'works',
      fails: 'does not work',
      offline: 'works offline only',
    }
  );
}

/** One plain sentence for whoever runs the store. */
export function tellMethod(facts: MethodFacts): string {
  const { name, state, laneKind, lanes, cause } = facts;
  const { subject, works, fails, offline } = wordsFor(name);
  const noun = nounOf(laneKind, lanes.total);
  switch (state) {
    case 'available':
      return `${subject} ${works}.`;
    case 'down':
      return `${subject} ${fails}: ${tellLoss(facts)}.`;
    case 'offline-only': {
      const where = lanes.cutOff === lanes.total ? '' : `, on ${lanes.cutOff} of ${lanes.total} ${noun}`;
      return `${subject} ${offline}${where}: ${tellLoss(facts)}.`;
    }
    case 'degraded':
      return `${subject} ${works}${tellTrouble(facts)}.`;
    case 'unknown': {
      const sentence = `Whether ${lowerFirst(subject)} ${works} is not known`;
      if (cause === undefined) return `${sentence}.`;
      const count = lanes.total - lanes.known;
      const what =
        cause.service === undefined
          ? `${amountOf(count, lanes.total, laneKind)} ${count === 1 ? 'has' : 'have'} no verdict`
          : `${serviceNoun(cause.service)} has no verdict`;
      return `${sentence}: ${what}${because(facts, count)}.`;
    }
    default:
      return unreachable(state);
  }
}

/** Says that a store has ceased to watch the method. */
export function tellUnwatched(name: string): string {
  const { subject, works } = wordsFor(name);
  return `Whether ${lowerFirst(subject)} ${works} in this store is no longer watched.`;
}

/** Why nothing works. */
function tellLoss(facts: MethodFacts): string {
  const { laneKind, lanes, cause, isOnlyCause, state } = facts;
  const { total, known } = lanes;
  if (cause?.service !== undefined && isOnlyCause) return tellService(cause.service);
  const does = state === 'down' ? 'works' : 'is online';
  const none =
    total === 1
      ? `the only ${nounOf(laneKind, 1)} ${state === 'down' ? 'does not work' : 'is not online'}`
      : `none of ${known}${known < total ? ' known' : ''} ${nounOf(laneKind, known)} ${does}`;
  return `${none}${because(facts, total)}`;
}

/** What does not work beside what does; follows "Cards work". */
function tellTrouble(facts: MethodFacts): string {
  const { laneKind, lanes, cause, isOnlyCause } = facts;
  const { total, known, working, degraded } = lanes;
  const failing = known - working;
  if (failing > 0) {
    const rest = `${failing} ${failing === 1 ? 'does' : 'do'} not`;
    return ` on ${working} of ${total} ${nounOf(laneKind, total)}, ${rest}${because(facts, failing, ': ')}`;
  }
  if (cause?.service !== undefined && isOnlyCause) return `, but ${tellService(cause.service)}`;
  return `, but ${amountOf(degraded, total, laneKind)} ${degraded === 1 ? 'is' : 'are'} degraded${because(facts, degraded)}`;
}

/** The cause as a clause after `mark`; empty when it is not known. `count`: how many it is the cause for. */
function because({ cause, isOnlyCause }: MethodFacts, count: number, mark = ', '): string {
  if (cause === undefined) return '';
  const { service, reason } = cause;
  const clause =
    service !== undefined && service.state !== 'unknown'
      ? tellService(service)
      : reason === undefined
        ? ''
        : service === undefined && count > 1
          ? REASON_TEXT_OF_MANY[reason]
          : REASON_TEXT[reason];
  if (clause === '') return '';
  return isOnlyCause ? `${mark}${clause}` : `${mark}mostly because ${clause}`;
}

/** `the acquirer is down, it refuses connections`. */
function tellService(service: ServiceVerdict): string {
  const { kind, state, reason, members, down } = service;
  const isPartly = state === 'degraded' && down > 0;
  const isMany = (isPartly ? down : members) > 1;
  const what = isPartly
    ? `${down} of ${members} ${serviceName(kind)}s ${down === 1 ? 'is' : 'are'} down`
    : `${serviceNoun(service)} ${isMany ? 'are' : 'is'} ${state}`;
  if (reason === undefined) return what;
  return `${what}, ${isMany ? REASON_TEXT_OF_MANY[reason] : REASON_TEXT[reason]}`;
}

/** `the acquirer`, `both acquirers`, `all 3 acquirers`. */
function serviceNoun({ kind, members, state }: ServiceVerdict): string {
  const name = serviceName(kind);
  if (members === 1 || state === 'unknown') return `the ${name}`;
  if (state === 'degraded') return `the ${name}s`;
  return members === 2 ? `both ${name}s` : `all ${members} ${name}s`;
}

const SERVICES: ReadonlyMap<string, string> = new Map([
  ['acquirer', 'acquirer'],
  ['gateway', 'gateway'],
  ['swish', 'Swish service'],
  ['web', 'web site'],
  ['', 'service'],
]);

function serviceName(kind: string): string {
  return SERVICES.get(kind) ?? `${kind} service`;
}

const LANES: ReadonlyMap<string, readonly [one: string, many: string]> = new Map([
  ['terminal', ['terminal', 'terminals']],
  ['till', ['till', 'tills']],
]);

function nounOf(laneKind: string, count: number): string {
  const [one, many] = LANES.get(laneKind) ?? ['lane', 'lanes'];
  return count === 1 ? one : many;
}

function amountOf(count: number, total: number, laneKind: string): string {
  return total === 1 ? `the only ${nounOf(laneKind, 1)}` : `${count} of ${total} ${nounOf(laneKind, total)}`;
}

function lowerFirst(text: string): string {
  return text === 'Swish' ? text : text.charAt(0).toLowerCase() + text.slice(1);
}
