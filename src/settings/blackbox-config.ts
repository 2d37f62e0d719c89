import { resolve } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { parseDuration } from '../lib/duration.ts';
import { err, ok, type Result } from '../lib/result.ts';
import { type Prober, ProberUnavailable } from '../probes/probe.ts';
import { type ConfigDocument, formatPath, type Path, readGoDocument } from './config-document.ts';
import { didYouMean } from './did-you-mean.ts';
import { readForeignText } from './foreign-text.ts';
import { readGoBoolean, readGoScalars } from './go-scalars.ts';
import { childOf } from './read-modules.ts';
import { checkAgainst } from './schema-problems.ts';
import type { BlackboxModules, Module, SettingsProblem } from './settings.ts';

/** blackbox_exporter waits so long, less what a scrape keeps, when neither module nor scraper says. Unit: ms. */
const LONGEST_MS = 119_500;
/** No answer to a ping comes later, and how long pings are gathered follows from it. Unit: ms. */
const LONGEST_PING_MS = 5_000;
const DAY_MS = 86_400_000;
/** More of a body than the http prober ever reads cannot be asked for. */
const MOST_BODY_BYTES = 64 * 1_024 ** 2;

const SUPPORTED = ['http', 'tcp', 'dns', 'icmp'];
const UNSUPPORTED = ['grpc', 'unix', 'websocket'];

/** A module in the words of our own configuration, without defaults; its files by absolute name. */
export interface TranslatedModule {
  readonly name: string;
  readonly prober: Prober;
  /** Unit: ms. Undefined: the module says nothing. */
  readonly timeoutMs: number | undefined;
  readonly options: Readonly<Record<string, unknown>>;
}

/** What became of a blackbox_exporter configuration. */
export interface BlackboxTranslation {
  readonly document: ConfigDocument;
  readonly modules: readonly TranslatedModule[];
  /** What is wrong with each module that could not be translated, by its name. */
  readonly unusable: ReadonlyMap<string, readonly SettingsProblem[]>;
  /** What is otherwise here than there, in modules that work. */
  readonly remarks: readonly SettingsProblem[];
}

/**
 * Reads a blackbox_exporter configuration, as its versions 0.23 to 0.28 do, and makes each module ready once to see
 * whether it can be used here: a module that cannot hides none of the others. Fails for a file that is no such
 * configuration at all. Relative files in it are read against the current folder, as there.
 */
export async function loadBlackboxConfig(
  file: string,
  probers: ReadonlyMap<string, Prober>,
  clock: Clock,
): Promise<Result<BlackboxModules, readonly SettingsProblem[]>> {
  const text = await readForeignText(file);
  if (!text.ok) return err([text.error]);
  const read = translateBlackboxConfig(file, text.value, probers);
  if (!read.ok) return read;
  const { document, remarks } = read.value;
  const modules = new Map<string, Module>();
  const unusable = new Map(read.value.unusable);
  for (const translated of read.value.modules) {
    const module = makeModule(translated);
    const problem = await whyNotOpen(translated, module, clock);
    if (problem === undefined) modules.set(module.name, module);
    else {
      const place = document.positionOfKey(['modules', module.name]);
      unusable.set(module.name, [
        { file, ...place, path: formatPath(['modules', module.name]), message: problem },
      ]);
    }
  }
  const warnings = [...Array.from(unusable.values()).flat(), ...remarks];
  return ok({
    file,
    modules,
    unusable: new Map(
      Array.from(unusable, ([name, problems]) => [name, problems.map(({ message }) => message).join('; ')]),
    ),
    warnings: warnings.toSorted((a, b) => a.line - b.line || a.column - b.column),
  });
}

