/**
 * Why a connection did not come about or broke, to follow the host's name: from the error's code alone, as messages of
 * libraries may hold an address or what was sent. All such faults may pass, those of certificates too: they are mended
 * at the other side, and a message must not be lost meanwhile.
 */
export function whyUnreachable(error: unknown): string {
  return whyOfCode(codeOf(error));
}

/** `whyUnreachable` of an error that has the code of Node's or OpenSSL's; empty: of one that has none. */
export function whyOfCode(code: string): string {
  const known = FAULTS.find(([pattern]) => pattern.test(code));
  return known === undefined
    ? `cannot be reached${code === '' ? '' : ` (${code})`}`
    : `${known[1]} (${code})`;
}

const FAULTS: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/^ECONNREFUSED$/, 'refuses connections'],
  [/^(ECONNRESET|EPIPE|ECONNABORTED|ERR_STREAM_PREMATURE_CLOSE|ECONNECTION)$/, 'ends the connection'],
  [/^(ENOTFOUND|EDNS)$/, 'does not resolve: its name is not known'],
  [/^EAI_AGAIN$/, 'does not resolve: the name server does not answer'],
  [/^E(HOST|NET)(UNREACH|DOWN)$/, 'cannot be reached: the network has no way there'],
  [/^ETIMEDOUT$/, 'does not answer in time'],
  [/^CERT_HAS_EXPIRED$/, 'has a certificate that has expired'],
  [/^CERT_NOT_YET_VALID$/, 'has a certificate that is not valid yet; compare the clocks'],
  [/^ERR_TLS_CERT_ALTNAME/, 'has a certificate for another name'],
  [
    /SELF_SIGNED_CERT|^UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)/,
    'has a certificate of an authority that is not trusted; name that in ca_file',
  ],
  [/^CERT_|_CERT$|_CERT_/, 'has a certificate that cannot be accepted'],
  [/^(EPROTO|ERR_SSL_|ERR_TLS_|ETLS)/, 'does not come to a TLS session'],
  [/^(HPE_|EPROTOCOL$)/, 'does not speak the protocol'],
];

/** The innermost system code that an error tells; libraries put their own over it. */
function codeOf(error: unknown): string {
  if (!Error.isError(error)) return '';
  const given = 'originalCode' in error && typeof error.originalCode === 'string' ? error.originalCode : '';
  const inner = codeOf(error.cause);
  const own = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return inner || given || own;
}
