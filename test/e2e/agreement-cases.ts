import { RECORDS } from '../probes/dns-record-samples.ts';
import { at } from './agreement-servers.ts';

/** One probe made by both: the module's options under blackbox_exporter's names. */
export interface Case {
  readonly name: string;
  readonly prober: 'http' | 'tcp' | 'dns' | 'icmp' | 'tls';
  readonly options?: object;
  readonly target: () => string;
  /** What both must say. */
  readonly success: 0 | 1;
  /** It ends only by its time-out, so that is short. */
  readonly isSilent?: true;
}

/** `ca.pem` stands for the suite's own authority, wherever its file is. */
const tls_config = { ca_file: 'ca.pem' };

const page = (path: string) => () => `http://${at.http}${path}`;
const http = (name: string, path: string, success: 0 | 1, options: object = {}): Case => ({
  name: `http: ${name}`,
  prober: 'http',
  options,
  target: page(path),
  success,
});
const https = (
  name: string,
  success: 0 | 1,
  options: object,
  server: 'https' | 'expired' = 'https',
  path = '/ok',
): Case => ({
  name: `http: ${name}`,
  prober: 'http',
  options,
  target: () => `https://${at[server]}${path}`,
  success,
});
const tcp = (name: string, server: keyof typeof at, success: 0 | 1, options: object = {}): Case => ({
  name: `tcp: ${name}`,
  prober: 'tcp',
  options,
  target: () => at[server],
  success,
});
const dns = (
  name: string,
  success: 0 | 1,
  options: object = {},
  server: 'dnsUdp' | 'dnsTcp' | 'dnsTls' | 'closed' = 'dnsUdp',
): Case => ({
  name: `dns: ${name}`,
  prober: 'dns',
  options: { query_name: 'two.test', query_type: 'A', ...options },
  target: () => at[server],
  success,
});
const icmp = (name: string, target: string, success: 0 | 1, options: object = {}): Case => ({
  name: `icmp: ${name}`,
  prober: 'icmp',
  options,
  target: () => target,
  success,
});

const silent = (given: Case): Case => ({ ...given, isSilent: true });

const exactly = (text: string): string => `^${text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`;

