import type { Notifier } from './notifier.ts';

/** Every notifier: a new one is its own file and one line here, as with probers. */
const all: readonly Notifier[] = [];

export const notifiers: ReadonlyMap<string, Notifier> = new Map(
  all.map((notifier) => [notifier.name, notifier]),
);
