import { setTimeout as delay } from 'node:timers/promises';
import { startTargets } from './estate-under-load.ts';
import { costBetween, latenessMs, probesBetween, readOwnMetrics } from './own-metrics.ts';
import { residentMib } from './processes.ts';
import { type Benchmark, makeFolder, startMonitor, writeConfig } from './tools.ts';

const TARGETS = 5_000;
const INTERVAL_MS = 30_000;
/** Every probe starts within this of its due time at p99. Unit: ms. */
const P99_LIMIT_MS = 250;

/** 5,000 TCP targets at 30 s, the whole monitor on one core: how late its probes start. */
export const lateness: Benchmark = {
  name: 'lateness',
  summary: `${TARGETS} TCP targets at 30 s, the whole monitor on one core, three intervals after the first`,
  async run({ targets = TARGETS, profileDir }) {
    await using folder = await makeFolder();
    await using servers = await startTargets('tcp', { network: 22, count: 16 });
    const config = await writeConfig(folder.path, {
      count: targets,
      address: servers.addressOf,
      module: 'tcp, interval: 30s, timeout: 5s, fail_after: 3, recover_after: 2, retry_interval: 2s',
    });
    await using monitor = await startMonitor({ config, data: folder.path, isPinned: true, profileDir });
    await delay(INTERVAL_MS);
    const before = await readOwnMetrics(monitor);
    await delay(3 * INTERVAL_MS);
    const after = await readOwnMetrics(monitor);
    const { microsecondsAProbe, cores } = costBetween(before, after);
    return [
      { name: 'start lateness, p50, at most', value: latenessMs(before, after, 0.5), unit: 'ms' },
      {
        name: 'start lateness, p99, at most',
        value: latenessMs(before, after, 0.99),
        unit: 'ms',
        limit: P99_LIMIT_MS,
      },
      { name: 'probes made in three intervals', value: probesBetween(before, after), unit: '' },
      { name: 'processor time of the whole process a probe', value: microsecondsAProbe, unit: 'µs' },
      { name: 'share of one core', value: cores, unit: '' },
      { name: 'resident memory', value: Math.round(residentMib(monitor.pid)), unit: 'MiB' },
    ];
  },
};
