import type { Logger } from 'pino';
import type { Board } from './core/board.ts';
import type { EventDraft, JournalEvent } from './core/events.ts';
import { restoreHealth } from './core/health.ts';
import type { Outages } from './core/outages.ts';
import type { Outlook } from './core/outlook.ts';
import type { Ledger } from './engine/ledger.ts';
import { GONE, type Restore } from './engine/pool.ts';
import type { ReloadSummary } from './http/app-context.ts';
import { JournalUnavailable } from './journal/journal.ts';
import { noteOutlook } from './journal/outlook-codec.ts';
import type { SqliteJournal } from './journal/sqlite-journal.ts';
import type { Clock } from './lib/clock.ts';
import type { Settings } from './settings/settings.ts';

/** The hash by which the journal keeps `outlook`; undefined when it cannot at present: a replay then needs a configuration. */
export async function keepOutlook(
  journal: SqliteJournal,
  outlook: Outlook,
  log: Logger,
): Promise<string | undefined> {
  try {
    return await noteOutlook(journal, outlook);
  } catch (error) {
    if (!(error instanceof JournalUnavailable)) throw error;
    log.warn({ event: 'journal.outlook-not-kept', err: error }, 'the journal cannot keep the configuration');
    return undefined;
  }
}

/** What is watched from here on. */
export function configInForce(
  what: string,
  { estate: { targets, stores } }: Settings,
  { added, removed, changed }: ReloadSummary,
  hash: string | undefined,
  clock: Clock,
): EventDraft {
  return {
    atMs: clock.nowMs(),
    kind: 'config-reloaded',
    message: `${what}: ${targets.size} targets in ${stores.size} stores.`,
    targetsAdded: added,
    targetsRemoved: removed,
    targetsChanged: changed,
    ...(hash === undefined ? {} : { outlook: hash }),
  };
}

/** A target starts in the state last announced of it. */
export function restoreFrom(board: Board): Restore {
  return (target) => {
    const status = board.lastStatusOf(target);
    return status && { health: restoreHealth(status.state, status.reason), sinceMs: status.sinceMs };
  };
}

/** What was not up when we stopped and is no longer in the configuration must not stay open for ever. */
export function endWhatIsGone(head: JournalEvent, { estate }: Settings, ledger: Ledger, clock: Clock): void {
  if (head.kind !== 'target-state-changed' || head.to === 'unknown' || estate.targets.has(head.target))
    return;
  const { seq: _seq, reason: _reason, ...rest } = head;
  const nowMs = clock.nowMs();
  ledger.record({ ...rest, from: head.to, to: 'unknown', atMs: nowMs, sinceMs: nowMs, message: GONE });
}

/** Incidents of a version before this one, or of a checkpoint that was lost: what is still down opens anew. */
export function endWhatNobodyHolds(board: Board, outages: Outages, ledger: Ledger, clock: Clock): void {
  const held = new Set(outages.incidents().map(({ id }) => id));
  const nowMs = clock.nowMs();
  for (const incident of board.openIncidents()) {
    if (held.has(incident.id)) continue;
    ledger.recordOwed({
      atMs: nowMs,
      kind: 'incident-resolved',
      incident: { ...incident, state: 'resolved', resolvedAtMs: nowMs, targetsDown: 0 },
    });
  }
}
