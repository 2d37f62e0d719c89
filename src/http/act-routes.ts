import { z } from 'zod';
import { type Acknowledgement, type Incident, METHOD_STATES, type MethodState } from '../core/events.ts';
import { STATES } from '../core/health.ts';
import type { Estate, Target } from '../estate/estate.ts';
import { toIncidentId, toStoreId, toTargetId } from '../estate/ids.ts';
import { stampsToIso } from '../feed/protocol.ts';
import { suggest } from '../lib/suggest.ts';
import { actorOf, BY, COMMENT, layDown, MINUTES, readEnd, REMARK, TIME } from './act-parts.ts';
import type { Acts, AppContext } from './app-context.ts';
import { HttpProblem } from './http-problem.ts';
import { quietRoutes } from './quiet-routes.ts';
import { defineRoute, idOf, NO_QUERY, readBody, type Route } from './route.ts';

const ACKNOWLEDGE = z.strictObject({
  comment: COMMENT,
  by: BY,
  expiresAt: TIME,
  forMinutes: MINUTES,
  sticky: z.boolean().default(false).describe('true or false: whether it holds though the incident grows'),
});
const ACKNOWLEDGED = z.strictObject({
  incident: z.string(),
  acknowledgement: z.strictObject({
    by: z.string(),
    comment: z.string(),
    at: z.iso.datetime(),
    expiresAt: z.iso.datetime().optional(),
    sticky: z.boolean(),
  }),
});

const REPORT = z.strictObject({
  method: z.string().describe('the name of a payment method, such as card'),
  says: z.enum(['works', 'fails']).describe('works or fails'),
  comment: REMARK,
  by: BY,
});
const REPORTED = z.strictObject({
  store: z.string(),
  method: z.string(),
  says: z.enum(['works', 'fails']),
  by: z.string(),
  comment: z.string(),
  probesSay: z.enum(METHOD_STATES),
  disagrees: z.boolean().describe('the probes say otherwise'),
});

/** The one rule that keeps nothing back. */
const ANNOUNCED = 'announced';

const WHY = z.strictObject({
  target: z.string(),
  state: z.enum(STATES),
  announced: z.boolean().describe('its failure is announced, under its own name'),
  rule: z.string().optional().describe(`what keeps it from being announced, or ${ANNOUNCED}`),
  why: z.string(),
});

/** What people do about what is announced, and ask of it. */
export function actRoutes(context: AppContext, acts: Acts): readonly Route[] {
  return [
    ...acknowledgementRoutes(context, acts),
    ...quietRoutes(context, acts),
    reportRoute(context, acts),
    whyRoute(context, acts),
  ];
}

function acknowledgementRoutes(context: AppContext, acts: Acts): readonly Route[] {
  const { board, clock, settings } = context;
  const path = '/api/v1/incidents/:id/acknowledge';
  const answers = { 200: { description: 'Laid down', body: ACKNOWLEDGED } };
  const findOpen = (id: string): Incident => {
    const incident = board.openIncident(toIncidentId(id));
    if (incident !== undefined) return incident;
    throw new HttpProblem('not-found', `There is no open incident "${id}".`);
  };
  const lay = (incident: Incident, acknowledgement: Acknowledgement, isWithdrawn: boolean): Promise<void> =>
    layDown(context, acts, {
      atMs: clock.nowMs(),
      kind: 'incident-acknowledged',
      incident,
      acknowledgement,
      isWithdrawn,
      ...placeOf(incident, settings().estate),
    });
  return [
    defineRoute({
      method: 'post',
      path,
      access: 'operator',
      summary:
        'Takes an incident on: it is announced no more until it ends, this expires or, unless sticky, it grows more severe',
      query: NO_QUERY,
      body: ACKNOWLEDGE,
      answers,
      async answer(exchange) {
        const incident = findOpen(idOf(exchange));
        const { comment, by, expiresAt, forMinutes, sticky } = readBody(ACKNOWLEDGE, exchange);
        const atMs = clock.nowMs();
        const end = { text: expiresAt, minutes: forMinutes };
        const expiresAtMs = readEnd('expiresAt', end, atMs, atMs);
        const acknowledgement = {
          by: actorOf(exchange, by),
          comment,
          atMs,
          ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
          sticky,
        };
        await lay({ ...incident, acknowledgement }, acknowledgement, false);
        exchange.response.json(toBody(incident, acknowledgement));
      },
    }),
    defineRoute({
      method: 'delete',
      path,
      access: 'operator',
      summary: 'Lets an incident go again that was taken on',
      query: NO_QUERY,
      answers,
      async answer(exchange) {
        const { acknowledgement, ...incident } = findOpen(idOf(exchange));
        if (acknowledgement === undefined) {
          throw new HttpProblem('not-found', `Incident "${incident.id}" is not acknowledged.`);
        }
        const withdrawn = { ...acknowledgement, by: actorOf(exchange, undefined), atMs: clock.nowMs() };
        await lay(incident, withdrawn, true);
        exchange.response.json(toBody(incident, withdrawn));
      },
    }),
  ];
}

