import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DEFAULT_ADDRESSES, renderDashboards } from './dashboards.ts';

const USAGE = `npm run dashboards -- [--kassavakt-url URL] [--runbook-url URL] [--out DIR]

Writes the Grafana dashboards as JSON to DIR (grafana/dashboards), their links leading to the addresses given.
`;

function readOptions() {
  try {
    return parseArgs({
      options: {
        'kassavakt-url': { type: 'string' },
        'runbook-url': { type: 'string' },
        out: { type: 'string' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    process.stderr.write(`${Error.isError(error) ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

const options = readOptions();
if (options.help === true) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const kassavaktUrl = (options['kassavakt-url'] ?? DEFAULT_ADDRESSES.kassavaktUrl).replace(/\/+$/, '');
const runbookUrl = options['runbook-url'] ?? DEFAULT_ADDRESSES.runbookUrl;
for (const url of [kassavaktUrl, runbookUrl]) {
  if (URL.canParse(url)) continue;
  process.stderr.write(`"${url}" is no address; write one as in https://kassavakt.example.\n`);
  process.exit(2);
}
const folder = options.out ?? join(import.meta.dirname, '../dashboards');
mkdirSync(folder, { recursive: true });
for (const [name, text] of renderDashboards({ kassavaktUrl, runbookUrl })) {
  writeFileSync(join(folder, name), text);
}
