import type { Labels } from '../estate/estate.ts';

/** An alert that somebody else's rules raised, as an Alertmanager told it. Evidence for people: no state follows from it. */
export interface ForeignAlert {
  /** Of its labels, as the Alertmanager makes it. */
  readonly fingerprint: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  /** Epoch ms, UTC. */
  readonly startsAtMs: number;
  /** Absent: it fires. */
  readonly endsAtMs?: number;
  /** Where its rule can be seen. */
  readonly generatorUrl?: string;
  /** The Alertmanager it came from. */
  readonly from?: string;
}

/** A foreign alert with when it was told last. Epoch ms, UTC. */
export interface HeardAlert extends ForeignAlert {
  readonly heardAtMs: number;
}

const MOST_ALERTS = 1_000;
/** Alertmanager repeats what fires every few hours: what it has not named for so long it has forgotten. Unit: ms. */
const UNHEARD_MS = 24 * 3_600_000;
/** How long what is over stays at hand. Unit: ms. */
const RESOLVED_MS = 4 * 3_600_000;

/** `afterMs`: what began before is over, whatever is told of it again. */
type KnownAlert = HeardAlert & { readonly afterMs: number };

/**
 * The alerts of others, bounded, one for each fingerprint: as it was last. What was told is told again, by its sender and
 * by others of its cluster; that changes nothing, though it come after what followed.
 */
export class ForeignAlerts {
  private readonly byFingerprint = new Map<string, KnownAlert>();

  /** Whether `alert` says something new. */
  hear(alert: ForeignAlert, nowMs: number): boolean {
    const known = this.byFingerprint.get(alert.fingerprint);
    const merged = known === undefined ? alert : merge(known, alert);
    const isNews = known === undefined || !isSame(known, merged);
    // Last in the map: those heard of longest ago go first.
    this.byFingerprint.delete(alert.fingerprint);
    const afterMs = Math.max(
      known?.afterMs ?? Number.NEGATIVE_INFINITY,
      merged.endsAtMs ?? Number.NEGATIVE_INFINITY,
    );
    this.byFingerprint.set(alert.fingerprint, { ...merged, heardAtMs: nowMs, afterMs });
    if (this.byFingerprint.size > MOST_ALERTS) this.byFingerprint.delete(this.leastWanted());
    return isNews;
  }

  /** Those that fire first, then the newest first. */
  all(nowMs: number): readonly HeardAlert[] {
    for (const [fingerprint, { endsAtMs, heardAtMs }] of this.byFingerprint) {
      const isOld = endsAtMs === undefined ? heardAtMs < nowMs - UNHEARD_MS : endsAtMs < nowMs - RESOLVED_MS;
      if (isOld) this.byFingerprint.delete(fingerprint);
    }
    const all = Array.from(this.byFingerprint.values(), ({ afterMs: _afterMs, ...alert }) => alert);
    return all.sort(
      (a, b) =>
        Number(a.endsAtMs !== undefined) - Number(b.endsAtMs !== undefined) ||
        b.startsAtMs - a.startsAtMs ||
        (a.fingerprint < b.fingerprint ? -1 : 1),
    );
  }

  /** What is over, else what was not heard of for longest. */
  private leastWanted(): string {
    let oldest = '';
    for (const [fingerprint, { endsAtMs }] of this.byFingerprint) {
      if (endsAtMs !== undefined) return fingerprint;
      if (oldest === '') oldest = fingerprint;
    }
    return oldest;
  }
}

function merge(known: KnownAlert, told: ForeignAlert): ForeignAlert {
  const { afterMs, heardAtMs: _heardAtMs, ...before } = known;
  const { endsAtMs = Number.POSITIVE_INFINITY } = told;
  if (known.endsAtMs === undefined) {
    // It goes on, or ended now. Rules that run twice find its beginning at two times: the first is kept.
    const isOfThis = told.startsAtMs >= afterMs && endsAtMs >= known.startsAtMs;
    return isOfThis ? { ...told, startsAtMs: Math.min(known.startsAtMs, told.startsAtMs) } : before;
  }
  return told.startsAtMs >= afterMs && endsAtMs > afterMs ? told : before;
}

function isSame(a: ForeignAlert, b: ForeignAlert): boolean {
  const { annotations: told, ...left } = a;
  const { annotations: anew, ...right } = b;
  return (
    left.startsAtMs === right.startsAtMs &&
    left.endsAtMs === right.endsAtMs &&
    JSON.stringify(told) === JSON.stringify(anew)
  );
}
