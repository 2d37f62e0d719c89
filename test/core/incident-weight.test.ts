import { describe, expect, test } from '@jest/globals';
import type { MethodState } from '../../src/core/events.ts';
import { methodsOn, weigh, worseOf } from '../../src/core/incident-weight.ts';
import { DEFAULT_METHODS } from '../../src/core/outlook.ts';
import { makeChains } from './chains.ts';

const DAY_MS = Date.parse('2026-12-22T12:00:00Z');
const NIGHT_MS = Date.parse('2026-12-22T23:30:00Z');
const ESTATE = makeChains({ stores: 40, terminals: 1, openingHours: 'Mo-Su 07:00-22:00' });
const STORES = Array.from(ESTATE.stores.keys());

describe('weigh', () => {
  test.each([
    { name: 'nothing lost', stores: 1, lost: {}, atMs: DAY_MS, severity: 'minor', gone: [] },
    {
      name: 'cards in one store',
      stores: 1,
      lost: { card: 'down' },
      atMs: DAY_MS,
      severity: 'major',
      gone: ['card'],
    },
    {
      name: 'cards in five stores',
      stores: 5,
      lost: { card: 'down' },
      atMs: DAY_MS,
      severity: 'critical',
      gone: ['card'],
    },
    {
      name: 'cards in five stores at night',
      stores: 5,
      lost: { card: 'down' },
      atMs: NIGHT_MS,
      severity: 'info',
      gone: [],
    },
    {
      name: 'cards offline in five stores',
      stores: 5,
      lost: { card: 'offline-only' },
      atMs: DAY_MS,
      severity: 'major',
      gone: [],
    },
    {
      name: 'Swish in one store',
      stores: 1,
      lost: { swish: 'down' },
      atMs: DAY_MS,
      severity: 'minor',
      gone: ['swish'],
    },
    {
      name: 'Swish in twenty stores',
      stores: 20,
      lost: { swish: 'down' },
      atMs: DAY_MS,
      severity: 'major',
      gone: ['swish'],
    },
    {
      name: 'slow cards in one store',
      stores: 1,
      lost: { card: 'degraded' },
      atMs: DAY_MS,
      severity: 'minor',
      gone: [],
    },
    {
      name: 'what is not known',
      stores: 40,
      lost: { card: 'unknown' },
      atMs: DAY_MS,
      severity: 'minor',
      gone: [],
    },
    { name: 'no store at all', stores: 0, lost: {}, atMs: DAY_MS, severity: 'minor', gone: [] },
  ] as const)('makes $name $severity', ({ stores, lost, atMs, severity, gone }) => {
    const states: Readonly<Record<string, MethodState>> = lost;
    const stateOf = (_store: unknown, method: string): MethodState => states[method] ?? 'available';
    const outlook = { estate: ESTATE, methods: DEFAULT_METHODS };
    expect(weigh(STORES.slice(0, stores), outlook, stateOf, atMs)).toEqual({ severity, methodsLost: gone });
  });
});

describe('methodsOn', () => {
  test.each([
    { kinds: ['terminal'], names: ['card', 'wallet'] },
    { kinds: ['wallet'], names: ['wallet'] },
    { kinds: ['acquirer'], names: ['card', 'wallet'] },
    { kinds: ['till', 'web'], names: ['swish', 'cash', 'web'] },
    { kinds: ['gateway'], names: [] },
  ] as const)('finds that $names hang on $kinds', ({ kinds, names }) => {
    expect(methodsOn(new Set<string>(kinds), DEFAULT_METHODS).map(({ name }) => name)).toEqual(names);
  });
});

test('an incident stays as severe as it once was', () => {
  expect(worseOf('critical', 'minor')).toBe('critical');
  expect(worseOf('info', 'major')).toBe('major');
});
