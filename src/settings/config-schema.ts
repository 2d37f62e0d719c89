import { z } from 'zod';
import type { Notifier } from '../notifiers/notifier.ts';
import type { Prober } from '../probes/probe.ts';
import { alertmanagerConfig } from './alertmanager-schema.ts';
import { didYouMean } from './did-you-mean.ts';
import { parseListen } from './listen.ts';
import { notificationsConfig } from './notification-schema.ts';
import { baseUrl, calendarDay, duration, name, zonedTime } from './option-types.ts';
import {
  canaryConfig,
  dependencyConfig,
  dependsOnConfig,
  incidentsConfig,
  maintenanceConfig,
  paymentMethodConfig,
} from './outage-schema.ts';
import { ROLES } from './settings.ts';

/** The counters that the thresholds are compared with stop here. */
const LONGEST_STREAK = 255;

const count = (description: string, most: number, fallback: number) =>
  z.int().min(1).max(most).default(fallback).describe(description);

const most = (description: string, most: number) => z.int().min(1).max(most).optional().describe(description);

/** One entry of `modules`, without the probers' own options. */
function moduleShape(probers: ReadonlyMap<string, Prober>) {
  const names = Array.from(probers.keys());
  return {
    prober: z
      .enum(names, {
        error: ({ input }) =>
          typeof input === 'string'
            ? `unknown prober "${input}"${didYouMean(input, names) || `; the probers are ${names.join(', ')}`}`
            : undefined,
      })
      .describe('The protocol to probe with.'),
    interval: duration('How often each target is probed, as in 30s or 1m. Without it 30s.', 1_000),
    timeout: duration(
      'The longest a probe may take; shorter than the interval. Without it 5s or four fifths of the interval, whichever is less.',
      1,
    ),
    fail_after: count('Consecutive bad probes before a target counts as down.', LONGEST_STREAK, 3),
    recover_after: count('Consecutive good probes before it counts as up again.', LONGEST_STREAK, 2),
    retry_interval: duration(
      'How soon to look again while a change is not confirmed; at most the interval. Without it 2s or the interval, whichever is less.',
      100,
    ),
    slow_after: duration('An answer slower than this is degraded; shorter than the time-out.', 1),
    metrics: z
      .enum(['basic', 'detailed'])
      .default('basic')
      .describe("Whether /metrics/targets also has the prober's own series, such as probe_http_*."),
  };
}

/** One entry of `modules`: what all modules have, and options under the name of the prober. */
export function moduleConfig(probers: ReadonlyMap<string, Prober>) {
  const options = Array.from(
    probers.values(),
    (prober) =>
      [
        prober.name,
        prober.options.optional().describe(`Options of ${prober.name}: ${prober.summary}`),
      ] as const,
  );
  return z.strictObject({ ...moduleShape(probers), ...Object.fromEntries(options) });
}

export const tokenConfig = z.strictObject({
  name: name('Who uses it; appears in logs.'),
  role: z.enum(ROLES).describe('viewer reads; operator may also reload and probe; admin may do everything.'),
  token_file: name('A file that holds the token and nothing else, read against the folder of this file.'),
});

export const estateConfig = z.strictObject({
  stores: name('CSV file of the stores.').optional(),
  terminals: name('CSV file of the terminals.').optional(),
  public_holidays: z
    .record(z.string(), z.array(calendarDay))
    .default({})
    .describe(
      'Dates on which PH in the opening hours holds, for the stores of each time zone, as in Europe/Stockholm: [2026-12-25].',
    ),
});

const targetConfig = z.strictObject({
  id: name('Its identity for ever: never its name or address.'),
  module: name('The module that says how it is probed.'),
  address: name("A host, host:port or URL, as the module's prober reads it."),
  store: name('The store it belongs to, if it belongs to one.').optional(),
  labels: z
    .record(z.string(), z.string())
    .default({})
    .describe('What incidents may be grouped by; kind says what it is to the shop.'),
  depends_on: dependsOnConfig,
});

export const limitsConfig = z.strictObject({
  max_in_flight: most(
    'Probes in flight at once, over all. Without it as many as all targets hanging at once would need.',
    100_000,
  ),
  max_in_flight_per_store: count('Probes in flight at once towards one store.', 100_000, 4),
  max_in_flight_per_network: most(
    'Probes in flight at once towards one network, as the label network names it. Without it no bound.',
    100_000,
  ),
  probing_threads: most('Threads that probe. Without it one fewer than processors, at least one.', 64),
});

export const calmConfig = zonedTime('calm_until')
  .optional()
  .describe('Until then probing runs at a quarter of its rate.');

export const listenConfig = z
  .string({
    error: ({ input }) =>
      typeof input === 'number' ? `${input} names no host; write 127.0.0.1:${input}` : undefined,
  })
  .prefault('127.0.0.1:9840')
  .transform((text, context) => {
    const read = parseListen(text);
    if (read.ok) return read.value;
    context.addIssue({ code: 'custom', message: read.error });
    return z.NEVER;
  })
  .describe('host:port to answer on. Other than loopback needs auth.tokens.');

export const externalUrlConfig = baseUrl('https://kassavakt.example.test')
  .optional()
  .describe('Where people reach this monitor, for links. Without it http:// and listen.');

export const dataDirConfig = z
  .string()
  .min(1)
  .default('./data')
  .describe('Where the journal is kept, read against the folder of this file.');

/** The whole document. */
export function configDocument(
  probers: ReadonlyMap<string, Prober>,
  notifiers: ReadonlyMap<string, Notifier>,
) {
  return z.strictObject({
    listen: listenConfig,
    external_url: externalUrlConfig,
    data_dir: dataDirConfig,
    auth: z
      .strictObject({
        tokens: z
          .array(tokenConfig)
          .default([])
          .describe('Without any, access is read-only and from loopback alone.'),
      })
      .optional(),
    estate: estateConfig.optional().describe('What is watched, as CSV files.'),
    modules: z.record(z.string().min(1), moduleConfig(probers)).default({}).describe('Named ways to probe.'),
    targets: z.array(targetConfig).default([]).describe('Shared services.'),
    limits: limitsConfig.optional().describe('How much may be in flight at once.'),
    calm_until: calmConfig,
    dependencies: z
      .array(dependencyConfig)
      .default([])
      .describe(
        'What hangs on what: a dead parent explains its children, of which nothing is then announced.',
      ),
    canaries: z
      .array(canaryConfig)
      .default([])
      .describe('Targets that answer whenever our own path to the world is whole.'),
    payment_methods: z
      .record(z.string().min(1), paymentMethodConfig)
      .default({})
      .describe('What each way to pay needs in a store, over what is known already; off leaves one out.'),
    incidents: incidentsConfig.optional().describe('When incidents open and end.'),
    maintenance: z
      .array(maintenanceConfig)
      .default([])
      .describe('Times in which failures are expected: from and until, or cron and lasts.'),
    alertmanager: alertmanagerConfig.optional().describe('Who is told of incidents as alerts.'),
    notifications: notificationsConfig(notifiers).optional().describe('Whom to tell of incidents, and how.'),
  });
}

/** The JSON Schema of the configuration, for editors: what may be written, with defaults and descriptions. */
export function configJsonSchema(
  probers: ReadonlyMap<string, Prober>,
  notifiers: ReadonlyMap<string, Notifier>,
): unknown {
  return z.toJSONSchema(configDocument(probers, notifiers).meta({ title: 'Kassavakt configuration' }), {
    io: 'input',
    unrepresentable: 'any',
  });
}
