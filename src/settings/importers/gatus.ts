import { isAbsolute, resolve } from 'node:path';
import { z } from 'zod';
import { parseDuration } from '../../lib/duration.ts';
import { err, ok, type Result } from '../../lib/result.ts';
import { type ConfigDocument, readGoDocument } from '../config-document.ts';
import { readGoScalars } from '../go-scalars.ts';
import { childOf } from '../read-modules.ts';
import { type GatusRules, readConditions } from './gatus-conditions.ts';
import { hostAndPort, makeHttpRequest } from './http-request.ts';
import { type ImportDraft, type ModuleDraft, SecretFiles, unreadableFields } from './import-draft.ts';
import { fileProblem, type Importer } from './importer.ts';

const text = z.string().default('');
const switchOption = z.boolean().default(false);
const map = z.record(z.string(), z.string()).default({});

const endpointFields = {
  enabled: z.boolean().default(true),
  name: text,
  group: text,
  url: text,
  method: text,
  body: text,
  graphql: switchOption,
  headers: map,
  interval: text,
  conditions: z.array(z.string()).default([]),
  'extra-labels': map,
  alerts: z
    .array(
      z.looseObject({
        'failure-threshold': z.int().optional(),
        'success-threshold': z.int().optional(),
      }),
    )
    .default([]),
  client: z
    .looseObject({
      timeout: text,
      insecure: switchOption,
      'ignore-redirect': switchOption,
      network: text,
      tls: z.looseObject({ 'certificate-file': text, 'private-key-file': text }).optional(),
    })
    .prefault({}),
  dns: z.looseObject({ 'query-type': text, 'query-name': text }).optional(),
  ssh: z.looseObject({ username: text }).optional(),
  ui: z.unknown().optional(),
};
const endpointConfig = z.looseObject(endpointFields);
type Endpoint = z.output<typeof endpointConfig>;

/** Of the client's options, those that are understood. */
const CLIENT = new Set(['timeout', 'insecure', 'ignore-redirect', 'network', 'tls']);

const SECTIONS: Readonly<Record<string, string>> = {
  alerting: 'its settings hold secrets: set up who is told under "notifications"',
  'external-endpoints': 'Kassavakt asks, it takes no results pushed to it',
  suites: 'Kassavakt makes single probes, no chains of requests',
  maintenance: 'write it under "maintenance", with a cron line and how long it lasts',
  remote: 'every Kassavakt probes for itself',
  tunneling: 'probes connect directly',
};

const GATUS_TIMEOUT_MS = 10_000;
const GATUS_INTERVAL_MS = 60_000;

/** A configuration of Gatus. */
export const gatusImporter: Importer = {
  name: 'gatus',
  summary: 'a configuration of Gatus (YAML)',
  mostBytes: 4 * 1_024 ** 2,
  async read({ file, text: source, env }, draft) {
    const { document, problems } = readGoDocument(file, source);
    if (document === undefined || problems.length > 0) return err(problems);
    const section = childOf(document.value)['endpoints'] === undefined ? 'services' : 'endpoints';
    const endpoints = childOf(document.value)[section];
    if (!Array.isArray(endpoints)) {
      return err(fileProblem(file, 'this is no configuration of Gatus: it must have "endpoints", a list'));
    }
    for (const [index, raw] of endpoints.entries()) {
      const line = document.positionOf([section, index]).line;
      const where = `line ${line}`;
      const missing = new Set<string>();
      const expanded = expand(raw, env, missing);
      if (missing.size > 0) {
        const names = Array.from(missing).join(', ');
        draft.skipped(
          where,
          'not watched',
          `it names variables that are not set here: ${names}; set them and import again`,
        );
        continue;
      }
      readEndpoint(expanded, where, draft);
    }
    for (const key of Object.keys(childOf(document.value))) {
      if (key === section) continue;
      const why = SECTIONS[key] ?? 'only endpoints are carried over';
      draft.skipped(`line ${lineOf(document, key)}`, `the section "${key}"`, why);
    }
    return ok(true);
  },
};

function lineOf(document: ConfigDocument, key: string): number {
  return document.positionOfKey([key]).line;
}

/** Gatus puts variables in before it reads: `$NAME` and `${NAME}`; `$$` is a dollar sign. */
function expand(
  value: unknown,
  env: Readonly<Record<string, string | undefined>>,
  missing: Set<string>,
): unknown {
  if (typeof value === 'string') {
    return value.replace(/\$(?:\$|\{([^}]*)\}|(\w+))/g, (whole, braced?: string, bare?: string) => {
      if (whole === '$$') return '$';
      const name = braced ?? bare ?? '';
      const found = env[name];
      if (found === undefined) missing.add(name);
      return found ?? '';
    });
  }
  if (Array.isArray(value)) return value.map((item) => expand(item, env, missing));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, expand(part, env, missing)]));
}

/** One way to probe, and where. */
type Carried = { readonly address: string } & Pick<ModuleDraft, 'prober' | 'options'>;

interface Work {
  readonly endpoint: Endpoint;
  readonly where: string;
  readonly draft: ImportDraft;
  readonly secrets: SecretFiles;
}

