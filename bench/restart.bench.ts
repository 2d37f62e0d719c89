import { setTimeout as delay } from 'node:timers/promises';
import { startTargets } from './estate-under-load.ts';
import { readOwnMetrics, sampleOf, targetsIn } from './own-metrics.ts';
import { requireOpenFiles, residentMib } from './processes.ts';
import {
  type Benchmark,
  freePort,
  makeFolder,
  readJson,
  round,
  startMonitor,
  waitFor,
  writeConfig,
} from './tools.ts';

const TARGETS = 100_000;
/** One in so many is down. */
const DOWN_ONE_IN = 5;
/** An interval and what it takes to confirm a change. Unit: ms. */
const WATCHED_AFTERWARDS_MS = 45_000;

interface EventPage {
  readonly events: readonly { readonly kind: string; readonly target?: string; readonly to?: string }[];
  readonly next: number | null;
}

/** A fifth of the estate is down, and the monitor is killed: how soon it serves again, and what it says again. */
export const restart: Benchmark = {
  name: 'restart',
  summary: `${TARGETS} TCP targets, one in ${DOWN_ONE_IN} down, killed and started again`,
  async run({ targets = TARGETS, profileDir }) {
    requireOpenFiles(8_000);
    await using folder = await makeFolder();
    await using servers = await startTargets('tcp', { network: 25, count: 256 });
    const deadPort = await freePort();
    const isDead = (i: number) => i % DOWN_ONE_IN === 0;
    const down = Math.ceil(targets / DOWN_ONE_IN);
    const config = await writeConfig(folder.path, {
      count: targets,
      address: (i) => (isDead(i) ? `127.26.${i % 256}.1:${deadPort}` : servers.addressOf(i)),
      module: 'tcp, interval: 30s, timeout: 5s, fail_after: 3, recover_after: 2, retry_interval: 2s',
    });
    const options = { config, data: folder.path };

    const first = await startMonitor(options);
    await waitFor(
      async () => {
        const page = await readOwnMetrics(first);
        const isAllTold = sampleOf(page, 'kassavakt_journal_pending_events') === 0;
        return targetsIn(page, 'down') === down && targetsIn(page, 'up') === targets - down && isAllTold;
      },
      240_000,
      500,
    );
    await delay(2_000);
    const saidBefore = await readAnnounced(first.url);
    await first.kill();

    await using second = await startMonitor({ ...options, profileDir });
    await delay(WATCHED_AFTERWARDS_MS);
    const saidAfter = await readAnnounced(second.url);
    const page = await readOwnMetrics(second);
    return [
      {
        name: 'ready after a kill',
        value: round(second.readyAfterMs / 1_000, 2),
        unit: 's',
        limit: targets > 5_000 ? 4 : 3,
      },
      {
        name: 'announced again within an interval and a half',
        value: saidAfter.length - saidBefore.length,
        unit: '',
        limit: 0,
      },
      {
        name: 'announced before and lost',
        value: saidBefore.filter((said, i) => said !== saidAfter[i]).length,
        unit: '',
        limit: 0,
      },
      {
        name: 'targets in another state than before',
        value: Math.abs(targetsIn(page, 'down') - down) + targetsIn(page, 'unknown'),
        unit: '',
        limit: 0,
      },
      { name: 'ready at the first start', value: round(first.readyAfterMs / 1_000, 2), unit: 's' },
      { name: 'changes announced before', value: saidBefore.length, unit: '' },
      { name: 'resident memory after the restart', value: Math.round(residentMib(second.pid)), unit: 'MiB' },
    ];
  },
};

/** Every change of state that the journal holds, in order. */
async function readAnnounced(url: string): Promise<readonly string[]> {
  const said: string[] = [];
  for (let since: number | null = 0; since !== null; ) {
    const page: EventPage = await readJson<EventPage>(`${url}/api/v1/events?since=${since}&limit=1000`);
    for (const { kind, target, to } of page.events) {
      if (kind === 'target-state-changed') said.push(`${target} ${to}`);
    }
    since = page.events.length === 0 ? null : page.next;
  }
  return said;
}
