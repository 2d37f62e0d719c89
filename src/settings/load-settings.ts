import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { Target } from '../estate/estate.ts';
import type { TargetId } from '../estate/ids.ts';
import { err, ok, type Result } from '../lib/result.ts';
import type { Notifier } from '../notifiers/notifier.ts';
import type { Prober } from '../probes/probe.ts';
import { type ConfigDocument, formatPath, readConfigDocument } from './config-document.ts';
import {
  configDocument,
  dataDirConfig,
  estateConfig,
  externalUrlConfig,
  calmConfig,
  limitsConfig,
  listenConfig,
  tokenConfig,
} from './config-schema.ts';
import { type CsvTable, parseCsv } from './csv-table.ts';
import { refuseLabelName } from './label-names.ts';
import { isLoopback } from './listen.ts';
import { makeTargetMaker, type TargetMaker } from './make-target.ts';
import { readAlertmanager } from './read-alertmanager.ts';
import { readCanaries, readNeeds } from './read-dependencies.ts';
import { childOf, type Refuse, readModules, refuseLiteralSecrets } from './read-modules.ts';
import { readNotifications } from './read-notifications.ts';
import { readMaintenance, readMethods, readTiming } from './read-outages.ts';
import { type PublicHolidays, readStores, type StoresRead } from './read-stores.ts';
import { readTerminals } from './read-terminals.ts';
import { checkAgainst } from './schema-problems.ts';
import type { ListenAddress, Settings, SettingsProblem, Token } from './settings.ts';
import { readText } from './text-file.ts';
import { readTokenFile, whyUnreadable } from './tokens.ts';
import { makeZoneCheck } from './zones.ts';

type Report = (problem: SettingsProblem) => void;

/** All that the readers of single parts share. */
interface Reading {
  readonly document: ConfigDocument;
  readonly file: string;
  readonly baseDir: string;
  readonly refuse: Refuse;
  readonly report: Report;
}

/**
 * Reads a whole configuration: the YAML file, both CSV files and the token files it names. Changes nothing, so that
 * a reload may call it. All problems of all files come together, each with its place.
 * Relative files are read against the folder of `file`; problems name them as `file` was given.
 */
export async function loadSettings(
  file: string,
  probers: ReadonlyMap<string, Prober>,
  env: Readonly<Record<string, string | undefined>>,
  notifiers: ReadonlyMap<string, Notifier> = NO_NOTIFIERS,
): Promise<Result<Settings, readonly SettingsProblem[]>> {
  const text = await readFileText(file);
  return text.ok
    ? readSettings(file, text.value, probers, env, notifiers)
    : err([{ file, path: '', ...text.error }]);
}

/** As `loadSettings`, of a YAML text that stands, or would stand, in `file`. Of an empty one, all is as by default. */
export async function readSettings(
  file: string,
  text: string,
  probers: ReadonlyMap<string, Prober>,
  env: Readonly<Record<string, string | undefined>>,
  notifiers: ReadonlyMap<string, Notifier> = NO_NOTIFIERS,
): Promise<Result<Settings, readonly SettingsProblem[]>> {
  const problems: SettingsProblem[] = [];
  const { document, problems: unreadable } = readConfigDocument(file, text, env);
  problems.push(...unreadable);
  if (document === undefined) return err(problems);

  const report: Report = (problem) => problems.push(problem);
  const refuse: Refuse = (path, message, ofKey = false) => {
    if (!ofKey && document.isBroken(path)) return;
    const position = ofKey ? document.positionOfKey(path) : document.positionOf(path);
    report({ file, ...position, path: formatPath(path), message: document.withoutSecrets(path, message) });
  };
  const reading: Reading = { document, file, baseDir: dirname(resolve(file)), refuse, report };

  checkDocument(reading, probers, notifiers);
  const listen = listenConfig.safeParse(childOf(document.value)['listen']);
  const tokens = await readTokens(reading);
  if (listen.success) refuseOpenListener(reading, listen.data);
  const { modules, named } = readModules(document, probers, refuse);
  const stores = await readStoresFile(reading);
  const makeTarget = makeTargetMaker({ stores, modules: named });
  const targets = new Map<TargetId, Target>();
  for (const target of readSharedTargets(reading, makeTarget)) targets.set(target.id, target);
  for (const target of await readTerminalsFile(reading, makeTarget)) targets.set(target.id, target);
  // Half an estate would make good selectors name nothing.
  const isWhole = !problems.some((problem) => problem.file !== file || OF_ESTATE.test(problem.path));
  const needs = isWhole ? readNeeds(document, targets, refuse) : {};
  const canaries = isWhole ? readCanaries(document, targets, refuse) : {};
  const timing = readTiming(document, refuse);
  const methods = readMethods(document, refuse);
  const maintenance = readMaintenance(document, refuse);
  const alertmanager = await readAlertmanager(document, reading.baseDir, refuse);
  const externalUrl = externalUrlConfig.safeParse(childOf(document.value)['external_url']);
  const notifications = readNotifications(document, notifiers, refuse);
  const dataDir = dataDirConfig.safeParse(childOf(document.value)['data_dir']);
  const limits = limitsConfig.safeParse(childOf(document.value, 'limits'));
  const calm = calmConfig.safeParse(childOf(document.value)['calm_until']);
  const isBad =
    !listen.success || !dataDir.success || !limits.success || !calm.success || !externalUrl.success;
  if (problems.length > 0 || isBad) return err(inOrder(problems));

  return ok(
    Object.freeze({
      file,
      baseDir: reading.baseDir,
      listen: Object.freeze(listen.data),
      externalUrl: externalUrl.data,
      dataDir: resolve(reading.baseDir, dataDir.data),
      tokens: Object.freeze(tokens),
      limits: Object.freeze({
        maxInFlight: limits.data.max_in_flight,
        maxInFlightPerStore: limits.data.max_in_flight_per_store,
        maxInFlightPerNetwork: limits.data.max_in_flight_per_network ?? Number.POSITIVE_INFINITY,
        threads: limits.data.probing_threads,
      }),
      calmUntilMs: calm.data,
      timing,
      methods,
      maintenance,
      alertmanager,
      notifications,
      modules,
      estate: Object.freeze({ stores: stores?.stores ?? new Map(), targets, ...needs, ...canaries }),
    }),
  );
}

