import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Suspicion } from '../../src/core/suspicion.ts';
import type { Target } from '../../src/estate/estate.ts';
import { toTargetId } from '../../src/estate/ids.ts';

const COUNT = 120;
const LABELS = [
  (i: number) => ({ store: `S${Math.floor(i / 4)}`, model: `M${i % 3}`, serial: `${i}` }),
  (i: number) => ({ store: `S${Math.floor(i / 4)}`, chain: i < 60 ? 'A' : 'B', model: `M${i % 3}` }),
];

function member(i: number, labels: Readonly<Record<string, string>>): { slot: number; target: Target } {
  const id = toTargetId(`T${i}`);
  return { slot: i * 2, target: { id, module: 'm', address: 'a', kind: 'terminal', labels } };
}

function built(labelsOf: (i: number) => Readonly<Record<string, string>>, ratePerS: number): Suspicion {
  const suspicion = new Suspicion(
    Array.from({ length: COUNT }, (_, i) => member(i, labelsOf(i))),
    ratePerS,
  );
  for (let steps = 0; !suspicion.isBuilt; steps++) {
    expect(steps).toBeLessThan(20);
    suspicion.build(40);
  }
  return suspicion;
}

const NEVER_PROBED = { lastProbedMs: () => -1, isFailing: () => false };

describe('Suspicion', () => {
  test('chooses nothing while nothing is suspected', () => {
    expect(built((i) => ({ model: `M${i % 3}` }), 10).choose(1_000, NEVER_PROBED)).toEqual([]);
  });

  test('samples every explanation by turns: the store, the model, and never the serial number', () => {
    const suspicion = built(LABELS[0] ?? (() => ({})), 100);
    suspicion.suspect(0, 1_000);
    const chosen = suspicion.choose(1_000, NEVER_PROBED).map((slot) => slot / 2);
    expect(chosen).toEqual(expect.arrayContaining([1, 2, 3]));
    const others = chosen.filter((i) => i >= 4);
    expect(others.length).toBeGreaterThanOrEqual(20);
    expect(others.every((i) => i % 3 === 0)).toBe(true);
  });

  test('passes over what failed already and what was probed since the suspect failed', () => {
    const suspicion = built((i) => ({ chain: i < 60 ? 'A' : 'B' }), 100);
    suspicion.suspect(0, 1_000);
    const chosen = suspicion.choose(1_000, {
      lastProbedMs: (slot) => (slot < 40 ? 1_000 : 999),
      isFailing: (slot) => slot >= 80,
    });
    expect(chosen.length).toBe(20);
    expect(chosen.every((slot) => slot >= 40 && slot < 80)).toBe(true);
  });

  test('never chooses twice within five seconds, nor past what suspects pay for, nor past three times the rate', () => {
    const moment = fc.record({
      suspects: fc.array(fc.nat(COUNT - 1), { maxLength: 4 }),
      ended: fc.nat(4),
      passedMs: fc.integer({ min: 1, max: 400 }),
    });
    fc.assert(
      fc.property(
        fc.array(moment, { maxLength: 80 }),
        fc.integer({ min: 1, max: 60 }),
        (moments, ratePerS) => {
          const suspicion = built(LABELS[1] ?? (() => ({})), ratePerS);
          const chosenMs = new Map<number, number>();
          let [timeMs, paid, total] = [1_000, 0, 0];
          const suspectedMs = new Map<number, number>();
          for (const { suspects, ended: more, passedMs } of moments) {
            timeMs += passedMs;
            for (const one of suspects) {
              suspicion.suspect(one * 2, timeMs);
              if (timeMs - (suspectedMs.get(one) ?? -10_000) < 10_000) continue;
              suspectedMs.set(one, timeMs);
              paid += 32;
            }
            const chosen = suspicion.choose(timeMs, NEVER_PROBED);
            for (const slot of chosen) {
              expect(timeMs - (chosenMs.get(slot) ?? -5_000)).toBeGreaterThanOrEqual(5_000);
              chosenMs.set(slot, timeMs);
            }
            total += chosen.length;
            suspicion.probed(more);
            expect(total).toBeLessThanOrEqual(paid);
            const allowed = Math.max(10, ratePerS) + (3 * ratePerS * (timeMs - 1_000)) / 1_000;
            expect(total).toBeLessThanOrEqual(allowed);
          }
        },
      ),
    );
  });

  test('forgets what is shared when nothing new has failed for ten seconds', () => {
    const suspicion = built((i) => ({ chain: i < 60 ? 'A' : 'B' }), 1);
    suspicion.suspect(0, 1_000);
    expect(suspicion.choose(1_000, NEVER_PROBED)).toHaveLength(10);
    expect(suspicion.choose(11_000, NEVER_PROBED)).toEqual([]);
  });
});
