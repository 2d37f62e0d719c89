import { z } from 'zod';
import type { Incident } from '../core/events.ts';
import { ForeignAlerts, type HeardAlert } from '../core/foreign-alerts.ts';
import { touchesScope } from '../core/scope-labels.ts';
import type { Estate, Labels } from '../estate/estate.ts';
import { readAlert, WEBHOOK } from './alert-payload.ts';
import type { AppContext } from './app-context.ts';
import { HttpProblem } from './http-problem.ts';
import { defineRoute, LIMIT, NO_QUERY, readJson, type Route } from './route.ts';

/** A group of every store's alerts is a large body. Unit: bytes. */
const LARGEST_PAYLOAD = 8 * 1024 * 1024;
/** An alert that ended so long before an incident began, or began so long after its end, is not of it. Unit: ms. */
const NEAR_MS = 15 * 60_000;
const MOST_RELATED = 20;

export const ALERT = z.strictObject({
  fingerprint: z.string().describe('of its labels, as Alertmanager makes it'),
  status: z.enum(['firing', 'resolved']),
  labels: z.record(z.string(), z.string()),
  annotations: z.record(z.string(), z.string()),
  startsAt: z.iso.datetime(),
  endsAt: z.iso.datetime().nullable().describe('null: it fires'),
  heardAt: z.iso.datetime().describe('when Alertmanager last told of it'),
  generatorUrl: z.string().optional().describe('where its rule can be seen'),
  from: z.string().optional().describe('the Alertmanager that told of it'),
});

const TAKEN = z.strictObject({
  accepted: z.int().describe('alerts that said something new'),
  repeated: z.int().describe('alerts that said what was known'),
  own: z.int().describe('alerts of Kassavakt, which are passed over'),
  unreadable: z.int().describe('alerts that do not read'),
});

/** The alerts of others, and the routes by which they come in and can be seen. */
export interface RelatedAlerts {
  readonly routes: readonly Route[];
  /** Those that touch an incident's scope at about its time, those that fire first. */
  relatedTo(incident: Incident): readonly z.output<typeof ALERT>[];
}

/**
 * Takes in what Alertmanager tells of others' rules: evidence beside our own, kept in memory and shown. It never changes
 * what we say of a target, and it is not journalled: it is neither seen by us nor done by somebody, and Alertmanager repeats it.
 */
export function relatedAlerts({ clock, log, settings }: AppContext): RelatedAlerts {
  const alerts = new ForeignAlerts();
  const routes = [
    defineRoute({
      method: 'post',
      path: '/api/v1/alertmanager',
      access: 'operator',
      summary:
        "Takes Alertmanager's own alerts in, as its webhook sends them; they are shown beside incidents",
      query: NO_QUERY,
      body: WEBHOOK,
      maxBodyBytes: LARGEST_PAYLOAD,
      answers: { 200: { description: 'What was taken', body: TAKEN } },
      answer(exchange) {
        const payload = WEBHOOK.safeParse(readJson(exchange));
        if (!payload.success) {
          throw new HttpProblem(
            'bad-request',
            'The request body must be what a webhook of Alertmanager sends: a JSON object with alerts.',
            { field: 'alerts' },
          );
        }
        const { receiver, groupKey, externalURL, alerts: given } = payload.data;
        const taken = { accepted: 0, repeated: 0, own: 0, unreadable: 0 };
        for (const each of given) {
          const alert = readAlert(each, externalURL, clock.nowMs());
          if (alert === undefined) taken.unreadable++;
          else if (alert === 'own') taken.own++;
          else if (alerts.hear(alert, clock.nowMs())) taken.accepted++;
          else taken.repeated++;
        }
        log.info({ event: 'alerts.heard', receiver, groupKey, ...taken }, 'alerts came from Alertmanager');
        exchange.response.json(taken);
      },
    }),
    defineRoute({
      method: 'get',
      path: '/api/v1/alerts',
      access: 'viewer',
      summary: "Alertmanager's own alerts that came in, those that fire first; the latest thousand are kept",
      query: z.strictObject({
        status: z.enum(['firing', 'resolved', 'all']).default('all').describe('one of firing, resolved, all'),
        limit: LIMIT,
        after: z.string().optional().describe('the next of the page before'),
      }),
      answers: {
        200: {
          description: 'A page of alerts',
          body: z.strictObject({ alerts: z.array(ALERT), next: z.string().nullable() }),
        },
      },
      answer({ response }, { status, limit, after }) {
        const wanted = alerts
          .all(clock.nowMs())
          .map(toBody)
          .filter((alert) => status === 'all' || alert.status === status);
        const from = wanted.findIndex(({ fingerprint }) => fingerprint === after) + 1;
        const page = wanted.slice(from, from + limit);
        const hasMore = from + limit < wanted.length;
        response.json({ alerts: page, next: hasMore ? (page.at(-1)?.fingerprint ?? null) : null });
      },
    }),
  ];
  return {
    routes,
    relatedTo({ scope, openedAtMs, resolvedAtMs }) {
      const nowMs = clock.nowMs();
      const { estate } = settings();
      const isNear = ({ startsAtMs, endsAtMs }: HeardAlert): boolean =>
        startsAtMs <= (resolvedAtMs ?? nowMs) + NEAR_MS && (endsAtMs ?? nowMs) >= openedAtMs - NEAR_MS;
      return alerts
        .all(nowMs)
        .filter((alert) => isNear(alert) && touchesScope(aboutOf(alert.labels, estate), scope, estate))
        .slice(0, MOST_RELATED)
        .map(toBody);
    },
  };
}

/** A rule over probes names what it is about as `instance`: the address or id of one of our targets, perhaps. */
function aboutOf(labels: Labels, estate: Estate): Labels {
  const { instance } = labels;
  if (labels['target'] !== undefined || instance === undefined) return labels;
  const target = targetsByAddress(estate).get(instance);
  return target === undefined ? labels : { ...labels, target };
}

const byAddress = new WeakMap<Estate, ReadonlyMap<string, string>>();

/** Ids of targets by address and by id; of several with one address none. */
function targetsByAddress(estate: Estate): ReadonlyMap<string, string> {
  const known = byAddress.get(estate);
  if (known !== undefined) return known;
  const ids = new Map<string, string>();
  const shared = new Set<string>();
  for (const { id, address } of estate.targets.values()) {
    if (ids.has(address)) shared.add(address);
    ids.set(address, id);
  }
  for (const address of shared) ids.delete(address);
  for (const id of estate.targets.keys()) ids.set(id, id);
  byAddress.set(estate, ids);
  return ids;
}

function toBody(alert: HeardAlert): z.output<typeof ALERT> {
  const { startsAtMs, endsAtMs, heardAtMs, ...rest } = alert;
  return {
    ...rest,
    status: endsAtMs === undefined ? 'firing' : 'resolved',
    startsAt: new Date(startsAtMs).toISOString(),
    endsAt: endsAtMs === undefined ? null : new Date(endsAtMs).toISOString(),
    heardAt: new Date(heardAtMs).toISOString(),
  };
}
