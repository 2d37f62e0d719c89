import { formatDuration } from '../lib/duration.ts';
import { unreachable } from '../lib/unreachable.ts';
import { throwUnlessTimeout } from './deadline.ts';
import type { Fault } from './fault.ts';
import type { Resolved } from './resolve.ts';

/** Whose fault it is that `host` came to no address. Throws the signal's reason for an abort that is no time-out. */
export function resolveFault(
  resolved: Exclude<Resolved, { readonly kind: 'address' }>,
  host: string,
  lookupMs: number,
  signal: AbortSignal,
): Fault {
  switch (resolved.kind) {
    case 'failed':
      return { kind: 'failed', reason: 'dns', message: resolved.message };
    case 'no-answer':
      return { kind: 'inconclusive', reason: 'self-resolver', message: resolved.message };
    case 'aborted': {
      throwUnlessTimeout(signal);
      const message = `The name server of this machine gives no answer about ${host} within ${formatDuration(lookupMs)}`;
      return { kind: 'inconclusive', reason: 'self-resolver', message };
    }
    default:
      return unreachable(resolved);
  }
}
