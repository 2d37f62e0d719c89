import { createTask, parse } from 'node-cron';
import { zoneOf } from '../estate/opening-hours.ts';

const MINUTE_MS = 60_000;
/** No clock is put back by more. */
const LONGEST_BACK_MINUTES = 180;

/** When a cron expression of five fields comes true in `timezone`, an IANA zone. Both must be valid. */
export interface Recurrence {
  /**
   * The minutes after `afterMs` up to and with `untilMs` at which it does, epoch ms. A time that the clock shows twice
   * counts once, the first time; one that it leaves out in spring counts when the clock has jumped over it.
   */
  between(afterMs: number, untilMs: number): readonly number[];
}

export function makeRecurrence(cron: string, timezone: string): Recurrence {
  const zone = zoneOf(timezone);
  const { minute, hour } = parse(cron);
  const minutes = new Set(minute);
  const hours = new Set(hour);
  // Never started: it only judges times, which are given to it as the zone's clock shows them.
  const judge = createTask(cron, () => undefined, { timezone: 'UTC' });
  void judge.destroy();
  const localOf = (atMs: number): number => atMs + zone.offsetAt(atMs);
  const isMeant = (localMs: number): boolean => {
    const local = new Date(localMs);
    return minutes.has(local.getUTCMinutes()) && hours.has(local.getUTCHours()) && judge.match(local);
  };
  return {
    between(afterMs, untilMs) {
      const found: number[] = [];
      const firstMs = (Math.floor(afterMs / MINUTE_MS) + 1) * MINUTE_MS;
      let shownMs = latestShown(localOf, firstMs - MINUTE_MS);
      for (let atMs = firstMs; atMs <= untilMs; atMs += MINUTE_MS) {
        const localMs = localOf(atMs);
        let isDue = false;
        for (let nextMs = shownMs + MINUTE_MS; nextMs <= localMs && !isDue; nextMs += MINUTE_MS) {
          isDue = isMeant(nextMs);
        }
        if (isDue) found.push(atMs);
        shownMs = Math.max(shownMs, localMs);
      }
      return found;
    },
  };
}

/** The latest time that the clock has shown by `atMs`: later than now after it was put back. */
function latestShown(localOf: (atMs: number) => number, atMs: number): number {
  let shownMs = localOf(atMs);
  for (let back = 1; back <= LONGEST_BACK_MINUTES; back++) {
    shownMs = Math.max(shownMs, localOf(atMs - back * MINUTE_MS));
  }
  return shownMs;
}
