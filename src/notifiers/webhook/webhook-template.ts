import { err, ok, type Result } from '../../lib/result.ts';
import type { Notice } from '../../core/notification.ts';
import { linesOf, type Message, type Telling } from '../messages/message.ts';

/** What a template may name. Of a digest or a test, which is about no one incident, those of the incident are empty. */
export const TEMPLATE_FIELDS = [
  'key',
  'change',
  'changeText',
  'timestamp',
  'channel',
  'language',
  'title',
  'summary',
  'text',
  'severity',
  'severityText',
  'link',
  'incident.id',
  'incident.scope',
  'incident.severity',
  'incident.state',
  'incident.openedAt',
  'incident.resolvedAt',
  'incident.targetsDown',
  'incident.targetsInScope',
  'incident.storesAffected',
  'incident.methodsLost',
  'incident.reason',
  'incident.store',
  'incident.storeName',
  'incident.chain',
  'incident.region',
] as const;
type TemplateField = (typeof TEMPLATE_FIELDS)[number];

/** A body with gaps, ready to fill. */
export interface Template {
  readonly fill: (notice: Notice, message: Message, telling: Telling) => string;
}

/**
 * Reads a template: text in which `{{ field }}` stands for a field's value, escaped as `contentType` needs it. There is
 * nothing else to it: no conditions, no loops.
 */
export function parseTemplate(text: string, contentType: string): Result<Template> {
  const parts = text.split(/\{\{\s*([^{}]*?)\s*\}\}/);
  const fields: TemplateField[] = [];
  for (const [i, part] of parts.entries()) {
    if (i % 2 === 0) {
      if (part.includes('{{'))
        return err('a {{ is not closed; write {{ title }} or another field between braces');
      continue;
    }
    const field = TEMPLATE_FIELDS.find((name) => name === part);
    if (field === undefined) {
      return err(`{{ ${part} }} names no field; the fields are ${TEMPLATE_FIELDS.join(', ')}`);
    }
    fields.push(field);
  }
  const escape = escaperFor(contentType);
  return ok({
    fill(notice, message, telling) {
      const values = valuesOf(notice, message, telling);
      return parts
        .map((part, i) => (i % 2 === 0 ? part : escape(values[fields[(i - 1) / 2] ?? 'key'])))
        .join('');
    },
  });
}

/** How a value is written so that it stays one: within the quotes of JSON, as part of a form, as text of a markup. */
function escaperFor(contentType: string): (value: string) => string {
  const type = (contentType.split(';')[0] ?? '').trim().toLowerCase();
  if (/[/+]json$/.test(type)) return (value) => JSON.stringify(value).slice(1, -1);
  if (type === 'application/x-www-form-urlencoded') return encodeURIComponent;
  if (/[/+](xml|html)$/.test(type)) {
    return (value) => value.replace(/[&<>"']/g, (mark) => `&#${mark.codePointAt(0)};`);
  }
  return (value) => value;
}

function valuesOf(
  notice: Notice,
  message: Message,
  telling: Telling,
): Readonly<Record<TemplateField, string>> {
  const isOne = notice.change !== 'digest' && notice.incidents.length === 1;
  const noticed = isOne ? notice.incidents[0] : undefined;
  const incident = noticed?.incident;
  const time = (atMs: number | undefined): string => (atMs === undefined ? '' : new Date(atMs).toISOString());
  const scope = incident?.scope.map((each) =>
    Object.entries(each)
      .map(([name, value]) => `${name}=${value}`)
      .join(', '),
  );
  return {
    key: notice.key,
    change: notice.change,
    changeText: message.words.change,
    timestamp: time(notice.atMs),
    channel: telling.channel,
    language: telling.language,
    title: message.title,
    summary: message.sentences.join(' '),
    text: linesOf(message).join('\n'),
    severity: message.severity ?? '',
    severityText: message.words.severity,
    link: message.link.url,
    'incident.id': incident?.id ?? '',
    'incident.scope': scope?.join(' | ') ?? '',
    'incident.severity': incident?.severity ?? '',
    'incident.state': incident?.state ?? '',
    'incident.openedAt': time(incident?.openedAtMs),
    'incident.resolvedAt': time(incident?.resolvedAtMs),
    'incident.targetsDown': String(incident?.targetsDown ?? ''),
    'incident.targetsInScope': String(incident?.targetsInScope ?? ''),
    'incident.storesAffected': String(incident?.storesAffected ?? ''),
    'incident.methodsLost': incident?.methodsLost?.join(', ') ?? '',
    'incident.reason': incident?.reason ?? '',
    'incident.store': noticed?.store ?? '',
    'incident.storeName': noticed?.storeName ?? '',
    'incident.chain': noticed?.chain ?? '',
    'incident.region': noticed?.region ?? '',
  };
}
