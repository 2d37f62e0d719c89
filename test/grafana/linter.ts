import * as units from '@grafana/grafana-foundation-sdk/units';
import { type Dashboard, type Panel, panelsOf, type Target, type Variable } from './dashboard-files.ts';
import { selectorsIn } from './promql.ts';

/** What a rule found, one line each: nothing when all is well. */
export type Rule = (dashboard: Dashboard) => readonly string[];

const UNITS = new Set<unknown>(Object.values(units));
const OF_RATES = new Set(['rate', 'irate', 'increase']);
const COUNTER = /_(?:total|sum|count|bucket)$/;
const ON_TIME_CHANGE = 2;

/**
 * What grafana's dashboard-linter demands, by its names for it. That program cannot be had from a package registry of ours.
 * Its rules on LogQL are left out, as nothing here is a log; target-promql-rule is in promql-syntax.test.ts.
 */
export const RULES: Readonly<Record<string, Rule>> = {
  'template-datasource-rule': (dashboard) => {
    const sources = dashboard.templating.list.filter(({ type }) => type === 'datasource');
    const [only] = sources;
    if (sources.length !== 1 || only === undefined)
      return [`has ${sources.length} data source variables, not one`];
    return [
      ...(only.name === 'datasource'
        ? []
        : [`calls its data source variable "${only.name}", not "datasource"`]),
      ...(only.label === 'Data Source' ? [] : [`labels it "${only.label}", not "Data Source"`]),
      ...(only.query === 'prometheus' ? [] : [`has a data source of type "${only.query}", not "prometheus"`]),
    ];
  },
  'template-job-rule': (dashboard) => checkScrapeVariable(dashboard, 'job'),
  'template-instance-rule': (dashboard) => checkScrapeVariable(dashboard, 'instance'),
  'template-label-promql-rule': (dashboard) =>
    queryVariables(dashboard).flatMap(({ name, query = '' }) =>
      /^(?:label_values|label_names|metrics|query_result)\(.+\)$/.test(query)
        ? []
        : [`variable "${name}" has a query that is none of the data source's: ${query}`],
    ),
  'template-on-time-change-reload-rule': (dashboard) =>
    queryVariables(dashboard).flatMap(({ name, refresh }) =>
      refresh === ON_TIME_CHANGE ? [] : [`variable "${name}" does not follow the time range`],
    ),
  'panel-datasource-rule': (dashboard) =>
    panelsOf(dashboard).flatMap((panel) =>
      [panel, ...targetsOf(panel)].flatMap(({ datasource }) =>
        datasource?.uid === '${datasource}' && datasource.type === 'prometheus'
          ? []
          : [`${at(panel)} does not use the data source that is chosen`],
      ),
    ),
  'panel-title-description-rule': (dashboard) =>
    panelsOf(dashboard).flatMap((panel) => [
      ...(isText(panel.title) ? [] : [`${at(panel)} has no title`]),
      ...(isText(panel.description) ? [] : [`${at(panel)} has no description`]),
    ]),
  'panel-units-rule': (dashboard) =>
    panelsOf(dashboard).flatMap((panel) => {
      const { unit, mappings = [] } = panel.fieldConfig?.defaults ?? {};
      const ofColumns = (panel.fieldConfig?.overrides ?? []).flatMap(({ properties }) => properties);
      const unknown = ofColumns.find(({ id, value }) => id === 'unit' && !UNITS.has(value));
      if (unknown !== undefined)
        return [`${at(panel)} has a column with the unit "${String(unknown.value)}"`];
      if (unit === undefined && mappings.some(({ type }) => type !== 'special')) return [];
      return UNITS.has(unit) ? [] : [`${at(panel)} has the unit "${unit}", which Grafana does not know`];
    }),
  'panel-no-targets-rule': (dashboard) =>
    panelsOf(dashboard).flatMap((panel) =>
      targetsOf(panel).length > 0 ? [] : [`${at(panel)} asks nothing`],
    ),
  'target-rate-interval-rule': (dashboard) =>
    selectorsOf(dashboard).flatMap(({ where, range, within }) =>
      OF_RATES.has(within[0] ?? '') && range !== '$__rate_interval'
        ? [`${where} takes a rate over ${range}, not over $__rate_interval`]
        : [],
    ),
  'target-job-rule': (dashboard) => checkMatcher(dashboard, 'job'),
  'target-instance-rule': (dashboard) => checkMatcher(dashboard, 'instance'),
  'target-counter-agg-rule': (dashboard) =>
    selectorsOf(dashboard).flatMap(({ where, metric, within }) =>
      COUNTER.test(metric) && !OF_RATES.has(within[0] ?? '')
        ? [`${where} shows the counter ${metric} itself`]
        : [],
    ),
  'uneditable-dashboard': ({ editable }) => (editable === false ? [] : ['can be edited']),
};

/** Queries of panels and annotations, each with where it stands. */
export function queriesOf(
  dashboard: Dashboard,
): readonly { readonly where: string; readonly target: Target }[] {
  return [
    ...panelsOf(dashboard).flatMap((panel) =>
      targetsOf(panel).map((target) => ({ where: `${at(panel)}, query ${target.refId},`, target })),
    ),
    ...dashboard.annotations.list.flatMap(({ name, target, builtIn }) =>
      builtIn === 1 || target === undefined ? [] : [{ where: `annotation "${name}"`, target }],
    ),
  ];
}

function selectorsOf(dashboard: Dashboard) {
  return queriesOf(dashboard).flatMap(({ where, target }) =>
    selectorsIn(target.expr).map((selector) => ({ where, ...selector })),
  );
}

function checkScrapeVariable({ templating }: Dashboard, name: string): readonly string[] {
  const variable = templating.list.find((one) => one.name === name);
  if (variable === undefined) return [`has no variable "${name}"`];
  const { type, label, multi, allValue, datasource } = variable;
  return [
    ...(type === 'query' ? [] : [`variable "${name}" is no query`]),
    ...(datasource?.uid === '${datasource}' ? [] : [`variable "${name}" asks another data source`]),
    ...(label?.toLowerCase() === name ? [] : [`variable "${name}" is labelled "${label}"`]),
    ...(multi === true ? [] : [`variable "${name}" takes one value only`]),
    ...(allValue === '.+' ? [] : [`variable "${name}" has "${allValue}" for all, not ".+"`]),
  ];
}

function checkMatcher(dashboard: Dashboard, label: string): readonly string[] {
  return selectorsOf(dashboard).flatMap(({ where, metric, matchers }) =>
    matchers.includes(`${label}=~"$${label}"`) ? [] : [`${where} takes ${metric} of every ${label}`],
  );
}

function queryVariables({ templating }: Dashboard): readonly Variable[] {
  return templating.list.filter(({ type }) => type === 'query');
}

function targetsOf({ targets = [] }: Panel): readonly Target[] {
  return targets;
}

function at({ id, title }: Panel): string {
  return `panel ${id} "${title}"`;
}

function isText(text: string | undefined): boolean {
  return text !== undefined && text.trim() !== '';
}
