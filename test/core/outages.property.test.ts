import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { EventDraft } from '../../src/core/events.ts';
import { encodeBits, orderedIds } from '../../src/core/evidence.ts';
import type { State } from '../../src/core/health.ts';
import { Outages } from '../../src/core/outages.ts';
import { DEFAULT_METHODS, DEFAULT_TIMING, type Outlook } from '../../src/core/outlook.ts';
import type { Labels } from '../../src/estate/estate.ts';
import type { TargetId } from '../../src/estate/ids.ts';
import { makeChains } from './chains.ts';

const RUNS = 1_000;
const ESTATE = makeChains({ stores: 5, terminals: 3, lines: true, openingHours: 'Mo-Su 07:00-22:00' });
const OUTLOOK: Outlook = { estate: ESTATE, timing: DEFAULT_TIMING, methods: DEFAULT_METHODS };
const IDS = orderedIds(ESTATE);
const BEGIN_MS = Date.parse('2024-02-29T04:00:00Z');
const SELECTORS = ['chain=Solhaga', 'kind=terminal', 'store=S001', 'kind=gateway'];

const PLACES: readonly Labels[] = [
  { kind: 'terminal', chain: 'Solhaga' },
  { kind: 'terminal', acquirer: 'Nordbank' },
  { kind: 'terminal', store: 'S001' },
  { kind: 'gateway', group: 'Solgruppen' },
  { kind: 'wallet' },
  { kind: 'swish' },
  { kind: 'line' },
];

type Step = { readonly afterMs: number } & (
  | { readonly what: 'turn'; readonly of: number; readonly to: State }
  | { readonly what: 'turn-all'; readonly from: number; readonly count: number; readonly to: State }
  | { readonly what: 'turn-place'; readonly place: Labels; readonly share: number; readonly to: State }
  | { readonly what: 'blind' | 'see' | 'evidence' | 'reload' }
  | {
      readonly what: 'maintain' | 'silence';
      readonly selector: string;
      readonly minutes: number;
      readonly isFlexible: boolean;
    }
);

const to = fc.constantFrom<State>('down', 'down', 'up', 'up', 'degraded', 'unknown');
const step: fc.Arbitrary<Step> = fc
  .tuple(
    fc.oneof(
      { weight: 3, arbitrary: fc.constant(0) },
      { weight: 4, arbitrary: fc.integer({ min: 1, max: 5_000 }) },
      { weight: 3, arbitrary: fc.integer({ min: 5_000, max: 200_000 }) },
      { weight: 1, arbitrary: fc.integer({ min: 200_000, max: 7_200_000 }) },
    ),
    fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({ what: fc.constant('turn' as const), of: fc.nat(IDS.length - 1), to }),
      },
      {
        weight: 4,
        arbitrary: fc.record({
          what: fc.constant('turn-all' as const),
          from: fc.nat(IDS.length - 1),
          count: fc.integer({ min: 2, max: IDS.length }),
          to,
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ what: fc.constantFrom('blind' as const, 'see', 'evidence', 'reload') }),
      },
      {
        weight: 5,
        arbitrary: fc.record({
          what: fc.constant('turn-place' as const),
          place: fc.constantFrom(...PLACES),
          share: fc.constantFrom(1, 1, 2, 3),
          to,
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          what: fc.constantFrom('maintain' as const, 'silence' as const),
          selector: fc.constantFrom(...SELECTORS),
          minutes: fc.integer({ min: 1, max: 120 }),
          isFlexible: fc.boolean(),
        }),
      },
    ),
  )
  .map(([afterMs, rest]) => ({ afterMs, ...rest }));
const steps = fc.array(step, { minLength: 1, maxLength: 40 });

