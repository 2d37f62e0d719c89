import type { Request, Response } from 'express';
import { z } from 'zod';
import type { Role } from '../settings/settings.ts';
import { suggest } from '../lib/suggest.ts';
import { HttpProblem } from './http-problem.ts';

/** Who asks. */
export interface Caller {
  readonly role: Role;
  /** No token is configured, and the caller is on this machine. */
  readonly isUnnamed: boolean;
  /** Of the bearer token. Undefined without one, and for a password: a browser sends that along unasked. */
  readonly name: string | undefined;
}

/** One request being answered. `signal` aborts when the client is gone before its answer. */
export interface Exchange {
  readonly request: Request;
  readonly response: Response;
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

/** What an answer holds: JSON of a schema, or another type of content. */
export interface AnswerDoc {
  readonly description: string;
  readonly body: z.ZodType | { readonly contentType: string };
}

/** One endpoint: all that serving and documenting it takes. */
export interface Route {
  readonly method: 'get' | 'post' | 'delete';
  /** As express reads it. */
  readonly path: string;
  /** `public`: no token needed. Otherwise the least role. */
  readonly access: 'public' | Role;
  readonly summary: string;
  /** Each parameter's description completes the sentence "it must be …". */
  readonly query: z.ZodObject;
  /** What `readBody` makes of the request's body; absent: it takes none. Described as the query is. */
  readonly body?: z.ZodObject;
  /** The largest body it takes; absent: 16 KiB, more than any of our own clients sends. Unit: bytes. */
  readonly maxBodyBytes?: number;
  readonly answers: Readonly<Record<number, AnswerDoc>>;
  answer(exchange: Exchange): Promise<void> | void;
}

/** A route whose `answer` gets the query as its schema reads it. */
export function defineRoute<Query extends z.ZodObject>(
  definition: Omit<Route, 'query' | 'answer'> & {
    readonly query: Query;
    answer(exchange: Exchange, query: z.output<Query>): Promise<void> | void;
  },
): Route {
  return {
    ...definition,
    answer: (exchange) => definition.answer(exchange, readQuery(definition.query, exchange.request.query)),
  };
}

/** The body as JSON that `schema` describes; a part that is wrong is named with what to write instead. */
export function readBody<Body extends z.ZodObject>(schema: Body, exchange: Exchange): z.output<Body> {
  const given = readJson(exchange);
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    const fields = Object.keys(schema.shape).join(', ');
    throw new HttpProblem('bad-request', `The request body must be a JSON object with ${fields}.`);
  }
  for (const field of Object.keys(given)) {
    if (!Object.hasOwn(schema.shape, field)) throw unknownPart('field', field, Object.keys(schema.shape));
  }
  const read = schema.safeParse(given);
  if (read.success) return read.data;
  const field = String(read.error.issues[0]?.path[0] ?? '');
  const wanted = describeParameter(schema.shape[field]) ?? 'something else';
  const value = Object.entries(given).find(([name]) => name === field)?.[1];
  const message =
    value === undefined
      ? `The field ${field} is missing; it must be ${wanted}.`
      : `The field ${field} is ${JSON.stringify(value)}; it must be ${wanted}.`;
  throw new HttpProblem('bad-request', message, { field });
}

/** The last part of a route's path, as in `/api/v1/targets/:id`. */
export function idOf(exchange: Exchange): string {
  const { id } = exchange.request.params;
  return typeof id === 'string' ? id : '';
}

/** No parameters. */
export const NO_QUERY = z.strictObject({});

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

export const LIMIT = z.coerce
  .number()
  .int()
  .min(1)
  .max(MAX_LIMIT)
  .default(DEFAULT_LIMIT)
  .describe(`a whole number from 1 to ${MAX_LIMIT}`);

function readQuery<Query extends z.ZodObject>(
  schema: Query,
  given: Readonly<Record<string, unknown>>,
): z.output<Query> {
  const texts: Record<string, string> = {};
  for (const [field, value] of Object.entries(given)) {
    if (!Object.hasOwn(schema.shape, field))
      throw unknownPart('query parameter', field, Object.keys(schema.shape));
    if (typeof value !== 'string') {
      throw new HttpProblem('bad-query', `The query parameter ${field} is given more than once.`, { field });
    }
    if (value === '') {
      throw new HttpProblem('bad-query', `The query parameter ${field} is empty; leave it out instead.`, {
        field,
      });
    }
    texts[field] = value;
  }
  const read = schema.safeParse(texts);
  if (read.success) return read.data;
  const field = String(read.error.issues[0]?.path[0] ?? '');
  const wanted = describeParameter(schema.shape[field]) ?? 'something else';
  const message =
    texts[field] === undefined
      ? `The query parameter ${field} is missing; it must be ${wanted}.`
      : `The query parameter ${field} is "${texts[field]}"; it must be ${wanted}.`;
  throw new HttpProblem('bad-query', message, { field });
}

/** What may be left out is described inside. */
function describeParameter(schema: unknown): string | undefined {
  if (!(schema instanceof z.ZodType)) return undefined;
  const isWrapped = schema instanceof z.ZodOptional || schema instanceof z.ZodDefault;
  return schema.description ?? (isWrapped ? describeParameter(schema.unwrap()) : undefined);
}

/** The body as JSON; undefined when it is none. */
export function readJson({ request }: Exchange): unknown {
  const body = request.body as unknown;
  try {
    return body instanceof Uint8Array ? JSON.parse(Buffer.from(body).toString('utf8')) : undefined;
  } catch {
    return undefined;
  }
}

function unknownPart(part: 'query parameter' | 'field', name: string, known: readonly string[]): HttpProblem {
  const near = suggest(name, known);
  const advice =
    near !== undefined
      ? `did you mean ${near}?`
      : known.length === 0
        ? 'this address takes none.'
        : `it may be ${known.join(', ')}.`;
  const code = part === 'field' ? 'bad-request' : 'bad-query';
  return new HttpProblem(code, `There is no ${part} "${name}" here; ${advice}`, { field: name });
}
