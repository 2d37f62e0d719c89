import { err, ok } from '../../lib/result.ts';
import {
  type BlackboxTranslation,
  type TranslatedModule,
  translateBlackboxConfig,
} from '../blackbox-config.ts';
import { childOf } from '../read-modules.ts';
import { sortHeaders } from './http-request.ts';
import { type ImportDraft, SecretFiles } from './import-draft.ts';
import type { Importer } from './importer.ts';

/** A configuration of blackbox_exporter: its modules. What they are to probe stands in Prometheus'. */
export const blackboxImporter: Importer = {
  name: 'blackbox',
  summary: 'a configuration of blackbox_exporter (YAML)',
  mostBytes: 4 * 1_024 ** 2,
  async read({ file, text }, draft) {
    const read = translateBlackboxConfig(file, text, draft.probers);
    if (!read.ok) return err(read.error);
    const { document, modules, unusable, remarks }: BlackboxTranslation = read.value;
    for (const module of modules) {
      const { line } = document.positionOfKey(['modules', module.name]);
      importModule(module, `line ${line}, module "${module.name}"`, draft);
    }
    const unhurried = modules.filter(
      ({ name, timeoutMs }) => timeoutMs === undefined && draft.modules.has(name),
    );
    if (unhurried.length > 0) {
      const names = unhurried.map(({ name }) => name).join(', ');
      draft.changed(file, `a probe of ${names} may take 5 s`, 'there the scraper says how long: set timeout');
    }
    for (const problem of Array.from(unusable.values()).flat()) {
      draft.skipped(`line ${problem.line}`, problem.message, 'the module is left out');
    }
    for (const { line, message } of remarks) draft.changed(`line ${line}`, message);
    draft.skipped(
      file,
      'what these modules are to probe',
      'that stands in the scrape configuration of Prometheus: list it under "targets"',
    );
    return ok(true);
  },
};

function importModule(
  { name, prober, timeoutMs, options }: TranslatedModule,
  where: string,
  draft: ImportDraft,
): void {
  const secrets = new SecretFiles(draft.newId(name));
  const dialogue = options['query_response'];
  if (Array.isArray(dialogue) && dialogue.some((step) => holdsSecret(childOf(step)['send']))) {
    draft.skipped(
      where,
      'the module',
      'a line that its dialogue sends may be a secret, and those stand in no file',
    );
    return;
  }
  const isHttp = prober.name === 'http';
  const module = {
    hint: name,
    prober: prober.name,
    timing: { timeoutMs },
    options: isHttp ? withoutSecrets(options, secrets) : options,
  };
  const given = draft.addModule(where, module);
  if (given === undefined) return;
  for (const [secretFile, secret] of secrets.files) draft.addSecret(where, secretFile, secret);
  if (given === name) draft.carried(where, `the module "${name}" of the prober ${prober.name}`);
  else
    draft.changed(where, `it is the same as the module "${given}"`, 'one of them is enough: name that one');
}

function holdsSecret(line: unknown): boolean {
  return typeof line === 'string' && /pass|auth|login|token|secret/i.test(line);
}

function withoutSecrets(
  options: Readonly<Record<string, unknown>>,
  secrets: SecretFiles,
): Record<string, unknown> {
  const {
    headers,
    http_headers: more,
    basic_auth: basic,
    authorization,
    bearer_token: bearer,
    body,
    ...rest
  } = options;
  const { plain, hidden } = sortHeaders(texts(headers), secrets);
  for (const [name, header] of Object.entries(childOf(more))) {
    const { values, files } = childOf(header);
    const kept = (Array.isArray(values) ? values : []).map((value, i) =>
      secrets.keep(`header-${name}-${i + 1}`, String(value)),
    );
    hidden[name] = { files: [...kept, ...(Array.isArray(files) ? files.map(String) : [])] };
  }
  return {
    ...rest,
    ...(Object.keys(plain).length === 0 ? {} : { headers: plain }),
    ...(Object.keys(hidden).length === 0 ? {} : { http_headers: hidden }),
    ...(basic === undefined ? {} : { basic_auth: inFile(childOf(basic), 'password', secrets) }),
    ...(authorization === undefined
      ? {}
      : { authorization: inFile(childOf(authorization), 'credentials', secrets) }),
    ...(typeof bearer === 'string' ? { bearer_token_file: secrets.keep('token', bearer) } : {}),
    ...(typeof body === 'string' ? { body_file: secrets.keepExactly('body', body) } : {}),
  };
}

/** A map whose option `name` is a secret, with a file in its place. */
function inFile(given: Readonly<Record<string, unknown>>, name: string, secrets: SecretFiles) {
  const { [name]: secret, ...rest } = given;
  return typeof secret === 'string' ? { ...rest, [`${name}_file`]: secrets.keep(name, secret) } : rest;
}

function texts(map: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(childOf(map)).map(([name, value]) => [name, String(value)]));
}
