import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { DEFAULT_METHODS, DEFAULT_TIMING } from '../../src/core/outlook.ts';
import { toStoreId, toTargetId } from '../../src/estate/ids.ts';
import { ConfigFolder, problemsOf, settingsOf } from './config-folder.ts';

const STORES = [
  'store_id,name,chain,region,city,latitude,longitude,timezone,opening_hours,weekly_sales,format',
  'S1,Solhaga Arvika,Solhaga,Värmland,Arvika,59.6553,12.5852,Europe/Stockholm,Mo-Su 08:00-21:00,980000.50,kvarter',
  'S2,Solhaga Sunne,Solhaga,,,,,,,,',
  '',
].join('\n');
const TERMINALS = [
  'terminal_id,store_id,lane,address,module,model,firmware,acquirer,till_system',
  'T1,S1,3,192.0.2.10:8443,terminal,V400m,1.96.4,Bank A,Kassa 9',
  'T2,S2,,192.0.2.11:8443,terminal,,,,',
  '',
].join('\n');
const ESTATE = 'estate: { stores: stores.csv, terminals: terminals.csv }\n';
const MODULE = 'modules:\n  terminal: { prober: tcp }\n';

describe('a configuration that leaves everything out', () => {
  test('listens on loopback, keeps its data beside the file and watches nothing', async () => {
    using folder = new ConfigFolder({ 'kassavakt.yaml': '' });
    const loaded = await folder.load();
    expect(loaded).toEqual({
      ok: true,
      value: {
        file: folder.file,
        externalUrl: undefined,
        notifications: {
          channels: new Map(),
          routes: [{ key: 'all', minSeverity: 'info', channels: [], continues: false, escalation: [] }],
          digest: { after: 5, windowMs: 60_000 },
        },
        baseDir: folder.path,
        listen: { host: '127.0.0.1', port: 9840 },
        dataDir: join(folder.path, 'data'),
        tokens: [],
        limits: {
          maxInFlight: undefined,
          maxInFlightPerStore: 4,
          maxInFlightPerNetwork: Number.POSITIVE_INFINITY,
          threads: undefined,
        },
        calmUntilMs: undefined,
        timing: DEFAULT_TIMING,
        methods: DEFAULT_METHODS,
        maintenance: [],
        alertmanager: undefined,
        modules: new Map(),
        estate: { stores: new Map(), targets: new Map() },
      },
    });
  });
});

describe('modules', () => {
  test('have the documented defaults', async () => {
    const { modules } = await settingsOf({ 'kassavakt.yaml': MODULE });
    expect(modules.get('terminal')).toEqual({
      name: 'terminal',
      prober: 'tcp',
      intervalMs: 30_000,
      timeoutMs: 5_000,
      retryIntervalMs: 2_000,
      policy: { failAfter: 3, recoverAfter: 2 },
      detailedMetrics: false,
      options: { tls: false, query_response: [] },
    });
  });

  test('say otherwise where they are told to', async () => {
    const { modules } = await settingsOf({
      'kassavakt.yaml': `
modules:
  shop:
    prober: http
    interval: 1m
    timeout: 1500ms
    fail_after: 5
    recover_after: 1
    retry_interval: 10s
    slow_after: 1s
    metrics: detailed
    http: { method: HEAD, give_up_after: 3s }
`,
    });
    expect(modules.get('shop')).toEqual({
      name: 'shop',
      prober: 'http',
      intervalMs: 60_000,
      timeoutMs: 1_500,
      retryIntervalMs: 10_000,
      policy: { failAfter: 5, recoverAfter: 1, slowAfterMs: 1_000 },
      detailedMetrics: true,
      options: { method: 'HEAD', valid_status_codes: [200], headers: {}, give_up_after: 3_000 },
    });
  });

  test.each([
    { interval: '1s', timeoutMs: 800, retryIntervalMs: 1_000 },
    { interval: '5s', timeoutMs: 4_000, retryIntervalMs: 2_000 },
    { interval: '6500ms', timeoutMs: 5_000, retryIntervalMs: 2_000 },
  ])(
    'fit what is not given into an interval of $interval',
    async ({ interval, timeoutMs, retryIntervalMs }) => {
      const { modules } = await settingsOf({
        'kassavakt.yaml': `modules:\n  terminal: { prober: tcp, interval: ${interval} }\n`,
      });
      expect(modules.get('terminal')).toMatchObject({ timeoutMs, retryIntervalMs });
    },
  );

  test('tell of a required option of their prober even when they give none at all', async () => {
    expect(await problemsOf({ 'kassavakt.yaml': 'modules:\n  encrypted: { prober: nexo }\n' })).toEqual([
      'kassavakt.yaml:2:3: missing option "root_file" (under "nexo")',
    ]);
  });

  test('compare their times even when something else in them is wrong', async () => {
    const yaml = 'modules:\n  terminal: { prober: tcp, fail_after: 0, interval: 2s, timeout: 9s }\n';
    expect(await problemsOf({ 'kassavakt.yaml': yaml })).toEqual([
      'kassavakt.yaml:2:40: "fail_after" is 0; it must be at least 1',
      'kassavakt.yaml:2:66: the timeout of 9s must be shorter than the interval of 2s',
    ]);
  });

  test('take their options through an alias, and problems point to where they are written', async () => {
    const yaml = `
modules:
  a: { prober: http, http: &options { method: PUT } }
  b: { prober: http, http: *options }
`;
    expect(await problemsOf({ 'kassavakt.yaml': yaml })).toEqual([
      'kassavakt.yaml:3:47: "method" is "PUT"; it must be GET, HEAD or POST',
      'kassavakt.yaml:3:47: "method" is "PUT"; it must be GET, HEAD or POST',
    ]);
  });
});

