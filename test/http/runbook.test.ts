import { describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { renderRunbook } from '../../src/http/runbook-route.ts';
import { startFixture } from './app-fixture.ts';

const RUNBOOK = [
  'What to do.',
  '# Runbook',
  'First <look>.',
  '## KassavaktMonitorBlind',
  '1. Is the network there?',
  '```sh',
  '# as root',
  'fping 10.20.1.1',
  '```',
  '### Wer är `ensam`? (natt)',
  'Nobody.',
  '',
].join('\n');

describe('the runbook as a page', () => {
  const page = renderRunbook(RUNBOOK);

  test('has an anchor for each heading, as GitHub would give it', () => {
    const anchors = Array.from(page.matchAll(/<h[12] id="([^"]*)">/g), ([, anchor]) => anchor);
    expect(anchors).toEqual(['runbook', 'kassavaktmonitorblind', 'wer-är-ensam-natt']);
  });

  test('leaves out nothing, and takes nothing for HTML', () => {
    for (const text of [
      'What to do.',
      'First &lt;look&gt;.',
      '1. Is the network there?',
      '# as root',
      'Nobody.',
    ]) {
      expect(page).toContain(text);
    }
    expect(page).not.toContain('<look>');
  });

  test('is served, with a heading for every alert that leads there', async () => {
    await using fixture = await startFixture();
    const answer = await fixture.get('/runbook');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const served = await answer.text();
    const [, style = ''] = /<style>([\s\S]*)<\/style>/.exec(served) ?? [];
    const hash = createHash('sha256').update(style).digest('base64');
    expect(answer.headers.get('content-security-policy')).toContain(`'sha256-${hash}'`);
    const alerts = readFileSync(new URL('../../config/prometheus/rules/alerts.yml', import.meta.url), 'utf8');
    const anchors = new Set(
      Array.from(alerts.matchAll(/runbook_url:.*#(\w+)/g), ([, anchor]) => anchor ?? ''),
    );
    expect(anchors.size).toBeGreaterThan(5);
    for (const anchor of anchors) expect(served).toContain(`<h2 id="${anchor}">`);
  });
});
