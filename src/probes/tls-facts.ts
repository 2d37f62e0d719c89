import type { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import type { Sample } from '../core/measurements.ts';
import { redact } from '../lib/redact.ts';

/** What a TLS session shows of the other side and of us. Times are epoch ms, UTC. */
export interface TlsFacts {
  /** As blackbox_exporter writes it: `TLS 1.3`. */
  readonly version: string;
  /** IANA's name of the cipher suite. */
  readonly cipher: string;
  /** The earliest end of validity among the certificates that the server sent. */
  readonly earliestExpiryMs: number;
  /** The earliest end of validity along the verified chain, its root included; undefined when it is not verified. */
  readonly chainExpiryMs: number | undefined;
  readonly leaf: LeafCertificate;
  /** End of validity of the client certificate that we presented; undefined when the module has none. */
  readonly clientExpiryMs: number | undefined;
}

interface LeafCertificate {
  /** Hexadecimal, lower case. */
  readonly fingerprintSha256: string;
  readonly subject: string;
  readonly issuer: string;
  readonly dnsNames: readonly string[];
  /** Hexadecimal, lower case. */
  readonly serialNumber: string;
}

/**
 * Reads the facts of an open session. Undefined when the server showed no certificate. `verified`: the server's
 * certificate, with its issuers up to a root, as Node read it when the chain was found good; it costs as much to read
 * as a handshake's own work, so nothing here reads it again.
 */
export function readTlsFacts(
  socket: TLSSocket,
  verified: DetailedPeerCertificate | undefined,
): TlsFacts | undefined {
  const leaf = socket.getPeerX509Certificate();
  if (leaf === undefined) return undefined;
  const { subject, issuer, subjectaltname, fingerprint256, serialNumber } = verified ?? leaf.toLegacyObject();
  return {
    version: versionText(socket.getProtocol()),
    cipher: socket.getCipher().standardName,
    earliestExpiryMs: Math.min(...sentChain(leaf).map((certificate) => certificate.validToDate.getTime())),
    chainExpiryMs: verified === undefined ? undefined : chainExpiryMs(verified),
    leaf: {
      fingerprintSha256: fingerprint256.replaceAll(':', '').toLowerCase(),
      subject: nameText(subject),
      issuer: nameText(issuer),
      dnsNames: dnsNames(subjectaltname),
      serialNumber: serialNumber.toLowerCase(),
    },
    clientExpiryMs: socket.getX509Certificate()?.validToDate.getTime(),
  };
}

/** The facts as measurements, named and valued as blackbox_exporter does. */
export function tlsSamples(facts: TlsFacts | undefined): readonly Sample[] {
  if (facts === undefined) return [];
  const { leaf } = facts;
  return [
    { name: 'probe_ssl_earliest_cert_expiry', value: inSeconds(facts.earliestExpiryMs) },
    ...(facts.chainExpiryMs === undefined
      ? []
      : ([
          { name: 'probe_ssl_last_chain_expiry_timestamp_seconds', value: inSeconds(facts.chainExpiryMs) },
        ] as const)),
    {
      name: 'probe_ssl_last_chain_info',
      value: 1,
      labels: {
        fingerprint_sha256: leaf.fingerprintSha256,
        subject: leaf.subject,
        issuer: leaf.issuer,
        subjectalternative: leaf.dnsNames.join(','),
        serialnumber: leaf.serialNumber,
      },
    },
    { name: 'probe_tls_version_info', value: 1, labels: { version: facts.version } },
    { name: 'probe_tls_cipher_info', value: 1, labels: { cipher: facts.cipher } },
    ...(facts.clientExpiryMs === undefined
      ? []
      : ([
          {
            name: 'kassavakt_client_certificate_expiry_timestamp_seconds',
            value: inSeconds(facts.clientExpiryMs),
          },
        ] as const)),
  ];
}

function inSeconds(ms: number): number {
  return Math.floor(ms / 1_000);
}

function versionText(protocol: string | null): string {
  if (protocol === 'TLSv1') return 'TLS 1.0';
  return protocol?.replace(/^TLSv/, 'TLS ') ?? 'unknown';
}

/** Bounds a chain from outside; honest ones have two to four. */
const MAX_CHAIN = 32;

/** The certificates as the server sent them, leaf first. */
function sentChain(leaf: X509Certificate): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (
    let certificate: X509Certificate | undefined = leaf;
    certificate !== undefined && chain.length < MAX_CHAIN;
    certificate = certificate.issuerCertificate
  ) {
    chain.push(certificate);
  }
  return chain;
}

/** The earliest end of validity along the chain as it was verified, up to its root. */
function chainExpiryMs(leaf: DetailedPeerCertificate): number {
  let earliest = Number.POSITIVE_INFINITY;
  const seen = new Set<DetailedPeerCertificate>();
  for (
    let certificate: DetailedPeerCertificate | undefined = leaf;
    certificate !== undefined && !seen.has(certificate) && seen.size < MAX_CHAIN;
    certificate = certificate.issuerCertificate
  ) {
    seen.add(certificate);
    earliest = Math.min(earliest, Date.parse(certificate.valid_to));
  }
  return earliest;
}

/** The order in which Go, hence blackbox_exporter, prints the attributes of a distinguished name; others follow. */
const NAME_ORDER = ['serialNumber', 'CN', 'OU', 'O', 'postalCode', 'street', 'L', 'ST', 'C'];

/** Go prints attributes that it has no name for by number and undecoded; they have their names here. */
function nameText(name: object): string {
  const attributes = Object.entries(name).map(([key, value]) => ({
    key,
    values: [value].flat().map(String),
  }));
  const rank = (key: string): number =>
    NAME_ORDER.includes(key) ? NAME_ORDER.indexOf(key) : NAME_ORDER.length;
  return attributes
    .sort((a, b) => rank(a.key) - rank(b.key))
    .map(({ key, values }) => {
      const printed = NAME_ORDER.includes(key) ? key.toUpperCase() : key;
      return values.map((value) => `${printed}=${escapeName(redact(value))}`).join('+');
    })
    .join(',');
}

/** As RFC 2253 escapes a value. */
function escapeName(value: string): string {
  return value.replace(/[,+"\\<>;]|^[ #]| $/g, (char) => `\\${char}`);
}

function dnsNames(subjectAltName: string | undefined): readonly string[] {
  return Array.from((subjectAltName ?? '').matchAll(/(?:^|, )DNS:([^,"]+)/g), ([, name]) =>
    redact(name ?? ''),
  );
}
