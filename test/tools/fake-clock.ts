import type { Clock } from '../../src/lib/clock.ts';

/** A clock that stands still until told. `advance` fires the timers in their order, each at its own time. */
export class FakeClock implements Clock {
  private monotonic = 0;
  private wall: number;
  private readonly timers = new Set<{ readonly atMs: number; readonly fire: () => void }>();

  constructor(wallMs = Date.UTC(2023, 11, 22, 13, 0, 0)) {
    this.wall = wallMs;
  }

  nowMs(): number {
    return this.wall;
  }

  monotonicMs(): number {
    return this.monotonic;
  }

  after(delayMs: number, fire: () => void): Disposable {
    const timer = { atMs: this.monotonic + delayMs, fire };
    this.timers.add(timer);
    return { [Symbol.dispose]: () => this.timers.delete(timer) };
  }

  /** Sets the wall clock alone, as an administrator or NTP might. */
  jumpWall(byMs: number): void {
    this.wall += byMs;
  }

  /** Lets `byMs` pass with every timer late: they fire only at the end. */
  freeze(byMs: number): void {
    this.monotonic += byMs;
    this.wall += byMs;
  }

  /** Lets `byMs` pass. Promises settled by a timer are let through before the next timer fires. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.monotonic + byMs;
    for (;;) {
      await settlePromises();
      const next = Array.from(this.timers)
        .filter(({ atMs }) => atMs <= endMs)
        .reduce<{ atMs: number; fire: () => void } | undefined>(
          (first, timer) => (first === undefined || timer.atMs < first.atMs ? timer : first),
          undefined,
        );
      if (next === undefined) break;
      const passed = Math.max(0, next.atMs - this.monotonic);
      this.monotonic += passed;
      this.wall += passed;
      for (const timer of this.timers) if (timer === next) this.timers.delete(timer);
      next.fire();
    }
    const rest = Math.max(0, endMs - this.monotonic);
    this.monotonic += rest;
    this.wall += rest;
    await settlePromises();
  }
}

function settlePromises(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
