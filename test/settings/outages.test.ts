import { describe, expect, test } from '@jest/globals';
import { DEFAULT_METHODS, DEFAULT_TIMING } from '../../src/core/outlook.ts';
import { toTargetId } from '../../src/estate/ids.ts';
import { problemsOf, settingsOf } from './config-folder.ts';

const ESTATE =
  'estate: { stores: stores.csv, terminals: terminals.csv }\nmodules:\n  line: { prober: tcp }\n';
const FILES = {
  'stores.csv': 'store_id,name\nS1,Karlstad\nS2,Arvika\n',
  'terminals.csv':
    'terminal_id,store_id,address,module,acquirer\nT1,S1,h:1,line,A\nT2,S1,h:1,line,A\nT3,S2,h:1,line,B\n',
};
const GATEWAYS = `targets:
  - { id: router, module: line, address: "h:1", labels: { kind: router } }
  - { id: G1, module: line, address: "h:1", store: S1, labels: { kind: gateway }, depends_on: [router] }
  - { id: G2, module: line, address: "h:1", store: S2, labels: { kind: gateway }, depends_on: [kind=router] }
  - { id: "a=b", module: line, address: "h:1", depends_on: [G1, G2, router] }
  - { id: leaf, module: line, address: "h:1", depends_on: ["a=b"] }
`;
const estateOf = async (yaml: string) =>
  (await settingsOf({ ...FILES, 'kassavakt.yaml': ESTATE + GATEWAYS + yaml })).estate;

describe('depends_on', () => {
  test('names targets by id, also by one that looks like a selector, or by their labels', async () => {
    const { needs } = await estateOf('');
    expect(Array.from(needs ?? [])).toEqual([
      ['G1', [{ anyOf: ['router'] }]],
      ['G2', [{ anyOf: ['router'] }]],
      ['a=b', [{ anyOf: ['G1'] }, { anyOf: ['G2'] }, { anyOf: ['router'] }]],
      ['leaf', [{ anyOf: ['a=b'] }]],
    ]);
  });
});

describe('dependencies', () => {
  test('hang the terminals of each store on its gateway', async () => {
    const { needs } = await estateOf(
      'dependencies: [{ children: kind=terminal, parents: kind=gateway, by: [store] }]\n',
    );
    expect(needs?.get(toTargetId('T1'))).toEqual([{ anyOf: ['G1'] }]);
    expect(needs?.get(toTargetId('T1'))).toBe(needs?.get(toTargetId('T2')));
    expect(needs?.get(toTargetId('T3'))).toEqual([{ anyOf: ['G2'] }]);
  });

  test('let one of several be enough', async () => {
    const { needs } = await estateOf(
      'dependencies: [{ children: kind=terminal, parents: kind=gateway, redundancy: any }]\n',
    );
    expect(needs?.get(toTargetId('T1'))).toEqual([{ anyOf: ['G1', 'G2'] }]);
  });

  test('say nothing of what they name while the estate itself is wrong', async () => {
    const yaml = `${ESTATE}dependencies: [{ children: kind=terminal, parents: kind=gateway }]\ncanaries: [{ target: G1, kind: gateway }]\n`;
    const broken = { ...FILES, 'terminals.csv': 'terminal_id,store_id,address,module\nT1,S9,h:1,line\n' };
    expect(await problemsOf({ ...broken, 'kassavakt.yaml': yaml })).toEqual([
      expect.stringContaining('terminals.csv:2:4: unknown store "S9"'),
    ]);
  });

  test('are told of beside what is wrong elsewhere', async () => {
    const yaml = `${ESTATE}limits: { max_in_flight: 0 }\ndependencies: [{ children: kind=terminal, parents: kind=gateway }]\n`;
    expect(await problemsOf({ ...FILES, 'kassavakt.yaml': yaml })).toEqual([
      expect.stringContaining('"max_in_flight" is 0'),
      expect.stringContaining('no target is named by "kind=gateway"'),
    ]);
  });
});

test('canaries are targets with a kind', async () => {
  const { canaries } = await estateOf(
    'canaries: [{ target: router, kind: gateway }, { target: G1, kind: reference }]\n',
  );
  expect(canaries).toEqual([
    { target: 'router', kind: 'gateway' },
    { target: 'G1', kind: 'reference' },
  ]);
});

