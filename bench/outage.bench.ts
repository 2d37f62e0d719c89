import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { followFeed } from '../src/feed/feed-client.ts';
import type { WireEvent } from '../src/feed/protocol.ts';
import { systemClock } from '../src/lib/clock.ts';
import { readOwnMetrics, targetsIn } from './own-metrics.ts';
import { startProgram } from './processes.ts';
import { type Benchmark, freePort, makeFolder, readJson, round, startMonitor, waitFor } from './tools.ts';

const TERMINALS = 5_000;
const STORES = 420;
const INTERVAL = '30s';
/** Each on another chain: an outage of the same so soon after would be the first one, again. */
const FAULTS = [
  { chain: 'Torgboden', fault: 'refuse' },
  { chain: 'Älvkläpp', fault: 'blackhole' },
] as const;
/** How long to look for more incidents after the first, and how long an outage that is over may take to end. */
const WATCH_MS = 40_000;
const OVER_MS = 400_000;

/** From a fault on a whole chain of a simulated estate to one incident with exactly that scope at a feed client. */
export const outage: Benchmark = {
  name: 'outage',
  summary: `all of a chain in ${TERMINALS} simulated terminals at ${INTERVAL} fails; one refusing, another silent`,
  async run({ targets = TERMINALS, profileDir }) {
    await using folder = await makeFolder();
    const control = `http://127.0.0.1:${await freePort()}`;
    const estate = ['--stores', String(STORES), '--terminals', String(targets), '--interval', INTERVAL];
    const args = [
      'bin/kassavakt.js',
      'simulate',
      ...estate,
      '--out',
      folder.path,
      '--control',
      control.slice(7),
    ];
    await using _simulator = startProgram(process.execPath, args, { stderr: 'inherit' });
    const simulated = () => readJson<{ targets: readonly unknown[] }>(`${control}/targets`);
    await waitFor(async () => (await simulated()).targets.length > 0, 120_000, 250);
    const { targets: all } = await simulated();
    const config = join(folder.path, 'kassavakt.yaml');
    await using monitor = await startMonitor({ config, data: folder.path, profileDir });
    const areAllJudged = async (): Promise<boolean> => {
      const page = await readOwnMetrics(monitor);
      return targetsIn(page, 'up') + targetsIn(page, 'degraded') === all.length;
    };
    await waitFor(areAllJudged, 120_000, 500);

    const stop = new AbortController();
    const incidents: WireEvent[] = [];
    const following = gather(new URL(monitor.url), incidents, stop.signal);
    const seconds: number[] = [];
    let others = 0;
    let wrong = 0;
    for (const { chain, fault } of FAULTS) {
      const from = incidents.length;
      const order = { where: { chain }, fault };
      const started = (await post(`${control}/faults`, order)) as { id: string; at: string };
      const isOpened = (): boolean => incidents.slice(from).some(({ kind }) => kind === 'incident-opened');
      await waitFor(() => Promise.resolve(isOpened()), 60_000, 20);
      const opened = incidents[from];
      if (opened === undefined) throw new Error('an incident was told and then was not');
      seconds.push((Date.parse(opened.at) - Date.parse(started.at)) / 1_000);
      if (scopeOf(opened) !== `[{"chain":"${chain}"}]`) wrong++;
      await delay(WATCH_MS);
      others += incidents.slice(from).filter(({ kind }) => kind === 'incident-opened').length - 1;
      await fetch(`${control}/faults/${started.id}`, { method: 'DELETE' });
      const isOver = (): boolean => incidents.slice(from).some(({ kind }) => kind === 'incident-resolved');
      await waitFor(() => Promise.resolve(isOver()), OVER_MS, 250);
    }
    stop.abort();
    await following;
    return [
      ...FAULTS.map(({ fault }, i) => ({
        name: `fault to incident, ${fault}`,
        value: round(seconds[i] ?? Number.NaN, 1),
        unit: 's',
        limit: 10,
      })),
      { name: 'incidents with another scope than the chain', value: wrong, unit: '', limit: 0 },
      { name: 'further incidents', value: others, unit: '', limit: 0 },
      {
        name: 'announcements of an incident, at most',
        value: Math.max(
          ...Map.groupBy(incidents, idOf)
            .values()
            .map(({ length }) => length),
        ),
        unit: '',
        limit: 4,
      },
      { name: 'targets', value: all.length, unit: '' },
    ];
  },
};

async function gather(url: URL, into: WireEvent[], signal: AbortSignal): Promise<void> {
  for await (const message of followFeed({ url, clock: systemClock }, signal)) {
    if (message.kind !== 'events') continue;
    into.push(...message.events.filter(({ kind }) => kind.startsWith('incident-')));
  }
}

async function post(url: string, body: unknown): Promise<unknown> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return response.json();
}

function scopeOf({ incident }: WireEvent): string {
  return JSON.stringify((incident as { readonly scope: unknown }).scope);
}

function idOf({ incident }: WireEvent): string {
  return (incident as { readonly id: string }).id;
}
