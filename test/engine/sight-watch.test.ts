import { describe, expect, test } from '@jest/globals';
import type { Outcome } from '../../src/core/outcome.ts';
import type { SightNotice } from '../../src/core/sight.ts';
import { SightWatch } from '../../src/engine/sight-watch.ts';
import type { Canary } from '../../src/estate/estate.ts';
import { toTargetId } from '../../src/estate/ids.ts';
import { estateOf, GOOD, MODULE, OURS, REFUSED, setUp, target } from './engine-fixture.ts';

const CANARIES = [
  ['gateway', 'gateway'],
  ['resolver', 'dns'],
  ['bank', 'reference'],
  ['paper', 'reference'],
] as const;
const TARGETS = Array.from({ length: 40 }, (_, i) => `T${i}`);

/** An engine whose sight is watched, every target `up`. `canaries`: those of the table above that there are. */
function watched(canaries: readonly string[], module = MODULE) {
  const list: Canary[] = CANARIES.filter(([id]) => canaries.includes(id)).map(([id, kind]) => ({
    target: toTargetId(id),
    kind,
  }));
  const ids = [...TARGETS, ...canaries];
  const estate = { ...estateOf(...ids.map((id) => target(id))), canaries: list };
  const restore = Object.fromEntries(ids.map((id) => [id, 'up' as const]));
  const world = setUp(estate, { module, restore });
  const { clock, columns, readings, engine, hooks, probe } = world;
  const notices: SightNotice[] = [];
  const slots = list.map((canary) => columns.slotOf(canary.target) ?? -1);
  const sight = new SightWatch(columns, readings, clock, undefined, {
    askCanaries: () => engine.recheck(slots, 0),
    sightChanged: (notice) => notices.push(notice),
  });
  sight.watch(list, module.intervalMs + module.timeoutMs);
  hooks.suspected = () => sight.doubt();
  hooks.probed = (reason, isOverruled) => sight.counted(reason, 1, isOverruled);
  const answer = (which: readonly string[], how: Outcome | 'hang') => {
    for (const id of which) probe.answers.set(id, how);
  };
  const end = async () => {
    sight[Symbol.dispose]();
    await engine[Symbol.asyncDispose]();
  };
  return { ...world, ids, notices, answer, end };
}

const ALL = CANARIES.map(([id]) => id);

