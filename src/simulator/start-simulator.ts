import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../lib/clock.ts';
import { err, ok, type Result } from '../lib/result.ts';
import { suggest } from '../lib/suggest.ts';
import { BlackHole } from './black-hole.ts';
import { type Certificates, makeCertificates } from './certificates.ts';
import { deriveKey } from './envelope.ts';
import { type EstatePlan, type PlannedTarget, planEstate } from './estate-plan.ts';
import { FAULTS, type FaultName } from './faults.ts';
import { Fronts } from './fronts.ts';
import { LiveTarget, type ViolationReport, type World } from './live-target.ts';
import { PortPool } from './ports.ts';
import { rankOf } from './random.ts';
import type {
  Fault,
  FaultProblem,
  FaultRequest,
  SimulatedTarget,
  Simulator,
  Violation,
} from './simulator.ts';
import { type Metrics, writeConfig } from './write-config.ts';

export interface SimulatorOptions {
  /** 1 or more. */
  readonly stores: number;
  /** In all; 1 or more. */
  readonly terminals: number;
  /** The same seed gives the same estate. Whole number. */
  readonly seed: number;
  readonly clock: Clock;
  /** Unit: ms, 1_000 or more. Default 5_000. */
  readonly intervalMs?: number;
  /** How much of each target the written configuration has exported. Default basic. */
  readonly metrics?: Metrics;
}

/** The key that the encrypted terminals share with whoever has the passphrase. */
export const NEXO_KEY = {
  identifier: 'simulated-estate',
  version: 1,
  passphrase: 'the tills of Solhaga sing at noon',
} as const;
const OTHER_PASSPHRASE = 'a key that nobody was given';

const DEFAULT_INTERVAL_MS = 5_000;
const DEFAULT_LATENCY_MS = 3_000;
const KEPT_VIOLATIONS = 1_000;
/** How many ports are opened between two turns of the event loop. */
const STARTED_AT_ONCE = 200;

