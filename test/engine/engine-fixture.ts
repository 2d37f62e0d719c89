import { TargetColumns } from '../../src/core/columns.ts';
import { restoreHealth } from '../../src/core/health.ts';
import type { AnyReason } from '../../src/core/reason.ts';
import { CanaryReadings } from '../../src/core/sight.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { type Assignment, Engine, type RunningModule, type SlotChange } from '../../src/engine/engine.ts';
import type { Estate, Target } from '../../src/estate/estate.ts';
import { toStoreId, toTargetId } from '../../src/estate/ids.ts';
import type { Probe, ProbeRequest } from '../../src/probes/probe.ts';
import type { Module } from '../../src/settings/settings.ts';
import { FakeClock } from '../tools/fake-clock.ts';

export const MODULE: Module = {
  name: 'terminal',
  prober: 'tcp',
  intervalMs: 30_000,
  timeoutMs: 5_000,
  retryIntervalMs: 2_000,
  policy: { failAfter: 3, recoverAfter: 2, slowAfterMs: 1_000 },
  detailedMetrics: false,
  options: {},
};
export const LIMITS = {
  maxInFlight: 1_000,
  maxInFlightPerStore: 4,
  maxInFlightPerNetwork: Number.POSITIVE_INFINITY,
};
export const GOOD: Outcome = { kind: 'answered', durationMs: 3, message: 'It answers in 3 ms.' };
export const REFUSED: Outcome = {
  kind: 'failed',
  reason: 'connect-refused',
  durationMs: 1,
  message: 'It refuses connections.',
};
export const OURS: Outcome = { kind: 'inconclusive', reason: 'self-resources', message: 'No socket left.' };

type Answer = Outcome | 'hang';

/** A probe whose answers the test sets for each target; `hang` waits for the deadline as a real one does. */
class ScriptedProbe implements Probe {
  readonly answers = new Map<string, Answer>();
  readonly started: { readonly id: string; readonly atMs: number }[] = [];
  readonly running = new Set<string>();
  private readonly clock: FakeClock;

  constructor(clock: FakeClock) {
    this.clock = clock;
  }

  async run(request: ProbeRequest, signal: AbortSignal) {
    if (this.running.has(request.targetId)) throw new Error(`${request.targetId} is probed twice at once`);
    this.started.push({ id: request.targetId, atMs: this.clock.monotonicMs() });
    this.running.add(request.targetId);
    try {
      const answer = this.answers.get(request.targetId) ?? GOOD;
      const outcome = answer === 'hang' ? await hang(signal) : answer;
      return { outcome, phases: [], samples: [], trail: [] };
    } finally {
      this.running.delete(request.targetId);
    }
  }

  async [Symbol.asyncDispose]() {}
}

function hang(signal: AbortSignal): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => {
      if (signal.reason.name !== 'TimeoutError') reject(signal.reason);
      else resolve({ kind: 'failed', reason: 'connect-timeout', durationMs: 5_000, message: 'No answer.' });
    });
  });
}

export function target(id: string, store?: string): Target {
  const place = store === undefined ? {} : { store: toStoreId(store) };
  return {
    id: toTargetId(id),
    module: 'terminal',
    address: '127.0.0.1:1',
    kind: 'terminal',
    labels: {},
    ...place,
  };
}

export const estateOf = (...targets: Target[]): Estate => ({
  stores: new Map(),
  targets: new Map(targets.map((each) => [each.id, each])),
});

export function setUp(
  estate: Estate,
  options: { module?: Module; restore?: Record<string, 'up' | 'down'> } = {},
) {
  const clock = new FakeClock();
  const probe = new ScriptedProbe(clock);
  const columns = new TargetColumns();
  const changes: (SlotChange & { readonly target: Target })[] = [];
  const lateness: number[] = [];
  const messages = new Map<number, string>();
  const readings = new CanaryReadings();
  const suspects: string[] = [];
  const hooks = {
    suspected: (_slot: number): void => undefined,
    probed: (_reason: AnyReason | undefined, _isOverruled: boolean): void => undefined,
  };
  const engine = new Engine(columns, readings, LIMITS, clock, {
    changed(change) {
      const target = columns.targetAt(change.slot);
      if (target !== undefined) changes.push({ ...change, target });
    },
    probed(_kind, reason, latenessMs, isOverruled) {
      lateness.push(latenessMs);
      hooks.probed(reason, isOverruled);
    },
    suspected(slot) {
      suspects.push(columns.targetAt(slot)?.id ?? '');
      hooks.suspected(slot);
    },
    reasonChanged: (slot, message) => messages.set(slot, message),
    sampled: () => undefined,
  });
  const running: RunningModule = { module: options.module ?? MODULE, probe };
  const assign = (assignment: Partial<Assignment>) =>
    engine.assign({
      put: [],
      drop: [],
      modules: new Map([['terminal', running]]),
      limits: LIMITS,
      canaries: estate.canaries ?? [],
      pace: 1,
      ...assignment,
    });
  const add = (target: Target) => {
    const state = options.restore?.[target.id] ?? 'unknown';
    const health = restoreHealth(state, state === 'down' ? 'connect-refused' : undefined);
    return { slot: columns.add(target, health, clock.monotonicMs(), 1), target };
  };
  assign({ put: Array.from(estate.targets.values(), add) });
  const stateOf = (id: string) => columns.stateAt(columns.slotOf(toTargetId(id)) ?? -1);
  const said = () => changes.map(({ target: { id }, transition }) => `${id} ${transition.to}`);
  return {
    clock,
    probe,
    readings,
    suspects,
    hooks,
    columns,
    changes,
    lateness,
    messages,
    engine,
    assign,
    add,
    stateOf,
    said,
  };
}
