import type { DashboardSpec } from './frame.ts';
import { COLOUR, NONE_IS_GOOD, PLAIN, TARGET_STATES } from './looks.ts';
import { bars, chart, stat, table } from './panels.ts';
import { countWhere, ofTargets, select, shareWhere, type TargetQuery } from './queries.ts';

const terminals = (metric: string, { labels = [], matchers = [] }: TargetQuery = {}): string =>
  ofTargets(metric, { scope: 'devices', matchers: ['kind="terminal"', ...matchers], labels });
const STATE = terminals('kassavakt_target_state');
const KIND = 'model, firmware';
const KINDS = terminals('kassavakt_target_state', { labels: ['model', 'firmware'] });
const INFO = select('kassavakt_target_info', 'kind="terminal"');
const DETAILED = 'Wants `metrics: detailed` in the modules.';
const MOST = 20;

const TARGET_LINK = {
  links: [
    {
      title: "The terminal, as Kassavakt's API tells it",
      url: '${kassavakt_url:raw}/api/v1/targets/${__data.fields.Terminal}',
      isElsewhere: true,
    },
  ],
};
const STORE_LINK = {
  links: [
    {
      title: 'The store',
      url: '/d/kassavakt-store?var-store=${__data.fields.Store}&var-datasource=${datasource}',
    },
  ],
};
const WHICH = { target: 'Terminal', store: 'Store', model: 'Model' };
const which = 'target, store, model';

