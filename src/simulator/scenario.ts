import type { Clock } from '../lib/clock.ts';
import { unreachable } from '../lib/unreachable.ts';
import type { FaultName } from './faults.ts';
import { rankOf } from './random.ts';
import type { Fault, FaultRequest, Simulator } from './simulator.ts';

/** What a step does. Faults get a name by which a later step ends them. */
export type ScenarioAction =
  | {
      readonly kind: 'break';
      readonly name: string;
      readonly where: Readonly<Record<string, string>>;
      readonly fault: FaultName;
      readonly share?: number;
      /** The stores follow one another over this time, each as a whole. Absent: all at once. Unit: minutes. */
      readonly overMinutes?: number;
    }
  | {
      readonly kind: 'mend';
      readonly name: string;
      /** How much is well again afterwards, 0 to 1, counted from the beginning of the fault. Default all. */
      readonly untilShare?: number;
      readonly overMinutes?: number;
    };

/** Something that happens, at a time of the scenario's day. */
export interface ScenarioStep {
  /** Since midnight. Unit: minutes. */
  readonly atMinutes: number;
  /** What happens, in a plain sentence. */
  readonly tells: string;
  readonly does: readonly ScenarioAction[];
}

/** A day, told in steps. Steps are in order. */
export interface Scenario {
  readonly name: string;
  readonly summary: string;
  /** Unit: minutes since midnight. */
  readonly startsAtMinutes: number;
  readonly endsAtMinutes: number;
  /** Nothing happens for longer than this? Then the rest of the wait is left out. Unit: minutes. */
  readonly longestWaitMinutes: number;
  readonly steps: readonly ScenarioStep[];
}

const at = (hours: number, minutes: number): number => hours * 60 + minutes;

const FRIDAY: Scenario = {
  name: 'friday',
  summary:
    'the Friday before Christmas: every card terminal of the group goes dark at the busiest hour of the year',
  startsAtMinutes: at(14, 0),
  endsAtMinutes: at(21, 0),
  longestWaitMinutes: 10,
  steps: [
    {
      atMinutes: at(14, 0),
      tells: 'Friday 22 December. The last weekend before Christmas begins, and every till is open.',
      does: [],
    },
    {
      atMinutes: at(14, 7),
      tells:
        'In all three chains the card terminals lose their way to the bank, shop after shop within seconds.',
      does: [
        {
          kind: 'break',
          name: 'terminals',
          where: { kind: 'terminal' },
          fault: 'host-unreachable',
          overMinutes: 1,
        },
      ],
    },
    {
      atMinutes: at(14, 20),
      tells:
        'The web shops answer, but with a page about a disruption. Swish works: shops write their number on paper.',
      does: [{ kind: 'break', name: 'web', where: { kind: 'web' }, fault: 'maintenance-page' }],
    },
    {
      atMinutes: at(14, 35),
      tells:
        'The group cuts a part of its shops off the network to stop the attack: nothing there answers any more.',
      does: [
        {
          kind: 'break',
          name: 'cut-off',
          where: { network: 'Klarfiber' },
          fault: 'blackhole',
          overMinutes: 1,
        },
      ],
    },
    {
      atMinutes: at(16, 40),
      tells: 'The shops that were cut off are on the network again. Their terminals still reach no bank.',
      does: [{ kind: 'mend', name: 'cut-off', overMinutes: 5 }],
    },
    {
      atMinutes: at(17, 0),
      tells: 'The first shops take cards again, one after the other.',
      does: [{ kind: 'mend', name: 'terminals', untilShare: 0.3, overMinutes: 15 }],
    },
    {
      atMinutes: at(18, 10),
      tells: 'The next shops come back. Soon two in three take cards again.',
      does: [{ kind: 'mend', name: 'terminals', untilShare: 0.65, overMinutes: 15 }],
    },
    {
      atMinutes: at(18, 30),
      tells: 'Under the load of the evening some of the terminals sway: they answer, fail, and answer again.',
      does: [{ kind: 'break', name: 'swaying', where: { kind: 'terminal' }, fault: 'flap', share: 0.12 }],
    },
    {
      atMinutes: at(19, 40),
      tells: 'The last shops come back.',
      does: [{ kind: 'mend', name: 'terminals', overMinutes: 15 }],
    },
    {
      atMinutes: at(20, 10),
      tells: 'The load falls and the swaying stops.',
      does: [{ kind: 'mend', name: 'swaying' }],
    },
    {
      atMinutes: at(20, 50),
      tells: 'A calm evening: all shops take cards. The web shops stay closed for days.',
      does: [],
    },
  ],
};

const QUIET: Scenario = {
  name: 'quiet',
  summary: 'an ordinary afternoon on which nothing happens',
  startsAtMinutes: at(14, 0),
  endsAtMinutes: at(14, 0),
  longestWaitMinutes: 10,
  steps: [
    {
      atMinutes: at(14, 0),
      tells: 'An ordinary afternoon. Nothing is broken, and nothing will be.',
      does: [],
    },
  ],
};

/** Every scenario by name. */
export const SCENARIOS: ReadonlyMap<string, Scenario> = new Map(
  [FRIDAY, QUIET].map((scenario) => [scenario.name, scenario]),
);

export interface ScenarioOptions {
  /** How many scenario minutes pass in a minute. Above 0. */
  readonly speed: number;
  readonly clock: Clock;
  /** Told of each step as it begins; `time` is the scenario's, as in `14:07`. */
  readonly onStep: (step: { readonly time: string; readonly tells: string }) => void;
  /** Rejects with its reason when it aborts. */
  readonly signal: AbortSignal;
}

/**
 * Lets a day happen to the estate. Resolves at the day's end; faults that the day does not end, and those of a day
 * broken off, stay.
 */
