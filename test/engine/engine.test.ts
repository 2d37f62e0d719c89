import { describe, expect, test } from '@jest/globals';
import { toTargetId } from '../../src/estate/ids.ts';
import { estateOf, GOOD, LIMITS, OURS, REFUSED, setUp, target } from './engine-fixture.ts';

describe('Engine', () => {
  test('gives every target its first probe within one interval, spread over it', async () => {
    const targets = Array.from({ length: 300 }, (_, i) => target(`T${i}`));
    const { clock, probe, engine } = setUp(estateOf(...targets));
    await clock.advance(15_000);
    const half = new Set(probe.started.map(({ id }) => id)).size;
    expect(half).toBeGreaterThan(100);
    expect(half).toBeLessThan(200);
    await clock.advance(15_010);
    expect(new Set(probe.started.map(({ id }) => id)).size).toBe(300);
    await engine[Symbol.asyncDispose]();
  });

  test('probes on a fixed grid: no drift over a hundred intervals', async () => {
    const { clock, probe, engine } = setUp(estateOf(target('T1')), { restore: { T1: 'up' } });
    await clock.advance(100 * 30_000);
    const phases = probe.started.map(({ atMs }) => atMs % 30_000);
    expect(phases.length).toBe(100);
    expect(Math.max(...phases) - Math.min(...phases)).toBeLessThanOrEqual(10);
    await engine[Symbol.asyncDispose]();
  });

  test('says down within one interval and the retries of the first failure, dated from the first failure', async () => {
    const { clock, probe, engine, changes } = setUp(estateOf(target('T1')), { restore: { T1: 'up' } });
    await clock.advance(60_000);
    probe.answers.set('T1', REFUSED);
    const brokenAtMs = clock.monotonicMs();
    await clock.advance(30_000 + 2 * 2_000 + 100);
    expect(changes).toHaveLength(1);
    expect(changes[0]?.transition).toEqual({
      from: 'up',
      to: 'down',
      reason: 'connect-refused',
      flapping: false,
    });
    const first = probe.started.find(({ atMs }) => atMs >= brokenAtMs);
    const [change] = changes;
    expect((change?.atMs ?? 0) - (change?.sinceMs ?? 0)).toBe(4_000);
    expect(first).toBeDefined();
    await engine[Symbol.asyncDispose]();
  });

  test('looks again fast while a change is not confirmed, then goes back to its grid', async () => {
    const { clock, probe, engine, said } = setUp(estateOf(target('T1')), { restore: { T1: 'up' } });
    probe.answers.set('T1', REFUSED);
    await clock.advance(90_000);
    const gaps = probe.started.slice(1).map(({ atMs }, i) => atMs - (probe.started[i]?.atMs ?? 0));
    expect(gaps.slice(0, 2).map((gap) => Math.round(gap / 100) * 100)).toEqual([2_000, 2_000]);
    expect(gaps[2]).toBeGreaterThan(25_000);
    expect(said()).toEqual(['T1 down']);
    await engine[Symbol.asyncDispose]();
  });

  test('keeps one probe in flight per target while it hangs', async () => {
    const { clock, probe, engine, said } = setUp(estateOf(target('T1')), { restore: { T1: 'up' } });
    probe.answers.set('T1', 'hang');
    await clock.advance(120_000);
    expect(said()).toEqual(['T1 down']);
    await engine[Symbol.asyncDispose]();
  });

  test('never lets our own faults change a state, and calls it unknown after three intervals without a verdict', async () => {
    const { clock, probe, engine, changes, stateOf } = setUp(estateOf(target('T1')), {
      restore: { T1: 'up' },
    });
    await clock.advance(30_010);
    probe.answers.set('T1', OURS);
    await clock.advance(60_000);
    expect(changes).toEqual([]);
    await clock.advance(60_000);
    expect(stateOf('T1')).toBe('unknown');
    expect(changes[0]?.transition.reason).toBe('self-resources');
    await engine[Symbol.asyncDispose]();
  });

  test('turns an error of a prober into an inconclusive probe', async () => {
    const { clock, probe, engine, changes, messages } = setUp(estateOf(target('T1')), {
      restore: { T1: 'up' },
    });
    probe.run = () => Promise.reject(new Error('a fault in the prober'));
    await clock.advance(60_000);
    expect(changes).toEqual([]);
    expect(messages.get(0)).toContain('a fault in the prober');
    await engine[Symbol.asyncDispose]();
  });

  test('says that we were stopped, not that the targets are down, after a long freeze', async () => {
    const { clock, engine, changes } = setUp(estateOf(target('T1')), { restore: { T1: 'up' } });
    await clock.advance(30_010);
    clock.freeze(600_000);
    await clock.advance(100);
    expect(changes.map(({ transition }) => transition.to)).toEqual(['unknown']);
    expect(changes[0]?.transition.reason).toBe('self-late');
    await clock.advance(40_000);
    expect(changes.at(-1)?.transition.to).toBe('up');
    await engine[Symbol.asyncDispose]();
  });

  test('holds no time-out against a target when we were kept from running meanwhile', async () => {
    const { clock, probe, columns, engine, changes } = setUp(estateOf(target('T1')), {
      restore: { T1: 'up' },
    });
    probe.answers.set('T1', 'hang');
    for (let i = 0; i < 300; i++) {
      if (probe.running.size > 0) clock.freeze(800);
      await clock.advance(250);
    }
    expect(changes).toEqual([]);
    expect(columns.lastReasonAt(0)).toBe('self-late');
    await engine[Symbol.asyncDispose]();
  });

  test('is not disturbed by a wall clock that jumps either way', async () => {
    const { clock, probe, engine, changes } = setUp(estateOf(target('T1')), { restore: { T1: 'up' } });
    await clock.advance(60_000);
    clock.jumpWall(-86_400_000);
    await clock.advance(60_000);
    clock.jumpWall(3 * 86_400_000);
    await clock.advance(60_000);
    expect(changes).toEqual([]);
    expect(probe.started).toHaveLength(6);
    await engine[Symbol.asyncDispose]();
  });

  test('lets dark stores delay nobody else', async () => {
    const dark = Array.from({ length: 400 }, (_, i) => target(`D${i}`, `dark-${i % 20}`));
    const living = Array.from({ length: 50 }, (_, i) => target(`L${i}`, `living-${i % 5}`));
    const { clock, probe, engine, lateness } = setUp(estateOf(...dark, ...living));
    for (const { id } of dark) probe.answers.set(id, 'hang');
    await clock.advance(120_000);
    const byId = Map.groupBy(probe.started, ({ id }) => id);
    for (const { id } of living) {
      const starts = byId.get(id)?.map(({ atMs }) => atMs % 30_000) ?? [];
      const grid = starts.filter((start) => Math.abs(start - (starts.at(-1) ?? 0)) <= 20);
      expect(grid.length).toBeGreaterThanOrEqual(4);
    }
    expect(lateness.length).toBeGreaterThan(0);
    await engine[Symbol.asyncDispose]();
  });

  test('keeps the place of what stays, starts what is new and forgets what is gone', async () => {
    const { clock, probe, columns, engine, assign, add, said, stateOf } = setUp(
      estateOf(target('T1'), target('T2')),
    );
    probe.answers.set('T2', REFUSED);
    await clock.advance(60_000);
    expect(said()).toEqual(expect.arrayContaining(['T1 up', 'T2 down']));
    const gone = columns.slotOf(toTargetId('T2')) ?? -1;
    columns.remove(gone);
    assign({ put: [add(target('T3'))], drop: [gone] });
    columns.release(gone);
    probe.started.length = 0;
    await clock.advance(60_000);
    expect(stateOf('T1')).toBe('up');
    expect(stateOf('T3')).toBe('up');
    expect(probe.started.filter(({ id }) => id === 'T1')).toHaveLength(2);
    expect(probe.started.filter(({ id }) => id === 'T2')).toEqual([]);
    await engine[Symbol.asyncDispose]();
  });

  test('probes at a quarter of the rate at pace 4, and calls nothing stale for that', async () => {
    const { clock, probe, changes, engine, assign } = setUp(estateOf(target('T1')), {
      restore: { T1: 'up' },
    });
    assign({ pace: 4 });
    await clock.advance(40 * 30_000);
    expect(probe.started).toHaveLength(10);
    expect(changes).toEqual([]);
    assign({ pace: 1 });
    await clock.advance(10 * 30_000);
    expect(probe.started).toHaveLength(20);
    await engine[Symbol.asyncDispose]();
  });

  test('lets a probe that somebody asks for wait its turn, and give up when its deadline comes', async () => {
    const targets = Array.from({ length: 3 }, (_, i) => target(`T${i}`, 'S1'));
    const { clock, probe, columns, engine, assign } = setUp(estateOf(...targets));
    assign({ limits: { ...LIMITS, maxInFlightPerStore: 1 } });
    for (const { id } of targets) probe.answers.set(id, 'hang');
    await clock.advance(31_000);
    const deadline = new AbortController();
    const asked = targets.map((each) =>
      engine.probeOnce('terminal', { targetId: each.id, address: each.address }, each, deadline.signal),
    );
    await clock.advance(10);
    deadline.abort(new DOMException('too late', 'TimeoutError'));
    const reports = await Promise.all(asked);
    expect(reports.map((report) => report?.outcome.kind)).toContain('inconclusive');
    probe.answers.clear();
    await clock.advance(70_000);
    for (const { id } of targets) expect(columns.stateAt(columns.slotOf(id) ?? -1)).toBe('up');
    await engine[Symbol.asyncDispose]();
  });

  test('gives an asked-for probe the place that a scheduled one leaves, and rejects it when it is called off', async () => {
    const { clock, probe, engine } = setUp(estateOf(target('T1')), { restore: { T1: 'up' } });
    probe.answers.set('T1', 'hang');
    await clock.advance(30_010);
    expect(probe.running.size).toBe(1);
    const request = { targetId: 'T1', address: '127.0.0.1:1' };
    const calledOff = new AbortController();
    const first = engine.probeOnce('terminal', request, target('T1'), calledOff.signal);
    const second = engine.probeOnce('terminal', request, target('T1'), new AbortController().signal);
    calledOff.abort(new Error('nobody wants it'));
    await expect(first).rejects.toThrow('nobody wants it');
    probe.answers.set('T1', GOOD);
    await clock.advance(10_000);
    expect((await second)?.outcome.kind).toBe('answered');
    await engine[Symbol.asyncDispose]();
  });

  test('ends its probes and timers when disposed', async () => {
    const { clock, probe, engine } = setUp(estateOf(target('T1')));
    probe.answers.set('T1', 'hang');
    await clock.advance(30_010);
    expect(probe.running.size).toBe(1);
    await engine[Symbol.asyncDispose]();
    expect(probe.running.size).toBe(0);
    const count = probe.started.length;
    await clock.advance(120_000);
    expect(probe.started).toHaveLength(count);
  });
});
