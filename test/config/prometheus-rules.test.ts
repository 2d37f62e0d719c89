import { describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { SEVERITIES } from '../../src/core/events.ts';
import { MEASUREMENTS } from '../../src/core/measurements.ts';
import { OUTAGE_FAMILIES, PROCESS_FAMILIES, TARGET_FAMILIES } from '../../src/metrics/catalogue.ts';
import { makeFolder } from '../tools/monitor-process.ts';
import { canRun } from '../tools/programs.ts';

const ROOT = join(import.meta.dirname, '../..');
const CONFIG = join(ROOT, 'config/prometheus');
const RUNBOOK = readFileSync(join(ROOT, 'docs/runbook.md'), 'utf8');
const DASHBOARDS = join(ROOT, 'grafana/dashboards');

type Labels = Readonly<Record<string, string>>;

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly keep_firing_for?: string;
  readonly labels?: Labels;
  readonly annotations?: Labels;
}

interface TestFile {
  readonly rule_files: readonly string[];
  readonly tests: readonly {
    readonly name: string;
    readonly alert_rule_test?: readonly {
      readonly alertname: string;
      readonly exp_alerts: readonly { readonly exp_labels: Labels; readonly exp_annotations?: Labels }[];
    }[];
  }[];
}

function readYaml(file: string): unknown {
  return parse(readFileSync(join(CONFIG, file), 'utf8'));
}