export async function runScenario(
  simulator: Pick<Simulator, 'plan' | 'addFault' | 'removeFault'>,
  scenario: Scenario,
  options: ScenarioOptions,
): Promise<void> {
  const { speed, clock, onStep, signal } = options;
  const faults = new Map<string, Fault>();
  const timeline = planTimeline(scenario, simulator);
  const startedMs = clock.monotonicMs();
  let skippedMinutes = 0;
  let before = scenario.startsAtMinutes;
  const reach = async (atMinutes: number): Promise<void> => {
    skippedMinutes += Math.max(0, atMinutes - before - scenario.longestWaitMinutes);
    before = atMinutes;
    const dueMs = startedMs + ((atMinutes - scenario.startsAtMinutes - skippedMinutes) * 60_000) / speed;
    await wait(dueMs - clock.monotonicMs(), clock, signal);
  };
  for (const { atMinutes, tells, does } of timeline) {
    await reach(atMinutes);
    if (tells !== undefined) onStep({ time: formatTime(atMinutes), tells });
    if (does?.kind === 'start') {
      const added = await simulator.addFault(does.request);
      // A small estate may have nothing that a scenario wants to break; the day goes on without.
      if (added.ok) faults.set(does.key, added.value);
    } else if (does?.kind === 'end') {
      const fault = faults.get(does.key);
      if (fault !== undefined) await simulator.removeFault(fault.id);
    }
  }
  await reach(scenario.endsAtMinutes);
}

/**
 * The day's clock for a run that began at `startedAtMs` (epoch): what time it is in the story at a real time. It runs
 * at `speed`, faster over the waits that are left out, and never backwards. Minutes since midnight.
 */
export function makeStoryClock(
  scenario: Scenario,
  simulator: Pick<Simulator, 'plan'>,
  speed: number,
  startedAtMs: number,
): (realMs: number) => number {
  const msPerMinute = 60_000 / speed;
  const points = [{ realMs: startedAtMs, minutes: scenario.startsAtMinutes }];
  for (const { atMinutes } of [...planTimeline(scenario, simulator), { atMinutes: scenario.endsAtMinutes }]) {
    const last = points.at(-1) ?? { realMs: startedAtMs, minutes: scenario.startsAtMinutes };
    const waitMinutes = Math.min(atMinutes - last.minutes, scenario.longestWaitMinutes);
    if (waitMinutes > 0) points.push({ realMs: last.realMs + waitMinutes * msPerMinute, minutes: atMinutes });
  }
  return (realMs) => {
    const next = points.findIndex((point) => point.realMs > realMs);
    const from = points.at(next === 0 ? 0 : next - 1);
    const to = next > 0 ? points[next] : undefined;
    if (from === undefined) return scenario.startsAtMinutes;
    if (to === undefined) return from.minutes + (realMs - from.realMs) / msPerMinute;
    return from.minutes + ((realMs - from.realMs) / (to.realMs - from.realMs)) * (to.minutes - from.minutes);
  };
}

/** A moment of the day: something to tell, one fault to start or to end. */
interface Moment {
  readonly atMinutes: number;
  readonly tells?: string;
  readonly does?:
    | { readonly kind: 'start'; readonly key: string; readonly request: FaultRequest }
    | { readonly kind: 'end'; readonly key: string };
}

/** The whole day in single moments, in order: what spreads over time goes from store to store. */
export function planTimeline(scenario: Scenario, { plan }: Pick<Simulator, 'plan'>): readonly Moment[] {
  const stores = plan.stores.map(({ id }) => id);
  const spread = stores.toSorted((a, b) => rankOf(1, a) - rankOf(1, b));
  const recovery = stores.toSorted((a, b) => rankOf(2, a) - rankOf(2, b));
  const byStore = new Map<string, readonly string[]>();
  const moments: Moment[] = [];
  for (const { atMinutes, tells, does } of scenario.steps) {
    moments.push({ atMinutes, tells });
    for (const action of does) {
      const { name, overMinutes } = action;
      switch (action.kind) {
        case 'break': {
          const { where, fault, share } = action;
          const request = { where, fault, ...(share === undefined ? {} : { share }) };
          if (overMinutes === undefined) {
            moments.push({ atMinutes, does: { kind: 'start', key: name, request } });
            break;
          }
          byStore.set(name, recovery);
          for (const [index, store] of spread.entries()) {
            const does = {
              kind: 'start',
              key: `${name} ${store}`,
              request: { ...request, where: { ...where, store } },
            } as const;
            moments.push({ atMinutes: atMinutes + (overMinutes * index) / spread.length, does });
          }
          break;
        }
        case 'mend': {
          const left = byStore.get(name);
          if (left === undefined) {
            moments.push({ atMinutes, does: { kind: 'end', key: name } });
            break;
          }
          const stay = Math.round(recovery.length * (1 - (action.untilShare ?? 1)));
          const mended = left.slice(0, Math.max(0, left.length - stay));
          byStore.set(name, left.slice(mended.length));
          for (const [index, store] of mended.entries()) {
            const share = index / mended.length;
            moments.push({
              atMinutes: atMinutes + (overMinutes ?? 0) * share,
              does: { kind: 'end', key: `${name} ${store}` },
            });
          }
          break;
        }
        default:
          unreachable(action);
      }
    }
  }
  return moments.toSorted((a, b) => a.atMinutes - b.atMinutes);
}

function formatTime(minutes: number): string {
  const whole = Math.floor(minutes);
  return [Math.floor(whole / 60), whole % 60].map((part) => String(part).padStart(2, '0')).join(':');
}

async function wait(delayMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (delayMs <= 0) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stop = (): void => reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  using _timer = clock.after(delayMs, resolve);
  try {
    await promise;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
