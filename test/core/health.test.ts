import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  flapRatio,
  type Health,
  isSoft,
  type Observation,
  observe,
  type Policy,
  restoreHealth,
  type State,
  step,
  type Transition,
  UNKNOWN_HEALTH,
} from '../../src/core/health.ts';

const POLICY: Policy = { failAfter: 3, recoverAfter: 2, slowAfterMs: 1_000 };
const SEEN = {
  g: { kind: 'good' },
  i: { kind: 'impaired', reason: 'slow' },
  f: { kind: 'failed', reason: 'connect-refused' },
  n: { kind: 'none' },
  m: { kind: 'missed', reason: 'stale' },
} as const satisfies Record<string, Observation>;
type Letter = keyof typeof SEEN;

function run(letters: string, start: Health = UNKNOWN_HEALTH, policy = POLICY): [Health, Transition[]] {
  const transitions: Transition[] = [];
  let health = start;
  for (const letter of letters) {
    const [next, transition] = step(health, SEEN[letter as Letter], policy);
    health = next;
    if (transition !== undefined) transitions.push(transition);
  }
  return [health, transitions];
}

const path = (transitions: readonly Transition[]): State[] => transitions.map(({ to }) => to);

describe('step', () => {
  test.each([
    { name: 'stays unknown after one good probe', seen: 'g', to: [] },
    { name: 'is up after recover_after good probes', seen: 'gg', to: ['up'] },
    { name: 'does not fall for one lost packet', seen: 'ggfgggg', to: ['up'] },
    { name: 'is down after fail_after failures', seen: 'ggfff', to: ['up', 'down'] },
    { name: 'says down once', seen: 'ggffffff', to: ['up', 'down'] },
    { name: 'is down from unknown after fail_after failures', seen: 'fff', to: ['down'] },
    { name: 'does not come back on one good probe', seen: 'ggfffgf', to: ['up', 'down'] },
    { name: 'comes back after recover_after good probes', seen: 'ggfffgg', to: ['up', 'down', 'up'] },
    { name: 'is degraded after fail_after impaired probes', seen: 'ggiii', to: ['up', 'degraded'] },
    { name: 'counts impaired and failed together towards degraded', seen: 'ggifi', to: ['up', 'degraded'] },
    {
      name: 'comes back degraded when the answers are impaired',
      seen: 'ggfffii',
      to: ['up', 'down', 'degraded'],
    },
    { name: 'goes from degraded to down', seen: 'ggiiifff', to: ['up', 'degraded', 'down'] },
    { name: 'goes from degraded to up', seen: 'ggiiigg', to: ['up', 'degraded', 'up'] },
    { name: 'ignores our own faults', seen: 'ggfnfnnnf', to: ['up', 'down'] },
    { name: 'is unknown when nothing was seen', seen: 'ggm', to: ['up', 'unknown'] },
    { name: 'ends down when nothing was seen', seen: 'ggfffm', to: ['up', 'down', 'unknown'] },
    { name: 'starts its streaks anew after a gap', seen: 'ggffmfgg', to: ['up', 'unknown', 'up'] },
  ])('$name', ({ seen, to }) => {
    expect(path(run(seen)[1])).toEqual(to);
  });

  test('carries the reason into down and drops it on the way up', () => {
    const [down, [, toDown]] = run('ggfff');
    expect(toDown).toEqual({ from: 'up', to: 'down', reason: 'connect-refused', flapping: false });
    expect(down.reason).toBe('connect-refused');
    const [up] = run('gg', down);
    expect(up.reason).toBeUndefined();
  });

  test('keeps the reason of a down through answers that are merely slow', () => {
    const [down] = run('ggfffi');
    expect(down).toMatchObject({ state: 'down', reason: 'connect-refused' });
    const [, [back]] = run('i', down);
    expect(back).toMatchObject({ to: 'degraded', reason: 'slow' });
  });

  test('gives every degraded its reason, also when it sways', () => {
    for (const seen of [`gg${'gf'.repeat(10)}`, `ggfff${'gf'.repeat(10)}gg`, 'ggfffig', 'gfgfgfgfgfgfgg']) {
      for (const transition of run(seen)[1]) {
        if (transition.to === 'degraded') expect(transition.reason).toBeDefined();
      }
    }
  });

  test('does not alert again when restored as down', () => {
    expect(run('fff', restoreHealth('down', 'tls'))[1]).toEqual([]);
    expect(path(run('fgg', restoreHealth('down', 'tls'))[1])).toEqual(['up']);
  });

  test('shows a target that answers and fails by turns as degraded, and lets it up once it is steady', () => {
    const [swaying, transitions] = run(`gg${'gf'.repeat(10)}`);
    expect(swaying.flapping).toBe(true);
    expect(path(transitions)).toEqual(['up', 'degraded']);
    const [steady, after] = run('g'.repeat(20), swaying);
    expect(steady).toMatchObject({ flapping: false, state: 'up' });
    expect(path(after)).toEqual(['up']);
  });

  test('still says down while flapping', () => {
    const [swaying] = run(`gg${'gf'.repeat(10)}`);
    expect(path(run('fff', swaying)[1])).toEqual(['down']);
  });
});

