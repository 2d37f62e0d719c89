import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { emailNotifier } from '../../src/notifiers/email.ts';
import { grafanaNotifier } from '../../src/notifiers/grafana.ts';
import { TEMPLATE_FIELDS } from '../../src/notifiers/webhook/webhook-template.ts';
import { webhookNotifier } from '../../src/notifiers/webhook.ts';

const guide = readFileSync(join(import.meta.dirname, '../../docs/notifications.md'), 'utf8');

describe('docs/notifications.md', () => {
  test.each([webhookNotifier, emailNotifier, grafanaNotifier])(
    'tells of every option of $name',
    ({ name, options }) => {
      const section = guide.split('\n### ').find((part) => part.startsWith(`${name}\n`)) ?? '';
      const schema = z.toJSONSchema(options, { io: 'input' });
      const names = Object.keys(schema.properties ?? {});
      expect(names.length).toBeGreaterThan(4);
      expect(names.filter((each) => !section.includes(`\`${each}\``))).toEqual([]);
    },
  );

  test('tells of every field of a template', () => {
    const short = TEMPLATE_FIELDS.map((field) => field.replace('incident.', ''));
    expect(short.filter((field) => !guide.includes(`\`${field}\``))).toEqual([]);
  });
});
