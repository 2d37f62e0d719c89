import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { Reason, SelfReason } from '../core/reason.ts';
import { formatDuration } from '../lib/duration.ts';
import { redact } from '../lib/redact.ts';

/** Why a probe got no further: the other side's fault, or our own. `message` is one plain sentence. */
export type Fault =
  | { readonly kind: 'failed'; readonly reason: Reason; readonly message: string }
  | { readonly kind: 'inconclusive'; readonly reason: SelfReason; readonly message: string };

/**
 * What the probe was doing when an error came.
 * `connect-start`: the kernel refused at once, before anything could have come back.
 * `tls-with-certificate`, `talk-with-certificate`: the module has a client certificate.
 */
export type Step =
  | 'connect-start'
  | 'connect'
  | 'tls'
  | 'tls-with-certificate'
  | 'talk'
  | 'talk-with-certificate';

/**
 * Says whose fault a socket's error is, and of which layer. `who` names the other side, as `host:port`.
 * Node reports a failed local call and a refusal from afar with the same codes; the step tells them apart.
 */
export function faultOf(error: unknown, step: Step, who: string): Fault {
  const code = codeOf(error);
  const failed = (reason: Reason, what: string): Fault => ({
    kind: 'failed',
    reason,
    message: `${who} ${what}`,
  });
  const own = (reason: SelfReason, message: string): Fault => ({ kind: 'inconclusive', reason, message });
  switch (code) {
    case 'EMFILE':
    case 'ENFILE':
      return own(
        'self-resources',
        `No connection to ${who}: this machine has no file descriptor left (${code})`,
      );
    case 'ENOBUFS':
    case 'ENOMEM':
      return own(
        'self-resources',
        `No connection to ${who}: this machine has no memory for sockets left (${code})`,
      );
    case 'EADDRNOTAVAIL':
      return own(
        'self-resources',
        `No connection to ${who}: no free local port, or the source address is not this machine's (${code})`,
      );
    case 'EADDRINUSE':
      return own('self-resources', `No connection to ${who}: no free local port (${code})`);
    case 'ENETDOWN':
      return own('self-network', `No connection to ${who}: the network of this machine is down`);
    case 'EAFNOSUPPORT':
    case 'EINVAL':
      return own(
        'self-network',
        `No connection to ${who}: this machine cannot use such an address (${code})`,
      );
    case 'EACCES':
    case 'EPERM':
      return own(
        'self-network',
        `No connection to ${who}: this machine does not let us connect there (${code})`,
      );
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
    case 'EHOSTDOWN':
      return step === 'connect-start'
        ? own('self-network', `No connection to ${who}: this machine has no route there (${code})`)
        : failed('unreachable', `cannot be reached: the network has no way to it (${code})`);
    case 'ECONNREFUSED':
      return failed('connect-refused', 'refuses the connection');
    case 'ETIMEDOUT':
      return step === 'connect' || step === 'connect-start'
        ? failed('connect-timeout', 'does not answer a connection attempt')
        : failed(isTls(step) ? 'tls' : 'protocol', 'stops answering in the middle of the connection');
    case 'ECONNRESET':
    case 'ECONNABORTED':
    case 'EPIPE':
      return brokenOff(error, step, failed);
    default:
      return tlsFault(code, step, failed);
  }
}

type Failed = (reason: Reason, what: string) => Fault;

function brokenOff(error: unknown, step: Step, failed: Failed): Fault {
  // Node makes an ECONNRESET of its own, without a system call, when the other side merely closes in a handshake.
  const isReset = Error.isError(error) && 'syscall' in error;
  if (!isReset && isTls(step)) return failed('tls', 'closes the connection during the TLS handshake');
  if (isTls(step)) return failed('protocol', 'accepts the connection and then resets it, before TLS is up');
  return failed('protocol', isReset ? 'accepts the connection and then resets it' : 'closes the connection');
}

function isTls(step: Step): boolean {
  return step === 'tls' || step === 'tls-with-certificate';
}

/** TLS alerts that judge the certificate we presented, or that we presented none. */
const OUR_CERTIFICATE =
  /ALERT_(?:NO_CERTIFICATE|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_(?:REQUIRED|UNKNOWN|EXPIRED|REVOKED)|UNKNOWN_CA|ACCESS_DENIED)/;

