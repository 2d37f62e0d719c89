import { z } from 'zod';
import type { EventDraft } from '../core/events.ts';
import { redact } from '../lib/redact.ts';
import type { Acts, AppContext } from './app-context.ts';
import { HttpProblem } from './http-problem.ts';
import type { Exchange } from './route.ts';

const LONGEST_TEXT = 500;
/** A year. */
const MOST_MINUTES = 525_600;

/** What a person wrote. It goes to the journal and to every screen, so nothing in it may be a card number. */
const TEXT = z.string().trim().max(LONGEST_TEXT).transform(redact);

export const COMMENT = TEXT.refine((text) => text !== '').describe(
  `the reason, in 1 to ${LONGEST_TEXT} letters`,
);
export const REMARK = TEXT.default('').describe(`a text of at most ${LONGEST_TEXT} letters`);
export const BY = TEXT.refine((text) => text !== '')
  .optional()
  .describe(`who does it, in 1 to ${LONGEST_TEXT} letters; left out: the name of the token`);
export const TIME = z.iso
  .datetime({ offset: true })
  .optional()
  .describe('a time such as 2026-12-24T15:00:00Z or 2026-12-24T16:00:00+01:00');
export const MINUTES = z
  .number()
  .positive()
  .max(MOST_MINUTES)
  .optional()
  .describe(`a number of minutes, more than 0 and at most ${MOST_MINUTES}`);

/** Who acts: as they say, or by their token. */
export function actorOf({ caller }: Exchange, by: string | undefined): string {
  if (caller.name !== undefined) return by ?? caller.name;
  throw new HttpProblem(
    'forbidden',
    'Every act is kept with who did it: send a bearer token that is configured under auth.tokens.',
  );
}

/** `text`, which a schema has checked, as epoch ms. Throws when it is not after `afterMs`. */
export function readTime(field: string, text: string, afterMs: number): number {
  const atMs = Date.parse(text);
  if (atMs > afterMs) return atMs;
  const message = `The field ${field} is ${text}; it must be later than ${new Date(afterMs).toISOString()}.`;
  throw new HttpProblem('bad-request', message, { field });
}

/** When something ends that begins at `startsAtMs`, given by its time or by how long it lasts; undefined: neither. */
export function readEnd(
  field: 'endsAt' | 'expiresAt',
  given: { readonly text: string | undefined; readonly minutes: number | undefined },
  startsAtMs: number,
  nowMs: number,
): number | undefined {
  const { text, minutes } = given;
  if (text !== undefined && minutes !== undefined) {
    throw new HttpProblem('bad-request', `Give ${field} or forMinutes, not both.`, { field: 'forMinutes' });
  }
  if (text !== undefined) return readTime(field, text, Math.max(startsAtMs, nowMs));
  return minutes === undefined ? undefined : startsAtMs + Math.ceil(minutes * 60_000);
}

/** Lays `draft` down, or says why that is not possible at present. */
export async function layDown({ readiness }: AppContext, acts: Acts, draft: EventDraft): Promise<void> {
  const { ready, problems } = readiness();
  if (!ready) throw new HttpProblem('not-ready', `Nothing can be written at present. ${problems.join(' ')}`);
  try {
    await acts.record(draft);
  } catch (cause) {
    const why = Error.isError(cause) ? cause.message : String(cause);
    throw new HttpProblem('not-ready', `Nothing can be written at present: ${why}.`);
  }
}
