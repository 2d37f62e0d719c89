import type { Acknowledgement, Incident } from '../../core/events.ts';
import type { Notice, NoticedIncident } from '../../core/notification.ts';
import type { Message, Telling } from '../messages/message.ts';

/** The version of the body; a change that could break a receiver raises it. */
const VERSION = 1;
/** Incidents of a digest that are told in full, at most. */
const MOST_INCIDENTS = 100;

/** What the generic preset sends: our own contract with receivers, see docs/notifications.md. */
export function webhookBody(
  notice: Notice,
  message: Message,
  telling: Telling,
): Readonly<Record<string, unknown>> {
  const [first, ...others] = notice.incidents;
  const isDigest = notice.change === 'digest' || others.length > 0;
  const { externalUrl } = telling;
  return {
    version: VERSION,
    type: `kassavakt.${notice.change}`,
    key: notice.key,
    change: notice.change,
    timestamp: iso(notice.atMs),
    channel: telling.channel,
    language: telling.language,
    title: message.title,
    summary: message.sentences.join(' '),
    ...(message.severity === undefined ? {} : { severity: message.severity }),
    links: { monitor: message.link.url },
    ...(first === undefined || isDigest ? {} : { incident: incidentBody(first, externalUrl) }),
    ...(isDigest
      ? {
          incidents: notice.incidents
            .slice(0, MOST_INCIDENTS)
            .map((noticed) => incidentBody(noticed, externalUrl)),
          incidentsInAll: notice.incidents.length,
        }
      : {}),
  };
}

/** As the API tells it, with where it is and a link. */
function incidentBody(
  { incident, store, storeName, chain, region }: NoticedIncident,
  externalUrl: string,
): Readonly<Record<string, unknown>> {
  const { openedAtMs, resolvedAtMs, acknowledgement } = incident;
  const parts = PARTS.filter((name) => incident[name] !== undefined).map((name) => [name, incident[name]]);
  return {
    ...Object.fromEntries(parts),
    openedAt: iso(openedAtMs),
    ...(resolvedAtMs === undefined ? {} : { resolvedAt: iso(resolvedAtMs) }),
    ...(acknowledgement === undefined ? {} : { acknowledgement: acknowledgementBody(acknowledgement) }),
    ...(store === undefined ? {} : { store }),
    ...(storeName === undefined ? {} : { storeName }),
    ...(chain === undefined ? {} : { chain }),
    ...(region === undefined ? {} : { region }),
    url: `${externalUrl}/api/v1/incidents/${encodeURIComponent(incident.id)}`,
  };
}

/** What the contract names of an incident as it is; a journal may hold more than this version knows. */
const PARTS = [
  'id',
  'scope',
  'title',
  'severity',
  'state',
  'targetsDown',
  'targetsInScope',
  'kinds',
  'storesAffected',
  'reason',
  'confidence',
  'evidence',
  'methodsLost',
  'relapses',
  'unstable',
  'mergedInto',
] as const satisfies readonly (keyof Incident)[];

function acknowledgementBody({ by, comment, atMs, expiresAtMs, sticky }: Acknowledgement) {
  return {
    by,
    comment,
    at: iso(atMs),
    ...(expiresAtMs === undefined ? {} : { expiresAt: iso(expiresAtMs) }),
    sticky,
  };
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString();
}
