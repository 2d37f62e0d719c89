import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type ErrorRequestHandler, type RequestHandler, type Response } from 'express';
import { z } from 'zod';
import { suggest } from '../lib/suggest.ts';
import { FAULT_NAMES, FAULTS, type FaultName } from './faults.ts';
import type { Fault, Simulator } from './simulator.ts';

/** Where the simulator takes orders. */
export interface ControlServer extends AsyncDisposable {
  /** `http://host:port`, the port as the system gave it. */
  readonly url: string;
}

const MAX_BODY_BYTES = 65_536;
const OWN_NAME = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;

const faultOrder = z
  .strictObject({
    where: z.record(
      z.string(),
      z.string({ error: 'a label is text; put its value in quotes' }),
      'name the targets by their labels, as in { "chain": "Solhaga" }; {} means all',
    ),
    fault: z.enum(FAULT_NAMES, { error: ({ input }) => describeUnknownFault(input) }),
    share: z
      .number('share is a number from 0 to 1')
      .min(0, 'share is at least 0')
      .max(1, 'share is at most 1'),
    latencyMs: z
      .number('latencyMs is a number of milliseconds')
      .min(1, 'latencyMs is at least 1')
      .max(3_600_000, 'latencyMs is at most 3600000, one hour'),
    forSeconds: z
      .number('forSeconds is a number of seconds')
      .min(0.001, 'forSeconds is more than 0')
      .max(86_400, 'forSeconds is at most 86400, one day'),
  })
  .partial({ share: true, latencyMs: true, forSeconds: true })
  .refine(({ fault, latencyMs }) => latencyMs === undefined || fault === 'slow', {
    path: ['latencyMs'],
    message: 'latencyMs belongs to the fault "slow" alone; leave it out',
  });
const ORDER_FIELDS = ['where', 'fault', 'share', 'latencyMs', 'forSeconds'] as const;

/** Takes orders over HTTP. `host` must be loopback; port 0 lets the system choose. Rejects when it cannot listen. */
export async function serveControl(
  simulator: Simulator,
  listen: { readonly host: string; readonly port: number },
): Promise<ControlServer> {
  const server = createServer(makeApp(simulator));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(listen.port, listen.host, resolve);
  await promise;
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${port}`,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function makeApp(simulator: Simulator) {
  const app = express();
  app.disable('x-powered-by');
  app.use(refuseForeignPages);
  app.use(express.json({ limit: MAX_BODY_BYTES, type: () => true }));

  app.get('/targets', (_request, response) => {
    response.json({ targets: simulator.targets.map(({ id, labels }) => ({ id, labels })) });
  });
  app.get('/faults', (_request, response) => {
    const known = FAULT_NAMES.map((name) => ({ name, ...FAULTS[name] }));
    response.json({ faults: simulator.faults().map(render), known });
  });
  app.post('/faults', (request, response) => {
    addFault(simulator, request.body, response).catch((error: unknown) => refuseOurs(response, error));
  });
  app.delete('/faults/:id', (request, response) => {
    removeFault(simulator, request.params.id, response).catch((error: unknown) =>
      refuseOurs(response, error),
    );
  });
  app.get('/violations', (_request, response) => {
    const { total, newest } = simulator.violations();
    response.json({
      total,
      violations: newest.map(({ atMs, ...violation }) => ({ ...violation, at: toIso(atMs) })),
    });
  });
  app.use((request, response) => {
    const message =
      `nothing answers ${request.method} ${request.path}; there are GET /targets, GET and POST /faults, ` +
      'DELETE /faults/ID and GET /violations';
    refuse(response, 404, { code: 'not-found', message });
  });
  app.use(refuseUnreadable);
  return app;
}

async function addFault(simulator: Simulator, body: unknown, response: Response): Promise<void> {
  const order = faultOrder.safeParse(body ?? {});
  if (!order.success) return refuse(response, 400, readIssue(order.error, body === undefined));
  const { where, fault, ...rest } = order.data;
  const added = await simulator.addFault({ where, fault, ...withoutAbsent(rest) });
  if (!added.ok) return refuse(response, 400, added.error);
  const { id, targets, atMs } = added.value;
  response.json({ id, targets, at: toIso(atMs) });
}

async function removeFault(simulator: Simulator, id: string, response: Response): Promise<void> {
  const removed = await simulator.removeFault(id);
  if (removed !== undefined) {
    response.json(render(removed));
    return;
  }
  const message = `no fault "${id}" is in force; GET /faults lists those that are`;
  refuse(response, 404, { code: 'unknown-fault', message, field: 'id' });
}

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly field?: string;
}

function refuse(response: Response, status: number, error: Refusal): void {
  response.status(status).json({ error });
}

/**
 * Any content type will do, so a page anywhere could send orders through its reader's browser. A browser tells where
 * the page comes from (`Origin`), and by which name it came to us (`Host`, which a page's own DNS may point here).
 */
const refuseForeignPages: RequestHandler = ({ headers: { host = '', origin } }, response, next) => {
  if (OWN_NAME.test(host) && (origin === undefined || origin === `http://${host}`)) return next();
  const message = 'orders are taken from this machine alone, and from no page of another site';
  refuse(response, 403, { code: 'foreign-origin', message });
};