function tlsFault(code: string, step: Step, failed: Failed): Fault {
  const alert = /ALERT_([A-Z_]+)$/.exec(code)?.[1]?.toLowerCase().replaceAll('_', ' ');
  if (alert !== undefined && OUR_CERTIFICATE.test(code)) {
    const withCertificate = step === 'tls-with-certificate' || step === 'talk-with-certificate';
    return failed(
      'auth',
      withCertificate
        ? `rejects our client certificate (TLS alert: ${alert})`
        : `demands a client certificate, and this module has none (TLS alert: ${alert}); give it one in tls_config`,
    );
  }
  if (alert !== undefined) return failed('tls', `refuses the TLS session (alert: ${alert})`);
  if (
    /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNEXPECTED_MESSAGE|BAD_LENGTH)/.test(
      code,
    )
  ) {
    return failed('tls', `does not speak TLS (${code})`);
  }
  if (/^ERR_SSL_(UNSUPPORTED_PROTOCOL|NO_PROTOCOLS_AVAILABLE|VERSION_TOO_LOW)/.test(code)) {
    return failed(
      'tls',
      `offers only TLS versions that are not accepted here (${code}); see tls_config.min_version`,
    );
  }
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') {
    return failed('tls', `breaks the TLS session (${code})`);
  }
  return failed(isTls(step) ? 'tls' : 'protocol', `breaks the connection (${code})`);
}

/** The error's code: never its message, which may quote what came from the network. */
export function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'unknown error';
  return 'code' in error && typeof error.code === 'string' ? error.code : 'unknown error';
}

/**
 * What is wrong with the certificate of an open session, as a sentence; undefined when nothing is.
 * `wrong` is OpenSSL's code for the chain, `misnamed` what is wrong with the name.
 */
export function certificateFault(seen: {
  readonly wrong: string | undefined;
  readonly misnamed: string | undefined;
  readonly session: TLSSocket;
  readonly nowMs: number;
  readonly who: string;
}): string | undefined {
  const { wrong, misnamed, session, nowMs, who } = seen;
  if (wrong === undefined)
    return misnamed === undefined ? undefined : `The certificate of ${who} ${misnamed}`;
  const { whose, validFromMs, validToMs } = worstValidity(session, nowMs);
  if (wrong === 'CERT_HAS_EXPIRED') {
    return `${whose} of ${who} expired ${daysText(nowMs - validToMs)} ago (${dateText(validToMs)})`;
  }
  if (wrong === 'CERT_NOT_YET_VALID') {
    return `${whose} of ${who} is not valid before ${dateText(validFromMs)}`;
  }
  return `The certificate of ${who} ${CHAIN_TEXT[wrong] ?? `is not acceptable (${wrong})`}`;
}

const CHAIN_TEXT: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'is self-signed; if that is meant, give it as tls_config.ca_file',
  SELF_SIGNED_CERT_IN_CHAIN:
    'comes from an unknown authority: its root is not trusted here; if it should be, give it as tls_config.ca_file',
  UNABLE_TO_GET_ISSUER_CERT:
    'comes from an unknown authority: its issuer is not known here; if it should be, give it as tls_config.ca_file',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'comes from an unknown authority, or its server leaves out an intermediate certificate; a private authority goes into tls_config.ca_file',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'comes from an unknown authority, or its server leaves out an intermediate certificate; a private authority goes into tls_config.ca_file',
  CERT_REVOKED: 'is revoked',
  CERT_SIGNATURE_FAILURE: 'has a signature that is not its issuer’s',
  INVALID_CA: 'is issued by a certificate that may not issue any',
  INVALID_PURPOSE: 'is not meant for servers',
  PATH_LENGTH_EXCEEDED: 'has a chain longer than its authority allows',
};

/** The certificate in the chain that is not valid now, the server's own if all are. */
function worstValidity(
  session: TLSSocket,
  nowMs: number,
): { readonly whose: string; readonly validFromMs: number; readonly validToMs: number } {
  const seen = new Set<unknown>();
  const leaf = session.getPeerCertificate(true);
  let certificate: typeof leaf | undefined = leaf;
  while (certificate !== undefined && !seen.has(certificate) && seen.size < 32) {
    seen.add(certificate);
    const validFromMs = Date.parse(certificate.valid_from);
    const validToMs = Date.parse(certificate.valid_to);
    if (nowMs > validToMs || nowMs < validFromMs) {
      return {
        whose: certificate === leaf ? 'The certificate' : 'A certificate of the authorities',
        validFromMs,
        validToMs,
      };
    }
    certificate = certificate.issuerCertificate;
  }
  return {
    whose: 'The certificate',
    validFromMs: Date.parse(leaf.valid_from),
    validToMs: Date.parse(leaf.valid_to),
  };
}

/** What is wrong with the names in a certificate, given that OpenSSL's rule rejected `wanted`. */
export function namesText(certificate: PeerCertificate, wanted: string): string {
  const alternative = certificate.subjectaltname?.replaceAll(/DNS:|IP Address:/g, '');
  const subject = [certificate.subject?.CN].flat()[0];
  const names = alternative ?? subject ?? '';
  return names === '' ? `names nobody, so not ${wanted}` : `is for ${redact(shorten(names))}, not ${wanted}`;
}

function shorten(text: string): string {
  return text.length <= 120 ? text : `${text.slice(0, 120)}…`;
}

function daysText(ms: number): string {
  const days = Math.floor(ms / 86_400_000);
  return days === 0 ? formatDuration(ms) : days === 1 ? '1 day' : `${days} days`;
}

function dateText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
