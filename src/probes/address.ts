import { isIP } from 'node:net';
import { err, ok, type Result } from '../lib/result.ts';

export interface HostPort {
  /** A name or an IP literal without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port`; IPv6 stands in brackets. `defaultPort`, if given, may be left out. */
export function parseHostPort(address: string, defaultPort?: number): Result<HostPort> {
  const match = /^(?:\[([^\]\s]+)\]|([^:[\]\s/]+))(?::(\d{1,5}))?$/.exec(address);
  if (match === null) return err('write host:port, as in 10.0.0.5:8443 or [fd00::5]:8443');
  const [, bracketed, plain, digits] = match;
  const host = bracketed ?? plain ?? '';
  if (bracketed !== undefined && isIP(bracketed.split('%', 1)[0] ?? '') !== 6) {
    return err(`[${bracketed}] is not an IPv6 address; only those stand in brackets`);
  }
  if (bracketed === undefined && !isHostName(host)) {
    return err(`"${host}" is neither an IP address nor a host name`);
  }
  const port = digits === undefined ? defaultPort : Number(digits);
  if (port === undefined)
    return err(`the port is missing; write ${address}:443, with the port that is meant`);
  if (port < 1 || port > 65_535) return err(`port ${port} does not exist; ports are 1 to 65535`);
  return ok({ host, port });
}

function isHostName(text: string): boolean {
  if (/^[\d.]+$/.test(text)) return isIP(text) === 4;
  return (
    text.length <= 253 &&
    /^[\p{L}\p{N}_](?:[\p{L}\p{N}_.-]*[\p{L}\p{N}_.])?$/u.test(text) &&
    !text.includes('..')
  );
}
