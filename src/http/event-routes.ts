import { z } from 'zod';
import { EVENT_KINDS, type Incident, SEVERITIES } from '../core/events.ts';
import { REASONS, SELF_REASONS } from '../core/reason.ts';
import { toIncidentId } from '../estate/ids.ts';
import { stampsToIso, toWire } from '../feed/protocol.ts';
import { ALERT, type RelatedAlerts } from './alert-routes.ts';
import type { AppContext } from './app-context.ts';
import { HttpProblem } from './http-problem.ts';
import { makeIncidentHistory } from './incident-history.ts';
import { defineRoute, idOf, LIMIT, NO_QUERY, type Route } from './route.ts';

const INCIDENT = z.strictObject({
  id: z.string(),
  scope: z
    .array(z.record(z.string(), z.string()))
    .describe('what the failing targets share: label maps, each a conjunction'),
  title: z.string(),
  severity: z.enum(SEVERITIES),
  state: z.enum(['open', 'recovering', 'resolved']),
  openedAt: z.iso.datetime().describe('when the first of its targets failed'),
  resolvedAt: z.iso.datetime().optional(),
  targetsDown: z.int(),
  targetsInScope: z.int().optional().describe('how many targets its scope has, of the kinds that fail'),
  kinds: z.array(z.string()).optional().describe('kinds of what is down, as terminal or web'),
  storesAffected: z.int(),
  reason: z.enum([...REASONS, ...SELF_REASONS]),
  confidence: z.number().min(0).max(1).optional().describe('how well the scope explains what is seen'),
  evidence: z.string().optional().describe('what speaks against it, and why it fails'),
  methodsLost: z.array(z.string()).optional().describe('payment methods that stores have lost by it'),
  relapses: z.int().optional().describe('how often it came back when it seemed over'),
  unstable: z.boolean().optional().describe('it recovers and fails by turns'),
  mergedInto: z.string().optional().describe('the incident that it turned out to be part of'),
  acknowledgement: z
    .strictObject({
      by: z.string(),
      comment: z.string(),
      at: z.iso.datetime(),
      expiresAt: z.iso.datetime().optional(),
      sticky: z.boolean().describe('holds though the incident grows more severe'),
    })
    .optional()
    .describe('who has taken it on'),
});

const INCIDENT_DETAIL = INCIDENT.extend({
  relatedAlerts: z
    .array(ALERT)
    .optional()
    .describe(
      "Alertmanager's own alerts that touch its scope at about its time, at most twenty; absent: none",
    ),
});

const EVENT = z
  .looseObject({ seq: z.int(), at: z.iso.datetime(), kind: z.enum(EVENT_KINDS) })
  .describe('an event; what else it holds depends on its kind');

const SINCE = z.coerce.number().int().min(0).describe("an event's number: 0, or the seq of an event seen");

export function eventRoutes(context: AppContext, related: RelatedAlerts): readonly Route[] {
  return [...incidentRoutes(context, related), eventListRoute(context), eventStreamRoute(context)];
}

function incidentRoutes({ openIncidents, journal }: AppContext, related: RelatedAlerts): readonly Route[] {
  const readResolved = makeIncidentHistory(journal);
  return [
    defineRoute({
      method: 'get',
      path: '/api/v1/incidents',
      access: 'viewer',
      summary: 'Incidents, newest first; open ones as they stand now',
      query: z.strictObject({
        state: z.enum(['open', 'resolved', 'all']).default('open').describe('one of open, resolved, all'),
        limit: LIMIT,
        after: z
          .string()
          .regex(/^\d+~./)
          .optional()
          .describe('the next of the page before'),
      }),
      answers: {
        200: {
          description: 'A page of incidents; of resolved ones the latest thousand are kept at hand',
          body: z.strictObject({ incidents: z.array(INCIDENT), next: z.string().nullable() }),
        },
      },
      async answer({ response }, { state, limit, after }) {
        const resolved = state === 'open' ? [] : (await readResolved()).values();
        const open = state === 'resolved' ? [] : openIncidents();
        const all = [...open, ...resolved].sort(newestFirst);
        const rest = after === undefined ? all : all.filter((incident) => isAfter(incident, after));
        const page = rest.slice(0, limit);
        const last = page.at(-1);
        response.json({
          incidents: page.map(toBody),
          next: rest.length > limit && last !== undefined ? `${last.openedAtMs}~${last.id}` : null,
        });
      },
    }),
    defineRoute({
      method: 'get',
      path: '/api/v1/incidents/:id',
      access: 'viewer',
      summary: 'One incident: open, as it stands now, or lately resolved',
      query: NO_QUERY,
      answers: { 200: { description: 'The incident', body: INCIDENT_DETAIL } },
      async answer(exchange) {
        const id = toIncidentId(idOf(exchange));
        const incident = openIncidents().find((open) => open.id === id) ?? (await readResolved()).get(id);
        if (incident === undefined) {
          throw new HttpProblem('not-found', `There is no incident "${id}" among the open and the latest.`);
        }
        const alerts = related.relatedTo(incident);
        exchange.response.json({
          ...toBody(incident),
          ...(alerts.length === 0 ? {} : { relatedAlerts: alerts }),
        });
      },
    }),
  ];
}

