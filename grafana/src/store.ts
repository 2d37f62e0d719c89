import type { DashboardSpec } from './frame.ts';
import {
  COLOUR,
  METHOD_STATES,
  NONE_IS_GOOD,
  PLAIN,
  type Steps,
  TARGET_STATES,
  type Wording,
} from './looks.ts';
import { chart, stat, table, timeline } from './panels.ts';
import { countWhere, ofTargets, ONE_STORE, select } from './queries.ts';

const METHODS = select('kassavakt_payment_method_state', ONE_STORE);
const LABELS = ['lane', 'model', 'firmware', 'acquirer'];
const SCOPE = { scope: 'one-store' } as const;
const STATES = ofTargets('kassavakt_target_state', { ...SCOPE, labels: LABELS });
const REASONS = select('probe_failure_info', ONE_STORE);
const OPEN: Wording = {
  0: ['closed', COLOUR.unknown],
  1: ['✓ open', COLOUR.good],
};

/** Days left on a certificate. */
export const DAYS_LEFT: Steps = [
  [null, COLOUR.bad],
  [7, COLOUR.serious],
  [30, COLOUR.warning],
  [60, COLOUR.good],
];

/** Adds the reason to those that fail; the others stay as they are. */
const withReason = (vector: string): string =>
  `${vector} * on (job, instance, target) group_left (reason) ${REASONS} or on (job, instance, target) ${vector}`;
const rows = `target, kind, ${LABELS.join(', ')}, reason`;

