import { EXPOSITION_CONTENT_TYPE } from '../metrics/exposition-text.ts';
import { makeTargetExposition } from '../metrics/target-exposition.ts';
import type { AppContext } from './app-context.ts';
import { defineRoute, NO_QUERY, type Route } from './route.ts';
import { makePlaces, streamText } from './stream-text.ts';

/** Pages of per-target series written at once. Each costs CPU for as long as its reader takes it. */
const MAX_SCRAPES = 4;

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
      summary: 'Series of every target, for Prometheus',
      query: NO_QUERY,
      answers,
      async answer(exchange) {
        using _place = enter();
        await streamText(exchange, EXPOSITION_CONTENT_TYPE, exposition.render(), clock);
      },
    }),
  ];
}
