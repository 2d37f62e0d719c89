import { describe, expect, test } from '@jest/globals';
import { renderRunbook } from '../../src/http/runbook-route.ts';

const RUNBOOK = `What to do.

# Runbook

First <look>.

## KassavaktMonitorBlind

1. Is the network there?

### Wer är \`ensam\`? (natt)

Nobody.
`;

describe('the runbook as a page', () => {
  const page = renderRunbook(RUNBOOK);

  test('has an anchor for each heading, as GitHub would give it', () => {
    const anchors = Array.from(page.matchAll(/<h[12] id="([^"]*)">/g), ([, anchor]) => anchor);
    expect(anchors).toEqual(['runbook', 'kassavaktmonitorblind', 'wer-är-ensam-natt']);
  });

  test('leaves out nothing, and takes nothing for HTML', () => {
    for (const text of ['What to do.', 'First &lt;look&gt;.', '1. Is the network there?', 'Nobody.']) {
      expect(page).toContain(text);
    }
    expect(page).not.toContain('<look>');
  });
});
