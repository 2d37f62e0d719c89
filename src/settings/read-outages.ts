import { DEFAULT_METHODS, DEFAULT_TIMING, type IncidentTiming, type PaymentMethod } from '../core/outlook.ts';
import { formatDuration } from '../lib/duration.ts';
import type { z } from 'zod';
import type { ConfigDocument } from './config-document.ts';
import { didYouMean } from './did-you-mean.ts';
import { incidentsConfig, maintenanceConfig, paymentMethodConfig } from './outage-schema.ts';
import { childOf, type Refuse } from './read-modules.ts';
import type { PlannedMaintenance } from './settings.ts';
import { DEFAULT_TIMEZONE } from './zones.ts';

/** Reads `incidents`; what is not written is as it is without. */
export function readTiming(document: ConfigDocument, refuse: Refuse): IncidentTiming {
  const written = childOf(document.value, 'incidents');
  const read = incidentsConfig.safeParse(written);
  if (!read.success) return DEFAULT_TIMING;
  const { settle, settle_alone: settleAlone, quiet, quiet_longest: quietLongest, reopen } = read.data;
  const timing = Object.freeze({
    settleMs: settle ?? DEFAULT_TIMING.settleMs,
    settleAloneMs: settleAlone ?? DEFAULT_TIMING.settleAloneMs,
    quietMs: quiet ?? DEFAULT_TIMING.quietMs,
    quietLongestMs: quietLongest ?? DEFAULT_TIMING.quietLongestMs,
    reopenMs: reopen ?? DEFAULT_TIMING.reopenMs,
  });
  const spell = (option: string, durationMs: number): string => {
    const text = written[option];
    return typeof text === 'string' ? text : `${formatDuration(durationMs)} (the default)`;
  };
  if (timing.quietMs > timing.quietLongestMs) {
    const longest = spell('quiet_longest', timing.quietLongestMs);
    refuse(
      ['incidents', quiet === undefined ? 'quiet_longest' : 'quiet'],
      `quiet of ${spell('quiet', timing.quietMs)} must not be longer than quiet_longest of ${longest}`,
    );
  }
  return timing;
}

type MethodConfig = Exclude<z.output<typeof paymentMethodConfig>, 'off' | null>;

/** Reads `payment_methods` over those that are known already: what an entry leaves out stays as it is. */
export function readMethods(document: ConfigDocument, refuse: Refuse): readonly PaymentMethod[] {
  const methods = new Map(DEFAULT_METHODS.map((method) => [method.name, method]));
  const knownNames = DEFAULT_METHODS.map(({ name }) => name);
  for (const [name, raw] of Object.entries(childOf(document.value, 'payment_methods'))) {
    const path = ['payment_methods', name];
    const read = paymentMethodConfig.safeParse(raw);
    if (!read.success) continue;
    const before = methods.get(name);
    const guess = before === undefined ? didYouMean(name, knownNames) : '';
    if (read.data === 'off' || read.data === null) {
      if (before === undefined) {
        refuse(path, `there is no payment method "${name}" to leave out${guess || listed(knownNames)}`, true);
      }
      methods.delete(name);
      continue;
    }
    const method = merge(name, before, read.data);
    if (method.weight === undefined) {
      refuse(
        path,
        `missing option "weight"; "${name}" is a method of your own${guess || listed(knownNames)}`,
        true,
      );
    } else if (method.lanes === undefined && method.services.length === 0) {
      refuse(path, `the payment method "${name}" needs nothing; give it lanes, services or both`, true);
    } else {
      methods.set(name, Object.freeze({ ...method, weight: method.weight }));
    }
  }
  return Object.freeze(Array.from(methods.values()));
}

function listed(names: readonly string[]): string {
  return `; those known already are ${names.join(', ')}`;
}

/** `weight` is absent when neither says it. */
function merge(name: string, before: PaymentMethod | undefined, config: MethodConfig) {
  const lanes = config.lanes ?? before?.lanes;
  const offline = config.offline ?? before?.offline;
  const services = config.services?.map(({ match, same }) =>
    Object.freeze({ match: Object.freeze(match), sameLabels: Object.freeze(same) }),
  );
  return {
    name,
    weight: config.weight ?? before?.weight,
    ...(lanes === undefined || lanes === 'off' ? {} : { lanes: Object.freeze(lanes) }),
    services: Object.freeze(services ?? before?.services ?? []),
    ...(offline === undefined || offline === 'off' ? {} : { offline: Object.freeze(offline) }),
  };
}

/** Reads `maintenance`: entries that are wrong are told of and left out. */
export function readMaintenance(document: ConfigDocument, refuse: Refuse): readonly PlannedMaintenance[] {
  const planned: PlannedMaintenance[] = [];
  const places = new Map<string, number>();
  const raw = childOf(document.value)['maintenance'];
  for (const [i, entry] of (Array.isArray(raw) ? raw : []).entries()) {
    const read = maintenanceConfig.safeParse(entry);
    if (!read.success) continue;
    const path = ['maintenance', i];
    const { id } = read.data;
    const first = places.get(id);
    if (first !== undefined) {
      const { line } = document.positionOf(['maintenance', first, 'id']);
      refuse(
        [...path, 'id'],
        `the maintenance "${id}" stands twice; it is also on line ${line}: give one another id`,
      );
    }
    places.set(id, first ?? i);
    const maintenance = plan(read.data, (option, message) =>
      refuse(option === undefined ? path : [...path, option], message),
    );
    if (maintenance !== undefined) planned.push(Object.freeze(maintenance));
  }
  return Object.freeze(planned);
}

type MaintenanceConfig = z.output<typeof maintenanceConfig>;

function plan(
  config: MaintenanceConfig,
  refuse: (option: keyof MaintenanceConfig | undefined, message: string) => void,
): PlannedMaintenance | undefined {
  const { id, selector, by, comment, from, until, cron, timezone, lasts, flexible } = config;
  const shared = {
    id,
    selector: selector.text,
    by,
    comment,
    ...(flexible === undefined ? {} : { flexibleMs: flexible }),
  };
  const isOnce = from !== undefined || until !== undefined;
  const ofCron = (['cron', 'timezone', 'lasts'] as const).find((option) => config[option] !== undefined);
  if (isOnce && ofCron !== undefined) {
    refuse(
      ofCron,
      `${ofCron} cannot stand beside from and until: those are for once, cron and lasts for again and again`,
    );
  } else if (isOnce) {
    if (from === undefined)
      refuse(undefined, `missing option "from"; maintenance "${id}" has an end and no start`);
    else if (until === undefined) refuse(undefined, `missing option "until"; maintenance "${id}" has no end`);
    else if (until <= from)
      refuse('until', `maintenance "${id}" ends before it starts; until must be later than from`);
    else return { ...shared, kind: 'once', startsAtMs: from, endsAtMs: until };
  } else if (ofCron === undefined) {
    refuse(undefined, `maintenance "${id}" has no time; write from and until, or cron and lasts`);
  } else if (cron === undefined) {
    refuse(ofCron, `missing option "cron"; ${ofCron} says nothing without it`);
  } else if (lasts === undefined) {
    refuse(undefined, `missing option "lasts"; maintenance "${id}" has no end`);
  } else {
    return { ...shared, kind: 'recurring', cron, timezone: timezone ?? DEFAULT_TIMEZONE, lastsMs: lasts };
  }
  return undefined;
}