describe('flapping', () => {
  test('weighs the newest change 1.2 and the oldest 0.8 twentieths', () => {
    expect(flapRatio(1)).toBeCloseTo(1.2 / 20);
    expect(flapRatio(1 << 19)).toBeCloseTo(0.8 / 20);
    expect(flapRatio((1 << 20) - 1)).toBeCloseTo(1);
  });

  test('enters above 30 % and leaves only below 25 %', () => {
    const ratios: [boolean, number][] = [];
    let health = run('gg')[0];
    const play = (letters: string) => {
      for (const letter of letters) {
        const was = health.flapping;
        health = step(health, SEEN[letter as Letter], POLICY)[0];
        if (was !== health.flapping) ratios.push([health.flapping, flapRatio(health.flips)]);
      }
    };
    play('gf'.repeat(10));
    play('g'.repeat(20));
    expect(ratios.map(([flapping]) => flapping)).toEqual([true, false]);
    expect(ratios[0]?.[1]).toBeGreaterThan(0.3);
    expect(ratios[1]?.[1]).toBeLessThan(0.25);
  });
});

describe('isSoft', () => {
  test.each([
    { name: 'a first failure', seen: 'ggf', soft: true },
    { name: 'a confirmed failure', seen: 'ggfff', soft: false },
    { name: 'a first recovery', seen: 'ggfffg', soft: true },
    { name: 'a steady up', seen: 'ggg', soft: false },
    { name: 'a first good probe', seen: 'g', soft: true },
    { name: 'a target never probed', seen: '', soft: false },
    { name: 'a flapping target', seen: `gg${'gf'.repeat(10)}`, soft: false },
    { name: 'a steady degraded', seen: 'ggiii', soft: false },
  ])('$name: $soft', ({ seen, soft }) => {
    expect(isSoft(run(seen)[0], POLICY)).toBe(soft);
  });
});

describe('observe', () => {
  const answered = { kind: 'answered', message: '' } as const;
  test.each([
    { name: 'an answer in time is good', outcome: { ...answered, durationMs: 1_000 }, seen: 'good' },
    { name: 'a late answer is impaired', outcome: { ...answered, durationMs: 1_001 }, seen: 'impaired' },
    {
      name: 'an inconclusive probe says nothing',
      outcome: { kind: 'inconclusive', reason: 'self-resources', message: '' } as const,
      seen: 'none',
    },
  ])('$name', ({ outcome, seen }) => {
    expect(observe(outcome, POLICY).kind).toBe(seen);
  });
});

describe('any sequence of observations', () => {
  const letters = fc.array(fc.constantFrom(...(Object.keys(SEEN) as Letter[])), { maxLength: 200 });
  const policies = fc.record({
    failAfter: fc.integer({ min: 1, max: 6 }),
    recoverAfter: fc.integer({ min: 1, max: 6 }),
  });

  test('never gives two equal states in a row, and each transition starts where the last ended', () => {
    fc.assert(
      fc.property(letters, policies, (seen, policy) => {
        let state: State = 'unknown';
        for (const { from, to } of run(seen.join(''), UNKNOWN_HEALTH, policy)[1]) {
          expect(from).toBe(state);
          expect(to).not.toBe(from);
          state = to;
        }
      }),
    );
  });

  test('closes every down by exactly one end of down', () => {
    fc.assert(
      fc.property(letters, policies, (seen, policy) => {
        const [health, transitions] = run(seen.join(''), UNKNOWN_HEALTH, policy);
        const begun = transitions.filter(({ to }) => to === 'down').length;
        const ended = transitions.filter(({ from }) => from === 'down').length;
        expect(begun - ended).toBe(health.state === 'down' ? 1 : 0);
      }),
    );
  });

  test('needs fail_after failures in a row for down, whatever came before', () => {
    fc.assert(
      fc.property(letters, policies, (seen, policy) => {
        let failures = 0;
        let health = UNKNOWN_HEALTH;
        for (const letter of seen) {
          if (letter !== 'n') failures = letter === 'f' ? failures + 1 : 0;
          const [next, transition] = step(health, SEEN[letter], policy);
          health = next;
          if (transition?.to === 'down') expect(failures).toBeGreaterThanOrEqual(policy.failAfter);
          if (failures >= policy.failAfter) expect(health.state).toBe('down');
        }
      }),
    );
  });

  test('is the same with our own faults left out', () => {
    fc.assert(
      fc.property(letters, policies, (seen, policy) => {
        const withThem = run(seen.join(''), UNKNOWN_HEALTH, policy);
        const without = run(seen.filter((letter) => letter !== 'n').join(''), UNKNOWN_HEALTH, policy);
        expect(withThem).toEqual(without);
      }),
    );
  });

  test('comes to up once the target is well for long enough', () => {
    fc.assert(
      fc.property(letters, policies, (seen, policy) => {
        expect(run(`${seen.join('')}${'g'.repeat(30)}`, UNKNOWN_HEALTH, policy)[0].state).toBe('up');
      }),
    );
  });
});
