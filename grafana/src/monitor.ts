import type { DashboardSpec } from './frame.ts';
import { COLOUR, yesNo } from './looks.ts';
import { chart, stat, table } from './panels.ts';
import { quantileOf, rate, select } from './queries.ts';
import { NOTIFICATIONS } from './monitor-notifications.ts';

const EVERY_MONITOR = 'on (job, instance)';
const BUILD = select('kassavakt_build_info');
/** Of our own process: others have metrics of the same name. */
const own = (metric: string, ...matchers: readonly string[]): string =>
  `(${select(metric, ...matchers)} and ${EVERY_MONITOR} ${BUILD})`;
const QUANTILES = [0.5, 0.95, 0.99];

export const MONITOR: DashboardSpec = {
  uid: 'kassavakt-monitor',
  title: 'Kassavakt / The monitor itself',
  description:
    'Whether Kassavakt is well: that it is there, sees, probes in time, writes down, and is heard.',
  choices: [],
  from: 'now-3h',
  top: [
    stat({
      id: 1,
      title: 'Prometheus reaches it',
      description:
        'The last scrape of every page of the monitor, of those that there were in the time shown.',
      size: [4, 4],
      queries: [
        `min(${select('up')} and ${EVERY_MONITOR} (last_over_time(${BUILD}[$__range]) or group by (job, instance) (last_over_time(${select('kassavakt_target_info')}[$__range]))))`,
      ],
      runbook: 'KassavaktMonitorAbsent',
      words: yesNo('Yes', 'No'),
      nothing: '✕ Nothing scraped',
    }),
    stat({
      id: 2,
      title: 'It sees',
      description: 'While it is blind, nothing is known of any target.',
      size: [4, 4],
      queries: [`1 - max(${select('kassavakt_monitor_blind')})`],
      runbook: 'KassavaktMonitorBlind',
      words: yesNo('Sees', 'Blind'),
      nothing: '? not known',
    }),
    stat({
      id: 3,
      title: 'Its journal takes events',
      description: 'While it does not, nothing new is announced.',
      size: [4, 4],
      queries: [`min(${select('kassavakt_journal_writable')})`],
      runbook: 'KassavaktJournalNotWritable',
      words: yesNo('Writable', 'Not writable'),
      nothing: '? not known',
    }),
    stat({
      id: 4,
      title: 'Its configuration',
      description: 'The last attempt to read it. After a bad one the old configuration goes on.',
      size: [4, 4],
      queries: [`min(${select('kassavakt_config_last_reload_successful')})`],
      runbook: 'KassavaktMonitorAbsent',
      words: yesNo('Read', 'Refused'),
      nothing: '? not known',
    }),
    stat({
      id: 5,
      title: 'Late for probes',
      description: '99th percentile of how long after its due time a probe starts.',
      size: [4, 4],
      queries: [quantileOf(0.99, 'kassavakt_probe_lateness_seconds')],
      runbook: 'KassavaktProbesLate',
      unit: 's',
      steps: [
        [null, COLOUR.good],
        [1, COLOUR.warning],
        [5, COLOUR.bad],
      ],
      nothing: '? not known',
    }),
    stat({
      id: 6,
      title: 'Notifications waiting',
      description: 'For all channels together.',
      size: [4, 4],
      queries: [`sum(${select('kassavakt_notifications_pending')})`],
      runbook: 'KassavaktNotificationBacklog',
      unit: 'short',
      steps: [
        [null, COLOUR.good],
        [1, COLOUR.warning],
        [100, COLOUR.bad],
      ],
      nothing: 'no channel set up',
    }),
    chart({
      id: 7,
      title: 'How late probes start',
      description: 'After their due time. Late probes are confirmed late.',
      size: [12, 8],
      queries: QUANTILES.map((quantile) => ({
        expr: quantileOf(quantile, 'kassavakt_probe_lateness_seconds'),
        legend: `p${100 * quantile}`,
      })),
      runbook: 'KassavaktProbesLate',
      unit: 's',
      nothing: '? not known',
    }),
    chart({
      id: 8,
      title: 'How late the event loop runs',
      description: 'Quantiles of the last minute. Steadily above 0.1 s something blocks it.',
      size: [12, 8],
      queries: [
        {
          expr: `max by (quantile) (${select('kassavakt_event_loop_delay_seconds')})`,
          legend: '{{quantile}}',
        },
      ],
      runbook: 'KassavaktProbesLate',
      unit: 's',
      nothing: '? not known',
    }),
  ],
  sections: [
    {
      id: 100,
      title: 'Probing',
      panels: [
        chart({
          id: 9,
          title: 'Probes',
          description: 'That ended, whatever came of them.',
          size: [8, 8],
          queries: [{ expr: `sum(${rate('kassavakt_probes_total')})`, legend: 'probes' }],
          runbook: 'KassavaktProbesLate',
          unit: 'ops',
        }),
        chart({
          id: 10,
          title: 'Failed probes by reason',
          description: 'By the layer that failed first.',
          size: [8, 8],
          queries: [
            { expr: `sum by (reason) (${rate('kassavakt_probe_failures_total')}) > 0`, legend: '{{reason}}' },
          ],
          runbook: 'KassavaktScopeOutage',
          unit: 'ops',
          isStacked: true,
          nothing: '✓ none fails',
        }),
        chart({
          id: 11,
          title: 'Probes without a verdict, by reason',
          description: 'For a fault of our own: they change no state.',
          size: [8, 8],
          queries: [
            {
              expr: `sum by (reason) (${rate('kassavakt_probes_inconclusive_total')})`,
              legend: '{{reason}}',
            },
          ],
          runbook: 'KassavaktMonitorBlind',
          unit: 'ops',
          isStacked: true,
        }),
        chart({
          id: 12,
          title: 'Under way and waiting',
          description:
            'Scheduled probes under way, and those that are due and wait for a place. Waiting for long: raise `limits.max_in_flight`.',
          size: [8, 8],
          queries: [
            { expr: `sum(${select('kassavakt_in_flight_probes')})`, legend: 'under way' },
            { expr: `sum(${select('kassavakt_queued_probes')})`, legend: 'waiting' },
          ],
          runbook: 'KassavaktProbesLate',
          unit: 'short',
          decimals: 0,
        }),
        chart({
          id: 13,
          title: 'Targets by state',
          description: 'All that is watched, by confirmed state.',
          size: [8, 8],
          queries: [{ expr: `max by (state) (${select('kassavakt_targets')})`, legend: '{{state}}' }],
          runbook: 'KassavaktIncident',
          unit: 'short',
          decimals: 0,
          isStacked: true,
        }),
        chart({
          id: 14,
          title: 'Incidents opened, by severity',
          description: 'In each interval of the chart. One that comes back counts again.',
          size: [8, 8],
          queries: [
            {
              expr: `sum by (severity) (increase(${select('kassavakt_incidents_opened_total')}[$__rate_interval]))`,
              legend: '{{severity}}',
            },
          ],
          runbook: 'KassavaktIncident',
          unit: 'short',
          isStacked: true,
        }),
      ],
    },
    {
      id: 101,
      title: 'Journal and feed',
      panels: [
        chart({
          id: 15,
          title: 'Events written to the journal',
          description: 'How fast the number of the newest event rises.',
          size: [8, 8],
          queries: [
            {
              expr: `max(deriv(${select('kassavakt_journal_last_seq')}[$__rate_interval]))`,
              legend: 'events',
            },
          ],
          runbook: 'KassavaktJournalNotWritable',
          unit: 'ops',
        }),
        chart({
          id: 16,
          title: 'Events waiting for the journal',
          description:
            'Confirmed, but not yet on disk and so not announced. More than a moment’s worth: the disk is slow or full.',
          size: [8, 8],
          queries: [{ expr: `max(${select('kassavakt_journal_pending_events')})`, legend: 'waiting' }],
          runbook: 'KassavaktJournalNotWritable',
          unit: 'short',
          decimals: 0,
        }),
        chart({
          id: 17,
          title: 'Clients that follow the feed',
          description: 'Over socket.io and server-sent events.',
          size: [8, 8],
          queries: [{ expr: `sum(${select('kassavakt_feed_clients')})`, legend: 'clients' }],
          runbook: 'KassavaktMonitorAbsent',
          unit: 'short',
          decimals: 0,
        }),
      ],
    },
    NOTIFICATIONS,
    {
      id: 103,
      title: 'Process and scrapes',
      panels: [
        chart({
          id: 25,
          title: 'Processor',
          description: 'Share of one processor that the process takes.',
          size: [6, 8],
          queries: [
            {
              expr: `sum by (instance) (rate(${select('process_cpu_seconds_total')}[$__rate_interval]) and ${EVERY_MONITOR} ${BUILD})`,
              legend: '{{instance}}',
            },
          ],
          runbook: 'KassavaktProbesLate',
          unit: 'percentunit',
        }),
        chart({
          id: 26,
          title: 'Memory',
          description: 'Resident memory of the process.',
          size: [6, 8],
          queries: [{ expr: own('process_resident_memory_bytes'), legend: '{{instance}}' }],
          runbook: 'KassavaktMonitorAbsent',
          unit: 'bytes',
        }),
        chart({
          id: 27,
          title: 'How long scrapes take',
          description:
            'As Prometheus measures it. Beyond its time-out (10 s) the page is lost: scrape it in shards.',
          size: [6, 8],
          queries: [
            {
              expr: `${select('scrape_duration_seconds')} and ${EVERY_MONITOR} (${BUILD} or group by (job, instance) (${select('kassavakt_target_info')}))`,
              legend: '{{job}} {{instance}}',
            },
          ],
          runbook: 'KassavaktMonitorAbsent',
          unit: 's',
        }),
        table({
          id: 28,
          title: 'Versions',
          description: 'Of Kassavakt and of Node.js.',
          size: [6, 8],
          queries: [`max by (instance, version, node) (${BUILD})`],
          runbook: 'KassavaktMonitorAbsent',
          unit: 'none',
          columns: { instance: 'Monitor', version: 'Kassavakt', node: 'Node.js' },
          nothing: '? not known',
        }),
      ],
    },
  ],
};
