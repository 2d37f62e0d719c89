import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addImport } from '../../src/cli/import.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { probers } from '../../src/probes/registry.ts';
import type { ImportEntry } from '../../src/settings/importers/import-report.ts';
import { loadSettings } from '../../src/settings/load-settings.ts';
import type { Settings } from '../../src/settings/settings.ts';
import { makeFolder } from '../tools/monitor-process.ts';
import { runCli } from './cli-double.ts';

const FIXTURES = join(import.meta.dirname, '../settings/fixtures');
/** Every secret in the fixtures begins so. */
const SECRET = /hemlig/;

let folder: Awaited<ReturnType<typeof makeFolder>>;
let made = 0;
beforeAll(async () => {
  folder = await makeFolder();
});
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

const importFile = (kind: string, file: string, out: string, ...more: readonly string[]) =>
  runCli((program, cli) => addImport(program, cli, probers), ['import', kind, file, '--out', out, ...more], {
    env: { SHOP_TOKEN: 'hemlig-miljö' },
  });

interface Imported {
  readonly out: string;
  readonly settings: Settings;
  readonly entries: readonly ImportEntry[];
  /** The sentences of a kind of entry. */
  readonly told: (kind: ImportEntry['kind']) => readonly string[];
  readonly optionsOf: (target: string) => unknown;
  readonly moduleOf: (target: string) => Settings['modules'] extends ReadonlyMap<string, infer M> ? M : never;
}

/** Imports a fixture and reads what came of it as `validate` does. */
async function imported(kind: string, fixture: string): Promise<Imported> {
  const out = join(folder.path, `out-${made++}`);
  const ran = await importFile(kind, join(FIXTURES, fixture), out, '--json');
  expect([ran.code, ran.complained]).toEqual([0, []]);
  const { entries } = JSON.parse(ran.printed.join('\n')) as { entries: readonly ImportEntry[] };
  const loaded = await loadSettings(join(out, 'kassavakt.yaml'), probers, {});
  if (!loaded.ok) throw new Error(loaded.error.map(({ message }) => message).join('\n'));
  const settings = loaded.value;
  const moduleOf: Imported['moduleOf'] = (id) => {
    const target = Array.from(settings.estate.targets.values()).find((one) => one.id === id);
    const module = target && settings.modules.get(target.module);
    if (module === undefined) throw new Error(`no target ${id}`);
    return module;
  };
  return {
    out,
    settings,
    entries,
    told: (kind) =>
      entries
        .filter((entry) => entry.kind === kind)
        .map(({ where, what, why }) => `${where}: ${what}${why === undefined ? '' : ` (${why})`}`),
    moduleOf,
    optionsOf: (id) => moduleOf(id).options,
  };
}

