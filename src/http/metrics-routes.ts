import { z } from 'zod';
import { type Format, OPENMETRICS_FORMAT, TEXT_FORMAT } from '../metrics/exposition-text.ts';
import { renderOutages } from '../metrics/outage-exposition.ts';
import { renderProcess } from '../metrics/process-exposition.ts';
import type { Shard } from '../metrics/shard.ts';
import { makeTargetExposition } from '../metrics/target-exposition.ts';
import type { AppContext } from './app-context.ts';
import { chooseFormat } from './metrics-format.ts';
import { defineRoute, type Exchange, NO_QUERY, type Route } from './route.ts';
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

export function metricsRoutes({
  registry,
  columns,
  settings,
  clock,
  calm,
  outages,
}: AppContext): readonly Route[] {
  const exposition = makeTargetExposition({
    columns,
    intervalMsOf: (target) => (settings().modules.get(target.module)?.intervalMs ?? 0) * calm.pace,
    monotonicMs: () => clock.monotonicMs(),
  });
  const enter = makePlaces(MAX_SCRAPES, `${MAX_SCRAPES} scrapes of the target series are under way already.`);
  const answers = {
    200: {
      description: `The series; as ${OPENMETRICS_FORMAT.contentType} to who asks for that`,
      body: { contentType: TEXT_FORMAT.contentType },
    },
  };
  const renderTargets = async function* (format: Format, part: Shard | undefined) {
    yield* exposition.render(format, part);
    yield* renderOutages(outages, format, part);
    yield format.end;
  };
  return [
    defineRoute({
      method: 'get',
      path: '/metrics',
      access: 'viewer',
      summary: 'Metrics of the monitor itself, for Prometheus',
      query: NO_QUERY,
      answers,
      async answer(exchange) {
        const format = formatFor(exchange);
        await streamText(exchange, format.contentType, [await renderProcess(registry, format)], clock);
      },
    }),
    defineRoute({
      method: 'get',
      path: '/metrics/targets',
      access: 'viewer',
      summary:
        'Series of every target, store and open incident, or of one of several equal shards of them, for Prometheus',
      query: SHARD_QUERY,
      answers,
      async answer(exchange, { shard, shards }) {
        using _place = enter();
        const part = shard === undefined || shards === undefined ? undefined : { shard, shards };
        const format = formatFor(exchange);
        await streamText(exchange, format.contentType, renderTargets(format, part), clock);
      },
    }),
  ];
}

function formatFor({ request, response }: Exchange): Format {
  response.vary('Accept');
  return chooseFormat(request.headers.accept);
}
