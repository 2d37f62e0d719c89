import { describe, expect, test } from '@jest/globals';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addressesOf, DEFAULT_KASSAVAKT_URL, renderDashboards } from '../../grafana/src/dashboards.ts';
import { COLOUR, METHOD_STATES, TARGET_STATES } from '../../grafana/src/looks.ts';
import { STATES } from '../../src/core/health.ts';
import { MEASUREMENTS } from '../../src/core/measurements.ts';
import { OUTAGE_FAMILIES, PROCESS_FAMILIES, TARGET_FAMILIES } from '../../src/metrics/catalogue.ts';
import { DASHBOARD_FOLDER, type Mapping, type Panel, panelsOf, readDashboards } from './dashboard-files.ts';
import { queriesOf } from './linter.ts';
import { selectorsIn } from './promql.ts';

const ROOT = join(import.meta.dirname, '../..');
const GRID_COLUMNS = 24;
/** Rows of the grid that a screen of 1080 lines shows below Grafana's own bars. */
const FIRST_SCREEN_ROWS = 24;

/** Names that the monitor exports. Histograms have more than one. */
const EXPORTED = new Set([
  ...Object.keys({ ...TARGET_FAMILIES, ...OUTAGE_FAMILIES, ...PROCESS_FAMILIES, ...MEASUREMENTS }),
  'kassavakt_probe_lateness_seconds_bucket',
  // Of notifiers, which register their own.
  'kassavakt_notifications_pending',
  'kassavakt_notifications_total',
  'kassavakt_notification_failures_total',
  'kassavakt_notification_dwell_seconds_bucket',
  'kassavakt_notification_oldest_pending_timestamp_seconds',
  'kassavakt_alertmanager_up',
  'kassavakt_alertmanager_alerts',
]);
const NOT_OURS = /^(?:up|scrape_duration_seconds|process_\w+)$/;

