import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { EventDraft, Maintenance, Silence } from '../../src/core/events.ts';
import { Quiet } from '../../src/core/quiet.ts';
import { MaintenanceCalendar } from '../../src/engine/maintenance-calendar.ts';
import type { PlannedMaintenance } from '../../src/settings/settings.ts';
import { FakeClock } from '../tools/fake-clock.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** A Friday, 14:00 in Sweden. */
const T0 = Date.UTC(2023, 11, 22, 13);
const SPAN = { selector: 'store=s1', by: 'Anna', comment: 'new switch' };
const ONCE: PlannedMaintenance = {
  ...SPAN,
  id: 'switch',
  kind: 'once',
  startsAtMs: T0 + HOUR,
  endsAtMs: T0 + 3 * HOUR,
};
const NIGHTLY: PlannedMaintenance = {
  ...SPAN,
  id: 'nightly',
  kind: 'recurring',
  cron: '0 2 * * *',
  timezone: 'Europe/Stockholm',
  lastsMs: 2 * HOUR,
};

let clock: FakeClock;
let quiet: Quiet;
let recorded: EventDraft[];
let refusal: Error | undefined;
let calendar: MaintenanceCalendar | undefined;
beforeEach(() => {
  clock = new FakeClock(T0);
  quiet = new Quiet({ stores: new Map(), targets: new Map() });
  recorded = [];
  refusal = undefined;
});
afterEach(() => calendar?.[Symbol.dispose]());

/** A calendar as the monitor has one: what it records is on disk a turn later, and then known. */
function start(...plans: readonly PlannedMaintenance[]): MaintenanceCalendar {
  calendar?.[Symbol.dispose]();
  calendar = new MaintenanceCalendar(quiet, clock, async (draft) => {
    await Promise.resolve();
    if (refusal !== undefined) throw refusal;
    recorded.push(draft);
    quiet.apply(draft);
  });
  calendar.setPlans(plans);
  return calendar;
}
/** What was recorded, as `14:00 maintenance-started switch@…`, in UTC. */
const told = () =>
  recorded.map((draft) => {
    const { id } = 'maintenance' in draft ? draft.maintenance : (draft as { silence: Silence }).silence;
    return `${new Date(draft.atMs).toISOString().slice(8, 19)} ${draft.kind} ${id}`;
  });
const made = (more: Partial<Maintenance> = {}): Maintenance => ({
  ...SPAN,
  id: 'maintenance-1',
  startsAtMs: T0,
  endsAtMs: T0 + HOUR,
  ...more,
});
const open = (kind: 'planned' | 'started' | 'ended', maintenance: Maintenance, atMs = T0) =>
  quiet.apply({ atMs, kind: `maintenance-${kind}`, maintenance });

