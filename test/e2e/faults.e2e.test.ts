import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { observe } from '../../src/core/health.ts';
import type { ProbeReport } from '../../src/core/outcome.ts';
import type { Reason } from '../../src/core/reason.ts';
import { ModuleSet } from '../../src/engine/module-set.ts';
import { toTargetId } from '../../src/estate/ids.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { probers } from '../../src/probes/registry.ts';
import { loadSettings } from '../../src/settings/load-settings.ts';
import type { Settings } from '../../src/settings/settings.ts';
import { FAULT_NAMES, FAULTS, type FaultName } from '../../src/simulator/faults.ts';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { startSimulator } from '../../src/simulator/start-simulator.ts';
import { makeFolder } from '../tools/monitor-process.ts';

type Seen = 'good' | 'slow' | Reason;

/** What our probers must see of each fault on each kind of target: the layer that fails first. */
const EXPECTED: Readonly<Record<string, Partial<Record<FaultName, Seen>>>> = {
  terminal: {
    refuse: 'connect-refused',
    blackhole: 'connect-timeout',
    slow: 'slow',
    hang: 'tls',
    garbage: 'protocol',
    'tls-expired': 'tls-certificate',
    'tls-wrong-name': 'tls-certificate',
    'http-500': 'protocol',
    busy: 'good',
    'host-unreachable': 'host',
    'wrong-key': 'auth',
  },
  swish: {
    refuse: 'connect-refused',
    blackhole: 'connect-timeout',
    slow: 'slow',
    hang: 'tls',
    garbage: 'protocol',
    'tls-expired': 'tls-certificate',
    'tls-wrong-name': 'tls-certificate',
    'http-500': 'protocol',
    'wrong-key': 'auth',
  },
  web: {
    refuse: 'connect-refused',
    blackhole: 'connect-timeout',
    slow: 'slow',
    hang: 'tls',
    garbage: 'protocol',
    'tls-expired': 'tls-certificate',
    'tls-wrong-name': 'tls-certificate',
    'http-500': 'protocol',
    'maintenance-page': 'content',
  },
  gateway: { refuse: 'connect-refused', blackhole: 'connect-timeout', reset: 'protocol' },
};
/** A reset may hit the connection before or after TLS has begun. */
const RESET_REASONS: readonly Seen[] = ['tls', 'protocol'];

const CASES = Object.entries(EXPECTED).flatMap(([kind, faults]) =>
  Object.entries(faults).map(([fault, seen]) => ({ kind, fault: fault as FaultName, seen })),
);

describe('every prober on a simulated estate', () => {
  let simulator: Simulator;
  let settings: Settings;
  let running: ReturnType<ModuleSet['use']>;
  const owned = new AsyncDisposableStack();

  beforeAll(async () => {
    const folder = owned.use(await makeFolder());
    simulator = owned.use(
      await startSimulator({ stores: 3, terminals: 12, seed: 1, intervalMs: 2_000, clock: systemClock }),
    );
    const loaded = await loadSettings(await simulator.writeConfig(folder.path), probers, {});
    if (!loaded.ok) throw new Error(loaded.error.map(({ message }) => message).join('\n'));
    settings = loaded.value;
    const modules = owned.use(new ModuleSet(probers, systemClock));
    await modules.open(Array.from(settings.modules.values()), settings.baseDir);
    running = modules.use();
  });

  afterAll(() => owned.disposeAsync());

  async function probeOne(id: string): Promise<{ report: ProbeReport; seen: Seen }> {
    const target = settings.estate.targets.get(toTargetId(id));
    const module = running.get(target?.module ?? '');
    if (target === undefined || module === undefined) throw new Error(`no target ${id}`);
    const signal = AbortSignal.timeout(module.module.timeoutMs);
    const report = await module.probe.run({ targetId: id, address: target.address }, signal);
    const seen = observe(report.outcome, module.module.policy);
    if (seen.kind === 'none' || seen.kind === 'missed')
      throw new Error(`inconclusive: ${JSON.stringify(report)}`);
    return { report, seen: seen.kind === 'good' ? 'good' : seen.reason };
  }

  const oneOf = (kind: string, fault: FaultName): string => {
    const fitting = simulator.targets.filter((target) => target.kind === kind);
    const isEncrypted = (id: string) => settings.estate.targets.get(toTargetId(id))?.module === 'terminal';
    const chosen =
      fault === 'wrong-key' && kind === 'terminal' ? fitting.find(({ id }) => isEncrypted(id)) : fitting[0];
    if (chosen === undefined) throw new Error(`no ${kind}`);
    return chosen.id;
  };

  test('finds every target well when nothing is broken, and disturbs none', async () => {
    for (const { id } of simulator.targets)
      expect({ id, ...(await probeOne(id)) }).toMatchObject({ id, seen: 'good' });
    expect(simulator.violations().total).toBe(0);
  });

  test.each(CASES)('sees $fault on a $kind as $seen', async ({ kind, fault, seen }) => {
    const id = oneOf(kind, fault);
    const latency = fault === 'slow' ? { latencyMs: 1_200 } : {};
    const added = await simulator.addFault({ where: { target: id }, fault, ...latency });
    if (!added.ok) throw new Error(added.error.message);
    const broken = await probeOne(id);
    await simulator.removeFault(added.value.id);
    expect({ seen: broken.seen, report: broken.report }).toMatchObject({ seen });
    if (broken.report.outcome.kind === 'failed') {
      const { reason } = broken.report.outcome;
      const prober =
        settings.modules.get(settings.estate.targets.get(toTargetId(id))?.module ?? '')?.prober ?? '';
      expect(probers.get(prober)?.reasons).toContain(reason);
    }
    expect((await probeOne(id)).seen).toBe('good');
    expect(simulator.violations().total).toBe(0);
  });

  test.each(['terminal', 'swish', 'web'])(
    'sees a reset on a %s as a fault of TLS or of what is spoken',
    async (kind) => {
      const id = oneOf(kind, 'reset');
      const added = await simulator.addFault({ where: { target: id }, fault: 'reset' });
      if (!added.ok) throw new Error(added.error.message);
      const { seen } = await probeOne(id);
      await simulator.removeFault(added.value.id);
      expect(RESET_REASONS).toContain(seen);
    },
  );

  test('has a case for every fault and every kind that the simulator says it fits', () => {
    const others: readonly FaultName[] = ['flap', 'reset'];
    const missing = FAULT_NAMES.filter((fault) => !others.includes(fault)).flatMap((fault) =>
      FAULTS[fault].fits
        .filter((kind) => EXPECTED[kind]?.[fault] === undefined)
        .map((kind) => `${fault} on ${kind}`),
    );
    expect(missing).toEqual([]);
  });
});
