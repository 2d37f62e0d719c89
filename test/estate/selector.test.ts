import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isSelected, labelOf, matchesTarget, parseSelector } from '../../src/estate/selector.ts';
import { makeTarget, selectorOf } from './estates.ts';

const T1 = makeTarget('T1', {
  kind: 'terminal',
  store: 'S1',
  chain: 'Solhaga',
  acquirer: 'Bank A, Karlstad',
});

describe('a selector', () => {
  test.each([
    { text: 'chain=Solhaga', is: true },
    { text: 'chain=Torgboden', is: false },
    { text: 'chain!=Torgboden', is: true },
    { text: 'chain!=Solhaga', is: false },
    { text: 'chain=Torgboden|Solhaga', is: true },
    { text: 'chain!=Torgboden|Solhaga', is: false },
    { text: 'kind=terminal, chain=Solhaga', is: true },
    { text: 'kind=gateway, chain=Solhaga', is: false },
    { text: ' kind = terminal ,chain = Torgboden | Solhaga ', is: true },
    { text: 'acquirer="Bank A, Karlstad"', is: true },
    { text: 'acquirer="Bank B"|"Bank A, Karlstad"', is: true },
    { text: 'target=T1', is: true },
    { text: 'target=T2', is: false },
    { text: 'store=S1', is: true },
    { text: 'module=m', is: true },
    { text: 'region=Värmland', is: false },
    { text: 'region!=Värmland', is: true },
    { text: 'region=""', is: true },
    { text: 'chain=""', is: false },
    { text: 'chain!=""', is: true },
    { text: 'toString!=""', is: false },
  ] as const)('$text holds for T1: $is', ({ text, is }) => {
    expect(matchesTarget(T1, selectorOf(text))).toBe(is);
  });

  test.each([
    { text: '', why: 'name at least one label' },
    { text: '  ', why: 'name at least one label' },
    { text: 'Solhaga', why: '"Solhaga" is no condition; write label=value' },
    { text: 'chain=', why: 'chain= has no value; write chain="" for what has no chain' },
    { text: 'chain=A|', why: 'chain= has no value' },
    { text: 'chain=A,', why: 'nothing between two commas' },
    { text: ',chain=A', why: 'nothing between two commas' },
    {
      text: 'chain=~A.*',
      why: 'patterns (=~) are not known; write the values with | between, as in chain=a|b',
    },
    { text: 'chain==A', why: 'write one = and not two' },
    { text: 'chain="A', why: 'a quote is opened and not closed' },
    { text: 'chain=A"B"', why: 'put the value A"B" in quotes' },
    { text: 'chain=A=B', why: 'put the value A=B in quotes' },
    { text: 'till system=A', why: '"till system" cannot be a label' },
    { text: '="A"', why: '"" cannot be a label' },
  ] as const)('$text is refused with what to write', ({ text, why }) => {
    expect(parseSelector(text)).toEqual({ ok: false, error: expect.stringContaining(why) });
  });

  test('names any value at all when it stands in quotes', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1, unit: 'grapheme' }), { minLength: 1 }), (values) => {
        const quoted = values.map((value) => `"${value.replaceAll(/["\\]/g, '\\$&')}"`);
        const selector = selectorOf(`a=${quoted.join('|')}, b!=${quoted.join(' | ')}`);
        for (const value of values) {
          expect(isSelected({ a: value }, selector)).toBe(true);
          expect(isSelected({ a: value, b: value }, selector)).toBe(false);
        }
        expect(isSelected({ a: `${values.join('')}x` }, selector)).toBe(false);
      }),
    );
  });

  test('is read or refused, whatever is written', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', '=', '!', '|', ',', '"', ' ', '\\', '~', '\n') }),
        (text) => {
          const read = parseSelector(text);
          if (read.ok) expect(read.value.conditions.length).toBeGreaterThan(0);
          else expect(read.error).toContain('is not a selector: ');
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

test('a target tells its id and module like labels, and nothing of what it lacks', () => {
  expect(['target', 'module', 'chain', 'region', 'constructor'].map((label) => labelOf(T1, label))).toEqual([
    'T1',
    'm',
    'Solhaga',
    '',
    '',
  ]);
});
