import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { startTargets, type TargetServers } from './estate-under-load.ts';
import {
  costBetween,
  DELAY_WINDOW_MS,
  latenessMs,
  loopDelayMs,
  readOwnMetrics,
  sampleOf,
  sumOf,
  targetsIn,
} from './own-metrics.ts';
import { requireOpenFiles, residentMib } from './processes.ts';
import {
  type Benchmark,
  makeFolder,
  type MonitorProcess,
  quantile,
  readJson,
  round,
  startMonitor,
  writeConfig,
} from './tools.ts';

const TARGETS = 100_000;
const MINUTES = 3;
const INTERVAL_MS = 30_000;
const TIMEOUT_MS = 5_000;
const FAIL_AFTER = 3;
/** Each look that confirms waits its whole time-out, longer than the retry interval of 2 s, and follows at once. */
const DOWN_WITHIN_MS = INTERVAL_MS + TIMEOUT_MS + (FAIL_AFTER - 1) * TIMEOUT_MS;
/** Three or four of a store's twelve go dark; the bound over all is what is tried here. */
const PER_STORE = 8;
/** A dark probe holds its place for 5 s, and is made three times on end: 1,000 go dark a second, for 15 s each. */
const OPEN_FILES = 20_000;
const SAMPLED = 5_000;
const PAGE = 1_000;
const DARK_BACKLOG = 16;
const NEVER = '1970-01-01T00:00:00Z';

/** Three in ten targets stop answering at minute 1, and each probe of them hangs for its whole time-out. */
export const blackout: Benchmark = {
  name: 'blackout',
  summary: `${TARGETS} TCP targets at 30 s, of which three in ten swallow every connection from minute 1`,
  async run({ targets = TARGETS, minutes = MINUTES, profileDir }) {
    requireOpenFiles(OPEN_FILES);
    await using folder = await makeFolder();
    await using living = await startTargets('tcp', { network: 27, count: 256 });
    await using dying = await startTargets('tcp', { network: 28, count: 64, backlog: DARK_BACKLOG });
    const isDark = (i: number) => i % 10 < 3;
    const dark = Array.from({ length: targets }, (_, i) => i).filter(isDark).length;
    const config = await writeConfig(folder.path, {
      count: targets,
      address: (i) => (isDark(i) ? dying.addressOf(Math.floor(i / 10) * 3 + (i % 10)) : living.addressOf(i)),
      module: 'tcp, interval: 30s, timeout: 5s, fail_after: 3, recover_after: 2, retry_interval: 2s',
      maxInFlightPerStore: PER_STORE,
    });
    await using monitor = await startMonitor({ config, data: folder.path, profileDir });
    await delay(DELAY_WINDOW_MS);
    const before = await readOwnMetrics(monitor);
    const schedule = await readLastProbes(monitor, isDark);

    await using _darkness = await swallow(dying);
    const darkAtMs = performance.now();
    const watch = await watchDarkness(monitor, {
      dark,
      isDark,
      schedule,
      untilMs: darkAtMs + (minutes - 1) * 60_000,
    });
    const after = await readOwnMetrics(monitor);
    const { cores } = costBetween(before, after);
    const sampled = watch.latenesses;
    return [
      {
        name: 'start lateness of the living, p99',
        value: Math.round(quantile(sampled, 0.99)),
        unit: 'ms',
        limit: 500,
      },
      {
        name: 'every dark one down after',
        value: round((watch.allDownAtMs - darkAtMs) / 1_000, 1),
        unit: 's',
        limit: DOWN_WITHIN_MS / 1_000,
      },
      {
        name: 'living ones not up at the end',
        value: targets - dark - targetsIn(after, 'up'),
        unit: '',
        limit: 0,
      },
      { name: 'start lateness of the living, p50', value: Math.round(quantile(sampled, 0.5)), unit: 'ms' },
      { name: 'start lateness of all, p99, at most', value: latenessMs(before, after, 0.99), unit: 'ms' },
      { name: 'living ones sampled, by intervals', value: sampled.length, unit: '' },
      {
        name: '99 % of the dark ones down after',
        value: round((watch.mostDownAtMs - darkAtMs) / 1_000, 1),
        unit: 's',
      },
      { name: 'dark ones', value: dark, unit: '' },
      {
        name: 'probes without a verdict',
        value:
          sumOf(after, 'kassavakt_probes_inconclusive_total') -
          sumOf(before, 'kassavakt_probes_inconclusive_total'),
        unit: '',
      },
      { name: 'probes in flight, most', value: watch.mostInFlight, unit: '' },
      { name: 'probes queued, most', value: watch.mostQueued, unit: '' },
      { name: "main thread's event-loop delay, p99, worst minute", value: watch.loopDelayMs, unit: 'ms' },
      { name: 'share of one core', value: cores, unit: '' },
      { name: 'resident memory', value: Math.round(residentMib(monitor.pid)), unit: 'MiB' },
    ];
  },
};