const NO_NOTIFIERS: ReadonlyMap<string, Notifier> = new Map();

const OF_ESTATE = /^(estate|targets)\b/;

type FilePlace = Pick<SettingsProblem, 'line' | 'column' | 'message'>;

async function readFileText(file: string): Promise<Result<string, FilePlace>> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    return err({ line: 1, column: 1, message: `cannot read this file: ${whyUnreadable(cause)}` });
  }
  if (!isUtf8(bytes))
    return err({ line: 1, column: 1, message: 'this file is not UTF-8 text; save it as UTF-8' });
  return ok(new TextDecoder().decode(bytes));
}

function checkDocument(
  { document, refuse }: Reading,
  probers: ReadonlyMap<string, Prober>,
  notifiers: ReadonlyMap<string, Notifier>,
): void {
  const value = document.value ?? {};
  const secrets = refuseLiteralSecrets(document, probers, notifiers, refuse);
  for (const { path, ofKey, message } of checkAgainst(configDocument(probers, notifiers), value)) {
    if (ofKey || !secrets.has(formatPath(path))) refuse(path, message, ofKey);
  }
}

async function readTokens({ document, baseDir, refuse }: Reading): Promise<readonly Token[]> {
  const tokens: Token[] = [];
  const places = new Map<string, number>();
  const raw = childOf(document.value, 'auth')['tokens'];
  for (const [i, entry] of (Array.isArray(raw) ? raw : []).entries()) {
    const path = ['auth', 'tokens', i];
    const config = tokenConfig.safeParse(entry);
    if (!config.success) continue;
    const { name, role, token_file: tokenFile } = config.data;
    if (places.has(name)) {
      const { line } = document.positionOf(['auth', 'tokens', places.get(name) ?? 0, 'name']);
      refuse(
        [...path, 'name'],
        `the token name "${name}" is taken already, on line ${line}; give this one another`,
      );
    }
    places.set(name, i);
    const digest = await readTokenFile(resolve(baseDir, tokenFile), tokenFile);
    if (!digest.ok) {
      refuse([...path, 'token_file'], digest.error);
      continue;
    }
    const twin = tokens.find((token) => Buffer.compare(token.digest, digest.value) === 0);
    if (twin !== undefined) {
      refuse(
        [...path, 'token_file'],
        `the token in "${tokenFile}" is the same as that of "${twin.name}"; give each its own`,
      );
    }
    tokens.push(Object.freeze({ name, role, digest: digest.value }));
  }
  return tokens;
}

