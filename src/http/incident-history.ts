import { setImmediate } from 'node:timers/promises';
import type { Incident } from '../core/events.ts';
import type { IncidentId } from '../estate/ids.ts';
import type { Journal } from '../journal/journal.ts';

/** How far back the first reading goes, and how many resolved incidents are kept. */
const EVENTS_BACK = 50_000;
const MAX_RESOLVED = 1_000;
const SLICE_EVENTS = 500;

/** Incidents that ended, newest end last: the latest thousand among the journal's latest 50,000 events. */
export type ReadResolved = () => Promise<ReadonlyMap<IncidentId, Incident>>;

/** Reads the journal only when asked, and then only what is new; in slices, so that probing goes on. */
export function makeIncidentHistory(journal: Journal): ReadResolved {
  const resolved = new Map<IncidentId, Incident>();
  let seenSeq = Math.max(journal.firstSeq - 1, journal.lastSeq - EVENTS_BACK);
  let reading: Promise<void> | undefined;

  const catchUp = async (): Promise<void> => {
    while (seenSeq < journal.lastSeq) {
      const events = journal.read(seenSeq, SLICE_EVENTS);
      for (const event of events) {
        if (event.kind === 'incident-resolved') resolved.set(event.incident.id, event.incident);
      }
      const last = events.at(-1);
      if (last === undefined) return;
      seenSeq = last.seq;
      const surplus = Array.from(resolved.keys()).slice(0, Math.max(0, resolved.size - MAX_RESOLVED));
      for (const id of surplus) resolved.delete(id);
      await setImmediate();
    }
  };
  return async () => {
    reading ??= catchUp().finally(() => {
      reading = undefined;
    });
    await reading;
    return resolved;
  };
}
