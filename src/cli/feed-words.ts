import { type AnyReason, REASON_TEXT } from '../core/reason.ts';

/** `REASON_TEXT` for several at once. */
const REASON_OF_MANY: Readonly<Record<AnyReason, string>> = {
  dns: 'their names do not resolve',
  unreachable: 'the network says they cannot be reached',
  'connect-timeout': 'they do not answer connection attempts',
  'connect-refused': 'they refuse connections',
  tls: 'no TLS session comes about',
  'tls-certificate': 'their certificates are not acceptable',
  auth: 'they reject our credentials',
  protocol: 'they connect but do not speak as expected',
  device: 'the devices report a fault',
  host: 'they cannot reach the payment host',
  content: 'they answer with the wrong content',
  slow: 'they answer too slowly',
  stale: 'they have not been checked lately',
  'self-resources': REASON_TEXT['self-resources'],
  'self-network': REASON_TEXT['self-network'],
  'self-resolver': REASON_TEXT['self-resolver'],
  'self-program': REASON_TEXT['self-program'],
  'self-late': REASON_TEXT['self-late'],
  'self-internal': REASON_TEXT['self-internal'],
};

const NOUNS: ReadonlyMap<string, readonly [one: string, many: string]> = new Map([
  ['terminal', ['terminal', 'terminals']],
  ['gateway', ['gateway', 'gateways']],
]);

/** What to call `count` targets of these kinds. */
export function nounFor(kinds: Iterable<string>, count: number): string {
  const [kind, ...others] = new Set(kinds);
  const [one, many] = (others.length === 0 && NOUNS.get(kind ?? '')) || ['target', 'targets'];
  return count === 1 ? one : many;
}

/** `1 store`, `14 stores`. */
export function inStores(count: number): string {
  return count === 1 ? '1 store' : `${count} stores`;
}

/** Why several are not well, as one clause: the reason of most of them. Empty when there is none. */
export function whyMany(reasons: readonly (string | undefined)[]): string {
  const counts = new Map<AnyReason, number>();
  for (const reason of reasons) if (isReason(reason)) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const [most] = Array.from(counts).sort(([, a], [, b]) => b - a);
  if (most === undefined) return '';
  const [reason, count] = most;
  const clause = reasons.length === 1 ? REASON_TEXT[reason] : REASON_OF_MANY[reason];
  return count === reasons.length ? clause : `mostly, ${clause}`;
}

/** `a`, `a and b`, `a, b, c and 4 more`. */
export function nameSome(names: readonly string[], atMost: number): string {
  if (names.length === 1) return names[0] ?? '';
  const shown = names.slice(0, names.length > atMost ? atMost : -1);
  const last = names.length > atMost ? `${names.length - atMost} more` : names.at(-1);
  return `${shown.join(', ')} and ${last}`;
}

function isReason(text: string | undefined): text is AnyReason {
  return text !== undefined && Object.hasOwn(REASON_TEXT, text);
}
