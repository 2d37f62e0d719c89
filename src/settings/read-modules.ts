import { formatDuration } from '../lib/duration.ts';
import type { Notifier } from '../notifiers/notifier.ts';
import type { Prober } from '../probes/probe.ts';
import { type ConfigDocument, formatPath, type Path } from './config-document.ts';
import { moduleConfig } from './config-schema.ts';
import { checkAgainst } from './schema-problems.ts';
import type { Module } from './settings.ts';

const DEFAULT_INTERVAL_MS = 30_000;
const DEFAULT_TIMEOUT_MS = 5_000;
const DEFAULT_RETRY_INTERVAL_MS = 2_000;

/** Says what is wrong with the value at a path, or with its key. */
export type Refuse = (path: Path, message: string, ofKey?: boolean) => void;

/** Reads `modules`, each by itself, so that one wrong module hides nothing of another. */
export function readModules(
  document: ConfigDocument,
  probers: ReadonlyMap<string, Prober>,
  refuse: Refuse,
): {
  readonly modules: ReadonlyMap<string, Module>;
  readonly named: ReadonlyMap<string, Prober | undefined>;
} {
  const schema = moduleConfig(probers);
  const modules = new Map<string, Module>();
  const named = new Map<string, Prober | undefined>();
  for (const [name, raw] of Object.entries(childOf(document.value, 'modules'))) {
    const path = ['modules', name];
    const prober = probers.get(String(childOf(raw)['prober']));
    named.set(name, prober);
    refuseOthersOptions(path, raw, prober, probers, refuse);
    if (prober === undefined) continue;

    const timing = readTiming(schema.shape, path, raw, refuse);
    const options = readOptions(path, raw, prober, refuse);
    const read = schema.safeParse(raw);
    if (!read.success || timing === undefined || options === undefined) continue;
    const config = read.data;
    modules.set(
      name,
      Object.freeze({
        name,
        prober: prober.name,
        intervalMs: timing.intervalMs,
        timeoutMs: timing.timeoutMs,
        retryIntervalMs: timing.retryIntervalMs,
        policy: Object.freeze({
          failAfter: config.fail_after,
          recoverAfter: config.recover_after,
          ...(timing.slowAfterMs === undefined ? {} : { slowAfterMs: timing.slowAfterMs }),
        }),
        detailedMetrics: config.metrics === 'detailed',
        options: freezeDeeply(options.value),
      }),
    );
  }
  return { modules, named };
}

interface Timing {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly retryIntervalMs: number;
  readonly slowAfterMs: number | undefined;
}

/** The durations and how they fit together. Undefined when one of them does not read. */
function readTiming(
  shape: ReturnType<typeof moduleConfig>['shape'],
  path: Path,
  raw: unknown,
  refuse: Refuse,
): Timing | undefined {
  const texts = childOf(raw);
  const interval = shape.interval.safeParse(texts['interval']);
  const timeout = shape.timeout.safeParse(texts['timeout']);
  const retryInterval = shape.retry_interval.safeParse(texts['retry_interval']);
  const slowAfter = shape.slow_after.safeParse(texts['slow_after']);
  if (!interval.success || !timeout.success || !retryInterval.success || !slowAfter.success) return undefined;

  const intervalMs = interval.data ?? DEFAULT_INTERVAL_MS;
  const timeoutMs = timeout.data ?? Math.min(DEFAULT_TIMEOUT_MS, Math.floor(intervalMs * 0.8));
  const retryIntervalMs = retryInterval.data ?? Math.min(DEFAULT_RETRY_INTERVAL_MS, intervalMs);
  const slowAfterMs = slowAfter.data;
  const spell = (option: string, durationMs: number): string => {
    const text = texts[option];
    return typeof text === 'string' ? text : `${formatDuration(durationMs)}, which holds when none is given`;
  };
  if (timeoutMs >= intervalMs) {
    const longest = spell('interval', intervalMs);
    refuse(
      [...path, 'timeout'],
      `the timeout of ${spell('timeout', timeoutMs)} must be shorter than the interval of ${longest}`,
    );
  }
  if (retryIntervalMs > intervalMs) {
    const longest = spell('interval', intervalMs);
    const retry = spell('retry_interval', retryIntervalMs);
    refuse(
      [...path, 'retry_interval'],
      `the retry_interval of ${retry} must not be longer than the interval of ${longest}`,
    );
  }
  if (slowAfterMs !== undefined && slowAfterMs >= timeoutMs) {
    const longest = spell('timeout', timeoutMs);
    const slow = spell('slow_after', slowAfterMs);
    refuse(
      [...path, 'slow_after'],
      `no answer could be slow: slow_after of ${slow} must be shorter than the timeout of ${longest}`,
    );
  }
  return { intervalMs, timeoutMs, retryIntervalMs, slowAfterMs };
}

