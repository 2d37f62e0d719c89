import { type EventDraft, subjectOf } from '../core/events.ts';

/** An event as it is laid down: everything but `seq` and the hash, which the writer gives. */
export interface EncodedEvent {
  readonly atMs: number;
  readonly kind: string;
  /** What it is about (see `subjectOf`); null when it leaves no state behind. */
  readonly subject: string | null;
  /** Whether it closes its subject. */
  readonly closes: boolean;
  /** Canonical JSON of all parts but `atMs`: keys sorted at every level, absent parts left out. */
  readonly payload: string;
}

/** Throws a RangeError when `atMs` is no whole number of milliseconds: such an event is a fault of the caller. */
export function checkDraft({ atMs }: EventDraft): void {
  if (!Number.isSafeInteger(atMs)) throw new RangeError(`an event's atMs must be whole, not ${atMs}`);
}

export function encodeEvent(draft: EventDraft): EncodedEvent {
  const { atMs, ...rest } = draft;
  const subject = subjectOf(draft);
  return {
    atMs,
    kind: draft.kind,
    subject: subject?.key ?? null,
    closes: subject?.closes ?? false,
    payload: JSON.stringify(isSorted(rest) ? rest : sorted(rest)),
  };
}

/** Whether all keys are in order already, so that nothing need be copied. */
function isSorted(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isSorted);
  let previous = '';
  for (const [key, part] of Object.entries(value)) {
    if (key < previous || !isSorted(part)) return false;
    previous = key;
  }
  return true;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, part]) => [key, sorted(part)]));
}