function rulesOf(file: string): readonly Rule[] {
  const { groups } = readYaml(file) as { readonly groups: readonly { readonly rules: readonly Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

const ALERTS = rulesOf('rules/alerts.yml').map((rule) => ({
  ...rule,
  name: rule.alert ?? '',
  shown: `${rule.alert} ${Object.values(rule.labels ?? {}).join(' ')}`,
}));
const RECORDED = rulesOf('rules/recording.yml');
const TEST_FILES = globSync('tests/*.test.yml', { cwd: CONFIG }).sort();
const CASES = TEST_FILES.flatMap((file) => (readYaml(file) as TestFile).tests).flatMap(
  ({ alert_rule_test }) => alert_rule_test ?? [],
);

/** As GitHub makes a heading's anchor. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .trim()
    .replaceAll(' ', '-');
}
const ANCHORS = new Set(
  Array.from(RUNBOOK.matchAll(/^#+ (.+)$/gm), ([, heading]) => anchorOf(heading ?? '')),
);

const KNOWN = new Set([
  ...Object.keys(PROCESS_FAMILIES),
  ...Object.keys(TARGET_FAMILIES),
  ...Object.keys(OUTAGE_FAMILIES),
  ...Object.keys(MEASUREMENTS),
  ...RECORDED.map(({ record }) => record ?? ''),
  'kassavakt_probe_lateness_seconds_bucket',
  'up',
]);

/** Every name in an expression that a metric could have: what is before a selector, a range or the end. */
function metricsIn(expr: string): readonly string[] {
  const bare = expr.replaceAll(/"[^"]*"/g, '""').replaceAll(/\b(without|on|group_left|by)\s*\([^)]*\)/g, ' ');
  return Array.from(
    bare.matchAll(/\b(?:[a-z_]+:)?(?:kassavakt_|probe_|up\b|error_)[a-zA-Z0-9_:]*/g),
    ([name]) => name,
  );
}

describe('alerting rules', () => {
  test('are those that the runbook, dashboards and Alertmanager know', () => {
    expect(Array.from(new Set(ALERTS.map(({ name }) => name)))).toEqual([
      'KassavaktStoreCannotTakeCards',
      'KassavaktPaymentMethodDown',
      'KassavaktScopeOutage',
      'KassavaktCertificateExpires',
      'KassavaktLatencyDegraded',
      'KassavaktAvailabilityBurn',
      'KassavaktMonitorBlind',
      'KassavaktMonitorAbsent',
      'KassavaktProbesLate',
      'KassavaktJournalNotWritable',
      'KassavaktNotificationBacklog',
      'KassavaktDeadMansSwitch',
    ]);
  });

  test('are told apart by their labels', () => {
    expect(new Set(ALERTS.map(({ shown }) => shown)).size).toBe(ALERTS.length);
  });

  test.each(ALERTS)('say what a person needs to know: $shown', ({ name, labels, annotations, ...rule }) => {
    expect(SEVERITIES).toContain(labels?.['severity']);
    expect(annotations?.['summary']).toMatch(/\S/);
    expect(annotations?.['description']).toMatch(/\.$/);
    expect(annotations?.['runbook_url']).toBe(`http://127.0.0.1:9840/runbook#${name.toLowerCase()}`);
    expect(annotations?.['dashboard_url']).toMatch(/^http:\/\/127\.0\.0\.1:3000\/d\/kassavakt-[a-z-]+(\?|$)/);
    expect(rule.for).toMatch(/^\d+[smh]$/);
    expect(rule.keep_firing_for).toMatch(/^[1-9]\d*[smh]$/);
  });

  test.each(ALERTS)('lead to a chapter of the runbook: $shown', ({ annotations }) => {
    expect(ANCHORS).toContain(annotations?.['runbook_url']?.split('#')[1]);
  });

  test.each(ALERTS)('have a unit test in which they fire and one in which they do not: $shown', (rule) => {
    const own = CASES.filter(({ alertname }) => alertname === rule.name);
    const isTold = ({ exp_alerts }: (typeof CASES)[number]): boolean =>
      exp_alerts.some(({ exp_labels }) =>
        Object.entries(rule.labels ?? {}).every(([label, value]) => exp_labels[label] === value),
      );
    expect(own.filter(isTold).length).toBeGreaterThan(0);
    expect(own.filter((each) => !isTold(each)).length).toBeGreaterThan(0);
  });

  test('are tested with every word that they say', () => {
    const told = CASES.flatMap(({ exp_alerts }) => exp_alerts);
    expect(told.length).toBeGreaterThan(ALERTS.length);
    for (const { exp_annotations } of told) {
      expect(Object.keys(exp_annotations ?? {}).sort()).toEqual([
        'dashboard_url',
        'description',
        'runbook_url',
        'summary',
      ]);
    }
  });

  test('lead to dashboards that there are', () => {
    const uids = globSync('*.json', { cwd: DASHBOARDS }).map(
      (file) => (JSON.parse(readFileSync(join(DASHBOARDS, file), 'utf8')) as { uid: string }).uid,
    );
    const wanted = ALERTS.map(
      ({ annotations }) => annotations?.['dashboard_url']?.match(/\/d\/([^?]+)/)?.[1],
    );
    expect(Array.from(new Set(wanted)).filter((uid) => uid === undefined || !uids.includes(uid))).toEqual([]);
  });
});

describe('recording rules', () => {
  test.each(RECORDED)('are named by level, metric and operation: $record', ({ record }) => {
    expect(record).toMatch(/^[a-z_]+:[a-z_]+:[a-z0-9]+$/);
  });

  test.each(RECORDED)('aggregate with without, and average no ratios: $record', ({ expr }) => {
    expect(expr).not.toMatch(/\bby\s*\(|\bavg(_over_time)?\b/);
    for (const [, rest] of expr.matchAll(/(?<![:\w])(?:sum|count|min|max)\s+(\w+)/g))
      expect(rest).toBe('without');
  });
});

test.each([...RECORDED, ...ALERTS])('read metrics that there are: $record$alert', ({ expr }) => {
  const names = metricsIn(expr);
  expect(names.filter((name) => !KNOWN.has(name))).toEqual([]);
  expect(names.length).toBeGreaterThan(expr === 'vector(0.005)' ? -1 : 0);
});

const SUITE = 'promtool on the shipped Prometheus files';
(canRun(SUITE, ['promtool']) ? describe : describe.skip)(SUITE, () => {
  test('finds the configuration and its rules right', async () => {
    const said = await promtool('check', 'config', join(CONFIG, 'prometheus.yml'));
    expect(said).toContain('2 rule files found');
    expect(said).not.toContain('FAILED');
  });

  test('finds the configuration with a token and /probe right', async () => {
    await using folder = await makeFolder();
    await cp(CONFIG, folder.path, { recursive: true });
    const file = join(folder.path, 'prometheus.yml');
    const given = readFileSync(file, 'utf8');
    await writeFile(file, given.replaceAll('#: ', ''));
    await writeFile(join(folder.path, 'kassavakt-token'), 'secret');
    expect(await promtool('check', 'config', file)).not.toContain('FAILED');
    const jobs = (text: string) =>
      (parse(text) as { scrape_configs: { job_name: string; authorization?: object }[] }).scrape_configs;
    expect(jobs(given).map(({ job_name }) => job_name)).toEqual(['kassavakt', 'kassavakt-targets']);
    const all = jobs(readFileSync(file, 'utf8'));
    expect(all.map(({ job_name }) => job_name)).toEqual([
      'kassavakt',
      'kassavakt-targets',
      'kassavakt-probe',
    ]);
    expect(all.every(({ authorization }) => authorization !== undefined)).toBe(true);
  });

  test('finds nothing to remark on the rules', async () => {
    const said = await promtool('check', 'rules', '--lint=all', '--lint-fatal', ...rulePaths());
    expect(said.match(/SUCCESS/g)).toHaveLength(2);
  });

  test.each(TEST_FILES)('passes the unit tests of %s', async (file) => {
    expect(await promtool('test', 'rules', join(CONFIG, file))).toContain('SUCCESS');
  });
});

function rulePaths(): readonly string[] {
  return globSync('rules/*.yml', { cwd: CONFIG }).map((file) => join(CONFIG, file));
}

/** What it says; rejects with that when it finds something wrong. */
async function promtool(...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)('promtool', args, { encoding: 'utf8' });
  return stdout + stderr;
}
