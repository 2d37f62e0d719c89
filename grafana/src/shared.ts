import * as cog from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import type { DashboardSpec } from './frame.ts';
import { incidentTable } from './incidents.ts';
import { COLOUR, NONE_IS_GOOD, PLAIN, type Steps } from './looks.ts';
import { chart, stat, table } from './panels.ts';
import { countWhere, ofTargets, shareWhere } from './queries.ts';

/** What terminals may share, and what it is called. */
const TRAITS = { acquirer: 'Acquirer', model: 'Model', firmware: 'Firmware', region: 'Region' } as const;
type Trait = keyof typeof TRAITS;

const terminals = (metric: string, ...labels: readonly Trait[]): string =>
  ofTargets(metric, { scope: 'devices', matchers: ['kind="terminal"'], labels });
const STATE = 'kassavakt_target_state';

/** From a fifth on it is no accident any more. */
const SHARES: Steps = [
  [null, COLOUR.plain],
  [0.0001, COLOUR.warning],
  [0.2, COLOUR.serious],
  [0.8, COLOUR.bad],
];
const SHARE_LOOK = { unit: 'percentunit', decimals: 0, cell: 'color-text', steps: SHARES } as const;

function sharedBy(id: number, trait: Trait): cog.Builder<Panel> {
  const states = terminals(STATE, trait);
  const name = TRAITS[trait];
  return table({
    id,
    title: `By ${name.toLowerCase()}`,
    description: `Terminals of each ${name.toLowerCase()}, and how many of them are down. What they share stands out: near 100 % in one row, near 0 % in the others.`,
    size: [6, 9],
    queries: [
      shareWhere(states, '== 3', trait),
      countWhere(states, '== 3', trait),
      `count by (${trait}) (${states})`,
    ],
    runbook: 'KassavaktScopeOutage',
    unit: 'short',
    nothing: '? no terminals',
    columns: { [trait]: name, 'Value #A': 'Share down', 'Value #B': 'Down', 'Value #C': 'All' },
    mostFirst: 'Share down',
    fields: { 'Share down': { ...SHARE_LOOK, width: 100 }, Down: { width: 70 }, All: { width: 70 } },
  });
}

function overTime(id: number, trait: Trait): cog.Builder<Panel> {
  const name = TRAITS[trait].toLowerCase();
  return chart({
    id,
    title: `Share of terminals down, by ${name}`,
    description: `Of the terminals of each ${name}, how many are confirmed down.`,
    size: [8, 9],
    queries: [{ expr: shareWhere(terminals(STATE, trait), '== 3', trait), legend: `{{${trait}}}` }],
    runbook: 'KassavaktScopeOutage',
    unit: 'percentunit',
    max: 1,
    nothing: '? no terminals',
  });
}

const PAIR = 'acquirer, model, firmware';
const PAIRED = terminals(STATE, 'acquirer', 'model', 'firmware');

