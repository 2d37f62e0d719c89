import { createHmac } from 'node:crypto';
import { err, ok, type Result } from '../../lib/result.ts';

const PREFIX = 'whsec_';
/** What Standard Webhooks asks of a secret. */
const SHORTEST_BYTES = 24;
const LONGEST_BYTES = 64;

/**
 * Reads secrets as Standard Webhooks writes them, `whsec_` and base64, one a line. With more than one every message is
 * signed with each, so that a receiver can change over. The error never holds what was read.
 */
export function parseSecrets(text: string): Result<readonly Buffer[]> {
  const secrets: Buffer[] = [];
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  for (const line of lines) {
    const written = line.trim();
    const base64 = written.slice(PREFIX.length);
    const secret = Buffer.from(base64, 'base64');
    const isBase64 = secret.toString('base64').replace(/=+$/, '') === base64.replace(/=+$/, '');
    const isLongEnough = secret.length >= SHORTEST_BYTES && secret.length <= LONGEST_BYTES;
    if (!written.startsWith(PREFIX) || !isBase64 || !isLongEnough) {
      return err(
        `holds no secret as Standard Webhooks writes it: ${PREFIX} and ${SHORTEST_BYTES} to ${LONGEST_BYTES} random bytes in base64; make one with: echo "${PREFIX}$(openssl rand -base64 32)"`,
      );
    }
    secrets.push(secret);
  }
  return ok(secrets);
}

/**
 * The headers by which a receiver knows the message and its sender, as Standard Webhooks 1.0 has them. `id` has no full
 * stop. Without secrets there is no signature.
 */
export function signatureHeaders(
  id: string,
  body: string,
  secrets: readonly Buffer[],
  nowMs: number,
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(nowMs / 1_000));
  const signatures = secrets.map((secret) => {
    const digest = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64');
    return `v1,${digest}`;
  });
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    ...(signatures.length === 0 ? {} : { 'webhook-signature': signatures.join(' ') }),
  };
}

/** A notice's key as a header can hold it: itself, but for marks that a header or the signature could not bear. */
export function headerKey(key: string): string {
  return key.replace(/[^\w/:@=+-]/gu, (mark) =>
    Array.from(Buffer.from(mark), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}