describe('our own sight', () => {
  test('calls no target down when our uplink is gone, says so once, and once that it is back when all is checked', async () => {
    const { clock, columns, ids, changes, notices, answer, stateOf, end } = watched(ALL);
    await clock.advance(60_000);
    answer(ids, 'hang');
    const goneAtMs = clock.nowMs();
    await clock.advance(600_000);
    expect(changes).toEqual([]);
    expect(notices).toHaveLength(1);
    expect(notices[0]).toMatchObject({ isBlind: true, reason: 'self-network' });
    expect(notices[0]?.sinceMs).toBeLessThan(goneAtMs + 45_000);
    for (const id of ids) expect(stateOf(id)).toBe('unknown');
    expect(columns.reasonAt(0)).toBe('self-network');
    expect(columns.confirmedAt(0)).toBe('up');

    answer(ids, GOOD);
    const backAtMs = clock.nowMs();
    while (notices.length === 1) await clock.advance(1_000);
    expect(notices[1]).toMatchObject({ isBlind: false, reason: 'self-network' });
    expect(clock.nowMs() - backAtMs).toBeLessThan(45_000);
    for (const id of ids) expect(stateOf(id)).toBe('up');
    expect(changes).toEqual([]);
    await end();
  });

  test.each([
    { name: 'fails after one failure', policy: { failAfter: 1, recoverAfter: 1 } },
    { name: 'fails after three', policy: { failAfter: 3, recoverAfter: 2 } },
  ])('calls nothing down over an uplink that comes and goes, if a target $name', async ({ policy }) => {
    const { clock, ids, changes, answer, end } = watched(ALL, { ...MODULE, policy, timeoutMs: 1_000 });
    await clock.advance(60_000);
    for (let goneMs = 500; goneMs <= 12_000; goneMs += 500) {
      answer(ids, 'hang');
      await clock.advance(goneMs);
      answer(ids, GOOD);
      await clock.advance(13_000 + (goneMs % 7_000));
    }
    expect(changes.filter(({ transition: { to } }) => to === 'down')).toEqual([]);
    await end();
  });

  test('calls a target down as fast as without canaries while they answer', async () => {
    const { clock, probe, changes, notices, end } = watched(ALL);
    await clock.advance(60_000);
    probe.answers.set('T3', REFUSED);
    await clock.advance(35_000);
    expect(changes.map(({ target: { id }, transition: { to } }) => `${id} ${to}`)).toEqual(['T3 down']);
    const [change] = changes;
    expect((change?.atMs ?? 0) - (change?.sinceMs ?? 0)).toBe(4_000);
    expect(notices).toEqual([]);
    await end();
  });

  test('holds a target that fails at the first failure until canaries have answered since', async () => {
    const policy = { failAfter: 1, recoverAfter: 1 };
    const { clock, probe, changes, end } = watched(ALL, { ...MODULE, policy });
    await clock.advance(60_000);
    probe.answers.set('T3', REFUSED);
    await clock.advance(40_000);
    expect(changes).toHaveLength(1);
    const times = probe.started.filter(({ id, atMs }) => id === 'T3' && atMs > 60_000);
    expect(times.length).toBeGreaterThanOrEqual(2);
    await end();
  });

  test('sees still when canaries of one kind alone are gone, and calls targets down', async () => {
    const { clock, probe, changes, notices, answer, end } = watched(ALL);
    await clock.advance(60_000);
    answer(['bank', 'paper'], 'hang');
    probe.answers.set('T3', REFUSED);
    await clock.advance(90_000);
    expect(notices).toEqual([]);
    const down = changes.map(({ target: { id }, transition: { to } }) => `${id} ${to}`).sort();
    expect(down).toEqual(['T3 down', 'bank down', 'paper down']);
    await end();
  });

  test('tells what failed while we were blind once it has been checked anew, dated since then', async () => {
    const { clock, ids, changes, notices, answer, stateOf, end } = watched(ALL);
    await clock.advance(60_000);
    answer(ids, 'hang');
    await clock.advance(120_000);
    answer(ids, GOOD);
    answer(['T3'], 'hang');
    const backAtMs = clock.nowMs();
    await clock.advance(90_000);
    expect(stateOf('T3')).toBe('down');
    expect(changes.map(({ target: { id } }) => id)).toEqual(['T3']);
    expect(changes[0]?.sinceMs).toBeGreaterThan(backAtMs);
    expect(notices.map(({ isBlind }) => isBlind)).toEqual([true, false]);
    await end();
  });

  test('is blind without canaries too, when most probes tell nothing for a fault of our own', async () => {
    const { clock, ids, changes, notices, answer, stateOf, end } = watched([]);
    await clock.advance(60_000);
    for (const id of ids) answer([id], OURS);
    await clock.advance(300_000);
    expect(notices).toHaveLength(1);
    expect(notices[0]).toMatchObject({ isBlind: true, reason: 'self-resources' });
    expect(changes).toEqual([]);
    expect(stateOf('T0')).toBe('unknown');
    answer(ids, GOOD);
    await clock.advance(60_000);
    expect(notices.map(({ isBlind }) => isBlind)).toEqual([true, false]);
    expect(stateOf('T0')).toBe('up');
    await end();
  });

  test('does not hold itself blind by failures that it overrules itself', async () => {
    const { clock, ids, notices, answer, end } = watched([]);
    await clock.advance(60_000);
    answer(ids, OURS);
    await clock.advance(60_000);
    answer(ids, 'hang');
    await clock.advance(120_000);
    expect(notices.map(({ isBlind }) => isBlind)).toEqual([true, false]);
    await end();
  });
});