export const SHARED: DashboardSpec = {
  uid: 'kassavakt-shared',
  title: 'Kassavakt / Acquirers, models and firmware',
  description:
    'Who shares the failure: what the terminals that are down have in common, and those that are up have not.',
  choices: ['chain', 'region', 'store', 'acquirer', 'model'],
  from: 'now-3h',
  top: [
    stat({
      id: 1,
      title: 'Terminals down',
      description: 'Confirmed down, of those chosen.',
      size: [4, 4],
      queries: [countWhere(terminals(STATE), '== 3')],
      runbook: 'KassavaktScopeOutage',
      unit: 'short',
      steps: NONE_IS_GOOD,
      nothing: '? no terminals',
    }),
    stat({
      id: 2,
      title: 'Share of terminals down',
      description: 'Of those chosen.',
      size: [4, 4],
      queries: [shareWhere(terminals(STATE), '== 3')],
      runbook: 'KassavaktScopeOutage',
      unit: 'percentunit',
      decimals: 0,
      steps: [
        [null, COLOUR.good],
        [0.0001, COLOUR.serious],
        [0.2, COLOUR.bad],
      ],
      nothing: '? no terminals',
    }),
    stat({
      id: 3,
      title: 'Acquirer hit hardest',
      description: 'The acquirer with the greatest share of its terminals down, and that share.',
      size: [5, 4],
      queries: [
        {
          expr: `topk(1, ${shareWhere(terminals(STATE, 'acquirer'), '== 3', 'acquirer')} > 0)`,
          legend: '{{acquirer}}',
        },
      ],
      runbook: 'KassavaktScopeOutage',
      unit: 'percentunit',
      decimals: 0,
      steps: SHARES,
      isNamed: true,
      nothing: '✓ none',
    }),
    stat({
      id: 4,
      title: 'Model hit hardest',
      description: 'The model with the greatest share of its terminals down, and that share.',
      size: [5, 4],
      queries: [
        {
          expr: `topk(1, ${shareWhere(terminals(STATE, 'model'), '== 3', 'model')} > 0)`,
          legend: '{{model}}',
        },
      ],
      runbook: 'KassavaktScopeOutage',
      unit: 'percentunit',
      decimals: 0,
      steps: SHARES,
      isNamed: true,
      nothing: '✓ none',
    }),
    stat({
      id: 5,
      title: 'Most frequent reason',
      description: 'The layer that failed first in most of the failing terminals, and in how many.',
      size: [6, 4],
      queries: [
        { expr: `topk(1, count by (reason) (${terminals('probe_failure_info')}))`, legend: '{{reason}}' },
      ],
      runbook: 'KassavaktScopeOutage',
      unit: 'short',
      steps: PLAIN,
      isNamed: true,
      nothing: '✓ nothing fails',
    }),
    sharedBy(6, 'acquirer'),
    sharedBy(7, 'model'),
    sharedBy(8, 'firmware'),
    sharedBy(9, 'region'),
    incidentTable({ id: 10, size: [24, 7] }),
  ],
  sections: [
    {
      id: 100,
      title: 'Over time',
      panels: [
        overTime(11, 'acquirer'),
        overTime(12, 'model'),
        overTime(13, 'firmware'),
        chart({
          id: 14,
          title: 'Failing terminals by acquirer and reason',
          description:
            'The layer that failed first. One reason in one acquirer is a fault of theirs; one in all is ours, or the network’s.',
          size: [12, 9],
          queries: [
            {
              expr: `count by (acquirer, reason) (${terminals('probe_failure_info', 'acquirer')})`,
              legend: '{{acquirer}} · {{reason}}',
            },
          ],
          runbook: 'KassavaktScopeOutage',
          unit: 'short',
          decimals: 0,
          isStacked: true,
          nothing: '✓ nothing fails',
        }),
        chart({
          id: 15,
          title: 'How long the slowest twentieth takes, by acquirer',
          description: '95th percentile of the last probe of each terminal.',
          size: [12, 9],
          queries: [
            {
              expr: `quantile by (acquirer) (0.95, ${terminals('probe_duration_seconds', 'acquirer')})`,
              legend: '{{acquirer}}',
            },
          ],
          runbook: 'KassavaktLatencyDegraded',
          unit: 's',
          nothing: '? no terminals',
        }),
      ],
    },
    {
      id: 101,
      title: 'Together',
      panels: [
        table({
          id: 16,
          title: 'By acquirer, model and firmware together',
          description: 'Each combination that there is, the one with the greatest share down first.',
          size: [24, 10],
          queries: [
            shareWhere(PAIRED, '== 3', PAIR),
            countWhere(PAIRED, '== 3', PAIR),
            `count by (${PAIR}) (${PAIRED})`,
          ],
          runbook: 'KassavaktScopeOutage',
          unit: 'short',
          nothing: '? no terminals',
          columns: {
            acquirer: 'Acquirer',
            model: 'Model',
            firmware: 'Firmware',
            'Value #A': 'Share down',
            'Value #B': 'Down',
            'Value #C': 'All',
          },
          mostFirst: 'Share down',
          fields: { 'Share down': SHARE_LOOK },
        }),
      ],
    },
  ],
};
