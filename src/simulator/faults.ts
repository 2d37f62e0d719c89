import type { TargetKind } from './estate-plan.ts';

/** Every fault that the simulator knows (public contract). */
export const FAULT_NAMES = [
  'refuse',
  'blackhole',
  'reset',
  'slow',
  'hang',
  'garbage',
  'tls-expired',
  'tls-wrong-name',
  'http-500',
  'maintenance-page',
  'busy',
  'host-unreachable',
  'wrong-key',
  'flap',
] as const;
export type FaultName = (typeof FAULT_NAMES)[number];

interface FaultMeaning {
  /** What happens, for a person. */
  readonly summary: string;
  /** The kinds of target that can show it. */
  readonly fits: readonly TargetKind[];
}

const ALL: readonly TargetKind[] = ['terminal', 'gateway', 'swish', 'web'];
/** What speaks TLS and HTTP. A gateway only accepts connections: a check of it would see nothing of these. */
const SPEAKING: readonly TargetKind[] = ['terminal', 'swish', 'web'];

/** What each fault does, and on which kinds of target it can be seen. */
export const FAULTS: Readonly<Record<FaultName, FaultMeaning>> = {
  refuse: { summary: 'nobody listens: connections are refused, open ones are reset', fits: ALL },
  blackhole: { summary: 'connection attempts are swallowed without an answer', fits: ALL },
  reset: { summary: 'connections are accepted and reset at once', fits: ALL },
  slow: { summary: 'answers come after latencyMs; connecting and TLS stay quick', fits: SPEAKING },
  hang: { summary: 'connections are accepted and nothing is ever said, not even TLS', fits: SPEAKING },
  garbage: { summary: 'after a good TLS handshake, bytes that are no HTTP', fits: SPEAKING },
  'tls-expired': { summary: 'shows a certificate that ran out three days ago', fits: SPEAKING },
  'tls-wrong-name': { summary: 'shows a certificate for another name', fits: SPEAKING },
  'http-500': { summary: 'answers HTTP 500', fits: SPEAKING },
  'maintenance-page': { summary: 'answers 200 with a page that tells of a disruption', fits: ['web'] },
  busy: { summary: 'serves a customer all the time: GlobalStatus Busy', fits: ['terminal'] },
  'host-unreachable': {
    summary: 'the terminal is well but cannot reach its acquirer; unsent payments pile up',
    fits: ['terminal'],
  },
  'wrong-key': {
    summary:
      'a terminal holds another passphrase (encrypted ones only); Swish knows our certificate no more (401)',
    fits: ['terminal', 'swish'],
  },
  flap: {
    summary: 'refuses connections and is well again by turns, one monitoring interval each',
    fits: ALL,
  },
};