/** Starts the estate. Rejects with `PortsExhausted` when this machine has too few free ports. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const simulation = new Simulation(options, await makeCertificates(options.clock));
  try {
    await simulation.start();
  } catch (error) {
    await simulation[Symbol.asyncDispose]();
    throw error;
  }
  return simulation;
}

class Simulation implements Simulator {
  readonly plan: EstatePlan;
  readonly certificates: Certificates;
  readonly intervalMs: number;
  targets: readonly SimulatedTarget[] = [];

  private readonly clock: Clock;
  private readonly seed: number;
  private readonly metrics: Metrics;
  private readonly blackHole = new BlackHole();
  private readonly live = new Map<string, LiveTarget>();
  private readonly byPort = new Map<number, LiveTarget>();
  private readonly active = new Map<string, { readonly fault: Fault; readonly end?: Disposable }>();
  private readonly newestViolations: Violation[] = [];
  private violationCount = 0;
  private faultCount = 0;
  private pool: PortPool | undefined;

  constructor(options: SimulatorOptions, certificates: Certificates) {
    this.plan = planEstate(options.stores, options.terminals, options.seed);
    this.certificates = certificates;
    this.intervalMs = options.intervalMs ?? DEFAULT_INTERVAL_MS;
    this.clock = options.clock;
    this.seed = options.seed;
    this.metrics = options.metrics ?? 'basic';
  }

  async start(): Promise<void> {
    this.pool = await PortPool.open(this.plan.targets.length);
    const world: World = {
      clock: this.clock,
      seed: this.seed,
      intervalMs: this.intervalMs,
      fronts: new Fronts(this.certificates, (request, response) => this.serve(request, response)),
      pool: this.pool,
      blackHole: this.blackHole,
      rightKey: deriveKey(NEXO_KEY.identifier, NEXO_KEY.version, NEXO_KEY.passphrase),
      wrongKey: deriveKey(NEXO_KEY.identifier, NEXO_KEY.version, OTHER_PASSPHRASE),
      report: (target, violation) => this.report(target, violation),
    };
    for (let from = 0; from < this.plan.targets.length; from += STARTED_AT_ONCE) {
      const batch = this.plan.targets.slice(from, from + STARTED_AT_ONCE);
      await Promise.all(batch.map((plan) => this.startTarget(plan, world)));
    }
    this.targets = this.plan.targets.map((plan) => ({ ...plan, port: this.live.get(plan.id)?.port ?? 0 }));
  }

  async addFault(request: FaultRequest): Promise<Result<Fault, FaultProblem>> {
    const targets = this.choose(request);
    if (!targets.ok) return targets;
    const fault: Fault = {
      ...request,
      id: `f${++this.faultCount}`,
      targets: targets.value,
      atMs: this.clock.nowMs(),
    };
    const active = {
      id: fault.id,
      name: request.fault,
      latencyMs: request.latencyMs ?? DEFAULT_LATENCY_MS,
      startedMonotonicMs: this.clock.monotonicMs(),
    };
    const end =
      request.forSeconds === undefined
        ? undefined
        : this.clock.after(request.forSeconds * 1_000, () => void this.removeFault(fault.id));
    this.active.set(fault.id, { fault, ...(end === undefined ? {} : { end }) });
    await Promise.all(this.liveTargets(fault).map((target) => target.add(active)));
    return ok(fault);
  }

  async removeFault(id: string): Promise<Fault | undefined> {
    const removed = this.active.get(id);
    if (removed === undefined) return undefined;
    this.active.delete(id);
    removed.end?.[Symbol.dispose]();
    await Promise.all(this.liveTargets(removed.fault).map((target) => target.remove(id)));
    return removed.fault;
  }

  faults(): readonly Fault[] {
    return Array.from(this.active.values(), ({ fault }) => fault);
  }

  violations(): { readonly total: number; readonly newest: readonly Violation[] } {
    return { total: this.violationCount, newest: [...this.newestViolations] };
  }

  writeConfig(dir: string): Promise<string> {
    return writeConfig(dir, this, NEXO_KEY, this.metrics);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { end } of this.active.values()) end?.[Symbol.dispose]();
    this.active.clear();
    await Promise.all(Array.from(this.live.values(), (target) => target[Symbol.asyncDispose]()));
    await this.blackHole[Symbol.asyncDispose]();
    await this.pool?.[Symbol.asyncDispose]();
  }

  private liveTargets({ targets }: Fault): readonly LiveTarget[] {
    return targets.flatMap((id) => this.live.get(id) ?? []);
  }

  private async startTarget(plan: PlannedTarget, world: World): Promise<void> {
    const target = await LiveTarget.start(plan, world);
    this.live.set(plan.id, target);
    this.byPort.set(target.port, target);
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    const target = this.byPort.get(request.socket.localPort ?? 0);
    if (target === undefined) request.socket.destroy();
    else target.serve(request, response);
  }

  private report(target: string, violation: ViolationReport): void {
    this.violationCount++;
    this.newestViolations.push({ target, atMs: this.clock.nowMs(), ...violation });
    if (this.newestViolations.length > KEPT_VIOLATIONS) this.newestViolations.shift();
  }

  private choose({ where, fault, share = 1 }: FaultRequest): Result<readonly string[], FaultProblem> {
    const wanted = Object.entries(where);
    const unknown = this.findUnknown(wanted);
    if (unknown !== undefined) return err(unknown);
    const matching = this.plan.targets.filter(({ labels }) =>
      wanted.every(([name, value]) => labels[name] === value),
    );
    if (matching.length === 0) {
      const message = `no target has all of ${JSON.stringify(where)}; each value exists, but not together`;
      return err({ code: 'no-target', message, field: 'where' });
    }
    const fitting = matching.filter((target) => fits(fault, target));
    if (fitting.length === 0) {
      const kinds = Array.from(new Set(matching.map(({ kind }) => kind))).join(', ');
      const encrypted =
        fault === 'wrong-key' ? ' (of terminals, only those whose messages are encrypted)' : '';
      const message =
        `"${fault}" fits ${FAULTS[fault].fits.join(', ')}${encrypted}, but none of the ` +
        `${matching.length} matching targets (${kinds}) can have it`;
      return err({ code: 'fault-does-not-fit', message, field: 'fault' });
    }
    const count = share === 0 ? 0 : Math.max(1, Math.round(share * fitting.length));
    if (count === fitting.length) return ok(fitting.map(({ id }) => id));
    return ok(
      fitting
        .map(({ id }) => ({ id, rank: rankOf(this.seed, id) }))
        .sort((a, b) => a.rank - b.rank)
        .slice(0, count)
        .map(({ id }) => id),
    );
  }

  private findUnknown(wanted: readonly (readonly [string, string])[]): FaultProblem | undefined {
    for (const [name, value] of wanted) {
      const values = new Set(this.plan.targets.flatMap(({ labels }) => labels[name] ?? []));
      if (values.size === 0) {
        const names = new Set(this.plan.targets.flatMap(({ labels }) => Object.keys(labels)));
        const message = `no target has a label "${name}"${hint(name, names, 'the labels are')}`;
        return { code: 'unknown-label', message, field: `where.${name}` };
      }
      if (!values.has(value)) {
        const message = `no target has ${name} "${value}"${hint(value, values, 'the values are')}`;
        return { code: 'no-target', message, field: `where.${name}` };
      }
    }
    return undefined;
  }
}

function fits(fault: FaultName, { kind, device }: PlannedTarget): boolean {
  if (fault === 'wrong-key' && device?.isEncrypted === false) return false;
  return FAULTS[fault].fits.includes(kind);
}

/** The nearest of `choices`, or all of them when they are few. */
function hint(word: string, choices: ReadonlySet<string>, introduction: string): string {
  const nearest = suggest(word, choices);
  if (nearest !== undefined) return `; did you mean "${nearest}"?`;
  return choices.size > 16 ? '' : `; ${introduction} ${Array.from(choices).join(', ')}`;
}
