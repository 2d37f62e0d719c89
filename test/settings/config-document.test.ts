import { describe, expect, test } from '@jest/globals';
import { formatPath, type Path, readConfigDocument } from '../../src/settings/config-document.ts';

const TEXT = `# a comment
top:
  block:
    key: value
  flow: { a: 1, b: [x, y] }
  list:
    - id: one
    - { id: two }
  empty:
  alias: &it { deep: 1 }
other: *it
"quoted key": 1
`;

function documentOf(text: string) {
  const { document, problems } = readConfigDocument('c.yaml', text, {});
  if (document === undefined) throw new Error(problems.map(({ message }) => message).join('\n'));
  return document;
}

describe('positions in a document', () => {
  test.each<{ name: string; path: Path; value: string; key: string }>([
    { name: 'a value', path: ['top', 'block', 'key'], value: '4:10', key: '4:5' },
    { name: 'a block, at its key', path: ['top', 'block'], value: '3:3', key: '3:3' },
    { name: 'a map in braces', path: ['top', 'flow'], value: '5:9', key: '5:3' },
    { name: 'a value in braces', path: ['top', 'flow', 'a'], value: '5:14', key: '5:11' },
    { name: 'an item in brackets', path: ['top', 'flow', 'b', 1], value: '5:24', key: '5:24' },
    { name: 'an item of a block list', path: ['top', 'list', 0], value: '7:7', key: '7:7' },
    { name: 'a value in an item', path: ['top', 'list', 1, 'id'], value: '8:13', key: '8:9' },
    { name: 'a key without a value', path: ['top', 'empty'], value: '9:3', key: '9:3' },
    { name: 'a value behind an alias', path: ['other', 'deep'], value: '10:22', key: '10:16' },
    { name: 'a quoted key', path: ['quoted key'], value: '12:15', key: '12:1' },
    {
      name: 'what is absent, at the part around it',
      path: ['top', 'block', 'none'],
      value: '3:3',
      key: '3:3',
    },
    { name: 'what is absent from an item', path: ['top', 'list', 0, 'none', 3], value: '7:7', key: '7:7' },
    { name: 'an item beyond the end', path: ['top', 'list', 9], value: '6:3', key: '6:3' },
    { name: 'the whole', path: [], value: '2:1', key: '2:1' },
  ])('are those of $name', ({ path, value, key }) => {
    const document = documentOf(TEXT);
    const asText = ({ line, column }: { line: number; column: number }): string => `${line}:${column}`;
    expect(asText(document.positionOf(path))).toBe(value);
    expect(asText(document.positionOfKey(path))).toBe(key);
  });

  test('are the start of an empty document', () => {
    expect(documentOf('').positionOf(['modules'])).toEqual({ line: 1, column: 1 });
  });
});

describe('keys', () => {
  test.each<{ name: string; text: string; value: object }>([
    { name: 'numbers', text: '404: x', value: { '404': 'x' } },
    {
      name: 'names of what objects have',
      text: 'constructor: 1\ntoString: 2',
      value: { constructor: 1, toString: 2 },
    },
  ])('may be $name', ({ text, value }) => {
    expect(documentOf(text).value).toEqual(value);
  });

  test('that stand twice are all told, with the place of the first', () => {
    const { problems } = readConfigDocument('c.yaml', 'a: 1\nb: { c: 1, c: 2 }\na: 3\na: 4\n', {});
    expect(problems).toEqual([
      {
        file: 'c.yaml',
        line: 2,
        column: 12,
        path: 'b.c',
        message: 'option "c" stands twice; it is also on line 2: keep one',
      },
      {
        file: 'c.yaml',
        line: 3,
        column: 1,
        path: 'a',
        message: 'option "a" stands twice; it is also on line 1: keep one',
      },
      {
        file: 'c.yaml',
        line: 4,
        column: 1,
        path: 'a',
        message: 'option "a" stands twice; it is also on line 1: keep one',
      },
    ]);
  });
});

test('several faults of the YAML itself are told together', () => {
  const { document, problems } = readConfigDocument('c.yaml', 'a: [1, 2\nb: "x\n', {});
  expect(document).toBeUndefined();
  expect(problems.length).toBeGreaterThan(1);
  for (const { message } of problems) expect(message).toMatch(/^this is not valid YAML here: /);
});

test('values under names of secrets are not the only ones that are hidden', () => {
  const { document } = readConfigDocument('c.yaml', 'a: { b: "x${V}", c: plain }\n', { V: 'pass"word' });
  expect(document?.withoutSecrets(['a'], 'has "xpass\\"word" and pass"word')).toBe('has "x${V}" and ${V}');
  expect(document?.withoutSecrets(['a', 'c'], 'has pass"word')).toBe('has pass"word');
  expect(document?.isInterpolated(['a', 'b'])).toBe(true);
  expect(document?.isInterpolated(['a', 'c'])).toBe(false);
});

test('short values are hidden only where they are quoted', () => {
  const { document } = readConfigDocument('c.yaml', 'a: ${V}\n', { V: 'is' });
  expect(document?.withoutSecrets(['a'], '"is" this is not')).toBe('"${V}" this is not');
});

test.each<{ path: Path; text: string }>([
  { path: [], text: '' },
  { path: ['a'], text: 'a' },
  { path: ['targets', 0, 'labels', 'x'], text: 'targets[0].labels.x' },
])('a path is written as $text', ({ path, text }) => {
  expect(formatPath(path)).toBe(text);
});
