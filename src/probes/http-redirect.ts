import { err, ok, type Result } from '../lib/result.ts';

/** As many as blackbox_exporter follows. */
export const MAX_REDIRECTS = 10;

/** Where a request goes. */
export interface Place {
  readonly href: string;
  readonly isTls: boolean;
  /** A name or an IP literal without brackets. */
  readonly host: string;
  readonly port: number;
  /** Origin form, with the query. */
  readonly path: string;
  /** As a Host header names it. */
  readonly authority: string;
}

export function placeOf(url: URL): Place {
  const isTls = url.protocol === 'https:';
  return {
    href: url.href,
    isTls,
    host: withoutBrackets(url.hostname),
    port: url.port === '' ? (isTls ? 443 : 80) : Number(url.port),
    path: `${url.pathname}${url.search}`,
    authority: url.host,
  };
}

/** An IPv6 address as it stands in a URL, as it stands elsewhere. */
export function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/** One request of a chain. */
export interface Hop {
  readonly place: Place;
  readonly method: string;
  /** Whether the body is sent: not after a redirect that turned the method into GET. */
  readonly sendsBody: boolean;
  /** False once a redirect led to another host or away from TLS, for good: nothing that could be a secret is sent. */
  readonly isTrusted: boolean;
}

/**
 * The hop that a response leads to; undefined when it leads nowhere (no redirect, or no place named). An error is a
 * sentence's end, to follow the server's name.
 */
export function nextHop(hop: Hop, status: number, location: string | undefined): Result<Hop> | undefined {
  if (![301, 302, 303, 307, 308].includes(status) || location === undefined || location === '')
    return undefined;
  const url = URL.parse(location, hop.place.href);
  if (url === null) return err('redirects to something that is no address');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return err('redirects to an address that is neither http nor https');
  }
  // As browsers and Go do: only 307 and 308 keep the method.
  const keeps = status === 307 || status === 308 || hop.method === 'HEAD' || hop.method === 'GET';
  const place = placeOf(url);
  return ok({
    place,
    method: keeps ? hop.method : 'GET',
    sendsBody: keeps && hop.sendsBody,
    isTrusted: hop.isTrusted && isSameSite(hop.place, place),
  });
}

/** Whether what was meant for `from` may be sent to `to`: the same host and port, or the step from http to https. */
function isSameSite(from: Place, to: Place): boolean {
  if (from.host !== to.host) return false;
  if (from.isTls === to.isTls) return from.port === to.port;
  return !from.isTls && from.port === 80 && to.port === 443;
}

/** Headers that say nothing about who asks, so that any host may have them. */
const HARMLESS = new Set([
  'accept',
  'accept-charset',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'pragma',
  'user-agent',
]);

export function isHarmlessHeader(name: string): boolean {
  return HARMLESS.has(name.toLowerCase());
}
