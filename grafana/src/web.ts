import type { DashboardSpec } from './frame.ts';
import { COLOUR, NONE_IS_GOOD, PLAIN, TARGET_STATES, type Wording } from './looks.ts';
import { chart, stat, table, timeline } from './panels.ts';
import { countWhere, ofTargets, select } from './queries.ts';
import { DAYS_LEFT } from './store.ts';

const services = (metric: string, ...matchers: readonly string[]): string =>
  ofTargets(metric, { scope: 'shared', matchers: ['kind=~"swish|web"', ...matchers] });
const STATE = services('kassavakt_target_state');
const NOW = 'target, kind, chain, reason';
const withReason = (vector: string): string =>
  `${vector} * on (job, instance, target) group_left (reason) ${select('probe_failure_info')} or on (job, instance, target) ${vector}`;
const DETAILED = 'Wants `metrics: detailed` in the modules.';

const CONTENT: Wording = {
  0: ['✓ as expected', COLOUR.good],
  1: ['✕ not what it should be', COLOUR.bad],
};

export const WEB: DashboardSpec = {
  uid: 'kassavakt-web',
  title: 'Kassavakt / Swish and web',
  description:
    'Targets of the kinds `swish` and `web`: phases, status codes, pages that say the wrong thing, certificates. One without a chain serves every chain and always shows.',
  choices: ['chain'],
  from: 'now-3h',
  top: [
    stat({
      id: 1,
      title: 'Now',
      description: 'The confirmed state of each.',
      size: [14, 4],
      queries: [{ expr: `max by (target) (${STATE})`, legend: '{{target}}' }],
      runbook: 'KassavaktPaymentMethodDown',
      words: TARGET_STATES,
      isNamed: true,
      nothing: '? none is watched',
    }),
    stat({
      id: 2,
      title: 'Down',
      description: 'Confirmed down.',
      size: [3, 4],
      queries: [countWhere(STATE, '== 3')],
      runbook: 'KassavaktPaymentMethodDown',
      unit: 'short',
      steps: NONE_IS_GOOD,
      nothing: '? none is watched',
    }),
    stat({
      id: 3,
      title: 'Pages with the wrong content',
      description: `Pages that answer, but with what \`fail_if_body_matches_regexp\` and its like forbid. ${DETAILED}`,
      size: [4, 4],
      queries: [countWhere(services('probe_failed_due_to_regex'), '== 1')],
      runbook: 'KassavaktPaymentMethodDown',
      unit: 'short',
      steps: NONE_IS_GOOD,
      nothing: '? not measured',
    }),
    stat({
      id: 4,
      title: 'First certificate ends in',
      description: `Of those that the services present, and of our own towards Swish. ${DETAILED}`,
      size: [3, 4],
      queries: [
        `(min(${services('probe_ssl_earliest_cert_expiry')} or ${services('kassavakt_client_certificate_expiry_timestamp_seconds')}) - time()) / 86400`,
      ],
      runbook: 'KassavaktCertificateExpires',
      unit: 'd',
      decimals: 0,
      steps: DAYS_LEFT,
      nothing: '? not measured',
    }),
    timeline({
      id: 5,
      title: 'How it went',
      description: 'The confirmed state of each over the time shown.',
      size: [24, 6],
      queries: [{ expr: `max by (target) (${STATE})`, legend: '{{target}}' }],
      runbook: 'KassavaktPaymentMethodDown',
      words: TARGET_STATES,
      nothing: '? none is watched',
    }),
    table({
      id: 6,
      title: 'Each now',
      description:
        'State and reason, how long the last probe took, and how many of the probes of the time shown succeeded.',
      size: [24, 7],
      queries: [
        `max by (${NOW}) (${withReason(STATE)})`,
        `max by (${NOW}) (${withReason(services('probe_duration_seconds'))})`,
        `max by (${NOW}) (${withReason(`(avg_over_time(${select('probe_success', 'kind=~"swish|web"')}[$__range]) and on (job, instance, target) ${STATE})`)})`,
      ],
      runbook: 'KassavaktPaymentMethodDown',
      unit: 's',
      nothing: '? none is watched',
      columns: {
        target: 'Target',
        kind: 'Kind',
        chain: 'Chain',
        'Value #A': 'State',
        reason: 'Reason',
        'Value #B': 'Took',
        'Value #C': 'Succeeded',
      },
      mostFirst: 'State',
      fields: {
        State: { words: TARGET_STATES, cell: 'color-text' },
        Succeeded: { unit: 'percentunit', decimals: 2 },
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
  sections: [
    {
      id: 100,
      title: 'Phases and codes',
      panels: [
        chart({
          id: 7,
          title: 'Where the time of a page goes',
          description: `Mean time of each phase over the web pages chosen. Resolve and connect are the network, TLS and processing the service. ${DETAILED}`,
          size: [12, 9],
          queries: [
            { expr: `avg by (phase) (${services('probe_http_duration_seconds')})`, legend: '{{phase}}' },
          ],
          runbook: 'KassavaktLatencyDegraded',
          unit: 's',
          isStacked: true,
          nothing: '? not measured',
        }),
        chart({
          id: 8,
          title: 'How long a probe takes',
          description: 'From the first packet to the verdict.',
          size: [12, 9],
          queries: [{ expr: services('probe_duration_seconds'), legend: '{{target}}' }],
          runbook: 'KassavaktLatencyDegraded',
          unit: 's',
        }),
        timeline({
          id: 9,
          title: 'HTTP status codes',
          description: `The code of the last answer; 0: there was none. ${DETAILED}`,
          size: [12, 7],
          queries: [{ expr: services('probe_http_status_code'), legend: '{{target}}' }],
          runbook: 'KassavaktPaymentMethodDown',
          unit: 'none',
          steps: [
            [null, COLOUR.bad],
            [100, COLOUR.good],
            [400, COLOUR.serious],
            [500, COLOUR.bad],
          ],
          nothing: '? not measured',
        }),
        timeline({
          id: 10,
          title: 'Content',
          description: `Whether the page says what it should, whatever its status code. ${DETAILED}`,
          size: [12, 7],
          queries: [{ expr: services('probe_failed_due_to_regex'), legend: '{{target}}' }],
          runbook: 'KassavaktPaymentMethodDown',
          words: CONTENT,
          nothing: '? not measured',
        }),
        chart({
          id: 11,
          title: 'Failing by reason',
          description: 'The layer that failed first in the last probe of each that fails.',
          size: [24, 7],
          queries: [{ expr: `count by (reason) (${services('probe_failure_info')})`, legend: '{{reason}}' }],
          runbook: 'KassavaktPaymentMethodDown',
          unit: 'short',
          decimals: 0,
          isStacked: true,
          nothing: '✓ nothing fails',
        }),
      ],
    },
    {
      id: 101,
      title: 'Certificates and TLS',
      panels: [
        table({
          id: 12,
          title: 'Days left on certificates',
          description: `Of the chain that each service presents. ${DETAILED}`,
          size: [8, 8],
          queries: [
            `(min by (kind, target) (${services('probe_ssl_earliest_cert_expiry')}) - time()) / 86400`,
          ],
          runbook: 'KassavaktCertificateExpires',
          unit: 'd',
          decimals: 0,
          steps: DAYS_LEFT,
          nothing: '? not measured',
          columns: { kind: 'Kind', target: 'Target', 'Value #A': 'Days left' },
          fields: { 'Days left': { cell: 'color-text' } },
        }),
        table({
          id: 13,
          title: 'Days left on our own certificates',
          description: `Of the client certificate with which Kassavakt, and most likely the tills, call Swish. ${DETAILED}`,
          size: [8, 8],
          queries: [
            `(min by (kind, target) (${services('kassavakt_client_certificate_expiry_timestamp_seconds')}) - time()) / 86400`,
          ],
          runbook: 'KassavaktCertificateExpires',
          unit: 'd',
          decimals: 0,
          steps: DAYS_LEFT,
          nothing: '? not measured',
          columns: { kind: 'Kind', target: 'Target', 'Value #A': 'Days left' },
          fields: { 'Days left': { cell: 'color-text' } },
        }),
        table({
          id: 14,
          title: 'TLS versions',
          description: `The version agreed on with each. ${DETAILED}`,
          size: [8, 8],
          queries: [`max by (version, target) (${services('probe_tls_version_info')})`],
          runbook: 'KassavaktCertificateExpires',
          unit: 'none',
          steps: PLAIN,
          nothing: '? not measured',
          columns: { target: 'Target', version: 'Version' },
        }),
      ],
    },
  ],
};
