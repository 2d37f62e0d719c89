import { z } from 'zod';

/** The parts of a JSON Schema that tell what kind of value an option takes. */
interface Shape {
  readonly type?: string;
  readonly not?: unknown;
  readonly anyOf?: readonly Shape[];
  readonly items?: Shape;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly additionalProperties?: boolean | Shape;
}

/** As yaml.v3 reads them into a boolean, YAML 1.1's words among them. */
const TRUE = /^(true|True|TRUE|y|Y|yes|on)$/;
const FALSE = /^(false|False|FALSE|n|N|no|off)$/;

/** An empty regular expression matches anything, which is not the same as none. */
const MEANT_EMPTY = new Set(['expect']);

/**
 * Reads the texts of a Go program's YAML (see `readGoDocument`) as what `schema` says its options take. As in Go,
 * an option that is empty is one that is not given. What does not read stays the text it is, for the schema to object
 * to.
 */
export function readGoScalars(schema: z.ZodType, value: unknown): unknown {
  return convert(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Shape, value);
}

/** A text where a boolean is wanted; undefined when it is none. */
export function readGoBoolean(text: string): boolean | undefined {
  if (TRUE.test(text)) return true;
  return FALSE.test(text) ? false : undefined;
}

function convert(shape: Shape | undefined, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => convert(shape?.items, item));
  if (typeof value === 'object' && value !== null) return convertMap(shape, value);
  if (typeof value !== 'string') return value;
  if (shape?.type === 'boolean') return readGoBoolean(value) ?? value;
  if (shape?.type === 'integer' || shape?.type === 'number') {
    return /^[-+]?\d{1,15}$/.test(value) ? Number(value) : value;
  }
  return value;
}

function convertMap(shape: Shape | undefined, map: object): unknown {
  const { properties = {}, additionalProperties } = shape ?? {};
  const parts: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(map)) {
    const isOption = Object.hasOwn(properties, key);
    const of = isOption ? properties[key] : undefined;
    const part = convert(
      of ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined),
      value,
    );
    if (isOption ? isUnset(key, of, part) : part === null) continue;
    Object.defineProperty(parts, key, { value: part, enumerable: true, configurable: true, writable: true });
  }
  return parts;
}

function isUnset(key: string, shape: Shape | undefined, value: unknown): boolean {
  if (value === null) return true;
  if (value === '') return !MEANT_EMPTY.has(key);
  if (Array.isArray(value)) return value.length === 0;
  // What has no place here may be given as what it is when it is not given.
  if (shape?.not !== undefined) {
    if (typeof value === 'object') return Object.keys(value).length === 0;
    return typeof value === 'string' && readGoBoolean(value) === false;
  }
  return false;
}
