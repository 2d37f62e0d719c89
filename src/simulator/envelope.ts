import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  pbkdf2Sync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { z } from 'zod';

/**
 * The terminal's side of the encrypted envelope, written from its description alone: sharing code with the prober
 * would let both be wrong together.
 */
export interface SharedKey {
  readonly identifier: string;
  readonly version: number;
  readonly hmacKey: Buffer;
  readonly cipherKey: Buffer;
  readonly iv: Buffer;
}

const SALT = 'AdyenNexoV1Salt';
const ROUNDS = 4_000;
const CIPHER = 'aes-256-cbc';

export const Envelope = z.object({
  NexoBlob: z.base64(),
  SecurityTrailer: z.object({
    AdyenCryptoVersion: z.literal(1),
    KeyIdentifier: z.string(),
    KeyVersion: z.number(),
    Nonce: z.base64(),
    Hmac: z.base64(),
  }),
});
export type Envelope = z.infer<typeof Envelope>;

export function deriveKey(identifier: string, version: number, passphrase: string): SharedKey {
  const material = pbkdf2Sync(Buffer.from(passphrase, 'latin1'), SALT, ROUNDS, 80, 'sha1');
  return {
    identifier,
    version,
    hmacKey: material.subarray(0, 32),
    cipherKey: material.subarray(32, 64),
    iv: material.subarray(64, 80),
  };
}

/** `nonce`: 16 bytes, never used before with this key. */
export function seal(plaintext: string, key: SharedKey, nonce: Buffer = randomBytes(16)): Envelope {
  const cipher = createCipheriv(CIPHER, key.cipherKey, mixIv(key.iv, nonce));
  const blob = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
  return {
    NexoBlob: blob.toString('base64'),
    SecurityTrailer: {
      AdyenCryptoVersion: 1,
      KeyIdentifier: key.identifier,
      KeyVersion: key.version,
      Nonce: nonce.toString('base64'),
      Hmac: createHmac('sha256', key.hmacKey).update(plaintext, 'utf8').digest('base64'),
    },
  };
}

/** Undefined: not sealed with this key, or changed on the way. */
export function unseal({ NexoBlob, SecurityTrailer: trailer }: Envelope, key: SharedKey): string | undefined {
  if (trailer.KeyIdentifier !== key.identifier || trailer.KeyVersion !== key.version) return undefined;
  const nonce = Buffer.from(trailer.Nonce, 'base64');
  if (nonce.length !== key.iv.length) return undefined;
  try {
    const decipher = createDecipheriv(CIPHER, key.cipherKey, mixIv(key.iv, nonce));
    const plaintext = Buffer.concat([decipher.update(NexoBlob, 'base64'), decipher.final()]);
    const expected = createHmac('sha256', key.hmacKey).update(plaintext).digest();
    const given = Buffer.from(trailer.Hmac, 'base64');
    const isGenuine = given.length === expected.length && timingSafeEqual(given, expected);
    return isGenuine ? plaintext.toString('utf8') : undefined;
  } catch {
    return undefined;
  }
}

function mixIv(iv: Buffer, nonce: Buffer): Buffer {
  return Buffer.from(iv.map((byte, index) => byte ^ (nonce[index] ?? 0)));
}
