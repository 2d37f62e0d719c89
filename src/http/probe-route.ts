import { stringify } from 'yaml';
import { z } from 'zod';
import type { ProbeReport } from '../core/outcome.ts';
import type { Estate, Target } from '../estate/estate.ts';
import { toTargetId } from '../estate/ids.ts';
import { suggest } from '../lib/suggest.ts';
import { TEXT_FORMAT } from '../metrics/exposition-text.ts';
import { renderProbe } from '../metrics/probe-exposition.ts';
import type { Module, Settings } from '../settings/settings.ts';
import type { AppContext } from './app-context.ts';
import { includesRole } from './auth.ts';
import { HttpProblem } from './http-problem.ts';
import { describeModule } from './module-description.ts';
import { defineRoute, type Exchange, type Route } from './route.ts';
import { makePlaces } from './stream-text.ts';

/** As blackbox_exporter has it: the module when none is named, and what a scrape keeps for the way back. */
const DEFAULT_MODULE = 'http_2xx';
const SCRAPE_MARGIN_MS = 500;
const SCRAPE_TIMEOUT_HEADER = 'x-prometheus-scrape-timeout-seconds';

/** Probes on demand at once, beside the scheduled ones. */
const MAX_PROBES = 32;

const QUERY = z.strictObject({
  target: z.string().describe('the id of a target, or an address'),
  module: z.string().optional().describe('the name of a module'),
  hostname: z
    .string()
    .regex(/^[\w.:[\]-]{1,260}$/)
    .optional()
    .describe('a host name, for the Host header and TLS'),
  debug: z.enum(['true', 'false']).default('false').describe('true or false'),
});
type Query = z.output<typeof QUERY>;

/** What is to be probed, and which configured target that is, if any. */
interface Plan {
  readonly module: Module;
  readonly address: string;
  readonly configured: Target | undefined;
}

/** One probe on demand, as blackbox_exporter's `/probe`. */
export function probeRoute(context: AppContext): Route {
  const enter = makePlaces(MAX_PROBES, `${MAX_PROBES} probes on demand are under way already.`);
  return defineRoute({
    method: 'get',
    path: '/probe',
    access: 'viewer',
    summary:
      'One probe now, as series for Prometheus or, with debug=true, explained. Takes the role operator; where no ' +
      'token is configured, configured targets may be probed with their own module',
    query: QUERY,
    answers: {
      200: {
        description: 'What the probe saw, a failure included; 503 when it came to no verdict',
        body: { contentType: TEXT_FORMAT.contentType },
      },
    },
    async answer(exchange, query) {
      const plan = planProbe(context.settings(), query);
      checkMayProbe(exchange, plan, query);
      checkAddress(context, plan);
      const timeoutMs = timeoutOf(plan.module, exchange.request.headers[SCRAPE_TIMEOUT_HEADER]);
      using _place = enter();
      const report = await runPlan(context, plan, query, timeoutMs, exchange.signal);
      if (report === undefined) return;
      const { response } = exchange;
      if (query.debug === 'true') {
        response.type('text/plain').send(explain(plan.module, report, timeoutMs));
        return;
      }
      if (report.outcome.kind === 'inconclusive') {
        throw new HttpProblem('inconclusive', report.outcome.message);
      }
      response.setHeader('Content-Type', TEXT_FORMAT.contentType);
      response.send(renderProbe(report, timeoutMs));
    },
  });
}

function planProbe({ estate, modules }: Settings, query: Query): Plan {
  const named = estate.targets.get(toTargetId(query.target));
  const moduleName = query.module ?? named?.module ?? DEFAULT_MODULE;
  const module = modules.get(moduleName);
  if (module === undefined) {
    const near = suggest(moduleName, modules.keys());
    const known = `known modules: ${Array.from(modules.keys()).join(', ')}`;
    const message =
      query.module === undefined
        ? `No module is named and there is no ${DEFAULT_MODULE}; ${known}.`
        : `There is no module "${moduleName}"; ${near === undefined ? known : `did you mean ${near}?`}`;
    throw new HttpProblem('bad-query', message, { field: 'module' });
  }
  if (named !== undefined) return { module, address: named.address, configured: named };
  const configured = byPlace(estate).get(placeKey(moduleName, query.target));
  return { module, address: query.target, configured };
}

