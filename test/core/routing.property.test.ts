import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type IncidentSeverity, type JournalEvent, SEVERITIES } from '../../src/core/events.ts';
import type { Followed } from '../../src/core/followed.ts';
import { rankOf, type Route } from '../../src/core/route.ts';
import {
  type Addressed,
  advance,
  NOTHING_TOLD,
  type Routed,
  revise,
  type Routing,
  type RoutingState,
  route,
  type TellingWindow,
} from '../../src/core/routing.ts';
import type { IncidentId } from '../../src/estate/ids.ts';
import { acknowledgedBy, hoursOf, makeRoute, makeRouting, MINUTE_MS, NOON_MS, told } from './notices.ts';

const CHANNELS = ['a', 'b', 'c', 'log'];
const WEEK_MS = 7 * 24 * 60 * MINUTE_MS;

const channels = fc.uniqueArray(fc.constantFrom(...CHANNELS), { minLength: 1, maxLength: 3 });
const escalation = fc
  .array(fc.record({ afterMs: fc.integer({ min: 1, max: 60 }), channels }), { maxLength: 3 })
  .map((steps) => {
    let afterMs = 0;
    return steps.map((step) => {
      afterMs += step.afterMs * MINUTE_MS;
      return { ...step, afterMs };
    });
  });
const anyRoute: fc.Arbitrary<Omit<Route, 'key'>> = fc
  .record({
    minSeverity: fc.constantFrom<IncidentSeverity>(...SEVERITIES),
    channels,
    continues: fc.boolean(),
    escalation,
    hours: fc.constantFrom(
      undefined,
      hoursOf('24/7'),
      hoursOf('Mo-Fr 12:00-12:30'),
      hoursOf('Fr-Sa 13:00-02:00'),
    ),
  })
  .map(({ hours, ...rest }) => (hours === undefined ? rest : { ...rest, hours }));
const anyRouting: fc.Arbitrary<Routing> = fc
  .record({
    routes: fc.array(anyRoute, { minLength: 1, maxLength: 4 }),
    after: fc.integer({ min: 1, max: 4 }),
    windowMs: fc.integer({ min: 1, max: 20 }).map((minutes) => minutes * MINUTE_MS),
  })
  .map(({ routes, after, windowMs }) =>
    makeRouting(
      routes.map((each, i) => makeRoute(`r${i}`, each.channels, each)),
      { digest: { after, windowMs } },
    ),
  );

/** What happens to one of a few incidents, `after` minutes after what happened before. */
const anyHappening = fc.record({
  id: fc.constantFrom('i', 'j', 'k', 'l', 'm'),
  what: fc.constantFrom('change', 'change', 'change', 'end', 'take-on', 'let-go', 'time', 'restart'),
  after: fc.integer({ min: 0, max: 90 }),
  severity: fc.constantFrom<IncidentSeverity>(...SEVERITIES),
  isSticky: fc.boolean(),
  holds: fc.option(fc.integer({ min: 1, max: 60 })),
});
type Happening = typeof anyHappening extends fc.Arbitrary<infer Value> ? Value : never;

interface Told extends Addressed {
  /** How often escalation began anew until then, over all. */
  readonly round: number;
}

/** Everything told in a life of `happenings`, in which all incidents end; and what is remembered after. */
function live(happenings: readonly Happening[], routing: Routing) {
  const all: Told[] = [];
  const open = new Map<string, IncidentSeverity>();
  let state: RoutingState = NOTHING_TOLD;
  let [seq, nowMs, round] = [0, NOON_MS, 0];
  const take = (routed: Routed): void => {
    state = routed.state;
    all.push(...routed.messages.map((message) => ({ ...message, round })));
  };
  const hear = (event: JournalEvent): void => take(route(state, event, routing));
  const end = (id: string): void => {
    seq++;
    hear(told(seq, id, 'resolved', { severity: open.get(id) ?? 'info', atMs: nowMs }));
    open.delete(id);
    round++;
  };
  for (const { id, what, after, severity, isSticky, holds } of happenings) {
    nowMs += after * MINUTE_MS;
    const before = open.get(id);
    if (what === 'time') take(advance(state, nowMs, routing));
    else if (what === 'restart') take(revise(remembered(state), nowMs, routing));
    else if (what === 'change') {
      const worse = before === undefined || rankOf(severity) > rankOf(before) ? severity : before;
      if (worse !== before) {
        take(advance(state, nowMs, routing));
        round++;
      }
      open.set(id, worse);
      seq++;
      hear(told(seq, id, before === undefined ? 'opened' : 'updated', { severity: worse, atMs: nowMs }));
    } else if (before !== undefined && what === 'end') end(id);
    else if (before !== undefined) {
      take(advance(state, nowMs, routing));
      round++;
      seq++;
      const expiry = holds === null ? {} : { expiresAtMs: nowMs + holds * MINUTE_MS };
      hear(
        acknowledgedBy(seq, id, { atMs: nowMs, sticky: isSticky, isWithdrawn: what === 'let-go', ...expiry }),
      );
    }
  }
  for (const id of Array.from(open.keys())) end(id);
  take(advance(state, nowMs + WEEK_MS, routing));
  return { all, state };
}

