import { afterEach, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { TargetColumns } from '../../src/core/columns.ts';
import { UNKNOWN_HEALTH } from '../../src/core/health.ts';
import type { Incident } from '../../src/core/events.ts';
import type { Store, Target } from '../../src/estate/estate.ts';
import { toIncidentId } from '../../src/estate/ids.ts';
import type { WireMethod, WireStore } from '../../src/feed/protocol.ts';
import { html } from '../../src/http/html.ts';
import { renderPage } from '../../src/http/page.ts';
import { type Announced, makePageView } from '../../src/http/page-view.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { makeTarget, type Verdict, writeVerdict } from '../metrics/targets.ts';
import { type Fixture, makeStore, startFixture } from './app-fixture.ts';

const STORES = [
  makeStore('s1', 'Solhaga Karlstad'),
  makeStore('s2', 'Björka Säffle', { chain: 'Björka', city: 'Säffle' }),
  makeStore('s3', 'Solhaga Arvika', { city: 'Arvika' }),
];
const TARGETS = [
  makeTarget('K1', { store: 's1' }),
  makeTarget('K2', { store: 's1' }),
  makeTarget('B1', { store: 's2' }),
  makeTarget('A1', { store: 's3' }),
  makeTarget('swish', { kind: 'swish' }),
];

function look(
  verdicts: Readonly<Record<string, readonly ['up' | 'degraded' | 'down' | 'unknown', Verdict?]>>,
  options: {
    stores?: readonly Store[];
    targets?: readonly Target[];
    problems?: string[];
    afterMs?: number;
    announced?: Announced;
  } = {},
) {
  const { stores = STORES, targets = TARGETS, problems = [], afterMs = 0, announced } = options;
  const columns = new TargetColumns();
  for (const target of targets) columns.add(target, UNKNOWN_HEALTH, 0, systemClock.nowMs());
  for (const [id, [state, verdict]] of Object.entries(verdicts)) writeVerdict(columns, id, state, verdict);
  const estate = {
    stores: new Map(stores.map((store) => [store.id, store])),
    targets: new Map(targets.map((target) => [target.id, target])),
  };
  const nowMs = systemClock.nowMs() + afterMs;
  return makePageView(columns, estate, {
    version: '1.0.0',
    nowMs,
    problems,
    ...(announced === undefined ? {} : { announced }),
  });
}
const ALL_UP = Object.fromEntries(TARGETS.map(({ id }) => [id, ['up'] as const]));

describe('the first sentence of the page', () => {
  test.each([
    { name: 'nothing is down', verdicts: {}, sentence: 'Everything is up in all 3 stores.' },
    { name: 'one is down', verdicts: { B1: ['down'] }, sentence: '1 of 3 stores has something down.' },
    {
      name: 'two are down',
      verdicts: { B1: ['down'], K1: ['down'] },
      sentence: '2 of 3 stores have something down.',
    },
    {
      name: 'a shared service is down too',
      verdicts: { B1: ['down'], swish: ['down'] },
      sentence: '1 of 3 stores has something down; 1 shared service is down.',
    },
    {
      name: 'one is degraded',
      verdicts: { A1: ['degraded'] },
      sentence: 'Nothing is known to be down.',
      asides: '1 of 3 stores has something degraded.',
    },
    {
      name: 'some are down and others not judged',
      verdicts: { A1: ['unknown'], K1: ['down'], swish: ['degraded'] },
      sentence: '1 of 3 stores has something down.',
      asides: '1 shared service is degraded; 1 of 3 stores has something not judged.',
    },
  ] as const)('when $name', ({ verdicts, sentence, ...more }) => {
    const view = look({ ...ALL_UP, ...verdicts });
    expect([view.sentence, view.asides]).toEqual([sentence, 'asides' in more ? more.asides : '']);
  });

  test('says when nothing is watched', () => {
    expect(look({}, { stores: [], targets: [] }).sentence).toMatch(/^Nothing is watched/);
  });
});

describe('the page', () => {
  test('tells the worst first: state, shared services, share, age', () => {
    const view = look({
      ...ALL_UP,
      K1: ['down', { sinceMs: 1_000 }],
      B1: ['down', { sinceMs: 2_000 }],
      A1: ['degraded', { sinceMs: 1 }],
      swish: ['down', { sinceMs: 3_000 }],
    });
    expect(view.places.map(({ store }) => store?.id)).toEqual([undefined, 's2', 's1', 's3']);
    expect(view.wellStores).toEqual([]);
    expect(view.places[2]?.counts).toEqual({ unknown: 0, up: 1, degraded: 0, down: 1 });
  });

  test('tells since when, why and where, in the time of the store', () => {
    const sinceMs = Date.UTC(2026, 11, 22, 14, 5);
    const verdict = { reason: 'connect-refused', message: 'Port 9001 refuses.', sinceMs } as const;
    const page = renderPage({ ...look({ ...ALL_UP, B1: ['down', verdict] }), nowMs: sinceMs + 12 * 60_000 });
    expect(page).toContain('<h1 class="down">1 of 3 stores has something down.</h1>');
    expect(page).toMatch(/<time datetime="2026-12-22T14:05:00\.000Z">15:05 (CET|GMT\+1)<\/time> \(12 min\)/);
    expect(page).toContain(' because it refuses connections.');
    expect(page).toContain('Last probe: Port 9001 refuses.');
    expect(page).toContain('2 stores in which all is up');
  });

  test('puts the monitor’s own problems before all else', () => {
    const page = renderPage(look({ ...ALL_UP }, { problems: ['The journal takes no events.'] }));
    expect(page.indexOf('The journal takes no events.')).toBeGreaterThan(0);
    expect(page.indexOf('The journal takes no events.')).toBeLessThan(page.indexOf('<h1'));
  });

  test('says how old what it shows is, and warns when that is old', () => {
    expect(renderPage(look(ALL_UP, { afterMs: 4_000 }))).toMatch(/The newest result is 4 s old/);
    expect(look(ALL_UP, { afterMs: 4_000 }).problems).toEqual([]);
    expect(look(ALL_UP, { afterMs: 6 * 60_000 }).problems).toEqual([
      expect.stringMatching(/^The newest result is 6 min( \d s)? old/),
    ]);
    expect(renderPage(look({}))).toContain('No result has come in yet.');
  });

  test('tells states by sign and word, not by colour alone', () => {
    const page = renderPage(look({ ...ALL_UP, K1: ['down'], A1: ['degraded'] }));
    expect(page).toContain('✕ down');
    expect(page).toContain('! degraded');
    expect(page).toContain('✓ up');
  });

  test('tells together what went bad together, and apart what did not', () => {
    const targets = Array.from({ length: 5 }, (_, i) => makeTarget(`K${i}`, { store: 's1' }));
    const minutes = (count: number): number => Date.UTC(2026, 0, 1) + count * 60_000;
    const verdict = (sinceMs: number, reason: 'tls' | 'dns' = 'tls') =>
      ['down', { sinceMs, reason }] as const;
    const view = look(
      {
        K0: verdict(minutes(1)),
        K1: verdict(minutes(2.5)),
        K2: verdict(minutes(4)),
        K3: verdict(minutes(30)),
        K4: verdict(minutes(2), 'dns'),
      },
      { targets },
    );
    expect(view.places[0]?.troubles.map(({ ids, sinceMs }) => [ids, sinceMs])).toEqual([
      [['K0', 'K1', 'K2'], minutes(1)],
      [['K4'], minutes(2)],
      [['K3'], minutes(30)],
    ]);
    const page = renderPage(view);
    expect(page).toContain('3 × terminal since');
    expect(page).toContain('Last probe of K0: ');
  });

  test('names 24 that went bad together and counts the rest', () => {
    const targets = Array.from({ length: 30 }, (_, i) => makeTarget(`K${i}`, { store: 's1' }));
    const sinceMs = systemClock.nowMs();
    const verdicts = Object.fromEntries(targets.map(({ id }) => [id, ['down', { sinceMs }] as const]));
    const page = renderPage(look(verdicts, { targets }));
    expect(page.match(/<a href="\/api\/v1\/targets\/K/g)).toHaveLength(24);
    expect(page).toContain('and 6 more');
  });

  test('tells of the 200 worst places and counts the rest', () => {
    const stores = Array.from({ length: 230 }, (_, i) => makeStore(`s${i}`, `Solhaga ${i}`));
    const targets = stores.map(({ id }, i) => makeTarget(`K${i}`, { store: id }));
    const states = (i: number) =>
      i < 205 ? (['degraded'] as const) : i < 215 ? (['down'] as const) : (['up'] as const);
    const view = look(Object.fromEntries(targets.map(({ id }, i) => [id, states(i)])), { stores, targets });
    expect([view.places.length, view.morePlaces, view.wellStores.length]).toEqual([200, 15, 15]);
    expect(view.places.slice(0, 11).map(({ state }) => state)).toEqual([
      ...Array(10).fill('down'),
      'degraded',
    ]);
    expect(view.sentence).toBe('10 of 230 stores have something down.');
    expect(renderPage(view)).toContain('and 15 more places: see <a href="/api/v1/stores">');
  });

  test('escapes whatever it is given', () => {
    const nasty = `<script>alert("x")</script>&'`;
    const acknowledgement = { by: nasty, comment: nasty, atMs: SINCE_MS, sticky: false };
    const announced = announce({
      stores: [wireStore('s1', { [nasty]: { ...DOWN, message: nasty } })],
      incidents: [{ ...INCIDENT, id: toIncidentId(nasty), title: nasty, evidence: nasty, acknowledgement }],
    });
    const stores = [makeStore('s1', nasty, { chain: nasty, city: nasty })];
    const targets = [makeTarget(`a"><img src=x>/ö`, { store: 's1', kind: nasty })];
    const verdicts = { [targets[0]?.id ?? '']: ['down', { message: nasty }] } as const;
    const page = renderPage(look(verdicts, { stores, targets, problems: [nasty], announced }));
    expect(page).not.toMatch(/<script|<img/i);
    expect(page).toContain('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;&#39;');
    expect(page).toContain('href="/api/v1/targets/a%22%3E%3Cimg%20src%3Dx%3E%2F%C3%B6"');
    expect(html`<p title="${nasty}">${[html`${nasty}`]}</p>`.text).not.toContain('<script');
  });
});

const SINCE_MS = Date.UTC(2026, 11, 22, 14, 5);

function announce(more: Partial<Announced>): Announced {
  return { stores: [], incidents: [], sight: undefined, ...more };
}

function wireStore(id: string, methods: WireStore['methods']): WireStore {
  const targets = { unknown: 0, up: 0, degraded: 0, down: 0 };
  return { id, name: id, state: 'up', targets, kinds: {}, methods };
}

const DOWN: WireMethod = {
  state: 'down',
  reason: 'connect-refused',
  message: 'Cards cannot be paid with: none of 8 terminals works, they refuse connections.',
  since: new Date(SINCE_MS).toISOString(),
};
const WORKS: WireMethod = { state: 'available', message: 'Swish works.' };
const INCIDENT: Incident = {
  id: toIncidentId('i1'),
  scope: [{ chain: 'Solhaga' }],
  title: 'All 400 card terminals of Solhaga are down, 44 stores',
  severity: 'major',
  state: 'open',
  openedAtMs: SINCE_MS,
  targetsDown: 400,
  storesAffected: 44,
  reason: 'host',
  evidence: '3 of 403 still answer.',
};

describe('payments on the page', () => {
  test('are told for all stores, also those in which every target is up', () => {
    const stores = [
      wireStore('s1', { card: DOWN, swish: WORKS }),
      wireStore('s2', { card: { ...DOWN, state: 'offline-only' }, swish: WORKS }),
      wireStore('s3', { card: DOWN }),
    ];
    const view = look(ALL_UP, { announced: announce({ stores }) });
    const words = renderPage(view)
      .replace(/<[^>]*>/g, '')
      .replace(/\s+/g, ' ');
    expect(words).toContain('✕ Card not possible in 2 stores, offline only in 1 store');
    expect(words).toContain('✓ Swish works in 2 stores');
  });

  test('are told in words for a store in which something is not well', () => {
    const stores = [wireStore('s1', { swish: WORKS, card: DOWN })];
    const view = look({ ...ALL_UP, K1: ['down'] }, { announced: announce({ stores }) });
    const page = renderPage({ ...view, nowMs: SINCE_MS + 12 * 60_000 });
    expect(page).toMatch(
      /✕<\/span> Cards cannot be paid with: none of 8 terminals works, they refuse connections\./,
    );
    expect(page).toMatch(/Since <time[^>]*>15:05 (CET|GMT\+1)<\/time> \(12 min\)\./);
    expect(page.indexOf('Swish works.')).toBeGreaterThan(page.indexOf('Cards cannot be paid with'));
  });
});

describe('incidents on the page', () => {
  test('come most severe first, with what speaks against them and who has taken them on', () => {
    const acknowledgement = { by: 'Kim', comment: 'on my way', atMs: SINCE_MS, sticky: false };
    const incidents: readonly Incident[] = [
      INCIDENT,
      { ...INCIDENT, id: toIncidentId('i2'), severity: 'critical', title: 'Worse', acknowledgement },
      { ...INCIDENT, id: toIncidentId('i3'), severity: 'minor', state: 'recovering', unstable: true },
    ];
    const view = look(ALL_UP, { announced: announce({ incidents }) });
    expect(view.incidents.map(({ id }) => id)).toEqual(['i2', 'i1', 'i3']);
    const page = renderPage(view);
    expect(page).toContain('3 of 403 still answer.');
    expect(page).toContain('Taken on by Kim: on my way');
    expect(page).toContain('minor, unstable');
    expect(page).toContain('href="/api/v1/incidents/i2"');
  });

  test('are counted beyond twenty', () => {
    const incidents = Array.from({ length: 23 }, (_, i) => ({ ...INCIDENT, id: toIncidentId(`i${i}`) }));
    const view = look(ALL_UP, { announced: announce({ incidents }) });
    expect([view.incidents.length, view.moreIncidents]).toEqual([20, 3]);
    expect(renderPage(view)).toContain('and 3 more: see');
  });
});

test('while we are blind the page says so and calls nothing down', () => {
  const sight = { reason: 'self-network', message: 'None of 3 canaries answers.', sinceMs: 0 } as const;
  const stores = [wireStore('s1', { card: DOWN })];
  const view = look({ ...ALL_UP, K1: ['down'] }, { announced: announce({ stores, sight }) });
  expect(view.targets).toEqual({ unknown: 5, up: 0, degraded: 0, down: 0 });
  const page = renderPage(view);
  expect(page).toContain('<h1 class="unknown">The monitor cannot see: nothing is known of any store.</h1>');
  expect(page.indexOf('None of 3 canaries answers.')).toBeLessThan(page.indexOf('<h1'));
  expect(page).not.toMatch(/✕|class="[^"]*down/);
});

describe('the page over HTTP', () => {
  let fixture: Fixture | undefined;
  afterEach(async () => {
    await fixture?.[Symbol.asyncDispose]();
    fixture = undefined;
  });

  test('has no script, refreshes itself, and allows exactly the style it has', async () => {
    fixture = await startFixture({ stores: STORES, targets: TARGETS });
    const answer = await fixture.get('/');
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const page = await answer.text();
    expect(page).not.toContain('<script');
    expect(page).toContain('<meta http-equiv="refresh" content="15">');
    const [, style = ''] = /<style>([^]*)<\/style>/.exec(page) ?? [];
    const hash = createHash('sha256').update(style).digest('base64');
    expect(answer.headers.get('content-security-policy')).toContain(`style-src 'sha256-${hash}'`);
  });

  test('links only to what there is', async () => {
    fixture = await startFixture({ stores: STORES, targets: TARGETS });
    fixture.see('K1', 'down');
    fixture.board.apply({ seq: 1, atMs: SINCE_MS, kind: 'incident-opened', incident: INCIDENT });
    const links = (await (await fixture.get('/')).text()).matchAll(/href="([^"]+)"/g);
    const paths = Array.from(links, ([, path = '']) => path);
    expect(paths.length).toBeGreaterThan(8);
    for (const path of paths) expect([path, (await fixture.get(path)).status]).toEqual([path, 200]);
  });
});
