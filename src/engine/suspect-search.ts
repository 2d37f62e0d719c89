import type { TargetColumns } from '../core/columns.ts';
import { Suspicion } from '../core/suspicion.ts';
import { type Clock, repeat } from '../lib/clock.ts';
import type { Module } from '../settings/settings.ts';

/** How often targets are chosen, and for how many targets the indexes grow each time. Unit: ms, targets. */
const CHOOSE_EVERY_MS = 100;
const BUILD_ROWS = 2_500;
/** So many suspects are kept until the indexes are built. */
const MOST_EARLY = 5_000;

/** Probes, out of turn, what shares something with targets that begin to fail. On the main thread, little at a time. */
export class SuspectSearch implements Disposable {
  private readonly columns: TargetColumns;
  private readonly clock: Clock;
  private readonly recheck: (slots: readonly number[]) => void;
  private readonly timer: Disposable;
  private suspicion: Suspicion | undefined;
  /** Scheduled probes at the ordinary pace. */
  private ratePerS = 0;
  /** Suspects that came before the indexes were built. */
  private early: number[] = [];

  constructor(columns: TargetColumns, clock: Clock, recheck: (slots: readonly number[]) => void) {
    this.columns = columns;
    this.clock = clock;
    this.recheck = recheck;
    this.timer = repeat(clock, CHOOSE_EVERY_MS, () => this.choose());
  }

  /** The columns' targets are others. `pace`: as of an `Assignment`. */
  watch(modules: ReadonlyMap<string, Module>, pace: number): void {
    const members: ConstructorParameters<typeof Suspicion>[0][number][] = [];
    this.ratePerS = 0;
    for (let slot = 0; slot < this.columns.slotCount; slot++) {
      const target = this.columns.targetAt(slot);
      if (target === undefined) continue;
      members.push({ slot, target });
      const intervalMs = modules.get(target.module)?.intervalMs;
      if (intervalMs !== undefined) this.ratePerS += 1_000 / intervalMs;
    }
    this.suspicion = new Suspicion(members, this.ratePerS / pace);
    this.early = [];
  }

  setPace(pace: number): void {
    this.suspicion?.setRate(this.ratePerS / pace);
  }

  suspected(slots: readonly number[]): void {
    if (this.suspicion?.isBuilt !== true) this.early.push(...slots.slice(0, MOST_EARLY - this.early.length));
    else for (const slot of slots) this.suspicion.suspect(slot, this.clock.monotonicMs());
  }

  /** So many probes ended. */
  probed(count: number): void {
    this.suspicion?.probed(count);
  }

  [Symbol.dispose](): void {
    this.timer[Symbol.dispose]();
  }

  private choose(): void {
    const { suspicion, columns } = this;
    if (suspicion === undefined) return;
    if (!suspicion.isBuilt) {
      suspicion.build(BUILD_ROWS);
      return;
    }
    if (this.early.length > 0) this.suspected(this.early.splice(0));
    const slots = suspicion.choose(this.clock.monotonicMs(), {
      lastProbedMs: (slot) => columns.lastRunMonotonicMs[slot] ?? 0,
      isFailing: (slot) => columns.success[slot] === 0,
    });
    if (slots.length > 0) this.recheck(slots);
  }
}
