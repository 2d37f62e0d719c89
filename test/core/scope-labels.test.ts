import { describe, expect, test } from '@jest/globals';
import { scopeLabels, scopeText, touchesScope } from '../../src/core/scope-labels.ts';
import type { Estate } from '../../src/estate/estate.ts';
import { makeStore } from '../http/app-fixture.ts';
import { makeTarget } from '../metrics/targets.ts';

const STORES = [
  makeStore('S1', 'Solhaga Kil', { region: 'Värmland' }),
  makeStore('S2', 'Solhaga Lund', { region: 'Skåne' }),
];
const TARGETS = [
  makeTarget('T1', { store: 'S1', labels: { chain: 'Solhaga', region: 'Värmland', acquirer: 'A' } }),
  makeTarget('web', { kind: 'web', labels: { chain: 'Torgboden' } }),
];
const ESTATE: Estate = {
  stores: new Map(STORES.map((store) => [store.id, store])),
  targets: new Map(TARGETS.map((target) => [target.id, target])),
};

describe('a scope', () => {
  test.each([
    { name: 'of everything', scopes: [{}], text: '', labels: {} },
    {
      name: 'of one label',
      scopes: [{ chain: 'Solhaga' }],
      text: 'chain=Solhaga',
      labels: { chain: 'Solhaga' },
    },
    {
      name: 'of two',
      scopes: [{ acquirer: 'A', region: 'Skåne' }],
      text: 'acquirer=A & region=Skåne',
      labels: { acquirer: 'A', region: 'Skåne' },
    },
    {
      name: 'of a store, with its chain and region',
      scopes: [{ store: 'S1' }],
      text: 'store=S1',
      labels: { store: 'S1', chain: 'Solhaga', region: 'Värmland' },
    },
    {
      name: 'of a target, with its place and kind',
      scopes: [{ target: 'T1' }],
      text: 'target=T1',
      labels: { target: 'T1', kind: 'terminal', store: 'S1', chain: 'Solhaga', region: 'Värmland' },
    },
    {
      name: 'of a target without a store',
      scopes: [{ target: 'web' }],
      text: 'target=web',
      labels: { target: 'web', kind: 'web', chain: 'Torgboden' },
    },
    {
      name: 'of a store that is gone',
      scopes: [{ store: 'S9' }],
      text: 'store=S9',
      labels: { store: 'S9' },
    },
    {
      name: 'with two explanations that agree on the chain alone',
      scopes: [{ store: 'S1' }, { chain: 'Solhaga', region: 'Skåne' }],
      text: 'store=S1 | chain=Solhaga & region=Skåne',
      labels: { chain: 'Solhaga' },
    },
    {
      name: 'with two that agree on nothing',
      scopes: [{ chain: 'Solhaga' }, { acquirer: 'A' }],
      text: 'chain=Solhaga | acquirer=A',
      labels: {},
    },
  ])('$name is said as text and as labels', ({ scopes, text, labels }) => {
    expect(scopeText(scopes)).toBe(text);
    expect(scopeLabels(scopes, ESTATE)).toEqual(labels);
  });
});

describe('labels touch a scope', () => {
  test.each<{
    name: string;
    labels: Record<string, string>;
    scopes: Record<string, string>[];
    touches: boolean;
  }>([
    {
      name: 'with the same value',
      labels: { chain: 'Solhaga', job: 'x' },
      scopes: [{ chain: 'Solhaga' }],
      touches: true,
    },
    {
      name: 'not with another',
      labels: { chain: 'Torgboden' },
      scopes: [{ chain: 'Solhaga' }],
      touches: false,
    },
    {
      name: 'not without any in common',
      labels: { job: 'x' },
      scopes: [{ chain: 'Solhaga' }],
      touches: false,
    },
    { name: 'not when everything is meant', labels: { job: 'x' }, scopes: [{}], touches: false },
    {
      name: 'by a store of the chain',
      labels: { store: 'S1' },
      scopes: [{ chain: 'Solhaga' }],
      touches: true,
    },
    {
      name: 'by a target of the chain',
      labels: { target: 'T1' },
      scopes: [{ chain: 'Solhaga' }],
      touches: true,
    },
    { name: 'by the store of a target', labels: { store: 'S1' }, scopes: [{ target: 'T1' }], touches: true },
    {
      name: 'by the chain of a store',
      labels: { chain: 'Solhaga' },
      scopes: [{ store: 'S1' }],
      touches: true,
    },
    {
      name: 'not by another store of the same chain',
      labels: { store: 'S2' },
      scopes: [{ store: 'S1' }],
      touches: false,
    },
    {
      name: 'not when one of two labels differs',
      labels: { acquirer: 'A', region: 'Skåne' },
      scopes: [{ acquirer: 'A', region: 'Värmland' }],
      touches: false,
    },
    {
      name: 'by one of several explanations',
      labels: { acquirer: 'A' },
      scopes: [{ chain: 'X' }, { acquirer: 'A' }],
      touches: true,
    },
    {
      name: 'not by what sort of thing it is alone',
      labels: { kind: 'terminal' },
      scopes: [{ target: 'T1' }],
      touches: false,
    },
  ])('$name', ({ labels, scopes, touches }) => {
    expect(touchesScope(labels, scopes, ESTATE)).toBe(touches);
  });
});
