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

/**
 * The alerts of others, bounded, one for each fingerprint. Told of again, in whatever order and however often, they
 * come to the same: what ended later than another began is the end of that, what began before a known end is old news.
 */
export class ForeignAlerts {
  private readonly byFingerprint = new Map<string, HeardAlert>();

  /** Whether `alert` says something new. */
  hear(alert: ForeignAlert, nowMs: number): boolean {
    const known = this.byFingerprint.get(alert.fingerprint);
    const merged = known === undefined ? alert : merge(known, alert);
    const isNews = known === undefined || !isSame(known, merged);
    // Last in the map: those heard of longest ago go first.
    this.byFingerprint.delete(alert.fingerprint);
    this.byFingerprint.set(alert.fingerprint, { ...merged, heardAtMs: nowMs });
    if (this.byFingerprint.size > MOST_ALERTS) this.byFingerprint.delete(this.leastWanted());
    return isNews;
  }

  /** Those that fire first, then the newest first. */
  all(nowMs: number): readonly HeardAlert[] {
    for (const [fingerprint, { endsAtMs, heardAtMs }] of this.byFingerprint) {
      const isOld = endsAtMs === undefined ? heardAtMs < nowMs - UNHEARD_MS : endsAtMs < nowMs - RESOLVED_MS;
      if (isOld) this.byFingerprint.delete(fingerprint);
    }
    return Array.from(this.byFingerprint.values()).sort(
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

function merge(known: ForeignAlert, told: ForeignAlert): ForeignAlert {
  const { endsAtMs: knownEndMs = Number.POSITIVE_INFINITY } = known;
  const { endsAtMs: toldEndMs = Number.POSITIVE_INFINITY } = told;
  const isAnother = told.startsAtMs >= knownEndMs && toldEndMs > knownEndMs;
  if (isAnother) return told;
  // It fires, and so does what is told; or what is told is its end.
  const isOfThis = knownEndMs === Number.POSITIVE_INFINITY && toldEndMs >= known.startsAtMs;
  return isOfThis ? { ...told, startsAtMs: Math.min(known.startsAtMs, told.startsAtMs) } : known;
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