export const STORE_DASHBOARD: DashboardSpec = {
  uid: 'kassavakt-store',
  title: 'Kassavakt / Store',
  description: 'One store: its ways to pay, its lanes and lines, why what fails fails.',
  choices: ['one-store'],
  from: 'now-3h',
  top: [
    stat({
      id: 1,
      title: 'Ways to pay now',
      description: 'How a customer can pay in this store.',
      size: [14, 4],
      queries: [{ expr: `max by (payment_method) (${METHODS})`, legend: '{{payment_method}}' }],
      runbook: 'KassavaktStoreCannotTakeCards',
      words: METHOD_STATES,
      isNamed: true,
      nothing: '? no way to pay is watched here',
    }),
    stat({
      id: 2,
      title: 'The store is',
      description: 'By its opening hours in stores.csv.',
      size: [3, 4],
      queries: [`max(${select('kassavakt_store_open', ONE_STORE)})`],
      runbook: 'KassavaktStoreCannotTakeCards',
      words: OPEN,
      nothing: '? no hours given',
    }),
    stat({
      id: 3,
      title: 'Targets down',
      description: 'Of all that is watched in the store: terminals, lines, whatever else.',
      size: [3, 4],
      queries: [countWhere(STATES, '== 3')],
      runbook: 'KassavaktStoreCannotTakeCards',
      unit: 'short',
      steps: NONE_IS_GOOD,
      nothing: '? not known',
    }),
    stat({
      id: 4,
      title: 'First certificate ends in',
      description:
        'Of all certificates that targets of the store present. Wants `metrics: detailed` in their modules.',
      size: [4, 4],
      queries: [`(min(${select('probe_ssl_earliest_cert_expiry', ONE_STORE)}) - time()) / 86400`],
      runbook: 'KassavaktCertificateExpires',
      unit: 'd',
      decimals: 0,
      steps: DAYS_LEFT,
      nothing: '? not measured',
    }),
    timeline({
      id: 5,
      title: 'Ways to pay',
      description: 'Since when each way to pay is as it is.',
      size: [24, 5],
      queries: [{ expr: `max by (payment_method) (${METHODS})`, legend: '{{payment_method}}' }],
      runbook: 'KassavaktStoreCannotTakeCards',
      words: METHOD_STATES,
      nothing: '? no way to pay is watched here',
    }),
    timeline({
      id: 6,
      title: 'Lanes and lines',
      description: 'The confirmed state of each target of the store. Terminals have the lane in front.',
      size: [24, 12],
      queries: [{ expr: STATES, legend: '{{kind}} {{lane}} · {{target}}' }],
      runbook: 'KassavaktStoreCannotTakeCards',
      words: TARGET_STATES,
      nothing: '? nothing is watched here',
    }),
  ],
  sections: [
    {
      id: 100,
      title: 'Now',
      panels: [
        table({
          id: 7,
          title: 'Targets',
          description: 'Each target as it is now, with the reason where the last probe failed.',
          size: [24, 10],
          queries: [
            `max by (${rows}) (${withReason(STATES)})`,
            `max by (${rows}) (${withReason(ofTargets('probe_duration_seconds', { ...SCOPE, labels: LABELS }))})`,
            `time() - max by (${rows}) (${withReason(ofTargets('kassavakt_probe_last_run_timestamp_seconds', { ...SCOPE, labels: LABELS }))})`,
          ],
          runbook: 'KassavaktStoreCannotTakeCards',
          unit: 's',
          nothing: '? nothing is watched here',
          columns: {
            kind: 'Kind',
            lane: 'Lane',
            target: 'Target',
            'Value #A': 'State',
            reason: 'Reason',
            'Value #B': 'Took',
            'Value #C': 'Seen ago',
            model: 'Model',
            firmware: 'Firmware',
            acquirer: 'Acquirer',
          },
          mostFirst: 'State',
          fields: {
            State: { words: TARGET_STATES, cell: 'color-text' },
            'Seen ago': { unit: 's', decimals: 0 },
            Target: {
              links: [
                {
                  title: "The target, as Kassavakt's API tells it",
                  url: '${kassavakt_url:raw}/api/v1/targets/${__data.fields.Target}',
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
      title: 'Why and how long',
      panels: [
        chart({
          id: 8,
          title: 'Failing targets by reason',
          description: 'The layer that failed first in the last probe of each failing target.',
          size: [12, 9],
          queries: [
            { expr: `count by (reason) (${ofTargets('probe_failure_info', SCOPE)})`, legend: '{{reason}}' },
          ],
          runbook: 'KassavaktStoreCannotTakeCards',
          unit: 'short',
          decimals: 0,
          isStacked: true,
          nothing: '✓ nothing fails',
        }),
        chart({
          id: 9,
          title: 'How long a probe takes',
          description: 'From the first packet to the verdict, for each target of the store.',
          size: [12, 9],
          queries: [{ expr: ofTargets('probe_duration_seconds', SCOPE), legend: '{{target}}' }],
          runbook: 'KassavaktLatencyDegraded',
          unit: 's',
        }),
        chart({
          id: 10,
          title: 'Where the time goes',
          description:
            'Mean time of each phase of HTTP, ICMP and DNS probes, and of looking the name up for the others. Wants `metrics: detailed` in their modules.',
          size: [12, 9],
          queries: [
            {
              expr: `avg by (phase) (${ofTargets('probe_http_duration_seconds', SCOPE)} or ${ofTargets('probe_icmp_duration_seconds', SCOPE)} or ${ofTargets('probe_dns_duration_seconds', SCOPE)})`,
              legend: '{{phase}}',
            },
            { expr: `avg(${ofTargets('probe_dns_lookup_time_seconds', SCOPE)})`, legend: 'name lookup' },
          ],
          runbook: 'KassavaktLatencyDegraded',
          unit: 's',
          nothing: '? not measured',
        }),
        table({
          id: 11,
          title: 'Days left on certificates',
          description:
            'Of the certificate chain that each target presents. Wants `metrics: detailed` in their modules.',
          size: [12, 9],
          queries: [
            `(min by (kind, target) (${ofTargets('probe_ssl_earliest_cert_expiry', SCOPE)}) - time()) / 86400`,
          ],
          runbook: 'KassavaktCertificateExpires',
          unit: 'd',
          decimals: 0,
          steps: DAYS_LEFT,
          nothing: '? not measured',
          columns: { kind: 'Kind', target: 'Target', 'Value #A': 'Days left' },
          fields: { 'Days left': { cell: 'color-text' } },
        }),
        stat({
          id: 12,
          title: 'Up over the time shown',
          description:
            'Of the probes of the time shown that gave a verdict, how many succeeded, over all targets of the store.',
          size: [24, 3],
          queries: [`avg(avg_over_time(${select('probe_success', ONE_STORE, 'target!=""')}[$__range]))`],
          runbook: 'KassavaktAvailabilityBurn',
          unit: 'percentunit',
          decimals: 2,
          steps: PLAIN,
          nothing: '? not known',
        }),
      ],
    },
  ],
};
