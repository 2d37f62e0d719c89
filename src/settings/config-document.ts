import { isAlias, isCollection, isMap, isPair, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document, Node, ParsedNode, Scalar, SchemaOptions } from 'yaml';
import { interpolate } from './interpolate.ts';
import type { SettingsProblem } from './settings.ts';

/** A place in a text file. Counts from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Where something stands in a document: keys and indices from the top. */
export type Path = readonly PropertyKey[];

/** A YAML file's content together with where each part of it stands. */
export interface ConfigDocument {
  readonly value: unknown;
  /** Where the value at `path` stands; the nearest part around it when it is absent. */
  positionOf(path: Path): Position;
  /** Where the key at the end of `path` stands. */
  positionOfKey(path: Path): Position;
  /** Whether a `${VARIABLE}` in the text at `path` could not be replaced: then the value itself says nothing. */
  isBroken(path: Path): boolean;
  /** Whether the value at `path` comes, at least in part, from a `${VARIABLE}`. */
  isInterpolated(path: Path): boolean;
  /** `message` with what the environment put into the value at `path` turned back into its `${VARIABLE}`. */
  withoutSecrets(path: Path, message: string): string;
}

/** Writes a path as `modules.shop.http.valid_status_codes[0]`. */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}

interface Interpolated {
  readonly used: readonly (readonly [name: string, value: string])[];
  readonly broken: boolean;
}

/** What was read of a YAML file. `document` is absent when the text is not YAML at all. */
interface DocumentRead {
  readonly document?: ConfigDocument;
  readonly problems: readonly SettingsProblem[];
}

/**
 * Reads a YAML document and replaces each `${VARIABLE}` in its text values. `document` is absent when the text is
 * not YAML at all; otherwise it stands, with `problems` of duplicate keys and missing variables beside it.
 */
export function readConfigDocument(
  file: string,
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): DocumentRead {
  return readDocument(file, text, {}, (scalar) =>
    typeof scalar.value === 'string' && scalar.value.includes('${')
      ? interpolate(scalar.value, env)
      : undefined,
  );
}

/**
 * Reads a YAML document that was written for a Go program: `<<` merges, and every value is the text that stands
 * there (null for none), because there the option that takes it says what it means. Nothing is replaced.
 */
export function readGoDocument(file: string, text: string): DocumentRead {
  return readDocument(file, text, { schema: 'failsafe', merge: true }, (scalar) => {
    if (scalar.type === 'PLAIN' && /^(|~|null|Null|NULL)$/.test(String(scalar.value))) scalar.value = null;
    return undefined;
  });
}

/** `rewrite` sees each value once, and may change it; what it returns is kept with it. */
function readDocument(
  file: string,
  text: string,
  options: SchemaOptions,
  rewrite: (scalar: Scalar) => ReturnType<typeof interpolate> | undefined,
): DocumentRead {
  const lines = new LineCounter();
  const problems: SettingsProblem[] = [];
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(Math.max(0, offset));
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  let doc: Document.Parsed;
  try {
    doc = parseDocument(text, {
      ...options,
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: false,
      stringKeys: true,
    });
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const message = 'this is nested so deeply that it cannot be a configuration';
    return { problems: [{ file, line: 1, column: 1, path: '', message }] };
  }
  for (const { pos, code, message } of [...doc.errors, ...doc.warnings]) {
    const text =
      code === 'MULTIPLE_DOCS'
        ? 'a second document begins here; a configuration is one: remove the --- or what follows'
        : `this is not valid YAML here: ${message}`;
    problems.push({ file, ...at(pos[0]), path: '', message: text });
  }
  if (problems.length > 0) return { problems };

  const interpolated = new Map<Scalar, Interpolated>();
  walk(doc.contents, [], {
    duplicate: (path, key, first) => {
      const message = `option "${String(key.value)}" stands twice; it is also on line ${at(startOf(first)).line}: keep one`;
      problems.push({ file, ...at(startOf(key)), path: formatPath(path), message });
    },
    scalar: (path, node) => {
      const result = rewrite(node);
      if (result === undefined) return;
      for (const message of result.problems) {
        problems.push({ file, ...at(startOf(node)), path: formatPath(path), message });
      }
      interpolated.set(node, { used: result.used, broken: result.problems.length > 0 });
      node.value = result.text;
    },
  });

  let value: unknown;
  try {
    value = doc.toJS({ maxAliasCount: 1_000 });
  } catch (cause) {
    const message = `its aliases cannot be followed: ${Error.isError(cause) ? cause.message : String(cause)}`;
    return { problems: [...problems, { file, line: 1, column: 1, path: '', message }] };
  }
  return { problems, document: makeDocument(doc, value, at, interpolated) };
}

