import '../../src/simulator/reflect-metadata.ts';
import type { webcrypto } from 'node:crypto';
import type { JsonName, X509Certificate } from '@peculiar/x509';

// Loaded after reflect-metadata.ts has run; a static import of it, being CommonJS, would come first under Jest.
const {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} = await import('@peculiar/x509');

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;

/** A certificate and its key as PEM, as `tls.createServer` and `tls_config` files want them. */
export interface Certificate {
  /** With the intermediate authorities below it, if any; never with the root. */
  readonly cert: string;
  readonly key: string;
  readonly expiresAtMs: number;
}

/** A certificate authority that lives as long as the test. */
export interface Authority extends Certificate {
  /** Issues a certificate below this authority. */
  issue(wish: CertificateWish): Promise<Certificate>;
  /** Issues another authority below this one. */
  issueAuthority(commonName: string): Promise<Authority>;
}

export interface CertificateWish {
  readonly commonName?: string;
  /** Further attributes of the subject, e.g. `[{ O: ['Solhaga'] }]`. */
  readonly subject?: JsonName;
  readonly dns?: readonly string[];
  readonly ip?: readonly string[];
  /** Days from now that it begins and ends; negative in the past. Default: yesterday to a year from now. */
  readonly fromDays?: number;
  readonly toDays?: number;
  readonly usage?: 'server' | 'client';
}

/** A root that signs itself. */
export function makeAuthority(commonName = 'Test Root', toDays = 3650): Promise<Authority> {
  return authority({ commonName, toDays });
}

/** A leaf that signs itself. */
export function makeSelfSigned(wish: CertificateWish): Promise<Certificate> {
  return generate(wish, undefined, false).then(({ certificate }) => certificate);
}

interface Issuer {
  readonly certificate: X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
  /** Its own certificate and those above it but the root's, as PEM; empty for a root. */
  readonly intermediates: string;
}

async function authority(wish: CertificateWish, issuer?: Issuer): Promise<Authority> {
  const made = await generate(wish, issuer, true);
  return {
    ...made.certificate,
    issue: async (leaf) => (await generate(leaf, made.issuer, false)).certificate,
    issueAuthority: (commonName) => authority({ commonName }, made.issuer),
  };
}

async function generate(
  wish: CertificateWish,
  issuer: Issuer | undefined,
  isAuthority: boolean,
): Promise<{ readonly certificate: Certificate; readonly issuer: Issuer }> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const now = Date.now();
  const expiresAtMs = Math.floor((now + (wish.toDays ?? 365) * DAY_MS) / 1_000) * 1_000;
  const names = [
    ...(wish.dns ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(wish.ip ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  const subject: JsonName = [{ CN: [wish.commonName ?? wish.dns?.[0] ?? 'test'] }, ...(wish.subject ?? [])];
  const usage =
    wish.usage === 'client' ? '1.3.6.1.5.5.7.3.2' /* clientAuth */ : '1.3.6.1.5.5.7.3.1'; /* serverAuth */
  const settings = {
    serialNumber: Buffer.from(crypto.getRandomValues(new Uint8Array(12))).toString('hex'),
    notBefore: new Date(now + (wish.fromDays ?? Math.min(-1, (wish.toDays ?? 365) - 30)) * DAY_MS),
    notAfter: new Date(expiresAtMs),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    subject,
    extensions: isAuthority
      ? [
          new BasicConstraintsExtension(true, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        ]
      : [
          new BasicConstraintsExtension(false),
          new ExtendedKeyUsageExtension([usage]),
          ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)]),
        ],
  };
  const certificate = await X509CertificateGenerator.create({
    ...settings,
    issuer: issuer?.certificate.subjectName.toJSON() ?? subject,
    signingKey: (issuer?.keys ?? keys).privateKey,
  });
  const intermediates = issuer?.intermediates ?? '';
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    certificate: {
      cert: `${certificate.toString('pem')}\n${intermediates}`,
      key: `${PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n`,
      expiresAtMs,
    },
    issuer: {
      certificate,
      keys,
      intermediates: issuer === undefined ? '' : `${certificate.toString('pem')}\n${intermediates}`,
    },
  };
}
