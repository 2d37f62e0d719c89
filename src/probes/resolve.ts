import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { networkInterfaces, platform } from 'node:os';
import { performance } from 'node:perf_hooks';
import { z } from 'zod';
import type { Sample } from '../core/measurements.ts';
import { fnv1a } from '../lib/hash.ts';
import { Memo } from './memo.ts';

/** blackbox_exporter's options of address choice, for the probers' own option lists. */
export const ipOptions = {
  preferred_ip_protocol: z
    .enum(['ip4', 'ip6'])
    .default('ip6')
    .describe('Which addresses of a name to prefer'),
  ip_protocol_fallback: z
    .boolean()
    .default(true)
    .describe('Take the other kind when a name, or this machine, has none of the preferred'),
};

export interface IpPreference {
  readonly preferred_ip_protocol: 'ip4' | 'ip6';
  readonly ip_protocol_fallback: boolean;
}

/** What a name came to. */
export type Resolved =
  | { readonly kind: 'address'; readonly address: string; readonly family: 4 | 6 }
  /** The name has no address: the answer of a name server that works. */
  | { readonly kind: 'failed'; readonly message: string }
  /** Our resolver gave no answer, so nothing can be said of the name. */
  | { readonly kind: 'no-answer'; readonly message: string }
  | { readonly kind: 'aborted' };

/**
 * The one address to probe: of the preferred kind if there is one, else of the other if fallback allows. A literal is
 * itself, whatever is preferred. Asks the machine's name servers directly (c-ares), because the system's own
 * `getaddrinfo` would occupy one of four threads that file access needs too; reads the hosts file and applies search
 * domains as it would. SERVFAIL counts as our resolver's failure: it says just as well that the uplink is gone.
 * `servers`, for tests, are asked in place of the machine's.
 */
