import { describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/lib/clock.ts';
import { planTimeline, runScenario, type Scenario, SCENARIOS } from '../../src/simulator/scenario.ts';
import type { Fault } from '../../src/simulator/simulator.ts';
import { startSimulator } from '../../src/simulator/start-simulator.ts';
import { FakeClock } from '../tools/fake-clock.ts';
import { ask, diagnose, dial } from './clients.ts';

const SPEED = 30;

function scenario(name: string): Scenario {
  const found = SCENARIOS.get(name);
  if (found === undefined) throw new Error(`there is no scenario ${name}`);
  return found;
}

const friday = scenario('friday');

describe('friday', () => {
  test('breaks nothing that is not there, and ends everything but the web', async () => {
    const clock = new FakeClock();
    await using simulator = await startSimulator({ stores: 44, terminals: 120, seed: 1, clock });
    const open = new Set<string>();
    let refused = 0;
    for (const { does } of planTimeline(friday, simulator)) {
      if (does?.kind === 'end') open.delete(does.key);
      if (does?.kind !== 'start') continue;
      const added = await simulator.addFault(does.request);
      if (added.ok) {
        open.add(does.key);
        await simulator.removeFault(added.value.id);
      } else {
        // Not every store hangs on the carrier that is cut off.
        expect({ ...added.error, key: does.key }).toMatchObject({
          code: 'no-target',
          key: expect.stringMatching(/^cut-off /),
        });
        refused++;
      }
    }
    expect(Array.from(open)).toEqual(['web']);
    expect(refused).toBeLessThan(44);
  });

  test('at 14:07 every terminal of all chains goes dark within a minute, and only terminals', async () => {
    const clock = new FakeClock();
    await using simulator = await startSimulator({ stores: 12, terminals: 30, seed: 1, clock });
    const dark = planTimeline(friday, simulator).flatMap((moment) =>
      moment.does?.kind === 'start' && moment.does.request.fault === 'host-unreachable' ? [moment] : [],
    );
    expect(new Set(dark.map(({ does }) => does?.kind === 'start' && does.request.where['store']))).toEqual(
      new Set(simulator.plan.stores.map(({ id }) => id)),
    );
    expect(dark).toHaveLength(12);
    for (const { atMinutes, does } of dark) {
      expect(atMinutes).toBeGreaterThanOrEqual(14 * 60 + 7);
      expect(atMinutes).toBeLessThan(14 * 60 + 8);
      expect(does?.kind === 'start' && does.request.where['kind']).toBe('terminal');
    }
  });

  test('stores come back one by one from 17:00 on, each once', async () => {
    await using simulator = await startSimulator({
      stores: 20,
      terminals: 20,
      seed: 1,
      clock: new FakeClock(),
    });
    const ends = planTimeline(friday, simulator).flatMap(({ atMinutes, does }) =>
      does?.kind === 'end' && does.key.startsWith('terminals ') ? [{ atMinutes, key: does.key }] : [],
    );
    expect(new Set(ends.map(({ key }) => key)).size).toBe(20);
    expect(ends).toHaveLength(20);
    expect(ends[0]?.atMinutes).toBe(17 * 60);
    expect(new Set(ends.map(({ atMinutes }) => atMinutes)).size).toBe(20);
    const backBy = (minutes: number) => ends.filter(({ atMinutes }) => atMinutes < minutes).length;
    expect([backBy(17 * 60 + 30), backBy(18 * 60 + 30), backBy(20 * 60)]).toEqual([6, 13, 20]);
  });

  test('takes a few minutes at 30 times the speed, step by step in order', async () => {
    const clock = new FakeClock();
    await using simulator = await startSimulator({ stores: 1, terminals: 2, seed: 1, clock });
    const told: { time: string; tells: string; atMs: number }[] = [];
    const started = clock.monotonicMs();
    const over = new AbortController();
    const running = runScenario(simulator, friday, {
      speed: SPEED,
      clock,
      onStep: (step) => told.push({ ...step, atMs: clock.monotonicMs() - started }),
      signal: new AbortController().signal,
    }).then(() => {
      over.abort();
    });
    while (!over.signal.aborted) await clock.advance(500);
    await running;
    const tookMs = clock.monotonicMs() - started;
    expect(tookMs).toBeGreaterThan(3 * 60_000);
    expect(tookMs).toBeLessThan(7 * 60_000);
    expect(told.map(({ tells }) => tells)).toEqual(friday.steps.map(({ tells }) => tells));
    expect(told.map(({ time }) => time)).toEqual(told.map(({ time }) => time).toSorted());
    expect(told[1]).toMatchObject({ time: '14:07', atMs: 14_000 });
    expect(simulator.faults().map(({ fault }) => fault)).toEqual(['maintenance-page']);
  });

  test('runs on a real estate: dark in the afternoon, taking cards in the evening, the web shops still closed', async () => {
    await using simulator = await startSimulator({ stores: 6, terminals: 18, seed: 1, clock: systemClock });
    const states: string[] = [];
    const terminal = simulator.targets.find(({ kind }) => kind === 'terminal');
    const web = simulator.targets.find(({ kind }) => kind === 'web');
    if (terminal === undefined || web === undefined) throw new Error('the estate lacks a terminal or a shop');
    let atDusk: readonly Fault[] = [];
    await runScenario(simulator, friday, {
      speed: 5_000,
      clock: systemClock,
      onStep: ({ time }) => {
        states.push(time);
        if (time === '16:40') atDusk = simulator.faults();
      },
      signal: AbortSignal.timeout(50_000),
    });
    expect(states).toHaveLength(friday.steps.length);
    const dark = new Set(
      atDusk.flatMap(({ fault, targets }) => (fault === 'host-unreachable' ? targets : [])),
    );
    expect(dark.size).toBe(18);
    expect((await diagnose(simulator, terminal)).status).toMatchObject({ CommunicationOKFlag: true });
    expect((await ask(simulator, web)).body).toMatch(/driftst[öo]rning/);
    for (const { port } of simulator.targets) expect(await dial(port)).toBe('connected');
  });
});

describe('runScenario', () => {
  test('quiet tells of a day without faults', async () => {
    const clock = new FakeClock();
    await using simulator = await startSimulator({ stores: 1, terminals: 2, seed: 1, clock });
    const told: string[] = [];
    await runScenario(simulator, scenario('quiet'), {
      speed: SPEED,
      clock,
      onStep: ({ time }) => told.push(time),
      signal: new AbortController().signal,
    });
    expect(told).toEqual(['14:00']);
    expect(simulator.faults()).toEqual([]);
  });

  test('rejects with the reason when it is stopped', async () => {
    const clock = new FakeClock();
    await using simulator = await startSimulator({ stores: 1, terminals: 2, seed: 1, clock });
    const stop = new AbortController();
    const running = runScenario(simulator, friday, {
      speed: SPEED,
      clock,
      onStep: () => {},
      signal: stop.signal,
    });
    await clock.advance(1_000);
    stop.abort(new Error('stopped by the test'));
    await expect(running).rejects.toThrow('stopped by the test');
  });
});
