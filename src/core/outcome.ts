import type { Sample } from './measurements.ts';
import type { Reason, SelfReason } from './reason.ts';

/**
 * What one probe saw. `durationMs` is the whole probe's, monotonic, 0 or more.
 * `message` is one plain sentence for a person; it holds no secret and no card data.
 */
export type Outcome =
  | { readonly kind: 'answered'; readonly durationMs: number; readonly message: string }
  /** It answers and may still take payments, but something is wrong. */
  | {
      readonly kind: 'degraded';
      readonly reason: Reason;
      readonly durationMs: number;
      readonly message: string;
    }
  | {
      readonly kind: 'failed';
      readonly reason: Reason;
      readonly durationMs: number;
      readonly message: string;
    }
  /** Our own fault: never changes a target's health. */
  | { readonly kind: 'inconclusive'; readonly reason: SelfReason; readonly message: string };

/** One timed step of a probe, in the order they happened. */
export interface Phase {
  /** `resolve`, `connect`, `tls`, `processing`, `transfer`, `rtt`, `request`, `diagnosis`, … */
  readonly name: string;
  readonly durationMs: number;
}

/** All that one probe brings home. */
export interface ProbeReport {
  readonly outcome: Outcome;
  readonly phases: readonly Phase[];
  /** Measurements beyond success and duration, named as blackbox_exporter names them where it has them. */
  readonly samples: readonly Sample[];
  /** What happened, line by line, for `debug=true` and `kassavakt check`. No secret, no body. */
  readonly trail: readonly string[];
}
