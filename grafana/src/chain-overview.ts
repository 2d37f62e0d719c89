import type { DashboardSpec } from './frame.ts';
import { incidentTable } from './incidents.ts';
import {
  COLOUR,
  METHOD_STATES,
  NONE_IS_GOOD,
  PLAIN,
  REACH_STATES,
  type Steps,
  type Wording,
} from './looks.ts';
import { map } from './map.ts';
import { bars, chart, stat, table, timeline } from './panels.ts';
import { CHAIN_OR_ALL, countWhere, ofOpenStores, ofStores, ofTargets, select, withStore } from './queries.ts';

const CHOSEN = 'payment_method=~"$payment_method"';
const STATE = ofOpenStores('kassavakt_payment_method_state', CHOSEN);
const AVAILABLE = ofOpenStores('kassavakt_payment_method_available', CHOSEN);
const CARD = ofOpenStores('kassavakt_payment_method_available', 'payment_method="card"');
const INCIDENT_START = select('kassavakt_incident_start_timestamp_seconds');

/** 1 when there is any of `vector`, nothing otherwise. */
const any = (vector: string): string => `clamp_max(count(${vector}), 1)`;

/** The first that holds, from bad to good. */
const VERDICT = [
  `4 * ${any(`max by (store) (${AVAILABLE}) == 0`)}`,
  `3 * ${any(`max by (store) (${CARD}) == 0`)}`,
  `2 * ${any(`${STATE} == 4`)}`,
  `1 * ${any(`${STATE} > 1`)}`,
  `0 * ${any(`${STATE} == 1`)}`,
  `5 * ${any(STATE)}`,
].join(' or ');
const VERDICTS: Wording = {
  0: ['✓ Yes, everywhere', COLOUR.good],
  1: ['! Yes, with trouble', COLOUR.warning],
  2: ['! Yes, but not in every way', COLOUR.serious],
  3: ['✕ Not by card everywhere', COLOUR.bad],
  4: ['✕ Not at all in some stores', COLOUR.bad],
  5: ['? Not known', COLOUR.unknown],
};

const SIGHT: Wording = {
  0: ['✓ Sees', COLOUR.good],
  1: ['✕ Blind', COLOUR.bad],
};

/** None, some or all of a group's ways to pay are lost: 0 to 2. */
const lost = (by: string): string =>
  `(avg by (${by}) (${AVAILABLE}) == bool 0) + (avg by (${by}) (${AVAILABLE}) < bool 1)`;
const PLACE_STATES: Wording = {
  0: ['✓', COLOUR.good],
  1: ['! some ways lost', COLOUR.serious],
  2: ['✕ nothing works', COLOUR.bad],
  3: ['? not known', COLOUR.unknown],
};
const LOST_STORES = `(${lost('store')}) or (0 * max by (store) (${STATE}) + 3)`;

const TROUBLE: Steps = [
  [null, COLOUR.plain],
  [1, COLOUR.serious],
];
const ENOUGH: Steps = [
  [null, COLOUR.bad],
  [0.5, COLOUR.serious],
  [1, COLOUR.good],
];

const inState = (value: number): string =>
  countWhere(`max by (store, payment_method) (${STATE})`, `== ${value}`, 'payment_method');

