import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MEASUREMENTS } from '../../src/core/measurements.ts';
import { startBlackboxExporter } from '../tools/blackbox-exporter.ts';
import { makeAuthority } from '../tools/certificates.ts';
import { makeFolder, startServe } from '../tools/monitor-process.ts';
import { canRun } from '../tools/programs.ts';
import { CASES, type Case } from './agreement-cases.ts';
import { startServers } from './agreement-servers.ts';

const TOKEN = 'operator-token-of-the-agreement-suite';
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
    const blackboxFile = join(folder.path, 'blackbox.yml');
    const theirModules = modules.map(({ name, prober, options, timeout }) => {
      const [kind, given] = prober === 'tls' ? ['tcp', { tls: true, ...options }] : [prober, options];
      const text = JSON.stringify(given).replaceAll('"ca.pem"', JSON.stringify(join(folder.path, 'ca.pem')));
      return [name, { prober: kind, timeout, [kind]: JSON.parse(text) as object }] as const;
    });
    await writeFile(blackboxFile, JSON.stringify({ modules: Object.fromEntries(theirModules) }));
    const ourFile = join(folder.path, 'kassavakt.yaml');
    const ourModules = modules.map(({ name, prober, options, timeout }) => {
      const given = prober === 'tls' ? { warn_before: '0s', ...options } : options;
      return [name, { prober, interval: '60s', timeout, [prober]: given }] as const;
    });
    await writeFile(
      ourFile,
      JSON.stringify({
        auth: { tokens: [{ name: 'suite', role: 'operator', token_file: 'token' }] },
        modules: Object.fromEntries(ourModules),
      }),
    );
    const theirs = running.use(await startBlackboxExporter(blackboxFile));
    const ours = running.use(await startServe(ourFile, join(folder.path, 'data')));

    const waiting = Array.from(CASES.entries());
    const lane = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [index, { name, target }] = next;
        const query = new URLSearchParams({ module: `m${index}`, target: target() }).toString();
        const [their, our] = await Promise.all([
          ask(`${theirs.url}/probe?${query}`),
          ask(`${ours.url}/probe?${query}`, { authorization: `Bearer ${TOKEN}` }),
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