/** Puts the modules of a blackbox_exporter configuration into the words of ours. */
export function translateBlackboxConfig(
  file: string,
  text: string,
  probers: ReadonlyMap<string, Prober>,
): Result<BlackboxTranslation, readonly SettingsProblem[]> {
  const { document, problems } = readGoDocument(file, text);
  if (document === undefined || problems.length > 0) return err(problems);
  const at = (path: Path, message: string, ofKey = false): SettingsProblem => {
    const place = ofKey ? document.positionOfKey(path) : document.positionOf(path);
    return { file, ...place, path: formatPath(path), message };
  };
  const wrong = whyNotConfig(document.value);
  if (wrong !== undefined) return err([at(wrong.path, wrong.message, wrong.ofKey)]);

  const modules: TranslatedModule[] = [];
  const unusable = new Map<string, readonly SettingsProblem[]>();
  const remarks: SettingsProblem[] = [];
  for (const [name, raw] of Object.entries(childOf(document.value, 'modules'))) {
    const found: SettingsProblem[] = [];
    const say =
      (into: SettingsProblem[]): Say =>
      (path, message, ofKey) =>
        into.push(
          at(['modules', name, ...path], `module "${name}": ${withoutSecret(raw, path, message)}`, ofKey),
        );
    const noted: SettingsProblem[] = [];
    const module = translateModule(name, raw, probers, { refuse: say(found), remark: say(noted) });
    if (found.length > 0 || module === undefined) unusable.set(name, found);
    else {
      modules.push(module);
      remarks.push(...noted);
    }
  }
  return ok({ document, modules, unusable, remarks });
}

interface NotConfig {
  readonly path: Path;
  readonly message: string;
  readonly ofKey?: boolean;
}

/** Why a document is no configuration of blackbox_exporter; undefined when it is one. */
function whyNotConfig(value: unknown): NotConfig | undefined {
  const unknown = Object.keys(childOf(value)).find((key) => key !== 'modules');
  if (unknown !== undefined) {
    const guess = didYouMean(unknown, ['modules']);
    const message = `"${unknown}" does not belong in a blackbox_exporter configuration${guess || ', which has only "modules"'}`;
    return { path: [unknown], message, ofKey: true };
  }
  const modules = childOf(value)['modules'];
  if (typeof modules === 'object' && modules !== null && !Array.isArray(modules)) return undefined;
  return {
    path: modules === undefined ? [] : ['modules'],
    message: 'this is no blackbox_exporter configuration: it must have "modules", a map of them by name',
  };
}

/** Says something of an option: `path` from the module on. */
type Say = (path: Path, message: string, ofKey?: boolean) => void;

interface Findings {
  readonly refuse: Say;
  readonly remark: Say;
}

/** Undefined: nothing can be said of its options. What was told to `refuse` keeps a module from use. */
function translateModule(
  name: string,
  raw: unknown,
  probers: ReadonlyMap<string, Prober>,
  { refuse, remark }: Findings,
): TranslatedModule | undefined {
  const given = childOf(raw);
  if (raw === null || typeof raw !== 'object' || Array.isArray(raw)) {
    refuse([], 'it must be a map with a "prober"', true);
    return undefined;
  }
  const word = given['prober'];
  if (typeof word !== 'string' || word === '') {
    refuse([], `it names no prober; write one of ${SUPPORTED.join(', ')}`, true);
    return undefined;
  }
  const prober = SUPPORTED.includes(word) ? probers.get(word) : undefined;
  if (prober === undefined) {
    const why = UNSUPPORTED.includes(word)
      ? `the prober "${word}" is not supported here; leave this module to blackbox_exporter`
      : `there is no prober "${word}"${didYouMean(word, SUPPORTED) || `; write one of ${SUPPORTED.join(', ')}`}`;
    refuse(['prober'], why);
    return undefined;
  }
  const known = ['prober', 'timeout', ...SUPPORTED, ...UNSUPPORTED];
  for (const key of Object.keys(given)) {
    if (!known.includes(key)) {
      const choices = `; the options here are ${['prober', 'timeout', ...SUPPORTED].join(', ')}`;
      const guess = didYouMean(key, known) || choices;
      refuse([key], `unknown option "${key}"${guess}`, true);
    } else if (key !== 'prober' && key !== 'timeout' && key !== word && given[key] !== null) {
      remark([key], `the options of "${key}" have no effect, because its prober is "${word}"`, true);
    }
  }
  const timeoutMs = readTimeout(given['timeout'], refuse);
  const options = translateOptions(prober, given[word], { refuse, remark });
  return { name, prober, timeoutMs, options };
}

