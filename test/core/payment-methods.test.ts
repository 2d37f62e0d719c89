import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { METHOD_STATES } from '../../src/core/events.ts';
import { type State, STATES } from '../../src/core/health.ts';
import { DEFAULT_METHODS, DEFAULT_TIMING, type PaymentMethod } from '../../src/core/outlook.ts';
import { PaymentMethods } from '../../src/core/payment-methods.ts';
import { type AnyReason, REASONS } from '../../src/core/reason.ts';
import type { Estate, Labels, Store, Target } from '../../src/estate/estate.ts';
import { toStoreId, toTargetId } from '../../src/estate/ids.ts';

const START_MS = Date.UTC(2025, 11, 22, 13);

/** What is known of a target: `up`, `down host`, `degraded slow`. */
type Told = State | `${State} ${AnyReason}`;

interface Plan {
  readonly lanes?: Readonly<Record<string, readonly [Labels, Told?]>>;
  readonly services?: Readonly<Record<string, readonly [Labels, Told?]>>;
}

/** One store `s1` of the chain Solhaga. */
function judge({ lanes = {}, services = {} }: Plan, methods: readonly PaymentMethod[] = DEFAULT_METHODS) {
  const statuses = new Map<string, { state: State; reason?: AnyReason }>();
  const learn = ([id, [, told]]: readonly [string, readonly [Labels, Told?]]): void => {
    const [state, reason] = (told ?? '').split(' ');
    if (state === undefined || state === '') return;
    statuses.set(id, {
      state: state as State,
      ...(reason === undefined ? {} : { reason: reason as AnyReason }),
    });
  };
  for (const entry of [...Object.entries(lanes), ...Object.entries(services)]) learn(entry);
  const estate = makeEstate(
    [{ id: 's1', chain: 'Solhaga' }],
    [
      ...Object.entries(lanes).map(([id, [labels]]) => ({ id, store: 's1', labels })),
      ...Object.entries(services).map(([id, [labels]]) => ({ id, labels })),
    ],
  );
  const judged = new PaymentMethods({ estate, timing: DEFAULT_TIMING, methods }, (id) => statuses.get(id));
  judged.settle(START_MS);
  return judged.of(toStoreId('s1'));
}

function makeEstate(
  stores: readonly { readonly id: string; readonly chain?: string }[],
  targets: readonly { readonly id: string; readonly store?: string; readonly labels: Labels }[],
): Estate {
  const made = stores.map(({ id, chain }): Store => {
    const labels = chain === undefined ? {} : { chain };
    return { id: toStoreId(id), name: id, ...labels, timezone: 'Europe/Stockholm', labels };
  });
  const byId = new Map(made.map((store) => [store.id, store]));
  const all = targets.map(({ id, store, labels }): Target => {
    const kind = labels['kind'] ?? 'terminal';
    const home = store === undefined ? undefined : byId.get(toStoreId(store));
    return {
      id: toTargetId(id),
      module: 'm',
      address: 'host:1',
      kind,
      ...(store === undefined ? {} : { store: toStoreId(store) }),
      labels: { ...home?.labels, kind, ...(store === undefined ? {} : { store }), ...labels },
    };
  });
  return { stores: byId, targets: new Map(all.map((target) => [target.id, target])) };
}

const terminals = (told: readonly Told[], labels: Labels = {}): NonNullable<Plan['lanes']> =>
  Object.fromEntries(
    told.map((state, i) => [`T${i + 1}`, [{ kind: 'terminal', ...labels }, state]] as const),
  );

const SURE: Labels = { acquirer: 'Nordbank', offline: 'yes' };
const acquirer = (told?: Told, name = 'Nordbank'): NonNullable<Plan['services']> => {
  const labels = { kind: 'acquirer', acquirer: name };
  return { [`acquirer-${name}`]: told === undefined ? [labels] : [labels, told] };
};

