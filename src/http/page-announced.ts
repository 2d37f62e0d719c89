import type { Incident, MethodState } from '../core/events.ts';
import type { WireMethod, WireStore } from '../feed/protocol.ts';
import { type Html, html } from './html.ts';
import { formatAge, renderTime } from './page-time.ts';

/** In how many stores a payment method is in each state. */
export interface PaymentTally {
  readonly method: string;
  readonly counts: Readonly<Record<MethodState, number>>;
}

export function tallyPayments(stores: readonly WireStore[]): readonly PaymentTally[] {
  const tallies = new Map<string, Record<MethodState, number>>();
  for (const { methods } of stores) {
    for (const [method, { state }] of Object.entries(methods)) {
      let counts = tallies.get(method);
      if (counts === undefined) {
        counts = { available: 0, degraded: 0, 'offline-only': 0, down: 0, unknown: 0 };
        tallies.set(method, counts);
      }
      counts[state]++;
    }
  }
  return Array.from(tallies, ([method, counts]) => ({ method, counts }));
}

/** Worst first: states by word and sign, and the class whose colour they share with targets' states. */
const METHOD_STATES: readonly (readonly [
  state: MethodState,
  sign: string,
  words: string,
  className: string,
])[] = [
  ['down', '✕', 'not possible', 'down'],
  ['offline-only', '!', 'offline only', 'degraded'],
  ['degraded', '!', 'with trouble', 'degraded'],
  ['unknown', '?', 'not known', 'unknown'],
  ['available', '✓', 'works', 'up'],
];

/** `Card: not possible in 44 stores, works in 16.` */
export function renderPayments(payments: readonly PaymentTally[]): Html {
  if (payments.length === 0) return html``;
  return html`<ul class="names">${payments.map(({ method, counts }) => {
    const found = METHOD_STATES.filter(([state]) => counts[state] > 0);
    const [worst] = found;
    const parts = found.map(([state, , words]) => `${words} in ${inStores(counts[state])}`);
    return html`<li class="${worst?.[3] ?? 'unknown'}"><span class="state">${worst?.[1] ?? '?'} ${capital(method)}</span>
${parts.join(', ')}</li>`;
  })}</ul>`;
}

/** What does not work in a store, each with its sentence, then what does. */
export function renderMethods(methods: WireStore['methods'], timezone: string, nowMs: number): Html {
  const all = Object.values(methods);
  const troubled = METHOD_STATES.filter(([state]) => state !== 'available').flatMap(
    ([state, sign, , className]) =>
      all
        .filter((method) => method.state === state)
        .map(
          (
            method,
          ) => html`<p class="methods ${className}"><span class="state">${sign}</span> ${method.message}
${renderSince(method, timezone, nowMs)}</p>
`,
        ),
  );
  const working = all.filter(({ state }) => state === 'available').map(({ message }) => message);
  if (working.length === 0) return html`${troubled}`;
  return html`${troubled}<p class="methods up"><span class="state">✓</span> ${working.join(' ')}</p>`;
}

function renderSince({ since }: WireMethod, timezone: string, nowMs: number): Html {
  if (since === undefined) return html``;
  const sinceMs = Date.parse(since);
  return html`<span class="soft">Since ${renderTime(sinceMs, timezone, nowMs)} (${formatAge(nowMs - sinceMs)}).</span>`;
}

/** One outage a section: what, since when, what speaks against it, what is lost, who has taken it on. */
export function renderIncidents(
  incidents: readonly Incident[],
  more: number,
  { timezone, nowMs }: { readonly timezone: string; readonly nowMs: number },
): Html {
  const sections = incidents.map((incident) => {
    const { id, title, severity, state, openedAtMs, evidence, acknowledgement, unstable } = incident;
    const isEnding = state === 'recovering';
    const course = unstable === true ? 'unstable' : state;
    const taken =
      acknowledgement === undefined
        ? ''
        : `Taken on by ${acknowledgement.by}${acknowledgement.comment === '' ? '' : `: ${acknowledgement.comment}`}`;
    return html`<section class="place incident ${isEnding ? 'degraded' : 'down'}">
<header><h2><a href="/api/v1/incidents/${encodeURIComponent(id)}">${title}</a></h2>
<span class="state">${severity}, ${course}</span></header>
<p>Since ${renderTime(openedAtMs, timezone, nowMs)} (${formatAge(nowMs - openedAtMs)}).</p>
${evidence === undefined ? '' : html`<p class="soft">${evidence}</p>`}
${taken === '' ? '' : html`<p class="soft">${taken}</p>`}</section>
`;
  });
  return html`${sections}${more <= 0 ? '' : html`<p>and ${more} more: see <a href="/api/v1/incidents">the open incidents</a>.</p>`}`;
}

function inStores(count: number): string {
  return count === 1 ? '1 store' : `${count} stores`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
