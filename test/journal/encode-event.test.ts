import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { chainHash } from '../../src/journal/chain.ts';
import { encodeEvent } from '../../src/journal/encode-event.ts';
import { change, incident } from './drafts.ts';

describe('encodeEvent', () => {
  test.each([
    { name: 'a change', draft: change(3) },
    { name: 'an incident', draft: incident('i1', 'opened') },
  ])('gives the same text for $name whatever the order of its keys', ({ draft }) => {
    const expected = encodeEvent(draft);
    const { atMs: _atMs, ...parts } = draft;
    expect(JSON.parse(expected.payload)).toEqual(parts);
    const keys = Object.keys(JSON.parse(expected.payload) as object);
    expect(keys).toEqual(keys.toSorted());
    fc.assert(
      fc.property(
        fc.shuffledSubarray(Object.entries(draft), { minLength: Object.keys(draft).length }),
        (entries) => {
          expect(encodeEvent(Object.fromEntries(entries) as unknown as typeof draft)).toEqual(expected);
        },
      ),
    );
  });
});

test('a chain’s hash is SHA-256 of the last hash, both numbers as big-endian 64-bit integers, and the payload', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.maxSafeNat(),
      fc.maxSafeInteger(),
      fc.oneof(
        fc.string({ unit: 'grapheme' }),
        fc.nat(9_000).map((length) => 'ö'.repeat(length)),
      ),
      (previous, seq, atMs, payload) => {
        const numbers = Buffer.alloc(16);
        numbers.writeBigUInt64BE(BigInt(seq), 0);
        numbers.writeBigInt64BE(BigInt(atMs), 8);
        const expected = createHash('sha256').update(previous).update(numbers).update(payload).digest();
        expect(Buffer.from(chainHash(previous, seq, atMs, payload))).toEqual(expected);
      },
    ),
  );
});
