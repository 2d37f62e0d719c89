import './reflect-metadata.ts';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
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

interface Leaf {
  readonly commonName: string;
  readonly names: readonly { readonly type: 'dns' | 'ip'; readonly value: string }[];
  readonly usage: ExtendedKeyUsage;
  /** Days from today, negative before it. */
  readonly validDays: readonly [from: number, to: number];
}

/** Makes a certificate authority and all that it signs. Elliptic curves throughout: some milliseconds. */
export async function makeCertificates(clock: Clock): Promise<Certificates> {
  const caKeys = await makeKeys();
  const nowMs = clock.nowMs();
  const ca = await X509CertificateGenerator.createSelfSigned(
    {
      name: 'CN=Kassavakt simulator CA',
      keys: caKeys,
      notBefore: new Date(nowMs - 400 * DAY_MS),
      notAfter: new Date(nowMs + 3_650 * DAY_MS),
      signingAlgorithm: ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ],
    },
    webcrypto,
  );
  const sign = (leaf: Leaf): Promise<Identity> => signLeaf(leaf, ca, caKeys.privateKey, nowMs);
  const [terminal, loopback, swishClient] = await Promise.all([
    makeServerIdentities(sign, TERMINAL_NAME, { type: 'dns', value: TERMINAL_NAME }),
    makeServerIdentities(sign, 'Simulated service', { type: 'ip', value: '127.0.0.1' }),
    sign({
      commonName: '1230000000',
      names: [],
      usage: ExtendedKeyUsage.clientAuth,
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
  const leaf = { commonName, names: [name], usage: ExtendedKeyUsage.serverAuth } as const;
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
  leaf: Leaf,
  ca: X509Certificate,
  signingKey: webcrypto.CryptoKey,
  nowMs: number,
): Promise<Identity> {
  const keys = await makeKeys();
  const cert = await X509CertificateGenerator.create(
    {
      subject: [{ CN: [leaf.commonName] }],
      issuer: ca.subject,
      publicKey: keys.publicKey,
      signingKey,
      notBefore: new Date(nowMs + leaf.validDays[0] * DAY_MS),
      notAfter: new Date(nowMs + leaf.validDays[1] * DAY_MS),
      signingAlgorithm: ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([leaf.usage]),
        ...(leaf.names.length === 0 ? [] : [new SubjectAlternativeNameExtension([...leaf.names])]),
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
