import { z } from 'zod';
import type { Notice, NoticedIncident } from '../core/notification.ts';
import { type ApiAnswer, type ApiRequest, type Failed, makeApiClient, refusal } from './api-call.ts';
import { linesOf, tellNotice } from './messages/message.ts';
import type { Delivery, Notifier, NotifierContext } from './notifier.ts';
import { readAuthorities, readHeaderLine } from './option-files.ts';

const file = z.string().min(1);

export const grafanaOptions = z.strictObject({
  url: z
    .string()
    .refine(isPlainUrl, {
      error: 'write the address of Grafana as https://host or https://host/path, without user or password',
    })
    .describe('Address of Grafana, with its path where it has one'),
  token_file: file.describe('File with the token of a service account that may read and write annotations'),
  dashboard_uid: z
    .string()
    .min(1)
    .optional()
    .describe('Dashboard to annotate; without it every dashboard that asks for the tag kassavakt'),
  panel_id: z.int().min(0).optional().describe('Panel of that dashboard'),
  tags: z.array(z.string().min(1).max(60)).max(5).default([]).describe('Further tags'),
  ca_file: file.optional().describe('PEM file of the only authorities to trust; without it the usual ones'),
});
export type GrafanaOptions = z.output<typeof grafanaOptions>;

/** Draws every incident as a region over Grafana's dashboards: an annotation that ends when the incident does. */
export const grafanaNotifier: Notifier<GrafanaOptions> = {
  name: 'grafana',
  summary: 'draws incidents over the dashboards of Grafana, as annotations that end when they do',
  isRecord: true,
  options: grafanaOptions,
  async open(options, context) {
    const [token, authorities] = await Promise.all([
      readHeaderLine('token_file', options.token_file, context),
      readAuthorities(options.ca_file, context),
    ]);
    const client = makeApiClient(authorities);
    const url = new URL(`${options.url.replace(/\/+$/, '')}/api/annotations`);
    const ask = async (method: ApiRequest['method'], path: string, body: unknown, signal: AbortSignal) => {
      const answer = await client.call(
        {
          method,
          url: new URL(`${url.href}${path}`),
          headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          bodyBytes: ANSWER_BYTES,
        },
        signal,
      );
      if (answer.kind === 'failed' || isGone(method, answer)) return answer;
      return refusal(answer, url.host, REFUSALS) ?? answer;
    };
    const annotations: Annotations = { host: url.host, ask };
    return {
      send: (notice, reference, signal) => keep(notice, reference, { annotations, options, context, signal }),
      async [Symbol.asyncDispose]() {
        client[Symbol.dispose]();
      },
    };
  },
};

const ANSWER_BYTES = 256 * 1_024;
const REFUSALS = {
  credential:
    'give the service account of token_file the role Editor, or permission to read and write annotations',
  address: 'correct grafana.url',
  content: 'compare grafana.dashboard_uid and tags with what is there',
};

/** Grafana's annotations endpoint. That there is no such annotation any more is an answer, not a failure. */
interface Annotations {
  readonly host: string;
  readonly ask: (
    method: ApiRequest['method'],
    path: string,
    body: unknown,
    signal: AbortSignal,
  ) => Promise<ApiAnswer | Failed>;
}

interface Keeping {
  readonly annotations: Annotations;
  readonly options: GrafanaOptions;
  readonly context: NotifierContext;
  readonly signal: AbortSignal;
}

/** Annotations as they should be, after `notice`. */
async function keep(notice: Notice, reference: string | undefined, keeping: Keeping): Promise<Delivery> {
  const [only, ...others] = notice.incidents;
  if (only === undefined || others.length === 0) {
    return keepOne(draw(notice, only, keeping), reference, keeping);
  }
  for (const noticed of notice.incidents) {
    const change = noticed.incident.state === 'resolved' ? 'resolved' : 'updated';
    const drawn = draw({ ...notice, change, incidents: [noticed] }, noticed, keeping);
    const delivery = await keepOne(drawn, undefined, keeping);
    if (delivery.kind === 'failed') return delivery;
  }
  return { kind: 'delivered' };
}

/** An annotation as Grafana takes it. Times are epoch ms. */
interface Drawn {
  /** The tag that no other annotation has. */
  readonly identity: string;
  readonly time: number;
  readonly timeEnd: number;
  readonly tags: readonly string[];
  readonly text: string;
}

/** Changes the annotation that is there or, only when there is none, makes it: a second attempt makes no second one. */
async function keepOne(drawn: Drawn, reference: string | undefined, keeping: Keeping): Promise<Delivery> {
  const { annotations, options, signal } = keeping;
  const { identity, time, ...changes } = drawn;
  if (reference !== undefined && /^\d+$/.test(reference)) {
    const changed = await change(reference, changes, keeping);
    if (changed !== 'gone') return changed;
  }
  const found = await find(identity, keeping);
  if (found.kind === 'failed') return found;
  if (found.id !== undefined) {
    const changed = await change(found.id, changes, keeping);
    if (changed !== 'gone') return changed;
  }
  const { dashboard_uid: dashboardUID, panel_id: panelId } = options;
  // JSON has no place for what is undefined.
  const made = await annotations.ask('POST', '', { dashboardUID, panelId, time, ...changes }, signal);
  if (made.kind === 'failed') return made;
  const read = CREATED.safeParse(parseJson(made.body));
  if (made.status === 404 || !read.success) return notGrafana(made, keeping);
  return { kind: 'delivered', reference: String(read.data.id) };
}

