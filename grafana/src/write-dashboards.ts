import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { addressesOf, DEFAULT_KASSAVAKT_URL, renderDashboards } from './dashboards.ts';

interface Options {
  readonly kassavaktUrl: string;
  readonly runbookUrl?: string;
  readonly out: string;
}

const { kassavaktUrl, runbookUrl, out } = new Command('npm run dashboards --')
  .description('writes the Grafana dashboards as JSON')
  .option('--kassavakt-url <url>', 'where people reach Kassavakt', parseAddress, DEFAULT_KASSAVAKT_URL)
  .option('--runbook-url <url>', 'where people read the runbook; else Kassavakt serves it', parseAddress)
  .option('--out <dir>', 'the folder for them', join(import.meta.dirname, '../dashboards'))
  .parse()
  .opts<Options>();

mkdirSync(out, { recursive: true });
for (const [name, text] of renderDashboards(addressesOf(kassavaktUrl, runbookUrl))) {
  writeFileSync(join(out, name), text);
}

function parseAddress(text: string): string {
  if (URL.canParse(text)) return text.replace(/\/+$/, '');
  throw new InvalidArgumentError('Write an address, as in https://kassavakt.example.');
}
