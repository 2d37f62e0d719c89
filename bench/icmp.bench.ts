import { setTimeout as delay } from 'node:timers/promises';
import { costBetween, latenessMs, probesBetween, readOwnMetrics, sumOf } from './own-metrics.ts';
import { type Benchmark, loopbackAddresses, makeFolder, startMonitor, writeConfig } from './tools.ts';

const TARGETS = 10_000;
/** What fping may send in all, spaced so that the kernel drops no answers, with some room: see `safeIntervalMs`. */
const PER_SECOND = 800;
const WARM_UP_SECONDS = 15;
const MEASURED_SECONDS = 40;

/** Pings through fping, whose processor time counts: it is a process of the monitor's own. Needs to be root. */
export const icmp: Benchmark = {
  name: 'icmp',
  summary: `pings through fping to ${TARGETS} loopback addresses, ${PER_SECOND} a second asked for`,
  async run({ targets = TARGETS, profileDir }) {
    const addresses = loopbackAddresses(30, targets);
    await using folder = await makeFolder();
    const intervalMs = Math.max(1_000, Math.round((targets / PER_SECOND) * 1_000));
    const config = await writeConfig(folder.path, {
      count: targets,
      address: (i) => addresses[i] ?? '',
      module: `icmp, interval: ${intervalMs}ms, timeout: ${Math.min(5_000, Math.round(intervalMs * 0.8))}ms`,
    });
    await using monitor = await startMonitor({ config, data: folder.path, profileDir });
    await delay(Math.max(WARM_UP_SECONDS * 1_000, intervalMs));
    const before = await readOwnMetrics(monitor);
    await delay(MEASURED_SECONDS * 1_000);
    const after = await readOwnMetrics(monitor);
    const { microsecondsAProbe, cores } = costBetween(before, after);
    const sum = (family: string) => sumOf(after, family) - sumOf(before, family);
    const seconds = (after.atMs - before.atMs) / 1_000;
    const answered =
      probesBetween(before, after) -
      sum('kassavakt_probe_failures_total') -
      sum('kassavakt_probes_inconclusive_total');
    return [
      {
        name: 'echoes a second and core of processor time',
        value: Math.round(answered / (after.cpuSeconds - before.cpuSeconds)),
        unit: '',
        least: 20_000,
      },
      { name: 'processor time an echo, fping and all', value: microsecondsAProbe, unit: 'µs' },
      { name: 'echoes a second', value: Math.round(answered / seconds), unit: '' },
      { name: 'echoes a second asked for', value: Math.round(targets / (intervalMs / 1_000)), unit: '' },
      { name: 'no answer', value: sum('kassavakt_probe_failures_total'), unit: '' },
      { name: 'not sent in time', value: sum('kassavakt_probes_inconclusive_total'), unit: '' },
      { name: 'share of one core', value: cores, unit: '' },
      { name: 'start lateness, p99, at most', value: latenessMs(before, after, 0.99), unit: 'ms' },
    ];
  },
};
