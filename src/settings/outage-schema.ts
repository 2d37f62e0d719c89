import { validate } from 'node-cron';
import { z } from 'zod';
import { refuseId } from './ids.ts';
import { duration, name, selector, zonedTime } from './option-types.ts';
import { DEFAULT_TIMEZONE, makeZoneCheck } from './zones.ts';

const WEEK_MS = 7 * 86_400_000;

const labelName = z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, {
  error: 'a label has letters, digits and _ in its name, and no digit first',
});

const labelNames = (description: string) => z.array(labelName).default([]).describe(description);

const match = (description: string) =>
  z
    .record(labelName, z.string().min(1))
    .refine((labels) => Object.keys(labels).length > 0, {
      error: 'name at least one label, as in { kind: terminal }',
    })
    .describe(description);

/** `depends_on` of a target. */
export const dependsOnConfig = z
  .array(z.string().min(1))
  .default([])
  .describe(
    'What it hangs on, each needed: ids of targets, or selectors as in kind=uplink, network=Bergnät.',
  );

/** One entry of `dependencies`. */
export const dependencyConfig = z.strictObject({
  children: selector('What hangs on the parents: a selector, as in kind=terminal.'),
  parents: selector('What they hang on: a selector, as in kind=gateway.'),
  by: labelNames('A child hangs on those parents alone that have the same values of these labels.'),
  redundancy: z
    .enum(['all', 'any'])
    .default('all')
    .describe(
      'all: each parent is needed. any: one is enough, and the children are cut off only when all are down.',
    ),
});

/** One entry of `canaries`. */
export const canaryConfig = z.strictObject({
  target: name('The id of the target.'),
  kind: name('gateway, dns, reference or any word: we are blind when canaries of several kinds fall silent.'),
});

/** One entry of `payment_methods`. */
export const paymentMethodConfig = z.union([
  z.literal('off'),
  z.null(),
  z.strictObject({
    weight: z
      .number()
      .min(0)
      .max(1)
      .optional()
      .describe('Share of what customers pay that goes this way, 0 to 1.'),
    lanes: z
      .union([z.literal('off'), match('Labels of the targets in the store of which one at least must work.')])
      .optional(),
    services: z
      .array(
        z.strictObject({
          match: match('Labels of the targets that must work beside a lane.'),
          same: labelNames('Only those with the same values of these labels as the lane or the store.'),
        }),
      )
      .optional()
      .describe('What must work beside a lane.'),
    offline: z
      .union([
        z.literal('off'),
        match('Labels of the lanes that take payments also when a service is out of reach.'),
      ])
      .optional(),
  }),
]);

/** `incidents`. */
export const incidentsConfig = z.strictObject({
  settle: duration(
    'How long failures are held, so that one incident opens with the right scope. Without it 3s.',
    0,
  ),
  settle_alone: duration('The same for a target that fails alone. Without it 10s.', 0),
  quiet: duration(
    'How long all must be well before an incident is resolved; doubles with each relapse. Without it 2m.',
    0,
  ),
  quiet_longest: duration('The longest that it grows to; at least quiet. Without it 30m.', 0),
  reopen: duration(
    'What fails again so soon after the end is the same incident. Without it 30m.',
    0,
    WEEK_MS,
  ),
});

const checkZone = makeZoneCheck();

/** One entry of `maintenance`; how its times fit together is checked where it is read. */
export const maintenanceConfig = z.strictObject({
  id: z
    .string()
    .superRefine((id, context) => {
      const refusal = refuseId('maintenance', id);
      if (refusal !== undefined) context.addIssue({ code: 'custom', message: refusal });
    })
    .describe('Its identity for ever: one of its own.'),
  selector: selector('What it is about, as in store=S1, kind=terminal.'),
  by: name('Who planned it.'),
  comment: z.string().default('').describe('What is done, and why.'),
  from: zonedTime('from').optional().describe('When it starts, as in 2026-12-23T02:00:00+01:00.'),
  until: zonedTime('until').optional().describe('When it ends.'),
  cron: z
    .string()
    .refine((text) => text.trim().split(/\s+/).length === 5 && validate(text), {
      error: ({ input }) =>
        `"${String(input)}" is not a cron expression; write minute, hour, day of the month, month and day of the week, as in 0 2 * * 0`,
    })
    .optional()
    .describe('When it starts, again and again: minute, hour, day of the month, month, day of the week.'),
  timezone: z
    .string()
    .superRefine((zone, context) => {
      const read = checkZone(zone);
      if (!read.ok) context.addIssue({ code: 'custom', message: read.error });
    })
    .optional()
    .describe(`The IANA zone of cron. Without it ${DEFAULT_TIMEZONE}.`),
  lasts: duration('How long each lasts that cron starts.', 1_000, WEEK_MS),
  flexible: duration('It begins at the first failure within its time, and lasts this long.', 1_000, WEEK_MS),
});
