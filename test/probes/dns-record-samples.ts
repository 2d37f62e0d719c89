import type { Answer } from 'dns-packet';

const common = { name: 'example.test', ttl: 300 };
const HEX = Buffer.from('00ff10ab', 'hex');

/** Records and their texts as Go's miekg/dns writes them; the agreement suite asks a real blackbox_exporter. */
export const RECORDS: readonly { readonly record: Answer; readonly text: string }[] = [
  { record: { ...common, type: 'A', data: '192.0.2.1' }, text: 'example.test.\t300\tIN\tA\t192.0.2.1' },
  {
    record: { ...common, type: 'AAAA', data: '2001:db8:0:0:0:0:0:1' },
    text: 'example.test.\t300\tIN\tAAAA\t2001:db8::1',
  },
  {
    record: { ...common, type: 'NS', data: 'ns1.Example.test' },
    text: 'example.test.\t300\tIN\tNS\tns1.Example.test.',
  },
  {
    record: { ...common, type: 'CNAME', data: 'other.test' },
    text: 'example.test.\t300\tIN\tCNAME\tother.test.',
  },
  {
    record: { ...common, type: 'PTR', data: '_x.*.other.test' },
    text: 'example.test.\t300\tIN\tPTR\t_x.*.other.test.',
  },
  {
    record: { ...common, name: 'åland.test', type: 'A', data: '192.0.2.1' },
    text: '\\195\\165land.test.\t300\tIN\tA\t192.0.2.1',
  },
  { record: { ...common, name: '.', ttl: 0, type: 'NS', data: '.' }, text: '.\t0\tIN\tNS\t.' },
  {
    record: { ...common, type: 'MX', data: { preference: 10, exchange: 'mail.test' } },
    text: 'example.test.\t300\tIN\tMX\t10 mail.test.',
  },
  {
    record: {
      ...common,
      type: 'TXT',
      data: [Buffer.from('v=spf1 "all" \\x'), Buffer.from([0x7f, 0xe5, 0x41])],
    },
    text: 'example.test.\t300\tIN\tTXT\t"v=spf1 \\"all\\" \\\\x" "\\127\\229A"',
  },
  {
    record: { ...common, type: 'SRV', data: { priority: 1, weight: 2, port: 443, target: 'pay.test' } },
    text: 'example.test.\t300\tIN\tSRV\t1 2 443 pay.test.',
  },
  {
    record: {
      ...common,
      type: 'SOA',
      data: {
        mname: 'ns.test',
        rname: 'admin.test',
        serial: 4_294_967_295,
        refresh: 1,
        retry: 2,
        expire: 3,
        minimum: 4,
      },
    },
    text: 'example.test.\t300\tIN\tSOA\tns.test. admin.test. 4294967295 1 2 3 4',
  },
  {
    record: { ...common, type: 'CAA', data: { flags: 128, tag: 'issue', value: 'ca.test; x="1"' } },
    text: 'example.test.\t300\tIN\tCAA\t128 issue "ca.test; x=\\"1\\""',
  },
  {
    record: { ...common, type: 'HINFO', data: { cpu: 'PAX A35', os: 'Android' } },
    text: 'example.test.\t300\tIN\tHINFO\t"PAX A35" "Android"',
  },
  {
    record: { ...common, type: 'RP', data: { mbox: 'admin.test', txt: 'info.test' } },
    text: 'example.test.\t300\tIN\tRP\tadmin.test. info.test.',
  },
  {
    record: {
      ...common,
      type: 'NAPTR',
      data: {
        order: 1,
        preference: 2,
        flags: 'U',
        services: 'E2U+sip',
        regexp: '!^.*$!x!',
        replacement: '.',
      },
    },
    text: 'example.test.\t300\tIN\tNAPTR\t1 2 "U" "E2U+sip" "!^.*$!x!" .',
  },
  {
    record: { ...common, type: 'DS', data: { keyTag: 9, algorithm: 8, digestType: 2, digest: HEX } },
    text: 'example.test.\t300\tIN\tDS\t9 8 2 00FF10AB',
  },
  {
    record: { ...common, type: 'DNSKEY', data: { flags: 257, algorithm: 8, key: HEX } },
    text: 'example.test.\t300\tIN\tDNSKEY\t257 3 8 AP8Qqw==',
  },
  {
    record: { ...common, type: 'TLSA', data: { usage: 3, selector: 1, matchingType: 1, certificate: HEX } },
    text: 'example.test.\t300\tIN\tTLSA\t3 1 1 00ff10ab',
  },
  {
    record: { ...common, type: 'SSHFP', data: { algorithm: 4, hash: 1, fingerprint: '00FF'.repeat(10) } },
    text: `example.test.\t300\tIN\tSSHFP\t4 1 ${'00FF'.repeat(10)}`,
  },
  {
    record: { ...common, type: 'UNKNOWN_65280', data: HEX },
    text: 'example.test.\t300\tCLASS1\tTYPE65280\t\\# 4 00ff10ab',
  },
  {
    record: { ...common, class: 'CH', type: 'TXT', data: [Buffer.from('9.18')] },
    text: 'example.test.\t300\tCH\tTXT\t"9.18"',
  },
];
