import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Maintenance, Silence } from '../core/events.ts';
import type { Target } from '../estate/estate.ts';
import { matchesTarget, parseSelector } from '../estate/selector.ts';
import { stampsToIso } from '../feed/protocol.ts';
import { actorOf, BY, COMMENT, layDown, MINUTES, readEnd, readTime, TIME } from './act-parts.ts';
import type { Acts, AppContext } from './app-context.ts';
import { HttpProblem } from './http-problem.ts';
import { defineRoute, type Exchange, idOf, NO_QUERY, readBody, type Route } from './route.ts';

const SPAN = z.strictObject({
  selector: z.string().describe('a selector such as chain=Solhaga, region=Skåne|Halland'),
  comment: COMMENT,
  by: BY,
  startsAt: TIME,
  endsAt: TIME,
  forMinutes: MINUTES,
});
const PLAN = SPAN.extend({ flexibleMinutes: MINUTES });

const SILENCE = z.strictObject({
  id: z.string(),
  state: z.enum(['pending', 'active']),
  selector: z.string(),
  startsAt: z.iso.datetime(),
  endsAt: z.iso.datetime(),
  by: z.string(),
  comment: z.string(),
  targets: z.int().describe('how many targets the selector names now'),
});
export const MAINTENANCE = SILENCE.extend({
  state: z.enum(['planned', 'started']),
  flexibleMinutes: z
    .number()
    .optional()
    .describe('it begins at the first failure between startsAt and endsAt and lasts so long'),
});

/** Silences and maintenances: listing them, beginning and ending them. */
export function quietRoutes(context: AppContext, acts: Acts): readonly Route[] {
  return [...silenceRoutes(context, acts), ...maintenanceRoutes(context, acts)];
}

function silenceRoutes(context: AppContext, acts: Acts): readonly Route[] {
  const { clock } = context;
  const toBody = (silence: Silence) => ({
    ...bodyOf(context, silence),
    state: clock.nowMs() < silence.startsAtMs ? 'pending' : 'active',
  });
  const current = (): readonly Silence[] =>
    Array.from(acts.quiet.silences()).filter(({ endsAtMs }) => endsAtMs > clock.nowMs());
  return [
    defineRoute({
      method: 'get',
      path: '/api/v1/silences',
      access: 'viewer',
      summary: 'Silences that hold or will',
      query: NO_QUERY,
      answers: {
        200: { description: 'All of them', body: z.strictObject({ silences: z.array(SILENCE) }) },
      },
      answer({ response }) {
        response.json({ silences: current().map(toBody) });
      },
    }),
    defineRoute({
      method: 'post',
      path: '/api/v1/silences',
      access: 'operator',
      summary: 'Announces nothing of what a selector names for a time; it is still probed and shown',
      query: NO_QUERY,
      body: SPAN,
      answers: { 201: { description: 'The silence', body: SILENCE } },
      async answer(exchange) {
        const silence = { id: makeId('silence'), ...readSpan(context, exchange, readBody(SPAN, exchange)) };
        await layDown(context, acts, { atMs: clock.nowMs(), kind: 'silence-started', silence });
        exchange.response.status(201).json(toBody(silence));
      },
    }),
    defineRoute({
      method: 'delete',
      path: '/api/v1/silences/:id',
      access: 'operator',
      summary: 'Ends a silence before its time',
      query: NO_QUERY,
      answers: { 200: { description: 'As it was', body: SILENCE } },
      async answer(exchange) {
        const endedBy = actorOf(exchange, undefined);
        const id = idOf(exchange);
        const silence = current().find((one) => one.id === id);
        if (silence === undefined) throw new HttpProblem('not-found', `There is no silence "${id}".`);
        const body = toBody(silence);
        await layDown(context, acts, { atMs: clock.nowMs(), kind: 'silence-ended', silence, endedBy });
        exchange.response.json(body);
      },
    }),
  ];
}

