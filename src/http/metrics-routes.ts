import { z } from 'zod';
import { EXPOSITION_CONTENT_TYPE } from '../metrics/exposition-text.ts';
import { makeTargetExposition } from '../metrics/target-exposition.ts';
import type { AppContext } from './app-context.ts';
import { defineRoute, NO_QUERY, type Route } from './route.ts';
import { makePlaces, streamText } from './stream-text.ts';

/** Pages of per-target series written at once. Each costs CPU for as long as its reader takes it. */
const MAX_SCRAPES = 4;

/** More Prometheis than this would each be sent next to nothing. */
const MAX_SHARDS = 1_000;

const SHARD_QUERY = z
  .strictObject({
    shard: z.coerce
      .number()
      .int()
      .min(0)
      .optional()
      .describe('a whole number from 0 to shards − 1, given together with shards'),
    shards: z.coerce
      .number()
      .int()
      .min(1)
      .max(MAX_SHARDS)
      .optional()
      .describe(`a whole number from 1 to ${MAX_SHARDS}, given together with shard`),
  })
  .refine(({ shard, shards }) => shard !== undefined || shards === undefined, { path: ['shard'] })
  .refine(({ shard, shards }) => shards !== undefined || shard === undefined, { path: ['shards'] })
  .refine(({ shard = 0, shards = Number.POSITIVE_INFINITY }) => shard < shards, { path: ['shard'] });

export function metricsRoutes({ registry, columns, settings, clock, calm }: AppContext): readonly Route[] {
  const exposition = makeTargetExposition({
    columns,
    intervalMsOf: (target) => (settings().modules.get(target.module)?.intervalMs ?? 0) * calm.pace,
    monotonicMs: () => clock.monotonicMs(),
  });
  const enter = makePlaces(MAX_SCRAPES, `${MAX_SCRAPES} scrapes of the target series are under way already.`);
  const answers = {
    200: { description: 'The series', body: { contentType: EXPOSITION_CONTENT_TYPE } },
  };
  return [
    defineRoute({
      method: 'get',
      path: '/metrics',
      access: 'viewer',
      summary: 'Metrics of the monitor itself, for Prometheus',
      query: NO_QUERY,
      answers,
      answer: async (exchange) =>
        streamText(exchange, EXPOSITION_CONTENT_TYPE, [await registry.metrics()], clock),
    }),
    defineRoute({
      method: 'get',
      path: '/metrics/targets',
      access: 'viewer',
      summary: 'Series of every target, or of one of several equal shards of them, for Prometheus',
      query: SHARD_QUERY,
      answers,
      async answer(exchange, { shard, shards }) {
        using _place = enter();
        const part = shard === undefined || shards === undefined ? undefined : { shard, shards };
        await streamText(exchange, EXPOSITION_CONTENT_TYPE, exposition.render(part), clock);
      },
    }),
  ];
}
