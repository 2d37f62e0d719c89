import { expect, test } from '@jest/globals';
import { verifyJournal } from '../../src/journal/verify-journal.ts';
import {
  getJson,
  makeFolder,
  startServe,
  TcpTarget,
  until,
  writeTcpConfig,
} from '../tools/monitor-process.ts';
import { skipSuite } from '../tools/programs.ts';
import { mountSmallDisk } from '../tools/small-disk.ts';

interface Page {
  readonly events: readonly { readonly seq: number; readonly kind: string; readonly to?: string }[];
}

const MODULE =
  '{ prober: tcp, interval: 1s, timeout: 500ms, fail_after: 1, recover_after: 1, retry_interval: 100ms }';

const disk = mountSmallDisk();
if (disk === undefined) skipSuite('a full disk', 'only root may mount a small one');

(disk === undefined ? test.skip : test)(
  'a full disk stops announcing and says so everywhere, and probing goes on',
  async () => {
    if (disk === undefined) return;
    using small = disk;
    await using folder = await makeFolder();
    const targets = await Promise.all(Array.from({ length: 8 }, () => TcpTarget.start()));
    const config = await writeTcpConfig(
      folder.path,
      targets.map(({ port }) => port),
      MODULE,
    );
    await using serve = await startServe(config, small.path);
    const ready = () => fetch(`${serve.url}/-/ready`);
    const metric = async (name: string): Promise<number> => {
      const text = await (await fetch(`${serve.url}/metrics`)).text();
      return Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1]);
    };
    const events = async () => (await getJson<Page>(`${serve.url}/api/v1/events?since=0&limit=1000`)).events;
    const changes = async (state: string) =>
      (await events()).filter(({ kind, to }) => kind === 'target-state-changed' && to === state).length;

    await until(async () => ((await changes('up')) === 8 ? true : undefined));
    expect((await ready()).status).toBe(200);

    small.fill();
    const announced = (await events()).length;
    for (const target of targets) await target.close();
    await serve.line((line) => (line.includes('journal.unwritable') ? true : undefined));
    await until(async () => ((await ready()).status === 503 ? true : undefined));
    expect(await (await ready()).text()).toContain('journal');
    expect(await metric('kassavakt_journal_writable')).toBe(0);
    const probes = await metric('kassavakt_probes_total');
    await until(async () => ((await metric('kassavakt_probes_total')) > probes + 16 ? true : undefined));
    expect(await events()).toHaveLength(announced);
    expect(await metric('kassavakt_journal_pending_events')).toBeGreaterThan(0);

    small.empty();
    await until(async () => ((await ready()).status === 200 ? true : undefined));
    await until(async () => ((await changes('down')) === 8 ? true : undefined));
    expect(await metric('kassavakt_journal_writable')).toBe(1);
    expect((await events()).map(({ seq }) => seq)).toEqual((await events()).map((_, i) => i + 1));
    expect(await serve.end('SIGTERM')).toBe(0);
    expect(verifyJournal(`${small.path}/journal.db`).kind).toBe('intact');
    for (const target of targets) await target[Symbol.asyncDispose]();
  },
);
