import type { Incident } from '../../src/core/events.ts';
import type { Notice, NoticeChange, NoticedIncident } from '../../src/core/notification.ts';
import { toIncidentId } from '../../src/estate/ids.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { NotifierContext } from '../../src/notifiers/notifier.ts';

/** Friday 22 December, 14:04 in Stockholm. */
export const OPENED_MS = Date.UTC(2023, 11, 22, 13, 4);

/** The card terminals of a whole chain are down. */
export const OUTAGE: Incident = {
  id: toIncidentId('lqg1x0-1a2b3c'),
  scope: [{ chain: 'Solhaga' }],
  title: 'All 180 card terminals of Solhaga are down, 22 stores',
  severity: 'critical',
  state: 'open',
  openedAtMs: OPENED_MS,
  targetsDown: 180,
  targetsInScope: 180,
  kinds: ['terminal'],
  storesAffected: 22,
  reason: 'connect-timeout',
  confidence: 0.99,
  evidence: 'mostly they do not answer connection attempts; customers cannot pay by card.',
  methodsLost: ['card'],
};

/** What is told of `OUTAGE` with `changes` made to it, five minutes in. */
export function noticeOf(
  change: Exclude<NoticeChange, 'digest' | 'test'>,
  changes: Partial<Incident> = {},
  place: Omit<NoticedIncident, 'incident'> = { chain: 'Solhaga' },
): Notice {
  const state = change === 'resolved' ? 'resolved' : 'open';
  const incident: Incident = {
    ...OUTAGE,
    state,
    ...(change === 'resolved' ? { resolvedAtMs: OPENED_MS + 300_000 } : {}),
    ...changes,
  };
  return {
    key: `${incident.id}/${change}/17/ops`,
    change,
    atMs: OPENED_MS + 300_000,
    incidents: [{ incident, ...place }],
  };
}

/** The outage over and over, under other ids. */
export function digestOf(count: number, changes: Partial<Incident> = {}): Notice {
  const incidents = Array.from({ length: count }, (_, i) => ({
    incident: { ...OUTAGE, ...changes, id: toIncidentId(`i-${i}`) },
  }));
  return { key: 'digest/31-abc/ops', change: 'digest', atMs: OPENED_MS + 300_000, incidents };
}

export const TEST_NOTICE: Notice = { key: 'test/1/ops', change: 'test', atMs: OPENED_MS, incidents: [] };

/** How a channel called `ops` is opened, in English. */
export function contextFor(baseDir: string, changes: Partial<NotifierContext> = {}): NotifierContext {
  return {
    channel: 'ops',
    language: 'en',
    timezone: 'Europe/Stockholm',
    clock: systemClock,
    baseDir,
    externalUrl: 'https://kassavakt.example.test',
    ...changes,
  };
}
