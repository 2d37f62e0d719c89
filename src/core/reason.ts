/**
 * Why a probe failed or a target is not well: the layer that failed first. Closed vocabulary for logs, metric
 * labels, events, feed and pages. Order is that of the layers, nearest the wire first.
 */
export const REASONS = [
  'dns',
  'unreachable',
  'connect-timeout',
  'connect-refused',
  'tls',
  'tls-certificate',
  'auth',
  'protocol',
  'device',
  'host',
  'content',
  'slow',
  'stale',
] as const;
export type Reason = (typeof REASONS)[number];

/** Faults of our own. They make a probe inconclusive and never change a target's health. */
export const SELF_REASONS = [
  /** No local socket, port or descriptor left. */
  'self-resources',
  /** Our own network is gone. */
  'self-network',
  /** Our resolver does not answer (not: it says the name does not exist). */
  'self-resolver',
  /** A program we need (fping) is missing or died. */
  'self-program',
  /** We ran too late to judge. */
  'self-late',
  /** A file of ours (key, certificate, token) cannot be read, or an error of our own code. */
  'self-internal',
] as const;
export type SelfReason = (typeof SELF_REASONS)[number];
export type AnyReason = Reason | SelfReason;

/** One clause for a person, to follow "because". */
export const REASON_TEXT: Readonly<Record<AnyReason, string>> = {
  dns: 'its name does not resolve',
  unreachable: 'the network says it cannot be reached',
  'connect-timeout': 'it does not answer a connection attempt',
  'connect-refused': 'it refuses connections',
  tls: 'no TLS session comes about',
  'tls-certificate': 'its certificate is not acceptable',
  auth: 'it rejects our credentials',
  protocol: 'it connects but does not speak as expected',
  device: 'the device reports a fault',
  host: 'it cannot reach the payment host',
  content: 'it answers with the wrong content',
  slow: 'it answers too slowly',
  stale: 'it has not been checked lately',
  'self-resources': 'the monitor has no sockets left',
  'self-network': 'the monitor itself has no network',
  'self-resolver': "the monitor's name server does not answer",
  'self-program': 'a program the monitor needs is missing',
  'self-late': 'the monitor ran too late to judge',
  'self-internal': 'the monitor has a fault of its own',
};

/** `REASON_TEXT` for several at once. */
export const REASON_TEXT_OF_MANY: Readonly<Record<AnyReason, string>> = {
  dns: 'their names do not resolve',
  unreachable: 'the network says they cannot be reached',
  'connect-timeout': 'they do not answer connection attempts',
  'connect-refused': 'they refuse connections',
  tls: 'no TLS session comes about',
  'tls-certificate': 'their certificates are not acceptable',
  auth: 'they reject our credentials',
  protocol: 'they connect but do not speak as expected',
  device: 'the devices report a fault',
  host: 'they cannot reach the payment host',
  content: 'they answer with the wrong content',
  slow: 'they answer too slowly',
  stale: 'they have not been checked lately',
  'self-resources': REASON_TEXT['self-resources'],
  'self-network': REASON_TEXT['self-network'],
  'self-resolver': REASON_TEXT['self-resolver'],
  'self-program': REASON_TEXT['self-program'],
  'self-late': REASON_TEXT['self-late'],
  'self-internal': REASON_TEXT['self-internal'],
};
