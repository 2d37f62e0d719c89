import { z } from 'zod';
import { LANGUAGES } from '../core/notification.ts';
import { SEVERITIES } from '../core/events.ts';
import { type OpeningHours, parseOpeningHours } from '../estate/opening-hours.ts';
import type { Notifier } from '../notifiers/notifier.ts';
import { didYouMean } from './did-you-mean.ts';
import { duration, selector } from './option-types.ts';
import { DEFAULT_TIMEZONE, makeZoneCheck } from './zones.ts';

const WEEK_MS = 7 * 86_400_000;

const channelName = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, {
    error: ({ input }) =>
      `"${String(input)}" cannot name a channel; write 1 to 64 letters of a-z, digits, _ and -`,
  })
  .describe('Its name, as routes and metrics call it: letters of a-z, digits, _ and -.');

const channelNames = (description: string) => z.array(z.string().min(1)).min(1).describe(description);

const checkZone = makeZoneCheck();

const timezone = (description: string) =>
  z
    .string()
    .superRefine((zone, context) => {
      const read = checkZone(zone);
      if (!read.ok) context.addIssue({ code: 'custom', message: read.error });
    })
    .optional()
    .describe(description);

/** One entry of `notifications.channels`: what all have, and options under the name of the notifier. */
export function channelConfig(notifiers: ReadonlyMap<string, Notifier>) {
  const names = Array.from(notifiers.keys());
  const options = Array.from(
    notifiers.values(),
    (notifier) =>
      [
        notifier.name,
        notifier.options.optional().describe(`Options of ${notifier.name}: ${notifier.summary}`),
      ] as const,
  );
  return z.strictObject({
    name: channelName,
    type: z
      .enum(names, {
        error: ({ input }) =>
          typeof input === 'string'
            ? `unknown channel type "${input}"${didYouMean(input, names) || `; the types are ${names.join(', ')}`}`
            : undefined,
      })
      .describe('How it tells.'),
    language: z.enum(LANGUAGES).default('en').describe('What its messages are written in.'),
    timezone: timezone(
      `The IANA zone of times in them, where no store has its own. Without it ${DEFAULT_TIMEZONE}.`,
    ),
    timeout: duration('The longest that one attempt may take. Without it 15s.', 100, 120_000),
    ...Object.fromEntries(options),
  });
}

const hours = z
  .string()
  .transform((text, context) => {
    const read = parseOpeningHours(text);
    const problem = read.ok ? whyNoHours(text, read.value) : read.error;
    if (read.ok && problem === undefined) return read.value;
    context.addIssue({ code: 'custom', message: problem ?? '' });
    return z.NEVER;
  })
  .optional()
  .describe('Nothing is told outside them, as in Mo-Fr 07:00-22:00: it waits until they begin.');

function whyNoHours(text: string, { week, onHolidays }: OpeningHours): string | undefined {
  if (onHolidays !== undefined)
    return `"${text}" is about public holidays, which only stores have; leave PH out`;
  if (week.some((day) => day.length > 0)) return undefined;
  return `"${text}" never holds, so nothing would be told; write when to tell, as in Mo-Fr 07:00-22:00`;
}

/** One entry of `notifications.routes`; how its parts fit together is checked where it is read. */
export const routeConfig = z.strictObject({
  match: selector(
    'Labels of the incident: its scope, store, chain and region, as in region=Skåne|Halland.',
  ).optional(),
  min_severity: z.enum(SEVERITIES).default('info').describe('Only what is as severe, or more.'),
  chains: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('Only what reaches one of these chains, also as one of several.'),
  hours,
  timezone: timezone(`The IANA zone of hours. Without it ${DEFAULT_TIMEZONE}.`),
  channels: channelNames('Names of the channels to tell.'),
  continue: z.boolean().default(false).describe('Whether later routes are looked at as well.'),
  escalate_after: duration('How long until escalate_to is told when nobody acknowledges.', 1_000, WEEK_MS),
  escalate_to: channelNames('Names of the channels to tell then.').optional(),
  escalation: z
    .array(
      z.strictObject({
        after: duration('How long nobody has acknowledged it.', 1_000, WEEK_MS).unwrap(),
        to: channelNames('Names of the channels to tell then.'),
      }),
    )
    .min(1)
    .optional()
    .describe('Several such steps, soonest first, instead of escalate_after and escalate_to.'),
});

/** When many messages become one. */
const digestShape = {
  digest_after: z
    .int()
    .min(1)
    .max(1_000)
    .default(5)
    .describe('More messages than this to one channel within digest_window become one.'),
  digest_window: duration('See digest_after. Without it 1m.', 1_000, 3_600_000),
};
export const digestConfig = z.object(digestShape);

/** `notifications`. */
export function notificationsConfig(notifiers: ReadonlyMap<string, Notifier>) {
  return z.strictObject({
    channels: z.array(channelConfig(notifiers)).default([]).describe('Ways to tell.'),
    routes: z
      .array(routeConfig)
      .min(1)
      .optional()
      .describe('Which incidents go where: the first that matches. Without any all go to every channel.'),
    ...digestShape,
  });
}
