import type { Estate } from '../estate/estate.ts';
import type { TargetId } from '../estate/ids.ts';

const ORDERS = new WeakMap<Estate, readonly TargetId[]>();

/** The estate's targets in the order of their ids, by `<`: what the bits of an `evidence-gathered` stand for. */
export function orderedIds(estate: Estate): readonly TargetId[] {
  let ids = ORDERS.get(estate);
  if (ids === undefined) {
    ids = Array.from(estate.targets.keys()).sort();
    ORDERS.set(estate, ids);
  }
  return ids;
}

/** Bits as text: base64 of the bytes, bit n being `bytes[n >> 3] & (1 << (n & 7))`. */
export function encodeBits(bits: Uint8Array): string {
  return bits.toBase64();
}

/** The bytes of `encodeBits`. Throws a `SyntaxError` on anything else. */
export function decodeBits(text: string): Uint8Array {
  return Uint8Array.fromBase64(text);
}