/**
 * A probe sends packets wherever it is told, so it takes an operator. Where no token is configured, nobody is one;
 * callers on this machine may then have done what the schedule does anyhow. A page of another site may not make
 * a browser on this machine ask for it.
 */
function checkMayProbe({ caller, request }: Exchange, plan: Plan, query: Query): void {
  if (includesRole(caller.role, 'operator')) return;
  if (!caller.isUnnamed) {
    throw new HttpProblem('forbidden', 'A probe on demand takes a bearer token with the role operator.');
  }
  const isOwnWish = request.headers['sec-fetch-site'] !== 'cross-site';
  const isAsScheduled = plan.configured?.module === plan.module.name && query.hostname === undefined;
  if (isOwnWish && isAsScheduled) return;
  throw new HttpProblem(
    'forbidden',
    'No token is configured, so only configured targets may be probed, with their own module. To probe other ' +
      'addresses, configure a token with the role operator under auth.tokens.',
  );
}

function checkAddress({ probers }: AppContext, { module, address }: Plan): void {
  const prober = probers.get(module.prober);
  if (prober === undefined) throw new Error(`module ${module.name} names a prober that is not registered`);
  const readable = prober.parseAddress(address);
  if (readable.ok) return;
  const message = `The target "${address}" is no address for module ${module.name}: ${readable.error}`;
  throw new HttpProblem('bad-query', message, { field: 'target' });
}

/** The module's time-out, or what the scraper leaves if that is less. Unit: ms. */
function timeoutOf({ timeoutMs }: Module, header: string | readonly string[] | undefined): number {
  if (header === undefined) return timeoutMs;
  const seconds = Number(header);
  if (!Number.isFinite(seconds) || seconds <= 0) {
    const message = `The header X-Prometheus-Scrape-Timeout-Seconds is "${String(header)}"; it must be a number above 0.`;
    throw new HttpProblem('bad-request', message, { field: SCRAPE_TIMEOUT_HEADER });
  }
  const leftMs = seconds * 1_000 - SCRAPE_MARGIN_MS;
  return leftMs > 0 ? Math.min(timeoutMs, leftMs) : timeoutMs;
}

/** The report; undefined when the client left before there was one. */
async function runPlan(
  { probe, clock }: AppContext,
  { module, address, configured }: Plan,
  { hostname }: Query,
  timeoutMs: number,
  gone: AbortSignal,
): Promise<ProbeReport | undefined> {
  const timeout = new AbortController();
  using _deadline = clock.after(timeoutMs, () =>
    timeout.abort(new DOMException('the probe took too long', 'TimeoutError')),
  );
  const request = {
    targetId: configured?.id ?? `on demand: ${address}`,
    address,
    ...(hostname === undefined ? {} : { hostname }),
  };
  try {
    const report = await probe(module.name, request, AbortSignal.any([gone, timeout.signal]));
    if (report !== undefined) return report;
  } catch (error) {
    if (gone.aborted) return undefined;
    throw error;
  }
  throw new HttpProblem('busy', `Module ${module.name} is not open at present.`, { retryAfterSeconds: 1 });
}

function explain(module: Module, report: ProbeReport, timeoutMs: number): string {
  const { outcome } = report;
  const reason = 'reason' in outcome ? ` (${outcome.reason})` : '';
  const phases = report.phases.map(({ name, durationMs }) => `${name}: ${durationMs.toFixed(1)} ms`);
  return [
    'Logs for the probe:',
    ...report.trail,
    ...phases,
    `${outcome.kind}${reason}: ${outcome.message}`,
    '',
    '',
    '',
    'Metrics that would have been returned:',
    outcome.kind === 'inconclusive' ? 'none: the probe came to no verdict\n' : renderProbe(report, timeoutMs),
    '',
    '',
    'Module configuration:',
    stringify(describeModule(module)),
  ].join('\n');
}

const BY_PLACE = new WeakMap<Estate, ReadonlyMap<string, Target>>();

/** Targets by module and address, made at the first need for each estate. */
function byPlace(estate: Estate): ReadonlyMap<string, Target> {
  let places = BY_PLACE.get(estate);
  if (places === undefined) {
    places = new Map(
      Array.from(estate.targets.values(), (target) => [placeKey(target.module, target.address), target]),
    );
    BY_PLACE.set(estate, places);
  }
  return places;
}

function placeKey(module: string, address: string): string {
  return `${module}\n${address}`;
}