describe('a maintenance planned once', () => {
  const id = 'switch@2023-12-22T14:00:00.000Z';

  test('begins and ends in its time, each once', async () => {
    start(ONCE);
    await clock.advance(5 * HOUR);
    expect(told()).toEqual([`22T14:00:00 maintenance-started ${id}`, `22T16:00:00 maintenance-ended ${id}`]);
    expect(recorded[0]).toMatchObject({
      maintenance: { ...SPAN, startsAtMs: T0 + HOUR, endsAtMs: T0 + 3 * HOUR },
    });
  });

  test('begins at once when its time has come already, and goes on over a restart', async () => {
    clock.jumpWall(2 * HOUR);
    start(ONCE);
    await clock.advance(0);
    expect(told()).toEqual([`22T15:00:00 maintenance-started ${id}`]);
    start(ONCE);
    await clock.advance(2 * HOUR);
    expect(told()).toEqual([`22T15:00:00 maintenance-started ${id}`, `22T16:00:00 maintenance-ended ${id}`]);
  });

  test('is told as coming until it begins, or is called off', async () => {
    const running = start(ONCE);
    const planned = { ...SPAN, id, startsAtMs: T0 + HOUR, endsAtMs: T0 + 3 * HOUR };
    expect(running.coming()).toEqual([planned]);
    await clock.advance(59 * MINUTE);
    open('ended', planned, clock.nowMs());
    expect(running.coming()).toEqual([]);
    await clock.advance(HOUR);
    expect(recorded).toEqual([]);
    running.setPlans([{ ...ONCE, id: 'other' }]);
    await clock.advance(0);
    expect([running.coming(), told()]).toEqual([
      [],
      ['22T14:59:00 maintenance-started other@2023-12-22T14:00:00.000Z'],
    ]);
  });

  test('that somebody ended is not begun again, even after a restart', async () => {
    start(ONCE);
    await clock.advance(90 * MINUTE);
    const [begun] = Array.from(quiet.maintenances());
    if (begun === undefined) throw new Error('nothing has begun');
    open('ended', begun.maintenance, clock.nowMs());
    const saved = quiet.save();
    quiet = new Quiet({ stores: new Map(), targets: new Map() });
    quiet.restore(JSON.parse(JSON.stringify(saved)));
    start(ONCE);
    await clock.advance(5 * HOUR);
    expect(told()).toEqual([`22T14:00:00 maintenance-started ${id}`]);
  });

  test('ends when a reload plans it no more, and follows one that changes it', async () => {
    const running = start(ONCE);
    await clock.advance(90 * MINUTE);
    running.setPlans([{ ...ONCE, selector: 'store=s2', endsAtMs: T0 + 2 * HOUR }]);
    await clock.advance(0);
    expect(recorded.at(-1)).toMatchObject({
      kind: 'maintenance-started',
      maintenance: { id, selector: 'store=s2', endsAtMs: T0 + 2 * HOUR },
    });
    running.setPlans([]);
    await clock.advance(0);
    expect(told().at(-1)).toBe(`22T14:30:00 maintenance-ended ${id}`);
    expect(recorded).toHaveLength(3);
  });

  test('that is flexible is planned when its window opens, and runs once', async () => {
    start({ ...ONCE, flexibleMs: 30 * MINUTE });
    await clock.advance(90 * MINUTE);
    expect(told()).toEqual([`22T14:00:00 maintenance-planned ${id}`]);
    const flexible = { id, flexibleMs: 30 * MINUTE };
    open('started', made({ ...flexible, startsAtMs: clock.nowMs(), endsAtMs: clock.nowMs() + 30 * MINUTE }));
    await clock.advance(5 * HOUR);
    expect(told().slice(1)).toEqual([`22T15:00:00 maintenance-ended ${id}`]);
  });

  test('that is flexible and that nothing set off ends with its window', async () => {
    start({ ...ONCE, flexibleMs: 30 * MINUTE });
    await clock.advance(5 * HOUR);
    expect(told()).toEqual([`22T14:00:00 maintenance-planned ${id}`, `22T16:00:00 maintenance-ended ${id}`]);
  });

  test('is not begun when the journal refuses, but as soon as it does not', async () => {
    refusal = new Error('disk full');
    start(ONCE, NIGHTLY);
    await clock.advance(90 * MINUTE);
    expect(recorded).toEqual([]);
    refusal = undefined;
    await clock.advance(1_000);
    expect(told()).toEqual([`22T14:30:01 maintenance-started ${id}`]);
  });
});

