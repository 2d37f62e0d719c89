import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { checkAgainst } from '../../src/settings/schema-problems.ts';

const size = z.union([z.int().min(1), z.enum(['small', 'large'])]);
const rule = z.union([
  z.strictObject({ send: z.string() }),
  z.strictObject({ expect: z.string(), within: z.number().optional() }),
]);
const shape = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('round'), radius: z.number() }),
  z.strictObject({ kind: z.literal('square'), side: z.number() }),
]);

describe('a broken rule is told in words', () => {
  test.each<{ name: string; schema: z.ZodType; value: unknown; expected: readonly string[] }>([
    {
      name: 'text for a number',
      schema: z.number(),
      value: 'x',
      expected: ['"a" must be a number, not "x"'],
    },
    {
      name: 'a number for text',
      schema: z.string(),
      value: 7,
      expected: ['"a" must be text, not 7; put it in quotes'],
    },
    {
      name: 'text for a truth',
      schema: z.boolean(),
      value: 'yes',
      expected: ['"a" must be true or false, not "yes"'],
    },
    {
      name: 'a map for a list',
      schema: z.array(z.string()),
      value: {},
      expected: ['"a" must be a list, not a map'],
    },
    {
      name: 'a list for a map',
      schema: z.strictObject({}),
      value: [],
      expected: ['"a" must be a map of options, not a list'],
    },
    {
      name: 'too little',
      schema: z.number().min(2),
      value: 1,
      expected: ['"a" is 1; it must be at least 2'],
    },
    { name: 'not more', schema: z.number().gt(2), value: 2, expected: ['"a" is 2; it must be more than 2'] },
    { name: 'too much', schema: z.number().max(2), value: 3, expected: ['"a" is 3; it must be at most 2'] },
    {
      name: 'too short',
      schema: z.string().min(3),
      value: 'ab',
      expected: ['"a" is "ab"; it must have at least 3 characters'],
    },
    {
      name: 'too few',
      schema: z.array(z.int()).min(1),
      value: [],
      expected: ['"a" is a list; it must have at least 1 entries'],
    },
    {
      name: 'no multiple',
      schema: z.number().multipleOf(5),
      value: 7,
      expected: ['"a" is 7; it must be a multiple of 5'],
    },
    {
      name: 'another form',
      schema: z.string().regex(/^x+$/),
      value: 'y',
      expected: ['"a" is "y", which does not read as text of the form /^x+$/'],
    },
    {
      name: 'another format',
      schema: z.ipv4(),
      value: 'y',
      expected: ['"a" is "y", which does not read as text of the form'],
    },
    {
      name: 'no value',
      schema: z.string(),
      value: null,
      expected: ['"a" has no value; write one, or remove the line'],
    },
    {
      name: 'words of its own',
      schema: z.string().regex(/^x$/, 'write an x'),
      value: 'y',
      expected: ['a: write an x'],
    },
    {
      name: 'words of its own that name it',
      schema: z.string().refine(() => false, 'option a is wrong'),
      value: 'y',
      expected: ['option a is wrong'],
    },
    {
      name: 'any type of a union',
      schema: size,
      value: [],
      expected: ['"a" cannot be a list; it must be a number or "small" or "large"'],
    },
    { name: 'a branch of a union', schema: size, value: 0, expected: ['"a" is 0; it must be at least 1'] },
    {
      name: 'a name in a branch of a union',
      schema: rule,
      value: { send: 'x', sent: 1 },
      expected: ['unknown option "sent", did you mean "send"?'],
    },
    {
      name: 'a value in a branch of a union',
      schema: rule,
      value: { expect: 'x', within: 'y' },
      expected: ['"within" must be a number, not "y"'],
    },
    {
      name: 'the word that tells branches apart',
      schema: shape,
      value: { kind: 'rond' },
      expected: ['"kind" is "rond"; it must be round or square, did you mean "round"?'],
    },
    {
      name: 'a branch that was told apart',
      schema: shape,
      value: { kind: 'round' },
      expected: ['missing option "radius"'],
    },
    {
      name: 'a name',
      schema: z.record(z.string().regex(/^x/), z.int()),
      value: { y: 1 },
      expected: ['"y" cannot be a name here'],
    },
  ])('$name', ({ schema, value, expected }) => {
    const problems = checkAgainst(z.strictObject({ a: schema }), { a: value });
    expect(problems.map(({ message }) => message)).toEqual(
      expected.map((text) => expect.stringContaining(text) as unknown as string),
    );
  });

  test('with the whole path, below where the value stands', () => {
    const schema = z.strictObject({ list: z.array(z.strictObject({ n: z.int() })) });
    expect(checkAgainst(schema, { list: [{ n: 1 }, { n: 'x', m: 2 }] }, ['modules', 'shop'])).toEqual([
      { path: ['modules', 'shop', 'list', 1, 'n'], ofKey: false, message: '"n" must be a number, not "x"' },
      {
        path: ['modules', 'shop', 'list', 1, 'm'],
        ofKey: true,
        message: 'unknown option "m", did you mean "n"?',
      },
    ]);
  });

  test('and nothing is told of a value that fits', () => {
    expect(checkAgainst(shape, { kind: 'round', radius: 1 })).toEqual([]);
  });
});
