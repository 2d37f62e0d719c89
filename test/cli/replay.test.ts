import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { addReplay } from '../../src/cli/replay.ts';
import type { EventDraft } from '../../src/core/events.ts';
import { noteOutlook } from '../../src/journal/outlook-codec.ts';
import { SqliteJournal } from '../../src/journal/sqlite-journal.ts';
import { probers } from '../../src/probes/registry.ts';
import { makeChains } from '../core/chains.ts';
import { Day } from '../core/day.ts';
import { scratch } from '../journal/scratch.ts';
import { runCli } from './cli-double.ts';

const replay = (...args: string[]) =>
  runCli((program, cli) => addReplay(program, cli, probers, new Map()), ['replay', ...args]);

let folder: ReturnType<typeof scratch>;
let day: Day;
let events: number;

/** The day's journal, as the monitor would have written it, without the events that `leaveOut` names. */
async function write(path: string, drafts: readonly EventDraft[]): Promise<void> {
  await using journal = await SqliteJournal.open(path);
  const outlook = await noteOutlook(journal, day.outlook);
  const started: EventDraft = {
    atMs: drafts[0]?.atMs ?? 0,
    kind: 'config-reloaded',
    message: 'The monitor was started.',
    targetsAdded: 0,
    targetsRemoved: 0,
    targetsChanged: 0,
    outlook,
  };
  await journal.append([started, ...drafts]);
}

beforeAll(async () => {
  folder = scratch();
  day = new Day(makeChains({ stores: 12, terminals: 4 }), '2026-12-22T08:00:00Z').runUntil('08:05');
  day.at('08:06', () => day.break({ chain: 'Solhaga', kind: 'terminal' }));
  day.at('08:20', () => day.mend({ chain: 'Solhaga' }));
  day.at('08:26', () => day.break({ store: 'S001', kind: 'gateway' }));
  day.runUntil('08:40');
  events = day.journal.length + 1;
  await write(folder.path, day.journal);
});
afterAll(() => folder[Symbol.dispose]());

const count = (kind: EventDraft['kind']) => day.journal.filter((event) => event.kind === kind).length;

