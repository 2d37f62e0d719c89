import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MEASUREMENTS } from '../../src/core/measurements.ts';
import { startBlackboxExporter } from '../tools/blackbox-exporter.ts';
import { makeAuthority } from '../tools/certificates.ts';
import { makeFolder, startServe } from '../tools/monitor-process.ts';
import { canRun } from '../tools/programs.ts';
import { CASES, type Case } from './agreement-cases.ts';
import { at, startServers } from './agreement-servers.ts';

const TOKEN = 'operator-token-of-the-agreement-suite';
const AS_OPERATOR = { authorization: `Bearer ${TOKEN}` };
/** The shared module of the case so named. */
const moduleOf = (name: string): string => `m${CASES.findIndex((given) => given.name === name)}`;
const TCP = moduleOf('tcp: a port that listens');
const HOST = moduleOf('http: a Host header');
const NAMED = moduleOf('http: the host name asked for');
const timeoutOf = ({ isSilent }: Case): string => (isSilent === true ? '1s' : '20s');
/** Probes at once: a probe that waits for its turn on a busy machine must not time out. */
const LANES = 4;

/** Name, and each series of it: labels to value. */
interface Exposition {
  readonly heads: ReadonlyMap<string, string>;
  readonly series: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

function parseExposition(text: string): Exposition {
  const heads = new Map<string, string>();
  const series = new Map<string, Map<string, number>>();
  for (const line of text.split('\n')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind !== undefined) heads.set(name, `${heads.get(name) ?? ''}${kind}: ${rest}; `);
    const [, of, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    // Where blackbox_exporter has no value it says -1, or the seconds to the year 1; we say nothing.
    if (of === undefined || Number(value) < 0) continue;
    const values = series.get(of) ?? new Map<string, number>();
    const pairs = Array.from(labels.matchAll(/\w+="(?:[^"\\]|\\.)*"/g), ([pair]) => pair);
    // A label that blackbox_exporter has had since 0.25.
    const sorted = pairs.filter((pair) => !pair.startsWith('serialnumber=')).sort();
    series.set(of, values.set(sorted.join(','), Number(value)));
  }
  return { heads, series };
}

/** fping 5.1 does not tell the reply's hop limit. */
const NOT_OURS = new Set(['probe_icmp_reply_hop_limit']);
const SHARED = new Set(
  [...Object.keys(MEASUREMENTS), 'probe_success', 'probe_duration_seconds'].filter(
    (name) => name.startsWith('probe_') && !NOT_OURS.has(name),
  ),
);
/** How long things took is each prober's own; all other values must be the same. */
const isDuration = (name: string): boolean => /(duration|lookup_time)_seconds$/.test(name);

/** We tell what a session was like also when its certificate is refused, and for DNS over TLS. */
const TLS_FACTS = /^probe_(ssl_(earliest_cert_expiry|last_chain_)|tls_version_info)/;

/** Where the two part on purpose. Its tcp prober stands in for our tls prober, which knows no regular expression. */
function isApart(series: string, prober: Case['prober'], success: 0 | 1): boolean {
  if (prober === 'tls' && series === 'probe_failed_due_to_regex') return true;
  return (success === 0 || prober === 'dns') && TLS_FACTS.test(series);
}

const suite = canRun('agreement with a real blackbox_exporter', ['prometheus-blackbox-exporter', 'fping'])
  ? describe
  : describe.skip;

suite('a real blackbox_exporter and /probe agree', () => {
  const running = new AsyncDisposableStack();
  let urls = { theirs: '', ours: '' };
  const answers = new Map<string, { readonly theirs: Exposition; readonly ours: Exposition }>();

  beforeAll(async () => {
    const folder = running.use(await makeFolder());
    const root = await makeAuthority('Agreement Root');
    const good = await root.issue({
      commonName: 'till',
      dns: ['till.test'],
      ip: ['127.0.0.1'],
      subject: [{ O: ['Solhaga'] }],
    });
    const expired = await root.issue({ ip: ['127.0.0.1'], toDays: -1 });
    await writeFile(join(folder.path, 'ca.pem'), root.cert);
    await writeFile(join(folder.path, 'token'), TOKEN);
    await startServers(running, good, expired);

    const modules = CASES.map((given, index) => {
      const { prober, options = {} } = given;
      return { name: `m${index}`, prober, options, timeout: timeoutOf(given) };
    });
    // One file for both: they read the same bytes.
    const blackboxFile = join(folder.path, 'blackbox.yml');
    const sharedModules = modules.map(({ name, prober, options, timeout }) => {
      const [kind, given] = prober === 'tls' ? ['tcp', { tls: true, ...options }] : [prober, options];
      const text = JSON.stringify(given).replaceAll('"ca.pem"', JSON.stringify(join(folder.path, 'ca.pem')));
      return [name, { prober: kind, timeout, [kind]: JSON.parse(text) as object }] as const;
    });
    const unhurried = ['http_2xx', { prober: 'http' }] as const;
    await writeFile(
      blackboxFile,
      JSON.stringify({ modules: Object.fromEntries([...sharedModules, unhurried]) }),
    );
    const ourFile = join(folder.path, 'kassavakt.yaml');
    // Our tls prober has no counterpart there but tcp with tls; it is a module of our own beside the shared ones.
    const ownModules = modules
      .filter(({ prober }) => prober === 'tls')
      .map(({ name, options, timeout }) => {
        const tls = { warn_before: '0s', ...options };
        return [`own-${name}`, { prober: 'tls', interval: '60s', timeout, tls }] as const;
      });
    await writeFile(
      ourFile,
      JSON.stringify({
        auth: { tokens: [{ name: 'suite', role: 'operator', token_file: 'token' }] },
        modules: Object.fromEntries(ownModules),
      }),
    );
    const theirs = running.use(await startBlackboxExporter(blackboxFile));
    const ours = running.use(
      await startServe(ourFile, join(folder.path, 'data'), { blackboxConfig: blackboxFile }),
    );
    urls = { theirs: theirs.url, ours: ours.url };

    const waiting = Array.from(CASES.entries());
    const lane = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [index, { name, target, prober }] = next;
        const query = (module: string): string =>
          new URLSearchParams({ module, target: target() }).toString();
        const own = prober === 'tls' ? `own-m${index}` : `m${index}`;
        const [their, our] = await Promise.all([
          ask(`${theirs.url}/probe?${query(`m${index}`)}`),
          ask(`${ours.url}/probe?${query(own)}`, AS_OPERATOR),
        ]);
        answers.set(name, { theirs: their, ours: our });
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  });
  afterAll(() => running.disposeAsync());

  const answersTo = (name: string): { readonly theirs: Exposition; readonly ours: Exposition } => {
    const found = answers.get(name);
    if (found === undefined) throw new Error(`case "${name}" was not probed`);
    return found;
  };

  test('has a case of its own name for each probe', () => {
    expect(new Set(CASES.map(({ name }) => name)).size).toBe(CASES.length);
    expect(answers.size).toBe(CASES.length);
  });

  test.each(CASES)('on $name', ({ name, prober, success }) => {
    const { theirs, ours } = answersTo(name);
    expect({ success: theirs.series.get('probe_success')?.get('') }).toEqual({ success });
    expect({ success: ours.series.get('probe_success')?.get('') }).toEqual({ success });
    const known = new Set(Array.from(answers.values()).flatMap((answer) => [...answer.theirs.series.keys()]));
    const [mine, other] = [ours, theirs].map(({ series }) =>
      Array.from(series.keys())
        .filter((series) => SHARED.has(series) && known.has(series) && !isApart(series, prober, success))
        .sort(),
    );
    expect(mine).toEqual(other);
    const values = ({ series }: Exposition): object =>
      Object.fromEntries(
        (other ?? [])
          .filter((series) => !isDuration(series))
          .map((name) => [name, Object.fromEntries(series.get(name) ?? [])]),
      );
    expect(values(ours)).toEqual(values(theirs));
  });

  test.each(CASES.filter(({ success }) => success === 1))('on the phases of $name', ({ name }) => {
    const { theirs, ours } = answersTo(name);
    const phases = ({ series }: Exposition): object =>
      Object.fromEntries(
        Array.from(series)
          .filter(([name]) => SHARED.has(name) && isDuration(name))
          .map(([name, values]) => [name, Array.from(values.keys()).sort()]),
      );
    expect(phases(ours)).toEqual(phases(theirs));
  });

  test.each([
    { name: 'a module that there is not', query: () => ({ target: at.http, module: 'none' }), status: 400 },
    { name: 'a target that is missing', query: () => ({ module: 'http_2xx' }), status: 400 },
    { name: 'no module named', query: () => ({ target: `${at.http}/ok` }), status: 200, success: 1 },
    { name: 'a failure', query: () => ({ target: `${at.http}/missing` }), status: 200, success: 0 },
    {
      name: 'an address that is none',
      query: () => ({ target: 'no port', module: TCP }),
      status: 200,
      success: 0,
    },
    {
      name: 'a host name that is another than the Host header',
      query: () => ({ target: `${at.http}/ok`, module: HOST, hostname: 'other.test' }),
      status: 400,
    },
    {
      name: 'a host name',
      query: () => ({ target: `${at.http}/host`, module: NAMED, hostname: 'till.test' }),
      status: 200,
      success: 1,
    },
    {
      name: 'a scraper that has no patience',
      query: () => ({ target: at.silent }),
      headers: { 'X-Prometheus-Scrape-Timeout-Seconds': '0.8' },
      status: 200,
      success: 0,
    },
  ])('on $name', async ({ query, headers, status, success }) => {
    const text = new URLSearchParams(query()).toString();
    const [their, our] = await Promise.all([
      fetch(`${urls.theirs}/probe?${text}`, { headers: { ...headers } }),
      fetch(`${urls.ours}/probe?${text}`, { headers: { ...AS_OPERATOR, ...headers } }),
    ]);
    expect({ theirs: their.status, ours: our.status }).toEqual({ theirs: status, ours: status });
    if (success === undefined) return;
    for (const answer of [their, our]) {
      expect(
        parseExposition(await answer.text())
          .series.get('probe_success')
          ?.get(''),
      ).toBe(success);
    }
  });

  test('on how a probe is explained', async () => {
    const query = new URLSearchParams({ target: `${at.http}/ok`, debug: 'true' }).toString();
    const texts = await Promise.all(
      [`${urls.theirs}/probe?${query}`, `${urls.ours}/probe?${query}`].map(async (url) =>
        (await fetch(url, { headers: AS_OPERATOR })).text(),
      ),
    );
    const headings = /^(Logs for the probe|Metrics that would have been returned|Module configuration):$/gm;
    const [their, our] = texts.map((text) => Array.from(text.matchAll(headings), ([heading]) => heading));
    expect(their).toHaveLength(3);
    expect(our).toEqual(their);
    for (const text of texts) expect(text).toMatch(/^prober: http$/m);
  });

  test('on what each metric means', () => {
    const heads = (side: 'theirs' | 'ours'): ReadonlyMap<string, string> =>
      new Map(Array.from(answers.values()).flatMap((answer) => Array.from(answer[side].heads)));
    const [theirs, ours] = [heads('theirs'), heads('ours')];
    const shared = Array.from(theirs.keys()).filter((name) => SHARED.has(name));
    expect(shared.length).toBeGreaterThan(20);
    const told = (from: ReadonlyMap<string, string>): object =>
      Object.fromEntries(shared.map((name) => [name, from.get(name)]));
    expect(told(ours)).toEqual(told(theirs));
  });
});

async function ask(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Exposition> {
  const response = await fetch(url, { headers });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answers ${response.status}: ${text}`);
  return parseExposition(text);
}
