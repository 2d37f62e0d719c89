import type { Estate } from '../estate/estate.ts';
import type { TargetId } from '../estate/ids.ts';
import type { EvidenceGathered } from './events.ts';
import { decodeBits, orderedIds } from './evidence.ts';
import type { State } from './health.ts';
import { LEAF_DOWN, LEAF_UNKNOWN, LEAF_UP } from './leaf-table.ts';
import type { AnyReason } from './reason.ts';

/** A target's confirmed state. */
export interface Status {
  readonly state: State;
  readonly reason?: AnyReason;
}

/** Confirmed states in JSON, in the order in which they first came. */
export type SavedStatuses = readonly (readonly [TargetId, State, AnyReason | null])[];

/** What the targets of these ranks say when a scope is looked for, a leaf for each: `LEAF_UNKNOWN` says nothing. */
export type Verdicts = (ranks: Int32Array) => Uint8Array;

const LEAF_OF: Readonly<Record<State, number>> = {
  unknown: LEAF_UNKNOWN,
  up: LEAF_UP,
  degraded: LEAF_UP,
  down: LEAF_DOWN,
};

/** The confirmed states, kept by id and, for those that the estate has, by rank. */
export class Statuses {
  private readonly byId = new Map<TargetId, Status>();
  private ranks: ReadonlyMap<TargetId, number>;
  private leaves: Uint8Array;

  constructor(estate: Estate) {
    this.ranks = ranksOf(estate);
    this.leaves = new Uint8Array(this.ranks.size);
  }

  setEstate(estate: Estate): void {
    this.ranks = ranksOf(estate);
    this.leaves = new Uint8Array(this.ranks.size);
    for (const [id, { state }] of this.byId) this.note(id, LEAF_OF[state]);
  }

  save(): SavedStatuses {
    return Array.from(this.byId, ([id, { state, reason }]) => [id, state, reason ?? null] as const);
  }

  restore(saved: SavedStatuses): void {
    for (const [id, state, reason] of saved) this.set(id, state, reason ?? undefined);
  }

  ids(): Iterable<TargetId> {
    return this.byId.keys();
  }

  get(id: TargetId): Status | undefined {
    return this.byId.get(id);
  }

  stateOf(id: TargetId): State {
    return this.byId.get(id)?.state ?? 'unknown';
  }

  set(id: TargetId, state: State, reason: AnyReason | undefined): void {
    this.byId.set(id, reason === undefined ? { state } : { state, reason });
    this.note(id, LEAF_OF[state]);
  }

  delete(id: TargetId): void {
    this.byId.delete(id);
    this.note(id, LEAF_UNKNOWN);
  }

  /**
   * What each target that is not looked at itself says of a scope: what was seen of it since those failed or, without
   * evidence, its confirmed state. One that is down for something else says nothing.
   */
  verdicts(evidence?: EvidenceGathered): Verdicts {
    if (evidence === undefined) return (ranks) => this.confirmed(ranks);
    const answering = decodeBits(evidence.answering);
    const failing = decodeBits(evidence.failing);
    return (ranks) => this.seen(ranks, answering, failing);
  }

  private confirmed(ranks: Int32Array): Uint8Array {
    const { leaves } = this;
    const verdicts = new Uint8Array(ranks.length);
    for (let i = 0; i < ranks.length; i++) {
      if (leaves[ranks[i] ?? 0] === LEAF_UP) verdicts[i] = LEAF_UP;
    }
    return verdicts;
  }

  /** `answering`, `failing`: a bit for each rank. */
  private seen(ranks: Int32Array, answering: Uint8Array, failing: Uint8Array): Uint8Array {
    const { leaves } = this;
    const verdicts = new Uint8Array(ranks.length);
    for (let i = 0; i < ranks.length; i++) {
      const rank = ranks[i] ?? 0;
      if (leaves[rank] === LEAF_DOWN) continue;
      const isFailing = (((failing[rank >> 3] ?? 0) >> (rank & 7)) & 1) === 1;
      verdicts[i] = isFailing ? LEAF_DOWN : LEAF_UP * (((answering[rank >> 3] ?? 0) >> (rank & 7)) & 1);
    }
    return verdicts;
  }

  private note(id: TargetId, leaf: number): void {
    const rank = this.ranks.get(id);
    if (rank !== undefined) this.leaves[rank] = leaf;
  }
}

const RANKS = new WeakMap<Estate, ReadonlyMap<TargetId, number>>();

/** Each target's place in the order of the bits of evidence. Made once for each estate. */
export function ranksOf(estate: Estate): ReadonlyMap<TargetId, number> {
  let ranks = RANKS.get(estate);
  if (ranks === undefined) {
    ranks = new Map(orderedIds(estate).map((id, rank) => [id, rank]));
    RANKS.set(estate, ranks);
  }
  return ranks;
}
