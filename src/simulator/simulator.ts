import type { Result } from '../lib/result.ts';
import type { Certificates } from './certificates.ts';
import type { EstatePlan, PlannedTarget } from './estate-plan.ts';
import type { FaultName } from './faults.ts';
import type { ViolationReport } from './live-target.ts';

/** What to break. */
export interface FaultRequest {
  /** Labels that must all hold, `kind` and `target` among them. Empty: everything that the fault fits. */
  readonly where: Readonly<Record<string, string>>;
  readonly fault: FaultName;
  /** Part of the matching targets, 0 to 1; always the same ones, a larger share including a smaller. Default 1. */
  readonly share?: number;
  /** For `slow` only. Unit: ms. Default 3_000. */
  readonly latencyMs?: number;
  /** After this the fault ends by itself. */
  readonly forSeconds?: number;
}

/** A fault that lies on targets. */
export interface Fault extends FaultRequest {
  readonly id: string;
  readonly targets: readonly string[];
  /** Epoch ms, UTC. */
  readonly atMs: number;
}

/** Why nothing was broken, and which part of the request to change. */
export interface FaultProblem {
  readonly code: 'unknown-label' | 'no-target' | 'fault-does-not-fit';
  readonly message: string;
  readonly field: string;
}

/** Something a monitor must never do. */
export interface Violation extends ViolationReport {
  readonly target: string;
  /** Epoch ms, UTC. */
  readonly atMs: number;
}

/** A target that runs. */
export interface SimulatedTarget extends PlannedTarget {
  /** On 127.0.0.1; the same for as long as the simulator runs. */
  readonly port: number;
}

/** A fictional estate that speaks the real protocols on 127.0.0.1 and breaks on command. */
export interface Simulator extends AsyncDisposable {
  readonly plan: EstatePlan;
  readonly targets: readonly SimulatedTarget[];
  readonly certificates: Certificates;
  /** How often a monitor is expected to look; `flap` keeps step with it. Unit: ms. */
  readonly intervalMs: number;
  /** Resolves when the fault can be felt. A newer fault hides an older one on the same target until it ends. */
  addFault(request: FaultRequest): Promise<Result<Fault, FaultProblem>>;
  /** Resolves when the fault can no longer be felt; undefined: there is no such fault. */
  removeFault(id: string): Promise<Fault | undefined>;
  /** Those in force, oldest first. */
  faults(): readonly Fault[];
  /** How many there were in all, and the newest thousand. */
  violations(): { readonly total: number; readonly newest: readonly Violation[] };
  /**
   * Writes a ready configuration to `dir`, made if need be: `kassavakt.yaml`, both CSV files and the secrets. Other
   * files there stay. Resolves with the configuration's path.
   */
  writeConfig(dir: string): Promise<string>;
}
