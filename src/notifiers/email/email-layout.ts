import { type Message, shorten } from '../messages/message.ts';

/** What a mail program shows. */
export interface Mail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** So much of a subject is shown by the lock screen of a phone, or little more. */
const SUBJECT_LENGTH = 78;

export function layOut(message: Message): Mail {
  return { subject: shorten(message.title, SUBJECT_LENGTH), text: asText(message), html: asHtml(message) };
}

function asText({ title, sentences, facts, items, link, footer }: Message): string {
  const paragraphs = [
    title,
    // A digest's sentence is its title.
    ...(items.length > 0 ? [items.map((item) => `- ${item}`).join('\n')] : [sentences.join(' ')]),
    ...(facts.length > 0 ? [facts.map(({ label, value }) => `${label}: ${value}`).join('\n')] : []),
    `${link.label}: ${link.url}`,
    `-- \n${footer}`,
  ];
  return `${paragraphs.join('\n\n')}\n`;
}

/** No images, no scripts, nothing that is fetched: it reads the same in every mail program. */
function asHtml({ language, title, sentences, facts, items, link, footer }: Message): string {
  const rows = facts.map(
    ({ label, value }) =>
      `<tr><th align="left" valign="top" style="padding:2px 16px 2px 0;font-weight:600">${escape(label)}</th><td style="padding:2px 0">${escape(value)}</td></tr>`,
  );
  return [
    `<!doctype html><html lang="${language}"><head><meta charset="utf-8"><title>${escape(title)}</title></head>`,
    '<body style="font-family:sans-serif;font-size:16px;line-height:1.45">',
    `<h1 style="font-size:20px;margin:0 0 12px">${escape(title)}</h1>`,
    ...(items.length > 0
      ? [`<ul>${items.map((item) => `<li>${escape(item)}</li>`).join('')}</ul>`]
      : [`<p>${escape(sentences.join(' '))}</p>`]),
    ...(rows.length > 0 ? [`<table cellspacing="0" cellpadding="0">${rows.join('')}</table>`] : []),
    `<p><a href="${escape(link.url)}">${escape(link.label)}</a></p>`,
    `<p style="font-size:13px;color:#555">${escape(footer)}</p>`,
    '</body></html>',
  ].join('\n');
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (mark) => `&#${mark.codePointAt(0)};`);
}
