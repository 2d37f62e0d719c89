import { z } from 'zod';
import { baseUrl, duration, name } from './option-types.ts';

/** `alertmanager`; what must go together is checked where it is read. */
export const alertmanagerConfig = z.strictObject({
  urls: z
    .array(baseUrl('http://127.0.0.1:9093'))
    .min(1)
    .describe('Every Alertmanager of the cluster, each by its own address: all are told everything.'),
  resend_interval: duration(
    'How often alerts are told again; they are over for Alertmanager after four intervals without. Without it 1m.',
    1_000,
    3_600_000,
  ),
  timeout: duration(
    'The longest that one request may take; at most resend_interval. Without it 10s or resend_interval, whichever is less.',
    100,
    3_600_000,
  ),
  username: name('For basic authentication, with password_file.').optional(),
  password_file: name('A file that holds the password and nothing else.').optional(),
  bearer_token_file: name('A file that holds a bearer token and nothing else.').optional(),
  mirror_silences: z
    .boolean()
    .default(true)
    .describe('Whether silences and maintenances become silences in Alertmanager.'),
  runbook_url: baseUrl('https://wiki.example.test/runbook')
    .optional()
    .describe(
      'Where docs/runbook.md can be read; #kassavaktincident is put behind it. Without it /runbook of external_url.',
    ),
});
