/** The part of dns-packet 5.6 that we use; the package brings no types of its own. */
declare module 'dns-packet' {
  import type { Buffer } from 'node:buffer';

  interface Question {
    readonly name: string;
    readonly type: string;
    readonly class?: string;
  }

  interface Of<Type extends string, Data> {
    readonly name: string;
    readonly type: Type;
    readonly class?: string;
    /** Unit: s. */
    readonly ttl?: number;
    readonly data: Data;
  }

  type Answer =
    | Of<'A' | 'AAAA' | 'CNAME' | 'DNAME' | 'NS' | 'PTR', string>
    | Of<'TXT', readonly Buffer[]>
    | Of<'MX', { readonly preference: number; readonly exchange: string }>
    | Of<
        'SRV',
        { readonly priority: number; readonly weight: number; readonly port: number; readonly target: string }
      >
    | Of<
        'SOA',
        {
          readonly mname: string;
          readonly rname: string;
          readonly serial: number;
          readonly refresh: number;
          readonly retry: number;
          readonly expire: number;
          readonly minimum: number;
        }
      >
    | Of<'CAA', { readonly flags: number; readonly tag: string; readonly value: string }>
    | Of<'HINFO', { readonly cpu: string; readonly os: string }>
    | Of<'RP', { readonly mbox: string; readonly txt: string }>
    | Of<'SSHFP', { readonly algorithm: number; readonly hash: number; readonly fingerprint: string }>
    | Of<
        'NAPTR',
        {
          readonly order: number;
          readonly preference: number;
          readonly flags: string;
          readonly services: string;
          readonly regexp: string;
          readonly replacement: string;
        }
      >
    | Of<
        'DS',
        {
          readonly keyTag: number;
          readonly algorithm: number;
          readonly digestType: number;
          readonly digest: Buffer;
        }
      >
    | Of<'DNSKEY', { readonly flags: number; readonly algorithm: number; readonly key: Buffer }>
    | Of<
        'TLSA',
        {
          readonly usage: number;
          readonly selector: number;
          readonly matchingType: number;
          readonly certificate: Buffer;
        }
      >
    | Of<'RRSIG' | 'NSEC' | 'NSEC3', object>
    | { readonly name: string; readonly type: 'OPT'; readonly udpPayloadSize: number }
    /** Types it does not parse. */
    | Of<'NULL' | 'SPF' | 'LOC' | 'CERT' | 'CDS' | 'CDNSKEY' | `UNKNOWN_${number}`, Buffer>;

  interface Packet {
    readonly id?: number;
    readonly type?: 'query' | 'response';
    readonly flags?: number;
    readonly questions?: readonly Question[];
    readonly answers?: readonly Answer[];
    readonly authorities?: readonly Answer[];
    readonly additionals?: readonly Answer[];
  }

  interface DecodedPacket {
    readonly id: number;
    readonly type: 'query' | 'response';
    readonly flags: number;
    readonly flag_tc: boolean;
    /** `NOERROR`, `SERVFAIL`, … */
    readonly rcode: string;
    readonly questions: readonly Question[];
    readonly answers: readonly Answer[];
    readonly authorities: readonly Answer[];
    readonly additionals: readonly Answer[];
  }

  /** Throws when a name or a value cannot be written. */
  function encode(packet: Packet): Buffer;
  /** Throws when the bytes are not a DNS message. */
  function decode(bytes: Buffer): DecodedPacket;
  const RECURSION_DESIRED: number;
}