function readEndpoint(raw: unknown, line: string, draft: ImportDraft): void {
  const scalars = readGoScalars(endpointConfig, raw);
  const read = endpointConfig.safeParse(scalars);
  if (!read.success) {
    draft.skipped(line, 'not watched', unreadableFields(endpointConfig, scalars));
    return;
  }
  const endpoint = read.data;
  const full = endpoint.group === '' ? endpoint.name : `${endpoint.group} ${endpoint.name}`;
  const where = `${line}, endpoint "${full}"`;
  if (!endpoint.enabled) {
    draft.skipped(where, 'not watched', 'it is switched off');
    return;
  }
  const id = draft.newId(full);
  const work = { endpoint, where, draft, secrets: new SecretFiles(id) };
  const carried = readPlace(work);
  if (!carried.ok) {
    draft.skipped(where, 'not watched', carried.error);
    return;
  }
  const { address, prober, options } = carried.value;
  const rules = readConditions(endpoint.conditions, prober);
  const timing = timingOf(work, rules);
  if (!timing.ok) {
    draft.skipped(where, 'not watched', timing.error);
    return;
  }
  const isTls = prober === 'tls' && rules.certificateMs !== undefined;
  const module = {
    hint: prober,
    prober,
    timing: timing.value,
    options: mergeOptions(options, {
      ...rules.options,
      ...(isTls ? { warn_before: spellHours(rules.certificateMs ?? 0) } : {}),
    }),
  };
  const labels = {
    name: endpoint.name,
    ...(endpoint.group === '' ? {} : { group: endpoint.group }),
    ...endpoint['extra-labels'],
  };
  if (!draft.addTarget(where, { id, address, module, labels, secrets: work.secrets })) return;
  draft.carried(where, `the target "${id}" of the prober ${prober}`);
  tellRules(work, rules, prober);
  tellFields(work);
  if (prober === 'http' && rules.certificateMs !== undefined) {
    watchCertificate(work, { id, address, labels, leastMs: rules.certificateMs });
  }
}

function mergeOptions(options: Readonly<Record<string, unknown>>, more: Readonly<Record<string, unknown>>) {
  return { ...options, ...more };
}

function timingOf({ endpoint }: Work, rules: GatusRules): Result<ModuleDraft['timing']> {
  const read = (what: string, given: string, fallback: number): Result<number> => {
    if (given === '') return ok(fallback);
    const parsed = parseDuration(given);
    return parsed.ok ? parsed : err(`its ${what}: ${parsed.error}`);
  };
  const interval = read('interval', endpoint.interval, GATUS_INTERVAL_MS);
  if (!interval.ok) return interval;
  const timeout = read('timeout', endpoint.client.timeout, GATUS_TIMEOUT_MS);
  if (!timeout.ok) return timeout;
  const least = (option: 'failure-threshold' | 'success-threshold', fallback: number): number =>
    endpoint.alerts.reduce<number | undefined>((before, alert) => {
      const given = alert[option] ?? fallback;
      return before === undefined ? given : Math.min(before, given);
    }, undefined) ?? fallback;
  return ok({
    intervalMs: interval.value,
    timeoutMs: timeout.value,
    slowAfterMs: rules.slowAfterMs,
    failAfter: least('failure-threshold', 3),
    recoverAfter: least('success-threshold', 2),
  });
}

function tellRules({ where, draft }: Work, rules: GatusRules, prober: string): void {
  for (const [condition, how] of rules.changed) draft.changed(where, `the condition "${condition}"`, how);
  for (const [condition, why] of rules.skipped) draft.skipped(where, `the condition "${condition}"`, why);
  if (rules.certificateMs === undefined) return;
  if (prober === 'tls') draft.changed(where, 'a certificate that ends too soon makes it degraded, not down');
  else if (prober !== 'http')
    draft.skipped(where, 'how long its certificate must last', `the prober ${prober} does not look`);
}

/** What an endpoint that is carried over had and has no more. */
function tellFields({ endpoint, where, draft }: Work): void {
  for (const field of Object.keys(endpoint)) {
    if (Object.hasOwn(endpointFields, field)) continue;
    const why = field === 'maintenance-windows' ? SECTIONS['maintenance'] : undefined;
    draft.skipped(where, `its "${field}"`, why ?? 'it is not known here');
  }
  for (const option of Object.keys(endpoint.client)) {
    if (CLIENT.has(option)) continue;
    draft.changed(
      where,
      `it is probed without its client's "${option}"`,
      'probes connect directly and ask for no tokens',
    );
  }
  const certificate = endpoint.client.tls?.['certificate-file'] ?? '';
  if (certificate !== '' && !isAbsolute(certificate)) {
    draft.changed(
      where,
      'its client certificate and key are files by their whole path',
      `a relative file is read against where Gatus was started: ${certificate} is now ${resolve(certificate)}`,
    );
  }
  if (endpoint.alerts.length > 0) {
    draft.changed(
      where,
      'when it counts as down is of the alert that comes soonest',
      'who is told is said under "notifications"',
    );
  }
}

