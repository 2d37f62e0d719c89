import { setTimeout as delay } from 'node:timers/promises';
import type { ClientsOptions, ClientsReport } from './clients-process.ts';
import { residentMib, startHelper } from './processes.ts';
import type { StormAnswer, StormOptions } from './storm-process.ts';
import { type Benchmark, makeFolder, round, waitFor, writeConfig } from './tools.ts';

const TARGETS = 100_000;
const CLIENTS = 20;
const CLIENT_PROCESSES = 2;
const MEMORY_EVERY_MS = 100;
/** Memory settles before the storm, and may settle so long after it. Unit: ms. */
const SETTLE_MS = 15_000;
const SETTLED_WITHIN_MS = 60_000;

/** The whole estate goes down within about a second: journalled, and told to every client. */
export const storm: Benchmark = {
  name: 'storm',
  summary: `${TARGETS} transitions within a second into ledger, journal and feed, ${CLIENTS} clients following`,
  async run({ targets = TARGETS }) {
    await using folder = await makeFolder();
    const config = await writeConfig(folder.path, {
      count: targets,
      address: (i) => `127.40.${i % 256}.1:9100`,
      module: 'tcp, interval: 30s',
    });
    const options: StormOptions = { config, data: folder.path };
    await using core = await startHelper<{ readonly url: string }>('storm-process.ts', options);
    await core.ask<StormAnswer>('up');
    await using stack = new AsyncDisposableStack();
    const clientOptions: ClientsOptions = { url: core.ready.url, count: CLIENTS / CLIENT_PROCESSES };
    const helpers = await Promise.all(
      Array.from({ length: CLIENT_PROCESSES }, () => startHelper('clients-process.ts', clientOptions)),
    );
    for (const helper of helpers) stack.use(helper);
    for (const helper of helpers) await helper.ask('join');
    await delay(SETTLE_MS);
    for (const helper of helpers) await helper.ask('forget');

    const memoryBefore = residentMib(core.pid);
    let memoryMost = memoryBefore;
    const watch = setInterval(
      () => (memoryMost = Math.max(memoryMost, residentMib(core.pid))),
      MEMORY_EVERY_MS,
    );
    const told = await core.ask<StormAnswer>('down');
    let clients: ClientsReport['clients'] = [];
    await waitFor(
      async () => {
        const reports = await Promise.all(helpers.map((helper) => helper.ask<ClientsReport>('report')));
        clients = reports.flatMap((report) => report.clients);
        return clients.every(({ seq }) => seq >= told.lastSeq);
      },
      120_000,
      250,
    );
    clearInterval(watch);
    const ratio = await lowestRatio(core.pid, memoryBefore);
    return [
      { name: 'all durable after', value: round(told.durableMs / 1_000, 2), unit: 's', limit: 3 },
      {
        name: `all at ${CLIENTS} clients after`,
        value: round((Math.max(...clients.map(({ lastAtMs }) => lastAtMs)) - told.startedAtMs) / 1_000, 2),
        unit: 's',
        limit: 6,
      },
      {
        name: 'events that a client did not get, all clients',
        value: clients.reduce((sum, { events }) => sum + Math.max(0, told.events - events), 0),
        unit: '',
        limit: 0,
      },
      {
        name: 'snapshots instead of events',
        value: clients.reduce((sum, { snapshots }) => sum + snapshots, 0),
        unit: '',
      },
      {
        name: "event loop's delay until durable, p99",
        value: round(told.loopDelayP99Ms, 1),
        unit: 'ms',
        limit: 100,
      },
      {
        name: "event loop's delay until durable, longest",
        value: round(told.loopDelayLongestMs, 1),
        unit: 'ms',
      },
      { name: 'resident memory afterwards, of before', value: round(ratio, 2), unit: '×', limit: 1.2 },
      { name: 'resident memory before', value: Math.round(memoryBefore), unit: 'MiB' },
      { name: 'resident memory, most', value: Math.round(memoryMost), unit: 'MiB' },
      { name: 'handing over took', value: round(told.fedMs / 1_000, 2), unit: 's' },
      { name: 'events in the journal', value: told.events, unit: '' },
    ];
  },
};

async function lowestRatio(pid: number, before: number): Promise<number> {
  const endMs = performance.now() + SETTLED_WITHIN_MS;
  let lowest = Number.POSITIVE_INFINITY;
  while (lowest > 1.2 * before && performance.now() < endMs) {
    lowest = Math.min(lowest, residentMib(pid));
    await delay(1_000);
  }
  return lowest / before;
}