describe('kassavakt replay', () => {
  test('says that all was announced as it follows from what happened, and how things stood at the end', async () => {
    const { code, printed, complained } = await replay('--journal', folder.path);
    expect([code, complained]).toEqual([0, []]);
    const changes = count('payment-method-changed');
    expect(printed[0]).toBe(
      `${events.toLocaleString('en-US')} events: 2 incidents and ${changes} changes of payment methods, all as announced.`,
    );
    expect(printed[1]).toMatch(
      /^At 2026-12-22T08:\d\d:\d\d\.\d{3}Z: 1 target is down, 0 degraded, \d+ up, 0 unknown\.$/,
    );
    expect(printed[2]).toBe('Down: gw-S001.');
    expect(printed[3]).toMatch(/^Incident \S+, open, \S+, since 2026-12-22T08:26:\S+Z: \S/);
    expect(printed.length).toBe(4);
  });

  test('finds out that something that happened was left out of the journal', async () => {
    const down = day.journal.findIndex(
      (event) => event.kind === 'target-state-changed' && event.to === 'down',
    );
    const path = join(folder.folder, 'without-a-failure.db');
    await write(path, day.journal.toSpliced(down, 1));
    const { code, printed } = await replay('--journal', path);
    expect(code).toBe(1);
    expect(printed[0]).toMatch(
      /NOT as announced\. The first difference is at 2026-12-22T08:06:\S+Z(, in .+)?:$/,
    );
    expect(printed[1]).toMatch(/^ {2}announced: event \d+, 2026-12-22T08:06:\S+Z \S+/);
    expect(printed[2]).toMatch(/^ {2}replayed: {2}2026-12-22T08:\S+Z \S+/);
    expect(printed[3]).toMatch(/^In all: \d+ announcements? not replayed/);
  });

  test('finds out that something that follows was never announced', async () => {
    const path = join(folder.folder, 'without-an-end.db');
    const resolved = day.journal.findIndex(({ kind }) => kind === 'incident-resolved');
    await write(path, day.journal.toSpliced(resolved, 1));
    const { code, printed } = await replay('--journal', path);
    expect(code).toBe(1);
    expect(printed[2]).toMatch(/^ {2}replayed: {2}2026-12-22T08:2\S+Z incident-resolved \S+/);
    expect(printed[3]).toBe('In all: 1 announcement replayed that was not made.');
  });

  test('tells how things stood at a time, as JSON too', async () => {
    const { code, printed } = await replay(
      '--journal',
      folder.path,
      '--until',
      '2026-12-22T09:10:00+01:00',
      '--json',
    );
    expect(code).toBe(0);
    expect(printed.length).toBe(1);
    const told = JSON.parse(printed[0] ?? '') as Record<string, unknown>;
    const solhaga = Array.from(day.outlook.estate.targets.values()).filter(
      ({ kind, labels }) => kind === 'terminal' && labels['chain'] === 'Solhaga',
    );
    expect(told).toMatchObject({
      at: '2026-12-22T08:10:00.000Z',
      asAnnounced: true,
      uncompared: 0,
      missing: [],
      extra: [],
      announced: { incidents: 1 },
      targets: { counts: { down: solhaga.length }, down: solhaga.map(({ id }) => id).toSorted() },
      incidents: [
        {
          state: 'open',
          scope: [{ chain: 'Solhaga' }],
          openedAt: expect.stringMatching(/^2026-12-22T08:06/),
        },
      ],
    });
    expect(told['replayed']).toEqual(told['announced']);
  });

  test('shows what would have been announced under another configuration', async () => {
    const config = writeConfig('others.yaml', ({ chain }) => chain !== 'Solhaga');
    const { code, printed, complained } = await replay('--journal', folder.path, '--config', config);
    expect([code, complained]).toEqual([0, []]);
    expect(printed[1]).toMatch(/would have been 0 incidents and \d+ changes? of payment methods\.$/);
    const incidents = printed.filter((line) => line.includes(' incident-'));
    expect(incidents.length).toBe(day.told().length);
    expect(incidents.every((line) => line.startsWith('- 2026-12-22T08:'))).toBe(true);
    const all = writeConfig('all.yaml', () => true);
    const same = await replay('--journal', folder.path, '--config', all, '--json');
    expect(JSON.parse(same.printed[0] ?? '')).toMatchObject({ config: all, replayed: { incidents: 1 } });
  });

  test('compares nothing in a journal that names no settings, and says what helps', async () => {
    const path = join(folder.folder, 'old.db');
    {
      await using journal = await SqliteJournal.open(path);
      await journal.append(day.journal);
    }
    const { code, printed } = await replay('--journal', path);
    expect(code).toBe(3);
    expect(printed.slice(0, 2)).toEqual([
      expect.stringMatching(/all of a version that did not keep its settings/),
      expect.stringMatching(/^Give --config FILE/),
    ]);
    const config = writeConfig('all.yaml', () => true);
    expect((await replay('--journal', path, '--config', config)).printed[1]).toMatch(/been 1 incident and/);
  });

  test('could not run without a journal that is whole', async () => {
    const { folder: dir, path } = folder;
    const [none, text, broken, bare] = ['none.db', 'text.db', 'broken.db', 'bare.db'].map((name) =>
      join(dir, name),
    );
    if (none === undefined || text === undefined || broken === undefined || bare === undefined)
      throw new Error();
    writeFileSync(text, 'no journal, but long enough to be read as one. '.repeat(200));
    copyFileSync(path, broken);
    copyFileSync(path, bare);
    for (const [file, sql] of [
      [broken, 'DELETE FROM events WHERE seq = 5'],
      [bare, 'DELETE FROM outlooks'],
    ] as const) {
      using db = new DatabaseSync(file);
      db.exec(sql);
    }
    const complaintOf = async (file: string) => {
      const { code, printed, complained } = await replay('--journal', file);
      expect([code, printed, complained.length]).toEqual([3, [], 1]);
      return complained[0];
    };
    expect(await complaintOf(none)).toBe(`${none} does not exist`);
    expect(await complaintOf(dir)).toMatch(/is a folder; name the journal's file in it$/);
    expect(await complaintOf(text)).toBe(`${text} is damaged: file is not a database`);
    expect(await complaintOf(broken)).toBe(`${broken} cannot be replayed: event 5 is missing; 6 comes next`);
    expect(await complaintOf(bare)).toMatch(/cannot be replayed: settings that it names are not in it$/);
  });

  test('refuses a time without a zone, and a configuration that is wrong', async () => {
    for (const time of ['2026-12-22T08:10:00', 'yesterday', '2026-02-30T08:00:00Z']) {
      await expect(replay('--journal', folder.path, '--until', time)).rejects.toThrow(/write it as/);
    }
    const config = join(folder.folder, 'wrong.yaml');
    writeFileSync(config, 'modules:\n  shop: { prober: http, interva1: 30s }\n');
    const { code, complained } = await replay('--journal', folder.path, '--config', config);
    expect(code).toBe(2);
    expect(complained[0]).toMatch(/wrong\.yaml:2:25: unknown option "interva1"/);
  });

  test('says of an empty journal that it is empty', async () => {
    using other = scratch();
    await (await SqliteJournal.open(other.path))[Symbol.asyncDispose]();
    expect(await replay('--journal', other.path)).toEqual({
      code: 0,
      printed: [`${other.path} has no events.`],
      complained: [],
    });
  });

  test('reads beside a monitor that writes', async () => {
    await using journal = await SqliteJournal.open(folder.path);
    expect((await replay('--journal', folder.path)).code).toBe(0);
    expect(journal.lastSeq).toBe(events);
  });
});

/** A configuration of those terminals of the day's estate whose labels are wanted. */
function writeConfig(name: string, isWanted: (labels: Readonly<Record<string, string>>) => boolean): string {
  const dir = join(folder.folder, `${name}-files`);
  mkdirSync(dir, { recursive: true });
  const { stores, targets } = day.outlook.estate;
  const terminals = Array.from(targets.values()).filter(
    ({ kind, labels }) => kind === 'terminal' && isWanted(labels),
  );
  const lines = terminals.map(({ id, store, labels }) =>
    [id, store, '127.0.0.1:9', 'terminal', labels['model'], labels['firmware'], labels['acquirer']].join(','),
  );
  writeFileSync(
    join(dir, 'terminals.csv'),
    ['terminal_id,store_id,address,module,model,firmware,acquirer', ...lines, ''].join('\n'),
  );
  const places = Array.from(stores.values(), ({ id, name: text, chain, region, timezone, labels }) =>
    [id, text, chain, region, timezone, labels['network']].join(','),
  );
  writeFileSync(
    join(dir, 'stores.csv'),
    ['store_id,name,chain,region,timezone,network', ...places, ''].join('\n'),
  );
  const path = join(dir, name);
  const module = '{ prober: tcp, interval: 30s, timeout: 5s }';
  writeFileSync(
    path,
    `estate: { stores: stores.csv, terminals: terminals.csv }\nmodules:\n  terminal: ${module}\n`,
  );
  return path;
}
