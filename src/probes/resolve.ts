import { lookup } from 'node:dns/promises';
import { isIP, isIPv4 } from 'node:net';
import type { Sample } from '../core/measurements.ts';
import type { Reason, SelfReason } from '../core/reason.ts';
import { err, ok, type Result } from '../lib/result.ts';

/** Which of a name's addresses is probed; one alone, never a second attempt (as blackbox_exporter chooses). */
export interface IpChoice {
  readonly preferred: 'ip4' | 'ip6';
  /** Take the other family when the name has no address of the preferred one. */
  readonly fallback: boolean;
}

export interface ResolvedAddress {
  /** A literal. */
  readonly ip: string;
  readonly family: 4 | 6;
}

/** Why there is no address: the name's fault or our resolver's. `message` is one plain sentence. */
export interface ResolveFault {
  readonly reason: Extract<Reason, 'dns'> | Extract<SelfReason, 'self-resolver'>;
  readonly message: string;
}

/**
 * The address to probe. A literal needs no resolver. A `TimeoutError` abort is the resolver's fault, since nobody
 * else was asked; any other abort rejects with its reason.
 */
export async function resolveHost(
  host: string,
  choice: IpChoice,
  signal: AbortSignal,
): Promise<Result<ResolvedAddress, ResolveFault>> {
  const literal = isIP(host);
  if (literal !== 0) return choose(host, [{ ip: host, family: literal === 6 ? 6 : 4 }], choice);
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    const found = await Promise.race([aborted.promise, lookup(host, { all: true, order: 'verbatim' })]);
    return choose(host, found.map(toResolved), choice);
  } catch (error) {
    if (!signal.aborted) return err(faultOf(host, error));
    if (property(error, 'name') !== 'TimeoutError') throw error;
    return err({
      reason: 'self-resolver',
      message: `The monitor's name server did not say in time which address ${host} has.`,
    });
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** `probe_dns_lookup_time_seconds`, `probe_ip_protocol` and `probe_ip_addr_hash`; the last two 0 without address. */
export function addressSamples(address: ResolvedAddress | undefined, lookupMs: number): readonly Sample[] {
  return [
    { name: 'probe_dns_lookup_time_seconds', value: lookupMs / 1_000 },
    { name: 'probe_ip_protocol', value: address?.family ?? 0 },
    { name: 'probe_ip_addr_hash', value: address === undefined ? 0 : hashOfIp(address.ip) },
  ];
}

function choose(
  host: string,
  found: readonly ResolvedAddress[],
  { preferred, fallback }: IpChoice,
): Result<ResolvedAddress, ResolveFault> {
  const wanted = found.find(({ family }) => family === (preferred === 'ip6' ? 6 : 4));
  const address = wanted ?? (fallback ? found[0] : undefined);
  if (address !== undefined) return ok(address);
  const version = preferred === 'ip6' ? 'IPv6' : 'IPv4';
  return err({
    reason: 'dns',
    message: `${host} has no ${version} address, and the module allows no other.`,
  });
}

function toResolved({
  address,
  family,
}: {
  readonly address: string;
  readonly family: number;
}): ResolvedAddress {
  return { ip: address, family: family === 6 ? 6 : 4 };
}

function faultOf(host: string, error: unknown): ResolveFault {
  const code = String(property(error, 'code'));
  if (code === 'ENOTFOUND' || code === 'ENODATA' || code === 'EAI_NODATA') {
    return { reason: 'dns', message: `The name ${host} does not resolve to an address (${code}).` };
  }
  return { reason: 'self-resolver', message: `The monitor could not look up ${host} (${code}).` };
}

function property(error: unknown, name: 'code' | 'name'): unknown {
  return typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined;
}

/** FNV-1a, 32 bits, over an address' 4 or 16 bytes, as blackbox_exporter hashes it. */
function hashOfIp(ip: string): number {
  return bytesOf(ip).reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193), 0x811c9dc5) >>> 0;
}

function bytesOf(ip: string): readonly number[] {
  if (isIPv4(ip)) return ip.split('.').map(Number);
  // A URL's host is an IPv6 address in groups alone: no embedded IPv4, no zone.
  const text = new URL(`http://[${ip.replace(/%.*$/, '')}]`).hostname.slice(1, -1);
  const [head = '', tail] = text.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const zeros = Array<string>(tail === undefined ? 0 : 8 - before.length - after.length).fill('0');
  return [...before, ...zeros, ...after].flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
