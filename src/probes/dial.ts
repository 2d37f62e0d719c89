import { createConnection, isIP, type Socket } from 'node:net';
import {
  checkServerIdentity,
  connect as startTls,
  type DetailedPeerCertificate,
  type PeerCertificate,
  type TLSSocket,
} from 'node:tls';
import type { Sample } from '../core/measurements.ts';
import type { Phase } from '../core/outcome.ts';
import type { Clock } from '../lib/clock.ts';
import { formatDuration } from '../lib/duration.ts';
import { throwUnlessTimeout } from './deadline.ts';
import { certificateFault, codeOf, type Fault, faultOf, namesText } from './fault.ts';
import { resolveFault } from './resolve-fault.ts';
import { addressSamples, type IpPreference, literalAddress, resolveHost } from './resolve.ts';
import { keepError } from './socket-error.ts';
import type { ClientTls } from './tls-config.ts';
import { readTlsFacts, type TlsFacts, tlsSamples } from './tls-facts.ts';

export interface DialOptions {
  /** A name or an IP literal (IPv6 without brackets). */
  readonly host: string;
  readonly port: number;
  readonly ip: IpPreference;
  /** Local address to connect from. */
  readonly sourceIpAddress?: string | undefined;
  /** Given: a TLS session is opened over the connection. */
  readonly tls?: TlsOptions | undefined;
  readonly clock: Clock;
}

export interface TlsOptions {
  readonly client: ClientTls;
  /**
   * The name to ask for and to find in the certificate, in place of the address' own. `server_name` of the module's
   * `tls_config` comes before it.
   */
  readonly serverName?: string | undefined;
  /** Judges the certificate's name in place of the usual rule: `undefined` for right, else what is wrong with it. */
  readonly checkName?: ((certificate: PeerCertificate) => string | undefined) | undefined;
  readonly alpn?: readonly string[] | undefined;
}

/** A step of a dial. */
interface DialPhase extends Phase {
  readonly name: 'resolve' | 'connect' | 'tls';
}

/** What every dial brings home, however it ended. */
interface Dialled {
  /** `resolve` (only for a name), `connect`, `tls`: each step begun, in order. */
  readonly phases: readonly DialPhase[];
  /** The address' and the TLS session's measurements, in this order, named as blackbox_exporter names them. */
  readonly samples: readonly Sample[];
  /** What happened, line by line. */
  readonly trail: readonly string[];
}

/**
 * An open connection, paused, the caller's to destroy. An error that comes before the caller listens is not lost: see
 * `errorOf`. Without TLS, who writes more than once before an answer sets `setNoDelay`; one write needs none, and the
 * system call is a twentieth of a check.
 */
interface Opened extends Dialled {
  readonly kind: 'ok';
  readonly socket: Socket;
  readonly address: string;
  readonly family: 4 | 6;
  /** The other side's name in messages: `host:port`, with the address if that is another. */
  readonly who: string;
  /** Undefined without TLS. */
  readonly tls: TlsFacts | undefined;
}

/** A fault of the other side; a session whose certificate was refused still has its facts. */
type DialFault = Dialled & Fault & { readonly tls: TlsFacts | undefined };

export type DialResult = Opened | DialFault;

/**
 * Resolves, connects once to one address, and opens TLS when asked to; no second address, no second attempt: one
 * wants to know what is tested. When `signal` aborts, it settles at once with the socket destroyed: for a
 * `TimeoutError` with the fault of the step it waited for, for any other abort it rejects with the reason.
 */
