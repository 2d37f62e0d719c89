import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FeedPrinter } from '../../src/cli/feed-printer.ts';
import { IncidentTable } from '../../src/cli/incident-table.ts';
import type { EventDraft, Incident, IncidentChanged, MethodState } from '../../src/core/events.ts';
import type { AnyReason } from '../../src/core/reason.ts';
import { toIncidentId, toStoreId } from '../../src/estate/ids.ts';
import { type Snapshot, toWire } from '../../src/feed/protocol.ts';
import { makeSnapshot } from '../../src/feed/snapshot.ts';
import { Announcer, makeEstate, move } from '../feed/announcer.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const T0 = Date.UTC(2025, 11, 22, 13, 7, 0);
const estate = makeEstate(14, 10);
const METHODS = ['card', 'wallet'] as const;

const OUTAGE: Incident = {
  id: toIncidentId('chain'),
  scope: [{ chain: 'Solhaga' }],
  title: 'All 140 card terminals of Solhaga are down, 14 stores',
  severity: 'critical',
  state: 'open',
  openedAtMs: T0,
  targetsDown: 140,
  targetsInScope: 140,
  storesAffected: 14,
  reason: 'host',
  methodsLost: ['card', 'wallet'],
};

function lone(target: string, more: Partial<Incident> = {}): Incident {
  return {
    id: toIncidentId(`lone-${target}`),
    scope: [{ target }],
    title: `${target} is down in ${target.replace(/-T\d+$/, '').replace('-', ' ')}`,
    severity: 'minor',
    state: 'open',
    openedAtMs: T0,
    targetsDown: 1,
    targetsInScope: 1,
    storesAffected: 1,
    reason: 'connect-timeout',
    ...more,
  };
}

function incident(
  what: 'opened' | 'updated' | 'resolved',
  afterMs: number,
  told: Incident,
  place: Pick<IncidentChanged, 'store' | 'chain'> = {},
): EventDraft {
  const ends = what === 'resolved' ? ({ state: 'resolved', resolvedAtMs: T0 + afterMs } as const) : {};
  return { atMs: T0 + afterMs, kind: `incident-${what}`, incident: { ...told, ...ends }, ...place };
}

/** Cards and wallets in the stores `<chain>-<from>` to `<chain>-<to>`. */
function pay(chain: string, from: number, to: number, state: MethodState, afterMs: number): EventDraft[] {
  const stores = Array.from({ length: to - from + 1 }, (_, i) => `${chain}-${from + i}`);
  return stores.flatMap((store) =>
    METHODS.map((method) => ({
      atMs: T0 + afterMs,
      kind: 'payment-method-changed' as const,
      store: toStoreId(store),
      chain,
      method,
      from: state === 'down' ? ('available' as const) : ('down' as const),
      to: state,
      message: 'x',
      sinceMs: T0 + afterMs,
    })),
  );
}

function turn(target: string, from: 'up' | 'unknown', to: 'down' | 'unknown' | 'up', afterMs: number) {
  return move(estate, target, from, to, T0 + afterMs);
}

/** What holds at the beginning: all is well, and every store takes cards and wallets. */
async function snapshot(more: Partial<Snapshot> = {}): Promise<Snapshot> {
  const source = new Announcer(estate);
  await source.announce(
    Array.from(estate.targets.keys(), (id) => move(estate, id, 'unknown', 'up', T0 - MINUTE)),
  );
  const made = makeSnapshot(source, {}, T0 - SECOND);
  const methods = Object.fromEntries(
    METHODS.map((name) => [name, { state: 'available' as const, message: 'x' }]),
  );
  return { ...made, stores: made.stores.map((store) => ({ ...store, methods })), ...more };
}

/** The story of `drafts`, in the order of their times, and of the hour after them; without its first lines. */
async function tell(drafts: readonly EventDraft[], begin?: Snapshot): Promise<readonly string[]> {
  const printer = new FeedPrinter({ hasColours: false, timeZone: 'Europe/Stockholm' });
  printer.print({ kind: 'snapshot', snapshot: begin ?? (await snapshot()) }, T0 - SECOND);
  return play(printer, drafts);
}

