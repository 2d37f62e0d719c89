import { err, ok, type Result } from '../lib/result.ts';
import { type HostPort, parseHostPort } from './address.ts';
import { endpointText } from './dial.ts';
import type { ProbeRequest } from './probe.ts';

export const ADDRESS_EXAMPLE = 'V400m-346403161@10.20.30.40:8443';

const DEFAULT_PORT = 8443;

/** A terminal to ask. */
export interface Terminal {
  readonly host: string;
  readonly port: number;
  readonly poiId: string;
  /** Names it in messages and in the queue for it. */
  readonly endpoint: string;
  readonly hostname: string | undefined;
}

/** `host`, `host:port` or `POIID@host:port`. */
export function parseTerminalAddress(text: string): Result<true> {
  const read = readAddress(text);
  return read.ok ? ok(true) : read;
}

/** The terminal that `request` means: the POIID of its address, else the target's id as its POIID. */
export function terminalOf({ targetId, address, hostname }: ProbeRequest): Result<Terminal> {
  const read = readAddress(address);
  if (!read.ok) return read;
  const { host, port, poiId = targetId } = read.value;
  if (!POI_ID.test(poiId)) {
    return err(
      `No POIID for ${address}: write the address as POIID@${address}, or give the target its POIID as id`,
    );
  }
  return ok({ host, port, poiId, endpoint: endpointText(host, port), hostname });
}

const POI_ID = /^[\w.-]{1,64}$/;

function readAddress(text: string): Result<HostPort & { readonly poiId: string | undefined }> {
  const at = text.indexOf('@');
  const poiId = at < 0 ? undefined : text.slice(0, at);
  if (poiId !== undefined && !POI_ID.test(poiId)) {
    return err(`"${poiId}" is not a POIID; write POIID@host:port, as in ${ADDRESS_EXAMPLE}`);
  }
  const read = parseHostPort(text.slice(at + 1), DEFAULT_PORT);
  return read.ok ? ok({ ...read.value, poiId }) : read;
}