function eventListRoute({ journal }: AppContext): Route {
  return defineRoute({
    method: 'get',
    path: '/api/v1/events',
    access: 'viewer',
    summary: 'Events from the journal, oldest first',
    query: z.strictObject({ since: SINCE.default(0), limit: LIMIT }),
    answers: {
      200: {
        description: 'Events after since; next is the since of the next request, also when there is none yet',
        body: z.strictObject({
          events: z.array(EVENT),
          next: z.int(),
          gap: z
            .strictObject({ since: z.int(), firstSeq: z.int() })
            .optional()
            .describe('the events after since up to firstSeq are no longer kept'),
        }),
      },
    },
    answer({ response }, { since, limit }) {
      const { firstSeq, lastSeq } = journal;
      if (since > lastSeq) {
        const message = `The query parameter since is ${since}, but the newest event is ${lastSeq}: was it given by another monitor?`;
        throw new HttpProblem('bad-query', message, { field: 'since' });
      }
      const events = journal.read(since, limit).map(toWire);
      const isGap = since > 0 && since + 1 < firstSeq;
      response.json({
        events,
        next: events.at(-1)?.seq ?? since,
        ...(isGap ? { gap: { since, firstSeq } } : {}),
      });
    },
  });
}

function eventStreamRoute({ streamEvents }: AppContext): Route {
  return defineRoute({
    method: 'get',
    path: '/api/v1/events/stream',
    access: 'viewer',
    summary:
      'Events as they happen, as server-sent events; Last-Event-ID or since continues where a client was',
    query: z.strictObject({
      since: SINCE.optional(),
      chain: z.string().optional().describe('the name of a chain'),
      region: z.string().optional().describe('the name of a region'),
      store: z.string().optional().describe('the id of a store'),
      kinds: z
        .string()
        .refine((text) => text.split(',').every((kind) => EVENT_KINDS.some((known) => known === kind)))
        .optional()
        .describe(`some of ${EVENT_KINDS.join(', ')}, with commas between`),
      minSeverity: z
        .enum(SEVERITIES)
        .optional()
        .describe(`one of ${SEVERITIES.join(', ')}`),
    }),
    answers: { 200: { description: 'The stream', body: { contentType: 'text/event-stream' } } },
    answer({ request, response }) {
      if (request.method === 'HEAD') response.type('text/event-stream').end();
      else streamEvents(request, response);
    },
  });
}

function toBody(incident: Incident): Record<string, unknown> {
  return stampsToIso({ ...incident });
}

function newestFirst(a: Incident, b: Incident): number {
  return b.openedAtMs - a.openedAtMs || (a.id < b.id ? -1 : 1);
}

/** Whether `incident` comes after the one that `cursor` names, which may be gone by now. */
function isAfter(incident: Incident, cursor: string): boolean {
  const [openedAtMs = '', ...id] = cursor.split('~');
  const difference = Number(openedAtMs) - incident.openedAtMs;
  return difference > 0 || (difference === 0 && incident.id > id.join('~'));
}
