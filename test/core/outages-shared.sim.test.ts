import { describe, expect, test } from '@jest/globals';
import { makeChains } from './chains.ts';
import { Day } from './day.ts';

/** What many stores share fails: one sentence each, with the right scope. */
describe('Outages of what is shared', () => {
  test.each([
    {
      name: 'an acquirer, while the others are fine',
      where: { kind: 'terminal', acquirer: 'Fjordpay' },
      reason: 'host',
      told: [
        '08:12 opened acquirer=Fjordpay major',
        '09:00 updated acquirer=Fjordpay major',
        '09:02 resolved acquirer=Fjordpay major',
      ],
    },
    {
      name: 'a terminal model whose certificate expired, while other models in the same stores are fine',
      where: { model: 'P400Plus' },
      reason: 'tls-certificate',
      told: [
        '08:12 opened model=P400Plus major',
        '09:00 updated model=P400Plus major',
        '09:02 resolved model=P400Plus major',
      ],
    },
    {
      name: 'one network operator in one region, with all that hangs on its gateways',
      where: { network: 'Bergnät', region: 'Värmland' },
      reason: 'unreachable',
      told: [
        '08:12 opened network=Bergnät & region=Värmland major',
        '08:12 updated network=Bergnät & region=Värmland critical',
        '09:00 updated network=Bergnät & region=Värmland critical',
        '09:02 resolved network=Bergnät & region=Värmland critical',
      ],
    },
    {
      name: 'the line of one store, with all that hangs on its gateway',
      where: { store: 'S003' },
      reason: 'connect-timeout',
      told: ['08:12 opened target=gw-S003 major', '09:02 resolved target=gw-S003 major'],
    },
    {
      name: 'Swish of one chain',
      where: { kind: 'swish', chain: 'Torgboden' },
      reason: 'protocol',
      told: ['08:12 opened target=swish-Torgboden major', '09:02 resolved target=swish-Torgboden major'],
    },
    {
      name: 'wallets alone, while cards are taken',
      where: { kind: 'wallet' },
      reason: 'protocol',
      told: ['08:12 opened kind=wallet major', '09:02 resolved kind=wallet major'],
    },
  ] as const)('$name', ({ where, reason, told }) => {
    const day = new Day(makeChains(), '2026-12-22T08:00:00Z');
    day.at('08:12', () => day.break(where, reason));
    day.at('09:00', () => day.mend(where));
    day.runUntil('10:00');
    expect(day.told()).toEqual(told);
    day.expectCalm();
  });

  test('names the kinds of all that is down, behind a gateway too, and keeps them when it is over', () => {
    const day = new Day(makeChains(), '2026-12-22T08:00:00Z');
    day.at('08:12', () => day.break({ store: 'S003' }, 'connect-timeout'));
    day.at('09:00', () => day.mend({ store: 'S003' }));
    day.runUntil('08:30');
    const kinds = ['gateway', 'terminal', 'till'];
    expect(day.outages.incidents()).toMatchObject([{ scope: [{ target: 'gw-S003' }], kinds }]);
    day.runUntil('10:00');
    const last = day.events().findLast(({ kind }) => kind === 'incident-resolved');
    expect(last).toMatchObject({ incident: { kinds } });
  });

  test('wallets alone leave cards and Swish as they are', () => {
    const day = new Day(makeChains(), '2026-12-22T08:00:00Z').runUntil('08:10');
    const before = day.methods().length;
    day.at('08:12', () => day.break({ kind: 'wallet' }, 'protocol'));
    day.runUntil('08:20');
    const changes = day.methods().slice(before);
    expect(new Set(changes.map((line) => line.split(' ')[1]))).toEqual(new Set(['wallet']));
    expect(changes.filter((line) => line.endsWith(' wallet down'))).toHaveLength(44);
  });

  test('tells of a web site that serves a maintenance page, and of a slow sister shop only how one can pay', () => {
    const day = new Day(makeChains(), '2020-03-28T08:00:00Z').runUntil('08:10');
    const before = day.methods().length;
    day.at('08:12', () => day.break({ target: 'web-Torgboden' }, 'content'));
    day.at('08:20', () => day.break({ target: 'orders-Solhaga' }, 'slow'));
    day.at('09:00', () => day.mend({ kind: 'web' }));
    day.runUntil('10:00');
    expect(day.told()).toEqual([
      '08:12 opened target=web-Torgboden minor',
      '09:02 resolved target=web-Torgboden minor',
    ]);
    const lines = new Set(
      day
        .methods()
        .slice(before)
        .map((line) => line.replace(/^S\d+/, chainOf(day))),
    );
    expect(Array.from(lines)).toEqual([
      'Torgboden web degraded',
      'Solhaga web degraded',
      'Torgboden web available',
      'Solhaga web available',
    ]);
    day.expectCalm();
  });

  test('takes small incidents into the one that they turn out to be parts of', () => {
    const day = new Day(makeChains(), '2026-12-22T08:00:00Z');
    day.at('08:12', () => day.break({ store: 'S003', kind: 'terminal' }));
    day.at('08:13', () => day.break({ store: 'S008', kind: 'terminal' }));
    day.at('08:15', () => day.break({ chain: 'Solhaga', kind: 'terminal' }));
    day.at('09:00', () => day.mend({ chain: 'Solhaga' }));
    day.runUntil('08:30');
    expect(day.outages.incidents()).toMatchObject([
      { scope: [{ chain: 'Solhaga' }], targetsDown: 153, targetsInScope: 153, kinds: ['terminal'] },
    ]);
    day.runUntil('10:00');
    expect(day.told()).toEqual([
      '08:12 opened store=S003 major',
      '08:13 opened store=S008 minor',
      'merged store=S008',
      '08:15 updated chain=Solhaga major',
      '08:15 updated chain=Solhaga critical',
      '09:02 resolved chain=Solhaga critical',
    ]);
    day.expectCalm();
  });

  test('tells two unrelated outages that overlap as two', () => {
    const day = new Day(makeChains(), '2026-12-22T08:00:00Z');
    day.at('08:12', () => day.break({ chain: 'Solhaga', kind: 'terminal' }));
    day.at('08:15', () => day.break({ acquirer: 'Fjordpay', kind: 'terminal' }, 'host'));
    day.at('09:00', () => day.mend({ chain: 'Solhaga' }));
    day.at('09:00', () => day.break({ acquirer: 'Fjordpay', kind: 'terminal' }, 'host'));
    day.at('09:30', () => day.mend({ acquirer: 'Fjordpay' }));
    day.runUntil('10:00');
    expect(day.told()).toEqual([
      '08:12 opened chain=Solhaga major',
      '08:12 updated chain=Solhaga critical',
      '08:15 opened acquirer=Fjordpay major',
      '09:00 updated chain=Solhaga critical',
      '09:02 resolved chain=Solhaga critical',
      '09:30 updated acquirer=Fjordpay major',
      '09:32 resolved acquirer=Fjordpay major',
    ]);
    day.expectCalm();
  });
});

function chainOf({ outlook }: Day): (store: string) => string {
  return (id) => outlook.estate.stores.values().find((store) => store.id === id)?.chain ?? '';
}
