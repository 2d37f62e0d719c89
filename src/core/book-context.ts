import type { Target } from '../estate/estate.ts';
import type { IncidentId, StoreId, TargetId } from '../estate/ids.ts';
import type { CauseFinder } from './causes.ts';
import type { EventDraft, MethodState } from './events.ts';
import type { Outlook } from './outlook.ts';
import type { AnyReason } from './reason.ts';

/** A target that is down. */
export interface Failure {
  readonly sinceMs: number;
  readonly reason: AnyReason;
  /** The open incident that it is part of. */
  incident?: IncidentId;
  /** What it hangs on, which is down. */
  parent?: TargetId;
}

/** What the book of incidents takes from the fold that owns it. */
export interface BookContext {
  readonly outlook: Outlook;
  readonly finder: CauseFinder;
  readonly failureOf: (id: TargetId) => Failure | undefined;
  /** Whether a target that is down is so because of what it hangs on; if so, this is written down with its failure. */
  readonly hang: (target: Target) => boolean;
  /** What is down because of a target. */
  readonly behind: (parent: TargetId) => readonly TargetId[];
  readonly methodState: (store: StoreId, method: string) => MethodState | undefined;
  readonly storesServedBy: (target: TargetId) => Iterable<StoreId>;
  /** While we are, nothing is told. */
  readonly isBlind: () => boolean;
  /** To be journalled and announced. */
  readonly emit: (draft: EventDraft) => void;
}
