/** Throws the signal's reason if it was aborted for anything but the probe's own deadline. */
export function throwUnlessTimeout(signal: AbortSignal): void {
  if (signal.aborted && !isTimeout(signal.reason)) throw signal.reason;
}

/** Whether an abort's reason says that time ran out, as that of `AbortSignal.timeout` does. */
export function isTimeout(reason: unknown): boolean {
  return Error.isError(reason) && reason.name === 'TimeoutError';
}
