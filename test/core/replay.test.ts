import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { EventDraft, JournalEvent } from '../../src/core/events.ts';
import { isOutcome } from '../../src/core/events.ts';
import { replay } from '../../src/core/replay.ts';
import type { Labels } from '../../src/estate/estate.ts';
import { makeChains } from './chains.ts';
import { Day } from './day.ts';

let day: Day;

beforeAll(() => {
  day = new Day(makeChains({ stores: 12, terminals: 4 }), '2026-12-22T08:00:00Z').runUntil('08:05');
  day.at('08:06', () => day.break({ chain: 'Solhaga', kind: 'terminal' }));
  day.at('08:20', () => day.mend({ chain: 'Solhaga' }));
  day.at('08:22', () => day.break({ store: 'S001', kind: 'gateway' }));
  day.runUntil('08:40');
});

const neverAsked = (hash: string): never => {
  throw new Error(`nobody named ${hash}`);
};
const numbered = (drafts: readonly EventDraft[]): readonly JournalEvent[] =>
  drafts.map((draft, index) => ({ ...draft, seq: index + 1 }));
/** As the journal gives them back. */
const journalled = (events: readonly JournalEvent[]) => JSON.parse(JSON.stringify(events)) as JournalEvent[];

const reloaded = (atMs: number, outlook?: string): EventDraft => ({
  atMs,
  kind: 'config-reloaded',
  message: 'Read anew.',
  targetsAdded: 0,
  targetsRemoved: 0,
  targetsChanged: 0,
  ...(outlook === undefined ? {} : { outlook }),
});

type Input = EventDraft extends infer Draft ? (Draft extends unknown ? Omit<Draft, 'atMs'> : never) : never;

