import type { z } from 'zod';
import { type Path, formatPath } from './config-document.ts';
import { didYouMean } from './did-you-mean.ts';

/** A rule of the schema that a value breaks. `ofKey`: it is about the key at the end of `path`, not its value. */
export interface SchemaProblem {
  readonly path: Path;
  readonly ofKey: boolean;
  readonly message: string;
}

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;

/** Checks `value` against `schema`; says in plain words what is wrong where. `base` is where `value` stands. */
export function checkAgainst(schema: z.ZodType, value: unknown, base: Path = []): readonly SchemaProblem[] {
  const wording = makeWording(base);
  const result = schema.safeParse(value, { error: wording.explain });
  return result.success
    ? []
    : result.error.issues.flatMap((issue) => flatten(issue, base, wording.complete, wording.knownKeys));
}

/**
 * Words for issues whose schema brings none of its own. `complete`: the messages made here, which need nothing more;
 * `knownKeys`: by the message of an unknown key, the keys that its place has.
 */
function makeWording(base: Path) {
  const complete = new Set<string>();
  const knownKeys = new Map<string, readonly string[]>();
  const explain = (issue: RawIssue): string | undefined => {
    const path = [...base, ...(issue.path ?? [])];
    if (issue.code === 'unrecognized_keys') {
      const shape = (issue.inst?._zod.def as { readonly shape?: object } | undefined)?.shape;
      const mark = `unknown option of kind ${knownKeys.size}`;
      knownKeys.set(mark, Object.keys(shape ?? {}));
      return mark;
    }
    const message = word(issue, nameOf(path));
    if (message !== undefined) complete.add(message);
    return message;
  };
  return { explain, complete, knownKeys };
}

function flatten(
  issue: Issue,
  base: Path,
  complete: ReadonlySet<string>,
  knownKeys: ReadonlyMap<string, readonly string[]>,
): readonly SchemaProblem[] {
  const path = [...base, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys.get(issue.message) ?? [];
    return issue.keys.map((key) => ({
      path: [...path, key],
      ofKey: true,
      message: unknownOption(key, known),
    }));
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const branch = mostLikelyMeant(issue.errors);
    if (branch !== undefined) return branch.flatMap((inner) => flatten(inner, path, complete, knownKeys));
  }
  if (issue.code === 'invalid_key') {
    const message = `"${nameOf(path)}" cannot be a name here: ${issue.issues.map((inner) => inner.message).join('; ')}`;
    return [{ path, ofKey: true, message }];
  }
  const name = nameOf(path);
  const whole = complete.has(issue.message) || mentions(issue.message, name);
  return [{ path, ofKey: false, message: whole ? issue.message : `${name}: ${issue.message}` }];
}

/** Whether an author's own words already say which option they are about. */
function mentions(message: string, name: string): boolean {
  return name === '' || message.split(/[^\w.[\]-]+/).some((part) => part === name || part === `${name}.`);
}

function unknownOption(key: string, known: readonly string[]): string {
  if (known.includes(`${key}_file`)) return `unknown option "${key}", did you mean "${key}_file"?`;
  const choices = known.length === 0 ? '' : `; the options here are ${known.join(', ')}`;
  return `unknown option "${key}"${didYouMean(key, known) || choices}`;
}

/** Of a union's branches, the one that got furthest: it objects to something inside the value, not to its type. */
function mostLikelyMeant(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const inside = branches.filter((issues) =>
    issues.every((issue) => issue.path.length > 0 || !['invalid_type', 'invalid_value'].includes(issue.code)),
  );
  return inside.toSorted((a, b) => a.length - b.length)[0];
}

/** What a person calls the thing at `path`: its key, or `key[2]` for an item of a list. */
function nameOf(path: Path): string {
  const lastKey = path.findLastIndex((part) => typeof part !== 'number');
  return formatPath(path.slice(Math.max(0, lastKey)));
}

