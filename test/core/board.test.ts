import { describe, expect, test } from '@jest/globals';
import { Board } from '../../src/core/board.ts';
import type { EventDraft, Incident } from '../../src/core/events.ts';
import type { Estate } from '../../src/estate/estate.ts';
import { toIncidentId, toStoreId, toTargetId } from '../../src/estate/ids.ts';
import { MemoryJournal } from '../../src/journal/memory-journal.ts';
import { makeEstate, move } from '../feed/announcer.ts';

const START_MS = Date.UTC(2025, 11, 22, 13);
const ESTATE = makeEstate(1, 2);
const STORE = toStoreId('Solhaga-1');
const T1 = toTargetId('Solhaga-1-T1');

const INCIDENT: Incident = {
  id: toIncidentId('i1'),
  scope: [{ store: 'Solhaga-1' }],
  title: 'All 2 card terminals in Solhaga 1 are down',
  severity: 'major',
  state: 'open',
  openedAtMs: START_MS,
  targetsDown: 2,
  storesAffected: 1,
  reason: 'host',
};
const ACKNOWLEDGEMENT = { by: 'Kim', comment: 'on my way', atMs: START_MS, sticky: false };
const SILENCE = {
  id: 's',
  selector: 'chain=Solhaga',
  startsAtMs: START_MS,
  endsAtMs: START_MS + 60_000,
  by: 'Kim',
  comment: 'new tills',
};

const opened: EventDraft = { atMs: START_MS, kind: 'incident-opened', incident: INCIDENT };
const acknowledged = (isWithdrawn: boolean): EventDraft => ({
  atMs: START_MS,
  kind: 'incident-acknowledged',
  incident: INCIDENT,
  acknowledgement: ACKNOWLEDGEMENT,
  isWithdrawn,
});
const methodChanged = (method: string, to: 'available' | 'down', atMs = START_MS): EventDraft => ({
  atMs,
  kind: 'payment-method-changed',
  store: STORE,
  method,
  from: 'unknown',
  to,
  ...(to === 'down' ? { reason: 'host' as const } : {}),
  message: to === 'down' ? 'Cards cannot be paid with.' : 'Swish works.',
  sinceMs: atMs,
});
const sight = (kind: 'monitor-blinded' | 'monitor-recovered'): EventDraft => ({
  atMs: START_MS + 10,
  kind,
  reason: 'self-network',
  message: 'None of 3 canaries answers.',
  sinceMs: START_MS + 5,
});
const reported = (says: 'works' | 'fails', atMs: number): EventDraft => ({
  atMs,
  kind: 'human-report',
  store: STORE,
  method: 'card',
  says,
  by: 'till 3',
  comment: '',
  probesSay: 'down',
  disagrees: says === 'works',
});

/** As after the events, and as after a restart that had only their heads. */
async function boards(drafts: readonly EventDraft[]): Promise<readonly { name: string; board: Board }[]> {
  await using journal = new MemoryJournal();
  const followed = new Board();
  for (const event of await journal.append(drafts)) followed.apply(event);
  const restored = new Board();
  for (const head of journal.heads()) restored.apply(head);
  return [
    { name: 'followed', board: followed },
    { name: 'restored', board: restored },
  ];
}

function counts(board: Board, estate: Estate): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const place of board.placesOf(estate)) {
    for (const [state, count] of Object.entries(place.counts)) sum[state] = (sum[state] ?? 0) + count;
  }
  return sum;
}

