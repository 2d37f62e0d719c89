import { type AnyReason, REASON_TEXT, REASON_TEXT_OF_MANY } from '../core/reason.ts';

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
  const clause = reasons.length === 1 ? REASON_TEXT[reason] : REASON_TEXT_OF_MANY[reason];
  return count === reasons.length ? clause : `mostly, ${clause}`;
}

/** `a`, `a and b`, `a, b, c and 4 more`. */
export function nameSome(names: readonly string[], atMost: number): string {
  if (names.length === 1) return names[0] ?? '';
  const shown = names.slice(0, names.length > atMost ? atMost : -1);
  const last = names.length > atMost ? `${names.length - atMost} more` : names.at(-1);
  return `${shown.join(', ')} and ${last}`;
}

/** `a`, `a or b`, `a, b or c`. */
export function listWords(words: readonly string[], last: 'and' | 'or'): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)}`;
}

/** A way to pay, inside a sentence. */
export function wordForMethod(name: string): string {
  return name === 'swish' ? 'Swish' : name;
}

function isReason(text: string | undefined): text is AnyReason {
  return text !== undefined && Object.hasOwn(REASON_TEXT, text);
}
