import { writeFileSync } from 'node:fs';
import { notifiers } from '../notifiers/registry.ts';
import { probers } from '../probes/registry.ts';
import { configJsonSchema } from '../settings/config-schema.ts';

/** Writes the JSON Schema that editors check a configuration with; `npm run schema`. */
const file = new URL('../../config/kassavakt.schema.json', import.meta.url);
writeFileSync(file, `${JSON.stringify(configJsonSchema(probers, notifiers), undefined, 2)}\n`);
