import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { makeFolder, startServe, TcpTarget } from '../tools/monitor-process.ts';
import { canRun } from '../tools/programs.ts';
import { PrometheusProcess } from '../tools/prometheus-process.ts';

const SUITE = 'Prometheus with the configuration that we ship';
const when = canRun(SUITE, ['prometheus']) ? describe : describe.skip;
const SHIPPED = join(import.meta.dirname, '../../config/prometheus');

interface RuleGroup {
  readonly name: string;
  readonly rules: readonly {
    readonly name: string;
    readonly type: string;
    readonly health: string;
    readonly lastError?: string;
  }[];
}

interface PushedAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

when(SUITE, () => {
  const stack = new AsyncDisposableStack();
  const pushed: PushedAlert[] = [];
  let terminals: readonly TcpTarget[];
  let prometheus: PrometheusProcess;

  beforeAll(async () => {
    const { path } = stack.use(await makeFolder());
    terminals = await Promise.all(Array.from({ length: 4 }, () => TcpTarget.start()));
    for (const terminal of terminals) stack.use(terminal);
    const alertmanager = await listen(stack, (body) => pushed.push(...(JSON.parse(body) as PushedAlert[])));
    const web = await listen(stack, () => undefined);
    const monitor = stack.use(
      await startServe(
        await writeConfig(
          path,
          terminals.map(({ port }) => port),
          web,
        ),
        join(path, 'data'),
      ),
    );

    const folder = join(path, 'prometheus');
    await cp(SHIPPED, folder, { recursive: true });
    const file = join(folder, 'prometheus.yml');
    const shipped = await readFile(file, 'utf8');
    const own = shipped
      .replaceAll('#: ', '')
      .replaceAll('127.0.0.1:9840', new URL(monitor.url).host)
      .replaceAll('127.0.0.1:9093', alertmanager)
      .replaceAll(/\b(15|60)s\b/g, '500ms');
    expect(own.match(/500ms/g)).toHaveLength(4);
    await writeFile(file, own);
    await writeFile(join(folder, 'kassavakt-token'), 'the-token-of-prometheus');
    prometheus = stack.use(await PrometheusProcess.start(file, folder));
  });

  afterAll(() => stack.disposeAsync());

  test('scrapes the process, both shards and a page by /probe, and all are up', async () => {
    await prometheus.await('four targets that are up', async () => {
      const { activeTargets } = await prometheus.get<{ activeTargets: readonly { health: string }[] }>(
        '/targets?state=active',
      );
      return activeTargets.length === 4 && activeTargets.every(({ health }) => health === 'up')
        ? true
        : undefined;
    });
    await prometheus.find('count by (job, instance) (up == 1)', 4);
    const shards = await prometheus.find('count by (instance) (kassavakt_target_info)', 2);
    const counts = shards.map(({ value }) => Number(value[1]));
    expect(counts.reduce((sum, count) => sum + count)).toBe(5);
    await prometheus.find('probe_success{job="kassavakt-probe",target="web",instance="web"} == 1', 1);
  });

  test('evaluates every rule without an error', async () => {
    const groups = await prometheus.await('all rules to be evaluated', async () => {
      const { groups } = await prometheus.get<{ groups: readonly RuleGroup[] }>('/rules');
      const isDone = groups.every(({ rules }) => rules.every(({ health }) => health !== 'unknown'));
      return isDone ? groups : undefined;
    });
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.filter(({ type }) => type === 'alerting').length).toBeGreaterThan(20);
    expect(rules.filter(({ health, lastError }) => health !== 'ok' || lastError !== undefined)).toEqual([]);
    await prometheus.find('sum(prometheus_rule_evaluation_failures_total) > 0', 0);
  });

  test("records chains and stores, and pushes the dead man's switch with its runbook", async () => {
    await prometheus.find('chain_kind:probe_success:sum{chain="Solhaga",kind="terminal"} == 4', 1);
    await prometheus.find('acquirer:probe_success:count{acquirer="Fjordpay"} == 4', 1);
    await prometheus.find(
      'store_method:kassavakt_payment_method_available:max{payment_method="card"} == 1',
      2,
    );
    const alive = await prometheus.await('the dead man’s switch', async () =>
      pushed.find(({ labels }) => labels['alertname'] === 'KassavaktDeadMansSwitch'),
    );
    expect(alive.annotations['runbook_url']).toBe('http://127.0.0.1:9840/runbook#kassavaktdeadmansswitch');
  });

  test('has a store that loses its terminals pending within seconds, and an outage of the chain', async () => {
    await Promise.all(terminals.map((terminal) => terminal.close()));
    const found = await prometheus.find('ALERTS{alertname="KassavaktStoreCannotTakeCards"}', 2);
    expect(found.map(({ metric }) => metric['store'] ?? '').sort()).toEqual(['S1', 'S2']);
    expect(found[0]?.metric).toMatchObject({ chain: 'Solhaga', payment_method: 'card', severity: 'major' });
    await prometheus.find(
      'ALERTS{alertname="KassavaktPaymentMethodDown",payment_method="card",chain="Solhaga"}',
      1,
    );
    await prometheus.find('acquirer:kassavakt_targets_down:sum{acquirer="Fjordpay"} == 4', 1);
  });
});

/** An HTTP server that says yes to everything. Returns its host and port. */
async function listen(stack: AsyncDisposableStack, hear: (body: string) => void): Promise<string> {
  const server: Server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => {
      body += part;
    });
    request.on('end', () => {
      hear(body);
      response.end('{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function writeConfig(folder: string, ports: readonly number[], web: string): Promise<string> {
  const row = (port: number, i: number): string =>
    `T${i},S${1 + Math.floor(i / 2)},${i % 2},127.0.0.1:${port},terminal,Fjordpay`;
  const header = 'terminal_id,store_id,lane,address,module,acquirer';
  await writeFile(join(folder, 'terminals.csv'), [header, ...ports.map(row)].join('\n'));
  await writeFile(
    join(folder, 'stores.csv'),
    'store_id,name,chain,region,city\nS1,Solhaga Åmål,Solhaga,Värmland,Åmål\nS2,Solhaga Kil,Solhaga,Värmland,Kil\n',
  );
  await writeFile(join(folder, 'token'), 'the-token-of-prometheus');
  const file = join(folder, 'kassavakt.yaml');
  await writeFile(
    file,
    `
auth: { tokens: [{ name: prometheus, role: operator, token_file: token }] }
estate: { stores: stores.csv, terminals: terminals.csv }
modules:
  terminal: { prober: tcp, interval: 1s, timeout: 500ms, retry_interval: 100ms, fail_after: 2 }
  shop: { prober: http, interval: 1s, timeout: 500ms, retry_interval: 100ms }
targets: [{ id: web, module: shop, address: "http://${web}/", labels: { kind: web, chain: Solhaga } }]
`,
  );
  return file;
}
