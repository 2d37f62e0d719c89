import { z } from 'zod';
import { parseSelector } from '../estate/selector.ts';
import { formatDuration, parseDuration } from '../lib/duration.ts';

const DAY_MS = 86_400_000;

export const name = (description: string) => z.string().min(1).describe(description);

/** A duration as text, read into ms, no shorter and no longer than given. */
export function duration(description: string, shortestMs: number, longestMs = DAY_MS) {
  return z
    .string({ error: ({ input }) => (typeof input === 'number' ? noUnit(input) : undefined) })
    .transform((text, context) => {
      const read = parseDuration(text);
      let problem: string | undefined;
      if (!read.ok) problem = read.error;
      else if (read.value < shortestMs) problem = `"${text}" is too short; the least is ${spell(shortestMs)}`;
      else if (read.value > longestMs) problem = `"${text}" is too long; the most is ${spell(longestMs)}`;
      if (problem === undefined) return read.ok ? read.value : z.NEVER;
      context.addIssue({ code: 'custom', message: problem });
      return z.NEVER;
    })
    .optional()
    .describe(description);
}

function noUnit(amount: number): string {
  return `${amount} has no unit; write "${amount}s" for seconds or "${amount}ms" for milliseconds`;
}

function spell(durationMs: number): string {
  if (durationMs === DAY_MS) return '24h';
  return formatDuration(durationMs).replace(' ', '');
}

/** A point in time with its zone, read into epoch ms, UTC. */
export function zonedTime(option: string) {
  return z
    .string()
    .refine((text) => /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text)), {
      error: `${option} is a time with its zone, as in 2026-12-23T06:00:00Z or 2026-12-23T07:00:00+01:00`,
    })
    .transform((text) => Date.parse(text));
}

/** A day of the calendar, read into days since 1 January 1970. */
export const calendarDay = z
  .string()
  .refine((text) => dayOf(text) !== undefined, {
    error: ({ input }) => `"${String(input)}" is not a date; write it as in 2026-12-25`,
  })
  .transform((text) => dayOf(text) ?? 0);

function dayOf(text: string): number | undefined {
  const atMs = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(atMs) || new Date(atMs).toISOString().slice(0, 10) !== text) return undefined;
  return atMs / DAY_MS;
}

/** An http or https address that paths can be put behind: no credentials, query or fragment, no slash at the end. */
export function baseUrl(example: string) {
  return z.string().transform((text, context) => {
    const refuse = (message: string): never => {
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    };
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol)) {
      return refuse(`write an http or https address, as in ${example}`);
    }
    if (url.username !== '' || url.password !== '') {
      return refuse('an address must not hold a user or password; take them out');
    }
    if (url.search !== '' || url.hash !== '') {
      return refuse(`an address must end with its path; leave out what follows ${url.origin}${url.pathname}`);
    }
    return text.replace(/\/+$/, '');
  });
}

/** Which targets are meant, as `parseSelector` reads it. */
export function selector(description: string) {
  return z
    .string()
    .transform((text, context) => {
      const read = parseSelector(text);
      if (read.ok) return read.value;
      context.addIssue({ code: 'custom', message: read.error });
      return z.NEVER;
    })
    .describe(description);
}
