import { z } from 'zod';
import { EVENT_KINDS, SEVERITIES } from '../core/events.ts';
import { err, ok, type Result } from '../lib/result.ts';
import { suggest } from '../lib/suggest.ts';
import type { FeedFilter } from './protocol.ts';

/** What a client asks for when it joins. */
export interface FeedRequest {
  readonly token?: string;
  /** The last event it has. */
  readonly since?: number;
  readonly filter: FeedFilter;
}

/** `field`: where in what the client sent, e.g. `filter.kinds.0`. */
export interface RequestProblem {
  readonly message: string;
  readonly field?: string;
}

const text = z.string().min(1).max(200);
const request = z.strictObject({
  token: z.exactOptional(z.string().max(1_000)),
  since: z.exactOptional(z.int().nonnegative()),
  filter: z.exactOptional(
    z.strictObject({
      chain: z.exactOptional(text),
      region: z.exactOptional(text),
      store: z.exactOptional(text),
      kinds: z.exactOptional(z.array(z.enum(EVENT_KINDS)).min(1).max(EVENT_KINDS.length)),
      minSeverity: z.exactOptional(z.enum(SEVERITIES)),
    }),
  ),
});

const FIELDS = ['token', 'since', 'filter', 'chain', 'region', 'store', 'kinds', 'minSeverity'];

/** Checks a join request of any carrier. */
export function parseFeedRequest(value: unknown): Result<FeedRequest, RequestProblem> {
  const parsed = request.safeParse(value);
  if (parsed.success) return ok({ ...parsed.data, filter: parsed.data.filter ?? {} });
  const issue = parsed.error.issues[0];
  if (issue === undefined) throw new Error('a refusal without an issue', { cause: parsed.error });
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') path.push(issue.keys[0] ?? '');
  const field = path.join('.');
  return err({ message: describe(issue, path.at(-1) ?? ''), ...(field === '' ? {} : { field }) });
}

function describe(issue: z.core.$ZodIssue, name: string): string {
  if (issue.code === 'unrecognized_keys') {
    const near = suggest(name, FIELDS);
    return `"${name}" is unknown${near === undefined ? '' : `; did you mean ${near}?`}`;
  }
  if (issue.code === 'invalid_value') {
    return `${issue.path.includes('kinds') ? 'each kind' : name} must be one of ${issue.values.join(', ')}`;
  }
  if (name === 'since') return 'since must be the number of an event: 0, 1, 2, …';
  return name === '' ? 'what was sent is no object' : `${name}: ${issue.message}`;
}