describe('payment_methods', () => {
  const methodsOf = async (yaml: string) =>
    (await settingsOf({ 'kassavakt.yaml': `payment_methods:\n${yaml}` })).methods;
  const [card, wallet, swish, cash, web] = DEFAULT_METHODS;

  test('change what is written of a method and leave the rest of it', async () => {
    expect(
      await methodsOf('  card: { weight: 0.5 }\n  swish: { lanes: { kind: till, brand: X } }\n'),
    ).toEqual([
      { ...card, weight: 0.5 },
      wallet,
      { ...swish, lanes: { kind: 'till', brand: 'X' } },
      cash,
      web,
    ]);
  });

  test('leave out what is off or has nothing', async () => {
    const yaml = '  wallet: off\n  web:\n  card: { offline: off }\n  swish: { lanes: off, services: [] }\n';
    expect(await problemsOf({ 'kassavakt.yaml': `payment_methods:\n${yaml}` })).toEqual([
      'kassavakt.yaml:5:3: the payment method "swish" needs nothing; give it lanes, services or both',
    ]);
    expect(
      await methodsOf('  wallet: off\n  web:\n  card: { offline: off }\n  swish: { lanes: off }\n'),
    ).toEqual([
      { name: 'card', weight: card?.weight, lanes: card?.lanes, services: card?.services },
      { name: 'swish', weight: swish?.weight, services: swish?.services },
      cash,
    ]);
  });

  test('add methods of the own', async () => {
    const yaml =
      '  invoice: { weight: 0.02, lanes: { kind: till }, services: [{ match: { kind: ledger }, same: [chain] }] }\n';
    expect((await methodsOf(yaml)).at(-1)).toEqual({
      name: 'invoice',
      weight: 0.02,
      lanes: { kind: 'till' },
      services: [{ match: { kind: 'ledger' }, sameLabels: ['chain'] }],
    });
  });
});

describe('incidents', () => {
  const timingOf = async (yaml: string) => (await settingsOf({ 'kassavakt.yaml': yaml })).timing;

  test('change the times that are written', async () => {
    expect(await timingOf('incidents: { settle: 0s, quiet: 30s }\n')).toEqual({
      ...DEFAULT_TIMING,
      settleMs: 0,
      quietMs: 30_000,
    });
    expect(
      await timingOf('incidents: { settle_alone: 1m, quiet: 1h, quiet_longest: 2h, reopen: 3d }\n'),
    ).toEqual({
      settleMs: DEFAULT_TIMING.settleMs,
      settleAloneMs: 60_000,
      quietMs: 3_600_000,
      quietLongestMs: 7_200_000,
      reopenMs: 259_200_000,
    });
  });

  test('point to the longest quiet when that is what is written', async () => {
    expect(await problemsOf({ 'kassavakt.yaml': 'incidents: { quiet_longest: 1m }\n' })).toEqual([
      'kassavakt.yaml:1:29: quiet of 2 min (the default) must not be longer than quiet_longest of 1m',
    ]);
  });
});

test('maintenance is once, or again and again', async () => {
  const { maintenance } = await settingsOf({
    'kassavakt.yaml': `maintenance:
  - { id: routers, selector: "kind=gateway, store=S1", by: Ada, comment: new routers, from: "2026-12-23T02:00:00+01:00", until: "2026-12-23T04:00:00+01:00", flexible: 30m }
  - { id: sunday, selector: chain=Solhaga, by: Ada, cron: 0 2 * * 0, timezone: Europe/Helsinki, lasts: 2h }
  - { id: nightly, selector: kind=web, by: Ada, cron: "*/30 3 * * *", lasts: 5m }
`,
  });
  expect(maintenance).toEqual([
    {
      kind: 'once',
      id: 'routers',
      selector: 'kind=gateway, store=S1',
      by: 'Ada',
      comment: 'new routers',
      startsAtMs: Date.parse('2026-12-23T01:00:00Z'),
      endsAtMs: Date.parse('2026-12-23T03:00:00Z'),
      flexibleMs: 1_800_000,
    },
    {
      kind: 'recurring',
      id: 'sunday',
      selector: 'chain=Solhaga',
      by: 'Ada',
      comment: '',
      cron: '0 2 * * 0',
      timezone: 'Europe/Helsinki',
      lastsMs: 7_200_000,
    },
    expect.objectContaining({ id: 'nightly', timezone: 'Europe/Stockholm', lastsMs: 300_000 }),
  ]);
});
