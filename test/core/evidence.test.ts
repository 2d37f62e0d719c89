import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeBits, encodeBits, orderedIds } from '../../src/core/evidence.ts';
import type { Estate } from '../../src/estate/estate.ts';
import { toTargetId } from '../../src/estate/ids.ts';

const estateOf = (...ids: string[]): Estate => ({
  stores: new Map(),
  targets: new Map(
    ids.map((id) => [
      toTargetId(id),
      { id: toTargetId(id), module: 'terminal', address: 'a:1', kind: 'terminal', labels: {} },
    ]),
  ),
});

describe('evidence', () => {
  test('bits come back as they were', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bits) => {
        expect(decodeBits(encodeBits(bits))).toEqual(bits);
      }),
    );
  });

  test('the lowest bit of the first byte is the first target', () => {
    expect(encodeBits(Uint8Array.of(1))).toBe('AQ==');
    expect(() => decodeBits('not base64')).toThrow('base64');
  });

  test('ids are ordered by their code units, whatever the order in the estate, and only once', () => {
    const estate = estateOf('b', 'a', 'T10', 'T9', 'å', 'Z');
    expect(orderedIds(estate)).toEqual(['T10', 'T9', 'Z', 'a', 'b', 'å']);
    expect(orderedIds(estate)).toBe(orderedIds(estate));
  });
});
