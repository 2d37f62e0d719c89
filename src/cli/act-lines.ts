import { z } from 'zod';
import { METHOD_STATES } from '../core/events.ts';
import type { WireEvent } from '../feed/protocol.ts';
import { formatDuration } from '../lib/duration.ts';
import type { Told } from './story-lines.ts';

const time = z.iso.datetime().transform((text) => Date.parse(text));
const span = z.object({
  selector: z.string(),
  startsAt: time,
  endsAt: time,
  flexibleMs: z.number().optional(),
  by: z.string(),
  comment: z.string(),
});
type Span = z.output<typeof span>;

const act = z.discriminatedUnion('kind', [
  z.object({
    kind: z.enum(['maintenance-planned', 'maintenance-started', 'maintenance-ended']),
    at: time,
    maintenance: span,
    endedBy: z.string().optional(),
  }),
  z.object({
    kind: z.enum(['silence-started', 'silence-ended']),
    at: time,
    silence: span,
    endedBy: z.string().optional(),
  }),
  z.object({
    kind: z.literal('incident-acknowledged'),
    at: time,
    incident: z.object({ title: z.string() }),
    acknowledgement: z.object({ by: z.string(), comment: z.string(), expiresAt: time.optional() }),
    isWithdrawn: z.boolean(),
  }),
  z.object({
    kind: z.literal('human-report'),
    at: time,
    store: z.string(),
    method: z.string(),
    says: z.enum(['works', 'fails']),
    by: z.string(),
    comment: z.string(),
    probesSay: z.enum(METHOD_STATES),
    disagrees: z.boolean(),
  }),
  z.object({
    kind: z.enum(['monitor-blinded', 'monitor-recovered']),
    at: time,
    since: time,
    message: z.string(),
  }),
]);
type Act = z.output<typeof act>;

/**
 * What people did, and what became of our own sight. Undefined: `event` is of another kind. `nameOf`: what to call a
 * store by its id.
 */
export function actLine(event: WireEvent, nameOf: (store: string) => string): Told | undefined {
  const { data } = act.safeParse(event);
  return data && { atMs: data.at, ...sayAct(data, nameOf) };
}

function sayAct(data: Act, nameOf: (store: string) => string): Omit<Told, 'atMs'> {
  switch (data.kind) {
    case 'maintenance-planned':
    case 'maintenance-started':
    case 'maintenance-ended':
      return { mark: 'note', text: `Maintenance of ${sayMaintenance(data)}` };
    case 'silence-started':
    case 'silence-ended':
      return { mark: 'note', text: `Silence on ${saySilence(data)}` };
    case 'incident-acknowledged': {
      const { by, comment, expiresAt } = data.acknowledgement;
      const { title } = data.incident;
      const until = expiresAt === undefined ? '' : ` for ${formatDuration(expiresAt - data.at)}`;
      const text = data.isWithdrawn
        ? `${by} no longer looks after "${title}".`
        : `${by} looks after "${title}"${until}: ${asSentence(comment)}`;
      return { mark: 'note', text };
    }
    case 'human-report': {
      const { store, method, says, by, comment, probesSay, disagrees } = data;
      const words = comment === '' ? '' : ` ("${comment}")`;
      const verdict = disagrees ? `but the probes say ${probesSay}` : `the probes say ${probesSay}`;
      const text = `${nameOf(store)}: ${by} says that ${method} ${says}${words}; ${verdict}.`;
      return { mark: disagrees ? 'warn' : 'note', text };
    }
    case 'monitor-blinded':
      return { mark: 'warn', text: data.message };
    default: {
      const lasted = formatDuration(Math.max(0, data.at - data.since));
      const text = `The monitor can see again, after ${lasted}; the targets have been checked anew.`;
      return { mark: 'back', text };
    }
  }
}

function sayMaintenance({ kind, at, maintenance, endedBy }: Extract<Act, { maintenance: Span }>): string {
  const { selector, startsAt, endsAt, flexibleMs } = maintenance;
  if (kind === 'maintenance-ended')
    return `${selector} has ended${endedBy === undefined ? '' : `, by ${endedBy}`}.`;
  const who = sayWho(maintenance);
  if (kind === 'maintenance-started') return `${selector} begins, for ${lasting(at, endsAt)}, ${who}`;
  if (flexibleMs !== undefined) {
    const window = lasting(Math.max(at, startsAt), endsAt);
    const within = startsAt > at ? `the ${window} that begin ${inTime(at, startsAt)}` : window;
    const when = `for ${formatDuration(flexibleMs)} from the first failure within ${within}`;
    return `${selector} is planned: ${when}, ${who}`;
  }
  return `${selector} is planned: ${inTime(at, startsAt)}, for ${lasting(startsAt, endsAt)}, ${who}`;
}

function saySilence({ kind, at, silence, endedBy }: Extract<Act, { silence: Span }>): string {
  const { selector, startsAt, endsAt } = silence;
  if (kind === 'silence-ended')
    return `${selector} has ended${endedBy === undefined ? '' : `, by ${endedBy}`}.`;
  const start = startsAt > at ? `${inTime(at, startsAt)}, ` : '';
  return `${selector}: ${start}for ${lasting(Math.max(at, startsAt), endsAt)}, ${sayWho(silence)}`;
}

function sayWho({ by, comment }: Span): string {
  return comment === '' ? `by ${by}.` : `by ${by}: ${asSentence(comment)}`;
}

function inTime(atMs: number, startsAtMs: number): string {
  return startsAtMs <= atMs ? 'now' : `in ${formatDuration(startsAtMs - atMs)}`;
}

function lasting(fromMs: number, untilMs: number): string {
  return formatDuration(Math.max(0, untilMs - fromMs));
}

function asSentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
