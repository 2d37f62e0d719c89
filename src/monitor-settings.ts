import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Logger } from 'pino';
import { type MonitorOptions, UsageError } from './cli/context.ts';
import type { Clock } from './lib/clock.ts';
import { err, ok, type Result } from './lib/result.ts';
import type { Notifier } from './notifiers/notifier.ts';
import type { Prober } from './probes/probe.ts';
import { loadBlackboxConfig } from './settings/blackbox-config.ts';
import { isLoopback, parseListen } from './settings/listen.ts';
import { type loadSettings, readSettings } from './settings/load-settings.ts';
import {
  type BlackboxModules,
  formatProblem,
  type Settings,
  type SettingsProblem,
} from './settings/settings.ts';

/** What settings are read with. */
export interface SettingsSources {
  readonly probers: ReadonlyMap<string, Prober>;
  readonly notifiers: ReadonlyMap<string, Notifier>;
  readonly loadSettings: typeof loadSettings;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
}

type Loaded = Result<Settings, readonly SettingsProblem[]>;

/**
 * Where the journal is kept, when the configuration does not say: as ordered, or without a configuration in a folder
 * that is gone with the monitor, because one that only answers probes has nothing to remember.
 */
export async function chooseDataDir({
  config,
  data,
}: MonitorOptions): Promise<{ readonly path: string | undefined } & AsyncDisposable> {
  const isKept = data !== undefined || config !== undefined;
  const path = isKept ? data && resolve(data) : await mkdtemp(join(tmpdir(), 'kassavakt-'));
  return {
    path,
    async [Symbol.asyncDispose]() {
      if (!isKept && path !== undefined) await rm(path, { recursive: true, force: true });
    },
  };
}

/** All that the command line names, read anew. What of a blackbox_exporter configuration cannot be used is logged. */
export async function loadMonitorSettings(
  sources: SettingsSources,
  options: MonitorOptions,
  dataDir: string | undefined,
  log: Logger,
): Promise<Loaded> {
  const blackbox =
    options.blackboxConfig === undefined
      ? undefined
      : await loadBlackboxConfig(options.blackboxConfig, sources.probers, sources.clock);
  const loaded = await loadOwn(sources, options);
  if (blackbox === undefined) return loaded.ok ? withPlaces(loaded.value, options, dataDir) : loaded;
  if (!blackbox.ok || !loaded.ok) {
    return err([...(loaded.ok ? [] : loaded.error), ...(blackbox.ok ? [] : blackbox.error)]);
  }
  const clashes = Array.from(blackbox.value.modules.keys()).filter((name) => loaded.value.modules.has(name));
  if (clashes.length > 0) return err(clashes.map((name) => clash(name, blackbox.value, loaded.value)));
  for (const warning of blackbox.value.warnings) {
    log.warn(
      { event: 'config.blackbox', problem: formatProblem(warning) },
      'a module of the blackbox_exporter configuration cannot be used, or not as it is written',
    );
  }
  const modules = new Map([...loaded.value.modules, ...blackbox.value.modules]);
  return withPlaces({ ...loaded.value, modules, blackbox: blackbox.value }, options, dataDir);
}

function loadOwn(
  { loadSettings, probers, notifiers, env }: SettingsSources,
  options: MonitorOptions,
): Promise<Loaded> {
  const { config, blackboxConfig = '' } = options;
  return config === undefined
    ? readSettings(blackboxConfig, '', probers, env, notifiers)
    : loadSettings(config, probers, env, notifiers);
}

function clash(name: string, { file }: BlackboxModules, own: Settings): SettingsProblem {
  const message = `the module "${name}" is in ${own.file}, too; rename one of them`;
  return { file, line: 1, column: 1, path: `modules.${name}`, message };
}

function withPlaces(read: Settings, { listen }: MonitorOptions, dataDir = read.dataDir): Loaded {
  const settings = { ...read, dataDir };
  if (listen === undefined) return ok(settings);
  const address = parseListen(listen);
  if (!address.ok) throw new UsageError(`--listen: ${address.error}`);
  if (!isLoopback(address.value.host) && settings.tokens.length === 0) {
    const message =
      `--listen: ${listen} can be reached from other machines, and no token is configured; ` +
      'add auth.tokens to the configuration or listen on 127.0.0.1';
    return err([{ file: settings.file, line: 1, column: 1, path: 'auth.tokens', message }]);
  }
  return ok({ ...settings, listen: address.value });
}
