import { z } from 'zod';
import type { Notice } from '../core/notification.ts';
import { type ApiRequest, makeApiClient, refusal } from './api-call.ts';
import { type Message, tellNotice, type Telling } from './messages/message.ts';
import type { Channel, Notifier, NotifierContext } from './notifier.ts';
import {
  isHeaderValue,
  readAuthorities,
  readHeaderLine,
  readOptionFile,
  readOptionLine,
  unavailable,
} from './option-files.ts';
import { webhookBody } from './webhook/webhook-body.ts';
import { CHAT_PRESETS, type ChatPreset, chatBody } from './webhook/webhook-presets.ts';
import { headerKey, parseSecrets, signatureHeaders } from './webhook/webhook-signature.ts';
import { parseTemplate, TEMPLATE_FIELDS } from './webhook/webhook-template.ts';

const file = z.string().min(1);

/** Headers that the message itself decides. */
const OWN_HEADERS =
  /^(content-(type|length|encoding)|host|connection|transfer-encoding|expect|idempotency-key|webhook-.*)$/i;

const headerName = z
  .string()
  .refine((name) => /^[\w!#$%&'*+.^`|~-]+$/.test(name), {
    error: 'a header name is letters, digits and dashes',
  })
  .refine((name) => !OWN_HEADERS.test(name), {
    error: ({ input }) => `the header ${String(input)} is set by the message itself; leave it out`,
  });

const headerValue = z.string().refine(isHeaderValue, {
  error: 'a header value is one line, without control characters',
});

export const webhookOptions = z
  .strictObject({
    url: z
      .string()
      .superRefine((text, context) => {
        const problem = problemOfUrl(text);
        if (problem !== undefined) context.addIssue({ code: 'custom', message: `url ${problem}` });
      })
      .optional()
      .describe(
        'Address to call. One that is a secret itself, as those of Slack and Teams are, belongs in url_file',
      ),
    url_file: file.optional().describe('File with the address'),
    preset: z
      .enum(['generic', ...CHAT_PRESETS])
      .default('generic')
      .describe('What the receiver understands: our own JSON, or the messages of a chat service'),
    method: z.enum(['POST', 'PUT', 'PATCH']).default('POST').describe('HTTP method'),
    headers: z
      .record(headerName, z.union([headerValue, z.strictObject({ file })]))
      .default({})
      .describe('Further headers: a value or, for a secret, { file: FILE } with the value in it'),
    basic_auth: z
      .strictObject({ username: z.string().min(1), password_file: file })
      .optional()
      .describe('User and password for the receiver'),
    secret_file: file
      .optional()
      .describe(
        'File with the secret that signs messages, as Standard Webhooks writes it; a second line for a second secret',
      ),
    template: z
      .string()
      .min(1)
      .optional()
      .describe(`Body to send instead of our JSON, with {{ field }} for: ${TEMPLATE_FIELDS.join(', ')}`),
    template_file: file.optional().describe('File with such a body'),
    content_type: headerValue
      .optional()
      .describe(
        'Content-Type of the template, which decides how values are escaped; without it application/json',
      ),
    ca_file: file.optional().describe('PEM file of the only authorities to trust; without it the usual ones'),
  })
  .superRefine((options, context) => {
    const complain = (key: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [key], message });
    const { url, url_file, template, template_file, preset, content_type, headers, basic_auth } = options;
    if ((url === undefined) === (url_file === undefined)) {
      complain('url', 'give the address once: either url or url_file');
    }
    if (template !== undefined && template_file !== undefined) {
      complain('template_file', 'give the template once: either template or template_file');
    }
    const hasTemplate = (template ?? template_file) !== undefined;
    if (hasTemplate && preset !== 'generic') {
      complain('preset', `preset ${preset} has its own body; leave out either preset or the template`);
    }
    if (content_type !== undefined && !hasTemplate) {
      complain('content_type', 'content_type is that of a template, and there is none');
    }
    if (basic_auth !== undefined && Object.keys(headers).some((name) => /^authorization$/i.test(name))) {
      complain('basic_auth', 'basic_auth and the header Authorization say the same; leave one out');
    }
  });
export type WebhookOptions = z.output<typeof webhookOptions>;

/** Calls an HTTP endpoint with a signed message: our own JSON, a template, or what a chat service understands. */
export const webhookNotifier: Notifier<WebhookOptions> = {
  name: 'webhook',
  summary: 'calls an address, signed: our JSON, a template, Slack, Microsoft Teams, Mattermost or ntfy',
  options: webhookOptions,
  async open(options, context) {
    const url = await readUrl(options, context);
    const [headers, secrets, layout, authorities] = await Promise.all([
      readHeaders(options, context),
      readSecrets(options, context),
      readLayout(options, url, context),
      readAuthorities(options.ca_file, context),
    ]);
    return openWebhook({ method: options.method, headers, secrets, layout, authorities }, context);
  },
};

interface Layout {
  readonly url: URL;
  readonly contentType: string;
  readonly body: (notice: Notice, message: Message, telling: Telling) => string;
}

