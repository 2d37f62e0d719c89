import { z } from 'zod';
import type { Notifier } from '../../src/notifiers/notifier.ts';

const makeNotifier = (name: string, options: z.ZodType): Notifier => ({
  name,
  summary: `The ${name} double.`,
  options,
  open: () => Promise.reject(new Error(`${name} is a double for its options alone and tells nobody`)),
});

/** Notifiers with options of the shapes that the settings must cope with. They open nothing. */
export const fakeNotifiers: ReadonlyMap<string, Notifier> = new Map(
  [
    makeNotifier(
      'pager',
      z.strictObject({ number: z.string().min(3), pin: z.string().optional(), token: z.string().optional() }),
    ),
    makeNotifier('letter', z.strictObject({ to: z.array(z.string()).default([]) })),
  ].map((notifier) => [notifier.name, notifier]),
);
