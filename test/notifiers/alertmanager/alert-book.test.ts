import { describe, expect, test } from '@jest/globals';
import { type Alert, alertKey, toPostable } from '../../../src/notifiers/alertmanager/alert.ts';
import {
  type AlertBook,
  EMPTY_BOOK,
  nextBook,
  RESOLVED_REPEAT_MS,
  type Tale,
} from '../../../src/notifiers/alertmanager/alert-book.ts';
import { MOST_STORE_ALERTS, type ToldIncident } from '../../../src/notifiers/alertmanager/incident-alerts.ts';
import { LINKS, makeIncident, makeLost, makeTold } from './tales.ts';

const T0 = Date.UTC(2026, 11, 22, 13, 1, 0);

function tell(
  before: AlertBook,
  open: readonly ToldIncident[],
  more: Partial<Tale> & { atMs?: number } = {},
) {
  const { atMs = T0, ...tale } = more;
  return nextBook(before, { open, resolved: new Map(), isBlind: false, ...tale }, LINKS, atMs);
}

const firing = (book: AlertBook): readonly Alert[] => Array.from(book.firing.values());
const ended = (book: AlertBook) => Array.from(book.ended.values());
const resolvedOf = (told: ToldIncident): ReadonlyMap<string, ToldIncident> =>
  new Map([[told.incident.id, told]]);

describe('an open incident', () => {
  test('is one alert: its labels say what and where it is, its annotations all else', () => {
    const [alert, ...others] = firing(tell(EMPTY_BOOK, [makeTold(makeIncident())]));
    expect(others).toEqual([]);
    expect(alert).toEqual({
      labels: {
        alertname: 'KassavaktIncident',
        incident: 'i1',
        severity: 'critical',
        scope: 'chain=Solhaga',
        chain: 'Solhaga',
      },
      annotations: {
        summary: '40 of 41 card terminals of Solhaga are down, 3 stores',
        description:
          'Since 2026-12-22T13:00:00.000Z in 3 stores: 1 of 41 is not confirmed down; mostly they cannot reach the payment host.',
        evidence: '1 of 41 is not confirmed down; mostly they cannot reach the payment host.',
        reason: 'host',
        targets_down: '40',
        stores_affected: '3',
        methods_lost: 'card',
        runbook_url: 'docs/runbook.md#kassavaktincident',
        page_url: 'https://kassavakt.test',
      },
      startsAtMs: Date.UTC(2026, 11, 22, 13, 0, 0),
      link: 'https://kassavakt.test/api/v1/incidents/i1',
    });
  });

  test.each([
    { name: 'another reason', more: { reason: 'tls' } },
    { name: 'more targets', more: { targetsDown: 41, title: 'All of it' } },
    { name: 'other evidence', more: { evidence: 'something else.' } },
    { name: 'recovery', more: { state: 'recovering' } },
    {
      name: 'somebody who took it on',
      more: { acknowledgement: { by: 'Ada', comment: 'on it', atMs: T0, sticky: false } },
    },
  ] as const)('is the same alert with $name', ({ more }) => {
    const incident = makeIncident();
    const before = tell(EMPTY_BOOK, [makeTold(incident)]);
    const changed = { ...incident, ...more };
    const after = tell(before, [makeTold(changed, [], { now: changed })]);
    expect(Array.from(after.firing.keys())).toEqual(Array.from(before.firing.keys()));
    expect(after.ended.size).toBe(0);
    expect(firing(after)[0]?.annotations).not.toEqual(firing(before)[0]?.annotations);
  });

  test('says how it stands now, and is what was announced', () => {
    const announced = makeIncident({ severity: 'major' });
    const now = makeIncident({ title: 'All 41 card terminals of Solhaga are down' });
    const [alert] = firing(tell(EMPTY_BOOK, [makeTold(announced, [], { now })]));
    expect(alert?.labels['severity']).toBe('major');
    expect(alert?.annotations['summary']).toBe(now.title);
  });

  test('with several explanations bears what they agree on, and all of them as text', () => {
    const scope = [{ acquirer: 'A', region: 'Värmland' }, { network: 'N1' }];
    const [alert] = firing(
      tell(EMPTY_BOOK, [makeTold(makeIncident({ scope }), [], { place: { chain: 'Solhaga' } })]),
    );
    expect(alert?.labels).toEqual({
      alertname: 'KassavaktIncident',
      incident: 'i1',
      severity: 'critical',
      scope: 'acquirer=A & region=Värmland | network=N1',
      chain: 'Solhaga',
    });
  });

  test('keeps its own labels where the estate has labels of the same name', () => {
    const place = { severity: 'low', incident: 'x', alertname: 'y', chain: 'Solhaga' };
    const [alert] = firing(tell(EMPTY_BOOK, [makeTold(makeIncident(), [], { place })]));
    expect(alert?.labels).toMatchObject({
      alertname: 'KassavaktIncident',
      incident: 'i1',
      severity: 'critical',
    });
  });
});

