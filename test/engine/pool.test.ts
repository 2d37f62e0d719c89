import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DEFAULT_METHODS, DEFAULT_TIMING } from '../../src/core/outlook.ts';
import { TargetColumns } from '../../src/core/columns.ts';
import { decodeBits } from '../../src/core/evidence.ts';
import { restoreHealth, type State } from '../../src/core/health.ts';
import type { SightNotice } from '../../src/core/sight.ts';
import type { TargetChange } from '../../src/engine/engine.ts';
import { EnginePool, type PoolOptions, type Restore } from '../../src/engine/pool.ts';
import type { Target } from '../../src/estate/estate.ts';
import { toStoreId, toTargetId } from '../../src/estate/ids.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Module, Settings } from '../../src/settings/settings.ts';

const LIMITS = { maxInFlight: 100, maxInFlightPerStore: 4, maxInFlightPerNetwork: Number.POSITIVE_INFINITY };
const MODULE: Module = {
  name: 'terminal',
  prober: 'scripted',
  intervalMs: 200,
  timeoutMs: 100,
  retryIntervalMs: 20,
  policy: { failAfter: 2, recoverAfter: 2 },
  detailedMetrics: false,
  options: {},
};

function settingsOf(targets: readonly Target[], module: Partial<Module> = {}): Settings {
  return {
    file: '',
    baseDir: '.',
    listen: { host: '127.0.0.1', port: 0 },
    dataDir: '',
    tokens: [],
    limits: { ...LIMITS, threads: 2 },
    externalUrl: undefined,
    calmUntilMs: undefined,
    timing: DEFAULT_TIMING,
    methods: DEFAULT_METHODS,
    maintenance: [],
    alertmanager: undefined,
    notifications: { channels: new Map(), routes: [], digest: { after: 5, windowMs: 60_000 } },
    modules: new Map([['terminal', { ...MODULE, ...module }]]),
    estate: { stores: new Map(), targets: new Map(targets.map((each) => [each.id, each])) },
  };
}

function target(id: string, address: string, store = id): Target {
  return {
    id: toTargetId(id),
    module: 'terminal',
    address,
    kind: 'terminal',
    labels: {},
    store: toStoreId(store),
  };
}

const UNKNOWN: Restore = () => undefined;
const restoredAs =
  (state: State): Restore =>
  () => ({ health: restoreHealth(state, state === 'down' ? 'connect-refused' : undefined), sinceMs: 1 });

