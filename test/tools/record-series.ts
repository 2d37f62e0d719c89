import { setTimeout as wait } from 'node:timers/promises';

/**
 * Records a running monitor's metrics as input series of a promtool unit test, to standard output:
 *
 *   npx kassavakt demo --stores 4 --terminals 20 --listen 127.0.0.1:9840
 *   node test/tools/record-series.ts http://127.0.0.1:9840 5 70 > series.yml
 *
 * Arguments: the monitor's address, seconds between samples, how many samples. As Prometheus does it, a series that is
 * not on a page any more gets a stale marker.
 */
const [url = 'http://127.0.0.1:9840', stepSeconds = '5', count = '70'] = process.argv.slice(2);

/** What the rules read; the rest would make the test long. */
const WANTED =
  /^(kassavakt_(payment_method_available|store_info|target_state|target_info|monitor_blind|build_info|probes_total|journal_writable)|probe_success)\{?/;
const PAGES = [
  { path: '/metrics', job: 'kassavakt' },
  { path: '/metrics/targets', job: 'kassavakt-targets' },
];

const rows = new Map<string, string[]>();
const total = Number(count);
for (let sample = 0; sample < total; sample++) {
  const [seen] = await Promise.all([readAll(), wait(sample < total - 1 ? Number(stepSeconds) * 1_000 : 0)]);
  for (const name of seen.keys()) if (!rows.has(name)) rows.set(name, Array(sample).fill('_'));
  for (const [name, values] of rows) {
    const wasThere = !['_', 'stale', undefined].includes(values.at(-1));
    values.push(seen.get(name) ?? (wasThere ? 'stale' : '_'));
  }
}
for (const [name, values] of Array.from(rows).sort(([a], [b]) => (a < b ? -1 : 1))) {
  const quoted = name.replaceAll("'", "''");
  process.stdout.write(`      - series: '${quoted}'\n        values: '${shorten(values)}'\n`);
}

async function readAll(): Promise<ReadonlyMap<string, string>> {
  const seen = new Map<string, string>();
  for (const { path, job } of PAGES) {
    const own = `job="${job}",instance="${new URL(url).host}"`;
    const page = await (await fetch(url + path)).text();
    seen.set(`up{${own}}`, '1');
    for (const line of page.split('\n').filter((each) => WANTED.test(each))) {
      const end = line.lastIndexOf(' ');
      const [name = '', labels = ''] = line.slice(0, end).split(/\{(.*)\}$/);
      seen.set(`${name}{${labels === '' ? own : `${labels},${own}`}}`, line.slice(end + 1));
    }
  }
  return seen;
}

/** `1 1 1 0` as `1x2 0`. */
function shorten(values: readonly string[]): string {
  const runs: { value: string; length: number }[] = [];
  for (const value of values) {
    const last = runs.at(-1);
    if (last?.value === value && value !== 'stale') last.length++;
    else runs.push({ value, length: 1 });
  }
  const spell = ({ value, length }: { value: string; length: number }): string => {
    if (length === 1) return value;
    return value === '_' ? `_x${length}` : `${value}x${length - 1}`;
  };
  return runs.map(spell).join(' ');
}