interface Watched {
  readonly id: string;
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly leastMs: number;
}

function watchCertificate({ where, draft }: Work, { id, address, labels, leastMs }: Watched): void {
  const url = URL.parse(address);
  if (url?.protocol !== 'https:') {
    draft.skipped(where, 'how long its certificate must last', 'its address is not https');
    return;
  }
  const own = draft.newId(`${id}-certificate`);
  const module = {
    hint: 'certificate',
    prober: 'tls',
    timing: { intervalMs: 3_600_000, timeoutMs: GATUS_TIMEOUT_MS },
    options: { warn_before: spellHours(leastMs) },
  };
  const target = { id: own, address: hostAndPort(url.hostname, url.port || '443'), module, labels };
  if (draft.addTarget(where, target)) {
    draft.changed(
      where,
      `its certificate is watched by a target of its own, "${own}"`,
      'degraded, not down, when it ends soon',
    );
  }
}

function spellHours(durationMs: number): string {
  return durationMs % 3_600_000 === 0 ? `${durationMs / 3_600_000}h` : `${Math.round(durationMs / 1_000)}s`;
}

function readPlace(work: Work): Result<Carried> {
  const { endpoint, where, draft } = work;
  const { url, dns, ssh } = endpoint;
  if (dns !== undefined) return readDns(endpoint);
  const [, scheme = '', rest = ''] = /^([a-z]+):\/\/(.*)$/s.exec(url) ?? [];
  const family = familyOf(endpoint);
  switch (scheme) {
    case 'http':
    case 'https':
      return readWeb(work);
    case 'tcp':
      return ok({ address: rest, prober: 'tcp', options: family });
    case 'tls':
      return ok({
        address: rest,
        prober: 'tls',
        options: { ...family, ...tlsOf(endpoint), warn_before: '0s' },
      });
    case 'starttls':
      draft.changed(where, 'it is a dialogue of SMTP with STARTTLS');
      return ok({
        address: rest,
        prober: 'tcp',
        options: { ...family, ...tlsOf(endpoint), query_response: SMTP },
      });
    case 'icmp':
      return ok({ address: rest.replace(/^\[(.*)\]$/, '$1'), prober: 'icmp', options: family });
    case 'ssh':
      if (ssh !== undefined && ssh.username !== '') {
        draft.changed(
          where,
          'only the greeting of SSH is waited for',
          'nobody is signed in, and the password is not carried over',
        );
      }
      return ok({
        address: rest,
        prober: 'tcp',
        options: { ...family, query_response: [{ expect: '^SSH-2.0-' }] },
      });
    default:
      return err(
        url === '' ? 'it has no url' : `${scheme === '' ? 'its url' : `${scheme}://`} has no prober here`,
      );
  }
}

const SMTP = [
  { expect: '^220' },
  { send: 'EHLO kassavakt\r' },
  { expect: '^250[ -]STARTTLS' },
  { send: 'STARTTLS\r' },
  { expect: '^220', starttls: true },
];

function readWeb({ endpoint, secrets }: Work): Result<Carried> {
  const { url, method, headers, graphql, client } = endpoint;
  const body = graphql ? JSON.stringify({ query: endpoint.body }) : endpoint.body;
  if (/\[(ENDPOINT_|RANDOM_STRING_)/.test(body))
    return err('its body holds a placeholder that is filled in anew each time');
  const isJson = graphql && !Object.keys(headers).some((name) => name.toLowerCase() === 'content-type');
  const request = makeHttpRequest(
    { url, method, headers: isJson ? { ...headers, 'Content-Type': 'application/json' } : headers, body },
    secrets,
  );
  if (!request.ok) return request;
  const options = {
    ...request.value.options,
    ...(client['ignore-redirect'] ? { follow_redirects: false } : {}),
    ...familyOf(endpoint),
    ...tlsOf(endpoint),
  };
  return ok({ address: request.value.address, prober: 'http', options });
}

function readDns({ url, dns }: Endpoint): Result<Carried> {
  if (dns === undefined || dns['query-name'] === '') return err('its dns has no query-name');
  const host = url.replace(/^[a-z]+:\/\//, '').replace(/\/$/, '');
  const address = /(^|\]|^[^:]*):\d+$/.test(host) ? host : hostAndPort(host, '53');
  const options = { query_name: dns['query-name'], query_type: dns['query-type'] || 'A' };
  return ok({ address, prober: 'dns', options });
}

function familyOf({ client }: Endpoint): Readonly<Record<string, unknown>> {
  if (client.network !== 'ip4' && client.network !== 'ip6') return {};
  return { preferred_ip_protocol: client.network, ip_protocol_fallback: false };
}

function tlsOf({ client }: Endpoint): Readonly<Record<string, unknown>> {
  const tls = {
    ...(client.insecure ? { insecure_skip_verify: true } : {}),
    ...(client.tls === undefined || client.tls['certificate-file'] === ''
      ? {}
      : {
          cert_file: resolve(client.tls['certificate-file']),
          key_file: resolve(client.tls['private-key-file']),
        }),
  };
  return Object.keys(tls).length === 0 ? {} : { tls_config: tls };
}
