import { describe, expect, test } from '@jest/globals';
import { FeedPrinter } from '../../src/cli/feed-printer.ts';
import { EVENT_KINDS, type EventDraft, type Incident, type MethodState } from '../../src/core/events.ts';
import { toIncidentId, toStoreId } from '../../src/estate/ids.ts';
import { toWire } from '../../src/feed/protocol.ts';
import { makeSnapshot } from '../../src/feed/snapshot.ts';
import { Announcer, makeEstate } from '../feed/announcer.ts';

const MINUTE = 60_000;
const T0 = Date.UTC(2025, 11, 22, 13, 7, 0);
const estate = makeEstate(14, 2);

/** What the printer says of `drafts` and, when they are over, of what it held back. */
function say(...drafts: readonly EventDraft[]): readonly string[] {
  const printer = new FeedPrinter({ hasColours: false, timeZone: 'Europe/Stockholm' });
  printer.print({ kind: 'snapshot', snapshot: makeSnapshot(new Announcer(estate), {}, T0) }, T0);
  const events = drafts.map((draft, i) => toWire({ ...draft, seq: i + 1 }));
  const lastMs = drafts.at(-1)?.atMs ?? T0;
  return [...printer.print({ kind: 'events', events }, lastMs), ...printer.tick(lastMs + MINUTE)];
}

const INCIDENT: Incident = {
  id: toIncidentId('i1'),
  scope: [{ chain: 'Solhaga' }],
  title: 'All card terminals of Solhaga are down',
  severity: 'critical',
  state: 'open',
  openedAtMs: T0 - 10 * MINUTE,
  targetsDown: 2,
  storesAffected: 1,
  reason: 'host',
};
const SPAN = { selector: 'chain=Solhaga', by: 'Anna', comment: 'new switch' };
const maintenance = {
  ...SPAN,
  id: 'm1',
  startsAtMs: T0 + 60 * MINUTE,
  endsAtMs: T0 + 180 * MINUTE,
};
const silence = { ...SPAN, id: 's1', startsAtMs: T0, endsAtMs: T0 + 60 * MINUTE };
const acknowledgement = { by: 'Anna', comment: 'Nets is told.', atMs: T0, sticky: false };
const report = {
  store: toStoreId('Solhaga-1'),
  method: 'card',
  by: 'Eva',
  comment: 'they go through',
} as const;