function reportRoute(context: AppContext, acts: Acts): Route {
  const { clock, settings } = context;
  return defineRoute({
    method: 'post',
    path: '/api/v1/stores/:id/reports',
    access: 'viewer',
    summary: 'What somebody in the store says of a way to pay; kept beside what the probes say',
    query: NO_QUERY,
    body: REPORT,
    answers: { 200: { description: 'Laid down', body: REPORTED } },
    async answer(exchange) {
      const id = idOf(exchange);
      const store = settings().estate.stores.get(toStoreId(id));
      if (store === undefined) throw new HttpProblem('not-found', `There is no store "${id}".`);
      const { method, says, comment, by } = readBody(REPORT, exchange);
      checkMethod(
        method,
        settings().methods.map(({ name }) => name),
      );
      const probesSay = acts.methodState(store.id, method);
      const report = {
        store: store.id,
        method,
        says,
        by: actorOf(exchange, by),
        comment,
        probesSay,
        disagrees: isContradicted(says, probesSay),
      };
      const { chain, region } = store;
      await layDown(context, acts, {
        atMs: clock.nowMs(),
        kind: 'human-report',
        ...report,
        ...(chain === undefined ? {} : { chain }),
        ...(region === undefined ? {} : { region }),
      });
      exchange.response.json(report);
    },
  });
}

function whyRoute({ board, settings }: AppContext, acts: Acts): Route {
  return defineRoute({
    method: 'get',
    path: '/api/v1/why',
    access: 'viewer',
    summary: 'Whether the failure of a target is announced, and if not, what keeps it from that',
    query: z.strictObject({ target: z.string().describe('the id of a target') }),
    answers: { 200: { description: 'The answer', body: WHY } },
    answer({ response }, { target }) {
      const id = toTargetId(target);
      if (!settings().estate.targets.has(id)) {
        throw new HttpProblem('not-found', `There is no target "${target}".`, { field: 'target' });
      }
      const state = board.statusOf(id)?.state ?? 'unknown';
      const held = acts.why(id);
      const why =
        state === 'down'
          ? 'It is down, and nothing keeps that from being announced.'
          : `It is ${state === 'unknown' ? 'not known to be down' : state}: there is no failure to announce.`;
      const announced = held === undefined ? state === 'down' : held.rule === ANNOUNCED;
      response.json({ target, state, announced, why, ...held });
    },
  });
}

function checkMethod(method: string, known: readonly string[]): void {
  if (known.includes(method)) return;
  const near = suggest(method, known);
  const advice = near === undefined ? `it must be one of ${known.join(', ')}` : `did you mean ${near}?`;
  const message = `The field method is "${method}"; ${advice}${near === undefined ? '.' : ''}`;
  throw new HttpProblem('bad-request', message, { field: 'method' });
}

/** What works but not as it should contradicts nobody. */
function isContradicted(says: 'works' | 'fails', probesSay: MethodState): boolean {
  return says === 'works' ? probesSay === 'down' : probesSay === 'available';
}

function toBody({ id }: Incident, acknowledgement: Acknowledgement): Record<string, unknown> {
  const { atMs, ...rest } = acknowledgement;
  return { incident: id, acknowledgement: { ...stampsToIso(rest), at: new Date(atMs).toISOString() } };
}

/** Where an incident is, as far as every explanation of it agrees: feed clients filter by it. */
function placeOf({ scope }: Incident, estate: Estate): Pick<Target, 'store'> & Place {
  const places = scope.map((labels) => {
    const target = estate.targets.get(toTargetId(labels['target'] ?? ''));
    const storeId = target?.store ?? (labels['store'] === undefined ? undefined : toStoreId(labels['store']));
    const store = storeId === undefined ? undefined : estate.stores.get(storeId);
    const inside = { ...store?.labels, ...target?.labels, ...labels };
    return {
      store: storeId,
      chain: inside['chain'] ?? store?.chain,
      region: inside['region'] ?? store?.region,
    };
  });
  const shared = <Name extends 'store' | 'chain' | 'region'>(name: Name) => {
    const [value, ...others] = new Set(places.map((place) => place[name]));
    return others.length === 0 && value !== undefined ? { [name]: value } : {};
  };
  return { ...shared('store'), ...shared('chain'), ...shared('region') };
}

interface Place {
  readonly chain?: string;
  readonly region?: string;
}
