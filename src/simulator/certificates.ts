import './reflect-metadata.ts';
import { webcrypto } from 'node:crypto';
import type { X509Certificate } from '@peculiar/x509';
import type { Clock } from '../lib/clock.ts';

/** A certificate and its private key, both PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** What a server can show: the right certificate, one that has run out, one for another name. */
export interface ServerIdentities {
  readonly good: Identity;
  readonly expired: Identity;
  readonly wrongName: Identity;
}

/** Everything that the simulated estate signs, from a certificate authority of its own. */
export interface Certificates {
  /** The root that all chain to, PEM. */
  readonly ca: string;
  readonly terminal: ServerIdentities;
  /** For 127.0.0.1: web shops and Swish. */
  readonly loopback: ServerIdentities;
  /** What the merchant shows to Swish. */
  readonly swishClient: Identity;
}

/** Every simulated terminal shows this name, as test terminals do. */
export const TERMINAL_NAME = 'legacy-terminal-certificate.test.terminal.adyen.com';
const OTHER_NAME = 'other-host.example';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
/** Object identifiers of what a certificate may be used for. Source: RFC 5280, 4.2.1.12. */
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

interface Leaf {
  readonly commonName: string;
  readonly names: readonly { readonly type: 'dns' | 'ip'; readonly value: string }[];
  readonly usage: typeof SERVER_AUTH | typeof CLIENT_AUTH;
  /** Days from today, negative before it. */
  readonly validDays: readonly [from: number, to: number];
}

/** Makes a certificate authority and all that it signs. Elliptic curves throughout: some milliseconds. */
export async function makeCertificates(clock: Clock): Promise<Certificates> {
  // Loaded late: it is big, only simulations need it, and reflect-metadata.ts must have run before.
  const x509 = await import('@peculiar/x509');
  const caKeys = await makeKeys();
  const nowMs = clock.nowMs();
  const ca = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: 'CN=Kassavakt simulator CA',
      keys: caKeys,
      notBefore: new Date(nowMs - 400 * DAY_MS),
      notAfter: new Date(nowMs + 3_650 * DAY_MS),
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      ],
    },
    webcrypto,
  );
  const sign = (leaf: Leaf): Promise<Identity> => signLeaf(x509, leaf, ca, caKeys.privateKey, nowMs);
  const [terminal, loopback, swishClient] = await Promise.all([
    makeServerIdentities(sign, TERMINAL_NAME, { type: 'dns', value: TERMINAL_NAME }),
    makeServerIdentities(sign, 'Simulated service', { type: 'ip', value: '127.0.0.1' }),
    sign({
      commonName: '1230000000',
      names: [],
      usage: CLIENT_AUTH,
      validDays: [-30, 700],
    }),
  ]);
  return { ca: ca.toString('pem'), terminal, loopback, swishClient };
}

async function makeServerIdentities(
  sign: (leaf: Leaf) => Promise<Identity>,
  commonName: string,
  name: Leaf['names'][number],
): Promise<ServerIdentities> {
  const leaf = { commonName, names: [name], usage: SERVER_AUTH } as const;
  const [good, expired, wrongName] = await Promise.all([
    sign({ ...leaf, validDays: [-30, 700] }),
    sign({ ...leaf, validDays: [-390, -3] }),
    sign({
      ...leaf,
      commonName: OTHER_NAME,
      names: [{ type: 'dns', value: OTHER_NAME }],
      validDays: [-30, 700],
    }),
  ]);
  return { good, expired, wrongName };
}

async function signLeaf(
  x509: typeof import('@peculiar/x509'),
  leaf: Leaf,
  ca: X509Certificate,
  signingKey: webcrypto.CryptoKey,
  nowMs: number,
): Promise<Identity> {
  const keys = await makeKeys();
  const cert = await x509.X509CertificateGenerator.create(
    {
      subject: [{ CN: [leaf.commonName] }],
      issuer: ca.subject,
      publicKey: keys.publicKey,
      signingKey,
      notBefore: new Date(nowMs + leaf.validDays[0] * DAY_MS),
      notAfter: new Date(nowMs + leaf.validDays[1] * DAY_MS),
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([leaf.usage]),
        ...(leaf.names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension([...leaf.names])]),
      ],
    },
    webcrypto,
  );
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { cert: cert.toString('pem'), key: toPem('PRIVATE KEY', pkcs8) };
}

function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

function toPem(label: string, der: ArrayBuffer): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
