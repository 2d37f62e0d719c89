import { isIP } from 'node:net';
import { z } from 'zod';
import { err, ok, type Result } from '../../lib/result.ts';
import { hostAndPort, jsonPattern, literally, makeHttpRequest } from './http-request.ts';
import type { ImportDraft, ModuleDraft, SecretFiles } from './import-draft.ts';
import { type KumaMonitor, parseJson } from './kuma-backup.ts';

/** One way to probe, and where. */
type Carried = { readonly address: string } & Pick<ModuleDraft, 'prober' | 'options'>;

/** One monitor being carried over. */
export interface KumaWork {
  readonly monitor: KumaMonitor;
  readonly where: string;
  readonly draft: ImportDraft;
  readonly secrets: SecretFiles;
}

/** How each type of monitor is probed; why not, where one cannot be. */
export const KUMA_PROBES: Readonly<Record<string, (work: KumaWork) => Result<Carried>>> = {
  http: readWeb,
  keyword: readWeb,
  'json-query': readWeb,
  port: ({ monitor }) => readPort(monitor, {}),
  ping: readPing,
  dns: readDns,
  smtp: readSmtp,
};

function readWeb(work: KumaWork): Result<Carried> {
  const { monitor, secrets } = work;
  const auth = authOf(work);
  if (!auth.ok) return auth;
  const headers = readHeaders(monitor.headers);
  if (!headers.ok) return headers;
  const codes = statusCodes(monitor.accepted_statuscodes ?? []);
  if (!codes.ok) return codes;
  const { body } = monitor;
  const type = BODY_TYPES[monitor.httpBodyEncoding] ?? 'application/json';
  const request = makeHttpRequest(
    {
      url: monitor.url,
      method: monitor.method,
      headers: body === '' ? headers.value : { 'Content-Type': type, ...headers.value },
      body,
      ...auth.value.request,
    },
    secrets,
  );
  if (!request.ok) return request;
  const tls = { ...auth.value.tls, ...(monitor.ignoreTls ? { insecure_skip_verify: true } : {}) };
  const options = {
    ...request.value.options,
    ...(codes.value.length === 0 ? {} : { valid_status_codes: codes.value }),
    ...(monitor.maxredirects === 0 ? { follow_redirects: false } : {}),
    ...(Object.keys(tls).length === 0 ? {} : { tls_config: tls }),
    ...familyOf(monitor),
    ...contentRules(work),
  };
  return ok({ address: request.value.address, prober: 'http', options });
}

const BODY_TYPES: Readonly<Record<string, string>> = {
  form: 'application/x-www-form-urlencoded',
  xml: 'text/xml; charset=utf-8',
};

/** How it shows who it is. Versions before 1.18 name no method. */
function authOf({ monitor, secrets }: KumaWork): Result<{
  readonly request: { readonly user?: string; readonly password?: string; readonly bearerToken?: string };
  readonly tls: Readonly<Record<string, string>>;
}> {
  const { authMethod, basic_auth_user: user, basic_auth_pass: password, tlsCa, tlsCert, tlsKey } = monitor;
  switch (authMethod) {
    case '':
    case 'basic':
      return ok({ request: { user, password }, tls: {} });
    case 'bearer':
      return ok({ request: { bearerToken: monitor.bearer_token }, tls: {} });
    case 'mtls': {
      const keep = (what: string, pem: string, option: string) =>
        pem === '' ? {} : { [option]: secrets.keep(what, pem) };
      const tls = {
        ...keep('ca', tlsCa, 'ca_file'),
        ...keep('certificate', tlsCert, 'cert_file'),
        ...keep('key', tlsKey, 'key_file'),
      };
      return ok({ request: {}, tls });
    }
    default:
      return err(`it signs in by ${authMethod}, which is not supported`);
  }
}

function readHeaders(json: string): Result<Record<string, string>> {
  if (json.trim() === '') return ok({});
  const parsed = parseJson(json);
  const read = z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .safeParse(parsed.ok ? parsed.value : undefined);
  if (!read.success) return err('its headers are no JSON map of names to values');
  return ok(Object.fromEntries(Object.entries(read.data).map(([name, value]) => [name, String(value)])));
}

