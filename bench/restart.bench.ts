import { setTimeout as delay } from 'node:timers/promises';
import {
  type Benchmark,
  freePort,
  makeFolder,
  readJson,
  startMonitorProcess,
  startTargetServer,
  waitFor,
  writeConfig,
} from './tools.ts';

const TARGETS = 5_000;
const DOWN = 500;
const READY_LIMIT_MS = 3_000;

interface EventPage {
  readonly events: readonly { readonly kind: string; readonly to?: string }[];
  readonly next: number | null;
}

/** 5,000 targets of which 500 are down, killed with SIGKILL: how soon it serves again, and what it says again. */
export const restart: Benchmark = {
  name: 'restart',
  summary: `${TARGETS} TCP targets, ${DOWN} of them down, killed and started again`,
  async run() {
    await using folder = await makeFolder();
    await using target = await startTargetServer();
    const deadPort = await freePort();
    const port = (i: number) => (i % (TARGETS / DOWN) === 0 ? deadPort : target.port);
    const config = await writeConfig(folder.path, TARGETS, (i) => `127.0.0.1:${port(i)}`);

    const first = await startMonitorProcess(config, folder.path);
    await waitFor(async () => (await countChanges(first.url)) >= TARGETS, 120_000);
    const saidBefore = await countChanges(first.url);
    await first.kill();

    await using second = await startMonitorProcess(config, folder.path);
    await delay(40_000);
    return [
      {
        name: 'ready after a kill',
        value: Math.round(second.readyAfterMs),
        unit: 'ms',
        limit: READY_LIMIT_MS,
      },
      { name: 'ready at the first start', value: Math.round(first.readyAfterMs), unit: 'ms' },
      { name: 'changes announced before', value: saidBefore, unit: '' },
      {
        name: 'announced again in the interval after',
        value: (await countChanges(second.url)) - saidBefore,
        unit: '',
        limit: 0,
      },
    ];
  },
};

/** How many changes of state the journal holds: read to its end. */
async function countChanges(url: string): Promise<number> {
  let count = 0;
  let since = 0;
  for (;;) {
    const page = await readJson<EventPage>(`${url}/api/v1/events?since=${since}&limit=1000`);
    count += page.events.filter(({ kind }) => kind === 'target-state-changed').length;
    if (page.events.length === 0 || page.next === null) return count;
    since = page.next;
  }
}
