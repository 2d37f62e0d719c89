import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  pbkdf2Sync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { z } from 'zod';
import { err, ok, type Result } from '../lib/result.ts';

/**
 * The envelope of Adyen's local Terminal API, version 1: the message is encrypted with AES-256-CBC and
 * authenticated with HMAC-SHA256 over its plain text, the keys are derived from a passphrase that both sides know.
 * Source: docs.adyen.com (Protect local communications) and Adyen's published client libraries; a vendor's format,
 * so none of its choices (SHA-1, 4000 rounds, MAC before encryption) are ours to make.
 */
export interface NexoKey {
  readonly keyIdentifier: string;
  readonly keyVersion: number;
  readonly cryptoVersion: 1;
  readonly material: KeyMaterial;
}

interface KeyMaterial {
  /** 32 bytes. */
  readonly hmacKey: Buffer;
  /** 32 bytes. */
  readonly cipherKey: Buffer;
  /** 16 bytes; the initial vector of a message is this XOR the message's nonce. */
  readonly iv: Buffer;
}

/** What an enveloped message carries beside its clear header. */
export interface SealedMessage {
  readonly NexoBlob: string;
  readonly SecurityTrailer: {
    readonly AdyenCryptoVersion: number;
    readonly KeyIdentifier: string;
    readonly KeyVersion: number;
    readonly Nonce: string;
    readonly Hmac: string;
  };
}

const NONCE_BYTES = 16;

/** Derives the keys of `passphrase`: some milliseconds of work, so once for each module. */
export function deriveKeyMaterial(passphrase: string): KeyMaterial {
  const bytes = pbkdf2Sync(Buffer.from(passphrase, 'latin1'), 'AdyenNexoV1Salt', 4_000, 80, 'sha1');
  return { hmacKey: bytes.subarray(0, 32), cipherKey: bytes.subarray(32, 64), iv: bytes.subarray(64, 80) };
}

/** Encrypts `message`, a whole request as JSON. `nonce` is 16 bytes and never used twice; given only by tests. */
export function sealMessage(message: string, key: NexoKey, nonce = randomBytes(NONCE_BYTES)): SealedMessage {
  const plain = Buffer.from(message, 'utf8');
  const cipher = createCipheriv('aes-256-cbc', key.material.cipherKey, messageIv(key.material, nonce));
  return {
    NexoBlob: Buffer.concat([cipher.update(plain), cipher.final()]).toString('base64'),
    SecurityTrailer: {
      AdyenCryptoVersion: key.cryptoVersion,
      KeyIdentifier: key.keyIdentifier,
      KeyVersion: key.keyVersion,
      Nonce: nonce.toString('base64'),
      Hmac: macOf(key.material, plain).toString('base64'),
    },
  };
}

/** Why an envelope does not open. `malformed`: it is none; `wrong-key`: it was not made with our key. */
export type EnvelopeProblem = 'malformed' | 'wrong-key';

const Sealed = z.object({
  NexoBlob: z.string().min(1),
  SecurityTrailer: z.object({ Nonce: z.string(), Hmac: z.string() }),
});

/** The JSON text inside `sealed`, once its HMAC is seen to be right. Never throws, whatever `sealed` is. */
export function openMessage(sealed: unknown, key: NexoKey): Result<string, EnvelopeProblem> {
  const read = Sealed.safeParse(sealed);
  if (!read.success) return err('malformed');
  const blob = Buffer.from(read.data.NexoBlob, 'base64');
  const nonce = Buffer.from(read.data.SecurityTrailer.Nonce, 'base64');
  const mac = Buffer.from(read.data.SecurityTrailer.Hmac, 'base64');
  if (nonce.length !== NONCE_BYTES || blob.length === 0 || blob.length % 16 !== 0) return err('malformed');
  const plain = decrypt(blob, key.material, nonce);
  if (plain === undefined) return err('wrong-key');
  const expected = macOf(key.material, plain);
  if (mac.length !== expected.length || !timingSafeEqual(mac, expected)) return err('wrong-key');
  return ok(plain.toString('utf8'));
}

/** Undefined when the padding is wrong, which a wrong key shows nearly always before the HMAC could. */
function decrypt(blob: Buffer, material: KeyMaterial, nonce: Buffer): Buffer | undefined {
  const decipher = createDecipheriv('aes-256-cbc', material.cipherKey, messageIv(material, nonce));
  try {
    return Buffer.concat([decipher.update(blob), decipher.final()]);
  } catch {
    return undefined;
  }
}

function messageIv(material: KeyMaterial, nonce: Buffer): Buffer {
  return Buffer.from(material.iv.map((byte, i) => byte ^ (nonce[i] ?? 0)));
}

function macOf(material: KeyMaterial, plain: Buffer): Buffer {
  return createHmac('sha256', material.hmacKey).update(plain).digest();
}
