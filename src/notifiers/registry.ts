import { emailNotifier } from './email.ts';
import { grafanaNotifier } from './grafana.ts';
import type { Notifier } from './notifier.ts';
import { webhookNotifier } from './webhook.ts';

/** Every notifier: a new one is its own file and one line here, as with probers. */
const all: readonly Notifier[] = [webhookNotifier, emailNotifier, grafanaNotifier];

export const notifiers: ReadonlyMap<string, Notifier> = new Map(
  all.map((notifier) => [notifier.name, notifier]),
);
