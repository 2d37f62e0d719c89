/**
 * One user at a time for each name, first come first served: a terminal answers one request at a time, however many
 * targets and callers name it.
 */
export class Turns {
  private readonly last = new Map<string, Promise<void>>();

  /** Names in use. */
  get size(): number {
    return this.last.size;
  }

  /**
   * Waits for the turn; dispose it to let the next one in. Rejects with the signal's reason when that aborts
   * first, the place in the queue given up.
   */
  async take(name: string, signal: AbortSignal): Promise<Disposable> {
    const before = this.last.get(name);
    const turn = Promise.withResolvers<void>();
    const mine = before === undefined ? turn.promise : before.then(() => turn.promise);
    this.last.set(name, mine);
    const leave = (): void => {
      turn.resolve();
      if (this.last.get(name) === mine) this.last.delete(name);
    };
    try {
      if (before !== undefined) await unlessAborted(before, signal);
    } catch (reason) {
      // Those behind wait for those before all the same; only this place is empty.
      turn.resolve();
      void mine.then(leave);
      throw reason;
    }
    return { [Symbol.dispose]: leave };
  }
}

async function unlessAborted(wait: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    await Promise.race([wait, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
