import { describe, expect, test } from '@jest/globals';
import type { JournalEvent } from '../../src/core/events.ts';
import { routesOf } from '../../src/core/route.ts';
import {
  type Addressed,
  advance,
  nextDueMs,
  NOTHING_TOLD,
  revise,
  type Routing,
  type RoutingState,
  route,
} from '../../src/core/routing.ts';
import type { Target } from '../../src/estate/estate.ts';
import { toTargetId } from '../../src/estate/ids.ts';
import {
  acknowledgedBy,
  hoursOf,
  makeRoute,
  makeRouting,
  MINUTE_MS,
  NOON_MS,
  selectorOf,
  told,
} from './notices.ts';

/** Routes events and time, and keeps all that is told as `minute channel change ids`. */
class Telling {
  state: RoutingState = NOTHING_TOLD;
  routing: Routing;
  readonly all: Addressed[] = [];

  constructor(routing: Routing) {
    this.routing = routing;
  }

  hear(...events: readonly JournalEvent[]): readonly string[] {
    return events.flatMap((event) => this.take(route(this.state, event, this.routing)));
  }

  /** Lets time pass until `minute` after noon. */
  until(minute: number): readonly string[] {
    return this.take(advance(this.state, NOON_MS + minute * MINUTE_MS, this.routing));
  }

  revise(minute: number, routing: Routing): readonly string[] {
    this.routing = routing;
    return this.take(revise(this.state, NOON_MS + minute * MINUTE_MS, routing));
  }

  private take({ state, messages }: ReturnType<typeof route>): readonly string[] {
    this.state = state;
    this.all.push(...messages);
    return messages.map(({ channel, notice, dueMs }) => {
      const ids = notice.incidents.map(({ incident }) => incident.id).join('+');
      return `${(dueMs - NOON_MS) / MINUTE_MS} ${channel} ${notice.change} ${ids}`;
    });
  }
}

