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
  const length = 48 + Buffer.byteLength(payload);
  const bytes = length <= scratch.length ? scratch.subarray(0, length) : Buffer.allocUnsafe(length);
  bytes.set(previous, 0);
  writeInt64(bytes, seq, 32);
  writeInt64(bytes, atMs, 40);
  bytes.write(payload, 48);
  return hash('sha256', bytes, 'buffer');
}

/** Most events fit: a storm has them by the hundred thousand. */
const scratch = Buffer.allocUnsafe(4_096);

function writeInt64(bytes: Buffer, value: number, at: number): void {
  bytes.writeInt32BE(Math.floor(value / 2 ** 32), at);
  bytes.writeUInt32BE(value % 2 ** 32 < 0 ? (value % 2 ** 32) + 2 ** 32 : value % 2 ** 32, at + 4);
}

/** Lower-case hexadecimal, as people note it. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