/**
 * The options of a prober or notifier with its defaults. What is written was checked with the document; what is not, is
 * here.
 */
export function readOptions(
  path: Path,
  raw: unknown,
  prober: Pick<Prober, 'name' | 'options'>,
  refuse: Refuse,
): { readonly value: unknown } | undefined {
  const written = childOf(raw)[prober.name];
  const result = prober.options.safeParse(written ?? {});
  if (result.success) return { value: result.data };
  if (written === undefined) {
    for (const problem of checkAgainst(prober.options, {}, [...path, prober.name])) {
      refuse(problem.path, `${problem.message} (under "${prober.name}")`, problem.ofKey);
    }
  }
  return undefined;
}

function refuseOthersOptions(
  path: Path,
  raw: unknown,
  prober: Prober | undefined,
  probers: ReadonlyMap<string, Prober>,
  refuse: Refuse,
): void {
  if (prober === undefined) return;
  for (const key of Object.keys(childOf(raw))) {
    if (key === prober.name || !probers.has(key)) continue;
    const message = `options of "${key}" in a module whose prober is "${prober.name}"; remove them, or set prober: ${key}`;
    refuse([...path, key], message, true);
  }
}

const SECRET_NAME =
  /(password|passphrase|passwd|secret|token|credentials?|api[-_]?key|authorization|cookie)$/i;

/**
 * Where secrets stand in the options of modules and channels in plain text, told to `refuse` without their values: they belong in files of
 * their own or in the environment. Returns their paths, so that nothing else is said of them.
 */
export function refuseLiteralSecrets(
  document: ConfigDocument,
  probers: ReadonlyMap<string, Prober>,
  notifiers: ReadonlyMap<string, Notifier>,
  refuse: Refuse,
): ReadonlySet<string> {
  const found = new Set<string>();
  const search = (path: Path, value: unknown): void => {
    if (typeof value === 'object' && value !== null) {
      for (const [key, child] of Object.entries(value)) {
        search([...path, Array.isArray(value) ? Number(key) : key], child);
      }
      return;
    }
    const name = String(path.findLast((part) => typeof part !== 'number'));
    if (!SECRET_NAME.test(name) || !isPlain(value) || document.isInterpolated(path)) return;
    found.add(formatPath(path));
    const better = /^[a-z_]+$/.test(name) ? `use ${name}_file` : 'use an option that ends in _file';
    refuse(
      path,
      `"${name}" is a secret and must not stand here; ${better}, or \${VARIABLE} from the environment`,
    );
  };
  for (const [module, raw] of Object.entries(childOf(document.value, 'modules'))) {
    for (const prober of probers.keys()) search(['modules', module, prober], childOf(raw)[prober]);
  }
  for (const [i, raw] of listOf(childOf(document.value, 'notifications')['channels']).entries()) {
    const path = ['notifications', 'channels', i];
    for (const notifier of notifiers.keys()) search([...path, notifier], childOf(raw)[notifier]);
  }
  return found;
}

function isPlain(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && value !== '');
}

/** The map under `key` of `value`, or `value` itself as a map; an empty one when it is none. */
export function childOf(value: unknown, key?: string): Readonly<Record<string, unknown>> {
  const map = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
  if (key === undefined) return map as Readonly<Record<string, unknown>>;
  return childOf((map as Readonly<Record<string, unknown>>)[key]);
}

/** The list that `value` is; an empty one when it is none. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Plain data alone: what a prober's options hold beside it, such as a compiled expression, is its own affair. */
export function freezeDeeply(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return value;
  for (const child of Object.values(value)) freezeDeeply(child);
  return Object.freeze(value);
}