describe('routes', () => {
  const taken = (
    event: JournalEvent,
    ...routes: readonly Parameters<typeof makeRoute>[]
  ): readonly string[] => {
    if (event.kind !== 'incident-opened') throw new Error('not opened');
    const { incident, chain, region } = event;
    const noticed = {
      incident,
      ...(chain === undefined ? {} : { chain }),
      ...(region === undefined ? {} : { region }),
    };
    const made = routes.map((each) => makeRoute(...each));
    return routesOf(noticed, made, makeRouting(made).estate).map(({ key }) => key);
  };

  test.each([
    {
      name: 'the first that matches is taken',
      event: told(1, 'i', 'opened'),
      routes: [
        ['x', ['a']],
        ['y', ['b']],
      ] as Parameters<typeof makeRoute>[],
      takes: ['x'],
    },
    {
      name: 'later ones are taken where it says so',
      event: told(1, 'i', 'opened'),
      routes: [
        ['x', ['a'], { continues: true }],
        ['y', ['b']],
        ['z', ['c']],
      ] as Parameters<typeof makeRoute>[],
      takes: ['x', 'y'],
    },
    {
      name: 'what is not severe enough goes on to the next',
      event: told(1, 'i', 'opened', { severity: 'minor' }),
      routes: [
        ['x', ['a'], { minSeverity: 'major' }],
        ['y', ['b']],
      ] as Parameters<typeof makeRoute>[],
      takes: ['y'],
    },
    {
      name: 'a selector is held against the scope',
      event: told(1, 'i', 'opened', { scope: [{ acquirer: 'A', region: 'Skåne' }] }),
      routes: [
        ['x', ['a'], { match: selectorOf('acquirer=B') }],
        ['y', ['b'], { match: selectorOf('acquirer=A, region=Skåne|Halland') }],
      ] as Parameters<typeof makeRoute>[],
      takes: ['y'],
    },
    {
      name: 'any of several scopes will do',
      event: told(1, 'i', 'opened', { scope: [{ acquirer: 'A' }, { chain: 'Solhaga' }] }),
      routes: [['x', ['a'], { match: selectorOf('chain=Solhaga') }]] as Parameters<typeof makeRoute>[],
      takes: ['x'],
    },
    {
      name: 'the place of all of it counts as labels too',
      event: told(1, 'i', 'opened', { scope: [{ target: 'T1' }], chain: 'Solhaga', region: 'Skåne' }),
      routes: [['x', ['a'], { match: selectorOf('chain=Solhaga, region=Skåne') }]] as Parameters<
        typeof makeRoute
      >[],
      takes: ['x'],
    },
    {
      name: 'a chain is meant by its name',
      event: told(1, 'i', 'opened', { chain: 'Solhaga' }),
      routes: [
        ['x', ['a'], { chains: ['Kvist'] }],
        ['y', ['b'], { chains: ['Kvist', 'Solhaga'] }],
      ] as Parameters<typeof makeRoute>[],
      takes: ['y'],
    },
    {
      name: 'none may be for it',
      event: told(1, 'i', 'opened', { chain: 'Solhaga' }),
      routes: [['x', ['a'], { chains: ['Kvist'] }]] as Parameters<typeof makeRoute>[],
      takes: [],
    },
  ])('$name', ({ event, routes, takes }) => {
    expect(taken(event, ...routes)).toEqual(takes);
  });

  test('an outage of several chains reaches each of them and no other', () => {
    const target = (id: string, chain: string, acquirer: string): Target => ({
      id: toTargetId(id),
      module: 'm',
      address: 'h:1',
      kind: 'terminal',
      labels: { kind: 'terminal', chain, acquirer },
    });
    const targets = [target('T1', 'Solhaga', 'A'), target('T2', 'Kvist', 'A'), target('T3', 'Norrby', 'B')];
    const estate = { stores: new Map(), targets: new Map(targets.map((each) => [each.id, each])) };
    const { incident } = told(1, 'i', 'opened', { scope: [{ acquirer: 'A' }] });
    const routes = ['Solhaga', 'Kvist', 'Norrby'].map((chain) =>
      makeRoute(chain, ['a'], { chains: [chain], continues: true }),
    );
    expect(routesOf({ incident }, routes, estate).map(({ key }) => key)).toEqual(['Solhaga', 'Kvist']);
  });
});

describe('an incident', () => {
  test('is told once for each change on each channel, its end where it was told', () => {
    const telling = new Telling(
      makeRouting([makeRoute('x', ['a', 'b', 'a'], { continues: true }), makeRoute('y', ['b'])]),
    );
    expect(telling.hear(told(1, 'i', 'opened'))).toEqual(['1 a opened i', '1 b opened i']);
    expect(telling.hear(told(2, 'i', 'updated'))).toEqual(['2 a updated i', '2 b updated i']);
    expect(telling.hear(told(3, 'i', 'resolved'))).toEqual(['3 a resolved i', '3 b resolved i']);
    expect(telling.hear(told(4, 'i', 'resolved'))).toEqual([]);
    expect(telling.state).toMatchObject({ incidents: new Map() });
  });

  test('that becomes worse is told as opened to who hears of it first', () => {
    const telling = new Telling(
      makeRouting([
        makeRoute('x', ['a'], { minSeverity: 'critical', continues: true }),
        makeRoute('y', ['b']),
      ]),
    );
    expect(telling.hear(told(1, 'i', 'opened'))).toEqual(['1 b opened i']);
    expect(telling.hear(told(2, 'i', 'updated', { severity: 'critical' }))).toEqual([
      '2 a opened i',
      '2 b updated i',
    ]);
    expect(telling.hear(told(3, 'i', 'resolved', { severity: 'critical' }))).toEqual([
      '3 a resolved i',
      '3 b resolved i',
    ]);
  });

  test('that no route matches any more is still told where it was', () => {
    const telling = new Telling(makeRouting([makeRoute('x', ['a'], { match: selectorOf('store=i') })]));
    telling.hear(told(1, 'i', 'opened'));
    expect(telling.hear(told(2, 'i', 'updated', { scope: [{ chain: 'Solhaga' }] }))).toEqual([
      '2 a updated i',
    ]);
    expect(telling.hear(told(3, 'i', 'resolved', { scope: [{ chain: 'Solhaga' }] }))).toEqual([
      '3 a resolved i',
    ]);
  });

  test('that opens again is told anew, under another key', () => {
    const telling = new Telling(makeRouting([makeRoute('x', ['a'])]));
    telling.hear(told(1, 'i', 'opened'), told(2, 'i', 'resolved'));
    expect(telling.hear(told(3, 'i', 'opened'))).toEqual(['3 a opened i']);
    const keys = telling.all.map(({ notice }) => notice.key);
    expect(keys).toEqual(['i/opened/1/a', 'i/resolved/2/a', 'i/opened/3/a']);
  });

  test('that was open before anything was followed is not told at its end', () => {
    const telling = new Telling(makeRouting([makeRoute('x', ['a'])]));
    expect(telling.hear(told(1, 'i', 'resolved'), acknowledgedBy(2, 'i'))).toEqual([]);
  });
});