export async function dial(options: DialOptions, signal: AbortSignal): Promise<DialResult> {
  const { host, port, ip, clock } = options;
  const phases: DialPhase[] = [];
  const trail: string[] = [];
  const endpoint = endpointText(host, port);
  const resolveAtMs = clock.monotonicMs();
  const literal = literalAddress(host);
  const resolved = literal ?? (await resolveHost(host, ip, signal));
  const lookupMs = clock.monotonicMs() - resolveAtMs;
  if (literal === undefined) phases.push({ name: 'resolve', durationMs: lookupMs });
  if (resolved.kind !== 'address') {
    const fault = resolveFault(resolved, host, lookupMs, signal);
    trail.push(fault.message);
    return { ...fault, phases, trail, samples: addressSamples(undefined, lookupMs), tls: undefined };
  }
  const { address, family } = resolved;
  if (literal === undefined) trail.push(`resolve ${host}: ${address} in ${formatDuration(lookupMs)}`);
  const addressed = addressSamples(resolved, lookupMs);
  const who = address === host ? endpoint : `${endpoint} (${address})`;

  const connectAtMs = clock.monotonicMs();
  const connected = await connect(address, family, options, signal);
  const connectMs = clock.monotonicMs() - connectAtMs;
  phases.push({ name: 'connect', durationMs: connectMs });
  if (connected.kind !== 'open') {
    if (connected.kind === 'aborted') throwUnlessTimeout(signal);
    const fault: Fault =
      connected.kind === 'error'
        ? faultOf(connected.error, connected.isOurs ? 'connect-start' : 'connect', who)
        : {
            kind: 'failed',
            reason: 'connect-timeout',
            message: `${who} does not answer a connection attempt within ${formatDuration(connectMs)}`,
          };
    trail.push(fault.message);
    return { ...fault, phases, trail, samples: addressed, tls: undefined };
  }
  trail.push(`connect ${who}: open in ${formatDuration(connectMs)}`);
  const base = { address, family, who, phases, trail };
  if (options.tls === undefined) {
    return { kind: 'ok', socket: connected.socket, tls: undefined, samples: addressed, ...base };
  }
  const secured = await openTls(connected.socket, host, options.tls, { who, clock }, signal);
  phases.push(...secured.phases);
  trail.push(...secured.trail);
  return { ...secured, ...base, samples: [...addressed, ...secured.samples] };
}

/** A TLS session over an open connection. */
interface Secured extends Dialled {
  readonly kind: 'ok';
  readonly socket: TLSSocket;
  readonly tls: TlsFacts | undefined;
}

/**
 * Opens TLS over a connection that is already there (STARTTLS). Nothing of ours is sent before the certificate is
 * judged. Destroys the socket unless it succeeds. `host` is what the certificate must be for, unless `tls` says
 * otherwise; `who` names the other side in messages. Aborts as `dial` does.
 */
export async function openTls(
  socket: Socket,
  host: string,
  tls: TlsOptions,
  { who, clock }: { readonly who: string; readonly clock: Clock },
  signal: AbortSignal,
): Promise<Secured | DialFault> {
  const name = tls.client.serverName ?? tls.serverName ?? host;
  const startedAtMs = clock.monotonicMs();
  const shaken = await handshake(socket, name, tls, signal);
  const durationMs = clock.monotonicMs() - startedAtMs;
  const phases: DialPhase[] = [{ name: 'tls', durationMs }];
  const fail = (fault: Fault, facts?: TlsFacts): DialFault => {
    shaken.session.destroy();
    socket.destroy();
    return {
      ...fault,
      phases,
      tls: facts,
      samples: tlsSamples(facts),
      trail: [fault.message],
    };
  };
  const { session } = shaken;
  if (shaken.kind === 'error') {
    return fail(faultOf(shaken.error, tls.client.hasClientCertificate ? 'tls-with-certificate' : 'tls', who));
  }
  if (shaken.kind === 'aborted') {
    const fault = fail({
      kind: 'failed',
      reason: 'tls',
      message: `${who} connects, but does not complete the TLS handshake within ${formatDuration(durationMs)}`,
    });
    throwUnlessTimeout(signal);
    return fault;
  }
  const wrong = chainProblem(session);
  const facts = readTlsFacts(session, shaken.certificate);
  if (tls.client.verify) {
    const checkName = tls.checkName ?? ((certificate) => nameProblem(name, certificate));
    const misnamed =
      wrong === undefined ? checkName(shaken.certificate ?? session.getPeerCertificate()) : undefined;
    const message = certificateFault({ wrong, misnamed, session, nowMs: clock.nowMs(), who });
    if (message !== undefined) return fail({ kind: 'failed', reason: 'tls-certificate', message }, facts);
  }
  const what = facts === undefined ? 'open' : `${facts.version}, ${facts.cipher}`;
  return {
    kind: 'ok',
    socket: session,
    tls: facts,
    phases,
    samples: tlsSamples(facts),
    trail: [`tls ${who}: ${what} in ${formatDuration(durationMs)}`],
  };
}

