import type { EscalationStep, Route } from '../core/route.ts';
import type { Notifier } from '../notifiers/notifier.ts';
import type { z } from 'zod';
import type { ConfigDocument, Path } from './config-document.ts';
import { didYouMean } from './did-you-mean.ts';
import { channelConfig, digestConfig, routeConfig } from './notification-schema.ts';
import { childOf, freezeDeeply, listOf, readOptions, type Refuse } from './read-modules.ts';
import type { ChannelSettings, NotificationSettings } from './settings.ts';
import { DEFAULT_TIMEZONE } from './zones.ts';

const DEFAULT_TIMEOUT_MS = 15_000;
const DEFAULT_WINDOW_MS = 60_000;

type RouteConfig = z.output<typeof routeConfig>;

/** Reads `notifications`: channels and routes that are wrong are told of and left out. */
export function readNotifications(
  document: ConfigDocument,
  notifiers: ReadonlyMap<string, Notifier>,
  refuse: Refuse,
): NotificationSettings {
  const written = childOf(document.value, 'notifications');
  const { channels, named } = readChannels(document, notifiers, refuse);
  const digest = digestConfig.safeParse(written);
  const { digest_after: after = 5, digest_window: windowMs = DEFAULT_WINDOW_MS } = digest.success
    ? digest.data
    : {};
  const routes = written['routes'] === undefined ? [toAll(channels)] : readRoutes(written, named, refuse);
  return Object.freeze({
    channels,
    routes: Object.freeze(routes),
    digest: Object.freeze({ after, windowMs }),
  });
}

/** `named`: also those that are wrong otherwise, so that routes to them are not said to be wrong too. */
function readChannels(document: ConfigDocument, notifiers: ReadonlyMap<string, Notifier>, refuse: Refuse) {
  const schema = channelConfig(notifiers);
  const channels = new Map<string, ChannelSettings>();
  const named = new Map<string, number>();
  for (const [i, raw] of listOf(childOf(document.value, 'notifications')['channels']).entries()) {
    const path = ['notifications', 'channels', i];
    const name = childOf(raw)['name'];
    if (typeof name === 'string') {
      const first = named.get(name);
      if (first !== undefined) {
        const { line } = document.positionOf(['notifications', 'channels', first, 'name']);
        refuse(
          [...path, 'name'],
          `the channel name "${name}" is taken already, on line ${line}; give this one another`,
        );
      }
      named.set(name, first ?? i);
    }
    const notifier = notifiers.get(String(childOf(raw)['type']));
    if (notifier === undefined) continue;
    refuseOthersOptions(path, raw, notifier, notifiers, refuse);
    const options = readOptions(path, raw, notifier, refuse);
    const read = schema.safeParse(raw);
    if (!read.success || options === undefined) continue;
    const { language, timezone = DEFAULT_TIMEZONE, timeout: timeoutMs = DEFAULT_TIMEOUT_MS } = read.data;
    channels.set(
      read.data.name,
      Object.freeze({
        name: read.data.name,
        type: notifier.name,
        language,
        timezone,
        timeoutMs,
        options: freezeDeeply(options.value),
      }),
    );
  }
  return { channels, named };
}

function refuseOthersOptions(
  path: Path,
  raw: unknown,
  { name }: Notifier,
  notifiers: ReadonlyMap<string, Notifier>,
  refuse: Refuse,
): void {
  for (const key of Object.keys(childOf(raw))) {
    if (key === name || !notifiers.has(key)) continue;
    const message = `options of "${key}" in a channel whose type is "${name}"; remove them, or set type: ${key}`;
    refuse([...path, key], message, true);
  }
}

/** What holds when no routes are written. */
function toAll(channels: ReadonlyMap<string, ChannelSettings>): Route {
  return Object.freeze({
    key: 'all',
    minSeverity: 'info',
    channels: Object.freeze(Array.from(channels.keys())),
    continues: false,
    escalation: [],
  });
}

function readRoutes(
  written: Readonly<Record<string, unknown>>,
  named: ReadonlyMap<string, number>,
  refuse: Refuse,
): readonly Route[] {
  const routes: Route[] = [];
  let lastPlace: number | undefined;
  for (const [i, raw] of listOf(written['routes']).entries()) {
    const path = ['notifications', 'routes', i];
    const read = routeConfig.safeParse(raw);
    if (!read.success) continue;
    if (lastPlace !== undefined) {
      refuse(
        path,
        `no incident gets as far as this route: route ${lastPlace + 1} takes them all; put this one before it, or set continue: true there`,
      );
      lastPlace = undefined;
    }
    const config = read.data;
    refuseUnknown([...path, 'channels'], config.channels, named, refuse);
    const escalation = readEscalation(path, config, named, refuse);
    if (config.timezone !== undefined && config.hours === undefined) {
      refuse([...path, 'timezone'], 'timezone says nothing without hours; write those, or remove it');
    }
    const { match, min_severity: minSeverity, chains, hours: week, timezone = DEFAULT_TIMEZONE } = config;
    if (match === undefined && chains === undefined && minSeverity === 'info' && !config.continue)
      lastPlace = i;
    routes.push(
      Object.freeze({
        key: JSON.stringify(raw),
        minSeverity,
        channels: Object.freeze(config.channels),
        continues: config.continue,
        escalation: Object.freeze(escalation),
        ...(match === undefined ? {} : { match }),
        ...(chains === undefined ? {} : { chains: Object.freeze(chains) }),
        ...(week === undefined ? {} : { hours: Object.freeze({ week, timezone }) }),
      }),
    );
  }
  return routes;
}

function readEscalation(
  path: Path,
  config: RouteConfig,
  named: ReadonlyMap<string, number>,
  refuse: Refuse,
): readonly EscalationStep[] {
  const { escalate_after: after, escalate_to: to, escalation } = config;
  if (escalation !== undefined && (after !== undefined || to !== undefined)) {
    const other = after === undefined ? 'escalate_to' : 'escalate_after';
    refuse([...path, other], `${other} cannot stand beside escalation; make it one more step of that`);
    return [];
  }
  if ((after === undefined) !== (to === undefined)) {
    const [there, missing] =
      after === undefined ? ['escalate_to', 'escalate_after'] : ['escalate_after', 'escalate_to'];
    refuse([...path, there], `missing option "${missing}"; ${there} says nothing without it`);
    return [];
  }
  if (to !== undefined) refuseUnknown([...path, 'escalate_to'], to, named, refuse);
  let beforeMs = 0;
  for (const [i, step] of (escalation ?? []).entries()) {
    refuseUnknown([...path, 'escalation', i, 'to'], step.to, named, refuse);
    if (step.after <= beforeMs) {
      refuse(
        [...path, 'escalation', i, 'after'],
        'each after counts from the beginning, so it must be longer than that of the step before',
      );
    }
    beforeMs = step.after;
  }
  const one = after === undefined || to === undefined ? [] : [{ afterMs: after, channels: to }];
  return escalation?.map((step) => ({ afterMs: step.after, channels: step.to })) ?? one;
}

function refuseUnknown(
  path: Path,
  names: readonly string[],
  named: ReadonlyMap<string, number>,
  refuse: Refuse,
): void {
  for (const [i, name] of names.entries()) {
    if (named.has(name)) continue;
    const known = Array.from(named.keys());
    const choices = known.length === 0 ? '; there are none yet' : `; the channels are ${known.join(', ')}`;
    refuse([...path, i], `there is no channel "${name}"${didYouMean(name, known) || choices}`);
  }
}
