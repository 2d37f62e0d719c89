import { describe, expect, test } from '@jest/globals';
import { evidenceOf, type Told, titleOf } from '../../src/core/incident-words.ts';
import { makeChains } from './chains.ts';

const ESTATE = makeChains({ stores: 4, terminals: 2 });

function told(changes: Partial<Told>): Told {
  return { scopes: [{}], kinds: new Set(['terminal']), down: 0, size: 0, stores: 0, behind: 0, ...changes };
}

describe('titleOf', () => {
  test.each([
    {
      name: 'all of a chain',
      told: { scopes: [{ chain: 'Solhaga' }], down: 180, size: 180, stores: 22 },
      says: 'All 180 card terminals of Solhaga are down, 22 stores',
    },
    {
      name: 'most of two labels together',
      told: { scopes: [{ network: 'Bergnät', region: 'Värmland' }], down: 40, size: 42, stores: 8 },
      says: '40 of 42 card terminals with network Bergnät in Värmland are down, 8 stores',
    },
    {
      name: 'a store by its name',
      told: { scopes: [{ store: 'S003' }], down: 2, size: 2, stores: 1 },
      says: 'All 2 card terminals in Store 3 are down',
    },
    {
      name: 'one target of a store',
      told: { scopes: [{ target: 'T00001' }], down: 1, size: 1, stores: 1 },
      says: 'T00001 is down in Store 0',
    },
    {
      name: 'one target and what hangs on it',
      told: {
        scopes: [{ target: 'gw-S003' }],
        kinds: new Set(['gateway']),
        down: 1,
        size: 1,
        stores: 1,
        behind: 10,
      },
      says: 'gw-S003 is down in Store 3, and with it 10 targets behind it',
    },
    {
      name: 'gateways and what hangs on them',
      told: {
        scopes: [{ network: 'Bergnät' }],
        kinds: new Set(['gateway']),
        down: 8,
        size: 8,
        stores: 8,
        behind: 77,
      },
      says: 'All 8 gateways with network Bergnät are down, 8 stores, and with them 77 targets behind',
    },
    {
      name: 'everything of a kind',
      told: { scopes: [{ kind: 'wallet' }], kinds: new Set(['wallet']), down: 3, size: 3, stores: 44 },
      says: 'All 3 wallet services are down, 44 stores',
    },
    {
      name: 'several kinds',
      told: {
        scopes: [{ chain: 'Solhaga' }],
        kinds: new Set(['terminal', 'till']),
        down: 9,
        size: 10,
        stores: 3,
      },
      says: '9 of 10 targets of Solhaga are down, 3 stores',
    },
    {
      name: 'two things that explain it equally well',
      told: { scopes: [{ acquirer: 'Fjordpay' }, { till_system: 'K2' }], down: 12, size: 12, stores: 2 },
      says: 'All 12 card terminals with acquirer Fjordpay, or with till system K2 are down, 2 stores',
    },
    {
      name: 'one of many',
      told: { scopes: [{ chain: 'Solhaga' }], down: 1, size: 180, stores: 1 },
      says: '1 of 180 card terminals of Solhaga is down',
    },
    {
      name: 'the only one there is',
      told: { scopes: [{ chain: 'Solhaga' }], kinds: new Set(['swish']), down: 1, size: 1, stores: 22 },
      says: 'The only Swish endpoint of Solhaga is down, 22 stores',
    },
  ] as const)('tells $name', ({ told: changes, says }) => {
    expect(titleOf(told(changes), ESTATE)).toBe(says);
  });
});

describe('evidenceOf', () => {
  test.each([
    {
      name: 'what speaks against the scope, why they fail and what customers lose',
      told: { down: 409, size: 412 },
      reason: 'connect-timeout',
      lost: ['card', 'wallet'],
      says: '3 of 412 are not confirmed down; mostly they do not answer connection attempts; customers cannot pay by card, wallet.',
    },
    {
      name: 'that there is more than one explanation',
      told: { scopes: [{ chain: 'A' }, { region: 'B' }], down: 2, size: 2 },
      reason: 'host',
      lost: [],
      says: 'mostly they cannot reach the payment host; more than one thing that they share explains it equally well.',
    },
    {
      name: 'the reason of one alone, which is all there is',
      told: { scopes: [{ target: 'T00001' }], down: 1, size: 1 },
      reason: 'connect-refused',
      lost: [],
      says: 'it refuses connections.',
    },
    {
      name: 'one that is not down',
      told: { down: 1, size: 2 },
      reason: 'tls-certificate',
      lost: [],
      says: '1 of 2 is not confirmed down; its certificate is not acceptable.',
    },
    {
      name: 'that nothing is down any more',
      told: { down: 0, size: 412 },
      reason: 'host',
      lost: [],
      says: 'none of 412 is confirmed down.',
    },
    {
      name: 'why what is down behind others is so',
      told: { down: 0, size: 8, behind: 77 },
      reason: 'unreachable',
      lost: [],
      says: '8 of 8 are not confirmed down; mostly the network says they cannot be reached.',
    },
  ] as const)('says $name', ({ told: changes, reason, lost, says }) => {
    expect(evidenceOf(told(changes), reason, lost)).toBe(says);
  });
});