describe('replay', () => {
  test('of a day gives what was told, event for event, and the fold at its end', () => {
    const events = journalled(day.events());
    const found = replay(events, { outlookOf: neverAsked, initial: day.outlook });
    expect(found.firstDifference).toBeUndefined();
    expect([found.missing, found.extra]).toEqual([[], []]);
    expect(found.told.filter(({ kind }) => kind === 'incident-opened').length).toBeGreaterThanOrEqual(2);
    expect(found.replayed.length).toBe(found.told.length);
    expect(found).toMatchObject({ events: events.length, uncompared: 0 });
    expect(found.outages?.incidents().map(({ id }) => id)).toEqual(
      day.outages.incidents().map(({ id }) => id),
    );
    expect(Array.from(found.states.values()).filter((state) => state === 'down').length).toBeGreaterThan(0);
  });

  test('tells what was told without cause, and what was not told', () => {
    const events = day.events();
    const opened = events.findIndex(({ kind }) => kind === 'incident-opened');
    const down = events.findIndex((event) => event.kind === 'target-state-changed' && event.to === 'down');
    const untold = replay(events.toSpliced(opened, 1), { outlookOf: neverAsked, initial: day.outlook });
    expect(untold.firstDifference?.replayed).toMatchObject({ kind: 'incident-opened' });
    expect(untold.extra.map(({ kind }) => kind)).toEqual(['incident-opened']);
    expect(untold.missing).toEqual([]);
    const causeless = replay(events.toSpliced(down, 1), { outlookOf: neverAsked, initial: day.outlook });
    expect(causeless.firstDifference).toBeDefined();
    expect(causeless.missing.length).toBeGreaterThan(0);
  });

  test('names the part in which an event differs', () => {
    const events = day
      .events()
      .map((event) =>
        event.kind === 'incident-opened'
          ? { ...event, incident: { ...event.incident, targetsDown: 1_000 } }
          : event,
      );
    const { firstDifference, missing, extra } = replay(events, {
      outlookOf: neverAsked,
      initial: day.outlook,
    });
    expect(firstDifference?.part).toBe('incident.targetsDown');
    expect([missing.length, extra.length]).toEqual([
      events.filter(({ kind }) => kind === 'incident-opened').length,
      events.filter(({ kind }) => kind === 'incident-opened').length,
    ]);
  });

  test('follows the outlooks that the journal names', () => {
    const calmer = {
      ...day.outlook,
      timing: { ...day.outlook.timing, settleMs: 20_000, settleAloneMs: 40_000 },
    };
    const live = new Day(day.outlook.estate, '2026-12-22T08:00:00Z').runUntil('08:03');
    live.at('08:04', () => {
      live.journal.push(...live.outages.advanceTo(live.nowMs));
      live.outages.setOutlook(calmer);
      live.input(reloaded(live.nowMs, 'calmer'));
    });
    live.at('08:06', () => live.break({ chain: 'Solhaga', kind: 'terminal' }));
    live.runUntil('08:30');
    const events = numbered([reloaded(0, 'first'), ...live.journal]);
    const outlookOf = (hash: string) => (hash === 'calmer' ? calmer : day.outlook);
    expect(replay(events, { outlookOf }).firstDifference).toBeUndefined();
    expect(replay(events, { outlookOf: () => day.outlook }).firstDifference).toBeDefined();
  });

  test('does not compare what was told before there was an outlook, nor the ends of those incidents', () => {
    const half = day.journal.findIndex(({ atMs }) => atMs >= Date.parse('2026-12-22T08:12:00Z'));
    const old = day.journal.slice(0, half);
    expect(old.some(({ kind }) => kind === 'incident-opened')).toBe(true);
    const resolved = old.flatMap((event): EventDraft[] =>
      event.kind === 'incident-opened'
        ? [{ ...event, kind: 'incident-resolved', atMs: old.at(-1)?.atMs ?? 0 }]
        : [],
    );
    const events = numbered([...old, reloaded(old.at(-1)?.atMs ?? 0, 'first'), ...resolved]);
    const found = replay(events, { outlookOf: () => day.outlook });
    expect(found.uncompared).toBe(half);
    expect([found.told, found.missing]).toEqual([[], []]);
    const never = replay(numbered(old), { outlookOf: neverAsked });
    expect([never.outages, never.uncompared, never.told]).toEqual([undefined, half, []]);
    expect(never.states.size).toBe(day.outlook.estate.targets.size);
  });

  test('ends where it is told to, with what had come by then', () => {
    const untilMs = Date.parse('2026-12-22T08:10:00Z');
    const found = replay(day.events(), { outlookOf: neverAsked, initial: day.outlook, untilMs });
    expect(found.firstDifference).toBeUndefined();
    expect(found.events).toBe(day.journal.filter(({ atMs }) => atMs <= untilMs).length);
    expect(found.outages?.incidents().map(({ state }) => state)).toEqual(['open']);
    expect(found.outages?.atMs).toBe(untilMs + 1);
  });

  test('of any day gives what was told, wherever it is cut off', () => {
    const place = fc.constantFrom<Labels>(
      { chain: 'Solhaga' },
      { chain: 'Torgboden', kind: 'terminal' },
      { acquirer: 'Nordbank' },
      { store: 'S001' },
      { store: 'S003', kind: 'gateway' },
      { target: 'T00002' },
      { kind: 'swish' },
    );
    const second = fc.integer({ min: 60, max: 1_500 });
    const faults = fc.array(fc.record({ place, from: second, lasts: second }), {
      minLength: 1,
      maxLength: 5,
    });
    const selector = fc.constantFrom('chain=Solhaga', 'store=S001', 'kind=terminal');
    const span = { selector, from: second, lasts: second };
    const maintenances = fc.array(fc.record({ ...span, isFlexible: fc.boolean() }), { maxLength: 2 });
    const plan = { faults, maintenances, silences: fc.array(fc.record(span), { maxLength: 1 }) };
    const sight = fc.option(fc.record({ from: second, lasts: second }), { nil: undefined });
    const reload = fc.option(second, { nil: undefined });
    const estate = makeChains({ stores: 9, terminals: 3, openingHours: 'Mo-Su 09:10-21:00' });
    const beginMs = Date.parse('2026-12-22T08:00:00Z');
    fc.assert(
      fc.property(fc.record({ ...plan, sight, reload, until: second }), (drawn) => {
        const live = new Day(estate, '2026-12-22T08:00:00Z');
        const after = (seconds: number) => beginMs + seconds * 1_000;
        const at = (seconds: number, run: () => void) => live.at(new Date(after(seconds)).toISOString(), run);
        const say = (input: Input) => live.input({ ...input, atMs: live.nowMs });
        for (const { place: where, from, lasts } of drawn.faults) {
          at(from, () => live.break(where));
          at(from + lasts, () => live.mend(where));
        }
        for (const [n, { from, lasts, isFlexible, selector: what }] of drawn.maintenances.entries()) {
          const times = { startsAtMs: after(from), endsAtMs: after(from + lasts) };
          const flexible = isFlexible ? { flexibleMs: 200_000 } : {};
          const maintenance = { id: `m${n}`, selector: what, ...times, ...flexible, by: 'x', comment: 'y' };
          at(from, () =>
            say({ kind: isFlexible ? 'maintenance-planned' : 'maintenance-started', maintenance }),
          );
          at(from + lasts, () => say({ kind: 'maintenance-ended', maintenance }));
        }
        for (const { from, lasts, selector: what } of drawn.silences) {
          const times = { startsAtMs: after(from), endsAtMs: after(from + lasts) };
          const silence = { id: 's', selector: what, ...times, by: 'x', comment: 'y' };
          at(from, () => say({ kind: 'silence-started', silence }));
        }
        if (drawn.sight !== undefined) {
          at(drawn.sight.from, () => live.loseSight());
          at(drawn.sight.from + drawn.sight.lasts, () => live.regainSight());
        }
        const calmer = {
          ...live.outlook,
          timing: { ...live.outlook.timing, settleMs: 5_000, quietMs: 60_000 },
        };
        if (drawn.reload !== undefined) {
          at(drawn.reload, () => {
            live.journal.push(...live.outages.advanceTo(live.nowMs));
            live.outages.setOutlook(calmer);
            live.input(reloaded(live.nowMs, 'calmer'));
          });
        }
        live.runUntil('09:00');
        const events = journalled(live.events());
        const basis = { outlookOf: () => calmer, initial: live.outlook };
        expect(replay(events, basis).firstDifference).toBeUndefined();
        expect(replay(events, { ...basis, untilMs: after(drawn.until) }).firstDifference).toBeUndefined();
      }),
      { numRuns: 60 },
    );
  });

  test('tells what would have been told of another estate, with the evidence about its targets', () => {
    const { estate } = day.outlook;
    const events = numbered([reloaded(0, 'first'), ...day.journal]);
    const targets = new Map(Array.from(estate.targets).filter(([, { kind }]) => kind !== 'gateway'));
    const { needs: _, ...rest } = estate;
    const instead = { ...day.outlook, estate: { ...rest, targets } };
    const found = replay(events, { outlookOf: () => day.outlook, instead });
    const titles = (outcomes: readonly EventDraft[]) =>
      outcomes.flatMap((event) => (event.kind === 'incident-opened' ? [event.incident.title] : []));
    // The chain's outage is the same; the gateway's is none of this estate.
    expect(titles(found.told).length).toBe(2);
    expect(titles(found.replayed)).toEqual(titles(found.told).slice(0, 1));
    expect(found.told.every(isOutcome)).toBe(true);
  });
});