describe('other labels', () => {
  test.each([
    { name: 'a graver severity', more: { severity: 'critical' }, says: 'severity critical' },
    { name: 'a wider scope', more: { scope: [{ region: 'Värmland' }] }, says: 'scope region=Värmland' },
  ] as const)(
    'of $name end the alert, and begin another that began when the outage did',
    ({ more, says }) => {
      const before = makeIncident({ severity: 'major' });
      const book = tell(tell(EMPTY_BOOK, [makeTold(before)]), [makeTold({ ...before, ...more })]);
      expect(firing(book).map(({ startsAtMs }) => startsAtMs)).toEqual([before.openedAtMs]);
      const [old] = ended(book);
      expect(old).toMatchObject({ endsAtMs: T0, labels: { severity: 'major', incident: 'i1' } });
      expect(old?.annotations['description']).toContain('The outage goes on');
      expect(old?.annotations['description']).toContain(says);
      expect(old?.annotations['summary']).toBe(before.title);
    },
  );
});

describe('an incident that ends', () => {
  const resolved = makeTold(makeIncident({ state: 'resolved', resolvedAtMs: T0, targetsDown: 0 }));

  test('ends its alert at its own time, every annotation kept', () => {
    const before = tell(EMPTY_BOOK, [makeTold(makeIncident())]);
    const book = tell(before, [], { resolved: resolvedOf(resolved), atMs: T0 + 700 });
    expect(book.firing.size).toBe(0);
    const [over] = ended(book);
    expect(over?.endsAtMs).toBe(T0);
    expect(Object.keys(over?.annotations ?? {})).toEqual(Object.keys(firing(before)[0]?.annotations ?? {}));
    expect(over?.annotations['description']).toBe(
      'Over after 1 min. It was: 1 of 41 is not confirmed down; mostly they cannot reach the payment host.',
    );
  });

  test('keeps the labels under which it was told, though it ends with others', () => {
    const before = tell(EMPTY_BOOK, [makeTold(makeIncident({ severity: 'minor' }))]);
    const book = tell(before, [], { resolved: resolvedOf(resolved) });
    expect(ended(book).map(({ labels }) => labels['severity'])).toEqual(['minor']);
  });

  test('is repeated for 15 minutes from its end, and then forgotten', () => {
    let book = tell(tell(EMPTY_BOOK, [makeTold(makeIncident())]), [], { resolved: resolvedOf(resolved) });
    book = tell(book, [], { resolved: resolvedOf(resolved), atMs: T0 + RESOLVED_REPEAT_MS - 1 });
    expect(book.ended.size).toBe(1);
    book = tell(book, [], { resolved: resolvedOf(resolved), atMs: T0 + RESOLVED_REPEAT_MS });
    expect(book).toEqual(EMPTY_BOOK);
  });

  test('is told as over by a monitor that was started after it', () => {
    const book = tell(EMPTY_BOOK, [], { resolved: resolvedOf(resolved), atMs: T0 + 60_000 });
    expect(ended(book)).toEqual([
      expect.objectContaining({ endsAtMs: T0, labels: expect.objectContaining({ incident: 'i1' }) }),
    ]);
  });

  test('fires again when it comes back, and is over no more', () => {
    const over = tell(tell(EMPTY_BOOK, [makeTold(makeIncident())]), [], { resolved: resolvedOf(resolved) });
    const book = tell(over, [makeTold(makeIncident())]);
    expect([book.firing.size, book.ended.size]).toEqual([1, 0]);
  });

  test('says so when it goes on as part of another', () => {
    const merged = makeTold({ ...resolved.incident, mergedInto: makeIncident({ id: 'i2' }).id });
    const book = tell(tell(EMPTY_BOOK, [makeTold(makeIncident())]), [], { resolved: resolvedOf(merged) });
    expect(ended(book)[0]?.annotations['description']).toMatch(
      /^Part of incident i2 since 2026-12-22T13:01:00\.000Z: the outage goes on there\./,
    );
  });
});

