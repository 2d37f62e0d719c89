import { BlockList, isIP, isIPv6 } from 'node:net';
import { err, ok, type Result } from '../lib/result.ts';
import type { ListenAddress } from './settings.ts';

/** Reads `host:port`; an IPv6 address stands in brackets: `[::1]:9840`. Port 0 lets the system choose. */
export function parseListen(text: string): Result<ListenAddress> {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:\s]*)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  const hint = 'write host:port, as in 127.0.0.1:9840';
  if (host === undefined) return err(`"${text}" is not an address to listen on; ${hint}`);
  if (host === '') return err(`"${text}" names no host; write 0.0.0.0${text} to listen on every interface`);
  if (bracketed !== undefined && !isIPv6(bracketed)) {
    return err(`"${text}" has no IPv6 address in its brackets; ${hint} or [::1]:9840`);
  }
  if (port > 65_535) return err(`"${text}" has the port ${digits}; a port is at most 65535`);
  return ok({ host, port });
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Whether `host` is this machine's own, so that only it can reach a listener there, or call from there. */
export function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return host.toLowerCase() === 'localhost';
  return LOOPBACK.check(host, family === 6 ? 'ipv6' : 'ipv4');
}
