import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ProbeReport } from '../../src/core/outcome.ts';
import { DEFAULT_TIMING } from '../../src/core/outlook.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { probers } from '../../src/probes/registry.ts';
import { loadSettings } from '../../src/settings/load-settings.ts';
import type { Settings } from '../../src/settings/settings.ts';
import { FAULT_NAMES, FAULTS, type FaultName } from '../../src/simulator/faults.ts';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { startSimulator } from '../../src/simulator/start-simulator.ts';
import { writeConfig } from '../../src/simulator/write-config.ts';
import { makeFolder } from '../tools/monitor-process.ts';

async function load(file: string): Promise<Settings> {
  const loaded = await loadSettings(file, probers, {});
  if (!loaded.ok) throw new Error(loaded.error.map(({ message }) => message).join('\n'));
  return loaded.value;
}

describe('the configuration that a simulator writes', () => {
  let simulator: Simulator;
  let folder: Awaited<ReturnType<typeof makeFolder>>;
  let file: string;
  let settings: Settings;

  beforeAll(async () => {
    folder = await makeFolder();
    simulator = await startSimulator({
      stores: 30,
      terminals: 90,
      seed: 4,
      clock: systemClock,
      intervalMs: 1_000,
    });
    file = await simulator.writeConfig(join(folder.path, 'new', 'estate'));
    settings = await load(file);
  });
  afterAll(async () => {
    await simulator[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  test('loads as it is, with every target and all of its labels', () => {
    const { stores, targets } = settings.estate;
    expect(Array.from(targets.keys()).sort()).toEqual(simulator.targets.map(({ id }) => id).sort());
    for (const { id, kind, labels } of simulator.targets) {
      const target = Array.from(targets.values()).find((candidate) => candidate.id === id);
      const { target: _, ...expected } = labels;
      expect(target?.kind).toBe(kind);
      expect(target?.labels).toEqual(expected);
    }
    expect(stores.size).toBe(30);
    const store = stores.values().next().value;
    expect(store).toMatchObject({ chain: 'Solhaga', region: 'Värmland', timezone: 'Europe/Stockholm' });
    expect(store?.weeklySalesOre).toBeGreaterThan(10_000_000);
  });

  test('keeps step with the interval', () => {
    for (const { intervalMs, timeoutMs, retryIntervalMs, policy } of settings.modules.values()) {
      expect({ intervalMs, timeoutMs, retryIntervalMs, policy }).toEqual({
        intervalMs: 1_000,
        timeoutMs: 800,
        retryIntervalMs: 400,
        policy: { failAfter: 3, recoverAfter: 2, slowAfterMs: 640 },
      });
    }
  });

  test('hangs the terminals of each store on its gateway and has no canaries', () => {
    const { targets, needs, canaries } = settings.estate;
    for (const { id, kind, store } of targets.values()) {
      expect(needs?.get(id)).toEqual(kind === 'terminal' ? [{ anyOf: [`gateway-${store}`] }] : undefined);
    }
    expect(canaries).toBeUndefined();
  });

  test.each([
    { intervalMs: 1_000, timeoutMs: 800, quietMs: 6_000, settleMs: 1_000, reopenMs: 60_000 },
    { intervalMs: 5_000, timeoutMs: 2_000, quietMs: 30_000, settleMs: 1_000, reopenMs: 300_000 },
    { intervalMs: 30_000, timeoutMs: 2_000, ...DEFAULT_TIMING },
  ])('lets incidents end in step with an interval of $intervalMs ms', async (expected) => {
    const { intervalMs, timeoutMs, quietMs, settleMs, reopenMs } = expected;
    const { plan, targets, certificates } = simulator;
    const key = { identifier: 'tills', version: 1, passphrase: 'opens-nothing' };
    const dir = join(folder.path, `every-${intervalMs}`);
    const written = await load(await writeConfig(dir, { plan, targets, certificates, intervalMs }, key));
    expect(written.timing).toMatchObject({ quietMs, settleMs, reopenMs });
    for (const module of written.modules.values()) expect(module).toMatchObject({ intervalMs, timeoutMs });
  });

  test('is written over, other files and all, without touching those', async () => {
    const other = join(folder.path, 'new', 'estate', 'notes.txt');
    await writeFile(other, 'mine');
    await writeFile(file, 'not: [yaml');
    expect(await simulator.writeConfig(join(folder.path, 'new', 'estate'))).toBe(file);
    await load(file);
    expect(await readFile(other, 'utf8')).toBe('mine');
  });

  test('keeps its secrets from others, also over files that were open to all', async () => {
    const dir = join(folder.path, 'old');
    await mkdir(join(dir, 'secrets'), { recursive: true });
    for (const name of ['nexo-passphrase', 'swish-client.key']) {
      await writeFile(join(dir, 'secrets', name), 'old', { mode: 0o644 });
    }
    await simulator.writeConfig(dir);
    for (const name of ['nexo-passphrase', 'swish-client.key']) {
      const path = join(dir, 'secrets', name);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      expect(await readFile(path, 'utf8')).not.toBe('old');
    }
  });

  /** Probes the first target of `kind` once, as the monitor would. */
  async function probe(id: string): Promise<ProbeReport> {
    const target = Array.from(settings.estate.targets.values()).find((candidate) => candidate.id === id);
    const module = settings.modules.get(target?.module ?? '');
    const prober = probers.get(module?.prober ?? '');
    if (target === undefined || module === undefined || prober === undefined)
      throw new Error(`no module for ${id}`);
    const context = {
      module: module.name,
      timeoutMs: module.timeoutMs,
      clock: systemClock,
      baseDir: settings.baseDir,
    };
    await using opened = await prober.open(module.options, context);
    return await opened.run({ targetId: id, address: target.address }, AbortSignal.timeout(module.timeoutMs));
  }

  const ONE_OF_EACH = [
    { name: 'an encrypted terminal', is: 'terminal', wants: true },
    { name: 'a clear terminal', is: 'terminal', wants: false },
    { name: 'a gateway', is: 'gateway', wants: undefined },
    { name: 'Swish', is: 'swish', wants: undefined },
    { name: 'a web shop', is: 'web', wants: undefined },
  ] as const;
  const find = (is: string, wants?: boolean) =>
    simulator.targets.find(({ kind, device }) => kind === is && device?.isEncrypted === wants)?.id ?? '';

  test.each(ONE_OF_EACH)('lets $name be found well', async ({ is, wants }) => {
    const { outcome } = await probe(find(is, wants));
    expect(outcome).toMatchObject({ kind: 'answered' });
  });

  /** What the probers of the written modules make of each fault. `flap` is refusing and being well by turns. */
  const REASONS: Readonly<Record<Exclude<FaultName, 'flap'>, string>> = {
    refuse: 'connect-refused',
    blackhole: 'connect-timeout',
    reset: 'protocol',
    slow: 'protocol',
    hang: 'tls',
    garbage: 'protocol',
    'tls-expired': 'tls-certificate',
    'tls-wrong-name': 'tls-certificate',
    'http-500': 'protocol',
    'maintenance-page': 'content',
    busy: 'answered',
    'host-unreachable': 'host',
    'wrong-key': 'auth',
  };
  const cases = FAULT_NAMES.filter((name) => name !== 'flap').flatMap((fault) =>
    FAULTS[fault].fits.map((kind) => ({ fault, kind })),
  );
  test.each(cases)('lets a monitor see $fault on a $kind for what it is', async ({ fault, kind }) => {
    const id = find(kind, kind === 'terminal' ? true : undefined);
    const latency = fault === 'slow' ? { latencyMs: 60_000 } : {};
    const added = await simulator.addFault({ where: { target: id }, fault, ...latency });
    if (!added.ok) throw new Error(added.error.message);
    try {
      const { outcome } = await probe(id);
      const seen = 'reason' in outcome ? outcome.reason : outcome.kind;
      // A check that only connects may be through before the reset comes.
      if (fault === 'reset' && kind === 'gateway') expect(['protocol', 'answered']).toContain(seen);
      else expect(seen).toBe(REASONS[fault]);
    } finally {
      await simulator.removeFault(added.value.id);
    }
  });

  test('none of these probes was one that a terminal must not get', () => {
    expect(simulator.violations()).toEqual({ total: 0, newest: [] });
  });
});