describe('what stores lose', () => {
  test('is an alert for each store and way to pay, with the incident and the place', () => {
    const lost = [
      makeLost('S1'),
      makeLost('S1', { method: 'wallet' }),
      makeLost('S2', { region: 'Värmland' }),
    ];
    const stores = firing(tell(EMPTY_BOOK, [makeTold(makeIncident(), lost)])).slice(1);
    expect(stores.map(({ labels }) => labels)).toEqual([
      {
        alertname: 'KassavaktStoreCannotPay',
        incident: 'i1',
        store: 'S1',
        chain: 'Solhaga',
        payment_method: 'card',
      },
      {
        alertname: 'KassavaktStoreCannotPay',
        incident: 'i1',
        store: 'S1',
        chain: 'Solhaga',
        payment_method: 'wallet',
      },
      {
        alertname: 'KassavaktStoreCannotPay',
        incident: 'i1',
        store: 'S2',
        chain: 'Solhaga',
        region: 'Värmland',
        payment_method: 'card',
      },
    ]);
    expect(stores[0]).toMatchObject({
      annotations: { summary: 'Store S1 cannot take card', description: 'No card terminal works.' },
      link: 'https://kassavakt.test/api/v1/stores/S1',
    });
  });

  test('by two incidents is told once, with the older', () => {
    const incidents = ['i1', 'i2'].map((id) => makeTold(makeIncident({ id }), [makeLost('S1')]));
    const stores = firing(tell(EMPTY_BOOK, incidents)).slice(2);
    expect(stores.map(({ labels }) => labels['incident'])).toEqual(['i1']);
    const [, younger] = incidents;
    const after = tell(tell(EMPTY_BOOK, incidents), younger === undefined ? [] : [younger]);
    expect(firing(after).at(-1)?.labels).toMatchObject({ incident: 'i2', store: 'S1' });
  });

  test('ends with it, the incident or not', () => {
    const before = tell(EMPTY_BOOK, [makeTold(makeIncident(), [makeLost('S1'), makeLost('S2')])]);
    const book = tell(before, [makeTold(makeIncident(), [makeLost('S2')])]);
    expect(ended(book).map(({ labels, endsAtMs }) => [labels['store'], endsAtMs])).toEqual([['S1', T0]]);
  });

  test('is held for lost while we cannot see, as long as its incident is open', () => {
    const before = tell(EMPTY_BOOK, [makeTold(makeIncident(), [makeLost('S1')])]);
    const blind = tell(before, [makeTold(makeIncident())], { isBlind: true });
    expect(Array.from(blind.firing.keys())).toEqual(Array.from(before.firing.keys()));
    expect(tell(before, [], { isBlind: true }).firing.size).toBe(0);
    expect(tell(blind, [makeTold(makeIncident())]).firing.size).toBe(1);
  });

  test('is left out beyond a bound: the same stores each time, and how many is known', () => {
    const lost = Array.from({ length: MOST_STORE_ALERTS + 5 }, (_, i) => makeLost(`S${i}`));
    const book = tell(EMPTY_BOOK, [makeTold(makeIncident(), lost)]);
    expect([book.firing.size, book.omitted]).toEqual([1 + MOST_STORE_ALERTS, 5]);
    expect(tell(book, [makeTold(makeIncident(), lost)]).ended.size).toBe(0);
  });
});

describe('an alert on the wire', () => {
  const alert: Alert = {
    labels: { a: '1' },
    annotations: { b: '2' },
    startsAtMs: T0,
    link: 'https://x.test/',
  };

  test('ends four intervals from now while it fires, and when it ended once it has', () => {
    const wire = { labels: { a: '1' }, annotations: { b: '2' }, generatorURL: 'https://x.test/' };
    const startsAt = '2026-12-22T13:01:00.000Z';
    expect(toPostable(alert, T0 + 1_000, 60_000)).toEqual({
      ...wire,
      startsAt,
      endsAt: '2026-12-22T13:05:01.000Z',
    });
    const over = { ...alert, endsAtMs: T0 + 5_000 };
    expect(toPostable(over, T0 + 99_000, 60_000)).toEqual({
      ...wire,
      startsAt,
      endsAt: '2026-12-22T13:01:05.000Z',
    });
  });

  test('never ends before it began, which Alertmanager would refuse', () => {
    expect(toPostable({ ...alert, endsAtMs: T0 - 1 }, T0, 60_000).endsAt).toBe('2026-12-22T13:01:00.000Z');
  });

  test('is known by its labels, in whatever order', () => {
    const one = alertKey({ ...alert, labels: { a: '1', b: '2' } });
    expect(alertKey({ ...alert, labels: { b: '2', a: '1' } })).toBe(one);
    expect(alertKey({ ...alert, labels: { a: '1', b: '3' } })).not.toBe(one);
  });
});
