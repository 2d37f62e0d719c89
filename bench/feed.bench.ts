import { setTimeout as delay } from 'node:timers/promises';
import type { ClientsOptions, ClientsReport } from './clients-process.ts';
import { startTargets, type TargetServers } from './estate-under-load.ts';
import { readOwnMetrics, targetsIn } from './own-metrics.ts';
import { requireOpenFiles, residentMib, startHelper } from './processes.ts';
import { type Benchmark, makeFolder, quantile, round, startMonitor, waitFor, writeConfig } from './tools.ts';

const TARGETS = 1_200;
const CLIENTS = 2_000;
const CLIENT_PROCESSES = 2;
/** The alert is raised so often, each time by a terminal of another store: one that comes and goes is flapping. */
const ALERTS = 5;
/** `writeConfig` makes stores of so many. */
const PER_STORE = 12;
const SETTLE_MS = 10_000;

/** A wall of clients and one terminal that goes down: how soon each of them knows, and what each costs. */
export const feed: Benchmark = {
  name: 'feed',
  summary: `${CLIENTS} websocket clients, ${ALERTS} of ${TARGETS} terminals going down one after the other`,
  async run({ targets = TARGETS, profileDir }) {
    requireOpenFiles(CLIENTS + 1_000);
    await using folder = await makeFolder();
    await using servers = await startTargets('tcp', { network: 23, count: 4 });
    await using stack = new AsyncDisposableStack();
    const fragile: TargetServers[] = [];
    for (let alert = 0; alert < ALERTS; alert++)
      fragile.push(stack.use(await startTargets('tcp', { network: 40 + alert, count: 1 })));
    const config = await writeConfig(folder.path, {
      count: targets,
      address: (i) => ((i % PER_STORE === 0 ? fragile[i / PER_STORE] : undefined) ?? servers).addressOf(i),
      module: 'tcp, interval: 5s, timeout: 2s, fail_after: 1, recover_after: 1, retry_interval: 500ms',
    });
    await using monitor = await startMonitor({ config, data: folder.path, profileDir });
    const allAre = (up: number) =>
      waitFor(async () => targetsIn(await readOwnMetrics(monitor), 'up') === up, 60_000, 250);
    await allAre(targets);
    await delay(SETTLE_MS);
    const memoryBefore = residentMib(monitor.pid);

    const options: ClientsOptions = { url: monitor.url, count: CLIENTS / CLIENT_PROCESSES };
    const helpers = await Promise.all(
      Array.from({ length: CLIENT_PROCESSES }, () => startHelper('clients-process.ts', options)),
    );
    for (const helper of helpers) stack.use(helper);
    for (const helper of helpers) await helper.ask('join');
    await delay(SETTLE_MS);
    const memoryAfter = residentMib(monitor.pid);

    for (const [alert, server] of fragile.entries()) {
      await server.close();
      await allAre(targets - alert - 1);
      await delay(1_000);
    }
    const reports = await Promise.all(helpers.map((helper) => helper.ask<ClientsReport>('report')));
    const latencies = reports.flatMap(({ alertLatenciesMs }) => alertLatenciesMs);
    return [
      {
        name: 'alert confirmed to alert received, p99',
        value: quantile(latencies, 0.99),
        unit: 'ms',
        limit: 300,
      },
      {
        name: 'resident memory a client',
        value: round(((memoryAfter - memoryBefore) * 1_024) / CLIENTS, 1),
        unit: 'KiB',
        limit: 30,
      },
      { name: 'alert confirmed to alert received, p50', value: quantile(latencies, 0.5), unit: 'ms' },
      { name: 'alert confirmed to alert received, longest', value: quantile(latencies, 1), unit: 'ms' },
      { name: 'alerts that did not arrive', value: CLIENTS * ALERTS - latencies.length, unit: '', limit: 0 },
      { name: 'resident memory before them', value: Math.round(memoryBefore), unit: 'MiB' },
    ];
  },
};