/** The journal that these steps would have been written to. */
function inputsOf(all: readonly Step[]): readonly EventDraft[] {
  const states = new Map<TargetId, State>();
  const inputs: EventDraft[] = [];
  let atMs = BEGIN_MS;
  const turn = (id: TargetId | undefined, state: State): void => {
    const target = id === undefined ? undefined : ESTATE.targets.get(id);
    const from = (id === undefined ? undefined : states.get(id)) ?? 'unknown';
    if (target === undefined || from === state) return;
    states.set(target.id, state);
    const reason = state === 'up' ? {} : { reason: 'connect-refused' as const };
    inputs.push({
      atMs,
      kind: 'target-state-changed',
      target: target.id,
      from,
      to: state,
      ...reason,
      message: '',
      sinceMs: atMs - target.id.length * 700,
    });
  };
  for (const [n, one] of all.entries()) {
    atMs += one.afterMs;
    switch (one.what) {
      case 'turn':
        turn(IDS[one.of], one.to);
        break;
      case 'turn-all':
        for (let i = 0; i < one.count; i++) turn(IDS[(one.from + i) % IDS.length], one.to);
        break;
      case 'turn-place': {
        const here = IDS.filter((id) =>
          Object.entries(one.place).every(([name, value]) => ESTATE.targets.get(id)?.labels[name] === value),
        );
        for (let i = 0; i < here.length; i += one.share) turn(here[i], one.to);
        break;
      }
      case 'blind':
      case 'see':
        inputs.push({
          atMs,
          kind: one.what === 'blind' ? 'monitor-blinded' : 'monitor-recovered',
          reason: 'self-network',
          message: '',
          sinceMs: atMs,
        });
        break;
      case 'reload':
        inputs.push({
          atMs,
          kind: 'config-reloaded',
          message: '',
          targetsAdded: 0,
          targetsRemoved: 0,
          targetsChanged: 0,
        });
        break;
      case 'evidence': {
        const bits = new Uint8Array(Math.ceil(IDS.length / 8));
        for (const [i, id] of IDS.entries()) {
          if (states.get(id) === 'down') bits[i >> 3] = (bits[i >> 3] ?? 0) | (1 << (i & 7));
        }
        const answering = bits.map((byte) => ~byte);
        inputs.push({
          atMs,
          kind: 'evidence-gathered',
          sinceMs: atMs - 10_000,
          answering: encodeBits(answering),
          failing: encodeBits(bits),
        });
        break;
      }
      default: {
        const span = {
          id: `${one.what}-${n}`,
          selector: one.selector,
          startsAtMs: atMs,
          endsAtMs: atMs + one.minutes * 60_000,
          by: 'Ebba',
          comment: 'Work',
        };
        if (one.what === 'silence') inputs.push({ atMs, kind: 'silence-started', silence: span });
        else {
          const maintenance = one.isFlexible ? { ...span, flexibleMs: 600_000 } : span;
          inputs.push({ atMs, kind: 'maintenance-planned', maintenance });
        }
      }
    }
  }
  return inputs;
}

const END_MS = 40 * 3_600_000;

function run(inputs: readonly EventDraft[], endMs = endOf(inputs)): readonly EventDraft[] {
  const fold = new Outages(OUTLOOK);
  const out = inputs.flatMap((input) => fold.apply(input));
  return [...out, ...fold.advanceTo(endMs)];
}

function endOf(inputs: readonly EventDraft[]): number {
  return (inputs.at(-1)?.atMs ?? BEGIN_MS) + END_MS;
}

/** A gateway's lone incident takes on its line; then the gateway proves to be part of an outage of gateways. */
const LINE_AND_GATEWAYS: Step[] = [
  { afterMs: 7_177_777, what: 'maintain', selector: 'chain=Solhaga', minutes: 1, isFlexible: false },
  {
    afterMs: 354,
    what: 'turn-place',
    place: { kind: 'gateway', group: 'Solgruppen' },
    share: 1,
    to: 'down',
  },
  { afterMs: 6_339, what: 'turn-place', place: { kind: 'terminal', chain: 'Solhaga' }, share: 1, to: 'down' },
  { afterMs: 3_530, what: 'turn', of: 22, to: 'down' },
];