export const TERMINALS: DashboardSpec = {
  uid: 'kassavakt-terminals',
  title: 'Kassavakt / Terminal fleet',
  description:
    'Targets of the kind `terminal`: models and firmware, batteries, payments not yet sent, terminals not heard of.',
  choices: ['chain', 'region', 'store', 'acquirer', 'model'],
  from: 'now-6h',
  top: [
    stat({
      id: 1,
      title: 'Terminals',
      description: 'Watched, of those chosen.',
      size: [4, 4],
      queries: [`count(${STATE})`],
      runbook: 'KassavaktStoreCannotTakeCards',
      unit: 'short',
      steps: PLAIN,
      nothing: 'none',
    }),
    stat({
      id: 2,
      title: 'Up or degraded',
      description: 'Share of the terminals whose state is known that answer.',
      size: [4, 4],
      queries: [`avg((${STATE} > 0) < bool 3)`],
      runbook: 'KassavaktStoreCannotTakeCards',
      unit: 'percentunit',
      decimals: 1,
      steps: [
        [null, COLOUR.bad],
        [0.9, COLOUR.serious],
        [0.99, COLOUR.good],
      ],
      nothing: '? not known',
    }),
    stat({
      id: 3,
      title: 'Unknown or stale',
      description:
        'Terminals of which nothing is known, or of which nothing new has been heard for three intervals.',
      size: [4, 4],
      queries: [countWhere(STATE, '== 0')],
      runbook: 'KassavaktProbesLate',
      unit: 'short',
      steps: NONE_IS_GOOD,
      nothing: 'none',
    }),
    stat({
      id: 4,
      title: 'Payments not yet sent',
      description: `Taken offline and waiting in terminals; they are money that has not arrived. ${DETAILED}`,
      size: [4, 4],
      queries: [`sum(${terminals('kassavakt_terminal_unconfirmed_batches')})`],
      runbook: 'KassavaktStoreCannotTakeCards',
      unit: 'short',
      steps: [
        [null, COLOUR.good],
        [1, COLOUR.warning],
      ],
      nothing: '? not measured',
    }),
    stat({
      id: 5,
      title: 'Emptiest battery',
      description: `Of the terminals that have one. ${DETAILED}`,
      size: [4, 4],
      queries: [`min(${terminals('kassavakt_terminal_battery_ratio')})`],
      runbook: 'KassavaktStoreCannotTakeCards',
      unit: 'percentunit',
      decimals: 0,
      steps: [
        [null, COLOUR.bad],
        [0.1, COLOUR.serious],
        [0.2, COLOUR.good],
      ],
      nothing: '? not measured',
    }),
    stat({
      id: 6,
      title: 'Busy with a customer',
      description: `Terminals that say so: how much trade there is. ${DETAILED}`,
      size: [4, 4],
      queries: [`sum(${terminals('kassavakt_terminal_busy')})`],
      runbook: 'KassavaktStoreCannotTakeCards',
      unit: 'short',
      steps: PLAIN,
      nothing: '? not measured',
    }),
    table({
      id: 7,
      title: 'Models and firmware',
      description:
        'How many terminals of each model and firmware there are by terminals.csv, and how many of them are down.',
      size: [12, 9],
      queries: [
        `count by (${KIND}) (${KINDS})`,
        countWhere(KINDS, '== 3', KIND),
        shareWhere(KINDS, '== 3', KIND),
      ],
      runbook: 'KassavaktScopeOutage',
      unit: 'short',
      nothing: 'no terminals',
      columns: {
        model: 'Model',
        firmware: 'Firmware',
        'Value #A': 'Terminals',
        'Value #B': 'Down',
        'Value #C': 'Share down',
      },
      mostFirst: 'Terminals',
      fields: { 'Share down': { unit: 'percentunit', decimals: 0 } },
    }),
    table({
      id: 8,
      title: 'Firmware that is not what terminals.csv says',
      description: `Terminals that report another firmware than is written down: updated, or swapped. ${DETAILED}`,
      size: [12, 9],
      queries: [
        `max by (target, store, firmware) (${select('kassavakt_terminal_firmware_info', 'chain=~"$chain"', 'store=~"$store"')} unless on (job, instance, target, firmware) ${INFO})`,
      ],
      runbook: 'KassavaktScopeOutage',
      unit: 'none',
      nothing: '✓ none, or not measured',
      columns: { target: 'Terminal', store: 'Store', firmware: 'It reports' },
      fields: { Terminal: TARGET_LINK, Store: STORE_LINK },
    }),
  ],
  sections: [
    {
      id: 100,
      title: 'Which need somebody',
      panels: [
        bars({
          id: 9,
          title: 'Emptiest batteries',
          description: `The ${MOST} terminals with the least charge. ${DETAILED}`,
          size: [8, 11],
          queries: [
            {
              expr: `sort(bottomk(${MOST}, ${terminals('kassavakt_terminal_battery_ratio')}))`,
              legend: '{{store}} · {{target}}',
            },
          ],
          runbook: 'KassavaktStoreCannotTakeCards',
          unit: 'percentunit',
          decimals: 0,
          max: 1,
          steps: [
            [null, COLOUR.bad],
            [0.1, COLOUR.serious],
            [0.2, COLOUR.good],
          ],
          nothing: '? not measured',
        }),
        table({
          id: 10,
          title: 'Most payments not yet sent',
          description: `The ${MOST} terminals that hold most. ${DETAILED}`,
          size: [8, 11],
          queries: [
            `topk(${MOST}, max by (${which}) (${terminals('kassavakt_terminal_unconfirmed_batches', { labels: ['model'] })}) > 0)`,
          ],
          runbook: 'KassavaktStoreCannotTakeCards',
          unit: 'short',
          nothing: '✓ none, or not measured',
          columns: { ...WHICH, 'Value #A': 'Not sent' },
          mostFirst: 'Not sent',
          fields: { Terminal: TARGET_LINK, Store: STORE_LINK },
        }),
        table({
          id: 11,
          title: 'Longest not heard of',
          description: `The ${MOST} terminals whose last verdict is oldest, and how old it is.`,
          size: [8, 11],
          queries: [
            `topk(${MOST}, time() - max by (${which}) (${terminals('kassavakt_probe_last_run_timestamp_seconds', { labels: ['model'] })}))`,
          ],
          runbook: 'KassavaktProbesLate',
          unit: 's',
          decimals: 0,
          nothing: 'no terminals',
          columns: { ...WHICH, 'Value #A': 'Seen ago' },
          mostFirst: 'Seen ago',
          fields: { Terminal: TARGET_LINK, Store: STORE_LINK },
        }),
        table({
          id: 12,
          title: 'Most changes of state',
          description: `The ${MOST} terminals whose confirmed state changed most often in the time shown, and their state now.`,
          size: [12, 10],
          queries: [
            `topk(${MOST}, max by (${which}) (changes(${select('kassavakt_target_state', 'kind="terminal"')}[$__range]) * on (job, instance, target) group_left (model) (0 * ${terminals('kassavakt_target_state', { labels: ['model'] })} + 1)) > 0)`,
          ],
          runbook: 'KassavaktStoreCannotTakeCards',
          unit: 'short',
          nothing: '✓ none changed',
          columns: { ...WHICH, 'Value #A': 'Changes' },
          mostFirst: 'Changes',
          fields: { Terminal: TARGET_LINK, Store: STORE_LINK },
        }),
        table({
          id: 13,
          title: 'Not up',
          description: 'Every terminal that is down, degraded or unknown.',
          size: [12, 10],
          queries: [`max by (${which}) (${terminals('kassavakt_target_state', { labels: ['model'] })} != 1)`],
          runbook: 'KassavaktStoreCannotTakeCards',
          words: TARGET_STATES,
          nothing: '✓ all are up',
          columns: { ...WHICH, 'Value #A': 'State' },
          mostFirst: 'State',
          fields: { State: { cell: 'color-text' }, Terminal: TARGET_LINK, Store: STORE_LINK },
        }),
      ],
    },
    {
      id: 101,
      title: 'Over time',
      panels: [
        chart({
          id: 14,
          title: 'Terminals by state',
          description: 'Confirmed states of the terminals chosen.',
          size: [12, 9],
          queries: Object.entries(TARGET_STATES).map(([value, [legend]]) => ({
            expr: countWhere(STATE, `== ${value}`),
            legend,
          })),
          runbook: 'KassavaktStoreCannotTakeCards',
          unit: 'short',
          decimals: 0,
          isStacked: true,
          nothing: 'no terminals',
          fields: Object.fromEntries(
            Object.values(TARGET_STATES).map(([text, colour]) => [text, { colour }]),
          ),
        }),
        chart({
          id: 15,
          title: 'How long a probe takes, by model',
          description: 'Median and 95th percentile of the last probe of each terminal.',
          size: [12, 9],
          queries: [0.5, 0.95].map((quantile) => ({
            expr: `quantile by (model) (${quantile}, ${terminals('probe_duration_seconds', { labels: ['model'] })})`,
            legend: `{{model}} p${100 * quantile}`,
          })),
          runbook: 'KassavaktLatencyDegraded',
          unit: 's',
          nothing: 'no terminals',
        }),
      ],
    },
  ],
};
