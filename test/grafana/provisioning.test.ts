import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { GRAFANA_FOLDER } from './dashboard-files.ts';

const ROOT = join(GRAFANA_FOLDER, '..');
const read = (file: string): unknown => parse(readFileSync(join(ROOT, file), 'utf8'));

describe('the provisioning folder', () => {
  test('gives Grafana both data sources under names that stay', () => {
    expect(read('grafana/provisioning/datasources/kassavakt.yml')).toEqual({
      apiVersion: 1,
      datasources: [
        expect.objectContaining({ uid: 'kassavakt-prometheus', type: 'prometheus', access: 'proxy' }),
        expect.objectContaining({ uid: 'kassavakt-alertmanager', type: 'alertmanager', access: 'proxy' }),
      ],
    });
  });

  test('gives $__rate_interval the scrape interval that Prometheus is set up with', () => {
    const { datasources } = read('grafana/provisioning/datasources/kassavakt.yml') as {
      datasources: readonly { jsonData: { timeInterval?: string } }[];
    };
    const { global } = read('config/prometheus/prometheus.yml') as { global: { scrape_interval: string } };
    expect(datasources[0]?.jsonData.timeInterval).toBe(global.scrape_interval);
  });

  test('has the dashboards where docs/grafana.md mounts them', () => {
    const { providers } = read('grafana/provisioning/dashboards/kassavakt.yml') as {
      providers: readonly { type: string; allowUiUpdates: boolean; options: { path: string } }[];
    };
    expect(providers).toHaveLength(1);
    const [{ type, allowUiUpdates, options } = { type: '', allowUiUpdates: true, options: { path: '' } }] =
      providers;
    expect([type, allowUiUpdates]).toEqual(['file', false]);
    const guide = readFileSync(join(ROOT, 'docs/grafana.md'), 'utf8');
    expect(guide).toContain(`grafana/dashboards:${options.path}:ro`);
    expect(guide).toContain(`cp grafana/dashboards/*.json ${options.path}/`);
  });
});