describe('a maintenance planned again and again', () => {
  test('begins each time by the clock of its zone, under an id of its own', async () => {
    start(NIGHTLY);
    await clock.advance(48 * HOUR);
    expect(told()).toEqual([
      '23T01:00:00 maintenance-started nightly@2023-12-23T01:00:00.000Z',
      '23T03:00:00 maintenance-ended nightly@2023-12-23T01:00:00.000Z',
      '24T01:00:00 maintenance-started nightly@2023-12-24T01:00:00.000Z',
      '24T03:00:00 maintenance-ended nightly@2023-12-24T01:00:00.000Z',
    ]);
  });

  test('is told as coming with its next time within a week, also when one is called off or runs', async () => {
    const FIRST_OF_MONTH = { ...NIGHTLY, id: 'monthly', cron: '0 2 1 * *' };
    const running = start(NIGHTLY, FIRST_OF_MONTH);
    const coming = () => running.coming().map(({ id }) => id);
    expect(coming()).toEqual(['nightly@2023-12-23T01:00:00.000Z']);
    expect(running.coming()[0]).toMatchObject({ ...SPAN, endsAtMs: T0 + 14 * HOUR });
    for (const maintenance of running.coming()) open('ended', maintenance);
    expect(coming()).toEqual(['nightly@2023-12-24T01:00:00.000Z']);
    await clock.advance(36 * HOUR);
    expect(told()).toEqual(['24T01:00:00 maintenance-started nightly@2023-12-24T01:00:00.000Z']);
    expect(coming()).toEqual(['nightly@2023-12-25T01:00:00.000Z']);
    await clock.advance(48 * HOUR);
    expect(coming()).toEqual(['nightly@2023-12-27T01:00:00.000Z', 'monthly@2024-01-01T01:00:00.000Z']);
  });

  test.each([
    { name: 'sleeps through its begin', asleepMs: 12 * HOUR + MINUTE, begun: 1 },
    { name: 'sleeps through all of it', asleepMs: 14 * HOUR + MINUTE, begun: 0 },
  ])('$name', async ({ asleepMs, begun }) => {
    start(NIGHTLY);
    clock.freeze(asleepMs);
    await clock.advance(2_000);
    expect(recorded.filter(({ kind }) => kind === 'maintenance-started')).toHaveLength(begun);
  });

  test('is begun when it was missed for want of a monitor', async () => {
    clock.jumpWall(13 * HOUR);
    start(NIGHTLY);
    await clock.advance(2 * HOUR);
    expect(told()).toEqual([
      '23T02:00:00 maintenance-started nightly@2023-12-23T01:00:00.000Z',
      '23T03:00:00 maintenance-ended nightly@2023-12-23T01:00:00.000Z',
    ]);
  });

  test('is begun later when the journal refused in its first minutes', async () => {
    start(NIGHTLY);
    refusal = new Error('disk full');
    await clock.advance(12 * HOUR + 10 * MINUTE);
    refusal = undefined;
    await clock.advance(2_000);
    expect(told()).toEqual([
      expect.stringMatching(/^23T01:10:0\d maintenance-started nightly@2023-12-23T01:00/),
    ]);
  });

  test('is not begun twice by a clock that is put back', async () => {
    start(NIGHTLY);
    await clock.advance(12 * HOUR + 10 * MINUTE);
    clock.jumpWall(-HOUR);
    await clock.advance(2 * HOUR);
    expect(recorded.filter(({ kind }) => kind === 'maintenance-started')).toHaveLength(1);
  });
});

describe('what people asked for', () => {
  test('begins and ends when it is due', async () => {
    start();
    open('planned', made({ startsAtMs: T0 + HOUR, endsAtMs: T0 + 2 * HOUR }));
    open('started', made({ id: 'maintenance-2' }));
    const silence = { ...SPAN, id: 'silence-1', startsAtMs: T0, endsAtMs: T0 + HOUR };
    quiet.apply({ atMs: T0, kind: 'silence-started', silence });
    await clock.advance(5 * HOUR);
    expect(told().sort()).toEqual([
      '22T14:00:00 maintenance-ended maintenance-2',
      '22T14:00:00 maintenance-started maintenance-1',
      '22T14:00:00 silence-ended silence-1',
      '22T15:00:00 maintenance-ended maintenance-1',
    ]);
    expect(Array.from(quiet.silences())).toEqual([]);
  });

  test('ends at the start when it ended while there was no monitor', async () => {
    open('started', made());
    clock.jumpWall(5 * HOUR);
    start();
    await clock.advance(0);
    expect(told()).toEqual(['22T18:00:00 maintenance-ended maintenance-1']);
  });
});

test('does nothing any more once it is disposed of', async () => {
  start(ONCE)[Symbol.dispose]();
  await clock.advance(5 * HOUR);
  expect(recorded).toEqual([]);
});
