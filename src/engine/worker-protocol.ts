import type { Outcome, ProbeReport } from '../core/outcome.ts';
import type { AnyReason } from '../core/reason.ts';
import type { Canary, Target } from '../estate/estate.ts';
import type { ProbeRequest } from '../probes/probe.ts';
import type { Limits, Module } from '../settings/settings.ts';
import type { SlotChange } from './engine.ts';

/**
 * What the main thread and a probing thread say to each other. Results of probes go over shared memory
 * (`HotColumns`); messages carry only what is rare or asked for: what to watch, what changed, and a batch of counts.
 */
export interface WorkerStart {
  /** The columns' memory. */
  readonly memory: SharedArrayBuffer;
  /** The canary readings' memory. */
  readonly canaries: SharedArrayBuffer;
  readonly limits: Limits;
}

/** To a probing thread. Messages are handled in order, one after the other. */
export type ToWorker =
  /** Makes the modules ready, beside those in use. Answered by `opened` or `refused`. */
  | {
      readonly kind: 'open';
      readonly id: number;
      readonly modules: readonly Module[];
      readonly baseDir: string;
    }
  /** Uses the modules last opened, and watches what has changed. Answered by `assigned`. */
  | {
      readonly kind: 'assign';
      readonly put: readonly { readonly slot: number; readonly target: Target }[];
      readonly drop: readonly number[];
      readonly limits: Limits;
      readonly canaries: readonly Canary[];
      readonly pace: number;
    }
  /** Probes these rows' targets once more within that time; 0: at once, those that were not probed just now. */
  | { readonly kind: 'recheck'; readonly slots: readonly number[]; readonly withinMs: number }
  /** One probe outside the schedule. Answered by `probed`. */
  | {
      readonly kind: 'probe';
      readonly id: number;
      readonly module: string;
      readonly request: ProbeRequest;
      /** The target that is meant, when it is one that is watched. */
      readonly target: Target | undefined;
    }
  /** Calls that probe off; `isTimeout`: its deadline has come. */
  | { readonly kind: 'call-off'; readonly id: number; readonly isTimeout: boolean }
  /** Ends all probes, then the thread. */
  | { readonly kind: 'stop' };

/** Finished probes of one kind, for counters. */
export interface ProbeCounts {
  readonly kind: Outcome['kind'];
  readonly reason: AnyReason | undefined;
  /** They saw failures that do not count. */
  readonly isOverruled: boolean;
  /** How late each started. Unit: ms. */
  readonly latenessMs: number[];
}

/** From a probing thread. */
export type FromWorker =
  | { readonly kind: 'opened'; readonly id: number }
  /** The oldest assignment is in force: dropped rows are not touched any more. */
  | { readonly kind: 'assigned' }
  /** A module cannot be opened; those in use stay. `isConfiguration`: the message says what to change. */
  | {
      readonly kind: 'refused';
      readonly id: number;
      readonly message: string;
      readonly isConfiguration: boolean;
    }
  /** What has happened since the last batch, in order. */
  | {
      readonly kind: 'batch';
      readonly changes: readonly SlotChange[];
      readonly counts: readonly ProbeCounts[];
      readonly messages: ReadonlyMap<number, string>;
      readonly samples: ReadonlyMap<number, ProbeReport['samples']>;
      /** What began to fail; not more than is of use. */
      readonly suspects: readonly number[];
      readonly inFlight: number;
      readonly queued: number;
    }
  /** `report` undefined: no such module, or `error` says why there is none. */
  | {
      readonly kind: 'probed';
      readonly id: number;
      readonly report: ProbeReport | undefined;
      readonly error: string | undefined;
    };