function play(printer: FeedPrinter, drafts: readonly EventDraft[]): readonly string[] {
  const lines: string[] = [];
  let seq = 0;
  let lastMs = T0;
  for (const draft of drafts.toSorted((a, b) => a.atMs - b.atMs)) {
    for (; lastMs < draft.atMs; lastMs += SECOND) lines.push(...printer.tick(lastMs));
    lines.push(...printer.print({ kind: 'events', events: [toWire({ ...draft, seq: ++seq })] }, draft.atMs));
  }
  return [...lines, ...printer.tick(lastMs + HOUR)];
}

describe('kassavakt watch, without --all', () => {
  test('tells a chain that fails as one incident, with what its stores lose by it', async () => {
    const { methodsLost: _, ...young } = OUTAGE;
    const first: Incident = {
      ...young,
      title: '41 of 140 card terminals of Solhaga are down, 5 stores',
      severity: 'major',
      targetsDown: 41,
      storesAffected: 5,
    };
    const targets = Array.from({ length: 14 }, (_, i) => `Solhaga-${i + 1}`).flatMap((store) =>
      Array.from({ length: 10 }, (_, i) => turn(`${store}-T${i + 1}`, 'up', 'down', 5 * SECOND)),
    );
    const lines = await tell([
      ...targets,
      incident('opened', 7 * SECOND, first, { chain: 'Solhaga' }),
      ...pay('Solhaga', 1, 4, 'down', 8 * SECOND),
      ...pay('Solhaga', 5, 14, 'down', 11 * SECOND),
      incident('updated', 12 * SECOND, OUTAGE, { chain: 'Solhaga' }),
      ...pay('Solhaga', 1, 14, 'available', 3 * HOUR),
      incident('resolved', 3 * HOUR + 2 * MINUTE, OUTAGE, { chain: 'Solhaga' }),
    ]);
    expect(lines).toEqual([
      '14:07:07  DOWN  41 of 140 card terminals of Solhaga are down, 5 stores: they cannot reach the payment host.',
      '14:07:12  DOWN  Critical now: all 140 card terminals of Solhaga are down, 14 stores: they cannot reach the payment host. No card or wallet payments in any of the 14 stores of Solhaga.',
      '17:07:15  BACK  Card and wallet payments work in all 28 stores again.',
      '17:09:00  BACK  Over after 3 h 2 min: all 140 card terminals of Solhaga were down, 14 stores.',
    ]);
  });

  test('tells of a lone target as its incident, and of many in one line', async () => {
    const two = ['Norrbo-4-T1', 'Norrbo-4-T2', 'Norrbo-6-T1', 'web-Solhaga'];
    const lines = await tell([
      turn('Norrbo-3-T1', 'up', 'down', 0),
      incident('opened', 10 * SECOND, lone('Norrbo-3-T1'), { store: toStoreId('Norrbo-3') }),
      ...two.map((id, i) => incident('opened', (40 + i) * SECOND, lone(id))),
      incident('resolved', 10 * MINUTE, lone('Norrbo-3-T1'), { store: toStoreId('Norrbo-3') }),
      ...two.map((id) => incident('resolved', HOUR, lone(id))),
    ]);
    expect(lines).toEqual([
      '14:07:15  DOWN  Norrbo-3-T1 is down in Norrbo 3: it does not answer a connection attempt.',
      '14:12:15  DOWN  Norrbo-4-T1, Norrbo-4-T2, Norrbo-6-T1 and 1 more are down: they do not answer connection attempts.',
      '14:17:15  BACK  Norrbo-3-T1 in Norrbo 3 works again, after 10 min.',
      '15:07:05  BACK  Norrbo-4-T1, Norrbo-4-T2, Norrbo-6-T1 and 1 more work again, after 1 h at most.',
    ]);
  });

  test('says nothing of a lone target that is back before its line is due', async () => {
    const lines = await tell([
      incident('opened', 0, lone('Norrbo-3-T1')),
      incident('resolved', 4 * SECOND, lone('Norrbo-3-T1')),
    ]);
    expect(lines).toEqual([]);
  });

  test('tells a recovery of hours now and then, that it sways, its end, and that it begins again', async () => {
    const some: Incident = {
      ...OUTAGE,
      state: 'recovering',
      title: '60 of 140 card terminals of Solhaga are down, 6 stores',
      targetsDown: 60,
      storesAffected: 6,
    };
    const swaying: Incident = { ...some, state: 'open', unstable: true, relapses: 2 };
    const lines = await tell([
      incident('opened', 0, OUTAGE),
      ...pay('Solhaga', 1, 14, 'down', 0),
      ...Array.from({ length: 8 }, (_, i) =>
        pay('Solhaga', i + 1, i + 1, 'available', HOUR + i * 8 * MINUTE),
      ).flat(),
      incident('updated', HOUR + 56 * MINUTE, some),
      ...Array.from({ length: 10 }, (_, i) => [
        ...pay('Solhaga', 8, 8, 'down', 2 * HOUR + i * 2 * MINUTE),
        ...pay('Solhaga', 8, 8, 'available', 2 * HOUR + (i * 2 + 1) * MINUTE),
      ]).flat(),
      incident('updated', 2 * HOUR + 10 * MINUTE, swaying),
      ...pay('Solhaga', 9, 14, 'available', 3 * HOUR),
      incident('resolved', 3 * HOUR + 8 * MINUTE, swaying),
      incident('opened', 3 * HOUR + 20 * MINUTE, { ...OUTAGE, relapses: 3, unstable: true }),
    ]);
    expect(lines).toEqual([
      '14:07:00  DOWN  Critical: all 140 card terminals of Solhaga are down, 14 stores: they cannot reach the payment host. No card or wallet payments in any of the 14 stores of Solhaga.',
      '15:07:15  BACK  Card and wallet payments work in 15 of 28 stores (Norrbo 14 of 14, Solhaga 1 of 14).',
      '15:37:15  BACK  Card and wallet payments work in 18 of 28 stores (Norrbo 14 of 14, Solhaga 4 of 14).',
      '16:03:00  BACK  Well again in 8 of 14 stores, but 60 of 140 card terminals of Solhaga are still down, 6 stores.',
      '16:07:15  BACK  Card and wallet payments work in 21 of 28 stores (Norrbo 14 of 14, Solhaga 7 of 14).',
      '16:17:00  WARN  Unstable: 60 of 140 card terminals of Solhaga are down, 6 stores; it works and fails by turns.',
      '17:07:15  BACK  Card and wallet payments work in all 28 stores again.',
      '17:15:00  BACK  Over after 3 h 8 min: 60 of 140 card terminals of Solhaga were down, 6 stores. It failed again 2 times.',
      '17:27:00  DOWN  Critical, again: all 140 card terminals of Solhaga are down, 14 stores: they cannot reach the payment host.',
    ]);
  });

  test('tells that the last store has cards again, and of a few more without them only that it grows', async () => {
    const lines = await tell([
      ...pay('Solhaga', 1, 6, 'down', 0),
      ...pay('Norrbo', 1, 1, 'down', 30 * MINUTE),
      ...pay('Norrbo', 2, 4, 'down', 40 * MINUTE),
      ...pay('Norrbo', 1, 4, 'available', HOUR),
      ...pay('Solhaga', 1, 5, 'available', HOUR),
      ...pay('Solhaga', 6, 6, 'available', 2 * HOUR),
    ]);
    expect(lines).toEqual([
      '14:07:15  DOWN  No card or wallet payments in 6 of 14 stores of Solhaga.',
      '14:47:15  DOWN  No card or wallet payments in 10 of 28 stores, 4 more than before.',
      '15:17:15  BACK  Card and wallet payments work in 27 of 28 stores (Norrbo 14 of 14, Solhaga 13 of 14).',
      '16:07:15  BACK  Card and wallet payments work in all 28 stores again.',
    ]);
  });

  test('tells once that it is blind, and nothing of the targets that it does not see', async () => {
    const ids = Array.from(estate.targets.keys());
    const sight = { reason: 'self-network' as const, sinceMs: T0 };
    const unseen = (to: 'unknown' | 'up', afterMs: number): EventDraft[] =>
      ids.map((id) => ({ ...turn(id, to === 'up' ? 'unknown' : 'up', to, afterMs), ...because(to) }));
    const because = (to: string) => (to === 'up' ? {} : { reason: sight.reason });
    const lines = await tell([
      { atMs: T0, kind: 'monitor-blinded', ...sight, message: 'Our own network is gone.' },
      ...unseen('unknown', SECOND),
      ...pay('Solhaga', 1, 14, 'unknown', SECOND),
      ...unseen('up', 2 * MINUTE),
      ...pay('Solhaga', 1, 14, 'available', 2 * MINUTE),
      { atMs: T0 + 3 * MINUTE, kind: 'monitor-recovered', ...sight, message: 'We can see again.' },
    ]);
    expect(lines).toEqual([
      '14:07:00  WARN  Our own network is gone.',
      '14:10:00  BACK  The monitor can see again, after 3 min; the targets have been checked anew.',
    ]);
  });

  test('tells once that the monitor runs late, when it does for a good part of the estate', async () => {
    const late = { reason: 'self-late' satisfies AnyReason } as const;
    const ids = Array.from(estate.targets.keys());
    const lines = await tell([
      { ...turn('Norrbo-1-T1', 'up', 'unknown', 0), ...late },
      ...ids.slice(0, 60).map((id) => ({ ...turn(id, 'up', 'unknown', MINUTE), ...late })),
      ...ids.slice(0, 60).map((id) => turn(id, 'unknown', 'up', 10 * MINUTE)),
      turn('Norrbo-1-T1', 'unknown', 'up', 10 * MINUTE),
    ]);
    expect(lines).toEqual([
      '14:08:10  WARN  Nothing is known of 61 of 281 targets for now: the monitor ran too late to judge.',
      '14:17:00  BACK  The monitor sees all targets again.',
    ]);
  });

  test('begins with the incidents that are open, and what stores have lost', async () => {
    const begin = await snapshot();
    const stores = begin.stores.map((store) =>
      store.chain === 'Solhaga'
        ? { ...store, methods: { ...store.methods, card: { state: 'down' as const, message: 'x' } } }
        : store,
    );
    const at = new Date(T0 + HOUR).toISOString();
    const wire = (told: Incident) => {
      const { openedAtMs, ...rest } = told;
      return { ...rest, openedAt: new Date(openedAtMs).toISOString() };
    };
    const incidents = [OUTAGE, ...[1, 2, 3, 4].map((n) => lone(`Norrbo-${n}-T1`))].map(wire);
    const printer = new FeedPrinter({ hasColours: false, timeZone: 'Europe/Stockholm' });
    const lines = printer.print(
      { kind: 'snapshot', snapshot: { ...begin, at, stores, incidents } },
      T0 + HOUR,
    );
    expect(lines.slice(2)).toEqual([
      '15:07:00  DOWN  For 1 h now: all 140 card terminals of Solhaga are down, 14 stores: they cannot reach the payment host. No card payments in any of the 14 stores of Solhaga.',
      '15:07:00  DOWN  Norrbo-1-T1, Norrbo-2-T1, Norrbo-3-T1 and 1 more are down, each by itself.',
    ]);
  });

  test('does not claim to know all stores when it was given no snapshot', () => {
    const printer = new FeedPrinter({ hasColours: false, timeZone: 'Europe/Stockholm' });
    const lines = play(printer, [
      ...pay('Solhaga', 1, 14, 'down', 0),
      ...pay('Solhaga', 1, 10, 'available', HOUR),
      ...pay('Solhaga', 11, 14, 'available', 2 * HOUR),
      incident('resolved', 2 * HOUR + MINUTE, OUTAGE),
    ]);
    expect(lines).toEqual([
      '-- Monday, 22 December 2025',
      '14:07:15  DOWN  No card or wallet payments in 14 stores.',
      '15:07:15  BACK  Card and wallet payments work again in 10 stores, not yet in 4.',
      '16:07:15  BACK  Card and wallet payments work again.',
      '16:08:00  BACK  Over after 2 h 1 min: all 140 card terminals of Solhaga were down, 14 stores.',
    ]);
  });

  test('ends every incident that it began, however they come and go, and is silent afterwards', async () => {
    const begin = await snapshot();
    const step = fc.record({
      who: fc.nat(5),
      gapMs: fc.integer({ min: 0, max: 4 * MINUTE }),
      down: fc.integer({ min: 1, max: 140 }),
      severity: fc.constantFrom('minor' as const, 'major' as const, 'critical' as const),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 80 }), (steps) => {
        const open = new Map<number, Incident>();
        const drafts: EventDraft[] = [];
        let afterMs = 0;
        const end = (who: number, told: Incident) => {
          open.delete(who);
          drafts.push(incident('resolved', afterMs, told));
        };
        for (const { who, gapMs, down, severity } of steps) {
          afterMs += gapMs;
          const before = open.get(who);
          const isLone = who > 2;
          if (before !== undefined && (isLone || down > 100)) end(who, before);
          else {
            const now: Incident = isLone
              ? lone(`Norrbo-${who}-T1`, { severity, openedAtMs: T0 + afterMs })
              : {
                  ...OUTAGE,
                  id: toIncidentId(`i${who}`),
                  title: `${down} of cause-${who} are down`,
                  severity,
                };
            open.set(who, now);
            drafts.push(incident(before === undefined ? 'opened' : 'updated', afterMs, now));
          }
        }
        for (const [who, told] of Array.from(open)) end(who, told);
        const printer = new FeedPrinter({ hasColours: false, timeZone: 'Europe/Stockholm' });
        printer.print({ kind: 'snapshot', snapshot: begin }, T0 - SECOND);
        const lines = play(printer, drafts);
        for (const name of ['cause-0', 'cause-1', 'cause-2']) {
          const last = lines.findLast((line) => line.includes(name));
          if (last !== undefined) expect(last).toMatch(/BACK {2}Over after/);
        }
        for (const name of ['Norrbo-3-T1', 'Norrbo-4-T1', 'Norrbo-5-T1']) {
          const last = lines.findLast((line) => line.includes(name));
          if (last !== undefined) expect(last).toMatch(/BACK .* works? again/);
        }
        expect(printer.tick(T0 + afterMs + 24 * HOUR)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});

describe('IncidentTable', () => {
  test('sums the day up: when, for how long, what, and what was lost by it', () => {
    const table = new IncidentTable('Europe/Stockholm');
    const web = lone('web-Solhaga', {
      severity: 'critical',
      openedAtMs: T0 + 20 * MINUTE,
      storesAffected: 14,
      methodsLost: ['card', 'wallet', 'web'],
      title: 'web-Solhaga is down',
    });
    const drafts: EventDraft[] = [
      ...pay('Solhaga', 1, 14, 'down', 10 * SECOND),
      incident('opened', 12 * SECOND, OUTAGE, { chain: 'Solhaga' }),
      incident('opened', 20 * MINUTE, web, { chain: 'Solhaga' }),
      ...pay('Solhaga', 1, 14, 'down', 20 * MINUTE).map((draft) => ({ ...draft, method: 'web' })),
      ...pay('Solhaga', 1, 2, 'available', HOUR),
      ...pay('Solhaga', 1, 2, 'down', 2 * HOUR),
      ...[1, 2, 3, 4].map((n) => incident('opened', HOUR, lone(`Norrbo-${n}-T1`, { openedAtMs: T0 + HOUR }))),
      ...[1, 2, 3].map((n) =>
        incident('resolved', HOUR + n * MINUTE, lone(`Norrbo-${n}-T1`, { openedAtMs: T0 + HOUR })),
      ),
      incident('resolved', 3 * HOUR, { ...OUTAGE, targetsDown: 2, title: '2 of 140', relapses: 1 }),
    ];
    for (const [seq, draft] of drafts.entries()) table.hear(toWire({ ...draft, seq }));
    expect(table.lines(T0 + 4 * HOUR)).toEqual([
      'From   To     Lasted      What                                                                   Worst loss',
      '14:07  17:07  3 h         All 140 card terminals of Solhaga down, 14 stores (failed again once)  no card or wallet payments in 14 stores',
      '14:27  open   3 h 40 min  web-Solhaga down                                                       no web payments in 14 stores',
      '15:07  open   ≤ 3 h       4 single targets down, each by itself; 1 still is                      no more than the target itself',
    ]);
  });

  test('says so when there were none', () => {
    expect(new IncidentTable('Europe/Stockholm').lines(T0)).toEqual(['No incidents.']);
  });
});