describe('hours', () => {
  const office = makeRouting([makeRoute('x', ['a'], { hours: hoursOf('Mo-Fr 12:10-12:20') })]);

  test('hold what happens outside them, told as it then is', () => {
    const telling = new Telling(office);
    expect(telling.hear(told(1, 'i', 'opened'), told(2, 'i', 'updated', { targetsDown: 9 }))).toEqual([]);
    expect(nextDueMs(telling.state, office)).toBe(NOON_MS + 10 * MINUTE_MS);
    expect(telling.until(9)).toEqual([]);
    expect(telling.until(10)).toEqual(['10 a opened i']);
    expect(telling.all[0]?.notice).toMatchObject({
      key: 'i/opened/2/a',
      atMs: NOON_MS + 2 * MINUTE_MS,
      incidents: [{ incident: { targetsDown: 9 } }],
    });
    expect(telling.hear(told(11, 'i', 'resolved'))).toEqual(['11 a resolved i']);
  });

  test('leave unsaid what is over by then', () => {
    const telling = new Telling(office);
    expect(telling.hear(told(1, 'i', 'opened'), told(2, 'i', 'resolved'))).toEqual([]);
    expect(telling.until(10_000)).toEqual([]);
    expect(telling.state.incidents.size).toBe(0);
  });

  test('hold an end until they begin again, three days later over a weekend', () => {
    const telling = new Telling(office);
    expect(telling.hear(told(12, 'i', 'opened'))).toEqual(['12 a opened i']);
    expect(telling.hear(told(21, 'i', 'updated'), told(30, 'i', 'resolved'))).toEqual([]);
    expect(telling.until(2 * 1_440)).toEqual([]);
    expect(telling.until(3 * 1_440 + 10)).toEqual(['4330 a resolved i']);
  });

  test('of another route let it through', () => {
    const telling = new Telling(
      makeRouting([
        makeRoute('x', ['a', 'b'], { hours: hoursOf('Mo-Fr 12:10-12:20'), continues: true }),
        makeRoute('y', ['b']),
      ]),
    );
    expect(telling.hear(told(1, 'i', 'opened'))).toEqual(['1 b opened i']);
    expect(telling.until(10)).toEqual(['10 a opened i']);
  });

  test('that a new configuration does away with hold nothing any more', () => {
    const telling = new Telling(office);
    telling.hear(told(1, 'i', 'opened'));
    expect(telling.revise(3, makeRouting([makeRoute('z', ['a'])]))).toEqual(['3 a opened i']);
  });
});