function refuseOpenListener({ document, refuse }: Reading, { host, port }: ListenAddress): void {
  const tokens = childOf(document.value, 'auth')['tokens'];
  if (isLoopback(host) || (Array.isArray(tokens) && tokens.length > 0)) return;
  const shown = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  refuse(
    ['listen'],
    `"${shown}" can be reached from other machines and no token is set; add auth.tokens or listen on 127.0.0.1:${port}`,
  );
}

function readSharedTargets({ document, file, refuse }: Reading, makeTarget: TargetMaker): readonly Target[] {
  const raw = childOf(document.value)['targets'];
  return (Array.isArray(raw) ? raw : []).flatMap((entry: unknown, i) => {
    const path = ['targets', i];
    const labels = Object.entries(childOf(entry, 'labels'));
    for (const [name] of labels) {
      const refusal = refuseLabelName(name, 'target');
      if (refusal !== undefined) refuse([...path, 'labels', name], refusal, true);
    }
    const text = (field: 'id' | 'module' | 'address' | 'store'): string | undefined => {
      const written = childOf(entry)[field];
      return typeof written === 'string' && written !== '' ? written : undefined;
    };
    const draft = {
      id: text('id'),
      module: text('module'),
      address: text('address'),
      store: text('store'),
      labels: Object.fromEntries(
        labels.filter((label): label is [string, string] => typeof label[1] === 'string' && label[1] !== ''),
      ),
      file,
      line: document.positionOf([...path, 'id']).line,
    };
    const target = makeTarget(draft, (field, message) => {
      // What is missing or no text was told with the document's other problems.
      if (draft[field] !== undefined) refuse([...path, field], message);
    });
    return target === undefined ? [] : [target];
  });
}

/** Undefined: there is a stores file, but nothing can be said of what is in it. */
async function readStoresFile(reading: Reading): Promise<StoresRead | undefined> {
  const estate = childOf(reading.document.value, 'estate');
  const holidays = readHolidays(reading);
  if (estate['stores'] === undefined) {
    if (estate['terminals'] !== undefined) {
      reading.refuse(
        ['estate', 'stores'],
        'missing option "stores"; terminals belong to stores, so name their file too',
      );
      return undefined;
    }
    return { stores: new Map(), mentioned: new Set() };
  }
  const found = await readTable(reading, 'stores');
  return found === undefined ? undefined : readStores(found.file, found.table, holidays, reading.report);
}

/** Dates that are none were told with the document's other problems. */
function readHolidays({ document, refuse }: Reading): PublicHolidays {
  const estate = childOf(document.value, 'estate');
  const isZone = makeZoneCheck();
  const holidays = new Map<string, readonly number[]>();
  for (const [zone, dates] of Object.entries(childOf(estate['public_holidays']))) {
    const known = isZone(zone);
    if (!known.ok) refuse(['estate', 'public_holidays', zone], known.error, true);
    const read = estateConfig.shape.public_holidays.safeParse({ [zone]: dates });
    holidays.set(zone, Object.freeze(read.data?.[zone] ?? []));
  }
  return holidays;
}

async function readTerminalsFile(reading: Reading, makeTarget: TargetMaker): Promise<readonly Target[]> {
  const found = await readTable(reading, 'terminals');
  return found === undefined ? [] : readTerminals(found.file, found.table, makeTarget, reading.report);
}

async function readTable(
  { document, file, refuse, report }: Reading,
  which: 'stores' | 'terminals',
): Promise<{ readonly file: string; readonly table: CsvTable } | undefined> {
  const estate = estateConfig.shape[which].safeParse(childOf(document.value, 'estate')[which]);
  if (!estate.success || estate.data === undefined) return undefined;
  const csvFile = isAbsolute(estate.data) ? estate.data : join(dirname(file), estate.data);
  let text: Awaited<ReturnType<typeof readText>>;
  try {
    text = await readText(csvFile);
  } catch (cause) {
    refuse(['estate', which], `cannot read the ${which} file "${csvFile}": ${whyUnreadable(cause)}`);
    return undefined;
  }
  const table = text.ok ? await parseCsv(text.value) : text;
  if (table.ok) return { file: csvFile, table: table.value };
  report({ file: csvFile, path: '', ...table.error });
  return undefined;
}

/** By file in the order in which they were read, then from top to bottom. */
function inOrder(problems: readonly SettingsProblem[]): readonly SettingsProblem[] {
  const rank = new Map(Array.from(new Set(problems.map(({ file }) => file)), (file, i) => [file, i]));
  const rankOf = ({ file }: SettingsProblem): number => rank.get(file) ?? 0;
  return problems.toSorted((a, b) => rankOf(a) - rankOf(b) || a.line - b.line || a.column - b.column);
}
