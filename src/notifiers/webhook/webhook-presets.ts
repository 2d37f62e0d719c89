import type { IncidentSeverity } from '../../core/events.ts';
import { linesOf, type Message, shorten } from '../messages/message.ts';

/** The chat services that have a body of their own. */
export const CHAT_PRESETS = ['slack', 'teams', 'mattermost', 'ntfy'] as const;
export type ChatPreset = (typeof CHAT_PRESETS)[number];

/** What the service takes, as JSON. `topic`: of ntfy, the last part of the address. */
export function chatBody(preset: ChatPreset, message: Message, topic: string): unknown {
  switch (preset) {
    case 'slack':
      return slackBody(message);
    case 'teams':
      return teamsBody(message);
    case 'mattermost':
      return mattermostBody(message);
    default:
      return ntfyBody(message, topic);
  }
}

type Tone = IncidentSeverity | 'over' | 'none';

const EMOJI: Readonly<Record<Tone, string>> = {
  critical: ':red_circle:',
  major: ':large_orange_circle:',
  minor: ':large_yellow_circle:',
  info: ':large_blue_circle:',
  over: ':large_green_circle:',
  none: ':information_source:',
};
const COLOURS: Readonly<Record<Tone, string>> = {
  critical: '#B3261E',
  major: '#D9730D',
  minor: '#C9A400',
  info: '#1F6FEB',
  over: '#2E7D32',
  none: '#6E7781',
};
/** Adaptive Cards know these words and no colours. */
const CARD_COLOURS: Readonly<Record<Tone, string>> = {
  critical: 'Attention',
  major: 'Warning',
  minor: 'Warning',
  info: 'Accent',
  over: 'Good',
  none: 'Default',
};
const NTFY: Readonly<Record<Tone, { readonly priority: number; readonly tag: string }>> = {
  critical: { priority: 5, tag: 'rotating_light' },
  major: { priority: 4, tag: 'warning' },
  minor: { priority: 3, tag: 'warning' },
  info: { priority: 2, tag: 'information_source' },
  over: { priority: 3, tag: 'white_check_mark' },
  none: { priority: 2, tag: 'test_tube' },
};

function toneOf({ severity, facts, items }: Message): Tone {
  if (severity !== undefined) return severity;
  return facts.length > 0 || items.length > 0 ? 'over' : 'none';
}

/** Block Kit. Whatever comes from outside is `plain_text`, in which nothing has a meaning. */
function slackBody(message: Message): unknown {
  const { title, details, facts, items, link, footer } = message;
  const plain = (text: string, length: number) => ({
    type: 'plain_text',
    text: shorten(text, length),
    emoji: false,
  });
  const text = [...paragraph(details), ...items].join('\n');
  return {
    text: `${EMOJI[toneOf(message)]} ${shorten(title, 1_000).replace(/[&<>]/g, (mark) => ENTITIES[mark] ?? mark)}`,
    blocks: [
      { type: 'header', text: plain(title, 150) },
      ...(text === '' ? [] : [{ type: 'section', text: plain(text, 3_000) }]),
      ...(facts.length === 0
        ? []
        : [
            {
              type: 'section',
              fields: facts.slice(0, 10).map(({ label, value }) => plain(`${label}: ${value}`, 2_000)),
            },
          ]),
      {
        type: 'context',
        elements: [{ type: 'mrkdwn', text: `<${link.url}|${link.label}>` }, plain(footer, 500)],
      },
    ],
  };
}

/** The details as one paragraph, if there are any. */
function paragraph(details: Message['details']): readonly string[] {
  return details.length === 0 ? [] : [details.join(' ')];
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** An Adaptive Card in the envelope of a workflow's webhook. `TextRun`, unlike `TextBlock`, knows no Markdown. */
function teamsBody(message: Message): unknown {
  const { title, details, facts, items, link, footer, language } = message;
  const line = (...inlines: readonly object[]) => ({
    type: 'RichTextBlock',
    inlines: inlines.map((inline) => ({ type: 'TextRun', ...inline })),
  });
  return {
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        contentUrl: null,
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          lang: language,
          fallbackText: shorten(title, 500),
          msteams: { width: 'Full' },
          body: [
            line({
              text: shorten(title, 500),
              size: 'Large',
              weight: 'Bolder',
              color: CARD_COLOURS[toneOf(message)],
            }),
            ...paragraph(details).map((text) => line({ text: shorten(text, 3_000) })),
            ...items.map((item) => line({ text: shorten(item, 300) })),
            ...facts.map(({ label, value }) =>
              line({ text: `${label}: `, weight: 'Bolder' }, { text: shorten(value, 500) }),
            ),
            line({ text: footer, size: 'Small', isSubtle: true }),
          ],
          actions: [{ type: 'Action.OpenUrl', title: link.label, url: link.url }],
        },
      },
    ],
  };
}

/** Message attachments. Text is Markdown there: its marks lose their meaning. */
function mattermostBody(message: Message): unknown {
  const { title, details, facts, items, link, footer } = message;
  const literal = (text: string): string => text.replace(/[\\`*_~[\]<>#|!]/g, '\\$&');
  return {
    attachments: [
      {
        fallback: shorten(title, 500),
        color: COLOURS[toneOf(message)],
        title: shorten(title, 500),
        title_link: link.url,
        text: [
          ...paragraph(details).map((text) => literal(shorten(text, 4_000))),
          ...items.map((item) => `- ${literal(shorten(item, 300))}`),
        ].join('\n'),
        fields: facts.map(({ label, value }) => ({
          title: label,
          value: literal(shorten(value, 500)),
          short: value.length <= 40,
        })),
        footer,
      },
    ],
  };
}

/** Published as JSON, to the server's root. */
function ntfyBody(message: Message, topic: string): unknown {
  const { priority, tag } = NTFY[toneOf(message)];
  const [title = '', ...lines] = linesOf(message);
  return {
    topic,
    title: shorten(title, 200),
    // The link is what a tap opens.
    message: shorten(lines.slice(0, -1).join('\n'), 1_500),
    priority,
    tags: [tag],
    click: message.link.url,
  };
}