export async function resolveHost(
  host: string,
  preference: IpPreference,
  signal: AbortSignal,
  servers?: readonly string[],
): Promise<Resolved> {
  const literal = literalAddress(host);
  if (literal !== undefined) return literal;
  const local = await localFacts();
  if (signal.aborted) return { kind: 'aborted' };
  const name = host.toLowerCase().replace(/\.$/, '');
  const fixed = local.hosts.get(name) ?? (/(^|\.)localhost$/.test(name) ? LOOPBACK : undefined);
  if (fixed !== undefined) return choose(host, fixed, preference);

  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  if (servers !== undefined) resolver.setServers(servers);
  const cancel = (): void => resolver.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    let worst: Lookup | undefined;
    for (const candidate of candidates(host, local)) {
      const found = await lookUp(resolver, candidate, preference);
      if (signal.aborted) return { kind: 'aborted' };
      if (found.addresses.length > 0) return choose(host, found.addresses, preference);
      if (worst?.trouble === undefined) worst = found;
    }
    return nothingFound(host, worst?.trouble, preference);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

/** The address that a literal is, with or without a zone; undefined for a name. */
export function literalAddress(host: string): Extract<Resolved, { kind: 'address' }> | undefined {
  const family = isIP(host.split('%', 1)[0] ?? '');
  return family === 4 || family === 6 ? { kind: 'address', address: host, family } : undefined;
}

/** How many measurements an address has, whatever it is. */
export const ADDRESS_SAMPLES = 3;

/** blackbox_exporter's measurements of the address that was chosen; both 0 when there is none. */
export function addressSamples(
  chosen: { readonly address: string; readonly family: 4 | 6 } | undefined,
  lookupMs: number,
): readonly Sample[] {
  return [
    { name: 'probe_dns_lookup_time_seconds', value: lookupMs / 1_000 },
    { name: 'probe_ip_protocol', value: chosen?.family ?? 0 },
    { name: 'probe_ip_addr_hash', value: chosen === undefined ? 0 : hashes.of(chosen.address) },
  ];
}

const hashes = new Memo((address) => fnv1a(String.fromCharCode(...addressBytes(address))));

interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

interface Lookup {
  readonly addresses: readonly Address[];
  /** Code of what stood in the way of an answer; undefined when the name plainly has no address. */
  readonly trouble?: string;
}

const LOOPBACK: readonly Address[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];

async function lookUp(resolver: Resolver, name: string, preference: IpPreference): Promise<Lookup> {
  const ask = async (family: 4 | 6): Promise<Lookup> => {
    try {
      const found = await (family === 4 ? resolver.resolve4(name) : resolver.resolve6(name));
      return { addresses: found.map((address) => ({ address, family })) };
    } catch (error) {
      const code = Error.isError(error) && 'code' in error ? String(error.code) : 'unknown error';
      return NO_SUCH_ADDRESS.has(code) ? { addresses: [] } : { addresses: [], trouble: code };
    }
  };
  const preferred = preference.preferred_ip_protocol === 'ip6' ? 6 : 4;
  if (!preference.ip_protocol_fallback) return await ask(preferred);
  const both = await Promise.all([ask(preferred), ask(preferred === 6 ? 4 : 6)]);
  const trouble = both.find((part) => part.trouble !== undefined)?.trouble;
  return {
    addresses: both.flatMap((part) => part.addresses),
    ...(trouble === undefined ? {} : { trouble }),
  };
}

/** Codes by which a working name server says that there is no such address. */
const NO_SUCH_ADDRESS: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME', 'EBADQUERY']);

function choose(host: string, addresses: readonly Address[], preference: IpPreference): Resolved {
  const preferred = preference.preferred_ip_protocol === 'ip6' ? 6 : 4;
  const first = addresses.find((candidate) => candidate.family === preferred);
  const other = preference.ip_protocol_fallback
    ? addresses.find((candidate) => candidate.family !== preferred)
    : undefined;
  const chosen = first !== undefined && (other === undefined || canReach(first)) ? first : other;
  return chosen === undefined
    ? nothingFound(host, undefined, preference)
    : { kind: 'address', address: chosen.address, family: chosen.family };
}

/** Whether this machine has an address from which the other could answer at all. */
function canReach({ address, family }: Address): boolean {
  if (/^(127\.|::1$)/.test(address)) return true;
  return Object.values(networkInterfaces()).some((list) =>
    list?.some(
      (own) =>
        !own.internal && own.family === `IPv${family}` && !own.address.toLowerCase().startsWith('fe80:'),
    ),
  );
}

function nothingFound(host: string, trouble: string | undefined, preference: IpPreference): Resolved {
  if (trouble !== undefined) {
    return {
      kind: 'no-answer',
      message: `The name server of this machine gives no answer about ${host} (${troubleText(trouble)})`,
    };
  }
  const kind = preference.preferred_ip_protocol === 'ip6' ? 'IPv6' : 'IPv4';
  return {
    kind: 'failed',
    message: preference.ip_protocol_fallback
      ? `The name ${host} does not resolve: no such name, or it has no address`
      : `The name ${host} has no ${kind} address, and ip_protocol_fallback is off`,
  };
}

function troubleText(code: string): string {
  switch (code) {
    case 'ETIMEOUT':
      return 'it does not answer in time';
    case 'ECONNREFUSED':
      return 'it cannot be reached';
    case 'EREFUSED':
      return 'it refuses to answer';
    case 'ESERVFAIL':
      return 'it reports a failure of its own: SERVFAIL';
    default:
      return code;
  }
}

/** What this machine says of names: hosts file, search domains. */
interface LocalFacts {
  readonly hosts: ReadonlyMap<string, readonly Address[]>;
  readonly search: readonly string[];
  readonly ndots: number;
}

const FACTS_LIVE_MS = 5_000;
let facts: Promise<LocalFacts> | undefined;
let factsReadAtMs = Number.NEGATIVE_INFINITY;

function localFacts(): Promise<LocalFacts> {
  const now = performance.now();
  if (facts === undefined || now - factsReadAtMs > FACTS_LIVE_MS) {
    factsReadAtMs = now;
    facts = readLocalFacts();
  }
  return facts;
}

async function readLocalFacts(): Promise<LocalFacts> {
  const isWindows = platform() === 'win32';
  const hostsFile = isWindows ? 'C:\\Windows\\System32\\drivers\\etc\\hosts' : '/etc/hosts';
  const [hosts, resolvConf] = await Promise.all([
    readIfThere(hostsFile),
    isWindows ? '' : readIfThere('/etc/resolv.conf'),
  ]);
  const lines = resolvConf.split('\n').map((line) => line.replace(/[#;].*/, '').trim());
  const search =
    lines
      .findLast((line) => /^(search|domain)\s/.test(line))
      ?.split(/\s+/)
      .slice(1) ?? [];
  const ndots = /^options\s.*\bndots:(\d+)/m.exec(lines.join('\n'))?.[1];
  return { hosts: parseHosts(hosts), search, ndots: Number(ndots ?? 1) };
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    // No such file, no such names.
    return '';
  }
}

function parseHosts(text: string): ReadonlyMap<string, readonly Address[]> {
  const hosts = new Map<string, Address[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const family = isIP(address.split('%', 1)[0] ?? '');
    if (family !== 4 && family !== 6) continue;
    for (const name of names) {
      const known = hosts.get(name.toLowerCase());
      if (known === undefined) hosts.set(name.toLowerCase(), [{ address, family }]);
      else known.push({ address, family });
    }
  }
  return hosts;
}

/** The full names that `host` may stand for, in the order to try. */
function candidates(host: string, { search, ndots }: LocalFacts): readonly string[] {
  if (host.endsWith('.')) return [host.slice(0, -1)];
  const extended = search.map((domain) => `${host}.${domain.replace(/\.$/, '')}`);
  const dots = host.split('.').length - 1;
  return dots >= ndots ? [host, ...extended] : [...extended, host];
}

/** An address' 4 or 16 bytes; an IPv4 address written as IPv6 has 4. */
function addressBytes(address: string): readonly number[] {
  const [plain = ''] = address.split('%', 1);
  const v4 = /^(?:::ffff:)?(\d+)\.(\d+)\.(\d+)\.(\d+)$/i.exec(plain);
  if (v4 !== null) return v4.slice(1).map(Number);
  const [head = '', tail] = new URL(`http://[${plain}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const before = groups(head);
  const after = groups(tail ?? '');
  const middle = Array.from({ length: 8 - before.length - after.length }, () => 0);
  return [...before, ...middle, ...after].flatMap((group) => [group >> 8, group & 0xff]);
}
