import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type ForeignAlert, ForeignAlerts } from '../../src/core/foreign-alerts.ts';

const HOUR_MS = 3_600_000;

function makeAlert(more: Partial<ForeignAlert> = {}): ForeignAlert {
  return { fingerprint: 'f', labels: { alertname: 'SwitchDown' }, annotations: {}, startsAtMs: 10, ...more };
}

function hear(alerts: readonly ForeignAlert[], nowMs = 100): ForeignAlerts {
  const heard = new ForeignAlerts();
  for (const alert of alerts) heard.hear(alert, nowMs);
  return heard;
}

const spans = (heard: ForeignAlerts, nowMs = 100) =>
  heard.all(nowMs).map(({ fingerprint, startsAtMs, endsAtMs }) => [fingerprint, startsAtMs, endsAtMs]);

describe('alerts of others', () => {
  test.each([
    { name: 'fire', told: [[10]], comesTo: [10, undefined] },
    { name: 'end', told: [[10], [10, 20]], comesTo: [10, 20] },
    { name: 'end, though their beginning was never heard of', told: [[10, 20]], comesTo: [10, 20] },
    { name: 'began when they began first', told: [[10], [8]], comesTo: [8, undefined] },
    { name: 'end, though their beginning was put forward', told: [[10], [8, 20]], comesTo: [8, 20] },
    { name: 'come back', told: [[10], [10, 20], [30]], comesTo: [30, undefined] },
    {
      name: 'are over though their beginning is told again',
      told: [[10], [10, 20], [10]],
      comesTo: [10, 20],
    },
    {
      name: 'are back though their end is told again',
      told: [[10], [10, 20], [30], [10, 20]],
      comesTo: [30, undefined],
    },
    {
      name: 'began lately though an earlier time is told again',
      told: [[10], [10, 20], [30], [10]],
      comesTo: [30, undefined],
    },
  ])('$name', ({ told, comesTo }) => {
    const alerts = told.map(([startsAtMs = 0, endsAtMs]) =>
      makeAlert({ startsAtMs, ...(endsAtMs === undefined ? {} : { endsAtMs }) }),
    );
    expect(spans(hear(alerts))).toEqual([['f', ...comesTo]]);
  });

  test('come to the same however often what was told is told again', () => {
    const steps = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 8 });
    const repeats = fc.array(fc.tuple(fc.nat(20), fc.nat(20)), { maxLength: 10 });
    fc.assert(
      fc.property(steps, repeats, (gaps, again) => {
        let atMs = 0;
        const history = gaps.map((gap, i) => {
          const startsAtMs = atMs + 1;
          if (i % 2 === 0) return makeAlert({ startsAtMs });
          const alert = makeAlert({ startsAtMs, endsAtMs: startsAtMs + gap });
          atMs += gap + 1;
          return alert;
        });
        const noisy = history.flatMap((alert, i) => [
          alert,
          ...again.flatMap(([after, which]) =>
            after === i ? history.slice(Math.min(i, which), Math.min(i, which) + 1) : [],
          ),
        ]);
        expect(spans(hear(noisy))).toEqual(spans(hear(history)));
      }),
    );
  });

  test('say whether they are news: a state, a time or words that were not known', () => {
    const heard = new ForeignAlerts();
    expect(heard.hear(makeAlert(), 1)).toBe(true);
    expect(heard.hear(makeAlert(), 2)).toBe(false);
    expect(heard.all(2)[0]?.heardAtMs).toBe(2);
    expect(heard.hear(makeAlert({ annotations: { summary: 'new' } }), 3)).toBe(true);
    expect(heard.hear(makeAlert({ endsAtMs: 20 }), 4)).toBe(true);
    expect(heard.hear(makeAlert({ endsAtMs: 20 }), 5)).toBe(false);
  });

  test('stand in an order: what fires, then the newest', () => {
    const heard = hear([
      makeAlert({ fingerprint: 'a', startsAtMs: 1, endsAtMs: 2 }),
      makeAlert({ fingerprint: 'b', startsAtMs: 5 }),
      makeAlert({ fingerprint: 'c', startsAtMs: 9 }),
      makeAlert({ fingerprint: 'd', startsAtMs: 3, endsAtMs: 4 }),
    ]);
    expect(spans(heard).map(([fingerprint]) => fingerprint)).toEqual(['c', 'b', 'd', 'a']);
  });

  test('are let go some hours after their end, and a day after they were last heard of', () => {
    const heard = hear([makeAlert({ fingerprint: 'a', endsAtMs: 20 }), makeAlert({ fingerprint: 'b' })], 100);
    expect(heard.all(20 + 4 * HOUR_MS)).toHaveLength(2);
    expect(spans(heard, 21 + 4 * HOUR_MS)).toEqual([['b', 10, undefined]]);
    expect(heard.all(101 + 24 * HOUR_MS)).toEqual([]);
  });

  test('are a thousand at most: what is over goes first, then what was not heard of for longest', () => {
    const many = Array.from({ length: 1_000 }, (_, i) => makeAlert({ fingerprint: `f${i}`, startsAtMs: i }));
    const heard = hear(many);
    heard.hear(makeAlert({ fingerprint: 'f7', startsAtMs: 7, endsAtMs: 9 }), 101);
    heard.hear(makeAlert({ fingerprint: 'f0', startsAtMs: 0 }), 102);
    heard.hear(makeAlert({ fingerprint: 'new' }), 103);
    heard.hear(makeAlert({ fingerprint: 'newer' }), 104);
    const kept = new Set(heard.all(104).map(({ fingerprint }) => fingerprint));
    expect([kept.size, kept.has('f7'), kept.has('f1'), kept.has('f0'), kept.has('newer')]).toEqual([
      1_000,
      false,
      false,
      true,
      true,
    ]);
  });
});
