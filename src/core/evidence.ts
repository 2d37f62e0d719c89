import type { Estate } from '../estate/estate.ts';
import type { TargetId } from '../estate/ids.ts';

const ORDERS = new WeakMap<Estate, readonly TargetId[]>();

/** The estate's targets in the order of their ids: what the bits of evidence stand for. Made once for each estate. */
export function orderedIds(estate: Estate): readonly TargetId[] {
  let ids = ORDERS.get(estate);
  if (ids === undefined) {
    ids = Array.from(estate.targets.keys()).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    ORDERS.set(estate, ids);
  }
  return ids;
}

/** A bit set as base64. */
export function encodeBits(bits: Uint8Array): string {
  return bits.toBase64();
}

/** The reverse. Throws a SyntaxError when `text` is no base64. */
export function decodeBits(text: string): Uint8Array {
  return Uint8Array.fromBase64(text);
}