/** The state as it is read back after a restart. */
function remembered({ incidents, windows }: RoutingState): RoutingState {
  return {
    incidents: new Map(JSON.parse(JSON.stringify(Array.from(incidents))) as [IncidentId, Followed][]),
    windows: new Map(JSON.parse(JSON.stringify(Array.from(windows))) as [string, TellingWindow][]),
  };
}

/** What one channel heard of one incident, in order. */
function heard(all: readonly Told[], channel: string, id: string): readonly string[] {
  return all
    .filter((message) => message.channel === channel)
    .flatMap(({ notice }) =>
      notice.incidents
        .filter(({ incident }) => incident.id === id)
        .map(({ incident }) => {
          if (notice.change !== 'digest') return notice.change;
          return incident.state === 'resolved' ? 'resolved' : 'changed';
        }),
    );
}

const lives = fc.tuple(fc.array(anyHappening, { maxLength: 60 }), anyRouting);
const each = (check: (told: ReturnType<typeof live>, routing: Routing) => void): void =>
  fc.assert(
    fc.property(lives, ([happenings, routing]) => check(live(happenings, routing), routing)),
    { numRuns: 300 },
  );

describe('whatever happens', () => {
  test('no two messages have one key', () => {
    each(({ all }) => {
      const keys = all.map(({ notice }) => notice.key);
      expect(new Set(keys).size).toBe(keys.length);
    });
  });

  test('each channel hears first that an incident is there, last that it is over, and nothing after', () => {
    each(({ all, state }) => {
      for (const channel of CHANNELS) {
        for (const id of ['i', 'j', 'k', 'l', 'm']) {
          const told = heard(all, channel, id);
          const text = told.join(' ');
          // Lives: each begins with something else than an end or an update, and ends with one end.
          expect(text).toMatch(/^((opened|escalated|changed)( (updated|escalated|changed))* resolved ?)*$/);
        }
      }
      expect(state.incidents.size).toBe(0);
    });
  });

  test('a channel is told once at most of one change of an incident', () => {
    each(({ all }) => {
      const changes = all
        .filter(({ notice }) => notice.change !== 'escalated' && notice.change !== 'digest')
        .map(({ notice }) => notice.key.replace(/\/\w+\//, '/'));
      expect(new Set(changes).size).toBe(changes.length);
    });
  });

  test('each step of an escalation is told once at most until it begins anew', () => {
    each(({ all }, { routes }) => {
      for (const channel of CHANNELS) {
        const steps = routes
          .flatMap(({ escalation }) => escalation)
          .filter((step) => step.channels.includes(channel)).length;
        const escalated = all.filter((one) => one.channel === channel && one.notice.change === 'escalated');
        const counts = Map.groupBy(
          escalated,
          ({ notice, round }) => `${notice.incidents[0]?.incident.id} ${round}`,
        );
        for (const told of counts.values()) expect(told.length).toBeLessThanOrEqual(steps);
      }
    });
  });

  test('no message is for a time to come, and a digest tells of several', () => {
    each(({ all }) => {
      for (const { notice, dueMs } of all) {
        expect(notice.atMs).toBeLessThanOrEqual(dueMs);
        if (notice.change === 'digest') expect(notice.incidents.length).toBeGreaterThan(1);
        else expect(notice.incidents).toHaveLength(1);
      }
    });
  });
});
