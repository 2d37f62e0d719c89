import { createHash } from 'node:crypto';
import type { State } from '../core/health.ts';
import { Html, html } from './html.ts';
import { renderIncidents, renderMethods, renderPayments } from './page-announced.ts';
import { formatAge, renderTime } from './page-time.ts';
import type { PageView, Place } from './page-view.ts';

/** How often a browser asks again, without any script. Unit: s. */
const REFRESH_SECONDS = 15;
/** Beyond so many names the API is the better view. */
const MAX_IDS = 24;
const MAX_WELL = 500;

/** States by sign and word, colour only on top. */
const SIGNS: Readonly<Record<State, string>> = { down: '✕', degraded: '!', unknown: '?', up: '✓' };

const STYLE = `
:root { color-scheme: light dark; --text: #16202a; --soft: #4c5a67; --page: #f4f6f8; --card: #fff; --line: #d5dce3;
  --down: #b00020; --degraded: #8a4b00; --unknown: #44546a; --up: #176b36; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e8edf2; --soft: #a9b6c3; --page: #11171d; --card: #1a222b; --line: #33404d;
    --down: #ff8a8a; --degraded: #ffbf66; --unknown: #b4c2d1; --up: #7fd99b; }
}
* { box-sizing: border-box; }
body { margin: 0; font: 1rem/1.45 system-ui, sans-serif; color: var(--text); background: var(--page); }
main, footer { max-width: 70rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: clamp(1.35rem, 4.5vw, 2rem); line-height: 1.2; margin: .25rem 0 .5rem; text-wrap: balance; }
h2 { font-size: 1.1rem; margin: 0; overflow-wrap: anywhere; }
p { margin: .25rem 0; }
.soft { color: var(--soft); font-size: .9rem; }
.problems { border: 2px solid var(--down); border-radius: .5rem; background: var(--card); padding: .75rem 1rem; margin: 0 0 1rem; }
.problems ul { margin: .25rem 0 0; padding-left: 1.25rem; }
.place { background: var(--card); border: 1px solid var(--line); border-left: .4rem solid var(--state); border-radius: .5rem;
  padding: .75rem 1rem; margin: .75rem 0; }
.place header { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: baseline; justify-content: space-between; }
.state { color: var(--state); font-weight: 700; white-space: nowrap; }
.down { --state: var(--down); } .degraded { --state: var(--degraded); }
.unknown { --state: var(--unknown); } .up { --state: var(--up); }
.place ul { list-style: none; margin: .5rem 0 0; padding: 0; }
.place li { border-top: 1px solid var(--line); padding: .5rem 0; overflow-wrap: anywhere; }
.place li:last-child { padding-bottom: 0; }
.incident { border-left-style: double; }
.methods { margin: .35rem 0 0; }
.ids a { white-space: nowrap; }
h1 { border-left: .4rem solid var(--state); padding-left: .75rem; }
details { margin: 1rem 0; } summary { cursor: pointer; padding: .25rem 0; }
.names { columns: 14rem; padding: 0; margin: .5rem 0; list-style: none; }
a { color: inherit; text-underline-offset: .15em; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; }
nav a { padding: .3rem 0; }
footer { border-top: 1px solid var(--line); }
`;

/** For the Content-Security-Policy: the one style that the page has. */
export const STYLE_HASH = `sha256-${createHash('sha256').update(STYLE).digest('base64')}`;