/** What both probers are asked to probe. */
export const CASES: readonly Case[] = [
  http('200', '/ok', 1),
  http('a body of known length and date', '/dated', 1),
  http('a compressed body', '/gzip', 1, { compression: 'gzip' }),
  http('an empty answer', '/204', 1),
  http('404', '/missing', 0),
  http('404 that is wanted', '/missing', 1, { valid_status_codes: [404] }),
  http('500', '/broken', 0),
  http('a redirect', '/redirect', 1),
  http('a redirect that is not followed', '/redirect', 0, { follow_redirects: false }),
  http('a redirect that is the answer', '/redirect', 1, {
    follow_redirects: false,
    valid_status_codes: [302],
  }),
  http('redirects without end', '/loop', 0),
  http('a redirect that leads nowhere', '/redirect-nowhere', 0),
  http('a maintenance page', '/maintenance', 0, { fail_if_body_matches_regexp: ['driftst[öo]rning'] }),
  http('a body without the wanted text', '/ok', 0, { fail_if_body_not_matches_regexp: ['kassa'] }),
  http('a body with the wanted text', '/ok', 1, { fail_if_body_not_matches_regexp: ['^all', 'well'] }),
  http('a header that must not match', '/ok', 0, {
    fail_if_header_matches: [{ header: 'X-State', regexp: 'fine' }],
  }),
  http('a header that must match', '/ok', 1, {
    fail_if_header_not_matches: [{ header: 'X-State', regexp: '^fine$' }],
  }),
  http('a header that is missing', '/ok', 0, {
    fail_if_header_not_matches: [{ header: 'X-None', regexp: '.' }],
  }),
  http('a header that may be missing', '/ok', 1, {
    fail_if_header_not_matches: [{ header: 'X-None', regexp: '.', allow_missing: true }],
  }),
  http('a wrong version', '/ok', 0, { valid_http_versions: ['HTTP/1.0'] }),
  http('no TLS where TLS must be', '/ok', 0, { fail_if_not_ssl: true }),
  http('POST with a body', '/echo', 1, {
    method: 'POST',
    body: 'ping',
    fail_if_body_not_matches_regexp: ['^POST ping$'],
  }),
  http('HEAD', '/dated', 1, { method: 'HEAD' }),
  http('own headers', '/header', 1, {
    headers: { 'X-Own': 'mine' },
    fail_if_body_not_matches_regexp: ['^mine$'],
  }),
  http('a Host header', '/host', 1, {
    headers: { Host: 'shop.test' },
    fail_if_body_not_matches_regexp: ['^shop.test$'],
  }),
  http('the host name asked for', '/host', 0, { fail_if_body_not_matches_regexp: ['^till.test$'] }),
  http('IPv4 wanted', '/ok', 1, { preferred_ip_protocol: 'ip4' }),
  { name: 'http: nobody listens', prober: 'http', target: () => `http://${at.closed}/`, success: 0 },
  silent({ name: 'http: silence', prober: 'http', target: () => `http://${at.silent}/`, success: 0 }),
  { name: 'http: not HTTP', prober: 'http', target: () => `http://${at.banner}/`, success: 0 },
  https('TLS of an own authority', 1, { tls_config }),
  https('TLS where there must be none', 0, { tls_config, fail_if_ssl: true }),
  https('TLS of an unknown authority', 0, {}),
  https('TLS without looking', 1, { tls_config: { insecure_skip_verify: true } }),
  https('TLS for another name', 0, { tls_config: { ...tls_config, server_name: 'other.test' } }),
  https('an expired certificate', 0, { tls_config }, 'expired'),
  https('a redirect over TLS', 1, { tls_config }, 'https', '/redirect'),
  tcp('a port that listens', 'banner', 1),
  tcp('nobody listens', 'closed', 0),
  tcp('a dialogue that holds', 'banner', 1, {
    query_response: [{ expect: '^220 (\\S+) ready', send: 'EHLO ${1}' }, { expect: '^250 till$' }],
  }),
  silent(tcp('a dialogue that does not', 'banner', 0, { query_response: [{ expect: '^SSH-2.0-' }] })),
  silent(tcp('a dialogue with silence', 'silent', 0, { query_response: [{ expect: '.' }] })),
  tcp('TLS', 'tls', 1, { tls: true, tls_config }),
  tcp('TLS of an unknown authority', 'tls', 0, { tls: true }),
  tcp('TLS with a dialogue', 'tls', 1, {
    tls: true,
    tls_config,
    query_response: [{ expect: '^220 ' }],
  }),
  { name: 'tls: a good session', prober: 'tls', options: { tls_config }, target: () => at.tls, success: 1 },
  { name: 'tls: an unknown authority', prober: 'tls', target: () => at.tls, success: 0 },
  {
    name: 'tls: an expired certificate',
    prober: 'tls',
    options: { tls_config },
    target: () => at.expired,
    success: 0,
  },
  { name: 'tls: no TLS there', prober: 'tls', options: { tls_config }, target: () => at.banner, success: 0 },
  {
    name: 'tls: nobody listens',
    prober: 'tls',
    options: { tls_config },
    target: () => at.closed,
    success: 0,
  },
  dns('two records', 1),
  dns('all sections', 1, { query_name: 'sections.test' }),
  dns('any type', 1, { query_type: 'ANY' }),
  dns('another class', 1, { query_class: 'CH', query_type: 'TXT', query_name: 'version.bind' }),
  dns('the serial of a zone', 1, { query_name: 'zone.test', query_type: 'SOA' }),
  dns('a zone without a serial', 1, { query_name: 'empty.test', query_type: 'SOA' }),
  dns('NXDOMAIN', 0, { query_name: 'none.test' }),
  dns('NXDOMAIN that is wanted', 1, { query_name: 'none.test', valid_rcodes: ['NXDOMAIN'] }),
  dns('SERVFAIL', 0, { query_name: 'servfail.test' }),
  silent(dns('silence', 0, { query_name: 'silence.test' })),
  dns('nobody listens', 0, {}, 'closed'),
  dns('over TCP', 1, { transport_protocol: 'tcp' }, 'dnsTcp'),
  dns('over TCP, nobody listens', 0, { transport_protocol: 'tcp' }, 'closed'),
  dns('over TLS', 1, { transport_protocol: 'tcp', dns_over_tls: true, tls_config }, 'dnsTls'),
  dns('over TLS of an unknown authority', 0, { transport_protocol: 'tcp', dns_over_tls: true }, 'dnsTls'),
  ...(
    [
      ['fail_if_matches_regexp', ['\\.81$'], 0],
      ['fail_if_matches_regexp', ['^other'], 1],
      ['fail_if_not_matches_regexp', ['\\.81$'], 0],
      ['fail_if_not_matches_regexp', ['\\tA\\t'], 1],
      ['fail_if_all_match_regexp', ['\\.81$'], 0],
      ['fail_if_all_match_regexp', ['\\tA\\t'], 1],
      ['fail_if_none_matches_regexp', ['^other', '\\.81$'], 1],
      ['fail_if_none_matches_regexp', ['^other'], 0],
    ] as const
  ).map(([rule, patterns, success]) =>
    dns(`${rule} ${patterns.join(' ')}`, success, { validate_answer_rrs: { [rule]: patterns } }),
  ),
  ...(['answer', 'authority', 'additional'] as const).flatMap((section) =>
    (['fail_if_not_matches_regexp', 'fail_if_none_matches_regexp', 'fail_if_all_match_regexp'] as const).map(
      (rule) =>
        dns(`${rule} on an empty ${section} section`, rule === 'fail_if_all_match_regexp' ? 1 : 0, {
          query_name: 'empty.test',
          [`validate_${section}_rrs`]: { [rule]: ['.'] },
        }),
    ),
  ),
  ...RECORDS.map(({ record, text }, index) =>
    dns(`the text of ${record.type} ${index}`, 1, {
      query_name: `record-${index}.test`,
      query_type: 'TXT',
      validate_answer_rrs: { fail_if_not_matches_regexp: [exactly(text)] },
    }),
  ),
  icmp('IPv4', '127.0.0.1', 1),
  icmp('IPv6', '::1', 1),
  icmp('a name', 'localhost', 1, { preferred_ip_protocol: 'ip4' }),
  icmp('with a payload, unfragmented', '127.0.0.1', 1, { payload_size: 1_000, dont_fragment: true }),
  icmp('from a source of our own', '127.0.0.1', 1, { source_ip_address: '127.0.0.1' }),
];
