import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../src/lib/clock.ts';
import { probers } from '../../src/probes/registry.ts';
import { loadBlackboxConfig, translateBlackboxConfig } from '../../src/settings/blackbox-config.ts';
import type { BlackboxModules } from '../../src/settings/settings.ts';
import { makeFolder } from '../tools/monitor-process.ts';
import { canRun } from '../tools/programs.ts';

const EXAMPLE = join(import.meta.dirname, 'fixtures/blackbox.yml');

/** One module "m" with these options, in a file that begins with two lines of ours. */
const moduleOf = (text: string): string => `modules:\n  m:\n${text.replace(/^/gm, '    ')}`;

function translate(text: string) {
  const read = translateBlackboxConfig('blackbox.yml', text, probers);
  if (!read.ok) throw new Error(read.error.map(({ message }) => message).join('\n'));
  return read.value;
}

/** What keeps module "m" from use: `line:column message`. */
function refusals(text: string): readonly string[] {
  const problems = translate(moduleOf(text)).unusable.get('m') ?? [];
  return problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

/** The options of module "m" as the prober takes them. */
function optionsOf(text: string): unknown {
  const { modules, unusable } = translate(moduleOf(text));
  expect(unusable).toEqual(new Map());
  return modules[0]?.prober.options.parse(modules[0].options);
}

const suite = canRun('the examples of blackbox_exporter', ['fping']) ? describe : describe.skip;

suite('a configuration as the examples of blackbox_exporter are', () => {
  let loaded: BlackboxModules;
  let lines: readonly string[];
  const running = new AsyncDisposableStack();
  beforeAll(async () => {
    const folder = running.use(await makeFolder());
    await writeFile(join(folder.path, 'password'), 'hemligt\n');
    const text = await readFile(EXAMPLE, 'utf8');
    lines = text.split('\n');
    const file = join(folder.path, 'blackbox.yml');
    await writeFile(file, text.replace('PASSWORD_FILE', join(folder.path, 'password')));
    const read = await loadBlackboxConfig(file, probers, systemClock);
    if (!read.ok) throw new Error(JSON.stringify(read.error));
    loaded = read.value;
  });
  afterAll(() => running.disposeAsync());

  test('loads every module of http, tcp, dns and icmp', () => {
    expect(Array.from(loaded.modules.keys())).toEqual([
      'http_2xx',
      'http_post_2xx',
      'web_rules',
      'merged',
      'http_basic_auth',
      'http_basic_auth_file',
      'http_bearer',
      'http_gzip',
      'tcp_connect',
      'tls_connect',
      'pop3s_banner',
      'ssh_banner',
      'irc_banner',
      'smtp_starttls',
      'imap_starttls',
      'icmp',
      'icmp_near',
      'dns_udp',
      'dns_soa',
      'dns_tcp',
    ]);
  });

  test('tells of each of the others what is not supported, by its name', () => {
    expect(Object.fromEntries(loaded.unusable)).toEqual({
      http_own_ca: expect.stringMatching(/^module "http_own_ca": .*ca_file .*does not exist/),
      http_with_proxy: expect.stringMatching(/^module "http_with_proxy": proxy_url: .*not supported/),
      http_cel: expect.stringMatching(/fail_if_body_json_not_matches_cel is not supported/),
      http_3: expect.stringMatching(/enable_http3/),
      oauth: expect.stringMatching(/oauth2 is not supported/),
      typo: expect.stringMatching(/unknown option "valid_status_code", did you mean "valid_status_codes"/),
      dns_without_name: expect.stringMatching(/missing option "query_name"/),
      grpc: 'module "grpc": the prober "grpc" is not supported here; leave this module to blackbox_exporter',
      grpc_plain: expect.stringMatching(/^module "grpc_plain": the prober "grpc" is not supported/),
    });
  });

  test('warns with the place, from top to bottom, and shows no secret', () => {
    const places = loaded.warnings.map(({ line, message }) => `${line} ${message}`);
    const lineOf = (option: string): number => lines.findIndex((line) => line.includes(option)) + 1;
    expect(places).toContainEqual(expect.stringMatching(`^${lineOf('prober: grpc')} module "grpc"`));
    expect(places).toContainEqual(expect.stringMatching(`^${lineOf('valid_status_code:')} module "typo"`));
    const order = loaded.warnings.map(({ line }) => line);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(places.join('\n')).not.toContain('hemlig');
  });

  test('takes what is merged from an anchor, and what is written over it', () => {
    const [rules, merged] = ['web_rules', 'merged'].map((name) => loaded.modules.get(name));
    expect(merged?.options).toEqual(rules?.options);
    expect([rules?.timeoutMs, merged?.timeoutMs]).toEqual([5_000, 1_500]);
  });

  test('gives a module without a time-out what a scrape without a header leaves, and a ping less', () => {
    expect(loaded.modules.get('http_2xx')?.timeoutMs).toBe(119_500);
    expect(loaded.modules.get('icmp')?.timeoutMs).toBe(5_000);
  });
});

describe('an option is read as blackbox_exporter reads it', () => {
  test.each([
    {
      name: 'prefers IPv6 and falls back when nothing is said',
      text: 'prober: tcp',
      options: { preferred_ip_protocol: 'ip6', ip_protocol_fallback: true },
    },
    {
      name: 'takes the booleans of YAML 1.1',
      text: 'prober: tcp\ntcp: { tls: yes, ip_protocol_fallback: off }',
      options: { tls: true, ip_protocol_fallback: false },
    },
    {
      name: 'keeps a number as it is written where text is wanted',
      text: 'prober: http\nhttp: { headers: { X-Version: 1.10, X-On: yes }, body: 007 }',
      options: { headers: { 'X-Version': '1.10', 'X-On': 'yes' }, body: '007' },
    },
    {
      name: 'replaces no variables',
      text: 'prober: tcp\ntcp: { query_response: [{ expect: "(?P<who>.+)", send: "HELLO ${who} ${HOME} $$" }] }',
      options: {
        query_response: [{ expect: '(?P<who>.+)', send: 'HELLO ${who} ${HOME} $$', starttls: false }],
      },
    },
    {
      name: 'takes empty options for none',
      text: 'prober: http\nhttp: { method: "", compression: "", body: ~, tls_config: , valid_http_versions: [] }',
      options: { method: 'GET', valid_http_versions: [] },
    },
    {
      name: 'lets an empty pattern match anything',
      text: 'prober: tcp\ntcp: { query_response: [{ expect: "" }] }',
      options: { query_response: [{ expect: '', starttls: false }] },
    },
    {
      name: 'takes no_follow_redirects, deprecated as it is',
      text: 'prober: http\nhttp: { no_follow_redirects: yes }',
      options: { follow_redirects: false },
    },
    {
      name: 'prefers no_follow_redirects to follow_redirects',
      text: 'prober: http\nhttp: { no_follow_redirects: false, follow_redirects: false }',
      options: { follow_redirects: true },
    },
    {
      name: 'takes a secret header for one more value',
      text: 'prober: http\nhttp: { http_headers: { X-Key: { values: [a], secrets: [b] } } }',
      options: { http_headers: { 'X-Key': { values: ['a', 'b'], files: [] } } },
    },
    {
      name: 'reads a body as long as it may when no limit is set',
      text: 'prober: http\nhttp: { body_size_limit: 0 }',
      options: { body_size_limit: '64MB' },
    },
    {
      name: 'keeps no more of a body to search than the prober does by itself',
      text: 'prober: http\nhttp: { fail_if_body_matches_regexp: [a] }',
      options: { body_size_limit: '10MB' },
    },
    {
      name: 'takes what is not supported when it is switched off',
      text: 'prober: http\nhttp: { enable_http3: false, proxy_from_environment: false, no_proxy: "", proxy_connect_header: {} }',
      options: {},
    },
    {
      name: 'takes a TTL of 0 for none',
      text: 'prober: icmp\nicmp: { ttl: 0 }',
      options: { payload_size: 56 },
    },
  ])('$name', ({ text, options }) => {
    expect(optionsOf(text)).toMatchObject(options);
  });

  test('reads files against the current folder', () => {
    const options = optionsOf(
      'prober: http\nhttp: { body_file: asks/body.json, basic_auth: { password_file: /p } }',
    );
    expect(options).toMatchObject({
      body_file: join(process.cwd(), 'asks/body.json'),
      basic_auth: { password_file: '/p' },
    });
  });

  test('passes over the options of another prober, and says so', () => {
    const { modules, remarks } = translate(moduleOf('prober: tcp\nhttp: { method: POST }'));
    expect(modules).toHaveLength(1);
    expect(remarks.map(({ message }) => message)).toEqual([
      'module "m": the options of "http" have no effect, because its prober is "tcp"',
    ]);
  });
});

describe('a module that is wrong is refused at its place', () => {
  test.each([
    { text: 'prober: websocket', says: '3:13 module "m": the prober "websocket" is not supported here' },
    { text: 'prober: unix', says: '3:13 module "m": the prober "unix" is not supported here' },
    { text: 'prober: htpp', says: '3:13 module "m": there is no prober "htpp", did you mean "http"?' },
    { text: 'timeout: 5s', says: '2:3 module "m": it names no prober; write one of http, tcp, dns, icmp' },
    {
      text: 'prober: tcp\ntimout: 5s',
      says: '4:5 module "m": unknown option "timout", did you mean "timeout"?',
    },
    { text: 'prober: tcp\ntimeout: 5', says: '4:14 module "m": "5" is not a duration' },
    { text: 'prober: tcp\ntimeout: 48h', says: '4:14 module "m": the timeout of 48h is too long' },
    {
      text: 'prober: tcp\ntcp: { tls: perhaps }',
      says: '4:17 module "m": "tls" must be true or false, not "perhaps"',
    },
    { text: 'prober: tcp\ntcp: [1]', says: '4:10 module "m": "tcp" must be a map of options' },
    { text: 'prober: dns\ndns: { query_type: A }', says: 'module "m": missing option "query_name"' },
    {
      text: 'prober: icmp\nicmp: { ttl: 300 }',
      says: '4:18 module "m": "ttl" is 300; it must be at most 255',
    },
    {
      text: 'prober: http\nhttp: { tls_config: { max_version: TLS12 } }',
      says: 'max_version is not supported',
    },
    {
      text: 'prober: http\nhttp: { tls_config: { ca: "-----BEGIN" } }',
      says: 'ca is not supported; write the certificate to a file',
    },
    {
      text: 'prober: http\nhttp: { fail_if_body_matches_regexp: ["("] }',
      says: 'is not a regular expression as Go reads them',
    },
  ])('$text', ({ text, says }) => {
    expect(refusals(text).join('\n')).toContain(says);
  });

  test('no value of a secret is shown', () => {
    const said = [
      ...refusals('prober: http\nhttp: { basic_auth: "till:hemligt" }'),
      ...refusals('prober: http\nhttp: { headers: "X-Key: hemligt" }'),
      ...refusals('prober: http\nhttp: { proxy_url: "http://u:hemligt@p" }'),
    ];
    expect(said).toHaveLength(3);
    expect(said.join('\n')).not.toContain('hemligt');
  });
});

describe('a file that is no configuration of blackbox_exporter is refused', () => {
  test.each([
    { name: 'broken YAML', text: 'modules: {', says: /^1:\d+ this is not valid YAML here/ },
    {
      name: 'an option twice',
      text: 'modules:\n  m: { prober: tcp }\n  m: { prober: tcp }',
      says: /^3:3 option "m" stands twice/,
    },
    { name: 'another program’s', text: 'scrape_configs: []', says: /^1:1 "scrape_configs" does not belong/ },
    { name: 'a typo', text: 'moduls: {}', says: /did you mean "modules"/ },
    { name: 'nothing', text: '', says: /it must have "modules"/ },
    { name: 'a list', text: 'modules: [a]', says: /it must have "modules", a map/ },
    {
      name: 'nesting without end',
      text: `modules: ${'['.repeat(50_000)}`,
      says: /Maximum call stack|nested so deeply|not valid/,
    },
    {
      name: 'aliases that multiply',
      text: [
        'a: &a0 [x,x,x,x,x,x,x,x]',
        ...Array.from({ length: 8 }, (_, i) => `b${i}: &a${i + 1} [${`*a${i},`.repeat(8)}]`),
      ].join('\n'),
      says: /its aliases cannot be followed/,
    },
  ])('$name', ({ text, says }) => {
    const read = translateBlackboxConfig('blackbox.yml', text, probers);
    const said = read.ok ? [] : read.error.map(({ line, column, message }) => `${line}:${column} ${message}`);
    expect(said.join('\n')).toMatch(says);
  });

  test('one that is not there, or far too large', async () => {
    await using folder = await makeFolder();
    const large = join(folder.path, 'large.yml');
    await writeFile(large, 'x'.repeat(5 * 1_024 ** 2));
    const said = await Promise.all(
      [join(folder.path, 'none.yml'), large, folder.path].map(async (file) => {
        const read = await loadBlackboxConfig(file, probers, systemClock);
        return read.ok ? '' : read.error.map(({ message }) => message).join();
      }),
    );
    expect(said).toEqual([
      'cannot read this file: there is no such file',
      'this file is 5 MB large; the most that is read is 4 MB',
      'cannot read this file: it is a folder',
    ]);
  });
});
