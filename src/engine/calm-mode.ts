import type { Clock, Timer } from '../lib/clock.ts';

/** Calm is a quarter of the rate. */
export const CALM_PACE = 4;

/**
 * Calm mode: after an attack the network is loaded, and probing drops to a quarter of its rate for a time. It always
 * ends by itself.
 */
export class CalmMode implements Disposable {
  private readonly clock: Clock;
  private readonly setPace: (pace: number) => void;
  private end: { readonly atMs: number; readonly timer: Timer } | undefined;

  constructor(clock: Clock, setPace: (pace: number) => void) {
    this.clock = clock;
    this.setPace = setPace;
  }

  /** When it ends. Epoch ms, UTC; undefined: it is not calm. */
  get untilMs(): number | undefined {
    return this.end?.atMs;
  }

  get pace(): number {
    return this.end === undefined ? 1 : CALM_PACE;
  }

  /** Calm until then; a time that has passed, or undefined, ends it at once. */
  set(untilMs: number | undefined): void {
    this.end?.timer[Symbol.dispose]();
    this.end = undefined;
    const leftMs = untilMs === undefined ? 0 : untilMs - this.clock.nowMs();
    if (untilMs !== undefined && leftMs > 0) {
      this.end = { atMs: untilMs, timer: this.clock.after(leftMs, () => this.set(undefined)) };
    }
    this.setPace(this.pace);
  }

  [Symbol.dispose](): void {
    this.end?.timer[Symbol.dispose]();
  }
}
