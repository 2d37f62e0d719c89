import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Html, html } from './html.ts';
import { HttpProblem } from './http-problem.ts';
import { defineRoute, NO_QUERY, type Route } from './route.ts';

/** Beside the sources and beside what is compiled of them, in the repository as in the package. */
const RUNBOOK = fileURLToPath(new URL('../../docs/runbook.md', import.meta.url));

/** Readable on a phone: lines are folded. */
const STYLE = `
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 1rem; }
pre { font: .9rem/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
`;

/** For the Content-Security-Policy. */
export const RUNBOOK_STYLE_HASH = `sha256-${createHash('sha256').update(STYLE).digest('base64')}`;

/** The runbook where alerts and dashboards can link to it, also while the place where it is kept is down itself. */
export function runbookRoute(file = RUNBOOK): Route {
  return defineRoute({
    method: 'get',
    path: '/runbook',
    access: 'viewer',
    summary:
      'What to look at and to do for each alert; each heading can be linked to, as in /runbook#kassavaktincident',
    query: NO_QUERY,
    answers: { 200: { description: 'The runbook', body: { contentType: 'text/html' } } },
    async answer({ response }) {
      const text = await readFile(file, 'utf8').catch(() => undefined);
      if (text === undefined) {
        throw new HttpProblem('not-found', 'This installation has no runbook: docs/runbook.md is not in it.');
      }
      response.type('text/html').send(renderRunbook(text));
    },
  });
}

/** As it is written, headings apart: they become what a link can lead to, by the anchors that GitHub gives them. */
export function renderRunbook(markdown: string): string {
  const [before = '', ...sections] = splitAtHeadings(markdown);
  const page = html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Runbook</title>
<style>${new Html(STYLE)}</style></head>
<body>
${before.trim() === '' ? '' : html`<pre>${before}</pre>`}
${sections.map(renderSection)}
</body>
</html>
`;
  return page.text;
}

/** What stands before the first heading, then each heading with what follows. In a code block `#` begins a comment. */
function splitAtHeadings(markdown: string): readonly string[] {
  const sections = [''];
  let isCode = false;
  for (const line of markdown.split('\n')) {
    if (line.startsWith('```')) isCode = !isCode;
    if (!isCode && /^#{1,6} /.test(line)) sections.push('');
    sections.push(`${sections.pop() ?? ''}${line}\n`);
  }
  return sections;
}

function renderSection(section: string): Html {
  const [, marks = '#', title = '', body = ''] = /^(#+) +(.*)\n?([\s\S]*)$/.exec(section) ?? [];
  const anchor = title
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
  const heading =
    marks.length === 1 ? html`<h1 id="${anchor}">${title}</h1>` : html`<h2 id="${anchor}">${title}</h2>`;
  return html`${heading}<pre>${body.trim()}</pre>
`;
}
