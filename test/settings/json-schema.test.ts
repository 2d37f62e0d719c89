import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { probers } from '../../src/probes/registry.ts';
import { configJsonSchema } from '../../src/settings/config-schema.ts';
import { loadSettings } from '../../src/settings/load-settings.ts';
import { fakeProbers } from './fake-probers.ts';

const CONFIG = join(import.meta.dirname, '../../config');

describe('config/kassavakt.schema.json', () => {
  test('is what `npm run schema` makes of the definitions now', () => {
    const written: unknown = JSON.parse(readFileSync(join(CONFIG, 'kassavakt.schema.json'), 'utf8'));
    expect(written).toEqual(JSON.parse(JSON.stringify(configJsonSchema(probers))));
  });

  test('describes what is written, with the options of each prober under its name', () => {
    expect(configJsonSchema(fakeProbers)).toMatchObject({
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
