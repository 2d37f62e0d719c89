import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  applyChanges,
  type OpenIncidents,
  restoreIncidents,
  type TimedChange,
} from '../../src/core/incidents.ts';
import type { EventDraft } from '../../src/core/events.ts';
import type { Estate, Target } from '../../src/estate/estate.ts';
import { toStoreId, toTargetId } from '../../src/estate/ids.ts';

const AT = Date.UTC(2023, 11, 22, 13, 7, 0);
const KIL = toStoreId('S1');
const targetOf = (id: string, store?: string): Target => ({
  id: toTargetId(id),
  module: 'terminal',
  address: '127.0.0.1:1',
  kind: 'terminal',
  labels: {},
  ...(store === undefined ? {} : { store: toStoreId(store) }),
});
const TARGETS = [
  targetOf('A', 'S1'),
  targetOf('B', 'S1'),
  targetOf('C', 'S1'),
  targetOf('D', 'S2'),
  targetOf('web'),
];
const ESTATE: Estate = {
  stores: new Map([[KIL, { id: KIL, name: 'Solhaga Kil', timezone: 'Europe/Stockholm', labels: {} }]]),
  targets: new Map(TARGETS.map((each) => [each.id, each])),
};

function change(id: string, to: 'up' | 'down', atMs = AT): TimedChange {
  const { store } = TARGETS.find((each) => each.id === id) ?? targetOf(id);
  return {
    kind: 'target-state-changed',
    target: toTargetId(id),
    ...(store === undefined ? {} : { store }),
    from: to === 'down' ? 'up' : 'down',
    to,
    ...(to === 'down' ? { reason: 'host' as const } : {}),
    message: '',
    sinceMs: atMs,
    atMs,
  };
}

function play(batches: readonly (readonly TimedChange[])[]): { open: OpenIncidents; events: EventDraft[] } {
  let open: OpenIncidents = new Map();
  const events: EventDraft[] = [];
  for (const batch of batches) {
    const result = applyChanges(open, batch, ESTATE);
    open = result.open;
    events.push(...result.events);
  }
  return { open, events };
}

const told = (events: readonly EventDraft[]) =>
  events.map((event) => ('incident' in event ? `${event.kind} ${event.incident.title}` : event.kind));

describe('applyChanges', () => {
  test('opens one incident for a store whose targets fail together, and resolves it when the last is back', () => {
    const { events, open } = play([
      [change('A', 'down'), change('B', 'down')],
      [change('C', 'down', AT + 1_000)],
      [change('A', 'up', AT + 2_000), change('B', 'up', AT + 2_000)],
      [change('C', 'up', AT + 3_000)],
    ]);
    expect(told(events)).toEqual([
      'incident-opened 2 of 3 targets are down in Solhaga Kil',
      'incident-updated 3 of 3 targets are down in Solhaga Kil',
      'incident-updated C is down in Solhaga Kil',
      'incident-resolved C is down in Solhaga Kil',
    ]);
    expect(open.size).toBe(0);
    const [first, second, , last] = events;
    expect(first).toMatchObject({
      incident: { scope: [{ store: 'S1' }], severity: 'major', openedAtMs: AT },
    });
    expect(second).toMatchObject({ incident: { severity: 'critical', targetsDown: 3, storesAffected: 1 } });
    expect(last).toMatchObject({ incident: { state: 'resolved', resolvedAtMs: AT + 3_000, targetsDown: 0 } });
  });

  test('stays as severe as it was, so that who asks for severe ones alone hears of the end', () => {
    const { events } = play([
      [change('A', 'down'), change('B', 'down'), change('C', 'down')],
      [change('A', 'up', AT + 1_000), change('B', 'up', AT + 1_000)],
      [change('C', 'up', AT + 2_000)],
    ]);
    expect(events.map((event) => ('incident' in event ? event.incident.severity : event.kind))).toEqual([
      'critical',
      'critical',
      'critical',
    ]);
  });

  test('names a single target as the scope', () => {
    const { events } = play([[change('web', 'down')]]);
    expect(events).toMatchObject([
      { incident: { scope: [{ target: 'web' }], title: 'web is down', storesAffected: 0 } },
    ]);
  });

  test('tells nothing of changes that are not about down', () => {
    expect(play([[{ ...change('A', 'up'), from: 'degraded' }]]).events).toEqual([]);
  });

  test('tells nothing of a target that is down and back in one breath', () => {
    expect(play([[change('A', 'down'), change('A', 'up')]]).events).toEqual([]);
  });

  test.each([
    { name: 'another store', store: { store: toStoreId('S2'), chain: 'Torgboden' } },
    { name: 'no store', store: {} },
  ])('ends the outage of a target that belongs to $name by now where it began', ({ store }) => {
    const { store: _store, ...moved } = change('A', 'up', AT + 1_000);
    const { events, open } = play([
      [change('A', 'down'), change('B', 'down')],
      [{ ...moved, ...store }],
      [change('B', 'up', AT + 2_000)],
    ]);
    expect(told(events)).toEqual([
      'incident-opened 2 of 3 targets are down in Solhaga Kil',
      'incident-updated B is down in Solhaga Kil',
      'incident-resolved B is down in Solhaga Kil',
    ]);
    expect(events.map((event) => 'store' in event && event.store)).toEqual([KIL, KIL, KIL]);
    expect(events[1]).not.toHaveProperty('chain');
    expect(open.size).toBe(0);
  });

  test('goes on after a restart as if nothing had been', () => {
    const batches = [
      [change('A', 'down')],
      [change('D', 'down', AT + 1)],
      [change('B', 'down', AT + 5_000)],
      [change('A', 'up', AT + 9_000)],
    ];
    const whole = play(batches);
    const before = play(batches.slice(0, 2));
    const incidents = Array.from(before.open.values(), ({ incident }) => incident);
    let open = restoreIncidents(incidents, [change('A', 'down'), change('D', 'down')]);
    const events = [...before.events];
    for (const batch of batches.slice(2)) {
      const result = applyChanges(open, batch, ESTATE);
      open = result.open;
      events.push(...result.events);
    }
    expect(events).toEqual(whole.events);
  });

  test('opens and resolves in turns, and an incident is open exactly while something of its is down', () => {
    const step = fc.record({ id: fc.constantFrom('A', 'B', 'C', 'D', 'web'), isDown: fc.boolean() });
    fc.assert(
      fc.property(fc.array(fc.array(step, { maxLength: 5 }), { maxLength: 30 }), (rounds) => {
        const down = new Set<string>();
        const isOpen = new Set<string>();
        let open: OpenIncidents = new Map();
        rounds.forEach((round, i) => {
          const changes = round
            .filter(({ id, isDown }) => down.has(id) !== isDown && (isDown ? down.add(id) : down.delete(id)))
            .map(({ id, isDown }) => change(id, isDown ? 'down' : 'up', AT + i * 1_000));
          const result = applyChanges(open, changes, ESTATE);
          open = result.open;
          for (const event of result.events) {
            if (!('incident' in event)) throw new Error('not an incident event');
            if (event.kind === 'incident-opened') isOpen.add(event.incident.id);
            else expect(isOpen.has(event.incident.id)).toBe(true);
            if (event.kind === 'incident-resolved') isOpen.delete(event.incident.id);
          }
          expect(isOpen.size).toBe(open.size);
          expect(Array.from(open.values()).reduce((sum, each) => sum + each.down.size, 0)).toBe(down.size);
        });
      }),
    );
  });
});