interface Watched {
  /** How late living targets were probed, against their schedule before. Unit: ms. */
  readonly latenesses: readonly number[];
  readonly allDownAtMs: number;
  /** 99 % of them. */
  readonly mostDownAtMs: number;
  readonly mostInFlight: number;
  readonly mostQueued: number;
  readonly loopDelayMs: number;
}

async function watchDarkness(
  monitor: MonitorProcess,
  {
    dark,
    isDark,
    schedule,
    untilMs,
  }: {
    readonly dark: number;
    readonly isDark: (i: number) => boolean;
    readonly schedule: ReadonlyMap<string, number>;
    readonly untilMs: number;
  },
): Promise<Watched> {
  const latenesses: number[] = [];
  let last: ReadonlyMap<string, number> = new Map();
  let mostDownAtMs = untilMs + 1_000_000;
  // Stays so when it does not come to pass in time.
  let allDownAtMs = untilMs + 1_000_000;
  let mostInFlight = 0;
  let mostQueued = 0;
  let worstDelayMs = 0;
  let sampledAtMs = performance.now();
  let windowAtMs = sampledAtMs;
  while (performance.now() < untilMs) {
    await delay(500);
    const page = await readOwnMetrics(monitor);
    mostInFlight = Math.max(mostInFlight, sampleOf(page, 'kassavakt_in_flight_probes'));
    mostQueued = Math.max(mostQueued, sampleOf(page, 'kassavakt_queued_probes'));
    if (targetsIn(page, 'down') >= 0.99 * dark) mostDownAtMs = Math.min(mostDownAtMs, page.atMs);
    if (targetsIn(page, 'down') >= dark) allDownAtMs = Math.min(allDownAtMs, page.atMs);
    if (page.atMs - windowAtMs >= DELAY_WINDOW_MS - 2_000) {
      worstDelayMs = Math.max(worstDelayMs, loopDelayMs(page, 0.99));
      windowAtMs = page.atMs;
    }
    if (page.atMs - sampledAtMs < INTERVAL_MS) continue;
    sampledAtMs = page.atMs;
    const seen = await readLastProbes(monitor, isDark);
    for (const [id, atMs] of seen) latenesses.push(offScheduleMs(atMs, last.get(id), schedule.get(id)));
    last = seen;
  }
  return { latenesses, allDownAtMs, mostDownAtMs, mostInFlight, mostQueued, loopDelayMs: worstDelayMs };
}

/** A target not probed since the last sample, or never before, is late by an interval and more. Unit: ms. */
function offScheduleMs(atMs: number, last: number | undefined, scheduled: number | undefined): number {
  if (scheduled === undefined || atMs === last) return INTERVAL_MS;
  const offMs = (((atMs - scheduled) % INTERVAL_MS) + INTERVAL_MS) % INTERVAL_MS;
  return offMs > INTERVAL_MS / 2 ? offMs - INTERVAL_MS : offMs;
}

interface TargetPage {
  readonly targets: readonly { readonly id: string; readonly lastProbeAt?: string | null }[];
  readonly next: string | null;
}

/** When each of a sample of living targets was last probed. Epoch ms. */
async function readLastProbes(
  { url }: MonitorProcess,
  isDark: (i: number) => boolean,
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  for (let after: string | null = ''; after !== null && found.size < SAMPLED; ) {
    const query = `limit=${PAGE}${after === '' ? '' : `&after=${after}`}`;
    const page: TargetPage = await readJson<TargetPage>(`${url}/api/v1/targets?${query}`);
    for (const { id, lastProbeAt } of page.targets) {
      if (!isDark(Number(id.slice(1)))) found.set(id, Date.parse(lastProbeAt ?? NEVER));
    }
    after = page.next;
  }
  return found;
}

/**
 * Makes the servers swallow connections, as a dead host would: their process is stopped and their queues of accepted
 * connections filled, whereupon the kernel drops every further SYN.
 */
async function swallow(servers: TargetServers): Promise<AsyncDisposable> {
  servers.signal('SIGSTOP');
  const sockets: Socket[] = [];
  for (const host of servers.addresses) {
    for (let i = 0; i < DARK_BACKLOG + 8; i++) {
      const socket = connect({ host, port: servers.port });
      socket.on('error', () => undefined);
      sockets.push(socket);
    }
  }
  await delay(500);
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
    },
  };
}
