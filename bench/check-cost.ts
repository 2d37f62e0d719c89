import { setTimeout as delay } from 'node:timers/promises';
import type { BareAnswer, BareOptions } from './bare-process.ts';
import { measureBlackbox } from './blackbox.ts';
import { startTargets } from './estate-under-load.ts';
import { costBetween, latenessMs, probesBetween, readOwnMetrics, sumOf } from './own-metrics.ts';
import { requireOpenFiles, startHelper } from './processes.ts';
import { type BenchOptions, type Figure, makeFolder, round, startMonitor, writeConfig } from './tools.ts';

/** The code is compiled and every target has its first verdict by then. Unit: s. */
const WARM_UP_SECONDS = 15;
const MEASURED_SECONDS = 40;
const BARE_WARM_UP_SECONDS = 5;
const BARE_SECONDS = 25;
const BLACKBOX_PER_SECOND = 300;
const BLACKBOX_SECONDS = 20;

/** What one check costs three ways on the same servers, one after the other. */
export interface CheckCostOptions {
  readonly kind: 'tcp' | 'http';
  readonly perSecond: number;
  readonly targets: number;
  /** See `ConfigOptions.module`; without the interval and the time-out. */
  readonly module: string;
  readonly blackboxModule: string;
  readonly limits: { readonly ofBare: number; readonly ofBlackbox: number };
}

export async function measureCheckCost(
  { kind, perSecond, targets, module, blackboxModule, limits }: CheckCostOptions,
  { profileDir }: BenchOptions,
): Promise<readonly Figure[]> {
  requireOpenFiles(4_000);
  await using folder = await makeFolder();
  await using servers = await startTargets(kind, { network: 21, count: 64 });
  const urlOf = kind === 'http' ? (i: number) => `http://${servers.addressOf(i)}/` : servers.addressOf;
  const intervalMs = Math.max(1_000, Math.round((targets / perSecond) * 1_000));
  const config = await writeConfig(folder.path, {
    count: targets,
    address: urlOf,
    module: `${module}, interval: ${intervalMs}ms, timeout: ${Math.min(5_000, Math.round(intervalMs * 0.8))}ms`,
  });
  const own = await measureMonitor(
    config,
    folder.path,
    Math.max(WARM_UP_SECONDS, intervalMs / 1_000),
    profileDir,
  );
  const bareOptions: BareOptions = {
    kind,
    addresses: servers.addresses,
    port: servers.port,
    perSecond,
    warmUpSeconds: BARE_WARM_UP_SECONDS,
    seconds: BARE_SECONDS,
  };
  await using bareProcess = await startHelper('bare-process.ts', bareOptions);
  const bare = await bareProcess.ask<BareAnswer>('run');
  const bareMicroseconds = Math.round((bare.cpuSeconds / bare.checks) * 1e6);
  const blackbox = await measureBlackbox(folder.path, {
    module: blackboxModule,
    targets: urlOf,
    perSecond: BLACKBOX_PER_SECOND,
    seconds: BLACKBOX_SECONDS,
  });
  return [
    {
      name: `processor time a check, of the same by bare node:${kind === 'tcp' ? 'net' : 'http'}`,
      value: round(own.microsecondsAProbe / bareMicroseconds, 2),
      unit: '×',
      limit: limits.ofBare,
    },
    {
      name: 'processor time a check, of the same by blackbox_exporter',
      value: round(own.microsecondsAProbe / blackbox.microsecondsAProbe, 3),
      unit: '×',
      limit: limits.ofBlackbox,
    },
    { name: 'processor time a check, the whole monitor', value: own.microsecondsAProbe, unit: 'µs' },
    { name: 'processor time a check, bare', value: bareMicroseconds, unit: 'µs' },
    { name: 'processor time a check, blackbox_exporter', value: blackbox.microsecondsAProbe, unit: 'µs' },
    { name: 'checks a second, the monitor', value: own.perSecond, unit: '' },
    { name: 'checks a second, bare', value: Math.round(bare.checks / BARE_SECONDS), unit: '' },
    { name: 'start lateness, p99, at most', value: own.latenessMs, unit: 'ms' },
    {
      name: 'checks that failed, all three',
      value: own.failed + bare.failed + blackbox.failed,
      unit: '',
      limit: 0,
    },
  ];
}

async function measureMonitor(
  config: string,
  data: string,
  warmUpSeconds: number,
  profileDir: string | undefined,
): Promise<{
  readonly microsecondsAProbe: number;
  readonly perSecond: number;
  readonly latenessMs: number;
  readonly failed: number;
}> {
  await using monitor = await startMonitor({ config, data, profileDir });
  await delay(warmUpSeconds * 1_000);
  const before = await readOwnMetrics(monitor);
  await delay(MEASURED_SECONDS * 1_000);
  const after = await readOwnMetrics(monitor);
  const lost = (family: string) => sumOf(after, family) - sumOf(before, family);
  return {
    microsecondsAProbe: costBetween(before, after).microsecondsAProbe,
    perSecond: Math.round((probesBetween(before, after) * 1_000) / (after.atMs - before.atMs)),
    latenessMs: latenessMs(before, after, 0.99),
    failed: lost('kassavakt_probe_failures_total') + lost('kassavakt_probes_inconclusive_total'),
  };
}
