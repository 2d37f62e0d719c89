import { describe, expect, test } from '@jest/globals';
import { hash as digest } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { DEFAULT_METHODS, DEFAULT_TIMING, type Outlook } from '../../src/core/outlook.ts';
import { toStoreId, toTargetId } from '../../src/estate/ids.ts';
import { JournalDamaged } from '../../src/journal/journal.ts';
import { MemoryJournal } from '../../src/journal/memory-journal.ts';
import {
  decodeOutlook,
  encodeOutlook,
  noteOutlook,
  outlookInForce,
} from '../../src/journal/outlook-codec.ts';
import { makeChains } from '../core/chains.ts';
import { change } from './drafts.ts';

const outlookOf = (options: Parameters<typeof makeChains>[0]): Outlook => ({
  estate: makeChains(options),
  timing: DEFAULT_TIMING,
  methods: DEFAULT_METHODS,
});

/** All but the addresses, in order. */
const plain = ({ estate, ...rest }: Outlook) => ({
  ...rest,
  stores: Array.from(estate.stores),
  targets: Array.from(estate.targets, ([id, target]) => [id, { ...target, address: '' }]),
  labels: Array.from(estate.targets.values(), ({ labels }) => Object.keys(labels)),
  needs: estate.needs === undefined ? undefined : Array.from(estate.needs),
  canaries: estate.canaries,
});

describe('an outlook in the journal', () => {
  test('is read back as it was, in its order, without addresses', async () => {
    const outlook = outlookOf({ stores: 60, terminals: 12 });
    const { hash, body } = await encodeOutlook(outlook);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(plain(decodeOutlook(hash, body))).toEqual(plain(outlook));
    expect(Buffer.from(body).includes('127.0.0.1')).toBe(false);
  });

  test('may have all parts that are optional, or none', async () => {
    const store = {
      id: toStoreId('s'),
      name: 'Åhléns “S” \u2028',
      chain: 'c',
      region: 'r',
      city: 'x',
      latitude: 59.5,
      longitude: -1e-7,
      timezone: 'Europe/Stockholm',
      openingHours: '24/7; PH off',
      publicHolidays: [20_812],
      weeklySalesOre: 1,
      labels: { chain: 'c', _x: '' },
    };
    const target = {
      id: toTargetId('t'),
      module: 'm',
      address: 'secret.example',
      kind: 'till',
      store: store.id,
      labels: {},
    };
    const full: Outlook = {
      estate: {
        stores: new Map([[store.id, store]]),
        targets: new Map([[target.id, target]]),
        needs: new Map([[target.id, [{ anyOf: [target.id] }]]]),
        canaries: [{ target: target.id, kind: 'dns' }],
      },
      timing: DEFAULT_TIMING,
      methods: [
        { name: 'card', weight: 0.1, lanes: { kind: 'till' }, services: [], offline: { offline: 'yes' } },
      ],
    };
    const empty: Outlook = {
      estate: { stores: new Map(), targets: new Map() },
      timing: DEFAULT_TIMING,
      methods: [],
    };
    for (const outlook of [full, empty]) {
      const { hash, body } = await encodeOutlook(outlook);
      expect(plain(decodeOutlook(hash, body))).toEqual(plain(outlook));
    }
  });

  test('has the hash of what it says, and of nothing else', async () => {
    const outlook = outlookOf({ stores: 3 });
    const { hash } = await encodeOutlook(outlook);
    const moved = Array.from(
      outlook.estate.targets,
      ([id, target]) => [id, { ...target, address: 'b:2' }] as const,
    );
    const elsewhere = { ...outlook, estate: { ...outlook.estate, targets: new Map(moved) } };
    const { settleMs, ...rest } = DEFAULT_TIMING;
    const inAnotherOrder = { ...outlook, timing: { ...rest, settleMs } };
    const calmer = { ...outlook, timing: { ...rest, settleMs: settleMs + 1 } };
    expect((await encodeOutlook(elsewhere)).hash).toBe(hash);
    expect((await encodeOutlook(inAnotherOrder)).hash).toBe(hash);
    expect((await encodeOutlook(calmer)).hash).not.toBe(hash);
    expect((await encodeOutlook(outlookOf({ stores: 4 }))).hash).not.toBe(hash);
  });

  test('that is not what its hash names, or no outlook, is damage', async () => {
    const { hash, body } = await encodeOutlook(outlookOf({ stores: 3 }));
    const other = await encodeOutlook(outlookOf({ stores: 4 }));
    expect(() => decodeOutlook(hash, other.body)).toThrow(JournalDamaged);
    expect(() => decodeOutlook(hash, body.subarray(0, 100))).toThrow(/are not what was written/);
    const newer = deflateSync('{"version":2}');
    expect(() => decodeOutlook(digest('sha256', '{"version":2}'), newer)).toThrow(/are of a version/);
  });

  test('lets others have the thread while a large one is encoded', async () => {
    const outlook = outlookOf({ stores: 500, terminals: 20 });
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await encodeOutlook(outlook);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
  });

  test('is kept, and known to be in force once an event has named it', async () => {
    await using journal = new MemoryJournal();
    const outlook = outlookOf({ stores: 3 });
    const hash = await noteOutlook(journal, outlook);
    await journal.append([change(1)]);
    expect(outlookInForce(journal.heads())).toBeUndefined();
    await journal.append([
      {
        atMs: 1,
        kind: 'config-reloaded',
        message: '',
        targetsAdded: 0,
        targetsRemoved: 0,
        targetsChanged: 0,
        outlook: hash,
      },
    ]);
    expect(outlookInForce(journal.heads())).toBe(hash);
    const body = journal.loadOutlook(hash);
    expect(body === undefined ? undefined : plain(decodeOutlook(hash, body))).toEqual(plain(outlook));
  });
});
