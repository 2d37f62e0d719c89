import * as cog from '@grafana/grafana-foundation-sdk/cog';
import {
  AnnotationQueryBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  type Dashboard,
  type Panel,
  RowBuilder,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { DATASOURCE } from './panels.ts';
import { CHAIN_OR_ALL, select } from './queries.ts';
import { type Addresses, type Choice, makeVariables } from './variables.ts';

/** Panels under one heading, left to right and down. */
export interface Section {
  readonly id: number;
  readonly title: string;
  readonly panels: readonly cog.Builder<Panel>[];
}

/** A dashboard: what differs from one to the next. */
export interface DashboardSpec {
  /** Stable: part of its address, which alerts link to. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly choices: readonly Choice[];
  /** What shows without scrolling, under no heading. */
  readonly top: readonly cog.Builder<Panel>[];
  readonly sections: readonly Section[];
  /** How far back it looks at first, as in `now-3h`. */
  readonly from: string;
}

const TAG = 'kassavakt';
/** Up to this long apart, an incident's samples are one region. */
const INCIDENT_STEP = '60s';

export function makeDashboard(spec: DashboardSpec, addresses: Addresses): Dashboard {
  const dashboard = new DashboardBuilder(spec.title)
    .uid(spec.uid)
    .description(spec.description)
    .tags([TAG])
    .readonly()
    .timezone('browser')
    .time({ from: spec.from, to: 'now' })
    .refresh('10s')
    .tooltip(DashboardCursorSync.Crosshair)
    .variables([...makeVariables(spec.choices, addresses)])
    .annotations([annotationsOfGrafana(), incidents(spec.choices.includes('chain'))])
    .links([
      new DashboardLinkBuilder('Kassavakt')
        .type(DashboardLinkType.Dashboards)
        .tags([TAG])
        .asDropdown(true)
        .includeVars(true)
        .keepTime(true),
      new DashboardLinkBuilder("Kassavakt's page")
        .type(DashboardLinkType.Link)
        .icon('external link')
        .url('${kassavakt_url:raw}/')
        .targetBlank(true),
      new DashboardLinkBuilder('Runbook')
        .type(DashboardLinkType.Link)
        .icon('doc')
        .url('${runbook_url:raw}')
        .targetBlank(true),
    ]);
  for (const panel of spec.top) dashboard.withPanel(panel);
  for (const { id, title, panels } of spec.sections) {
    dashboard.withRow(new RowBuilder(title).id(id));
    for (const panel of panels) dashboard.withPanel(panel);
  }
  return dashboard.build();
}

/** What people, and Kassavakt's own notifications, write into Grafana. */
function annotationsOfGrafana(): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name('Annotations & Alerts')
    .datasource({ type: 'grafana', uid: '-- Grafana --' })
    .type('dashboard')
    .builtIn(1)
    .enable(true)
    .hide(true)
    .iconColor('rgba(0, 211, 255, 1)');
}

/** Incidents as regions, from Prometheus alone. An incident whose targets are all up again is open, too: 0 is not nothing. */
function incidents(isByChain: boolean): AnnotationQueryBuilder {
  const open = select('kassavakt_incident_targets_down', ...(isByChain ? [CHAIN_OR_ALL] : []));
  return new AnnotationQueryBuilder()
    .name('Incidents')
    .datasource(DATASOURCE)
    .enable(true)
    .iconColor('red')
    .target(
      new DataqueryBuilder()
        .refId('Anno')
        .expr(`max by (incident, severity, scope, chain) (${open} >= bool 0)`)
        .interval(INCIDENT_STEP)
        .range(),
    )
    .step(INCIDENT_STEP)
    .titleFormat('{{severity}}: {{scope}}')
    .textFormat('Incident {{incident}}')
    .tagKeys('severity,chain');
}
