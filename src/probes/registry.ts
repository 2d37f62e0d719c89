import { dnsProber } from './dns.ts';
import { httpProber } from './http.ts';
import { icmpProber } from './icmp.ts';
import { nexoProber } from './nexo.ts';
import type { Prober } from './probe.ts';
import { swishProber } from './swish.ts';
import { tcpProber } from './tcp.ts';
import { tlsProber } from './tls.ts';

/**
 * Every prober: a new one is its own file and one line here. Held without the type of its options, which whoever
 * opens it gets from its own schema (`options`), as settings do.
 */
const all: readonly Prober[] = [
  icmpProber,
  tcpProber,
  tlsProber,
  httpProber,
  dnsProber,
  nexoProber,
  swishProber,
];

export const probers: ReadonlyMap<string, Prober> = new Map(all.map((prober) => [prober.name, prober]));