function method(
  store: string,
  from: MethodState,
  to: MethodState,
  message = 'Cards cannot be paid with: no terminal answers.',
  atMs = T0,
): EventDraft {
  return {
    atMs,
    kind: 'payment-method-changed',
    store: toStoreId(store),
    chain: store.split('-')[0] ?? '',
    method: 'card',
    from,
    to,
    message,
    sinceMs: atMs,
  };
}
describe('kassavakt watch', () => {
  test.each<{ readonly name: string; readonly draft: EventDraft; readonly line: string }>([
    {
      name: 'a planned maintenance',
      draft: { atMs: T0, kind: 'maintenance-planned', maintenance },
      line: '14:07:00        Maintenance of chain=Solhaga is planned: in 1 h, for 2 h, by Anna: new switch.',
    },
    {
      name: 'a flexible one',
      draft: {
        atMs: T0,
        kind: 'maintenance-planned',
        maintenance: { ...maintenance, flexibleMs: 30 * MINUTE },
      },
      line: '14:07:00        Maintenance of chain=Solhaga is planned: for 30 min from the first failure within the 2 h that begin in 1 h, by Anna: new switch.',
    },
    {
      name: 'a maintenance that begins',
      draft: { atMs: T0 + 60 * MINUTE, kind: 'maintenance-started', maintenance },
      line: '15:07:00        Maintenance of chain=Solhaga begins, for 2 h, by Anna: new switch.',
    },
    {
      name: 'a maintenance without a comment',
      draft: {
        atMs: T0 + 60 * MINUTE,
        kind: 'maintenance-started',
        maintenance: { ...maintenance, comment: '' },
      },
      line: '15:07:00        Maintenance of chain=Solhaga begins, for 2 h, by Anna.',
    },
    {
      name: 'its end',
      draft: { atMs: T0, kind: 'maintenance-ended', maintenance },
      line: '14:07:00        Maintenance of chain=Solhaga has ended.',
    },
    {
      name: 'a silence',
      draft: { atMs: T0, kind: 'silence-started', silence },
      line: '14:07:00        Silence on chain=Solhaga: for 1 h, by Anna: new switch.',
    },
    {
      name: 'a silence to come',
      draft: { atMs: T0 - 30 * MINUTE, kind: 'silence-started', silence },
      line: '13:37:00        Silence on chain=Solhaga: in 30 min, for 1 h, by Anna: new switch.',
    },
    {
      name: 'a silence that somebody ends',
      draft: { atMs: T0, kind: 'silence-ended', silence, endedBy: 'Bo' },
      line: '14:07:00        Silence on chain=Solhaga has ended, by Bo.',
    },
    {
      name: 'an acknowledgement',
      draft: {
        atMs: T0,
        kind: 'incident-acknowledged',
        incident: INCIDENT,
        acknowledgement: { ...acknowledgement, expiresAtMs: T0 + 120 * MINUTE },
        isWithdrawn: false,
      },
      line: '14:07:00        Anna looks after "All card terminals of Solhaga are down" for 2 h: Nets is told.',
    },
    {
      name: 'its withdrawal',
      draft: {
        atMs: T0,
        kind: 'incident-acknowledged',
        incident: INCIDENT,
        acknowledgement,
        isWithdrawn: true,
      },
      line: '14:07:00        Anna no longer looks after "All card terminals of Solhaga are down".',
    },
    {
      name: 'a report that the probes contradict',
      draft: { atMs: T0, kind: 'human-report', ...report, says: 'works', probesSay: 'down', disagrees: true },
      line: '14:07:00  WARN  Solhaga 1: Eva says that card works ("they go through"); but the probes say down.',
    },
    {
      name: 'a report that they do not',
      draft: {
        atMs: T0,
        kind: 'human-report',
        ...report,
        comment: '',
        says: 'fails',
        probesSay: 'down',
        disagrees: false,
      },
      line: '14:07:00        Solhaga 1: Eva says that card fails; the probes say down.',
    },
    {
      name: 'that we are blind',
      draft: {
        atMs: T0,
        kind: 'monitor-blinded',
        reason: 'self-network',
        message: 'Our own network is gone.',
        sinceMs: T0,
      },
      line: '14:07:00  WARN  Our own network is gone.',
    },
    {
      name: 'that we see again',
      draft: {
        atMs: T0 + 4 * MINUTE,
        kind: 'monitor-recovered',
        reason: 'self-network',
        message: 'Our own network is back.',
        sinceMs: T0,
      },
      line: '14:11:00  BACK  The monitor can see again, after 4 min; the targets have been checked anew.',
    },
    {
      name: 'a reload',
      draft: {
        atMs: T0,
        kind: 'config-reloaded',
        message: 'The configuration was reloaded.',
        targetsAdded: 0,
        targetsRemoved: 0,
        targetsChanged: 0,
      },
      line: '14:07:00        The configuration was reloaded.',
    },
    {
      name: 'an incident that went into another',
      draft: {
        atMs: T0,
        kind: 'incident-resolved',
        incident: { ...INCIDENT, state: 'resolved', resolvedAtMs: T0, mergedInto: toIncidentId('i2') },
      },
      line: '14:07:00        Part of a wider outage: all card terminals of Solhaga were down.',
    },
    {
      name: 'a way to pay that one store lost',
      draft: method('Solhaga-1', 'available', 'down'),
      line: '14:07:15  DOWN  No card payments in Solhaga 1.',
    },
  ])('tells of $name', ({ draft, line }) => {
    expect(say(draft).slice(-1)).toEqual([line]);
  });

  test('tells nothing of what is kept for replays alone', () => {
    const draft: EventDraft = {
      atMs: T0,
      kind: 'evidence-gathered',
      sinceMs: T0,
      answering: 'AA==',
      failing: 'AA==',
    };
    expect(say(draft)).toEqual([]);
  });

  test.each([
    { name: 'found to work', changes: [method('Solhaga-1', 'unknown', 'available')] },
    {
      name: 'impaired, and well again',
      changes: [
        method('Solhaga-1', 'available', 'degraded'),
        method('Solhaga-1', 'degraded', 'available', 'x', T0 + MINUTE),
      ],
    },
    {
      name: 'gone for a moment',
      changes: [
        method('Solhaga-1', 'available', 'down'),
        method('Solhaga-1', 'down', 'available', 'x', T0 + 100),
      ],
    },
  ])('is calm about a way to pay that is $name', ({ changes }) => {
    expect(say(...changes)).toEqual([]);
  });

  test('has words for every kind of event but those that incidents tell of', () => {
    const told = new Set<string>();
    const place = { store: toStoreId('Solhaga-1') };
    const drafts: readonly EventDraft[] = [
      { atMs: T0, kind: 'incident-opened', incident: INCIDENT },
      { atMs: T0, kind: 'incident-updated', incident: INCIDENT },
      { atMs: T0, kind: 'incident-resolved', incident: INCIDENT },
      method('Solhaga-1', 'available', 'down'),
      { atMs: T0, kind: 'monitor-blinded', reason: 'self-network', message: 'x', sinceMs: T0 },
      { atMs: T0, kind: 'monitor-recovered', reason: 'self-network', message: 'x', sinceMs: T0 },
      { atMs: T0, kind: 'maintenance-planned', maintenance },
      { atMs: T0, kind: 'maintenance-started', maintenance },
      { atMs: T0, kind: 'maintenance-ended', maintenance },
      { atMs: T0, kind: 'silence-started', silence },
      { atMs: T0, kind: 'silence-ended', silence },
      {
        atMs: T0,
        kind: 'incident-acknowledged',
        incident: INCIDENT,
        acknowledgement,
        isWithdrawn: false,
      },
      {
        atMs: T0,
        kind: 'human-report',
        ...report,
        ...place,
        says: 'works',
        probesSay: 'down',
        disagrees: true,
      },
      {
        atMs: T0,
        kind: 'config-reloaded',
        message: 'x',
        targetsAdded: 0,
        targetsRemoved: 0,
        targetsChanged: 0,
      },
    ];
    for (const draft of drafts) if (say(draft).length > 0) told.add(draft.kind);
    expect(EVENT_KINDS.filter((kind) => !told.has(kind))).toEqual([
      'target-state-changed',
      'evidence-gathered',
    ]);
  });
});