interface Webhook {
  readonly method: ApiRequest['method'];
  readonly headers: Readonly<Record<string, string>>;
  readonly secrets: readonly Buffer[];
  readonly layout: Layout;
  readonly authorities: string | undefined;
}

function openWebhook(
  { method, headers, secrets, layout, authorities }: Webhook,
  context: NotifierContext,
): Channel {
  const client = makeApiClient(authorities);
  const { url, contentType } = layout;
  return {
    async send(notice, _reference, signal) {
      const body = layout.body(notice, tellNotice(notice, context), context);
      const id = headerKey(notice.key);
      const answer = await client.call(
        {
          method,
          url,
          body,
          headers: {
            ...headers,
            'Content-Type': contentType,
            'Idempotency-Key': id,
            ...signatureHeaders(id, body, secrets, context.clock.nowMs()),
          },
          bodyBytes: 0,
        },
        signal,
      );
      if (answer.kind === 'failed') return answer;
      const told = {
        credential: 'correct its address, headers or secret_file',
        address: 'correct the channel’s url or url_file',
        content: 'see what body it expects, and the channel’s preset or template',
      };
      return refusal(answer, url.host, told) ?? { kind: 'delivered' };
    },
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
    },
  };
}

async function readUrl({ url, url_file }: WebhookOptions, context: NotifierContext): Promise<URL> {
  if (url !== undefined) return new URL(url);
  const name = url_file ?? '';
  const text = (await readOptionLine('url_file', name, context)).trim();
  const problem = problemOfUrl(text);
  if (problem !== undefined) throw unavailable(context, `the address in url_file ${name} ${problem}`);
  return new URL(text);
}

async function readHeaders(
  { headers, basic_auth }: WebhookOptions,
  context: NotifierContext,
): Promise<Readonly<Record<string, string>>> {
  const read: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    read[name] =
      typeof value === 'string' ? value : await readHeaderLine(`headers.${name}`, value.file, context);
  }
  if (basic_auth !== undefined) {
    const password = await readOptionLine('basic_auth.password_file', basic_auth.password_file, context);
    const credentials = Buffer.from(`${basic_auth.username}:${password}`).toString('base64');
    read['Authorization'] = `Basic ${credentials}`;
  }
  return read;
}

async function readSecrets(
  { secret_file }: WebhookOptions,
  context: NotifierContext,
): Promise<readonly Buffer[]> {
  if (secret_file === undefined) return [];
  const secrets = parseSecrets(await readOptionFile('secret_file', secret_file, context));
  if (secrets.ok) return secrets.value;
  throw unavailable(context, `secret_file ${secret_file} ${secrets.error}`);
}

async function readLayout(options: WebhookOptions, url: URL, context: NotifierContext): Promise<Layout> {
  const { preset, template, template_file, content_type: contentType = 'application/json' } = options;
  if (preset !== 'generic') return chatLayout(preset, url, context);
  const text =
    template ??
    (template_file === undefined ? undefined : await readOptionFile('template_file', template_file, context));
  if (text === undefined) {
    return {
      url,
      contentType: 'application/json',
      body: (notice, message, telling) => JSON.stringify(webhookBody(notice, message, telling)),
    };
  }
  const name = template_file === undefined ? 'template' : `template_file ${template_file}`;
  const read = parseTemplate(text, contentType);
  if (!read.ok) throw unavailable(context, `${name}: ${read.error}`);
  const body = read.value.fill;
  if (/[/+]json\s*(;|$)/i.test(contentType)) checkJson(body, name, context);
  return { url, contentType, body };
}

/** A test is about no incident: a template that is JSON even then is JSON always. */
function checkJson(fill: Layout['body'], name: string, context: NotifierContext): void {
  const notice: Notice = { key: 'test', change: 'test', atMs: 0, incidents: [] };
  try {
    JSON.parse(fill(notice, tellNotice(notice, context), context));
  } catch (cause) {
    throw unavailable(
      context,
      `${name} does not come to JSON: put every {{ field }} between double quotes, or set content_type`,
      cause,
    );
  }
}

function chatLayout(preset: ChatPreset, url: URL, context: NotifierContext): Layout {
  let topic = '';
  let target = url;
  if (preset === 'ntfy') {
    const [, root = '', last = ''] = /^(.*\/)([^/]+)\/?$/.exec(url.pathname) ?? [];
    if (last === '' || last.includes('%')) {
      throw unavailable(
        context,
        'the address of preset ntfy ends with its topic, as in https://ntfy.sh/TOPIC',
      );
    }
    topic = last;
    target = new URL(url);
    target.pathname = root;
  }
  return {
    url: target,
    contentType: 'application/json',
    body: (_notice, message) => JSON.stringify(chatBody(preset, message, topic)),
  };
}

/** The address may be a secret: what is said of it does not hold it. */
function problemOfUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return 'is no address; write it as https://host/path';
  const { protocol, username, password } = new URL(text);
  if (!/^https?:$/.test(protocol)) return 'is neither http:// nor https://';
  if (username !== '' || password !== '') return 'holds a user or password; give them in basic_auth';
  return undefined;
}
