import { describe, expect, test } from '@jest/globals';
import { type Dashboard, readDashboards } from './dashboard-files.ts';
import { RULES } from './linter.ts';

/** Findings that are meant to be so: by rule, as the beginning of what it says, with the reason. */
const EXCLUSIONS: Readonly<Record<string, readonly (readonly [beginning: string, reason: string])[]>> = {};

const dashboards = Array.from(readDashboards());
const cases = dashboards.flatMap(([file, dashboard]) =>
  Object.entries(RULES).map(([name, rule]) => ({ name, file, dashboard, rule })),
);

test('there are dashboards, and rules', () => {
  expect(dashboards).toHaveLength(6);
  expect(Object.keys(RULES).length).toBeGreaterThanOrEqual(12);
});

test.each(cases)('$file: $name', ({ name, dashboard, rule }) => {
  const excluded = EXCLUSIONS[name] ?? [];
  const findings = rule(dashboard).filter(
    (found) => !excluded.some(([beginning]) => found.startsWith(beginning)),
  );
  expect(findings).toEqual([]);
});

describe('each rule finds what it is for', () => {
  const [, sound] = dashboards[0] ?? [];
  if (sound === undefined) throw new Error('no dashboard');
  const [first] = sound.panels;
  if (first === undefined) throw new Error('no panel');
  const withPanel = (change: object): Dashboard => ({ ...sound, panels: [{ ...first, ...change }] });
  const withQuery = (expr: string): Dashboard => withPanel({ targets: [{ ...first.targets?.[0], expr }] });
  const withVariable = (name: string, change: object | undefined): Dashboard => ({
    ...sound,
    templating: {
      list: sound.templating.list.flatMap((variable) => {
        if (variable.name !== name) return [variable];
        return change === undefined ? [] : [{ ...variable, ...change }];
      }),
    },
  });
  const elsewhere = { type: 'prometheus', uid: 'mine' };

  test.each([
    { name: 'template-datasource-rule', broken: withVariable('datasource', undefined) },
    { name: 'template-datasource-rule', broken: withVariable('datasource', { label: 'Source' }) },
    { name: 'template-job-rule', broken: withVariable('job', undefined) },
    { name: 'template-job-rule', broken: withVariable('job', { allValue: '.*' }) },
    { name: 'template-instance-rule', broken: withVariable('instance', { multi: false }) },
    { name: 'template-label-promql-rule', broken: withVariable('job', { query: 'up{job="x"}' }) },
    { name: 'template-on-time-change-reload-rule', broken: withVariable('job', { refresh: 1 }) },
    { name: 'panel-datasource-rule', broken: withPanel({ datasource: elsewhere }) },
    {
      name: 'panel-datasource-rule',
      broken: withPanel({ targets: [{ ...first.targets?.[0], datasource: elsewhere }] }),
    },
    { name: 'panel-title-description-rule', broken: withPanel({ title: '' }) },
    { name: 'panel-title-description-rule', broken: withPanel({ description: undefined }) },
    {
      name: 'panel-units-rule',
      broken: withPanel({ fieldConfig: { defaults: { unit: 'parsec' }, overrides: [] } }),
    },
    { name: 'panel-units-rule', broken: withPanel({ fieldConfig: { defaults: {}, overrides: [] } }) },
    { name: 'panel-no-targets-rule', broken: withPanel({ targets: [] }) },
    {
      name: 'target-rate-interval-rule',
      broken: withQuery('rate(a_total{job=~"$job", instance=~"$instance"}[5m])'),
    },
    { name: 'target-job-rule', broken: withQuery('up{instance=~"$instance"}') },
    {
      name: 'target-instance-rule',
      broken: withQuery('up{job=~"$job"} + b{job=~"$job", instance=~"$instance"}'),
    },
    {
      name: 'target-counter-agg-rule',
      broken: withQuery('sum(a_total{job=~"$job", instance=~"$instance"})'),
    },
    { name: 'uneditable-dashboard', broken: { ...sound, editable: true } },
  ])('$name', ({ name, broken }) => {
    expect(RULES[name]?.(broken)).not.toEqual([]);
  });
});
