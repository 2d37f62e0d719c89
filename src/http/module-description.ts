import type { Module } from '../settings/settings.ts';

const HIDDEN = '<secret>';
/** Options whose text may be a secret, by a word of their name; those that name a file are none. */
const SECRET_WORDS =
  /pass(word|phrase)|secret|token|credential|authorization|cookie|bearer|api_?key|^key$|private|^body$|^send$/i;
/** Options that hold anything under names the user chose. */
const SECRET_MAPS = /^(http_?)?headers$/i;

/** A module as `debug=true` shows it: as configured, defaults filled in, secrets hidden. */
export function describeModule(module: Module): Readonly<Record<string, unknown>> {
  const { name, prober, intervalMs, timeoutMs, retryIntervalMs, policy, detailedMetrics, options } = module;
  return {
    [name]: {
      prober,
      interval: inSeconds(intervalMs),
      timeout: inSeconds(timeoutMs),
      retry_interval: inSeconds(retryIntervalMs),
      fail_after: policy.failAfter,
      recover_after: policy.recoverAfter,
      ...(policy.slowAfterMs === undefined ? {} : { slow_after: inSeconds(policy.slowAfterMs) }),
      ...(detailedMetrics ? { metrics: 'detailed' } : {}),
      [prober]: hideSecrets(options, false),
    },
  };
}

/** A module of blackbox_exporter, which has no schedule: as it names the parts. */
export function describeBlackboxModule(module: Module): Readonly<Record<string, unknown>> {
  const { prober, timeoutMs, options } = module;
  return { prober, timeout: inSeconds(timeoutMs), [prober]: hideSecrets(options, false) };
}

function inSeconds(durationMs: number): string {
  return `${durationMs / 1_000}s`;
}

function hideSecrets(value: unknown, isSecret: boolean): unknown {
  if (Array.isArray(value)) return value.map((item) => hideSecrets(item, isSecret));
  if (value instanceof Uint8Array) return HIDDEN;
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, part]) => {
        const isFileName = /_?file$/i.test(name);
        const isHidden = isSecret || SECRET_MAPS.test(name) || SECRET_WORDS.test(name);
        return [name, hideSecrets(part, isHidden && !isFileName)];
      }),
    );
  }
  if (isSecret && typeof value !== 'boolean' && value !== undefined && value !== null && value !== '') {
    return HIDDEN;
  }
  return typeof value === 'string' ? value.replace(/\/\/[^/@\s]*@/, `//${HIDDEN}@`) : value;
}