function makeDocument(
  doc: Document<ParsedNode>,
  value: unknown,
  at: (offset: number) => Position,
  interpolated: ReadonlyMap<Scalar, Interpolated>,
): ConfigDocument {
  const reach = (path: Path): Reached => reachIn(doc, path);
  const usesBelow = (path: Path): readonly Interpolated[] => {
    const { node, complete } = reach(path);
    if (!complete) return [];
    const found: Interpolated[] = [];
    walk(node, [], {
      duplicate: () => undefined,
      scalar: (_path, scalar) => {
        const use = interpolated.get(scalar);
        if (use !== undefined) found.push(use);
      },
    });
    return found;
  };
  return {
    value,
    positionOf: (path) => {
      const { key, node, complete } = reach(path);
      const inline = node !== undefined && (!isCollection(node) || node.flow === true);
      const empty = isScalar(node) && node.source === '';
      return at(complete && inline && !empty ? startOf(node) : startOf(key ?? node));
    },
    positionOfKey: (path) => {
      const { key, node } = reach(path);
      return at(startOf(key ?? node));
    },
    isBroken: (path) => {
      const { node, complete } = reach(path);
      return complete && isScalar(node) && interpolated.get(node)?.broken === true;
    },
    isInterpolated: (path) => usesBelow(path).some(({ used }) => used.length > 0),
    withoutSecrets: (path, message) =>
      usesBelow(path)
        .flatMap(({ used }) => used)
        .reduce((text, [name, secret]) => hide(text, secret, `\${${name}}`), message),
  };
}

/** Short values are hidden only where they are quoted, or they would blank parts of other words. */
function hide(text: string, secret: string, replacement: string): string {
  if (secret === '') return text;
  const quoted = JSON.stringify(secret);
  const hidden = text.replaceAll(quoted, () => `"${replacement}"`);
  if (secret.length < 4) return hidden;
  return hidden.replaceAll(secret, () => replacement).replaceAll(quoted.slice(1, -1), () => replacement);
}

interface Reached {
  /** The key of the last part of the path that exists; absent for list items and at the top. */
  readonly key: Node | undefined;
  readonly node: Node | undefined;
  readonly complete: boolean;
}

function reachIn(doc: Document<ParsedNode>, path: Path): Reached {
  let node: Node | undefined = doc.contents ?? undefined;
  let key: Node | undefined;
  for (const part of path) {
    const container: Node | undefined = isAlias(node) ? node.resolve(doc) : node;
    if (isMap(container)) {
      const pair = container.items.findLast(({ key }) => isScalar(key) && String(key.value) === String(part));
      if (pair === undefined) return { key, node, complete: false };
      key = pair.key as Node;
      node = (pair.value as Node | null) ?? undefined;
    } else if (isSeq(container) && typeof part === 'number' && container.items[part] !== undefined) {
      key = undefined;
      node = container.items[part] as Node;
    } else {
      return { key, node, complete: false };
    }
  }
  return { key, node: isAlias(node) ? node.resolve(doc) : node, complete: true };
}

function startOf(node: Node | undefined): number {
  return node?.range?.[0] ?? 0;
}

interface Visitor {
  duplicate(path: Path, key: Scalar, first: Scalar): void;
  scalar(path: Path, node: Scalar): void;
}

/** Every scalar value below `node`, aliases not followed: what they name is visited where it stands. */
function walk(node: unknown, path: Path, visitor: Visitor): void {
  if (isScalar(node)) {
    visitor.scalar(path, node);
  } else if (isSeq(node)) {
    for (const [i, item] of node.items.entries()) walk(item, [...path, i], visitor);
  } else if (isMap(node)) {
    const keys = new Map<string, Scalar>();
    for (const pair of node.items) {
      if (!isPair(pair) || !isScalar(pair.key)) continue;
      const name = String(pair.key.value);
      const first = keys.get(name);
      if (first === undefined) keys.set(name, pair.key);
      else visitor.duplicate([...path, name], pair.key, first);
      walk(pair.value, [...path, name], visitor);
    }
  }
}