describe('escalation', () => {
  const steps = [
    { afterMs: 10 * MINUTE_MS, channels: ['b'] },
    { afterMs: 30 * MINUTE_MS, channels: ['b', 'c'] },
  ];
  const routing = makeRouting([makeRoute('x', ['a'], { escalation: steps })]);

  test('tells each step once, then of changes and of the end', () => {
    const telling = new Telling(routing);
    telling.hear(told(0, 'i', 'opened'));
    expect(telling.until(9)).toEqual([]);
    expect(telling.until(500)).toEqual(['10 b escalated i', '30 b escalated i', '30 c escalated i']);
    expect(telling.hear(told(600, 'i', 'updated'))).toEqual([
      '600 a updated i',
      '600 b updated i',
      '600 c updated i',
    ]);
    expect(telling.hear(told(601, 'i', 'resolved'))).toEqual([
      '601 a resolved i',
      '601 b resolved i',
      '601 c resolved i',
    ]);
  });

  test('ends when somebody takes it on, or when it is over', () => {
    const telling = new Telling(routing);
    telling.hear(
      told(0, 'i', 'opened'),
      told(1, 'j', 'opened'),
      acknowledgedBy(5, 'i'),
      told(6, 'j', 'resolved'),
    );
    expect(telling.until(500)).toEqual([]);
  });

  test('begins anew when it is let go, and when an acknowledgement runs out', () => {
    const telling = new Telling(routing);
    telling.hear(told(0, 'i', 'opened'));
    expect(telling.until(10)).toEqual(['10 b escalated i']);
    telling.hear(acknowledgedBy(11, 'i', { expiresAtMs: NOON_MS + 100 * MINUTE_MS }));
    expect(telling.until(109)).toEqual([]);
    expect(telling.until(110)).toEqual(['110 b escalated i']);
    telling.hear(acknowledgedBy(115, 'i'), acknowledgedBy(120, 'i', { isWithdrawn: true }));
    expect(telling.until(149)).toEqual(['130 b escalated i']);
    expect(telling.until(150)).toEqual(['150 b escalated i', '150 c escalated i']);
    expect(new Set(telling.all.map(({ notice }) => notice.key)).size).toBe(telling.all.length);
  });

  test('begins anew when it grows more severe, unless that was said to be held', () => {
    const telling = new Telling(routing);
    telling.hear(told(0, 'i', 'opened'), told(0, 'j', 'opened'));
    telling.hear(acknowledgedBy(1, 'i', { sticky: false }), acknowledgedBy(1, 'j', { sticky: true }));
    telling.hear(
      told(20, 'i', 'updated', { severity: 'critical' }),
      told(20, 'j', 'updated', { severity: 'critical' }),
    );
    expect(telling.until(40)).toEqual(['30 b escalated i']);
  });

  test('counts from when the hours of its route begin', () => {
    const hours = hoursOf('Mo-Fr 12:10-13:00');
    const telling = new Telling(makeRouting([makeRoute('x', ['a'], { hours, escalation: steps })]));
    telling.hear(told(1, 'i', 'opened'));
    expect(telling.until(50)).toEqual([
      '10 a opened i',
      '20 b escalated i',
      '40 b escalated i',
      '40 c escalated i',
    ]);
  });

  test('is one message where two routes escalate to one channel at once', () => {
    const telling = new Telling(
      makeRouting([
        makeRoute('x', ['a'], { escalation: steps, continues: true }),
        makeRoute('y', ['a'], { escalation: steps }),
      ]),
    );
    telling.hear(told(0, 'i', 'opened'));
    expect(telling.until(10)).toEqual(['10 b escalated i']);
  });

  test('is given up with a route that is no more', () => {
    const telling = new Telling(routing);
    telling.hear(told(0, 'i', 'opened'));
    telling.revise(1, makeRouting([makeRoute('y', ['a'])]));
    expect(telling.until(500)).toEqual([]);
  });
});

