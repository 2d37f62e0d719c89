import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createApp } from '../../src/http/app.ts';
import { z } from 'zod';
import { toIncidentId, toStoreId } from '../../src/estate/ids.ts';
import { type Fixture, startFixture } from './app-fixture.ts';

interface Operation {
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: unknown }[];
  readonly responses: Readonly<
    Record<string, { content: Record<string, { schema: z.core.JSONSchema.JSONSchema }> }>
  >;
  readonly security: readonly unknown[];
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

let fixture: Fixture;
let document: Document;
beforeAll(async () => {
  const span = { selector: 'store=s1', startsAtMs: 1, endsAtMs: 2, flexibleMs: 60_000 };
  const plan = { id: 'move@1', ...span, by: 'Ada', comment: 'the move' };
  fixture = await startFixture({ comingMaintenances: () => [plan] });
  document = (await (await fixture.get('/api/v1/openapi.json')).json()) as Document;
});
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
});

/** Every method and path that express answers, as it holds them; not those that refuse every other method. */
function servedRoutes(): readonly string[] {
  const served = createApp(fixture.context).router.stack.flatMap(({ route }) => {
    if (route === undefined || route.stack.some(({ method }) => method === 'patch')) return [];
    return route.stack.map(({ method }) => `${method} ${route.path.replace(/:(\w+)/g, '{$1}')}`);
  });
  return Array.from(new Set(served)).sort();
}

describe('the API description', () => {
  test('has every route that is served, and no other', () => {
    const described = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method} ${path}`),
    );
    const served = servedRoutes();
    expect(served.length).toBeGreaterThan(15);
    expect(described.sort()).toEqual(served);
    expect(document.openapi).toBe('3.1.0');
  });

  test('has every endpoint that design.md promises', () => {
    for (const path of [
      '/',
      '/metrics',
      '/metrics/targets',
      '/probe',
      '/runbook',
      '/sd/targets',
      '/api/v1/targets',
      '/api/v1/targets/{id}',
      '/api/v1/stores',
      '/api/v1/stores/{id}',
      '/api/v1/incidents',
      '/api/v1/incidents/{id}',
      '/api/v1/events',
      '/api/v1/events/stream',
      '/api/v1/openapi.json',
      '/-/healthy',
      '/-/ready',
      '/-/reload',
    ]) {
      expect(Object.keys(document.paths)).toContain(path);
    }
  });

  test('has the parameters of each', () => {
    const parameters = document.paths['/api/v1/targets']?.['get']?.parameters ?? [];
    expect(parameters.map(({ name }) => name)).toEqual([
      'state',
      'store',
      'chain',
      'module',
      'kind',
      'limit',
      'after',
    ]);
    expect(parameters.find(({ name }) => name === 'limit')?.schema).toMatchObject({
      type: 'integer',
      minimum: 1,
      maximum: 1_000,
      default: 100,
    });
    expect(document.paths['/api/v1/targets/{id}']?.['get']?.parameters).toMatchObject([
      { name: 'id', in: 'path', required: true },
    ]);
    expect(document.paths['/probe']?.['get']?.parameters).toContainEqual(
      expect.objectContaining({ name: 'target', in: 'query', required: true }),
    );
    expect(document.paths['/-/healthy']?.['get']?.security).toEqual([]);
  });

  test.each([
    { documented: '/api/v1/targets' },
    { documented: '/api/v1/targets/{id}', asked: '/api/v1/targets/T1' },
    { documented: '/api/v1/stores' },
    { documented: '/api/v1/stores/{id}', asked: '/api/v1/stores/s1' },
    { documented: '/api/v1/incidents' },
    { documented: '/api/v1/incidents/{id}', asked: '/api/v1/incidents/i1' },
    { documented: '/api/v1/events' },
    { documented: '/api/v1/maintenances' },
    { documented: '/sd/targets' },
  ])('is kept by the answer of $documented', async ({ documented, asked = documented }) => {
    const { see, board, journal, get } = fixture;
    see('T1', 'down', { reason: 'tls' });
    const incident = {
      id: toIncidentId('i1'),
      scope: [{ target: 'T1' }],
      title: 'T1 is down',
      severity: 'minor',
      state: 'recovering',
      openedAtMs: 1,
      targetsDown: 1,
      targetsInScope: 1,
      kinds: ['terminal'],
      storesAffected: 1,
      reason: 'tls',
      confidence: 0.9,
      evidence: '3 of 412 are not confirmed down.',
      methodsLost: ['card'],
      relapses: 1,
      unstable: true,
      mergedInto: toIncidentId('i0'),
      acknowledgement: { by: 'Kim', comment: 'on my way', atMs: 1, expiresAtMs: 2, sticky: true },
    } as const;
    const method = {
      store: toStoreId('s1'),
      method: 'card',
      sinceMs: 1,
      message: 'Cards cannot be paid with.',
    };
    const report = { store: toStoreId('s1'), method: 'card', by: 'till 3', comment: '', disagrees: true };
    for (const event of await journal.append([
      { atMs: 1, kind: 'incident-opened', incident },
      { atMs: 1, kind: 'payment-method-changed', from: 'unknown', to: 'down', reason: 'tls', ...method },
      { atMs: 1, kind: 'human-report', says: 'works', probesSay: 'down', ...report },
    ]))
      board.apply(event);
    const schema = document.paths[documented]?.['get']?.responses['200']?.content['application/json']?.schema;
    if (schema === undefined) throw new Error(`no schema for ${documented}`);
    const body = await (await get(asked)).json();
    expect(z.fromJSONSchema(schema).safeParse(body)).toMatchObject({ success: true });
    expect(z.fromJSONSchema(schema).safeParse({ ...(body as object), unexpected: 1 }).success).toBe(false);
  });
});
