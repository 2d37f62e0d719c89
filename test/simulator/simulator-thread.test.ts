import { expect, test } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../src/lib/clock.ts';
import { runScenario, SCENARIOS } from '../../src/simulator/scenario.ts';
import { startSimulatorThread } from '../../src/simulator/simulator-thread.ts';
import { planEstate } from '../../src/simulator/estate-plan.ts';
import { makeFolder } from '../tools/monitor-process.ts';
import { dial } from './clients.ts';

const OPTIONS = { stores: 3, terminals: 9, seed: 2, intervalMs: 5_000 } as const;

test('runs elsewhere and does the same', async () => {
  await using folder = await makeFolder();
  let port = 0;
  {
    await using simulator = await startSimulatorThread(OPTIONS);
    expect(simulator.plan).toEqual(planEstate(OPTIONS.stores, OPTIONS.terminals, OPTIONS.seed));
    expect(simulator.targets).toHaveLength(simulator.plan.targets.length);
    const config = await simulator.writeConfig(join(folder.path, 'estate'));
    expect(await readFile(config, 'utf8')).toContain('interval: 5s');
    port = simulator.targets.find(({ kind }) => kind === 'gateway')?.port ?? 0;
    expect(await dial(port)).toBe('connected');
    const added = await simulator.addFault({ where: { kind: 'gateway' }, fault: 'blackhole' });
    if (!added.ok) throw new Error(added.error.message);
    expect(await dial(port)).toBe('pending');
    expect(await simulator.removeFault(added.value.id)).toMatchObject({ id: added.value.id });
    expect(await dial(port)).toBe('connected');
    expect(await simulator.addFault({ where: { kind: 'gateway' }, fault: 'busy' })).toMatchObject({
      ok: false,
      error: { code: 'fault-does-not-fit' },
    });
  }
  expect(await dial(port)).toBe('ECONNREFUSED');
});

test('tells what goes wrong there', async () => {
  await using folder = await makeFolder();
  await using simulator = await startSimulatorThread(OPTIONS);
  const file = join(folder.path, 'file');
  await writeFile(file, '');
  await expect(simulator.writeConfig(file)).rejects.toMatchObject({
    message: expect.stringMatching(/EEXIST|ENOTDIR/),
  });
  await expect(startSimulatorThread({ ...OPTIONS, terminals: 70_000 })).rejects.toMatchObject({
    message: expect.stringMatching(/ports of 127\.0\.0\.1 are needed/),
  });
});

test('takes no more calls once it has ended', async () => {
  const simulator = await startSimulatorThread(OPTIONS);
  await simulator[Symbol.asyncDispose]();
  await expect(simulator.removeFault('f1')).rejects.toThrow('has ended');
});

test('lets a scenario happen to it', async () => {
  await using simulator = await startSimulatorThread(OPTIONS);
  const friday = SCENARIOS.get('friday');
  if (friday === undefined) throw new Error('there is no friday');
  const told: string[] = [];
  await runScenario(simulator, friday, {
    speed: 10_000,
    clock: systemClock,
    onStep: ({ time }) => told.push(time),
    signal: AbortSignal.timeout(50_000),
  });
  expect(told).toHaveLength(friday.steps.length);
  for (const { port } of simulator.targets) expect(await dial(port)).toBe('connected');
});