describe('EnginePool', () => {
  let pool: EnginePool;
  let changes: TargetChange[];
  let lost: Error[];
  let notices: SightNotice[];
  let wake: (() => void)[];

  beforeEach(() => {
    changes = [];
    lost = [];
    notices = [];
    wake = [];
    pool = start();
  });

  function start(more: Partial<PoolOptions> = {}): EnginePool {
    const told = () => {
      for (const resume of wake.splice(0)) resume();
    };
    return new EnginePool(new TargetColumns(), {
      file: new URL('./scripted-worker.ts', import.meta.url),
      threads: 2,
      limits: LIMITS,
      clock: systemClock,
      listener: {
        changed(change) {
          changes.push(change);
          told();
        },
        probed: told,
        threadLost(error) {
          lost.push(error);
          told();
        },
        sightChanged(notice) {
          notices.push(notice);
          told();
        },
      },
      ...more,
    });
  }

  afterEach(() => pool[Symbol.asyncDispose]());

  async function until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => wake.push(resolve));
  }

  async function watch(settings: Settings, restore: Restore = UNKNOWN): Promise<void> {
    await pool.open(settings);
    pool.watch(settings, LIMITS, restore);
  }

  const said = () => changes.map(({ target: { id }, transition: { to } }) => `${id} ${to}`);
  const stateOf = (id: string) => pool.columns.stateAt(pool.columns.slotOf(toTargetId(id)) ?? -1);

  test('probes on several threads and reads their results from the columns', async () => {
    const targets = Array.from({ length: 20 }, (_, i) => target(`T${i}`, i % 2 === 0 ? 'up' : 'down'));
    await watch(settingsOf(targets));
    await until(() => changes.length === 20);
    for (const { id, address } of targets) expect(stateOf(id)).toBe(address);
    expect(changes.every(({ sinceMs, atMs }) => sinceMs <= atMs)).toBe(true);
  });

  test('touches only what a reload changes', async () => {
    const targets = Array.from({ length: 10 }, (_, i) => target(`T${i}`, 'up'));
    await watch(settingsOf(targets));
    await until(() => changes.length === 10);
    changes.length = 0;
    const next = [...targets.slice(2), target('T1', 'down'), target('T10', 'up')];
    await watch(settingsOf(next));
    await until(() => changes.length === 3);
    expect(said().sort()).toEqual(['T0 unknown', 'T1 down', 'T10 up']);
  });

  test('keeps the state of a target that moves to another store, whatever thread that falls to', async () => {
    const targets = Array.from({ length: 8 }, (_, i) => target(`T${i}`, 'up'));
    await watch(settingsOf(targets));
    await until(() => changes.length === 8);
    changes.length = 0;
    await watch(settingsOf(targets.map(({ id }, i) => target(id, 'up', `moved-${i}`))));
    await until(() =>
      pool.columns.success
        .subarray(0, pool.columns.slotCount)
        .every((success, slot) => success === 1 || pool.columns.targetAt(slot) === undefined),
    );
    expect(changes).toEqual([]);
    for (const { id } of targets) expect(stateOf(id)).toBe('up');
  });

  test('starts a thread that dies again: no state is lost, none is changed, and its targets go on', async () => {
    const targets = Array.from({ length: 12 }, (_, i) => target(`T${i}`, i % 3 === 0 ? 'down' : 'up'));
    await watch(settingsOf(targets));
    await until(() => changes.length === 12);
    changes.length = 0;
    await watch(settingsOf([...targets, target('bomb', 'crash')]));
    await until(() => lost.length >= 1);
    expect(lost[0]?.message).toContain('a fault that nobody caught');
    await watch(settingsOf([...targets.slice(1), target('T0', 'up')]));
    await until(() => said().includes('T0 up'));
    expect(said().filter((line) => !line.startsWith('bomb'))).toEqual(['T0 up']);
    for (const { id, address } of targets.slice(1)) expect(stateOf(id)).toBe(address);
  });

  test('does not alert again for what was down before a restart', async () => {
    const targets = [target('T0', 'down'), target('T1', 'up')];
    await watch(settingsOf(targets), restoredAs('down'));
    await until(() => said().includes('T1 up'));
    expect(said()).toEqual(['T1 up']);
  });

  test('refuses modules that cannot be opened and goes on with those it has', async () => {
    await watch(settingsOf([target('T0', 'up')]));
    await until(() => changes.length === 1);
    await expect(pool.open(settingsOf([], { options: { missing: true } }))).rejects.toThrow(
      'the program is missing',
    );
    expect(stateOf('T0')).toBe('up');
  });

  test('tells which targets answered and which failed since a moment, in the order of their ids', async () => {
    const targets = Array.from({ length: 11 }, (_, i) => target(`T${i}`, i % 3 === 0 ? 'down' : 'up'));
    const beganMs = Date.now();
    await watch(settingsOf(targets));
    await until(() => changes.length === 11);
    const ids = targets.map(({ id }) => id).sort();
    const named = (text: string) =>
      ids.filter((_, rank) => ((decodeBits(text)[rank >> 3] ?? 0) & (1 << (rank & 7))) !== 0);
    const { answering, failing } = pool.evidenceSince(beganMs);
    expect(named(failing)).toEqual(ids.filter((id) => Number(id.slice(1)) % 3 === 0));
    expect(named(answering)).toEqual(ids.filter((id) => Number(id.slice(1)) % 3 !== 0));
    const later = pool.evidenceSince(Date.now() + 60_000);
    expect([named(later.answering), named(later.failing)]).toEqual([[], []]);
  });

  test('probes again at once what it is told to, long before it is due', async () => {
    const targets = [target('T0', 'up'), target('T1', 'up')];
    await watch(settingsOf(targets));
    await until(() => changes.length === 2);
    await watch(settingsOf(targets, { intervalMs: 3_600_000 }));
    const lastRun = (id: string) => pool.columns.lastRunAtMs[pool.columns.slotOf(toTargetId(id)) ?? -1] ?? 0;
    const askedAtMs = Date.now();
    pool.recheck([toTargetId('T0'), toTargetId('T1'), toTargetId('not watched')], 100);
    await until(() => ['T0', 'T1'].every((id) => lastRun(id) >= askedAtMs));
    expect(said().length).toBe(2);
  });

  test('tells once that we are blind, calls nothing down meanwhile, and tells once that we see again', async () => {
    const canaries = ['C0', 'C1'].map((id) => ({ target: toTargetId(id), kind: id }));
    const estateOf = (address: string) => {
      const settings = settingsOf(['T0', 'T1', 'T2', 'C0', 'C1'].map((id) => target(id, address)));
      return { ...settings, estate: { ...settings.estate, canaries } };
    };
    await watch(estateOf('up'));
    await until(() => changes.length === 5);
    changes.length = 0;
    await watch(estateOf('down'));
    await until(() => notices.length === 1);
    expect(notices[0]).toMatchObject({ isBlind: true, reason: 'self-network' });
    expect(['T0', 'T1', 'C0'].map(stateOf)).toEqual(['unknown', 'unknown', 'unknown']);
    const blindMs = Date.now();
    expect(pool.evidenceSince(0)).toEqual({ answering: 'AA==', failing: 'AA==' });
    await until(() => Date.now() - blindMs > 700);
    await watch(estateOf('up'));
    await until(() => notices.length === 2);
    expect(notices[1]).toMatchObject({ isBlind: false, sinceMs: notices[0]?.sinceMs });
    expect(['T0', 'T1', 'C0'].map(stateOf)).toEqual(['up', 'up', 'up']);
    expect(changes).toEqual([]);
  });

  test('that was blind when it stopped says that it sees only when it has checked everything', async () => {
    await pool[Symbol.asyncDispose]();
    pool = start({ blindBefore: { reason: 'self-network', sinceMs: 5 } });
    await watch(settingsOf([target('T0', 'up'), target('T1', 'down')]), restoredAs('up'));
    expect(stateOf('T0')).toBe('unknown');
    await until(() => notices.length === 1);
    expect(notices[0]).toMatchObject({ isBlind: false, reason: 'self-network', sinceMs: 5 });
    await until(() => said().includes('T1 down'));
    expect(stateOf('T0')).toBe('up');
  });

  test('probes once when asked, and gives up when called off', async () => {
    await watch(settingsOf([target('T0', 'down')]));
    const request = { targetId: 'T0', address: 'down' };
    const report = await pool.probeOnce('terminal', request, AbortSignal.timeout(1_000));
    expect(report?.outcome).toMatchObject({ kind: 'failed', reason: 'connect-refused' });
    expect(await pool.probeOnce('none', request, AbortSignal.timeout(1_000))).toBeUndefined();
    await expect(pool.probeOnce('terminal', request, AbortSignal.abort(new Error('gone')))).rejects.toThrow(
      'gone',
    );
  });
});
