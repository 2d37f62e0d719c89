import { describe, expect, test } from '@jest/globals';
import { formatDuration, parseDuration } from '../../src/lib/duration.ts';
import { fnv1a } from '../../src/lib/hash.ts';
import { redact } from '../../src/lib/redact.ts';
import { suggest } from '../../src/lib/suggest.ts';

describe('parseDuration', () => {
  test.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['2d', 172_800_000],
  ])('reads %s', (text, ms) => {
    expect(parseDuration(text)).toEqual({ ok: true, value: ms });
  });

  test.each(['', '30', 's', '30 s', '-5s', '5sx', '1e3s'])(
    'refuses "%s" and says how to write it',
    (text) => {
      expect(parseDuration(text)).toMatchObject({
        ok: false,
        error: expect.stringContaining('500ms, 30s, 5m or 1h'),
      });
    },
  );
});

describe('formatDuration', () => {
  test.each([
    [3.4, '3 ms'],
    [4_200, '4.2 s'],
    [59_000, '59 s'],
    [200_000, '3 min 20 s'],
    [3_600_000, '1 h'],
    [7_500_000, '2 h 5 min'],
    [90_000_000, '1 d 1 h'],
  ])('%s ms is %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

test('fnv1a gives the published values', () => {
  expect(fnv1a('')).toBe(0x811c9dc5);
  expect(fnv1a('a')).toBe(0xe40c292c);
  expect(fnv1a('foobar')).toBe(0xbf9cf968);
});

describe('suggest', () => {
  test.each([
    ['interva1', 'interval'],
    ['prober', 'prober'],
    ['Timeout', 'timeout'],
    ['terminals', undefined],
  ])('%s → %s', (word, expected) => {
    expect(suggest(word, ['interval', 'prober', 'timeout', 'x'])).toBe(expected);
  });
});

describe('redact', () => {
  test.each([
    ['a card number', 'read 4111111111111111 from', 'read [card number removed] from'],
    ['a card number in groups', '4111 1111 1111 1111', '[card number removed]'],
    ['a card number behind another number', 'till 12 4111 1111 1111 1111', 'till [card number removed]'],
    ['a card number before another number', '4111111111111111 25', '[card number removed]'],
    ['track 2', ';4111111111111111=25121010000012300000?', '[track removed]'],
    ['track 1', '%B4111111111111111^DOE/JOHN^2512101?', '[track removed]'],
  ])('removes %s', (_name, text, clean) => {
    expect(redact(text)).toBe(clean);
  });

  test.each(['V400m-346403161', '2023-12-22T13:07:00.000Z', 'expires in 1234567890123 s', '1 2 3 4 5 6 7 8'])(
    'leaves %s',
    (text) => {
      expect(redact(text)).toBe(text);
    },
  );
});
