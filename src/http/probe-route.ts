import { randomUUID } from 'node:crypto';
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
import { describeBlackboxModule, describeModule } from './module-description.ts';
import { defineRoute, type Exchange, type Route } from './route.ts';
import { makePlaces } from './stream-text.ts';

/** As blackbox_exporter has it: the module when none is named, and what a scrape keeps for the way back. */
const DEFAULT_MODULE = 'http_2xx';
const SCRAPE_MARGIN_MS = 500;
const SCRAPE_TIMEOUT_HEADER = 'x-prometheus-scrape-timeout-seconds';

/** As blackbox_exporter has it: the scraper's time-out when it names none. */
const USUAL_SCRAPE_TIMEOUT_S = 120;

/** Probes on demand at once, beside the scheduled ones. */
const MAX_PROBES = 32;
/** The same with modules of blackbox_exporter: a Prometheus has them all in flight when all its targets hang. */
const MAX_BLACKBOX_PROBES = 1_000;

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
  /** Whether the module is one of blackbox_exporter. */
  readonly isBlackbox: boolean;
}

/** One probe on demand, as blackbox_exporter's `/probe`. */
export function probeRoute(context: AppContext): Route {
  const placesFor = (count: number) => makePlaces(count, `${count} probes on demand are under way already.`);
  const [enter, enterBlackbox] = [placesFor(MAX_PROBES), placesFor(MAX_BLACKBOX_PROBES)];
  return defineRoute({
    method: 'get',
    path: '/probe',
    access: 'viewer',
    summary:
      'One probe now, as series for Prometheus or, with debug=true, explained. Takes the role operator; where no ' +
      'token is configured, configured targets may be probed with their own module, and anything with a module of ' +
      'the blackbox_exporter configuration',
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
      checkHostname(plan, query);
      const unreadable = whyUnreadable(context, plan);
      const timeoutMs = timeoutOf(plan.module, exchange.request.headers[SCRAPE_TIMEOUT_HEADER]);
      using _place = plan.isBlackbox ? enterBlackbox() : enter();
      const report = unreadable ?? (await runPlan(context, plan, query, timeoutMs, exchange.signal));
      if (report === undefined) return;
      const { response } = exchange;
      if (query.debug === 'true') {
        response.type('text/plain').send(explain(plan, report, timeoutMs));
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

function planProbe({ estate, modules, blackbox }: Settings, query: Query): Plan {
  const named = estate.targets.get(toTargetId(query.target));
  const moduleName = query.module ?? named?.module ?? DEFAULT_MODULE;
  const module = modules.get(moduleName);
  const whyUnusable = module === undefined ? blackbox?.unusable.get(moduleName) : undefined;
  if (whyUnusable !== undefined) {
    throw new HttpProblem('bad-query', `This module cannot be used: ${whyUnusable}.`, { field: 'module' });
  }
  if (module === undefined) {
    const near = suggest(moduleName, modules.keys());
    const known = `known modules: ${Array.from(modules.keys()).join(', ')}`;
    const message =
      query.module === undefined
        ? `No module is named and there is no ${DEFAULT_MODULE}; ${known}.`
        : `There is no module "${moduleName}"; ${near === undefined ? known : `did you mean ${near}?`}`;
    throw new HttpProblem('bad-query', message, { field: 'module' });
  }
  const isBlackbox = blackbox?.modules.has(moduleName) === true;
  if (named !== undefined) return { module, address: named.address, configured: named, isBlackbox };
  const configured = byPlace(estate).get(placeKey(moduleName, query.target));
  return { module, address: query.target, configured, isBlackbox };
}

/**
 * A probe sends packets wherever it is told, so it takes an operator. Where no token is configured, nobody is one;
 * callers on this machine may then have done what the schedule does anyhow, and what whoever started this with a
 * configuration of blackbox_exporter opened to them. A page of another site may not make a browser on this machine
 * ask for it.
 */
function checkMayProbe({ caller, request }: Exchange, plan: Plan, query: Query): void {
  if (includesRole(caller.role, 'operator')) return;
  if (!caller.isUnnamed) {
    throw new HttpProblem('forbidden', 'A probe on demand takes a bearer token with the role operator.');
  }
  const isOwnWish = request.headers['sec-fetch-site'] !== 'cross-site';
  const isAsScheduled = plan.configured?.module === plan.module.name && query.hostname === undefined;
  if (isOwnWish && (isAsScheduled || plan.isBlackbox)) return;
  throw new HttpProblem(
    'forbidden',
    'No token is configured, so only configured targets may be probed, with their own module. To probe other ' +
      'addresses, configure a token with the role operator under auth.tokens.',
  );
}

/** As blackbox_exporter, refuses to choose between two host names. */
function checkHostname({ module, isBlackbox }: Plan, { hostname }: Query): void {
  if (!isBlackbox || hostname === undefined) return;
  const host = hostHeaderOf(module.options);
  if (host === undefined || host === hostname) return;
  const message = `The module ${module.name} sets the header Host: ${host} and the query asks for ${hostname}; leave one out.`;
  throw new HttpProblem('bad-query', message, { field: 'hostname' });
}

function hostHeaderOf(options: unknown): string | undefined {
  const { headers } = z.looseObject({ headers: z.record(z.string(), z.string()).default({}) }).parse(options);
  return Object.entries(headers).find(([name]) => name.toLowerCase() === 'host')?.[1];
}

/**
 * An address that is none is a mistake in the question; with a module of blackbox_exporter it is, as there, a probe
 * that failed, so that the same alerts hear of it.
 */
function whyUnreadable(
  { probers }: AppContext,
  { module, address, isBlackbox }: Plan,
): ProbeReport | undefined {
  const prober = probers.get(module.prober);
  if (prober === undefined) throw new Error(`module ${module.name} names a prober that is not registered`);
  const readable = prober.parseAddress(address);
  if (readable.ok) return undefined;
  const message = `The target "${address}" is no address for module ${module.name}: ${readable.error}`;
  if (!isBlackbox) throw new HttpProblem('bad-query', message, { field: 'target' });
  const outcome = { kind: 'failed', reason: 'dns', durationMs: 0, message } as const;
  return { outcome, phases: [], samples: [], trail: [] };
}

/** The module's time-out, or what the scraper leaves if that is less. Unit: ms. */
function timeoutOf({ timeoutMs }: Module, header: string | readonly string[] | undefined): number {
  if (header === undefined) return timeoutMs;
  const given = Number(header);
  if (!Number.isFinite(given) || given < 0) {
    const message = `The header X-Prometheus-Scrape-Timeout-Seconds is "${String(header)}"; it must be a number of seconds.`;
    throw new HttpProblem('bad-request', message, { field: SCRAPE_TIMEOUT_HEADER });
  }
  const seconds = given === 0 ? USUAL_SCRAPE_TIMEOUT_S : given;
  const leftMs = seconds * 1_000 - SCRAPE_MARGIN_MS;
  return leftMs > 0 ? Math.min(timeoutMs, leftMs) : timeoutMs;
}

/** The report; undefined when the client left before there was one. */
async function runPlan(
  { probe, clock }: AppContext,
  { module, address, configured, isBlackbox }: Plan,
  { hostname }: Query,
  timeoutMs: number,
  gone: AbortSignal,
): Promise<ProbeReport | undefined> {
  const timeout = new AbortController();
  using _deadline = clock.after(timeoutMs, () =>
    timeout.abort(new DOMException('the probe took too long', 'TimeoutError')),
  );
  // Two of ours wait for each other; two Prometheis that ask a blackbox_exporter do not.
  const asked = isBlackbox ? `on demand ${randomUUID()}` : 'on demand';
  const request = {
    targetId: configured?.id ?? `${asked}: ${address}`,
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

function explain({ module, isBlackbox }: Plan, report: ProbeReport, timeoutMs: number): string {
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
    stringify(isBlackbox ? describeBlackboxModule(module) : describeModule(module)),
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