describe('a digest', () => {
  const routing = makeRouting([makeRoute('x', ['a', 'log'])], {
    digest: { after: 2, windowMs: 10 * MINUTE_MS },
  });

  test('tells at once what goes beyond a few, worst first, and a record gets all by themselves', () => {
    const telling = new Telling(routing);
    const events = ['i', 'j', 'k', 'l'].map((id, n) =>
      told(n, id, 'opened', id === 'l' ? { severity: 'critical' } : {}),
    );
    expect(telling.hear(...events)).toEqual([
      '0 a opened i',
      '0 log opened i',
      '1 a opened j',
      '1 log opened j',
      '2 log opened k',
      '3 log opened l',
    ]);
    expect(telling.until(10)).toEqual(['10 a digest l+k']);
    expect(telling.hear(told(11, 'k', 'resolved'))).toEqual(['11 log resolved k', '11 a resolved k']);
  });

  test('of one is an ordinary message', () => {
    const telling = new Telling(routing);
    telling.hear(told(0, 'i', 'opened'), told(1, 'j', 'opened'), told(2, 'i', 'updated'));
    expect(telling.until(10)).toEqual(['10 a updated i']);
  });

  test('leaves out what came and went meanwhile, and tells the end of what was told', () => {
    const telling = new Telling(routing);
    telling.hear(
      told(0, 'i', 'opened'),
      told(1, 'j', 'opened'),
      told(2, 'k', 'opened'),
      told(3, 'i', 'resolved'),
    );
    telling.hear(told(4, 'k', 'resolved'), told(5, 'j', 'resolved'));
    expect(telling.until(10)).toEqual(['10 a digest i+j']);
    expect(telling.state.incidents.size).toBe(0);
  });

  const escalation = [{ afterMs: 5 * MINUTE_MS, channels: ['b'] }];
  const escalating = { ...routing, routes: [makeRoute('x', ['a', 'b'], { escalation })] };

  test('does not hold up what is escalated, until that is many, too', () => {
    const telling = new Telling(escalating);
    telling.hear(...['i', 'j', 'k', 'l'].map((id, n) => told(n, id, 'opened')));
    expect(telling.until(10)).toEqual([
      '5 b escalated i',
      '6 b escalated j',
      '10 a digest k+l',
      '10 b digest k+l',
    ]);
    const many = new Telling({ ...escalating, routes: [makeRoute('x', ['a'], { escalation })] });
    many.hear(...['i', 'j', 'k', 'l'].map((id, n) => told(n, id, 'opened')));
    expect(many.until(15)).toEqual([
      '5 b escalated i',
      '6 b escalated j',
      '10 a digest k+l',
      '15 b digest k+l',
    ]);
  });

  test('of one step of an escalation tells that, unless somebody has it by then', () => {
    const hear = (...events: readonly JournalEvent[]) => {
      const many = new Telling({ ...escalating, routes: [makeRoute('x', ['a'], { escalation })] });
      many.hear(...['i', 'j', 'k'].map((id, n) => told(n, id, 'opened')));
      many.until(8);
      many.hear(...events);
      return many.until(15).filter((line) => line.includes(' b '));
    };
    expect(hear()).toEqual(['15 b escalated k']);
    expect(hear(acknowledgedBy(9, 'k'))).toEqual([]);
    expect(hear(told(9, 'k', 'updated'))).toEqual(['15 b opened k']);
    expect(hear(told(9, 'k', 'updated'), acknowledgedBy(9, 'k'))).toEqual(['15 b opened k']);
    expect(hear(told(9, 'k', 'resolved'))).toEqual([]);
  });

  test('is not sent to a channel that is gone', () => {
    const telling = new Telling(routing);
    telling.hear(
      told(0, 'i', 'opened'),
      told(1, 'j', 'opened'),
      told(2, 'k', 'opened'),
      told(3, 'l', 'opened'),
    );
    const { a: _a, ...channels } = Object.fromEntries(routing.channels);
    telling.routing = { ...routing, channels: new Map(Object.entries(channels)) };
    expect(telling.until(10)).toEqual([]);
  });
});

test('events of other kinds change nothing', () => {
  const event: JournalEvent = {
    seq: 1,
    atMs: 0,
    kind: 'monitor-blinded',
    reason: 'self-network',
    message: '',
    sinceMs: 0,
  };
  expect(route(NOTHING_TOLD, event, makeRouting([]))).toEqual({ state: NOTHING_TOLD, messages: [] });
});
