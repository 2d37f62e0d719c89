import { z } from 'zod';
import { formatProblem } from '../settings/settings.ts';
import type { AppContext } from './app-context.ts';
import { HttpProblem } from './http-problem.ts';
import { defineRoute, NO_QUERY, type Route } from './route.ts';

/** Calm for longer than this is a configuration, not an act: write calm_until. */
const MAX_CALM_MINUTES = 24 * 60;

const TEXT = { contentType: 'text/plain' } as const;

export function operationsRoutes({ readiness, reload, calm, clock }: AppContext): readonly Route[] {
  return [
    defineRoute({
      method: 'get',
      path: '/-/healthy',
      access: 'public',
      summary: 'Whether the process lives',
      query: NO_QUERY,
      answers: { 200: { description: 'It does', body: TEXT } },
      answer({ response }) {
        response.type('text/plain').send('Kassavakt is alive.\n');
      },
    }),
    defineRoute({
      method: 'get',
      path: '/-/ready',
      access: 'public',
      summary: 'Whether the monitor does its whole work; if not, the answer is 503 and says why',
      query: NO_QUERY,
      answers: { 200: { description: 'It does', body: TEXT } },
      answer({ response }) {
        const { ready, problems } = readiness();
        if (!ready) throw new HttpProblem('not-ready', problems.join(' '));
        response.type('text/plain').send('Kassavakt is ready.\n');
      },
    }),
    defineRoute({
      method: 'post',
      path: '/-/reload',
      access: 'operator',
      summary:
        'Reads the configuration anew; a bad one changes nothing, and the answer is 422 with each error',
      query: NO_QUERY,
      answers: {
        200: {
          description: 'Applied; how many targets were touched',
          body: z.strictObject({ added: z.int(), removed: z.int(), changed: z.int() }),
        },
      },
      async answer({ response }) {
        const result = await reload();
        if (!result.ok) {
          const field = result.error[0]?.path;
          throw new HttpProblem(
            'bad-configuration',
            result.error.map(formatProblem).join('\n'),
            field === undefined ? {} : { field },
          );
        }
        const { added, removed, changed } = result.value;
        response.json({ added, removed, changed });
      },
    }),
    defineRoute({
      method: 'post',
      path: '/-/calm',
      access: 'operator',
      summary: 'Probes at a quarter of the rate for so many minutes; 0 ends it',
      query: z.strictObject({ minutes: z.coerce.number().min(0).max(MAX_CALM_MINUTES).default(60) }),
      answers: {
        200: { description: 'Until when', body: z.strictObject({ calmUntil: z.iso.datetime().nullable() }) },
      },
      answer({ response }, { minutes }) {
        calm.set(minutes === 0 ? undefined : clock.nowMs() + minutes * 60_000);
        const { untilMs } = calm;
        response.json({ calmUntil: untilMs === undefined ? null : new Date(untilMs).toISOString() });
      },
    }),
  ];
}
