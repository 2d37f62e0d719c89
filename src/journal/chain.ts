import { hash } from 'node:crypto';

/**
 * What the first event's hash is made of in place of a predecessor's: SHA-256 of this very text, which also names
 * the format. A journal that begins with anything else is not whole.
 */
export const GENESIS: Uint8Array = hash('sha256', 'kassavakt journal, format 1', 'buffer');

/**
 * SHA-256 (previous hash ‖ seq ‖ at ‖ payload): 32 bytes, two unsigned and signed big-endian 64-bit integers, and the
 * payload's UTF-8. Nothing in a chain can be changed, removed, added or moved without every later hash changing.
 */
export function chainHash(previous: Uint8Array, seq: number, atMs: number, payload: string): Uint8Array {
  const bytes = Buffer.allocUnsafe(48 + Buffer.byteLength(payload));
  bytes.set(previous, 0);
  bytes.writeBigUInt64BE(BigInt(seq), 32);
  bytes.writeBigInt64BE(BigInt(atMs), 40);
  bytes.write(payload, 48);
  return hash('sha256', bytes, 'buffer');
}

/** Lower-case hexadecimal, as people note it. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