/** Empty: 200 to 299, as by default. */
function statusCodes(given: readonly (string | number)[]): Result<readonly number[]> {
  const codes = new Set<number>();
  for (const part of given) {
    const [, first, last = first] = /^(\d{3})(?:-(\d{3}))?$/.exec(String(part).trim()) ?? [];
    if (first === undefined) return err(`its accepted status "${part}" is no code and no range of them`);
    for (let code = Math.max(100, Number(first)); code <= Math.min(599, Number(last)); code++)
      codes.add(code);
  }
  const isUsual = codes.size === 100 && Array.from(codes).every((code) => code >= 200 && code < 300);
  return ok(isUsual ? [] : Array.from(codes).sort((a, b) => a - b));
}

function contentRules({ monitor, where, draft }: KumaWork): Readonly<Record<string, readonly string[]>> {
  const { type, keyword, invertKeyword, jsonPath, jsonPathOperator, expectedValue } = monitor;
  if (type === 'keyword' && keyword !== '') {
    const rule = invertKeyword ? 'fail_if_body_matches_regexp' : 'fail_if_body_not_matches_regexp';
    return { [rule]: [literally(keyword)] };
  }
  if (type !== 'json-query') return {};
  const isEquality = jsonPathOperator === '' || jsonPathOperator === '==';
  const pattern = isEquality ? jsonPattern(jsonPath, expectedValue) : undefined;
  if (pattern === undefined) {
    draft.changed(
      where,
      'its JSON query is not asked',
      'only the status is looked at; add fail_if_body_not_matches_regexp',
    );
    return {};
  }
  draft.changed(
    where,
    `its JSON query is now the pattern ${pattern}`,
    'it looks for that anywhere in the answer',
  );
  return { fail_if_body_not_matches_regexp: [pattern] };
}

function familyOf({ ipFamily }: KumaMonitor): Readonly<Record<string, unknown>> {
  if (ipFamily !== 'ipv4' && ipFamily !== 'ipv6') return {};
  return { preferred_ip_protocol: ipFamily === 'ipv4' ? 'ip4' : 'ip6', ip_protocol_fallback: false };
}

function readPort(monitor: KumaMonitor, options: Readonly<Record<string, unknown>>): Result<Carried> {
  const { hostname, port } = monitor;
  if (hostname === '' || port === '') return err('it has no host or no port');
  return ok({
    address: hostAndPort(hostname, port),
    prober: 'tcp',
    options: { ...options, ...familyOf(monitor) },
  });
}

function readSmtp({ monitor, where, draft }: KumaWork): Result<Carried> {
  draft.changed(where, 'it is a dialogue that waits for the greeting', 'no more of SMTP is spoken');
  const isTls = monitor.smtpSecurity === 'secure';
  return readPort(monitor, { query_response: [{ expect: '^220' }], ...(isTls ? { tls: true } : {}) });
}

function readPing({ monitor }: KumaWork): Result<Carried> {
  const { hostname, packetSize } = monitor;
  const size = packetSize === undefined || packetSize === 56 ? {} : { payload_size: packetSize };
  return ok({ address: hostname, prober: 'icmp', options: { ...size, ...familyOf(monitor) } });
}

function readDns({ monitor, where, draft }: KumaWork): Result<Carried> {
  const servers = (monitor.dns_resolve_server || '1.1.1.1').split(',').map((server) => server.trim());
  const [first = ''] = servers;
  if (servers.length > 1) draft.changed(where, `only its first name server is asked, ${first}`);
  const type = monitor.dns_resolve_type || 'A';
  const name = type === 'PTR' ? reverseName(monitor.hostname) : monitor.hostname;
  const options = {
    query_name: name,
    query_type: type,
    validate_answer_rrs: { fail_if_none_matches_regexp: ['.'] },
  };
  return ok({ address: hostAndPort(first, monitor.port || '53'), prober: 'dns', options });
}

/** The name under which an address is looked up; a name stays as it is. */
function reverseName(host: string): string {
  if (isIP(host) === 4) return `${host.split('.').toReversed().join('.')}.in-addr.arpa`;
  if (isIP(host) !== 6) return host;
  const [head = '', tail = ''] = new URL(`http://[${host}]/`).hostname.slice(1, -1).split('::');
  const [front, back] = [head, tail].map((part) => (part === '' ? [] : part.split(':')));
  const middle = Array.from({ length: 8 - (front?.length ?? 0) - (back?.length ?? 0) }, () => '0');
  const digits = [...(front ?? []), ...middle, ...(back ?? [])]
    .map((group) => group.padStart(4, '0'))
    .join('');
  return `${Array.from(digits).toReversed().join('.')}.ip6.arpa`;
}
