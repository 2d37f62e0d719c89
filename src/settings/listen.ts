import { isIPv4, isIPv6 } from 'node:net';
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

/** Whether only this machine can reach a listener on `host`. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (isIPv4(name)) return name.startsWith('127.');
  return name === 'localhost' || name === '::1' || name.startsWith('::ffff:127.');
}
