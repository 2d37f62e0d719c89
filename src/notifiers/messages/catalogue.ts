import type { IncidentSeverity } from '../../core/events.ts';
import type { NoticeChange } from '../../core/notification.ts';
import type { AnyReason } from '../../core/reason.ts';

/** Payment methods that every language has words for; others are told by the name that the configuration gives them. */
export const KNOWN_METHODS = ['card', 'wallet', 'swish', 'cash', 'web'] as const;
export type KnownMethod = (typeof KNOWN_METHODS)[number];

/** Kinds of target that every language has words for, in the order in which several are told. */
export const KNOWN_KINDS = [
  'gateway',
  'line',
  'terminal',
  'till',
  'swish',
  'wallet',
  'acquirer',
  'web',
] as const;
export type KnownKind = (typeof KNOWN_KINDS)[number];

/** Labels of a scope that every language has words for; others are told by their names. */
export const KNOWN_LABELS = ['acquirer', 'network', 'model', 'firmware', 'till_system', 'group'] as const;
export type KnownLabel = (typeof KNOWN_LABELS)[number];

/** What a table about an incident may have rows of. */
export const FACTS = [
  'severity',
  'methods',
  'where',
  'extent',
  'began',
  'ended',
  'duration',
  'cause',
  'acknowledged',
  'incident',
] as const;
export type Fact = (typeof FACTS)[number];

/** A thing in the forms that sentences need. */
export interface Noun {
  /** `card terminal` */
  readonly one: string;
  /** `card terminals` */
  readonly many: string;
  /** `the card terminal` */
  readonly the: string;
}

/**
 * Everything that messages say, in one language. Its parts are of the same shape in each, so that a language that lacks
 * one does not compile. Clauses begin with a small letter and have no full stop, as they also stand within others.
 */
export interface Catalogue {
  /** For dates, as `Intl` takes it. */
  readonly locale: string;
  readonly severities: Readonly<Record<IncidentSeverity, string>>;
  /** What has happened, as a word that stands alone. */
  readonly changes: Readonly<Record<NoticeChange | 'recovering' | 'merged', string>>;
  /** To follow "pay": `by card`. */
  readonly methods: Readonly<Record<KnownMethod, string>>;
  readonly otherMethod: (name: string) => string;
  readonly kinds: Readonly<Record<KnownKind, Noun>>;
  /** Targets of any kind. */
  readonly units: Noun;
  /** Why one, or most of many, fails: a clause. */
  readonly reasons: {
    readonly one: Readonly<Record<AnyReason, string>>;
    readonly many: Readonly<Record<AnyReason, string>>;
  };
  readonly labels: Readonly<Record<KnownLabel, string>>;
  readonly facts: Readonly<Record<Fact, string>>;
  readonly durations: {
    readonly days: string;
    readonly hours: string;
    readonly minutes: string;
    readonly seconds: string;
  };
  /** The last two of a list. */
  readonly or: string;
  readonly and: string;
  readonly atChain: (chain: string) => string;
  readonly inArea: (area: string) => string;
  readonly inStore: (store: string) => string;
  /** Clauses. `place`: empty, or with a space before it. */
  readonly say: {
    readonly cannotPay: (methods: string, place: string, isSome: boolean) => string;
    /** `down` of `size` of a noun; with `place`, if any, within it. */
    readonly areDown: (down: number, size: number, noun: Noun, place: string) => string;
    readonly isDown: (what: string, place: string) => string;
    readonly worksAgain: (what: string, place: string, isOne: boolean) => string;
    readonly answersAgain: (what: string, place: string, isOne: boolean) => string;
    readonly stillDown: (down: number, size: number) => string;
    readonly storesAffected: (stores: number) => string;
    /** The extent in figures alone: `160 of 180 card terminals`. */
    readonly amount: (down: number, size: number, noun: Noun) => string;
    readonly stores: (stores: number) => string;
    readonly began: (time: string) => string;
    readonly hasLasted: (duration: string) => string;
    readonly lasted: (duration: string) => string;
    readonly because: (reason: string, isOne: boolean) => string;
    readonly acknowledged: (by: string) => string;
    readonly notAcknowledged: string;
    readonly cameBack: (times: number) => string;
    readonly severalExplain: string;
    readonly partOf: (incident: string) => string;
    readonly digest: (incidents: number, critical: number) => string;
    readonly more: (incidents: number) => string;
    readonly test: string;
    readonly testWorks: (channel: string) => string;
    readonly open: string;
    /** Why the receiver gets it: the last line of an e-mail. */
    readonly sender: (channel: string) => string;
  };
}