describe('how cards are judged', () => {
  test.each<{ name: string; plan: Plan; state: string; reason?: AnyReason; message: string }>([
    {
      name: 'all terminals work',
      plan: { lanes: terminals(['up', 'up']) },
      state: 'available',
      message: 'Cards work.',
    },
    {
      name: 'all that are known work',
      plan: { lanes: terminals(['up', 'unknown']) },
      state: 'available',
      message: 'Cards work.',
    },
    {
      name: 'two of eight refuse',
      plan: {
        lanes: terminals([
          'up',
          'up',
          'down connect-refused',
          'up',
          'up',
          'down connect-refused',
          'up',
          'up',
        ]),
      },
      state: 'degraded',
      reason: 'connect-refused',
      message: 'Cards work on 6 of 8 terminals, 2 do not: they refuse connections.',
    },
    {
      name: 'one of three fails',
      plan: { lanes: terminals(['up', 'down connect-timeout', 'up']) },
      state: 'degraded',
      reason: 'connect-timeout',
      message: 'Cards work on 2 of 3 terminals, 1 does not: it does not answer a connection attempt.',
    },
    {
      name: 'some are slow',
      plan: { lanes: terminals(['up', 'degraded slow', 'degraded slow']) },
      state: 'degraded',
      reason: 'slow',
      message: 'Cards work, but 2 of 3 terminals are degraded, they answer too slowly.',
    },
    {
      name: 'the only terminal is slow',
      plan: { lanes: terminals(['degraded slow']) },
      state: 'degraded',
      reason: 'slow',
      message: 'Cards work, but the only terminal is degraded, it answers too slowly.',
    },
    {
      name: 'none works',
      plan: { lanes: terminals(Array.from({ length: 8 }, () => 'down connect-refused' as const)) },
      state: 'down',
      reason: 'connect-refused',
      message: 'Cards cannot be paid with: none of 8 terminals works, they refuse connections.',
    },
    {
      name: 'the only one fails',
      plan: { lanes: terminals(['down tls']) },
      state: 'down',
      reason: 'tls',
      message: 'Cards cannot be paid with: the only terminal does not work, no TLS session comes about.',
    },
    {
      name: 'they fail for several reasons',
      plan: { lanes: terminals(['down tls', 'down connect-refused', 'down connect-refused']) },
      state: 'down',
      reason: 'connect-refused',
      message:
        'Cards cannot be paid with: none of 3 terminals works, mostly because they refuse connections.',
    },
    {
      name: 'none of those known works, and they are half of all',
      plan: { lanes: terminals(['down tls', 'unknown']) },
      state: 'down',
      reason: 'tls',
      message: 'Cards cannot be paid with: none of 1 known terminal works, no TLS session comes about.',
    },
    {
      name: 'too few are known to say that none works',
      plan: { lanes: terminals(['down tls', 'unknown stale', 'unknown stale']) },
      state: 'unknown',
      reason: 'stale',
      message:
        'Whether cards work is not known: 2 of 3 terminals have no verdict, they have not been checked lately.',
    },
    {
      name: 'nothing is known',
      plan: { lanes: terminals(['unknown', 'unknown']) },
      state: 'unknown',
      message: 'Whether cards work is not known: 2 of 2 terminals have no verdict.',
    },
    {
      name: 'the acquirer is gone',
      plan: {
        lanes: terminals(['up', 'up'], { acquirer: 'Nordbank' }),
        services: acquirer('down connect-timeout'),
      },
      state: 'down',
      reason: 'connect-timeout',
      message: 'Cards cannot be paid with: the acquirer is down, it does not answer a connection attempt.',
    },
    {
      name: 'the acquirer of others is gone',
      plan: {
        lanes: terminals(['up', 'up'], { acquirer: 'Vasakort' }),
        services: acquirer('down connect-timeout'),
      },
      state: 'available',
      message: 'Cards work.',
    },
    {
      name: 'the acquirer is slow',
      plan: { lanes: terminals(['up', 'up'], { acquirer: 'Nordbank' }), services: acquirer('degraded slow') },
      state: 'degraded',
      reason: 'slow',
      message: 'Cards work, but the acquirer is degraded, it answers too slowly.',
    },
    {
      name: 'nothing is known of the acquirer',
      plan: { lanes: terminals(['up', 'up'], { acquirer: 'Nordbank' }), services: acquirer() },
      state: 'unknown',
      message: 'Whether cards work is not known: the acquirer has no verdict.',
    },
    {
      name: 'one of two links to the acquirer is gone',
      plan: {
        lanes: terminals(['up', 'up'], { acquirer: 'Nordbank' }),
        services: {
          ...acquirer('down connect-timeout'),
          backup: [{ kind: 'acquirer', acquirer: 'Nordbank' }, 'up'],
        },
      },
      state: 'degraded',
      reason: 'connect-timeout',
      message: 'Cards work, but 1 of 2 acquirers is down, it does not answer a connection attempt.',
    },
    {
      name: 'one link is gone and of the other nothing is known',
      plan: {
        lanes: terminals(['up'], { acquirer: 'Nordbank' }),
        services: { ...acquirer('down tls'), backup: [{ kind: 'acquirer' }] },
      },
      state: 'unknown',
      message: 'Whether cards work is not known: the acquirer has no verdict.',
    },
    {
      name: 'both links are gone',
      plan: {
        lanes: terminals(['up'], { acquirer: 'Nordbank' }),
        services: { ...acquirer('down tls'), backup: [{ kind: 'acquirer' }, 'down tls'] },
      },
      state: 'down',
      reason: 'tls',
      message: 'Cards cannot be paid with: both acquirers are down, no TLS session comes about.',
    },
    {
      name: 'half of the terminals hang on an acquirer that is gone',
      plan: {
        lanes: {
          ...terminals(['up', 'up'], { acquirer: 'Nordbank' }),
          X1: [{ kind: 'terminal', acquirer: 'Fjordpay' }, 'up'],
        },
        services: { ...acquirer('down tls'), ...acquirer('up', 'Fjordpay') },
      },
      state: 'degraded',
      reason: 'tls',
      message: 'Cards work on 1 of 3 terminals, 2 do not: the acquirer is down, no TLS session comes about.',
    },
    {
      name: 'the acquirer is gone and terminals can store payments',
      plan: { lanes: terminals(['up', 'up'], SURE), services: acquirer('down connect-timeout') },
      state: 'offline-only',
      reason: 'connect-timeout',
      message:
        'Cards work offline, by chip and PIN only: the acquirer is down, it does not answer a connection attempt.',
    },
    {
      name: 'terminals that can store payments cannot reach their host',
      plan: { lanes: terminals(['down host', 'degraded host'], SURE) },
      state: 'offline-only',
      reason: 'host',
      message:
        'Cards work offline, by chip and PIN only: none of 2 terminals is online, they cannot reach the payment host.',
    },
    {
      name: 'only one of those that are cut off can store payments',
      plan: {
        lanes: { ...terminals(['up'], SURE), X1: [{ kind: 'terminal', acquirer: 'Nordbank' }, 'up'] },
        services: acquirer('down tls'),
      },
      state: 'offline-only',
      reason: 'tls',
      message:
        'Cards work offline, by chip and PIN only, on 1 of 2 terminals: the acquirer is down, no TLS session comes about.',
    },
    {
      name: 'terminals that could store payments are off',
      plan: { lanes: terminals(['down unreachable'], SURE), services: acquirer('down tls') },
      state: 'down',
      reason: 'unreachable',
      message:
        'Cards cannot be paid with: the only terminal does not work, the network says it cannot be reached.',
    },
    {
      name: 'one terminal is online and another cut off',
      plan: { lanes: terminals(['up', 'down host'], SURE), services: acquirer('up') },
      state: 'degraded',
      reason: 'host',
      message: 'Cards work on 1 of 2 terminals, 1 does not: it cannot reach the payment host.',
    },
  ])('when $name', ({ plan, state, reason, message }) => {
    expect(judge(plan).get('card')).toEqual({
      state,
      ...(reason === undefined ? {} : { reason }),
      message,
      sinceMs: START_MS,
    });
  });
});