const RUNBOOK_ANCHORS = Array.from(
  readFileSync(join(ROOT, 'docs/runbook.md'), 'utf8').matchAll(/^## (\w+)$/gm),
  ([, heading]) => heading?.toLowerCase(),
);

const rendered = renderDashboards(addressesOf(DEFAULT_KASSAVAKT_URL));
const dashboards = Array.from(readDashboards(), ([file, dashboard]) => ({ file, dashboard }));
const uids = dashboards.map(({ dashboard }) => dashboard.uid);

describe('the committed dashboards', () => {
  test('are what `npm run dashboards` writes, file by file', () => {
    expect(dashboards.map(({ file }) => file)).toEqual(Array.from(rendered.keys()).sort());
    const stale = Array.from(rendered).filter(
      ([file, text]) => readFileSync(join(DASHBOARD_FOLDER, file), 'utf8') !== text,
    );
    expect(stale.map(([file]) => file)).toEqual([]);
  });

  test('have addresses of their own, and names of their own', () => {
    expect(new Set(uids).size).toBe(dashboards.length);
    expect(new Set(dashboards.map(({ dashboard }) => dashboard.title)).size).toBe(dashboards.length);
  });

  test('lead to the addresses that they are generated for', () => {
    const other = renderDashboards(addressesOf('https://till.example', 'https://wiki.example/r'));
    for (const text of other.values()) {
      expect(text).toContain('"https://till.example"');
      expect(text).toContain('"https://wiki.example/r"');
      expect(text).not.toContain('127.0.0.1');
    }
  });

  test('name every way a state can be, as the monitor counts them', () => {
    expect(Object.values(TARGET_STATES).map(([text]) => text.replace(/^\S+ /, ''))).toEqual(STATES);
    expect(Object.keys(METHOD_STATES)).toEqual(['0', '1', '2', '3', '4']);
  });

  test('hide no link and no annotation in a menu', () => {
    for (const text of rendered.values()) expect(text).not.toContain('inControlsMenu');
  });

  test('have every page that alerts send people to', () => {
    const rules = globSync('config/prometheus/rules/*.yml', { cwd: ROOT }).map((file) =>
      readFileSync(join(ROOT, file), 'utf8'),
    );
    const wanted = rules.flatMap((text) =>
      Array.from(text.matchAll(/\/d\/([\w-]+)/g), ([, uid]) => uid ?? ''),
    );
    expect(wanted.length).toBeGreaterThan(0);
    expect(wanted.filter((uid) => !uids.includes(uid))).toEqual([]);
  });
});

test('Chain overview answers on its first screen', () => {
  const overview = dashboards.filter(({ file }) => file === 'chain-overview.json');
  const first = overview
    .flatMap(({ dashboard }) => panelsOf(dashboard))
    .filter(({ gridPos: { y, h } }) => y + h <= FIRST_SCREEN_ROWS);
  expect(first.map(({ title }) => title)).toEqual([
    'Can customers pay?',
    'Stores that cannot take cards',
    'Stores with some way to pay down',
    'Open incidents',
    'Longest open incident',
    'Does the monitor see?',
    'Open incidents: what fails together, since when',
    'Open stores by way to pay',
    'Ways to pay in each chain',
    'Where',
  ]);
});

describe.each(dashboards)('$file', ({ dashboard }) => {
  const panels = panelsOf(dashboard);

  test('gives each panel an id once', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(ids.every((id) => Number.isInteger(id) && id > 0)).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('lays no panel over another, nor beyond the grid', () => {
    expect(panels.filter(({ gridPos: { x, w } }) => x + w > GRID_COLUMNS)).toEqual([]);
    const pairs = dashboard.panels.flatMap((one, i) =>
      dashboard.panels
        .slice(i + 1)
        .flatMap((other) => (overlap(one, other) ? [[one.title, other.title]] : [])),
    );
    expect(pairs).toEqual([]);
  });

  test('leaves no gap in a line of panels', () => {
    const lines = Map.groupBy(panels, ({ gridPos: { y } }) => y);
    const widths = Array.from(lines.values(), (line) => line.reduce((sum, { gridPos: { w } }) => sum + w, 0));
    expect(new Set(widths)).toEqual(new Set([GRID_COLUMNS]));
  });

  test("sends its reader on to Kassavakt's page and the runbook, from each panel", () => {
    for (const { links = [] } of panels) {
      const [page, runbook] = links;
      expect(page?.url).toBe('${kassavakt_url:raw}/');
      const [, anchor] = /^\$\{runbook_url:raw\}#(kassavakt[a-z]+)$/.exec(runbook?.url ?? '') ?? [];
      expect(RUNBOOK_ANCHORS).toContain(anchor);
    }
  });

  test('links to no dashboard that there is not, and to no variable', () => {
    const text = JSON.stringify(dashboard);
    const linked = Array.from(text.matchAll(/"\/d\/([\w-]+)/g), ([, uid]) => uid ?? '');
    expect(linked.filter((uid) => !uids.includes(uid))).toEqual([]);
    const names = new Set(dashboard.templating.list.map(({ name }) => name));
    const used = Array.from(text.matchAll(/\$\{?([a-z][\w]*)/g), ([, name]) => name ?? '');
    expect(used.filter((name) => !names.has(name))).toEqual([]);
    for (const { name } of dashboard.templating.list)
      expect([name, used.includes(name)]).toEqual([name, true]);
  });

  test('says every state in words, so that its colour is not needed', () => {
    for (const { options } of panels.flatMap(wordingsOf)) {
      const texts = Object.values(options).map(({ text = '' }) => text.trim());
      expect(texts).not.toContain('');
      expect(new Set(texts).size).toBe(texts.length);
    }
  });

  test('does not let a number that is not known look like a good one', () => {
    const lonely = panels.filter(({ type }) => type === 'stat' || type === 'bargauge');
    for (const { title, fieldConfig } of lonely) {
      const { mappings = [], noValue } = fieldConfig?.defaults ?? {};
      const forNothing = mappings.flatMap(({ type, options }) =>
        type === 'special' ? [options['result']] : [],
      );
      expect([title, forNothing.map((result) => result?.text)]).toEqual([title, [noValue]]);
      const isGood = noValue?.startsWith('✓') === true;
      expect([title, forNothing[0]?.color === COLOUR.good]).toEqual([title, isGood]);
    }
  });

  test('makes of a table only columns that its queries give', () => {
    for (const { type, targets = [], transformations = [] } of panels) {
      if (type !== 'table') continue;
      const organize = transformations.find(({ id }) => id === 'organize');
      const columns = Object.keys(organize?.options['renameByName'] as Readonly<Record<string, string>>);
      const values = columns.filter((name) => name.startsWith('Value'));
      const wanted = targets.length === 1 ? ['Value'] : targets.map(({ refId }) => `Value #${refId}`);
      expect(wanted).toEqual(expect.arrayContaining(values));
      expect(targets.every(({ format, instant }) => format === 'table' && instant === true)).toBe(true);
    }
  });

  test('asks for no metric of ours that the monitor does not export', () => {
    const asked = queriesOf(dashboard).flatMap(({ target }) =>
      selectorsIn(target.expr).map(({ metric }) => metric),
    );
    expect(asked.length).toBeGreaterThan(10);
    expect(
      Array.from(new Set(asked)).filter((metric) => !EXPORTED.has(metric) && !NOT_OURS.test(metric)),
    ).toEqual([]);
  });
});

function overlap({ gridPos: a }: Panel, { gridPos: b }: Panel): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

/** Value mappings of a panel and of its columns, those for no value at all apart. */
function wordingsOf({ fieldConfig }: Panel): readonly Mapping[] {
  const ofColumns = (fieldConfig?.overrides ?? []).flatMap(({ properties }) =>
    properties.flatMap(({ id, value }) => (id === 'mappings' ? (value as readonly Mapping[]) : [])),
  );
  return [...(fieldConfig?.defaults.mappings ?? []), ...ofColumns].filter(({ type }) => type !== 'special');
}