function word(issue: RawIssue, key: string): string | undefined {
  const name = key === '' ? 'the configuration' : `"${key}"`;
  if (issue.input === undefined && issue.code !== 'custom')
    return `missing option ${name}${choicesOf(issue)}`;
  if (issue.input === null && issue.code !== 'custom') {
    return `${name} has no value; write one, or remove the line`;
  }
  switch (issue.code) {
    case 'invalid_type':
      return `${name} must be ${kindName(issue.expected)}, not ${show(issue.input)}${quotingHint(issue.expected, issue.input)}`;
    case 'invalid_value':
      return `${name} is ${show(issue.input)}; it must be ${oneOf(issue.values)}${
        typeof issue.input === 'string' ? didYouMean(issue.input, issue.values.map(String)) : ''
      }`;
    case 'too_small':
      if (issue.origin === 'string' && issue.input === '') return `${name} must not be empty`;
      return `${name} is ${show(issue.input)}; it must ${bound(issue.origin, issue.inclusive === false ? 'more than' : 'at least', issue.minimum)}`;
    case 'too_big':
      return `${name} is ${show(issue.input)}; it must ${bound(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum)}`;
    case 'not_multiple_of':
      return `${name} is ${show(issue.input)}; it must be a multiple of ${issue.divisor}`;
    case 'invalid_format':
      return `${name} is ${show(issue.input)}, which does not read as ${issue.pattern === undefined ? issue.format : `text of the form ${issue.pattern}`}`;
    case 'invalid_union':
      if (issue.discriminator !== undefined) return otherwise(name, issue, issue.discriminator);
      return `${name} cannot be ${show(issue.input)}${expectedOf(issue.errors)}`;
    case 'unrecognized_keys':
    case 'invalid_key':
    case 'invalid_element':
    case 'custom':
      return undefined;
    default:
      return undefined;
  }
}

/** The word that says which branch of a union is meant is none of those there are. */
function otherwise(name: string, issue: RawIssue, discriminator: string): string {
  const options = 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];
  const given = (issue.input as Readonly<Record<string, unknown>> | undefined)?.[discriminator];
  if (given === undefined) return `missing option "${discriminator}"; it is ${oneOf(options)}`;
  const guess = typeof given === 'string' ? didYouMean(given, options) : '';
  return `${name} is ${show(given)}; it must be ${oneOf(options)}${guess}`;
}

/** YAML reads `007` and `yes: true` as what they look like; in quotes they stay text. */
function quotingHint(expected: string, input: unknown): string {
  return expected === 'string' && ['number', 'boolean'].includes(typeof input) ? '; put it in quotes' : '';
}

function expectedOf(branches: readonly (readonly Issue[])[]): string {
  const kinds = branches.flatMap((branch) =>
    branch.flatMap((inner) => {
      if (inner.code === 'invalid_type') return [kindName(inner.expected)];
      return inner.code === 'invalid_value' ? inner.values.map((value) => show(value)) : [];
    }),
  );
  return kinds.length === 0 ? '' : `; it must be ${Array.from(new Set(kinds)).join(' or ')}`;
}

function choicesOf(issue: RawIssue): string {
  return issue.code === 'invalid_value' ? `; it is ${oneOf(issue.values)}` : '';
}

function oneOf(values: readonly unknown[]): string {
  const words = values.map(String);
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} or ${last}`;
}

function bound(origin: string, relation: string, limit: number | bigint): string {
  if (origin === 'string') return `have ${relation} ${limit} characters`;
  if (origin === 'array' || origin === 'set' || origin === 'map') return `have ${relation} ${limit} entries`;
  return `be ${relation} ${limit}`;
}

const KIND_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of options',
  record: 'a map',
};

function kindName(expected: string): string {
  return KIND_NAMES[expected] ?? expected;
}

/** A value as a person would recognise it in the file; whole, so that a secret in it can be found and hidden. */
function show(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'object':
      return value === null ? 'nothing' : 'a map';
    default:
      return typeof value;
  }
}
