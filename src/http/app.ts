import type { Server } from 'node:http';
import express, { type ErrorRequestHandler, type Express, type RequestHandler, type Response } from 'express';
import helmet from 'helmet';
import { actRoutes } from './act-routes.ts';
import { relatedAlerts } from './alert-routes.ts';
import type { AppContext } from './app-context.ts';
import { includesRole, offeredToken } from './auth.ts';
import { eventRoutes } from './event-routes.ts';
import { HttpProblem, toProblem } from './http-problem.ts';
import { metricsRoutes } from './metrics-routes.ts';
import { notificationRoute } from './notification-route.ts';
import { openapiRoute } from './openapi.ts';
import { operationsRoutes } from './operations-routes.ts';
import { pageRoute } from './page-route.ts';
import { STYLE_HASH } from './page.ts';
import { probeRoute } from './probe-route.ts';
import type { Caller, Route } from './route.ts';
import { RUNBOOK_STYLE_HASH, runbookRoute } from './runbook-route.ts';
import { serviceDiscoveryRoute } from './sd-route.ts';
import { targetRoutes } from './target-routes.ts';

/** Unit: bytes. */
const MAX_BODY = 16 * 1024;

/** Our whole HTTP side but the feed's sockets, ready to be given to a server (see `limitServer`). */
export function createApp(context: AppContext): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.set('query parser', 'simple');
  app.use(logRequests(context), helmet(HELMET), (_request, response, next) => {
    response.setHeader('Cache-Control', 'no-store');
    next();
  });
  const routes = makeRoutes(context);
  for (const route of routes) app[route.method](route.path, answerWith(context, route));
  for (const [path, same] of Map.groupBy(routes, (route) => route.path)) app.all(path, refuseMethod(same));
  app.use((request) => {
    throw new HttpProblem('not-found', `There is nothing at ${request.path}; / links to what there is.`);
  });
  app.use(answerProblems(context));
  return app;
}

/** Time and size that a client may take with its request. A stream of ours may last as long as it likes. */
export function limitServer(server: Server): void {
  server.headersTimeout = 10_000;
  server.requestTimeout = 30_000;
  server.keepAliveTimeout = 65_000;
  server.maxHeadersCount = 100;
}

function makeRoutes(context: AppContext): readonly Route[] {
  const related = relatedAlerts(context);
  const routes = [
    pageRoute(context),
    runbookRoute(),
    ...metricsRoutes(context),
    probeRoute(context),
    serviceDiscoveryRoute(context),
    ...targetRoutes(context),
    ...eventRoutes(context, related),
    ...related.routes,
    ...operationsRoutes(context),
    notificationRoute(context),
    ...(context.acts === undefined ? [] : actRoutes(context, context.acts)),
  ];
  return [...routes, openapiRoute(context, routes)];
}

/** Pages that people open by a link: a browser may ask them for a token. */
const FOR_BROWSERS: ReadonlySet<string> = new Set(['/', '/runbook']);

/** No script at all, no other origin, a style sheet a page; plain HTTP is how a monitor on a store's network is read. */
const HELMET = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      styleSrc: [`'${STYLE_HASH}'`, `'${RUNBOOK_STYLE_HASH}'`],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
    },
  },
  strictTransportSecurity: false,
  referrerPolicy: { policy: 'no-referrer' },
} as const;

function answerWith(context: AppContext, route: Route): RequestHandler {
  const limit = route.maxBodyBytes ?? MAX_BODY;
  const readBody = express.raw({ type: () => true, limit, inflate: false });
  return async (request, response) => {
    // Before the body is read: nobody else is given the room for one.
    const caller = identify(context, route, request, response);
    await new Promise<void>((resolve, reject) => {
      readBody(request, response, (error?: unknown) => {
        if (error === undefined) resolve();
        else reject(Error.isError(error) ? error : new Error('the body cannot be read', { cause: error }));
      });
    });
    const gone = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) gone.abort(new DOMException('the client is gone', 'AbortError'));
    });
    await route.answer({ request, response, caller, signal: gone.signal });
  };
}