describe('the board', () => {
  test('tells how customers can pay, the newest of each method', async () => {
    const drafts = [
      methodChanged('card', 'available'),
      methodChanged('swish', 'available'),
      methodChanged('card', 'down', START_MS + 1),
    ];
    for (const { board } of await boards(drafts)) {
      expect(Object.fromEntries(board.methodsOf(STORE))).toEqual({
        card: {
          state: 'down',
          reason: 'host',
          message: 'Cards cannot be paid with.',
          sinceMs: START_MS + 1,
        },
        swish: { state: 'available', message: 'Swish works.', sinceMs: START_MS },
      });
      expect(board.methodsOf(STORE)).toBe(board.methodsOf(STORE));
      expect(board.methodsOf(toStoreId('Norrbo-1')).size).toBe(0);
    }
  });

  test('knows nothing while we are blind, and what it knew when we can see again', async () => {
    const down = move(ESTATE, T1, 'up', 'down', START_MS);
    const drafts = [down, methodChanged('card', 'down'), sight('monitor-blinded')];
    for (const { board } of await boards(drafts)) {
      expect(board.sight).toEqual({
        reason: 'self-network',
        message: 'None of 3 canaries answers.',
        sinceMs: START_MS + 5,
      });
      const unknown = {
        state: 'unknown',
        reason: 'self-network',
        message: 'Not known: the monitor itself has no network.',
        sinceMs: START_MS + 5,
      };
      expect(board.statusOf(T1)).toEqual(unknown);
      expect(board.lastStatusOf(T1)).toMatchObject({ state: 'down', reason: 'host' });
      expect(board.methodsOf(STORE).get('card')).toEqual(unknown);
      expect(board.methodsOf(STORE)).toBe(board.methodsOf(STORE));
      expect(counts(board, ESTATE)).toEqual({ unknown: 5, up: 0, degraded: 0, down: 0 });
      // What comes in meanwhile is kept, too.
      const { seq } = board;
      board.apply({ ...move(ESTATE, 'Norrbo-1-T1', 'up', 'degraded', START_MS + 11), seq: seq + 1 });
      board.apply({ ...methodChanged('swish', 'available'), seq: seq + 2 });
      expect(counts(board, ESTATE)['unknown']).toBe(5);
      expect(board.methodsOf(STORE).get('swish')?.state).toBe('unknown');
      board.apply({ ...sight('monitor-recovered'), seq: seq + 3 });
      expect(board.sight).toBeUndefined();
      expect(board.statusOf(T1)).toMatchObject({ state: 'down', reason: 'host' });
      expect(board.methodsOf(STORE).get('card')?.state).toBe('down');
      expect(counts(board, ESTATE)).toEqual({ unknown: 3, up: 0, degraded: 1, down: 1 });
    }
  });

  test('does not stay blind over a restart after it recovered', async () => {
    for (const { board } of await boards([sight('monitor-blinded'), sight('monitor-recovered')])) {
      expect(board.sight).toBeUndefined();
    }
  });

  test.each<{ name: string; drafts: readonly EventDraft[]; expected: object }>([
    {
      name: 'taken on',
      drafts: [opened, acknowledged(false)],
      expected: { acknowledgement: ACKNOWLEDGEMENT },
    },
    {
      name: 'taken on and let go again',
      drafts: [opened, acknowledged(false), acknowledged(true)],
      expected: {},
    },
    {
      name: 'taken on, and grown so that it counts no more',
      drafts: [
        opened,
        acknowledged(false),
        { atMs: START_MS, kind: 'incident-updated', incident: { ...INCIDENT, severity: 'critical' } },
      ],
      expected: { severity: 'critical' },
    },
  ])('shows an incident that was $name', async ({ drafts, expected }) => {
    for (const { board } of await boards(drafts)) {
      expect(board.openIncidents()).toEqual([{ ...INCIDENT, ...expected }]);
    }
  });

  test('takes no acknowledgement of what is over', async () => {
    const drafts: EventDraft[] = [
      opened,
      { atMs: START_MS, kind: 'incident-resolved', incident: { ...INCIDENT, state: 'resolved' } },
      acknowledged(false),
    ];
    for (const { board } of await boards(drafts)) expect(board.openIncidents()).toEqual([]);
  });

  test('keeps maintenances and silences until they end', async () => {
    const maintenance = { ...SILENCE, id: 'm' };
    const other = { ...SILENCE, id: 'over' };
    const drafts: EventDraft[] = [
      { atMs: START_MS, kind: 'maintenance-planned', maintenance: other },
      { atMs: START_MS, kind: 'maintenance-planned', maintenance },
      { atMs: START_MS, kind: 'maintenance-started', maintenance: other },
      { atMs: START_MS, kind: 'maintenance-ended', maintenance: other },
      { atMs: START_MS, kind: 'silence-started', silence: SILENCE },
      { atMs: START_MS, kind: 'silence-started', silence: other },
      { atMs: START_MS, kind: 'silence-ended', silence: other },
    ];
    for (const { board } of await boards(drafts)) {
      expect(board.maintenances()).toEqual([{ ...maintenance, state: 'planned' }]);
      expect(board.silences()).toEqual([SILENCE]);
    }
    for (const { board } of await boards([
      ...drafts,
      { atMs: START_MS, kind: 'maintenance-started', maintenance },
    ])) {
      expect(board.maintenances()).toEqual([{ ...maintenance, state: 'started' }]);
    }
  });

  test('keeps the last that was said of each method', async () => {
    for (const { board } of await boards([reported('fails', START_MS), reported('works', START_MS + 1)])) {
      expect(board.reportsOf(STORE)).toEqual([
        {
          method: 'card',
          says: 'works',
          by: 'till 3',
          comment: '',
          probesSay: 'down',
          disagrees: true,
          atMs: START_MS + 1,
        },
      ]);
      expect(board.reportsOf(toStoreId('Norrbo-1'))).toEqual([]);
    }
  });
});
