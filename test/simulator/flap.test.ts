import { expect, test } from '@jest/globals';
import { startSimulator } from '../../src/simulator/start-simulator.ts';
import { FakeClock } from '../tools/fake-clock.ts';
import { dial } from './clients.ts';

/** Asks until the port behaves so; the test's time-out ends a wait in vain. */
async function until(port: number, sign: string): Promise<void> {
  while ((await dial(port)) !== sign);
}

test('flap refuses and is well by turns, one interval each, and ends well', async () => {
  const clock = new FakeClock();
  await using simulator = await startSimulator({
    stores: 3,
    terminals: 3,
    seed: 1,
    clock,
    intervalMs: 5_000,
  });
  const gateways = simulator.targets.filter(({ kind }) => kind === 'gateway');
  const added = await simulator.addFault({ where: { kind: 'gateway' }, fault: 'flap' });
  if (!added.ok) throw new Error(added.error.message);
  for (const { port } of gateways) expect(await dial(port)).toBe('ECONNREFUSED');
  // By then each has had its first, shorter turn.
  await clock.advance(5_000);
  for (const { port } of gateways) await until(port, 'connected');
  await clock.advance(5_000);
  for (const { port } of gateways) await until(port, 'ECONNREFUSED');
  await clock.advance(5_000);
  for (const { port } of gateways) await until(port, 'connected');
  await clock.advance(5_000);
  await simulator.removeFault(added.value.id);
  for (const { port } of gateways) expect(await dial(port)).toBe('connected');
});

test('targets flap each in their own time', async () => {
  const clock = new FakeClock();
  await using simulator = await startSimulator({
    stores: 8,
    terminals: 8,
    seed: 1,
    clock,
    intervalMs: 4_000,
  });
  const gateways = simulator.targets.filter(({ kind }) => kind === 'gateway');
  await simulator.addFault({ where: { kind: 'gateway' }, fault: 'flap' });
  const seen = new Set<number>();
  for (let second = 0; second < 4; second++) {
    await clock.advance(1_000);
    const signs = await Promise.all(gateways.map(({ port }) => dial(port)));
    seen.add(signs.filter((sign) => sign === 'connected').length);
  }
  expect(seen.size).toBeGreaterThan(2);
});

test('forSeconds ends a fault by itself', async () => {
  const clock = new FakeClock();
  await using simulator = await startSimulator({ stores: 1, terminals: 1, seed: 1, clock });
  const gateway = simulator.targets.find(({ kind }) => kind === 'gateway');
  const port = gateway?.port ?? 0;
  await simulator.addFault({ where: { kind: 'gateway' }, fault: 'refuse', forSeconds: 60 });
  await clock.advance(59_000);
  expect(await dial(port)).toBe('ECONNREFUSED');
  expect(simulator.faults()).toHaveLength(1);
  await clock.advance(1_000);
  expect(simulator.faults()).toEqual([]);
  await until(port, 'connected');
});