describe('what else a method hangs on', () => {
  test.each<{ name: string; plan: Plan; expected: Readonly<Record<string, string>> }>([
    {
      name: 'a store without tills watches no cash',
      plan: { lanes: terminals(['up']) },
      expected: { card: 'available', wallet: 'available' },
    },
    {
      name: 'Swish without tills is judged by its service',
      plan: { services: { swish: [{ kind: 'swish' }, 'down connect-refused'] } },
      expected: { swish: 'down' },
    },
    {
      name: 'Swish of another chain does not count',
      plan: {
        services: {
          own: [{ kind: 'swish', chain: 'Solhaga' }, 'up'],
          other: [{ kind: 'swish', chain: 'Norrbo' }, 'down'],
        },
      },
      expected: { swish: 'available' },
    },
    {
      name: 'Swish needs the till, too',
      plan: {
        lanes: { K1: [{ kind: 'till' }, 'down tls'] },
        services: { swish: [{ kind: 'swish' }, 'up'] },
      },
      expected: { swish: 'down', cash: 'down' },
    },
    {
      name: 'a wallet is gone and cards are not',
      plan: { lanes: terminals(['up']), services: { wallet: [{ kind: 'wallet' }, 'down'] } },
      expected: { card: 'available', wallet: 'down' },
    },
    {
      name: 'the web shop of the chain',
      plan: { services: { web: [{ kind: 'web', chain: 'Solhaga' }, 'degraded slow'] } },
      expected: { web: 'degraded' },
    },
    { name: 'a store of which nothing is watched has no methods', plan: {}, expected: {} },
  ])('$name', ({ plan, expected }) => {
    const states = Array.from(judge(plan), ([method, { state }]) => [method, state]);
    expect(Object.fromEntries(states)).toEqual(expected);
  });

  test('a service that belongs to a store serves that store alone', () => {
    const line: PaymentMethod = {
      name: 'card',
      weight: 1,
      lanes: { kind: 'terminal' },
      services: [{ match: { kind: 'gateway' }, sameLabels: [] }],
    };
    const estate = makeEstate(
      [{ id: 's1' }, { id: 's2' }],
      ['s1', 's2'].flatMap((store) => [
        { id: `T-${store}`, store, labels: { kind: 'terminal' } },
        { id: `G-${store}`, store, labels: { kind: 'gateway' } },
      ]),
    );
    const judged = new PaymentMethods({ estate, timing: DEFAULT_TIMING, methods: [line] }, (id) => ({
      state: id === 'G-s1' ? 'down' : 'up',
    }));
    judged.settle(START_MS);
    expect(['s1', 's2'].map((id) => judged.of(toStoreId(id)).get('card')?.state)).toEqual([
      'down',
      'available',
    ]);
    expect(judged.storesServedBy(toTargetId('G-s1'))).toEqual(['s1']);
  });

  test('a method of the configuration’s own is named by its word', () => {
    const gift: PaymentMethod = {
      name: 'gift-card',
      weight: 0.1,
      services: [{ match: { kind: 'ledger' }, sameLabels: [] }],
    };
    const told = (state: Told): string | undefined =>
      judge({ services: { ledger: [{ kind: 'ledger' }, state] } }, [gift]).get('gift-card')?.message;
    expect(told('up')).toBe('Payment by gift-card works.');
    expect(told('down')).toBe('Payment by gift-card does not work: the ledger service is down.');
    expect(told('unknown')).toBe(
      'Whether payment by gift-card works is not known: the ledger service has no verdict.',
    );
  });
});

