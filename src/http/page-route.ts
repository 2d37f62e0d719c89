import { setImmediate } from 'node:timers/promises';
import { inTurns } from '../lib/pace.ts';
import type { AppContext } from './app-context.ts';
import { renderPage } from './page.ts';
import { makePageViewInSteps } from './page-view.ts';
import { defineRoute, NO_QUERY, type Route } from './route.ts';

/** A page for a person with nothing but a browser. */
export function pageRoute({
  version,
  columns,
  board,
  stores,
  openIncidents,
  settings,
  readiness,
  clock,
}: AppContext): Route {
  return defineRoute({
    method: 'get',
    path: '/',
    access: 'viewer',
    summary: 'What is down where, since when and why, as a plain page. Takes a token as a password, too',
    query: NO_QUERY,
    answers: { 200: { description: 'The page', body: { contentType: 'text/html' } } },
    async answer({ response }) {
      const announced = { stores: stores(), incidents: openIncidents(), sight: board.sight };
      const monitor = { version, nowMs: clock.nowMs(), problems: readiness().problems, announced };
      const view = await inTurns(makePageViewInSteps(columns, settings().estate, monitor));
      // Writing it takes a turn of its own.
      await setImmediate();
      response.type('text/html').send(renderPage(view));
    },
  });
}
