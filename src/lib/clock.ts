/** A pending timer. Disposing it twice, or after it fired, does nothing. */
export type Timer = Disposable;

/**
 * Time for the shell; the core takes time as an argument.
 * `nowMs` is the wall clock (epoch ms, UTC) and may jump; `monotonicMs` never goes back, is the
 * same for every thread, and has no meaning outside this process. Intervals and time-outs use `monotonicMs`, stamps use `nowMs`.
 */
export interface Clock {
  nowMs(): number;
  monotonicMs(): number;
  /** Calls `fire` once after at least `delayMs` (0 or more). Holds the process open until disposed. */
  after(delayMs: number, fire: () => void): Timer;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  // The same for every thread of the process, which `performance.now()` is not.
  monotonicMs: () => {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1_000 + nanoseconds / 1e6;
  },
  after(delayMs, fire) {
    const handle = setTimeout(fire, delayMs);
    return { [Symbol.dispose]: () => clearTimeout(handle) };
  },
};

/** Calls `act` about every `intervalMs` until disposed, `act` itself included. */
export function repeat(clock: Clock, intervalMs: number, act: () => void): Disposable {
  const again = (): Timer =>
    clock.after(intervalMs, () => {
      timer = again();
      act();
    });
  let timer = again();
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}
