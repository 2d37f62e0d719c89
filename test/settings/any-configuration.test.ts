import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { ConfigFolder } from './config-folder.ts';

const GOOD = {
  listen: '127.0.0.1:9840',
  data_dir: './data',
  auth: { tokens: [{ name: 'wallboard', role: 'viewer', token_file: 'token' }] },
  estate: { stores: 'stores.csv', terminals: 'terminals.csv' },
  modules: {
    terminal: { prober: 'tcp', interval: '30s', timeout: '5s', fail_after: 3, tcp: { tls: true } },
    shop: {
      prober: 'http',
      slow_after: '1s',
      http: { valid_status_codes: [200], headers: { accept: '*/*' } },
    },
  },
  targets: [
    { id: 'web', module: 'shop', address: 'https://www.example.test/', labels: { kind: 'web' } },
    { id: 'line', module: 'terminal', address: 'h:1', depends_on: ['web', 'kind=web'] },
  ],
  limits: { max_in_flight: 10, max_in_flight_per_store: 2 },
  dependencies: [{ children: 'kind=terminal', parents: 'target=line', by: ['module'], redundancy: 'any' }],
  canaries: [{ target: 'web', kind: 'reference' }],
  payment_methods: {
    card: { weight: 0.5 },
    cash: 'off',
    invoice: {
      weight: 0.1,
      lanes: { kind: 'till' },
      services: [{ match: { kind: 'web' }, same: ['chain'] }],
    },
  },
  incidents: { settle: '1s', quiet: '1m', quiet_longest: '5m', reopen: '10m' },
  maintenance: [
    {
      id: 'a',
      selector: 'kind=web',
      by: 'Ada',
      cron: '0 2 * * 0',
      timezone: 'Europe/Stockholm',
      lasts: '2h',
    },
    { id: 'b', selector: 'kind=web', by: 'Ada', from: '2026-12-23T02:00:00Z', until: '2026-12-23T03:00:00Z' },
  ],
  external_url: 'https://kassavakt.example.test/',
  notifications: {
    channels: [
      { name: 'duty', type: 'pager', language: 'sv', timeout: '5s', pager: { number: '070' } },
      { name: 'desk', type: 'letter', letter: { to: ['Ada'] } },
    ],
    routes: [
      {
        match: 'chain=Solhaga',
        min_severity: 'major',
        hours: 'Mo-Fr 07:00-16:00',
        timezone: 'Europe/Oslo',
        channels: ['desk'],
        continue: true,
        escalate_after: '15m',
        escalate_to: ['duty'],
      },
      { chains: ['Solhaga'], channels: ['duty'], escalation: [{ after: '5m', to: ['desk'] }] },
    ],
    digest_after: 3,
    digest_window: '30s',
  },
};
const FILES = {
  token: 'opens-nothing\n',
  'stores.csv':
    'store_id,name,latitude,timezone,weekly_sales,opening_hours\nS1,"a, b",59.3,Europe/Stockholm,100,Mo-Su 07:00-22:00\n',
  'terminals.csv': 'terminal_id,store_id,address,module,lane\nT1,S1,h:1,terminal,1\n',
};

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Every path in `value`, the top among them. */
function pathsIn(value: Json): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [[]];
  const entries: [string | number, Json][] = Array.isArray(value)
    ? Array.from(value.entries())
    : Object.entries(value);
  return [[], ...entries.flatMap(([key, child]) => pathsIn(child).map((path) => [key, ...path]))];
}

function replaceAt(value: Json, path: readonly (string | number)[], change: (old: Json) => Json): Json {
  const [key, ...rest] = path;
  if (key === undefined) return change(value);
  if (Array.isArray(value)) return value.map((item, i) => (i === key ? replaceAt(item, rest, change) : item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, child]) => [
      name,
      name === key ? replaceAt(child, rest, change) : child,
    ]),
  );
}

const anything = fc.oneof(
  fc.jsonValue() as fc.Arbitrary<Json>,
  fc.constantFrom<Json>(
    null,
    '',
    '${HOME_OF_NOBODY}',
    '$${x}',
    '1s',
    'tcp',
    'http',
    -1,
    1e9,
    [],
    {},
    '__proto__',
  ),
);
const wrongs = fc.array(fc.tuple(fc.constantFrom(...pathsIn(GOOD)), anything), {
  minLength: 1,
  maxLength: 4,
});

async function expectSettingsOrPlaces(folder: ConfigFolder): Promise<void> {
  const loaded = await folder.load();
  if (loaded.ok) {
    const { modules, estate } = loaded.value;
    for (const { module } of estate.targets.values()) expect(modules.has(module)).toBe(true);
    return;
  }
  expect(loaded.error.length).toBeGreaterThan(0);
  for (const { line, column, message } of loaded.error) {
    expect(line).toBeGreaterThanOrEqual(1);
    expect(column).toBeGreaterThanOrEqual(1);
    expect(message).not.toBe('');
    expect(message).not.toContain('Invalid input');
  }
}

describe('whatever a configuration holds, it becomes settings or problems with their places', () => {
  test('the good one is good', async () => {
    using folder = new ConfigFolder({ ...FILES, 'kassavakt.yaml': stringify(GOOD) });
    expect(await folder.load()).toMatchObject({ ok: true });
  });

  test('with wrong values anywhere', async () => {
    using folder = new ConfigFolder(FILES);
    await fc.assert(
      fc.asyncProperty(wrongs, async (changes) => {
        const value = changes.reduce<Json>((whole, [path, put]) => replaceAt(whole, path, () => put), GOOD);
        folder.write({ 'kassavakt.yaml': stringify(value) });
        await expectSettingsOrPlaces(folder);
      }),
      { numRuns: 300 },
    );
  });

  test('with letters lost, doubled and changed in any of its files', async () => {
    const texts = { ...FILES, 'kassavakt.yaml': stringify(GOOD) };
    const names = Object.keys(texts) as (keyof typeof texts)[];
    const edit = fc.record({
      name: fc.constantFrom(...names),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      cut: fc.nat({ max: 6 }),
      put: fc.string({
        unit: fc.constantFrom(
          '"',
          "'",
          ',',
          ';',
          '\n',
          ':',
          '{',
          '[',
          '&a',
          '*a',
          ' ',
          '-',
          '\t',
          'x',
          '\u0000',
        ),
        maxLength: 3,
      }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async (edits) => {
        const changed: Record<string, string> = { ...texts };
        for (const { name, at, cut, put } of edits) {
          const text = changed[name] ?? '';
          const start = Math.floor(at * text.length);
          changed[name] = text.slice(0, start) + put + text.slice(start + cut);
        }
        using folder = new ConfigFolder(changed);
        await expectSettingsOrPlaces(folder);
      }),
      { numRuns: 300 },
    );
  });
});