describe('the estate', () => {
  const files = { 'kassavakt.yaml': ESTATE + MODULE, 'stores.csv': STORES, 'terminals.csv': TERMINALS };

  test('has its stores with their money in öre and their extra columns as labels', async () => {
    const { estate } = await settingsOf(files);
    expect(estate.stores.get(toStoreId('S1'))).toEqual({
      id: 'S1',
      name: 'Solhaga Arvika',
      chain: 'Solhaga',
      region: 'Värmland',
      city: 'Arvika',
      latitude: 59.6553,
      longitude: 12.5852,
      timezone: 'Europe/Stockholm',
      openingHours: 'Mo-Su 08:00-21:00',
      weeklySalesOre: 98_000_050,
      labels: { chain: 'Solhaga', region: 'Värmland', city: 'Arvika', format: 'kvarter' },
    });
  });

  test('leaves out of a store what its row leaves empty', async () => {
    const { estate } = await settingsOf(files);
    expect(estate.stores.get(toStoreId('S2'))).toEqual({
      id: 'S2',
      name: 'Solhaga Sunne',
      chain: 'Solhaga',
      timezone: 'Europe/Stockholm',
      labels: { chain: 'Solhaga' },
    });
  });

  test('gives a terminal the labels of its store, its own over them, and its store and kind', async () => {
    const { estate } = await settingsOf(files);
    expect(estate.targets.get(toTargetId('T1'))).toEqual({
      id: 'T1',
      module: 'terminal',
      address: '192.0.2.10:8443',
      kind: 'terminal',
      store: 'S1',
      labels: {
        chain: 'Solhaga',
        region: 'Värmland',
        city: 'Arvika',
        format: 'kvarter',
        lane: '3',
        model: 'V400m',
        firmware: '1.96.4',
        acquirer: 'Bank A',
        till_system: 'Kassa 9',
        store: 'S1',
        kind: 'terminal',
      },
    });
    expect(estate.targets.get(toTargetId('T2'))?.labels).toEqual({
      chain: 'Solhaga',
      store: 'S2',
      kind: 'terminal',
    });
  });

  test('lets a column of terminals say another kind, and override a label of the store', async () => {
    const { estate } = await settingsOf({
      ...files,
      'terminals.csv':
        'terminal_id,store_id,address,module,kind,chain\nT1,S1,h:1,terminal,gateway,Torgboden\n',
    });
    expect(estate.targets.get(toTargetId('T1'))).toMatchObject({
      kind: 'gateway',
      labels: { kind: 'gateway', chain: 'Torgboden', region: 'Värmland' },
    });
  });

  test('has shared targets, of the kind that they say or else that of their prober', async () => {
    const { estate } = await settingsOf({
      ...files,
      'kassavakt.yaml': `
${ESTATE}
modules:
  terminal: { prober: tcp }
  shop: { prober: http }
targets:
  - { id: web, module: shop, address: "https://www.example.test/", labels: { chain: Solhaga, kind: web, note: "" } }
  - { id: till-server, module: terminal, address: "192.0.2.1:443", store: S1, labels: { city: Sunne } }
`,
    });
    expect(estate.targets.get(toTargetId('web'))).toEqual({
      id: 'web',
      module: 'shop',
      address: 'https://www.example.test/',
      kind: 'web',
      labels: { chain: 'Solhaga', kind: 'web' },
    });
    expect(estate.targets.get(toTargetId('till-server'))).toMatchObject({
      kind: 'tcp',
      store: 'S1',
      labels: { chain: 'Solhaga', region: 'Värmland', city: 'Sunne', store: 'S1', kind: 'tcp' },
    });
    expect(Array.from(estate.targets.keys())).toEqual(['web', 'till-server', 'T1', 'T2']);
  });

  test('is frozen', async () => {
    const settings = await settingsOf(files);
    const target = settings.estate.targets.get(toTargetId('T1'));
    const store = settings.estate.stores.get(toStoreId('S1'));
    const module = settings.modules.get('terminal');
    for (const part of [
      settings,
      settings.limits,
      settings.listen,
      settings.estate,
      target,
      target?.labels,
    ]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
    for (const part of [store, store?.labels, module, module?.policy, module?.options]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  test('reads 50,000 rows and loses none', async () => {
    const stores = Array.from({ length: 5_000 }, (_, i) => `S${i},Butik ${i},Solhaga`);
    const terminals = Array.from(
      { length: 45_000 },
      (_, i) => `T${i},S${i % 5_000},10.0.0.1:${i % 60_000},terminal,${i % 9}`,
    );
    const { estate } = await settingsOf({
      'kassavakt.yaml': ESTATE + MODULE,
      'stores.csv': ['store_id,name,chain', ...stores].join('\n'),
      'terminals.csv': ['terminal_id,store_id,address,module,lane', ...terminals].join('\r\n'),
    });
    expect(estate.stores.size).toBe(5_000);
    expect(estate.targets.size).toBe(45_000);
    expect(estate.targets.get(toTargetId('T44999'))).toMatchObject({
      store: 'S4999',
      labels: { chain: 'Solhaga', lane: '8' },
    });
  });

  test('tells of 45,000 wrong rows, each in its place', async () => {
    const terminals = Array.from({ length: 45_000 }, (_, i) => `T${i},X${i},h:1,terminal`);
    const problems = await problemsOf({
      ...files,
      'terminals.csv': ['terminal_id,store_id,address,module', ...terminals].join('\n'),
    });
    expect(problems.length).toBe(45_000);
    expect(problems.at(-1)).toBe('terminals.csv:45001:8: unknown store "X44999"; add it to the stores file');
  });

  test('does not blame terminals for a stores file that cannot be read', async () => {
    expect(await problemsOf({ ...files, 'stores.csv': 'store_id,name\nS1,"Solhaga' })).toEqual([
      'stores.csv:2:4: the quote that opens this cell is never closed; close it, or double it where a plain " is meant',
    ]);
  });

  test('does not blame terminals for a row of the stores file that cannot be read', async () => {
    expect(await problemsOf({ ...files, 'stores.csv': 'store_id,name\nS1,Solhaga,x\nS2,Solhaga\n' })).toEqual(
      [
        'stores.csv:2:12: this row has 3 cells, the header has 2 columns; put a cell that contains "," in quotes',
      ],
    );
  });
});

describe('tokens', () => {
  const yaml = 'auth:\n  tokens:\n    - { name: wallboard, role: operator, token_file: token }\n';

  test.each([
    { name: 'without a newline', content: 'opens-nothing' },
    { name: 'with a newline', content: 'opens-nothing\n' },
    { name: 'with a newline of Windows', content: 'opens-nothing\r\n' },
  ])('are kept as their digest: $name', async ({ content }) => {
    const { tokens } = await settingsOf({ 'kassavakt.yaml': yaml, token: content });
    const digest = new Uint8Array(createHash('sha256').update('opens-nothing').digest());
    expect(tokens).toEqual([{ name: 'wallboard', role: 'operator', digest }]);
  });

  test.each([
    { name: 'empty', content: '', message: 'the token file "token" is empty; write the token into it' },
    {
      name: 'of two lines',
      content: 'a\nb\n',
      message: 'the token file "token" has white space within the token; write one token and nothing else',
    },
  ])('are refused when their file is $name', async ({ content, message }) => {
    expect(await problemsOf({ 'kassavakt.yaml': yaml, token: content })).toEqual([
      `kassavakt.yaml:3:54: ${message}`,
    ]);
  });

  test('let a listener face other machines', async () => {
    const { listen } = await settingsOf({
      'kassavakt.yaml': `listen: "[::]:443"\n${yaml}`,
      token: 'opens-nothing',
    });
    expect(listen).toEqual({ host: '::', port: 443 });
  });
});

describe('listen', () => {
  test.each([
    { text: '127.0.0.1:0', host: '127.0.0.1', port: 0 },
    { text: '127.1.2.3:80', host: '127.1.2.3', port: 80 },
    { text: 'localhost:9840', host: 'localhost', port: 9_840 },
    { text: '[::1]:9840', host: '::1', port: 9_840 },
  ])('takes $text without tokens', async ({ text, host, port }) => {
    expect((await settingsOf({ 'kassavakt.yaml': `listen: "${text}"\n` })).listen).toEqual({ host, port });
  });

  test.each(['0.0.0.0:9840', '[::]:9840', '192.0.2.1:9840', 'monitor.example.test:9840', '128.0.0.1:1'])(
    'refuses %s without tokens',
    async (text) => {
      const port = text.split(':').at(-1);
      expect(await problemsOf({ 'kassavakt.yaml': `listen: "${text}"\n` })).toEqual([
        `kassavakt.yaml:1:9: "${text}" can be reached from other machines and no token is set; add auth.tokens or listen on 127.0.0.1:${port}`,
      ]);
    },
  );

  test.each([
    { text: ':9840', message: '":9840" names no host; write 0.0.0.0:9840 to listen on every interface' },
    { text: '127.0.0.1:65536', message: '"127.0.0.1:65536" has the port 65536; a port is at most 65535' },
    {
      text: '[fe80]:1',
      message:
        '"[fe80]:1" has no IPv6 address in its brackets; write host:port, as in 127.0.0.1:9840 or [::1]:9840',
    },
    {
      text: '::1:9840',
      message: '"::1:9840" is not an address to listen on; write host:port, as in 127.0.0.1:9840',
    },
  ])('refuses $text', async ({ text, message }) => {
    const [problem] = await problemsOf({ 'kassavakt.yaml': `listen: "${text}"\n` });
    expect(problem).toContain(message);
  });
});

describe('secrets', () => {
  const shop = (option: string): string =>
    `modules:\n  shop:\n    prober: http\n    http:\n      basic_auth: { username: monitor, ${option} }\n`;

  test('come from the environment', async () => {
    const { modules } = await settingsOf(
      { 'kassavakt.yaml': shop('password: "${SHOP_PASSWORD}"') },
      { SHOP_PASSWORD: 'correct horse' },
    );
    expect(modules.get('shop')?.options).toMatchObject({
      basic_auth: { username: 'monitor', password: 'correct horse' },
    });
  });

  test('come from files', async () => {
    const { modules } = await settingsOf({ 'kassavakt.yaml': shop('password_file: secrets/shop') });
    expect(modules.get('shop')?.options).toMatchObject({ basic_auth: { password_file: 'secrets/shop' } });
  });

  test.each([
    { name: 'text', option: 'password: correct', column: 50 },
    { name: 'a number', option: 'password: 1234567', column: 50 },
  ])('are refused as $name and not repeated', async ({ option, column }) => {
    expect(await problemsOf({ 'kassavakt.yaml': shop(option) })).toEqual([
      `kassavakt.yaml:5:${column}: "password" is a secret and must not stand here; use password_file, or \${VARIABLE} from the environment`,
    ]);
  });

  test.each([
    { name: 'a map', option: 'password: { x: 1 }', message: '"password" must be text, not a map' },
    {
      name: 'a truth',
      option: 'password: true',
      message: '"password" must be text, not true; put it in quotes',
    },
    {
      name: 'nothing',
      option: 'password:',
      message: '"password" has no value; write one, or remove the line',
    },
  ])('are refused as $name', async ({ option, message }) => {
    const problems = await problemsOf({ 'kassavakt.yaml': shop(option) });
    expect(problems).toEqual([expect.stringContaining(message)]);
  });

  test('are not repeated from a module whose prober is wrong', async () => {
    const yaml =
      'modules:\n  shop:\n    prober: htp\n    http: { basic_auth: { username: a, password: 8472910 } }\n';
    expect(await problemsOf({ 'kassavakt.yaml': yaml })).toEqual([
      'kassavakt.yaml:3:13: unknown prober "htp", did you mean "http"?',
      'kassavakt.yaml:4:50: "password" is a secret and must not stand here; use password_file, or ${VARIABLE} from the environment',
    ]);
  });

  test('are refused in headers', async () => {
    const yaml =
      'modules:\n  shop:\n    prober: http\n    http: { headers: { Authorization: Bearer abc } }\n';
    expect(await problemsOf({ 'kassavakt.yaml': yaml })).toEqual([
      'kassavakt.yaml:4:39: "Authorization" is a secret and must not stand here; use an option that ends in _file, or ${VARIABLE} from the environment',
    ]);
  });

  test.each([
    { name: 'alone', yaml: 'listen: ${SECRET}\n' },
    { name: 'within other text', yaml: 'listen: a${SECRET}b\n' },
    {
      name: 'as an option of a prober',
      yaml: 'modules:\n  a:\n    prober: nexo\n    nexo: { root_file: x, key_version: "${SECRET}" }\n',
    },
    {
      name: 'as an address',
      yaml: 'modules: { t: { prober: tcp } }\ntargets: [{ id: a, module: t, address: "${SECRET}" }]\n',
    },
    {
      name: 'as an id that is not one',
      yaml: 'modules: { t: { prober: tcp } }\ntargets: [{ id: "${SECRET}", module: t, address: "h:1" }]\n',
    },
    { name: 'as a module', yaml: 'targets: [{ id: a, module: "${SECRET}", address: "h:1" }]\n' },
  ])('from the environment are in no message: $name', async ({ yaml }) => {
    const problems = await problemsOf({ 'kassavakt.yaml': yaml }, { SECRET: 'swordfish "1"\n9' });
    expect(problems.join('\n')).toContain('${SECRET}');
    expect(problems.join('\n')).not.toMatch(/swordfish/);
  });
});

describe('variables', () => {
  test.each([
    { name: 'a whole value', text: '${A}', dataDir: '/a' },
    { name: 'twice in a value', text: '${A}/${B}', dataDir: '/a/b' },
    { name: 'an escaped one', text: '/x/$${A}', dataDir: '/x/${A}' },
    { name: 'the group of an expression, which stays', text: '/x/${1}', dataDir: '/x/${1}' },
    { name: 'a dollar alone', text: '/x/$A', dataDir: '/x/$A' },
    { name: 'one whose value has a variable, which stays', text: '${C}', dataDir: '/${A}' },
  ])('are replaced: $name', async ({ text, dataDir }) => {
    const settings = await settingsOf(
      { 'kassavakt.yaml': `data_dir: "${text}"\n` },
      { A: '/a', B: 'b', C: '/${A}' },
    );
    expect(settings.dataDir).toBe(dataDir);
  });

  test('are named when they are not set, each, and nothing else is made of them', async () => {
    expect(await problemsOf({ 'kassavakt.yaml': 'listen: ${A}\ndata_dir: x/${B}/${C}\n' })).toEqual([
      'kassavakt.yaml:1:9: the environment variable A is not set; set it before starting',
      'kassavakt.yaml:2:11: the environment variable B is not set; set it before starting',
      'kassavakt.yaml:2:11: the environment variable C is not set; set it before starting',
    ]);
  });
});

describe('a file that cannot be read', () => {
  test('is named', async () => {
    using folder = new ConfigFolder({});
    expect(await folder.load()).toEqual({
      ok: false,
      error: [
        {
          file: folder.file,
          line: 1,
          column: 1,
          path: '',
          message: 'cannot read this file: there is no such file',
        },
      ],
    });
  });

  test('is refused when it is not UTF-8', async () => {
    expect(await problemsOf({ 'kassavakt.yaml': new Uint8Array([0x61, 0xe5]) })).toEqual([
      'kassavakt.yaml:1:1: this file is not UTF-8 text; save it as UTF-8',
    ]);
  });

  test('is refused when an alias loops', async () => {
    expect(await problemsOf({ 'kassavakt.yaml': 'targets: &a [*a]\n' })).toEqual([
      'kassavakt.yaml:1:13: "targets[0]" must be a map of options, not a list',
    ]);
  });
});

test('a reload sees what has changed since and changes nothing itself', async () => {
  using folder = new ConfigFolder({ 'kassavakt.yaml': MODULE });
  const before = await folder.load();
  folder.write({ 'kassavakt.yaml': 'modules:\n  terminal: { prober: tcp, interval: 20s }\n' });
  const after = await folder.load();
  expect(before).toMatchObject({
    ok: true,
    value: { modules: new Map([['terminal', expect.objectContaining({ intervalMs: 30_000 })]]) },
  });
  expect(after).toMatchObject({
    ok: true,
    value: { modules: new Map([['terminal', expect.objectContaining({ intervalMs: 20_000 })]]) },
  });
});
