import { describe, expect, test } from '@jest/globals';
import { Memo } from '../../src/probes/memo.ts';

describe('a memo', () => {
  test('makes a value once for each text', () => {
    const made: string[] = [];
    const memo = new Memo((text) => {
      made.push(text);
      return { text };
    });
    expect(memo.of('a')).toBe(memo.of('a'));
    expect(memo.of('b')).toEqual({ text: 'b' });
    expect(made).toEqual(['a', 'b']);
  });

  test('makes it anew when it has met too many others since', () => {
    let made = 0;
    const memo = new Memo(() => ++made);
    memo.of('first');
    for (let i = 0; i < 200_000; i++) memo.of(`other ${i}`);
    expect(memo.of('first')).toBe(200_002);
  });
});