function identify(
  { settings, authenticator }: AppContext,
  route: Route,
  request: Parameters<RequestHandler>[0],
  response: Response,
): Caller {
  const isUnnamed = settings().tokens.length === 0;
  if (route.access === 'public') return { role: 'viewer', isUnnamed, name: undefined };
  const offered = offeredToken(request.headers);
  const authenticated = authenticator.admit(offered?.token, request);
  if (isUnnamed && authenticated === undefined) {
    throw new HttpProblem(
      'forbidden',
      'No token is configured, so only this machine may read, at 127.0.0.1 or localhost and not through a proxy. ' +
        'Configure tokens under auth.tokens to let others read.',
    );
  }
  if (authenticated === undefined) {
    const waitSeconds =
      offered === undefined ? 0 : authenticator.mustWaitSeconds(request.socket.remoteAddress);
    if (waitSeconds > 0) {
      throw new HttpProblem('too-many-attempts', 'Too many wrong tokens came from this address.', {
        retryAfterSeconds: waitSeconds,
      });
    }
    response.append('WWW-Authenticate', 'Bearer realm="kassavakt"');
    if (FOR_BROWSERS.has(route.path))
      response.append('WWW-Authenticate', 'Basic realm="kassavakt", charset="UTF-8"');
    throw new HttpProblem(
      'unauthorized',
      offered === undefined
        ? 'A token is needed: send it as "Authorization: Bearer TOKEN".'
        : 'The token is not one of those configured under auth.tokens.',
    );
  }
  // A browser sends a password along wherever a foreign page sends it: it may read, and nothing else.
  const role = offered?.scheme === 'basic' ? 'viewer' : authenticated;
  if (!includesRole(role, route.access)) throw tooLittle(route.access, isUnnamed);
  return {
    role,
    isUnnamed,
    name: offered?.scheme === 'bearer' ? authenticator.nameOf(offered.token) : undefined,
  };
}

function tooLittle(needed: string, isUnnamed: boolean): HttpProblem {
  return new HttpProblem(
    'forbidden',
    isUnnamed
      ? `This takes the role ${needed}, and no token is configured. Configure one under auth.tokens; to reload ` +
          'the configuration without one, send the process SIGHUP.'
      : `This takes a bearer token with the role ${needed}.`,
  );
}

function refuseMethod(routes: readonly Route[]): RequestHandler {
  const allowed = routes.flatMap(({ method }) =>
    method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()],
  );
  return (request, response) => {
    response.setHeader('Allow', allowed.join(', '));
    const message = `${request.path} takes ${allowed.join(' and ')}, not ${request.method}.`;
    throw new HttpProblem('method-not-allowed', message);
  };
}

function answerProblems({ log }: AppContext): ErrorRequestHandler {
  return (error, request, response, _next) => {
    const problem = toProblem(error);
    if (problem.code === 'internal') {
      log.error(
        { event: 'http.failed', method: request.method, path: request.path, err: error },
        'no answer',
      );
    }
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const { code, message, field, retryAfterSeconds } = problem;
    if (retryAfterSeconds !== undefined) response.setHeader('Retry-After', String(retryAfterSeconds));
    response.removeHeader('Content-Encoding');
    response
      .status(problem.status)
      .json({ error: { code, message, ...(field === undefined ? {} : { field }) } });
  };
}

function logRequests({ log, clock }: AppContext): RequestHandler {
  return (request, response, next) => {
    const startMs = clock.monotonicMs();
    const { method, path } = request;
    response.once('close', () => {
      const durationMs = Math.round(clock.monotonicMs() - startMs);
      log.debug(
        { event: 'http.answered', method, path, status: response.statusCode, durationMs },
        'answered',
      );
    });
    next();
  };
}