function readTimeout(text: unknown, refuse: Say): number | undefined {
  if (text === undefined || text === null || text === '' || text === '0') return undefined;
  if (typeof text !== 'string') {
    refuse(['timeout'], '"timeout" must be text, as in 5s');
    return undefined;
  }
  const read = parseDuration(text);
  if (!read.ok) refuse(['timeout'], read.error);
  else if (read.value > DAY_MS) refuse(['timeout'], `the timeout of ${text} is too long; the most is 24h`);
  else return read.value > 0 ? read.value : undefined;
  return undefined;
}

/** Options that blackbox_exporter has in places where we have none: what to do instead, by their name. */
const NOT_HERE = new Map([
  ['ca', 'ca is not supported; write the certificate to a file and name that in ca_file'],
  ['cert', 'cert is not supported; write the certificate to a file and name that in cert_file'],
  ['key', 'key is not supported; write the key to a file and name that in key_file'],
  ['max_version', 'max_version is not supported: no newest version of TLS can be set'],
  [
    'enable_regexps_from_params',
    'enable_regexps_from_params is not supported; write the patterns into the module',
  ],
  ['use_proxy_dns', 'use_proxy_dns is not supported: probes connect directly'],
  ...['ca_ref', 'cert_ref', 'key_ref', 'username_ref', 'password_ref', 'credentials_ref'].map(
    (name) =>
      [
        name,
        `${name} is not supported: there is no secret manager here; use ${name.replace(/ref$/, 'file')}`,
      ] as const,
  ),
]);

function translateOptions(
  prober: Prober,
  raw: unknown,
  { refuse, remark }: Findings,
): Readonly<Record<string, unknown>> {
  const base = [prober.name];
  if (raw !== undefined && raw !== null && raw !== '' && (typeof raw !== 'object' || Array.isArray(raw))) {
    refuse(base, `"${prober.name}" must be a map of options`);
    return {};
  }
  const mine = (path: string, message: string): void => remark([...base, path], message);
  const adapted = ADAPT[prober.name]?.({ ...childOf(raw) }, mine) ?? childOf(raw);
  const options = withAbsoluteFiles(readGoScalars(prober.options, adapted)) as Readonly<
    Record<string, unknown>
  >;
  for (const { path, ofKey, message } of checkAgainst(prober.options, options, base)) {
    const instead = ofKey ? NOT_HERE.get(String(path.at(-1))) : undefined;
    refuse(path, instead ?? message, ofKey);
  }
  return options;
}

const BODY_RULES = ['fail_if_body_matches_regexp', 'fail_if_body_not_matches_regexp'];

type Options = Record<string, unknown>;

/** What is written otherwise there than here, by prober. */
const ADAPT: Readonly<
  Record<string, (options: Options, remark: (option: string, message: string) => void) => Options>
> = {
  http(options, remark) {
    const { no_follow_redirects: dontFollow, enable_http2: http2, http_headers: headers, ...rest } = options;
    const adapted: Options = { ...rest, body_size_limit: bodyLimit(rest, remark) };
    if (dontFollow !== undefined && dontFollow !== null) {
      remark(
        'no_follow_redirects',
        'no_follow_redirects is deprecated; write follow_redirects with the opposite value',
      );
      const isRefused = typeof dontFollow === 'string' ? readGoBoolean(dontFollow) : undefined;
      adapted['follow_redirects'] = isRefused === undefined ? dontFollow : !isRefused;
    }
    if (typeof http2 === 'string' && readGoBoolean(http2) === true) {
      remark('enable_http2', 'enable_http2: true has no effect: this prober speaks HTTP/1.1');
    } else if (http2 !== undefined) {
      adapted['enable_http2'] = http2;
    }
    if (headers !== undefined) adapted['http_headers'] = mapValues(headers, joinSecrets);
    return adapted;
  },
  icmp({ ttl, payload_size: size, ...rest }) {
    return { ...rest, ...(ttl === '0' ? {} : { ttl }), ...(size === '0' ? {} : { payload_size: size }) };
  },
};