/** The whole page: no script, nothing from elsewhere. */
export function renderPage(view: PageView): string {
  const title = `${SIGNS[view.state]} ${view.sentence}`;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="${REFRESH_SECONDS}">
<title>${title}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<main>
${renderProblems(view.problems)}
<h1 class="${view.state}">${view.sentence}</h1>
${view.asides === '' ? '' : html`<p>${view.asides}</p>`}
${renderPayments(view.payments)}
<p class="soft">${renderAge(view)}</p>
<p class="soft">${renderCounts(view.targets)}</p>
${renderIncidents(view.incidents, view.moreIncidents, view)}
${view.places.map((place) => renderPlace(place, view))}
${renderMore(view.morePlaces)}
${renderWell(view)}
</main>
<footer>
<nav aria-label="More">
<a href="/api/v1/incidents">Open incidents</a>
<a href="/api/v1/stores">Stores</a>
<a href="/api/v1/targets">Targets</a>
<a href="/api/v1/events">Events</a>
<a href="/api/v1/events/stream">Live events</a>
<a href="/api/v1/openapi.json">API description</a>
<a href="/metrics">Monitor metrics</a>
<a href="/metrics/targets">Target metrics</a>
</nav>
<p class="soft">Kassavakt ${view.version}. This page asks again every ${REFRESH_SECONDS} seconds.</p>
</footer>
</body>
</html>
`;
  return page.text;
}

function renderProblems(problems: readonly string[]): Html {
  if (problems.length === 0) return html``;
  return html`<section class="problems" role="alert"><h2>The monitor itself has a problem</h2>
<ul>${problems.map((problem) => html`<li>${problem}</li>`)}</ul></section>`;
}

function renderAge({ nowMs, newestMs, timezone }: PageView): Html {
  const now = renderTime(nowMs, timezone, nowMs);
  if (newestMs === undefined) return html`As of ${now}. No result has come in yet.`;
  return html`As of ${now}. The newest result is ${formatAge(nowMs - newestMs)} old.`;
}

function renderCounts(targets: PageView['targets']): Html {
  const all = targets.up + targets.degraded + targets.down + targets.unknown;
  return html`${all} ${all === 1 ? 'target' : 'targets'}: ${targets.down} down, ${targets.degraded} degraded, ${
    targets.unknown
  } unknown, ${targets.up} up.`;
}

function renderPlace(place: Place, view: PageView): Html {
  const { store, state, counts, troubles } = place;
  const all = counts.up + counts.degraded + counts.down + counts.unknown;
  const where = [store?.chain, store?.city].filter(
    (part) => part !== undefined && store?.name.includes(part) === false,
  );
  const name =
    store === undefined
      ? html`Shared services`
      : html`<a href="/api/v1/stores/${encodeURIComponent(store.id)}">${store.name}</a>`;
  return html`<section class="place ${state}">
<header><h2>${name}${where.length === 0 ? '' : html` <span class="soft">${where.join(', ')}</span>`}</h2>
<span class="state">${SIGNS[state]} ${counts[state]} of ${all} ${state}</span></header>
${renderMethods(place.methods, store?.timezone ?? view.timezone, view.nowMs)}
<ul>
${troubles.map((trouble) => renderTrouble(trouble, store?.timezone ?? view.timezone, view.nowMs))}
</ul></section>
`;
}

function renderTrouble(trouble: Place['troubles'][number], timezone: string, nowMs: number): Html {
  const { ids, kind, state, sinceMs, reason, message } = trouble;
  const left = ids.length - MAX_IDS;
  const links = ids
    .slice(0, MAX_IDS)
    .map(
      (id, i) => html`${i === 0 ? '' : ', '}<a href="/api/v1/targets/${encodeURIComponent(id)}">${id}</a>`,
    );
  return html`<li class="${state}"><p><span class="state">${SIGNS[state]} ${state}</span>
${ids.length === 1 ? kind : `${ids.length} × ${kind}`} since ${renderTime(sinceMs, timezone, nowMs)} (${formatAge(nowMs - sinceMs)})${
    reason === '' ? '' : html` because ${reason}`
  }.</p>
<p class="ids">${links}${left > 0 ? ` and ${left} more` : ''}</p>
${message === '' ? '' : html`<p class="soft">Last probe${ids.length === 1 ? '' : ` of ${ids[0] ?? ''}`}: ${message}</p>`}</li>
`;
}

function renderMore(places: number): Html {
  if (places <= 0) return html``;
  return html`<p>and ${places} more places: see <a href="/api/v1/stores">the stores</a>.</p>`;
}

function renderWell({ wellStores }: PageView): Html {
  if (wellStores.length === 0) return html``;
  const names = wellStores
    .slice(0, MAX_WELL)
    .map(({ name, city }) => html`<li>${city === undefined ? name : `${name}, ${city}`}</li>`);
  const left = wellStores.length - names.length;
  return html`<details><summary><span class="up"><span class="state">${SIGNS.up} up</span></span> ${
    wellStores.length === 1 ? '1 store in which all is up' : `${wellStores.length} stores in which all is up`
  }</summary>
<ul class="names">${names}${left > 0 ? html`<li>and ${left} more</li>` : ''}</ul></details>`;
}