const SMALL = makeEstate(
  [
    { id: 's2', chain: 'Norrbo' },
    { id: 's1', chain: 'Solhaga' },
  ],
  [
    ...['s1', 's2'].flatMap((store) =>
      [1, 2, 3].map((n) => ({
        id: `${store}-T${n}`,
        store,
        labels: { kind: 'terminal', acquirer: n === 1 ? 'a' : 'b', ...(n === 2 ? { offline: 'yes' } : {}) },
      })),
    ),
    { id: 's1-K1', store: 's1', labels: { kind: 'till' } },
    { id: 'acquirer-a', labels: { kind: 'acquirer', acquirer: 'a' } },
    { id: 'acquirer-b', labels: { kind: 'acquirer', acquirer: 'b' } },
    { id: 'swish', labels: { kind: 'swish' } },
    { id: 'web', labels: { kind: 'web', chain: 'Norrbo' } },
    { id: 'router', labels: { kind: 'router' } },
  ],
);
const IDS = Array.from(SMALL.targets.keys());
const OUTLOOK = { estate: SMALL, timing: DEFAULT_TIMING, methods: DEFAULT_METHODS };
type Statuses = Map<string, { state: State; reason?: AnyReason }>;

describe('PaymentMethods', () => {
  test('tells changes by store and then in the order of the methods', () => {
    const statuses: Statuses = new Map(IDS.map((id) => [id, { state: 'up' }]));
    const judged = new PaymentMethods(OUTLOOK, (id) => statuses.get(id));
    const told = judged.settle(START_MS).map(({ store, method, from, to }) => [store, method, from, to]);
    expect(told).toEqual([
      ['s1', 'card', 'unknown', 'available'],
      ['s1', 'wallet', 'unknown', 'available'],
      ['s1', 'swish', 'unknown', 'available'],
      ['s1', 'cash', 'unknown', 'available'],
      ['s2', 'card', 'unknown', 'available'],
      ['s2', 'wallet', 'unknown', 'available'],
      ['s2', 'swish', 'unknown', 'available'],
      ['s2', 'web', 'unknown', 'available'],
    ]);
    expect(judged.settle(START_MS + 1)).toEqual([]);
    statuses.set('web', { state: 'down', reason: 'content' });
    judged.touch(toTargetId('web'));
    expect(judged.settle(START_MS + 2)).toEqual([
      {
        kind: 'payment-method-changed',
        store: 's2',
        chain: 'Norrbo',
        method: 'web',
        from: 'available',
        to: 'down',
        reason: 'content',
        message: 'The web shop does not work: the web site is down, it answers with the wrong content.',
        sinceMs: START_MS + 2,
      },
    ]);
    expect(judged.storesServedBy(toTargetId('swish'))).toEqual(['s1', 's2']);
    expect(judged.storesServedBy(toTargetId('router'))).toEqual([]);
  });

  test('keeps since when the state holds while its message tells other numbers', () => {
    const statuses: Statuses = new Map(IDS.map((id) => [id, { state: 'up' }]));
    const judged = new PaymentMethods(OUTLOOK, (id) => statuses.get(id));
    const fail = (id: string, atMs: number) => {
      statuses.set(id, { state: 'down', reason: 'tls' });
      judged.touch(toTargetId(id));
      return judged.settle(atMs).map(({ method, to }) => `${method} ${to}`);
    };
    judged.settle(START_MS);
    expect(fail('s1-T1', START_MS + 1)).toEqual(['card degraded', 'wallet degraded']);
    const before = judged.of(toStoreId('s1'));
    expect(fail('s1-T3', START_MS + 2)).toEqual([]);
    expect(judged.of(toStoreId('s1'))).not.toBe(before);
    expect(judged.of(toStoreId('s1')).get('card')).toMatchObject({
      message: 'Cards work on 1 of 3 terminals, 2 do not: no TLS session comes about.',
      sinceMs: START_MS + 1,
    });
    const same = judged.of(toStoreId('s1'));
    judged.touchAll();
    judged.settle(START_MS + 3);
    expect(judged.of(toStoreId('s1'))).toBe(same);
  });

  test('tells the end of what is no longer watched, once', () => {
    const first = new PaymentMethods(OUTLOOK, () => ({ state: 'up' }));
    first.settle(START_MS);
    const [cash] = DEFAULT_METHODS.filter(({ name }) => name === 'cash');
    const fewer = { ...OUTLOOK, methods: DEFAULT_METHODS.filter((method) => method !== cash) };
    const second = new PaymentMethods(fewer, () => ({ state: 'up' }));
    second.restore(first.save());
    expect(second.settle(START_MS + 1)).toEqual([
      expect.objectContaining({
        store: 's1',
        method: 'cash',
        from: 'available',
        to: 'unknown',
        message: 'Whether cash works in this store is no longer watched.',
      }),
    ]);
    expect(second.settle(START_MS + 2)).toEqual([]);
    expect(JSON.stringify(second.save())).not.toContain('cash');
  });

  const changes = fc.array(
    fc.record({
      id: fc.constantFrom(...IDS),
      state: fc.constantFrom(...STATES),
      reason: fc.option(fc.constantFrom(...REASONS), { nil: undefined }),
      settles: fc.boolean(),
      restarts: fc.boolean(),
    }),
    { maxLength: 40 },
  );

  test('judges change by change, and over a restart, as it judges everything anew; its changes add up', () => {
    fc.assert(
      fc.property(changes, (steps) => {
        const statuses: Statuses = new Map();
        const statusOf = (id: string) => statuses.get(id);
        let judged = new PaymentMethods(OUTLOOK, statusOf);
        const told = new Map<string, string>();
        let nowMs = START_MS;
        const settle = (): void => {
          for (const { store, method, from, to, message, sinceMs } of judged.settle(nowMs)) {
            const key = `${store} ${method}`;
            expect(told.get(key) ?? 'unknown').toBe(from);
            expect(to).not.toBe(from);
            expect(sinceMs).toBe(nowMs);
            expect(message).toMatch(/^[A-Z].*\.$/);
            expect(message).not.toMatch(/undefined|NaN|null| {2}|,,|::/);
            told.set(key, to);
          }
        };
        for (const { id, state, reason, settles, restarts } of steps) {
          nowMs++;
          statuses.set(id, { state, ...(reason === undefined ? {} : { reason }) });
          judged.touch(toTargetId(id));
          if (restarts) {
            const saved = JSON.parse(JSON.stringify(judged.save())) as ReturnType<typeof judged.save>;
            judged = new PaymentMethods(OUTLOOK, statusOf);
            judged.restore(saved);
          }
          if (settles) settle();
        }
        settle();
        const anew = new PaymentMethods(OUTLOOK, statusOf);
        anew.settle(nowMs);
        for (const store of SMALL.stores.keys()) {
          const plain = (from: PaymentMethods) =>
            Array.from(from.of(store), ([name, { state, reason, message }]) => [
              name,
              state,
              reason,
              message,
            ]);
          expect(plain(judged)).toEqual(plain(anew));
          for (const [name, { state }] of judged.of(store)) {
            expect(METHOD_STATES).toContain(state);
            expect(told.get(`${store} ${name}`) ?? 'unknown').toBe(state);
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