describe('The fold of outages', () => {
  test('opens and resolves each incident by turns, and keeps no target in two that are open', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const inputs = inputsOf(all);
        const fold = new Outages(OUTLOOK);
        const open = new Set<string>();
        const check = (events: readonly EventDraft[]): void => {
          for (const event of events) {
            if (!('incident' in event)) continue;
            const { id } = event.incident;
            expect(open.has(id)).toBe(event.kind !== 'incident-opened');
            if (event.kind === 'incident-opened') open.add(id);
            if (event.kind === 'incident-resolved') open.delete(id);
          }
          expect(new Set(fold.incidents().map(({ id }) => id))).toEqual(open);
          // What an incident holds and what a failure says it is part of are the same.
          const { book, failures } = fold.save();
          const held = book.open.flatMap(({ incident, symptoms, behind }) =>
            [...symptoms, ...behind].map((target) => `${target} ${incident.id}`),
          );
          const said = failures.flatMap(([target, { incident }]) =>
            incident === undefined ? [] : [`${target} ${incident}`],
          );
          expect(held.toSorted(byText)).toEqual(said.toSorted(byText));
        };
        for (const input of inputs) check(fold.apply(input));
        check(fold.advanceTo(endOf(inputs)));
      }),
      { numRuns: RUNS, examples: [[LINE_AND_GATEWAYS]] },
    );
  });

  test('ends everything, and waits for nothing, once all is seen to be well', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const inputs = inputsOf(all);
        const fold = new Outages(OUTLOOK);
        for (const input of inputs) fold.apply(input);
        const atMs = (inputs.at(-1)?.atMs ?? BEGIN_MS) + 1_000;
        fold.apply({ atMs, kind: 'monitor-recovered', reason: 'self-network', message: '', sinceMs: atMs });
        for (const target of IDS) {
          fold.apply({
            atMs,
            kind: 'target-state-changed',
            target,
            from: 'down',
            to: 'up',
            message: '',
            sinceMs: atMs,
          });
        }
        fold.advanceTo(atMs + END_MS);
        expect(fold.incidents()).toEqual([]);
        expect(fold.nextDueMs).toBeUndefined();
        expect(fold.save()).toMatchObject({ failures: [], pending: [], settleAtMs: null, moment: null });
      }),
      { numRuns: RUNS },
    );
  });

  test('leaves nothing of an outage that begins and ends within maintenance', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const endsAtMs = BEGIN_MS + 365 * 86_400_000;
        const span = {
          id: 'all',
          selector: 'kind!=nothing',
          startsAtMs: 0,
          endsAtMs,
          by: 'Ebba',
          comment: 'Work',
        };
        const turns = all.filter(({ what }) => what === 'turn' || what === 'turn-all');
        const inputs: EventDraft[] = [
          { atMs: BEGIN_MS - 1, kind: 'maintenance-planned', maintenance: span },
          ...inputsOf(turns),
        ];
        const atMs = (inputs.at(-1)?.atMs ?? BEGIN_MS) + 1;
        for (const target of IDS) {
          inputs.push({
            atMs,
            kind: 'target-state-changed',
            target,
            from: 'down',
            to: 'up',
            message: '',
            sinceMs: atMs,
          });
        }
        const fold = new Outages(OUTLOOK);
        const out = inputs.flatMap((input) => fold.apply(input)).concat(fold.advanceTo(atMs + 10_000));
        expect(out.filter((event) => 'incident' in event)).toEqual([]);
        expect(fold.nextDueMs).toBeUndefined();
        expect(fold.save()).toMatchObject({ failures: [], pending: [], book: { open: [], closed: [] } });
      }),
      { numRuns: RUNS },
    );
  });

  test('says the same whatever order the inputs of one moment come in', () => {
    fc.assert(
      fc.property(steps, fc.infiniteStream(fc.nat()), (all, randoms) => {
        const inputs = inputsOf(all);
        const moments = Map.groupBy(inputs, ({ atMs }) => atMs).values();
        const shuffled = moments.toArray().flatMap((moment) => {
          // What is said of one target, or of our sight, twice at one moment keeps its order.
          const keys = new Map<string, number>();
          return moment
            .map((input) => {
              const key =
                'target' in input ? input.target : input.kind.startsWith('monitor') ? 'sight' : undefined;
              const before = key === undefined ? undefined : keys.get(key);
              const place = before === undefined ? (randoms.next().value ?? 0) % 1_000 : before + 1e-6;
              if (key !== undefined) keys.set(key, place);
              return { input, place };
            })
            .sort((a, b) => a.place - b.place)
            .map(({ input }) => input);
        });
        expect(told(run(shuffled))).toEqual(told(run(inputs)));
      }),
      { numRuns: RUNS },
    );
  });

  test('says the same in whatever pieces time passes, and after a restart at any point', () => {
    fc.assert(
      fc.property(steps, fc.infiniteStream(fc.nat(99)), (all, randoms) => {
        const inputs = inputsOf(all);
        let fold = new Outages(OUTLOOK);
        const out: EventDraft[] = [];
        let nowMs = BEGIN_MS;
        const chance = (percent: number): boolean => (randoms.next().value ?? 0) < percent;
        const restart = (): void => {
          if (chance(30)) fold = Outages.revive(JSON.parse(JSON.stringify(fold.save())), OUTLOOK);
        };
        const walkTo = (endMs: number): void => {
          for (let n = 0; n < 20 && chance(60); n++) {
            const dueMs = fold.nextDueMs;
            const nextMs =
              chance(50) && dueMs !== undefined ? dueMs + (chance(50) ? 1 : 0) : nowMs + (endMs - nowMs) / 3;
            if (nextMs >= endMs || nextMs < nowMs) break;
            nowMs = Math.floor(nextMs);
            out.push(...fold.advanceTo(nowMs));
            if (chance(50)) fold.incidents();
            restart();
          }
          nowMs = endMs;
        };
        for (const input of inputs) {
          walkTo(input.atMs);
          out.push(...fold.apply(input));
          restart();
        }
        const endMs = endOf(inputs);
        walkTo(endMs);
        out.push(...fold.advanceTo(endMs));
        expect(out).toEqual(run(inputs));
      }),
      { numRuns: RUNS },
    );
  });
});

/** What matters of events: those of one moment may be told in another order. */
function told(events: readonly EventDraft[]): readonly string[] {
  return events.map((event) => JSON.stringify(event)).sort();
}

function byText(a: string, b: string): number {
  return a < b ? -1 : 1;
}