async function change(
  id: string,
  changes: Omit<Drawn, 'identity' | 'time'>,
  keeping: Keeping,
): Promise<Delivery | 'gone'> {
  const changed = await keeping.annotations.ask('PATCH', `/${id}`, changes, keeping.signal);
  if (changed.kind === 'failed') return changed;
  const isAnswer = z.looseObject({}).safeParse(parseJson(changed.body)).success;
  if (!isAnswer) return notGrafana(changed, keeping);
  return isGone('PATCH', changed) ? 'gone' : { kind: 'delivered', reference: id };
}

/** Of an annotation that is not there, a Grafana with fine permissions says that it may not be changed. */
function isGone(method: ApiRequest['method'], { status }: ApiAnswer): boolean {
  return status === 404 || (method === 'PATCH' && status === 403);
}

const CREATED = z.object({ id: z.int() });
const FOUND = z.array(z.object({ id: z.int() }));

async function find(
  identity: string,
  { annotations, ...keeping }: Keeping,
): Promise<{ readonly kind: 'found'; readonly id: string | undefined } | Failed> {
  const query = new URLSearchParams([
    ['tags', 'kassavakt'],
    ['tags', identity],
    ['type', 'annotation'],
    ['limit', '10'],
  ]);
  const answer = await annotations.ask('GET', `?${query.toString()}`, undefined, keeping.signal);
  if (answer.kind === 'failed') return answer;
  const read = FOUND.safeParse(parseJson(answer.body));
  if (answer.status === 404 || !read.success) return notGrafana(answer, { annotations, ...keeping });
  const ids = read.data.map(({ id }) => id).sort((a, b) => a - b);
  return { kind: 'found', id: ids[0] === undefined ? undefined : String(ids[0]) };
}

/** A page of something before Grafana, as a login or a proxy: it may be gone the next time. */
function notGrafana({ status }: ApiAnswer, { annotations: { host } }: Keeping): Failed {
  const message = `${host} answers ${status}, but not as Grafana does; check grafana.url, and what stands before Grafana`;
  return { kind: 'failed', isPermanent: false, message };
}

function draw(notice: Notice, noticed: NoticedIncident | undefined, { options, context }: Keeping): Drawn {
  const message = tellNotice(notice, context);
  const lines = linesOf(message).slice(0, -1).map(escapeHtml);
  const { url, label } = message.link;
  const text = [...lines, `<a href="${escapeHtml(url)}">${escapeHtml(label)}</a>`].join('\n');
  if (noticed === undefined) {
    const identity = tag('test', notice.key);
    const tags = tagsOf([identity, ...options.tags]);
    return { identity, time: notice.atMs, timeEnd: notice.atMs, tags, text };
  }
  const { incident, chain, region, store } = noticed;
  const identity = tag('incident', incident.id);
  const scope = incident.scope.length === 1 ? Object.entries(incident.scope[0] ?? {}) : [];
  const labels = new Map([
    ...(chain === undefined ? [] : [['chain', chain] as const]),
    ...(region === undefined ? [] : [['region', region] as const]),
    ...(store === undefined ? [] : [['store', store] as const]),
    ...scope,
  ]);
  const tags = [
    identity,
    tag('severity', incident.severity),
    ...options.tags,
    ...Array.from(labels, ([name, value]) => tag(name, value)),
  ];
  // While it goes on the region reaches to the last news of it.
  const endMs = incident.resolvedAtMs ?? notice.atMs;
  return {
    identity,
    time: incident.openedAtMs,
    timeEnd: Math.max(endMs, incident.openedAtMs),
    tags: tagsOf(tags),
    text,
  };
}

/** What Grafana takes of tags unless configured otherwise is 500 bytes, as JSON: what does not fit is left out. */
const TAGS_BYTES = 480;

function tagsOf(wanted: readonly string[]): readonly string[] {
  const tags = ['kassavakt'];
  for (const each of wanted) {
    const more = [...tags, each];
    if (!tags.includes(each) && Buffer.byteLength(JSON.stringify(more)) <= TAGS_BYTES) tags.push(each);
  }
  return tags;
}

function tag(name: string, value: string): string {
  return `${name}:${value.replace(/[\p{Cc}\s]+/gu, ' ').trim()}`.slice(0, 90);
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (mark) => `&#${mark.codePointAt(0)};`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isPlainUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && [username, password, search, hash].every((part) => part === '');
}
