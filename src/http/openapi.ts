import { z } from 'zod';
import type { AppContext } from './app-context.ts';
import { PROBLEM_CODES } from './http-problem.ts';
import { type AnswerDoc, defineRoute, NO_QUERY, type Route } from './route.ts';

const PROBLEM = z.strictObject({
  error: z.strictObject({
    code: z.enum(PROBLEM_CODES),
    message: z.string().describe('what is wrong, for a person'),
    field: z.string().optional().describe('the part of the request or configuration that is wrong'),
  }),
});

/** The description of every route, its own included, made from what serves them. */
export function openapiRoute({ version }: AppContext, others: readonly Route[]): Route {
  const own = defineRoute({
    method: 'get',
    path: '/api/v1/openapi.json',
    access: 'viewer',
    summary: 'This description, as OpenAPI 3.1',
    query: NO_QUERY,
    answers: { 200: { description: 'The description', body: z.looseObject({ openapi: z.string() }) } },
    answer({ response }) {
      response.json(document);
    },
  });
  const routes = [...others, own];
  const document = {
    openapi: '3.1.0',
    info: {
      title: 'Kassavakt',
      version,
      description: 'Which stores can take which payment, why not, and since when.',
    },
    paths: Object.fromEntries(
      Array.from(
        Map.groupBy(routes, ({ path }) => path),
        ([path, same]) => [
          path.replace(/:(\w+)/g, '{$1}'),
          Object.fromEntries(same.map((route) => [route.method, describeRoute(route)])),
        ],
      ),
    ),
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: schemaOf(PROBLEM) },
    },
  };
  return own;
}

function describeRoute(route: Route): Readonly<Record<string, unknown>> {
  return {
    summary: route.summary,
    ...(route.access === 'public'
      ? { security: [] }
      : { description: `Takes the role ${route.access}.`, security: [{ bearer: [] }] }),
    parameters: [...pathParameters(route.path), ...queryParameters(route.query)],
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: schemaOf(route.body) } },
          },
        }),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.answers).map(([status, answer]) => [status, describeAnswer(answer)]),
      ),
      default: {
        description: 'What is wrong',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  };
}

function describeAnswer({ description, body }: AnswerDoc): Readonly<Record<string, unknown>> {
  const content =
    body instanceof z.ZodType
      ? { 'application/json': { schema: schemaOf(body) } }
      : { [body.contentType]: { schema: { type: 'string' } } };
  return { description, content };
}

function pathParameters(path: string): readonly Readonly<Record<string, unknown>>[] {
  return Array.from(path.matchAll(/:(\w+)/g), ([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function queryParameters(query: z.ZodObject): readonly Readonly<Record<string, unknown>>[] {
  return Object.entries(query.shape).map(([name, value]) => {
    const { description, ...schema } = schemaOf(value as z.ZodType);
    return {
      name,
      in: 'query',
      required: !(value as z.ZodType).safeParse(undefined).success,
      ...(description === undefined ? {} : { description }),
      schema,
    };
  });
}

function schemaOf(type: z.ZodType): Record<string, unknown> {
  const { $schema: _, ...schema } = z.toJSONSchema(type, { io: 'input' });
  return schema;
}