function maintenanceRoutes(context: AppContext, acts: Acts): readonly Route[] {
  const { clock } = context;
  return [
    defineRoute({
      method: 'get',
      path: '/api/v1/maintenances',
      access: 'viewer',
      summary:
        'Maintenances that run or are planned; of those that recur the one that runs and the next within a week',
      query: NO_QUERY,
      answers: {
        200: { description: 'All of them', body: z.strictObject({ maintenances: z.array(MAINTENANCE) }) },
      },
      answer({ response }) {
        response.json({
          maintenances: maintenancesNow(context, acts).map((one) => maintenanceBody(context, one)),
        });
      },
    }),
    defineRoute({
      method: 'post',
      path: '/api/v1/maintenances',
      access: 'operator',
      summary: 'Names a time in which failures of what a selector names are expected',
      query: NO_QUERY,
      body: PLAN,
      answers: { 201: { description: 'The maintenance', body: MAINTENANCE } },
      async answer(exchange) {
        const { flexibleMinutes, ...rest } = readBody(PLAN, exchange);
        const span = readSpan(context, exchange, rest);
        // After it: a span without a start begins now, and time passes while it is read.
        const nowMs = clock.nowMs();
        const flexible =
          flexibleMinutes === undefined ? {} : { flexibleMs: Math.ceil(flexibleMinutes * 60_000) };
        const maintenance: Maintenance = { id: makeId('maintenance'), ...span, ...flexible };
        const isStarted = flexibleMinutes === undefined && span.startsAtMs <= nowMs;
        const kind = isStarted ? 'maintenance-started' : 'maintenance-planned';
        await layDown(context, acts, { atMs: nowMs, kind, maintenance });
        exchange.response.status(201).json(maintenanceBody(context, { maintenance, isStarted }));
      },
    }),
    defineRoute({
      method: 'delete',
      path: '/api/v1/maintenances/:id',
      access: 'operator',
      summary: 'Ends a maintenance before its time, or calls it off',
      query: NO_QUERY,
      answers: { 200: { description: 'As it was', body: MAINTENANCE } },
      async answer(exchange) {
        const endedBy = actorOf(exchange, undefined);
        const id = idOf(exchange);
        const open = maintenancesNow(context, acts).find(({ maintenance }) => maintenance.id === id);
        if (open === undefined) throw new HttpProblem('not-found', `There is no maintenance "${id}".`);
        const { maintenance } = open;
        await layDown(context, acts, {
          atMs: clock.nowMs(),
          kind: 'maintenance-ended',
          maintenance,
          endedBy,
        });
        exchange.response.json(maintenanceBody(context, open));
      },
    }),
  ];
}

interface ListedMaintenance {
  readonly maintenance: Maintenance;
  readonly isStarted: boolean;
}

function maintenancesNow({ clock }: AppContext, acts: Acts): readonly ListedMaintenance[] {
  const nowMs = clock.nowMs();
  const announced = Array.from(acts.quiet.maintenances());
  return [
    ...announced.filter(({ maintenance }) => maintenance.endsAtMs > nowMs),
    ...acts.comingMaintenances().map((maintenance) => ({ maintenance, isStarted: false })),
  ];
}

function maintenanceBody(context: AppContext, { maintenance, isStarted }: ListedMaintenance) {
  const { flexibleMs } = maintenance;
  return {
    ...bodyOf(context, maintenance),
    state: isStarted ? 'started' : 'planned',
    ...(flexibleMs === undefined ? {} : { flexibleMinutes: flexibleMs / 60_000 }),
  };
}

/** As `MAINTENANCE`: those that run or are planned of one of `targets`. */
export function maintenanceBodiesOf(context: AppContext, targets: readonly Target[]) {
  const { acts } = context;
  if (acts === undefined) return [];
  const isOfThem = ({ maintenance }: ListedMaintenance): boolean => {
    const selector = parseSelector(maintenance.selector);
    return selector.ok && targets.some((target) => matchesTarget(target, selector.value));
  };
  return maintenancesNow(context, acts)
    .filter(isOfThem)
    .map((one) => maintenanceBody(context, one));
}

function readSpan(
  context: AppContext,
  exchange: Exchange,
  given: z.output<typeof SPAN>,
): Omit<Silence, 'id'> {
  const { selector, comment, by, startsAt, endsAt, forMinutes } = given;
  checkSelector(context, selector);
  const nowMs = context.clock.nowMs();
  const startsAtMs = startsAt === undefined ? nowMs : Date.parse(startsAt);
  const endsAtMs = readEnd('endsAt', { text: endsAt, minutes: forMinutes }, startsAtMs, nowMs);
  if (endsAtMs === undefined) {
    const message = 'The field endsAt is missing: give it, or forMinutes.';
    throw new HttpProblem('bad-request', message, { field: 'endsAt' });
  }
  if (endsAtMs <= nowMs) readTime('startsAt', startsAt ?? '', nowMs);
  return { selector, startsAtMs, endsAtMs, by: actorOf(exchange, by), comment };
}

/** One that names nothing is a slip of the pen: it would hold nothing, and be found out when it is too late. */
function checkSelector(context: AppContext, text: string): void {
  const parsed = parseSelector(text);
  if (!parsed.ok) throw new HttpProblem('bad-request', `${parsed.error}.`, { field: 'selector' });
  if (countTargets(context, text) > 0) return;
  const message =
    `The selector ${text} names none of the ${context.settings().estate.targets.size} targets; ` +
    '/api/v1/targets shows them with their labels.';
  throw new HttpProblem('bad-request', message, { field: 'selector' });
}

function countTargets({ settings }: AppContext, text: string): number {
  const selector = parseSelector(text);
  if (!selector.ok) return 0;
  let count = 0;
  for (const target of settings().estate.targets.values()) {
    if (matchesTarget(target, selector.value)) count++;
  }
  return count;
}

function bodyOf(context: AppContext, { id, selector, by, comment, ...span }: Silence) {
  const { startsAtMs, endsAtMs } = span;
  const times = stampsToIso({ startsAtMs, endsAtMs });
  return { id, selector, ...times, by, comment, targets: countTargets(context, selector) };
}

/** Short enough to be typed. */
function makeId(kind: 'silence' | 'maintenance'): string {
  return `${kind}-${randomUUID().slice(0, 8)}`;
}
