import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { notifiers } from '../../src/notifiers/registry.ts';
import { probers } from '../../src/probes/registry.ts';
import { configJsonSchema } from '../../src/settings/config-schema.ts';
import { loadSettings } from '../../src/settings/load-settings.ts';
import { fakeNotifiers } from './fake-notifiers.ts';
import { fakeProbers } from './fake-probers.ts';

const CONFIG = join(import.meta.dirname, '../../config');

describe('config/kassavakt.schema.json', () => {
  test('is what `npm run schema` makes of the definitions now', () => {
    const written: unknown = JSON.parse(readFileSync(join(CONFIG, 'kassavakt.schema.json'), 'utf8'));
    expect(written).toEqual(JSON.parse(JSON.stringify(configJsonSchema(probers, notifiers))));
  });

  test('describes what is written, with the options of each prober under its name', () => {
    expect(configJsonSchema(fakeProbers, fakeNotifiers)).toMatchObject({
      type: 'object',
      additionalProperties: false,
      properties: {
        listen: { type: 'string', default: '127.0.0.1:9840' },
        modules: {
          additionalProperties: {
            required: ['prober'],
            additionalProperties: false,
            properties: {
              prober: { enum: ['tcp', 'http', 'nexo'] },
              interval: { type: 'string', description: expect.stringContaining('Without it 30s') },
              http: {
                properties: { method: { enum: ['GET', 'HEAD', 'POST'] } },
                additionalProperties: false,
              },
              nexo: { required: ['root_file'] },
            },
          },
        },
        notifications: {
          properties: {
            channels: {
              items: {
                required: ['name', 'type'],
                properties: {
                  type: { enum: ['pager', 'letter'] },
                  language: { enum: ['en', 'sv', 'nb'], default: 'en' },
                  pager: { required: ['number'], additionalProperties: false },
                },
              },
            },
          },
        },
      },
    });
  });
});

test('config/kassavakt.yaml works as it stands and probes nothing but this machine', async () => {
  const loaded = await loadSettings(join(CONFIG, 'kassavakt.yaml'), probers, {});
  expect(loaded).toMatchObject({ ok: true, value: { listen: { host: '127.0.0.1', port: 9840 } } });
  const targets = loaded.ok ? Array.from(loaded.value.estate.targets.values()) : [];
  expect(targets.length).toBe(11);
  for (const { address } of targets) expect(address).toMatch(/^(http:\/\/)?127\.0\.0\.1:9840(\/|$)/);
});
