import type { TargetId } from '../estate/ids.ts';
import type { EvidenceGathered } from './events.ts';
import type { AnyReason } from './reason.ts';

/** What a failure of a target that has turned would be. */
interface Turned {
  readonly sinceMs: number;
  readonly reason: AnyReason;
}

/** What one moment's inputs changed: what follows is worked out when all of them are in, in an order of its own. */
export interface Moment {
  readonly atMs: number;
  readonly turned: Map<TargetId, Turned>;
  areHoldsChanged: boolean;
  evidence: EvidenceGathered | undefined;
}

/** A moment in JSON. */
export type SavedMoment = Omit<Moment, 'turned' | 'evidence'> & {
  readonly turned: readonly (readonly [TargetId, Turned])[];
  readonly evidence: EvidenceGathered | null;
};

export function beginMoment(atMs: number): Moment {
  return { atMs, turned: new Map(), areHoldsChanged: false, evidence: undefined };
}

export function saveMoment({ turned, evidence, ...rest }: Moment): SavedMoment {
  return { ...rest, turned: Array.from(turned), evidence: evidence ?? null };
}

export function reviveMoment({ turned, evidence, ...rest }: SavedMoment): Moment {
  return { ...rest, turned: new Map(turned), evidence: evidence ?? undefined };
}