async function everyFile(out: string): Promise<readonly string[]> {
  const entries = await readdir(out, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

describe.each([
  { kind: 'uptime-kuma', fixture: 'kuma-backup.json', targets: 12 },
  { kind: 'gatus', fixture: 'gatus.yaml', targets: 11 },
  { kind: 'blackbox', fixture: 'blackbox.yml', targets: 0 },
  { kind: 'csv', fixture: 'inventory.csv', targets: 5 },
  { kind: 'csv', fixture: 'stores-only.csv', targets: 0 },
])('import $kind of $fixture', ({ kind, fixture, targets }) => {
  let result: Imported;
  beforeAll(async () => {
    result = await imported(kind, fixture);
  });

  test('is a configuration without a problem', () => {
    expect(result.settings.estate.targets.size).toBe(targets);
  });

  test('has every secret in a file that only its owner may read, and nowhere else', async () => {
    for (const file of await everyFile(result.out)) {
      const isSecret = file.includes('/secrets/');
      if (isSecret) expect((await stat(file)).mode & 0o777).toBe(0o600);
      else expect(await readFile(file, 'utf8')).not.toMatch(SECRET);
    }
    expect(JSON.stringify(result.entries)).not.toMatch(SECRET);
  });

  test('has the same report as a file, with every entry', async () => {
    const report = await readFile(join(result.out, 'import-report.md'), 'utf8');
    const plain = report.replace(/\\([\\`*_[\]<>#|])/g, '$1');
    for (const { where, what, why } of result.entries) {
      expect(plain).toContain(`- ${where}: ${what}${why === undefined ? '' : ` (${why})`}`);
    }
    expect(report).toMatch(
      /^Read as .*: \d+ carried over, \d+ with another meaning, \d+ not carried over\.$/m,
    );
  });

  test('opens every module whose files are there', async () => {
    for (const module of result.settings.modules.values()) {
      const options = JSON.stringify(module.options);
      // Of the fixtures' own making, or a certificate that is none.
      if (/PASSWORD_FILE|nonexistent|partner\//.test(options) || module.prober === 'icmp') continue;
      const context = {
        module: module.name,
        timeoutMs: module.timeoutMs,
        clock: systemClock,
        baseDir: result.out,
      };
      const probe = await probers.get(module.prober)?.open(module.options, context);
      await probe?.[Symbol.asyncDispose]();
    }
  });
});

describe('import uptime-kuma', () => {
  let result: Imported;
  beforeAll(async () => {
    result = await imported('uptime-kuma', 'kuma-backup.json');
  });

  test('keeps when and how often to look', () => {
    expect(result.moduleOf('solhaga-butik-pa-natet')).toMatchObject({
      prober: 'http',
      intervalMs: 60_000,
      timeoutMs: 48_000,
      retryIntervalMs: 20_000,
      policy: { failAfter: 3, recoverAfter: 1 },
    });
    expect(result.moduleOf('terminal-1')).toMatchObject({ timeoutMs: 16_000, policy: { failAfter: 2 } });
  });

  test('keeps what is asked and what must come back', () => {
    const codes = [...Array.from({ length: 100 }, (_, i) => 200 + i), 301];
    expect(result.optionsOf('solhaga-butik-pa-natet')).toMatchObject({
      valid_status_codes: codes,
      headers: { Accept: 'text/html' },
      http_headers: { 'X-Api-Key': { files: ['secrets/solhaga-butik-pa-natet/header-x-api-key'] } },
      basic_auth: { username: 'kund', password_file: 'secrets/solhaga-butik-pa-natet/password' },
      preferred_ip_protocol: 'ip4',
      ip_protocol_fallback: false,
    });
    expect(result.optionsOf('kassa-api')).toMatchObject({
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body_file: 'secrets/kassa-api/body',
      valid_status_codes: [],
      fail_if_body_not_matches_regexp: ['all is \\(well\\)'],
    });
    expect(result.optionsOf('status')).toMatchObject({
      follow_redirects: false,
      tls_config: { insecure_skip_verify: true },
      fail_if_body_not_matches_regexp: ['"card"\\s*:\\s*("UP"|UP\\s*[,}\\]])'],
    });
    expect(result.optionsOf('name-server')).toMatchObject({ query_name: 'shop.test', query_type: 'A' });
    expect(result.optionsOf('router')).toMatchObject({ payload_size: 64 });
  });

  test('sends the very body that was sent', async () => {
    const body = await readFile(join(result.out, 'secrets/kassa-api/body'), 'utf8');
    expect(body).toBe('{"pin": "hemlig-kropp"}');
  });

  test('turns an address into the name that its PTR record has', () => {
    expect(result.optionsOf('address-of-the-shop')).toMatchObject({
      query_name: '7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa',
      query_type: 'PTR',
    });
  });

  test('makes groups and tags labels', () => {
    const targets = Array.from(result.settings.estate.targets.values());
    expect(targets.find(({ id }) => id === 'solhaga-butik-pa-natet')?.labels).toEqual({
      name: 'Solhaga butik på nätet',
      group: 'Solhaga / Webb',
      region: 'Värmland',
      kritisk: 'yes',
      kind: 'http',
    });
    expect(targets.find(({ id }) => id === 'solhaga-butik-pa-natet')?.address).toBe(
      'https://shop.test/start?lang=sv',
    );
  });

  test('tells of everything that it leaves out, and why', () => {
    expect(result.told('skipped')).toEqual([
      'monitor 22 of the list, "Odd": not watched (these of its fields do not read: interval)',
      'monitor 23 of the list: not watched (it is no map of fields)',
      expect.stringMatching(/^monitor 13 "Night job": not watched \(Kassavakt asks/),
      expect.stringMatching(/^monitor 14 "Container": not watched \(Kassavakt does not speak to Docker/),
      'monitor 15 "Old shop": not watched (it is paused)',
      expect.stringMatching(/^monitor 16 "Must be closed": not watched \(it is upside down/),
      'monitor 17 "Signed in": not watched (it signs in by oauth2-cc, which is not supported)',
      expect.stringMatching(/^monitor 18 .*a secret in the parameter "api_key"/),
      'monitor 19 "Queue": not watched (the type "mqtt" has no prober here)',
      'monitor 21 "No host": not watched (it has no host or no port)',
      expect.stringMatching(/^every monitor: its description, its notifications/),
      'field "brandNewField": of 1 monitors (it is not known here)',
      expect.stringMatching(/^notification "Operations chat": a channel of type slack/),
    ]);
  });

  test('tells of everything that means something else', () => {
    expect(result.told('changed')).toEqual([
      'monitor 3 "Solhaga butik på nätet": it is probed directly, not through its proxy',
      'monitor 3 "Solhaga butik på nätet": up to 10 redirects are followed, not 5',
      expect.stringMatching(/^monitor 3 .*its certificate is watched by a target of its own/),
      'monitor 4 "Kassa API": the timeout is 24 s, not 1 min',
      expect.stringMatching(/^monitor 5 "Status": its JSON query is now the pattern/),
      expect.stringMatching(/^monitor 6 "Status, deep": its JSON query is not asked/),
      'monitor 9 "Name server": only its first name server is asked, 192.0.2.53',
      expect.stringMatching(/^monitor 9 "Name server": its conditions are not looked at/),
      expect.stringMatching(/^monitor 11 "Mail": it is a dialogue that waits for the greeting/),
    ]);
  });

  test('takes the list of monitors alone, as the API gives it', async () => {
    const file = join(folder.path, 'list.json');
    await writeFile(
      file,
      JSON.stringify([{ id: 1, name: 'a', type: 'ping', hostname: '192.0.2.1', active: true }]),
    );
    const ran = await importFile('uptime-kuma', file, join(folder.path, `out-${made++}`));
    expect(ran.code).toBe(0);
    expect(ran.printed.join('\n')).toContain('the target "a" of the prober icmp');
  });
});

describe('import gatus', () => {
  let result: Imported;
  beforeAll(async () => {
    result = await imported('gatus', 'gatus.yaml');
  });

  test('turns conditions into what must come back', () => {
    expect(result.moduleOf('solhaga-shop')).toMatchObject({
      intervalMs: 30_000,
      timeoutMs: 5_000,
      policy: { failAfter: 5, recoverAfter: 1, slowAfterMs: 300 },
      options: {
        valid_status_codes: [200, 204],
        headers: { Accept: 'application/json' },
        fail_if_body_not_matches_regexp: ['"status"\\s*:\\s*("UP"|UP\\s*[,}\\]])', 'all is well'],
        fail_if_body_matches_regexp: ['"errors"\\s*:'],
        fail_if_header_not_matches: [{ header: 'X-State', regexp: '^(fine)$', allow_missing: false }],
      },
    });
    const { valid_status_codes: codes } = result.optionsOf('any-answer') as { valid_status_codes: number[] };
    expect([codes.at(0), codes.at(-1), codes.length]).toEqual([100, 499, 400]);
    expect(result.optionsOf('names')).toMatchObject({
      query_name: 'shop.test',
      valid_rcodes: ['NOERROR'],
      validate_answer_rrs: { fail_if_none_matches_regexp: ['\\t(192\\.0\\.2\\.80)\\.?$'] },
    });
    expect(result.optionsOf('certificate')).toMatchObject({ warn_before: '48h' });
    expect(result.optionsOf('solhaga-shop-certificate')).toMatchObject({ warn_before: '336h' });
  });

  test('finds a prober for every kind of URL that it has one for', () => {
    const places = Array.from(result.settings.estate.targets.values(), ({ id, address }) => [
      id,
      `${result.moduleOf(id).prober} ${address}`,
    ]);
    expect(Object.fromEntries(places)).toMatchObject({
      'tills-lane-1': 'tcp 192.0.2.11:8443',
      gateway: 'icmp 192.0.2.1',
      certificate: 'tls pay.test:443',
      mail: 'tcp mail.test:587',
      names: 'dns 192.0.2.53:53',
      shell: 'tcp 192.0.2.12:22',
      partner: 'http https://partner.test/',
    });
  });

  test('puts variables in where they are set', async () => {
    const file = join(result.out, 'secrets/solhaga-shop/header-authorization');
    expect(await readFile(file, 'utf8')).toBe('Bearer hemlig-miljö\n');
  });

  test('tells of every condition, endpoint and section that it leaves out', () => {
    const told = result.told('skipped').join('\n');
    for (const part of [
      'the condition "len([BODY].lanes) > 3" (lengths are not counted)',
      'the condition "[DOMAIN_EXPIRATION] > 720h"',
      'the condition "[IP] == 192.0.2.1" ([IP] is not known here)',
      'endpoint "feed": not watched (wss:// has no prober here)',
      'endpoint "off": not watched (it is switched off)',
      'endpoint "nowhere": not watched (it has no url)',
      'it names variables that are not set here: NOT_SET_ANYWHERE',
      'endpoint "soon": not watched (its interval: "soon" is not a duration',
      'the section "alerting"',
      'the section "maintenance"',
      'the section "external-endpoints"',
    ]) {
      expect(told).toContain(part);
    }
  });
});

describe('import blackbox', () => {
  test('gives each module its name, and probes as it did', async () => {
    const { settings } = await imported('blackbox', 'blackbox.yml');
    expect(settings.modules.size).toBe(21);
    expect(settings.modules.get('merged')).toMatchObject({
      timeoutMs: 1_500,
      options: { follow_redirects: true, preferred_ip_protocol: 'ip4', body_size_limit: '64MB' },
    });
    expect(settings.modules.get('irc_banner')?.options).toMatchObject({
      query_response: expect.arrayContaining([
        { expect: 'PING :([^ ]+)', send: 'PONG ${1}', starttls: false },
      ]),
    });
    expect(settings.modules.get('http_bearer')?.options).toMatchObject({
      bearer_token_file: 'secrets/http-bearer/token',
      http_headers: { 'X-Key': { values: [], files: expect.any(Array) } },
    });
  });
});

describe('secrets of one export', () => {
  test('never share a file, however alike their names', async () => {
    const file = join(folder.path, 'alike.yml');
    const module = (key: string, other: string): string =>
      `{ prober: http, http: { headers: { X-Key: ${key}, X_Key: ${other} } } }`;
    await writeFile(file, `modules:\n  a-b: ${module('k1', 'k2')}\n  a_b: ${module('k3', 'k4')}\n`);
    const out = join(folder.path, `out-${made++}`);
    expect((await importFile('blackbox', file, out)).code).toBe(0);
    const secrets = (await everyFile(out)).filter((one) => one.includes('/secrets/'));
    const texts = await Promise.all(secrets.map((one) => readFile(one, 'utf8')));
    expect(texts.sort()).toEqual(['k1\n', 'k2\n', 'k3\n', 'k4\n']);
  });
});

describe('import csv', () => {
  test('finds its way by the headings, in Swedish too', async () => {
    const { settings, told } = await imported('csv', 'inventory.csv');
    const targets = Array.from(settings.estate.targets.values());
    expect(targets.find(({ id }) => id === 'T-101-1')).toMatchObject({
      address: '192.0.2.11:8443',
      store: '101',
      kind: 'terminal',
      labels: {
        chain: 'Solhaga',
        lane: '1',
        model: 'V400m',
        firmware: '1.96',
        acquirer: 'Bank A',
        vaning: '1',
      },
    });
    expect(targets.find(({ id }) => id === 'huvudkontor')).toMatchObject({
      address: 'https://www.solhaga.test/',
    });
    expect(Array.from(settings.estate.stores.values(), ({ name }) => name)).toContain(
      'Solhaga "Torget", Arvika',
    );
    expect(told('skipped')).toEqual([
      expect.stringMatching(/^line 1: the column "Lösenord" \(it may hold secrets/),
      'line 5: the chain of store "102", "Torgboden" (a line before says otherwise)',
      'line 6: the row (it has no address)',
      'line 8: the row (its port "port" is no number)',
      expect.stringMatching(/^line 9: the row \("snmp" is no way to probe/),
      expect.stringMatching(/^line 10: not watched \(its address is none for the prober tcp/),
    ]);
  });

  test('takes stores alone', async () => {
    const { settings, told } = await imported('csv', 'stores-only.csv');
    const stores = Array.from(settings.estate.stores.values());
    expect(stores.map(({ id, latitude, openingHours }) => [id, latitude, openingHours])).toEqual([
      ['s1', 59.3793, 'Mo-Su 07:00-22:00'],
      ['s2', undefined, undefined],
    ]);
    expect(told('skipped').map((line) => line.slice(0, 7))).toEqual([
      'line 3:',
      'line 3:',
      'line 3:',
      'line 4:',
    ]);
  });

  test('takes a column "type" for how to probe where it says that, and else for what it is', async () => {
    const write = async (text: string) => {
      const file = join(folder.path, `list-${made++}.csv`);
      await writeFile(file, text);
      const out = join(folder.path, `out-${made++}`);
      expect((await importFile('csv', file, out)).code).toBe(0);
      const loaded = await loadSettings(join(out, 'kassavakt.yaml'), probers, {});
      return loaded.ok ? Array.from(loaded.value.estate.targets.values()) : [];
    };
    const probed = await write('name,host,type\nfront,h1,ping\nback,h2:80,tcp\n');
    expect(probed.map(({ id, module }) => [id, module])).toEqual([
      ['front', 'ping'],
      ['back', 'port'],
    ]);
    const told = await write('name,host,type\nfront,h1,printer\nback,h2,router\n');
    expect(told.map(({ kind }) => kind)).toEqual(['printer', 'router']);
  });

  test('carries 20,000 rows in a few seconds', async () => {
    const file = join(folder.path, 'large.csv');
    const rows = Array.from({ length: 20_000 }, (_, i) => `same,10.0.${i >> 8}.${i & 255},8443,S${i % 400}`);
    await writeFile(file, ['name,ip,port,store', ...rows].join('\n'));
    const ran = await importFile('csv', file, join(folder.path, `out-${made++}`));
    expect(ran.code).toBe(0);
    expect(ran.printed.join('\n')).toContain('20000 of 20000 rows are targets');
  });
});

describe('an import that cannot be made', () => {
  const deep = (open: string, close: string): string => open.repeat(100_000) + close.repeat(100_000);
  const bomb = [
    'a: &a0 [x,x,x,x,x,x,x,x,x]',
    ...Array.from({ length: 9 }, (_, i) => `b${i}: &a${i + 1} [${`*a${i},`.repeat(9)}]`),
    'endpoints: [*a9]',
  ].join('\n');

  test.each([
    { kind: 'uptime-kuma', text: '{"monitorList": [', says: /:1:\d+: this is not valid JSON here/ },
    { kind: 'uptime-kuma', text: '{"monitors": "hemligt"}', says: /this is no backup of Uptime Kuma/ },
    { kind: 'uptime-kuma', text: '{"monitorList": "hemligt"}', says: /this is no backup of Uptime Kuma/ },
    { kind: 'uptime-kuma', text: 'SQLite format 3\u0000', says: /U\+0000 does not belong in a text file/ },
    { kind: 'uptime-kuma', text: deep('[', ']'), says: /this is no backup|could be carried over/ },
    { kind: 'gatus', text: 'endpoints: {', says: /this is not valid YAML here/ },
    { kind: 'gatus', text: 'endpoint: []', says: /this is no configuration of Gatus/ },
    { kind: 'gatus', text: `endpoints: ${deep('[', ']')}`, says: /Maximum call stack|nested/ },
    { kind: 'gatus', text: bomb, says: /its aliases cannot be followed/ },
    { kind: 'blackbox', text: 'modules: 3', says: /this is no blackbox_exporter configuration/ },
    {
      kind: 'csv',
      text: 'colour,size\nred,1\n',
      says: /no column tells an address or a store; the headings are colour, size/,
    },
    { kind: 'csv', text: '', says: /the file is empty/ },
    { kind: 'csv', text: 'ip,name\n"10.0.0.1,a\n', says: /the quote that opens this cell is never closed/ },
  ])('$kind of $says is refused with the place, and writes nothing', async ({ kind, text, says }) => {
    const file = join(folder.path, `bad-${made++}`);
    await writeFile(file, text);
    const out = join(folder.path, `out-${made++}`);
    const ran = await importFile(kind, file, out);
    expect(ran.complained.join('\n')).toMatch(says);
    expect(ran.complained.join('\n')).not.toMatch(SECRET);
    expect([1, 2]).toContain(ran.code);
    await expect(stat(out)).rejects.toThrow('ENOENT');
  });

  test('a file that is far too large is not even read', async () => {
    const file = join(folder.path, 'large.yaml');
    await writeFile(file, ' '.repeat(5 * 1_024 ** 2));
    const ran = await importFile('gatus', file, join(folder.path, 'never'));
    expect([ran.code, ran.complained[0]]).toEqual([
      2,
      expect.stringContaining('5 MB large; the most that is read is 4 MB'),
    ]);
  });

  test('nothing is written over', async () => {
    const out = join(folder.path, 'mine');
    await mkdir(out);
    await writeFile(join(out, 'kassavakt.yaml'), 'mine');
    const ran = await importFile('csv', join(FIXTURES, 'inventory.csv'), out);
    expect([ran.code, ran.complained[0]]).toEqual([2, expect.stringContaining('is there already')]);
    expect(await readFile(join(out, 'kassavakt.yaml'), 'utf8')).toBe('mine');
  });

  test('an export of nothing but what cannot be carried over ends with 1 and its report', async () => {
    const file = join(folder.path, 'push.json');
    await writeFile(file, '{"monitorList":[{"id":1,"name":"job","type":"push","active":true}]}');
    const out = join(folder.path, 'nothing');
    const ran = await importFile('uptime-kuma', file, out);
    expect(ran.code).toBe(1);
    expect(ran.printed.join('\n')).toContain('monitor 1 "job": not watched');
    await expect(stat(out)).rejects.toThrow('ENOENT');
  });

  test('a folder that cannot be made is told of', async () => {
    const out = join(FIXTURES, 'inventory.csv', 'below');
    const ran = await importFile('csv', join(FIXTURES, 'inventory.csv'), out);
    expect([ran.code, ran.complained[0]]).toEqual([3, expect.stringContaining('Nothing was written')]);
  });
});