export const CHAIN_OVERVIEW: DashboardSpec = {
  uid: 'kassavakt-chain',
  title: 'Kassavakt / Chain overview',
  description: 'Can customers pay, where not, since when, and what do the failures share.',
  choices: ['chain', 'region', 'store', 'payment_method'],
  from: 'now-1h',
  top: [
    stat({
      id: 1,
      title: 'Can customers pay?',
      description:
        'The worst that holds for any open store among those chosen. Stores that are closed by their opening hours do not count.',
      size: [6, 4],
      queries: [VERDICT],
      runbook: 'KassavaktIncident',
      words: VERDICTS,
      nothing: '? No word from Kassavakt',
    }),
    stat({
      id: 2,
      title: 'Stores that cannot take cards',
      description: 'Open stores in which no card terminal can take a card, not even offline.',
      size: [4, 4],
      queries: [countWhere(`max by (store) (${CARD})`, '== 0')],
      runbook: 'KassavaktStoreCannotTakeCards',
      unit: 'short',
      steps: NONE_IS_GOOD,
      nothing: '? not known',
    }),
    stat({
      id: 3,
      title: 'Stores with some way to pay down',
      description: 'Open stores in which at least one of the chosen ways to pay is down.',
      size: [4, 4],
      queries: [countWhere(`max by (store) (${STATE})`, '== 4')],
      runbook: 'KassavaktPaymentMethodDown',
      unit: 'short',
      steps: [
        [null, COLOUR.good],
        [1, COLOUR.serious],
      ],
      nothing: '? not known',
    }),
    stat({
      id: 4,
      title: 'Open incidents',
      description: 'Outages going on, each counted once however many targets it has.',
      size: [3, 4],
      queries: [
        `count(max by (incident) (${select('kassavakt_incident_targets_down', CHAIN_OR_ALL)})) or 0 * max(${select('kassavakt_monitor_blind')})`,
      ],
      runbook: 'KassavaktIncident',
      unit: 'short',
      steps: NONE_IS_GOOD,
      nothing: '? not known',
    }),
    stat({
      id: 5,
      title: 'Longest open incident',
      description: 'How long the oldest open incident has lasted.',
      size: [4, 4],
      queries: [
        `time() - min(${INCIDENT_START} and on (incident) ${select('kassavakt_incident_targets_down', CHAIN_OR_ALL)})`,
      ],
      runbook: 'KassavaktIncident',
      unit: 's',
      decimals: 0,
      steps: TROUBLE,
      nothing: '✓ none open',
    }),
    stat({
      id: 6,
      title: 'Does the monitor see?',
      description: 'While the monitor is blind, nothing is known of any target, and no outage is told of.',
      size: [3, 4],
      queries: [`max(${select('kassavakt_monitor_blind')})`],
      runbook: 'KassavaktMonitorBlind',
      words: SIGHT,
      nothing: '? no word from it',
    }),
    incidentTable({ id: 7, size: [14, 8] }),
    table({
      id: 8,
      title: 'Open stores by way to pay',
      description: 'For each way to pay, in how many open stores it is in which state.',
      size: [10, 8],
      queries: [inState(4), inState(3), inState(2), inState(1), inState(0)],
      runbook: 'KassavaktPaymentMethodDown',
      unit: 'short',
      nothing: '? not known',
      columns: {
        payment_method: 'Way to pay',
        'Value #A': '✕ down',
        'Value #B': '! offline only',
        'Value #C': '! degraded',
        'Value #D': '✓ available',
        'Value #E': '? unknown',
      },
      fields: {
        '✕ down': {
          cell: 'color-background',
          steps: [
            [null, 'text'],
            [1, COLOUR.bad],
          ],
        },
        '! offline only': { cell: 'color-text', steps: TROUBLE },
        '! degraded': { cell: 'color-text', steps: TROUBLE },
        '✓ available': { cell: 'color-text', steps: PLAIN },
        '? unknown': { cell: 'color-text', steps: PLAIN },
      },
    }),
    timeline({
      id: 9,
      title: 'Ways to pay in each chain',
      description:
        'Since when a way to pay is lost in some, or in all, open stores of a chain. Gaps: not known.',
      size: [14, 11],
      queries: [{ expr: lost('chain, payment_method'), legend: '{{chain}} · {{payment_method}}' }],
      runbook: 'KassavaktPaymentMethodDown',
      words: REACH_STATES,
      nothing: '? not known',
    }),
    map({
      id: 10,
      title: 'Where',
      description:
        'Open stores with a latitude and a longitude in stores.csv, by how many of the chosen ways to pay are lost. The map behind them comes from the internet.',
      size: [10, 11],
      queries: [withStore(`(${LOST_STORES})`, ['name', 'city', 'latitude', 'longitude'])],
      runbook: 'KassavaktScopeOutage',
      words: PLACE_STATES,
      nothing: '? no store has a place',
      fields: {
        Value: {
          links: [
            {
              title: 'The store',
              url: '/d/kassavakt-store?var-store=${__data.fields.store}&var-datasource=${datasource}',
            },
          ],
        },
      },
    }),
  ],
  sections: [
    {
      id: 100,
      title: 'Which stores',
      panels: [
        table({
          id: 11,
          title: 'Ways to pay that are not available, store by store',
          description:
            'One row for each store and way to pay that is degraded, offline only, down or unknown.',
          size: [24, 10],
          queries: [
            withStore(`(max by (store, chain, payment_method) (${STATE}) != 1)`, ['name', 'city', 'region']),
          ],
          runbook: 'KassavaktStoreCannotTakeCards',
          words: METHOD_STATES,
          nothing: '✓ everything is available in every open store',
          columns: {
            name: 'Store',
            payment_method: 'Way to pay',
            'Value #A': 'State',
            chain: 'Chain',
            city: 'City',
            region: 'Region',
            store: 'Id',
          },
          mostFirst: 'State',
          fields: {
            State: { cell: 'color-text' },
            Store: {
              links: [
                {
                  title: 'The store',
                  url: '/d/kassavakt-store?var-store=${__data.fields.Id}&var-datasource=${datasource}',
                },
                {
                  title: "The store, as Kassavakt's API tells it",
                  url: '${kassavakt_url:raw}/api/v1/stores/${__data.fields.Id}',
                  isElsewhere: true,
                },
              ],
            },
          },
        }),
      ],
    },
    {
      id: 101,
      title: 'How it went',
      panels: [
        chart({
          id: 12,
          title: 'Open stores in which a way to pay works',
          description: 'Of the open stores of which it is known. Degraded and offline only count as working.',
          size: [12, 9],
          queries: [{ expr: `avg by (payment_method) (${AVAILABLE})`, legend: '{{payment_method}}' }],
          runbook: 'KassavaktPaymentMethodDown',
          unit: 'percentunit',
          max: 1,
        }),
        chart({
          id: 13,
          title: 'Targets down',
          description: 'Confirmed down, by what they are.',
          size: [12, 9],
          queries: [
            { expr: countWhere(ofTargets('kassavakt_target_state'), '== 3', 'kind'), legend: '{{kind}}' },
          ],
          runbook: 'KassavaktIncident',
          unit: 'short',
          decimals: 0,
          isStacked: true,
        }),
        chart({
          id: 14,
          title: 'Failing targets by reason',
          description: 'The layer that failed first in the last probe of each failing target.',
          size: [12, 9],
          queries: [{ expr: `count by (reason) (${ofTargets('probe_failure_info')})`, legend: '{{reason}}' }],
          runbook: 'KassavaktScopeOutage',
          unit: 'short',
          decimals: 0,
          isStacked: true,
          nothing: '✓ nothing fails',
        }),
        bars({
          id: 15,
          title: 'Open stores that can take cards, by region',
          description: 'Of the open stores of which it is known.',
          size: [12, 9],
          queries: [
            {
              expr: `avg by (region) (${withStore(`max by (store) (${CARD})`, ['region'])})`,
              legend: '{{region}}',
            },
          ],
          runbook: 'KassavaktScopeOutage',
          unit: 'percentunit',
          max: 1,
          steps: ENOUGH,
          nothing: '? not known',
        }),
        stat({
          id: 16,
          title: 'Stores closed now',
          description: 'By their opening hours. They count in no other panel of ways to pay.',
          size: [24, 3],
          queries: [countWhere(`max by (store) (${ofStores('kassavakt_store_open')})`, '== 0')],
          runbook: 'KassavaktStoreCannotTakeCards',
          unit: 'short',
          steps: PLAIN,
          nothing: 'no store has opening hours',
        }),
      ],
    },
  ],
};
