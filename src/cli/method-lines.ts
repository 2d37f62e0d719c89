import { z } from 'zod';
import { METHOD_STATES, type MethodState } from '../core/events.ts';
import type { WireEvent } from '../feed/protocol.ts';
import { unreachable } from '../lib/unreachable.ts';
import { inStores } from './feed-words.ts';
import type { Told } from './story-lines.ts';

const change = z.object({
  at: z.iso.datetime().transform((text) => Date.parse(text)),
  kind: z.literal('payment-method-changed'),
  store: z.string(),
  chain: z.exactOptional(z.string()),
  method: z.string(),
  from: z.enum(METHOD_STATES),
  to: z.enum(METHOD_STATES),
  message: z.string(),
});
type MethodChange = z.output<typeof change>;

interface Group {
  readonly dueAtMs: number;
  /** By store: the newest change, and the state before the first. */
  readonly changes: Map<string, { readonly from: MethodState; readonly newest: MethodChange }>;
}

/**
 * What becomes of ways to pay, told once for all stores of a chain when it happens together. Of what is merely impaired
 * or not known the lines on targets tell.
 */
export class MethodNews {
  private readonly groups = new Map<string, Group>();
  private readonly togetherMs: number;
  private readonly nameOf: (store: string) => string;

  constructor(togetherMs: number, nameOf: (store: string) => string) {
    this.togetherMs = togetherMs;
    this.nameOf = nameOf;
  }

  forget(): void {
    this.groups.clear();
  }

  /** Whether `event` is of this kind, and kept to be told. */
  hear(event: WireEvent): boolean {
    const { data } = change.safeParse(event);
    if (data === undefined) return false;
    const key = `${data.chain === undefined ? `store:${data.store}` : `chain:${data.chain}`}:${data.method}`;
    const group = this.groups.get(key) ?? { dueAtMs: data.at + this.togetherMs, changes: new Map() };
    const from = group.changes.get(data.store)?.from ?? data.from;
    group.changes.set(data.store, { from, newest: data });
    this.groups.set(key, group);
    return true;
  }

  /** What has become due by `nowMs`. */
  takeDue(nowMs: number): readonly Told[] {
    const told: Told[] = [];
    for (const [key, { changes, dueAtMs }] of this.groups) {
      if (dueAtMs > nowMs) continue;
      this.groups.delete(key);
      const news = Array.from(changes.values()).filter(({ from, newest }) => isNews(from, newest.to));
      for (const [to, same] of Map.groupBy(news, ({ newest }) => newest.to)) {
        told.push(
          this.line(
            to,
            same.map(({ newest }) => newest),
          ),
        );
      }
    }
    return told;
  }

  private line(to: MethodState, changes: readonly MethodChange[]): Told {
    const [first, ...others] = changes;
    const atMs = Math.max(...changes.map(({ at }) => at));
    if (first === undefined) throw new Error('nothing to tell');
    const what = `${first.method} payments`;
    const text =
      others.length === 0
        ? `${this.nameOf(first.store)}: ${first.message}`
        : `${first.chain ?? ''}: ${tellMany(to, what)} in ${inStores(changes.length)}.`;
    return { mark: markOf(to), atMs, text };
  }
}

/** Only what is lost, limited, or had again: nobody has to do anything about the rest. */
function isNews(from: MethodState, to: MethodState): boolean {
  return from !== to && [from, to].some((state) => state === 'down' || state === 'offline-only');
}

function tellMany(to: MethodState, what: string): string {
  switch (to) {
    case 'down':
      return `no ${what}`;
    case 'offline-only':
      return `${what} offline only`;
    case 'degraded':
    case 'available':
      return `${what} again`;
    case 'unknown':
      return `it is not known whether there are ${what}`;
    default:
      return unreachable(to);
  }
}

function markOf(to: MethodState): Told['mark'] {
  switch (to) {
    case 'down':
      return 'down';
    case 'offline-only':
      return 'warn';
    case 'degraded':
    case 'available':
      return 'back';
    case 'unknown':
      return 'note';
    default:
      return unreachable(to);
  }
}
