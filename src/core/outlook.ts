import type { Estate, Labels } from '../estate/estate.ts';

/** When incidents open and end. Unit: ms. */
export interface IncidentTiming {
  /** How long failures of several targets are held, so that one incident opens with the right scope. Default 3 s. */
  readonly settleMs: number;
  /** The same for a target that fails alone: others may follow. Default 10 s. */
  readonly settleAloneMs: number;
  /** How long all must be well before an incident is resolved; doubles with each relapse. Default 2 min. */
  readonly quietMs: number;
  /** The longest that it grows to. Default 30 min. */
  readonly quietLongestMs: number;
  /** What fails again so soon after it was resolved is the same incident. Default 30 min. */
  readonly reopenMs: number;
}

/** Services or devices by the labels they bear; all must match. */
export type Match = Labels;

/** Shared services: those that match and bear the same values of `sameLabels`, where they bear those labels at all. */
export interface Service {
  readonly match: Match;
  readonly sameLabels: readonly string[];
}

/** What one way to pay needs in a store. */
export interface PaymentMethod {
  /** `card`, `wallet`, `swish`, `cash`, `web`, or any word. */
  readonly name: string;
  /** Share of what customers pay that goes this way, 0 to 1: how much its loss weighs. */
  readonly weight: number;
  /** Of the store's own targets that match, one at least must work; not asked for when the store has none. */
  readonly lanes?: Match;
  /** What must work beside a lane. One that the estate has no targets of is not asked for. */
  readonly services: readonly Service[];
  /** Lanes with these labels still take payments when a service or the terminal's own host is out of reach. */
  readonly offline?: Match;
}

/** All that the fold of outages depends on beside the journal's events. */
export interface Outlook {
  readonly estate: Estate;
  readonly timing: IncidentTiming;
  readonly methods: readonly PaymentMethod[];
}

export const DEFAULT_TIMING: IncidentTiming = {
  settleMs: 3_000,
  settleAloneMs: 10_000,
  quietMs: 120_000,
  quietLongestMs: 1_800_000,
  reopenMs: 1_800_000,
};

const LANE: Match = { kind: 'terminal' };
const ACQUIRER = { match: { kind: 'acquirer' }, sameLabels: ['acquirer'] } as const;
const OFFLINE: Match = { offline: 'yes' };

/** What shops take unless the configuration says otherwise. Weights: shares of payments in Swedish shops, 2023. */
export const DEFAULT_METHODS: readonly PaymentMethod[] = [
  { name: 'card', weight: 0.72, lanes: LANE, services: [ACQUIRER], offline: OFFLINE },
  {
    name: 'wallet',
    weight: 0.12,
    lanes: LANE,
    services: [ACQUIRER, { match: { kind: 'wallet' }, sameLabels: ['acquirer'] }],
  },
  {
    name: 'swish',
    weight: 0.05,
    lanes: { kind: 'till' },
    services: [{ match: { kind: 'swish' }, sameLabels: ['chain'] }],
  },
  { name: 'cash', weight: 0.1, lanes: { kind: 'till' }, services: [] },
  { name: 'web', weight: 0.01, services: [{ match: { kind: 'web' }, sameLabels: ['chain'] }] },
];
