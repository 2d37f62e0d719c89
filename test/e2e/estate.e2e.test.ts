import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandProcess, getJson, makeFolder, startServe, until } from '../tools/monitor-process.ts';
import { canRun } from '../tools/programs.ts';

const SUITE = 'a simulated estate, the monitor and a real Prometheus, each a process';
const when = canRun(SUITE, ['prometheus', 'promtool']) ? describe : describe.skip;

interface Target {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state?: string;
  readonly reason?: string;
}

interface Incident {
  readonly scope: readonly Readonly<Record<string, string>>[];
}

when(SUITE, () => {
  const owned = new AsyncDisposableStack();
  let control: string;
  let monitor: CommandProcess & { readonly url: string };
  let prometheus: string;

  beforeAll(async () => {
    const folder = owned.use(await makeFolder());
    const simulate = owned.use(
      new CommandProcess([
        'simulate',
        '--stores',
        '12',
        '--terminals',
        '40',
        '--out',
        folder.path,
        '--interval',
        '2s',
      ]),
    );
    control = await simulate.line((line) => /^Control:\s+(\S+)/.exec(line)?.[1]);
    monitor = owned.use(await startServe(join(folder.path, 'kassavakt.yaml'), join(folder.path, 'data')));
    prometheus = await startPrometheus(owned, folder.path, monitor.url);
  });

  afterAll(() => owned.disposeAsync());

  const targets = async (query = ''): Promise<readonly Target[]> =>
    (await getJson<{ targets: Target[] }>(`${monitor.url}/api/v1/targets?limit=1000${query}`)).targets;

  const ask = async (query: string): Promise<number | undefined> => {
    const url = `${prometheus}/api/v1/query?query=${encodeURIComponent(query)}`;
    const { data } = await getJson<{ data: { result: readonly { value: readonly [number, string] }[] } }>(
      url,
    );
    return data.result[0] === undefined ? undefined : Number(data.result[0].value[1]);
  };

  const promises = (query: string, value: number) =>
    until(async () => ((await ask(query).catch(() => undefined)) === value ? true : undefined));

  test('is all up, for us and for Prometheus', async () => {
    const simulated = await getJson<{ targets: readonly Target[] }>(`${control}/targets`);
    const count = simulated.targets.length;
    await until(async () => ((await targets('&state=up')).length === count ? true : undefined));
    await promises('count(probe_success == 1)', count);
    await promises('count(kassavakt_target_state == 1)', count);
    expect(await ask('count({job="targets",target!=""})')).toBeLessThanOrEqual(6 * count);
  });

  test('tells of exactly one chain that its terminals are down, and why, and of their return', async () => {
    const all = await targets();
    const inSolhaga = all.filter(
      ({ labels }) => labels['chain'] === 'Solhaga' && labels['kind'] === 'terminal',
    );
    const order = { where: { chain: 'Solhaga', kind: 'terminal' }, fault: 'host-unreachable' };
    const answer = await fetch(`${control}/faults`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(order),
    });
    const fault = (await answer.json()) as { id: string; targets: string[]; at: string };
    expect(fault.targets.toSorted()).toEqual(inSolhaga.map(({ id }) => id).sort());

    const down = await until(async () => {
      const found = await targets('&state=down');
      return found.length >= inSolhaga.length ? found : undefined;
    });
    expect(down.map(({ id }) => id).sort()).toEqual(inSolhaga.map(({ id }) => id).sort());
    expect(new Set(down.map(({ reason }) => reason))).toEqual(new Set(['host']));
    const incidents = await until(async () => {
      const open = (await getJson<{ incidents: readonly Incident[] }>(`${monitor.url}/api/v1/incidents`))
        .incidents;
      return open.length > 0 ? open : undefined;
    });
    expect(incidents).toHaveLength(1);
    expect(incidents[0]?.scope).toContainEqual({ chain: 'Solhaga' });
    await promises('count(probe_failure_info{reason="host",chain="Solhaga"})', inSolhaga.length);
    expect(await (await fetch(`${monitor.url}/`)).text()).toContain('Solhaga');

    await fetch(`${control}/faults/${fault.id}`, { method: 'DELETE' });
    await until(async () => ((await targets('&state=up')).length === all.length ? true : undefined));
    await promises('count(probe_success == 1)', all.length);
    await promises('absent(probe_failure_info)', 1);
  });

  test.each(['/metrics', '/metrics/targets'])('has nothing for promtool to remark on %s', async (path) => {
    const page = await (await fetch(`${monitor.url}${path}`)).text();
    const promtool = spawn('promtool', ['check', 'metrics'], { stdio: ['pipe', 'pipe', 'pipe'] });
    const remarks: string[] = [];
    for (const stream of [promtool.stdout, promtool.stderr])
      stream.on('data', (text) => remarks.push(String(text)));
    promtool.stdin.end(page);
    const [code] = (await once(promtool, 'close')) as [number];
    expect([remarks.join(''), code]).toEqual(['', 0]);
  });

  test('never did anything to a terminal but ask how it is', async () => {
    const { total } = await getJson<{ total: number }>(`${control}/violations`);
    expect(total).toBe(0);
  });

  test('ends cleanly', async () => {
    expect(await monitor.end('SIGINT')).toBe(0);
    expect(monitor.complaints).toEqual([]);
  });
});

async function startPrometheus(owned: AsyncDisposableStack, folder: string, url: string): Promise<string> {
  const { host } = new URL(url);
  await writeFile(
    join(folder, 'prometheus.yml'),
    `
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - { job_name: process, static_configs: [{ targets: ['${host}'] }] }
  - { job_name: targets, metrics_path: /metrics/targets, static_configs: [{ targets: ['${host}'] }] }
`,
  );
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'prometheus')}`,
      '--web.listen-address=127.0.0.1:0',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  owned.defer(async () => {
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = '';
  child.stderr.on('data', (part) => {
    text += String(part);
    const address = /Listening on" address=(127\.0\.0\.1:\d+)/.exec(text)?.[1];
    if (address !== undefined) resolve(`http://${address}`);
  });
  child.once('close', () => reject(new Error(`Prometheus ended:\n${text}`)));
  return promise;
}
