import type { Section } from './frame.ts';
import { PLAIN, yesNo } from './looks.ts';
import { chart, stat } from './panels.ts';
import { quantileOf, rate, select } from './queries.ts';

/** Whether what Kassavakt has to say arrives. */
export const NOTIFICATIONS: Section = {
  id: 102,
  title: 'Notifications and Alertmanager',
  panels: [
    chart({
      id: 18,
      title: 'Notifications delivered, by channel',
      description: 'That the channel took.',
      size: [8, 8],
      queries: [
        { expr: `sum by (channel) (${rate('kassavakt_notifications_total')})`, legend: '{{channel}}' },
      ],
      runbook: 'KassavaktNotificationBacklog',
      unit: 'ops',
      nothing: 'no channel set up',
    }),
    chart({
      id: 19,
      title: 'Failed deliveries, by channel',
      description: 'For good: given up. Otherwise: tried again.',
      size: [8, 8],
      queries: [
        {
          expr: `sum by (channel) (${rate('kassavakt_notification_failures_total', 'permanent="true"')})`,
          legend: '{{channel}} for good',
        },
        {
          expr: `sum by (channel) (${rate('kassavakt_notification_failures_total', 'permanent="false"')})`,
          legend: '{{channel}} for now',
        },
      ],
      runbook: 'KassavaktNotificationBacklog',
      unit: 'ops',
      nothing: 'no channel set up',
    }),
    chart({
      id: 20,
      title: 'From event to delivery, by channel',
      description: '95th percentile.',
      size: [8, 8],
      queries: [
        {
          expr: quantileOf(0.95, 'kassavakt_notification_dwell_seconds', 'channel'),
          legend: '{{channel}}',
        },
      ],
      runbook: 'KassavaktNotificationBacklog',
      unit: 's',
      nothing: 'none delivered',
    }),
    chart({
      id: 21,
      title: 'Notifications waiting, by channel',
      description: 'To be delivered, or tried again.',
      size: [8, 8],
      queries: [
        {
          expr: `max by (channel) (${select('kassavakt_notifications_pending')})`,
          legend: '{{channel}}',
        },
      ],
      runbook: 'KassavaktNotificationBacklog',
      unit: 'short',
      decimals: 0,
      nothing: 'no channel set up',
    }),
    chart({
      id: 22,
      title: 'Longest waiting, by channel',
      description: 'How old the oldest notification is that has not been delivered.',
      size: [8, 8],
      queries: [
        {
          expr: `time() - min by (channel) (${select('kassavakt_notification_oldest_pending_timestamp_seconds')})`,
          legend: '{{channel}}',
        },
      ],
      runbook: 'KassavaktNotificationBacklog',
      unit: 's',
      nothing: '✓ none waits',
    }),
    stat({
      id: 23,
      title: 'Alertmanagers',
      description: 'Whether the last alerts sent to each were taken.',
      size: [4, 8],
      queries: [
        {
          expr: `min by (alertmanager) (${select('kassavakt_alertmanager_up')})`,
          legend: '{{alertmanager}}',
        },
      ],
      runbook: 'KassavaktNotificationBacklog',
      words: yesNo('Takes alerts', 'Takes none'),
      isNamed: true,
      nothing: 'none set up',
    }),
    stat({
      id: 24,
      title: 'Alerts sent to Alertmanager',
      description: 'That are firing now, as Kassavakt tells them.',
      size: [4, 8],
      queries: [`max(${select('kassavakt_alertmanager_alerts')})`],
      runbook: 'KassavaktIncident',
      unit: 'short',
      steps: PLAIN,
      nothing: 'none set up',
    }),
  ],
};