/**
 * There a body is read whole unless a limit is set; here there always is one: the prober's own where the text is kept to
 * be searched, else the most there can be.
 */
function bodyLimit(options: Options, remark: (option: string, message: string) => void): unknown {
  const most = `${MOST_BODY_BYTES / 1_024 ** 2}MB`;
  const given = options['body_size_limit'];
  if (given === undefined || given === null || given === '' || given === '0') {
    return BODY_RULES.some((rule) => Array.isArray(options[rule])) ? undefined : most;
  }
  if (typeof given !== 'string') return given;
  const [, amount, unit = ''] = /^(\d+)([kmgtpe])?i?b?$/i.exec(given) ?? [];
  if (amount === undefined) return given;
  const bytes = Number(amount) * 1_024 ** ('kmgtpe'.indexOf(unit.toLowerCase()) + 1);
  if (unit === '' || bytes <= MOST_BODY_BYTES) return given;
  remark('body_size_limit', `a body_size_limit of ${given} is taken as ${most}, the most that is read here`);
  return most;
}

/** Secrets are values that blackbox_exporter does not show; no header's value is shown here. */
function joinSecrets(header: unknown): unknown {
  const { secrets, values, ...rest } = childOf(header);
  if (!Array.isArray(secrets)) return header;
  return {
    ...rest,
    values: [...(Array.isArray(values) ? (values as unknown[]) : []), ...(secrets as unknown[])],
  };
}

function mapValues(map: unknown, change: (value: unknown) => unknown): unknown {
  if (typeof map !== 'object' || map === null || Array.isArray(map)) return map;
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}

/** Files of a module are read against the current folder there, and against that of the configuration here. */
function withAbsoluteFiles(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => withAbsoluteFiles(item, key));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, part]) => [name, withAbsoluteFiles(part, name)]),
    );
  }
  return typeof value === 'string' && value !== '' && /(_file|^files)$/.test(key) ? resolve(value) : value;
}

function makeModule({ name, prober, options, ...given }: TranslatedModule): Module {
  const timeoutMs = given.timeoutMs ?? (prober.name === 'icmp' ? LONGEST_PING_MS : LONGEST_MS);
  return Object.freeze({
    name,
    prober: prober.name,
    intervalMs: timeoutMs + 1_000,
    timeoutMs,
    retryIntervalMs: 1_000,
    policy: Object.freeze({ failAfter: 1, recoverAfter: 1 }),
    detailedMetrics: true,
    options: prober.options.parse(options),
  });
}

/** Why a module cannot be made ready here (a file or program is missing); undefined when it can. */
async function whyNotOpen(
  { name, prober }: TranslatedModule,
  { options, timeoutMs }: Module,
  clock: Clock,
): Promise<string | undefined> {
  try {
    await using _probe = await prober.open(options, {
      module: name,
      timeoutMs,
      clock,
      baseDir: process.cwd(),
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof ProberUnavailable)) throw error;
    return error.message.replace(`module ${name}:`, `module "${name}":`);
  }
}

const SECRET_PART =
  /pass(word|phrase)|secret|token|credential|authorization|auth|headers|^body|^send$|^key$|proxy/i;

/** A message without the value at `path`, where that may be a secret. */
function withoutSecret(raw: unknown, path: Path, message: string): string {
  if (!path.some((part) => SECRET_PART.test(String(part)))) return message;
  let value = raw;
  for (const part of path) {
    value = typeof value === 'object' && value !== null ? Reflect.get(value, part) : undefined;
  }
  return typeof value === 'string' && value !== ''
    ? message.replaceAll(JSON.stringify(value), '"<secret>"')
    : message;
}