/** `host:port`, with the brackets that IPv6 wants. */
export function endpointText(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

type Connected =
  | { readonly kind: 'open'; readonly socket: Socket }
  /** `isOurs`: it came at once, from our own kernel. */
  | { readonly kind: 'error'; readonly error: unknown; readonly isOurs: boolean }
  | { readonly kind: 'aborted' };

function connect(
  address: string,
  family: 4 | 6,
  { port, sourceIpAddress, tls }: DialOptions,
  signal: AbortSignal,
): Promise<Connected> {
  if (signal.aborted) return Promise.resolve({ kind: 'aborted' });
  return new Promise((resolve) => {
    let isOurs = true;
    setImmediate(() => {
      isOurs = false;
    });
    const socket = createConnection({
      host: address,
      port,
      family,
      noDelay: tls !== undefined,
      ...(sourceIpAddress === undefined ? {} : { localAddress: sourceIpAddress }),
    });
    const settle = (outcome: Connected): void => {
      signal.removeEventListener('abort', onAbort);
      if (outcome.kind !== 'open') socket.destroy();
      resolve(outcome);
    };
    const onAbort = (): void => settle({ kind: 'aborted' });
    keepError(socket, (error) => settle({ kind: 'error', error, isOurs }));
    socket.on('connect', () => settle({ kind: 'open', socket }));
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

type Shaken = {
  readonly session: TLSSocket;
} /** `certificate`: the server's, with its issuers; undefined when there is something wrong with its chain. */ & (
  | { readonly kind: 'open'; readonly certificate: DetailedPeerCertificate | undefined }
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'aborted' }
);

/** Completes the handshake whatever the certificate, so that its facts are there also when it is refused. */
function handshake(socket: Socket, name: string, tls: TlsOptions, signal: AbortSignal): Promise<Shaken> {
  return new Promise((resolve) => {
    let certificate: DetailedPeerCertificate | undefined;
    const session = startTls({
      socket,
      secureContext: tls.client.secureContext,
      rejectUnauthorized: false,
      // Node calls this when the chain is good, with what it reads of the certificates in any case.
      checkServerIdentity: (_name, read) => {
        if (hasIssuer(read)) certificate = read;
        return undefined;
      },
      // A server name is never an address (RFC 6066).
      ...(isIP(name) === 0 ? { servername: name } : {}),
      ...(tls.alpn === undefined ? {} : { ALPNProtocols: [...tls.alpn] }),
    });
    const settle = (outcome: Shaken): void => {
      signal.removeEventListener('abort', onAbort);
      session.off('secureConnect', onSecure);
      resolve(outcome);
    };
    const onAbort = (): void => settle({ kind: 'aborted', session });
    const onSecure = (): void => settle({ kind: 'open', session, certificate });
    keepError(session, (error) => settle({ kind: 'error', error, session }));
    session.once('secureConnect', onSecure);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

function hasIssuer(certificate: PeerCertificate): certificate is DetailedPeerCertificate {
  return 'issuerCertificate' in certificate;
}

/** OpenSSL's code for what is wrong with the chain; undefined when it is good. Declared an Error, it is a text. */
function chainProblem(session: TLSSocket): string | undefined {
  const problem: unknown = session.authorizationError;
  if (problem === undefined || problem === null) return undefined;
  return typeof problem === 'string' ? problem : codeOf(problem);
}

function nameProblem(name: string, certificate: PeerCertificate): string | undefined {
  return checkServerIdentity(name, certificate) === undefined ? undefined : namesText(certificate, name);
}
