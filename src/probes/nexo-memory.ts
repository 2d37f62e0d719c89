import type { Diagnosis } from './nexo-message.ts';
import { isBusy } from './nexo-verdict.ts';

/** What earlier diagnoses of a target say about this one. */
export interface Remembered {
  /** Unconfirmed batches when they were last told; `undefined` never. */
  readonly previousBatches: number | undefined;
  /** How long and at how many checks in a row it has been busy, this one included; `undefined` it is not. */
  readonly busy: { readonly forMs: number; readonly checks: number } | undefined;
}

interface Entry {
  batches: number | undefined;
  busySinceMs: number;
  busyChecks: number;
  seenMs: number;
}

const FORGET_AFTER_MS = 24 * 3_600_000;
const MAX_TARGETS = 200_000;

/**
 * The few numbers kept of each terminal between probes. A target not seen for a day is forgotten, and the one not
 * seen for longest when there are too many (anybody may name targets at `/probe`).
 */
export class TerminalMemory {
  /** Least recently seen first. */
  private readonly entries = new Map<string, Entry>();

  get size(): number {
    return this.entries.size;
  }

  /** Takes in a diagnosis seen at `nowMs` on the monotonic clock, and tells what was known before it. */
  observe(targetId: string, diagnosis: Diagnosis, nowMs: number): Remembered {
    this.forget(nowMs);
    const before = this.entries.get(targetId);
    const busyChecks = isBusy(diagnosis) ? (before?.busyChecks ?? 0) + 1 : 0;
    const busySinceMs = before !== undefined && before.busyChecks > 0 ? before.busySinceMs : nowMs;
    this.entries.delete(targetId);
    this.entries.set(targetId, {
      batches: diagnosis.unconfirmedBatches ?? before?.batches,
      busySinceMs,
      busyChecks,
      seenMs: nowMs,
    });
    return {
      previousBatches: before?.batches,
      busy: busyChecks === 0 ? undefined : { forMs: nowMs - busySinceMs, checks: busyChecks },
    };
  }

  private forget(nowMs: number): void {
    for (const [targetId, { seenMs }] of this.entries) {
      if (this.entries.size < MAX_TARGETS && nowMs - seenMs < FORGET_AFTER_MS) return;
      this.entries.delete(targetId);
    }
  }
}
