import * as cog from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { SEVERITIES } from './looks.ts';
import { type PanelSpec, table } from './panels.ts';
import { CHAIN_OR_ALL, select } from './queries.ts';

const LABELS = 'incident, severity, scope, chain';
const DOWN = `max by (${LABELS}) (${select('kassavakt_incident_targets_down', CHAIN_OR_ALL)})`;
const START = `max by (incident) (${select('kassavakt_incident_start_timestamp_seconds')})`;
/** Where an incident's whole story is. */
const STORY = '${kassavakt_url:raw}/api/v1/incidents/${__data.fields.Incident}';

/** Open incidents: what fails, how much, since when. */
export function incidentTable(spec: Pick<PanelSpec, 'id' | 'size'>): cog.Builder<Panel> {
  return table({
    ...spec,
    title: 'Open incidents: what fails together, since when',
    description:
      'One row for each outage. The scope is what all its failing targets share, as Kassavakt found it: a chain, an ' +
      'acquirer in a region, one store. Chosen by chain only; outages over several chains always show.',
    runbook: 'KassavaktIncident',
    queries: [
      DOWN,
      `1000 * (${START} * on (incident) group_right () (${DOWN} >= bool 0))`,
      `time() - (${START} * on (incident) group_right () (${DOWN} >= bool 0))`,
    ],
    nothing: '✓ no open incident',
    columns: {
      severity: 'Severity',
      scope: 'What fails together',
      'Value #A': 'Targets down',
      'Value #B': 'Since',
      'Value #C': 'For',
      incident: 'Incident',
    },
    mostFirst: 'Targets down',
    unit: 'short',
    fields: {
      Severity: { words: SEVERITIES, cell: 'color-text', width: 100 },
      'What fails together': {
        links: [{ title: 'Who shares it', url: '/d/kassavakt-shared?var-datasource=${datasource}' }],
      },
      'Targets down': { decimals: 0, width: 110 },
      Since: { unit: 'dateTimeAsIsoNoDateIfToday', width: 160 },
      For: { unit: 's', decimals: 0, width: 100 },
      Incident: { width: 110, links: [{ title: 'The whole story', url: STORY, isElsewhere: true }] },
    },
  });
}
