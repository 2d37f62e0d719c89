import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { Clock } from '../lib/clock.ts';
import { isLoopback } from '../settings/listen.ts';
import { ROLES, type Role, type Token } from '../settings/settings.ts';

/** The role that a token gives to a caller; undefined when it gives none. */
export type Authenticate = (token: string | undefined, remoteAddress: string | undefined) => Role | undefined;

interface Request extends Pick<IncomingMessage, 'headers'> {
  readonly socket: Pick<IncomingMessage['socket'], 'remoteAddress'>;
}

export interface Authenticator {
  readonly authenticate: Authenticate;
  /** The same for a whole request; without any token configured it must also be safe (see `isSafeWithoutToken`). */
  readonly admit: (token: string | undefined, request: Request) => Role | undefined;
  /** Whether this address has offered so many wrong tokens that it must wait. Unit: s; 0 it need not. */
  readonly mustWaitSeconds: (remoteAddress: string | undefined) => number;
  /** The name of a token that was let in; undefined when it is none of ours. */
  readonly nameOf: (token: string) => string | undefined;
}

/** Wrong tokens from one address within a window, after which only tokens known to be right from there pass. */
const MAX_FAILURES = 20;
/** Unit: ms. */
const WINDOW_MS = 60_000;
/** Addresses remembered; the one longest unheard of goes first. */
const MAX_REMOTES = 10_000;

interface Remote {
  failures: number;
  windowEndsMs: number;
  /** Names of tokens that were right from here: a client with a wrong token beside them does not lock them out. */
  readonly proven: Set<string>;
}

/**
 * Roles by bearer token. `tokens` is asked anew each time, so that a reload takes effect at once. Without any token
 * callers on this machine may read (see `isSafeWithoutToken` for what else their request must be), and nobody else.
 */
export function makeAuthenticator(tokens: () => readonly Token[], clock: Clock): Authenticator {
  const remotes = new Map<string, Remote>();

  const remoteOf = (address: string): Remote => {
    const known = remotes.get(address) ?? { failures: 0, windowEndsMs: 0, proven: new Set<string>() };
    remotes.delete(address);
    remotes.set(address, known);
    const [oldest] = remotes.keys();
    if (remotes.size > MAX_REMOTES && oldest !== undefined) remotes.delete(oldest);
    return known;
  };
  const mustWaitMs = (remote: Remote | undefined): number =>
    remote === undefined || remote.failures < MAX_FAILURES
      ? 0
      : Math.max(0, remote.windowEndsMs - clock.monotonicMs());

  const authenticate: Authenticate = (token, remoteAddress) => {
    const known = tokens();
    if (known.length === 0) return isLoopback(remoteAddress ?? '') ? 'viewer' : undefined;
    if (token === undefined) return undefined;
    const match = findToken(token, known);
    const remote = remoteOf(remoteAddress ?? '');
    if (match !== undefined && (mustWaitMs(remote) === 0 || remote.proven.has(match.name))) {
      remote.proven.add(match.name);
      return match.role;
    }
    const nowMs = clock.monotonicMs();
    if (nowMs >= remote.windowEndsMs) {
      remote.failures = 0;
      remote.windowEndsMs = nowMs + WINDOW_MS;
    }
    remote.failures++;
    return undefined;
  };

  return {
    authenticate,
    admit: (token, { headers, socket }) =>
      tokens().length > 0 || isSafeWithoutToken(headers)
        ? authenticate(token, socket.remoteAddress)
        : undefined,
    mustWaitSeconds: (remoteAddress) => Math.ceil(mustWaitMs(remotes.get(remoteAddress ?? '')) / 1_000),
    nameOf: (token) => findToken(token, tokens())?.name,
  };
}

/** Whether `role` includes what `needed` may do. */
export function includesRole(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

/**
 * Whether a request from this machine is surely of this machine: addressed to it by number or as localhost (a web
 * page that points its own name at 127.0.0.1 is not), and not forwarded for somebody else.
 */
export function isSafeWithoutToken(headers: IncomingHttpHeaders): boolean {
  if (headers['x-forwarded-for'] !== undefined || headers.forwarded !== undefined) return false;
  const host = (headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return host.toLowerCase() === 'localhost' || isIP(host) !== 0;
}

/** A caller's token and how it came. A browser offers it as a password, on every page of ours, whoever links there. */
export function offeredToken(
  headers: IncomingHttpHeaders,
): { readonly scheme: 'bearer' | 'basic'; readonly token: string } | undefined {
  const [, scheme, credentials] = /^(bearer|basic) +(\S+) *$/i.exec(headers.authorization ?? '') ?? [];
  if (scheme === undefined || credentials === undefined) return undefined;
  if (scheme.toLowerCase() === 'bearer') return { scheme: 'bearer', token: credentials };
  const [, ...password] = Buffer.from(credentials, 'base64').toString('utf8').split(':');
  return { scheme: 'basic', token: password.join(':') };
}

/** Compares with every token, each in constant time, so that the time tells nothing of how near a guess was. */
function findToken(offered: string, tokens: readonly Token[]): Token | undefined {
  const digest = createHash('sha256').update(offered).digest();
  let match: Token | undefined;
  for (const token of tokens) {
    if (timingSafeEqual(digest, token.digest)) match = token;
  }
  return match;
}