/** Bodies that are not JSON, too long, cut off; and faults of our own. */
const refuseUnreadable: ErrorRequestHandler = (error: unknown, _request, response, _next) => {
  const status = Number((error as { readonly status?: unknown }).status ?? 500);
  if (status === 413) {
    refuse(response, 413, { code: 'too-large', message: `a request has at most ${MAX_BODY_BYTES} bytes` });
  } else if (status >= 400 && status < 500) {
    refuse(response, status, { code: 'invalid-request', message: 'the body is not readable as JSON' });
  } else {
    refuseOurs(response, error);
  }
};

function refuseOurs(response: Response, error: unknown): void {
  const message = Error.isError(error) ? error.message : String(error);
  refuse(response, 500, { code: 'simulator-failed', message });
}

function readIssue(error: z.ZodError, hasNoBody: boolean): Refusal {
  if (hasNoBody) {
    const message = 'send a JSON body, as in {"where":{},"fault":"refuse"}';
    return { code: 'invalid-request', message };
  }
  const issue = error.issues[0];
  if (issue?.code === 'unrecognized_keys') {
    const field = issue.keys[0] ?? '';
    const nearest = suggest(field, ORDER_FIELDS);
    const help =
      nearest === undefined ? `the fields are ${ORDER_FIELDS.join(', ')}` : `did you mean "${nearest}"?`;
    return { code: 'invalid-request', message: `unknown field "${field}"; ${help}`, field };
  }
  const field = issue?.path.join('.') ?? '';
  const message = issue?.message ?? 'not understood';
  return { code: 'invalid-request', message, ...(field === '' ? {} : { field }) };
}

function describeUnknownFault(input: unknown): string {
  const all = `the faults are ${FAULT_NAMES.join(', ')}`;
  if (typeof input !== 'string') return `name a fault; ${all}`;
  const nearest = suggest(input, FAULT_NAMES);
  return `unknown fault "${input}"; ${nearest === undefined ? all : `did you mean "${nearest}"?`}`;
}

interface RenderedFault {
  readonly id: string;
  readonly fault: FaultName;
  readonly at: string;
}

function render({ atMs, ...fault }: Fault): RenderedFault {
  return { ...fault, at: toIso(atMs) };
}

function toIso(ms: number): string {
  return new Date(ms).toISOString();
}

type WithoutAbsent<Part> = { [Key in keyof Part]?: Exclude<Part[Key], undefined> };

function withoutAbsent<Part extends object>(part: Part): WithoutAbsent<Part> {
  return Object.fromEntries(
    Object.entries(part).filter(([, value]) => value !== undefined),
  ) as WithoutAbsent<Part>;
}
