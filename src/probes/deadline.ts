/** After an abort: throws the signal's reason unless that is the probe's own deadline. */
export function throwUnlessTimeout(signal: AbortSignal): void {
  const { reason } = signal as { readonly reason: unknown };
  if (!(Error.isError(reason) && reason.name === 'TimeoutError')) throw reason;
}
