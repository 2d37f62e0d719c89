import { err, ok, type Result } from '../lib/result.ts';
import type { Labels, Target } from './estate.ts';
import type { TargetId } from './ids.ts';

/** One condition of a selector: the label has one of `values`; when negated, none of them. */
interface Condition {
  readonly label: string;
  /** The empty text stands for a label that is absent. */
  readonly values: ReadonlySet<string>;
  readonly isNegated: boolean;
}

/** What a person wrote to name some targets: all conditions must hold. */
export interface Selector {
  readonly text: string;
  readonly conditions: readonly Condition[];
}

/**
 * Reads `chain=Solhaga, region!=Skåne, model=V400m|S1F2`: conditions joined by commas, alternatives by `|`.
 * A value that holds one of `, | = "` stands in double quotes, within which `\"` and `\\` are a quote and a backslash.
 * `chain=""` is: has no chain. `!=` holds for what lacks the label, too. There are no patterns.
 */
export function parseSelector(text: string): Result<Selector> {
  const refuse = (why: string) => err(`${JSON.stringify(text)} is not a selector: ${why}`);
  if (text.trim() === '') return refuse('name at least one label, as in chain=Solhaga');
  const parts = splitOutsideQuotes(text, ',');
  if (parts === undefined) return refuse('a quote is opened and not closed');
  const conditions: Condition[] = [];
  for (const part of parts) {
    const condition = parseCondition(part.trim());
    if (!condition.ok) return refuse(condition.error);
    conditions.push(condition.value);
  }
  return ok({ text, conditions });
}

/** Names one target alone. */
export function selectTarget(id: TargetId): Selector {
  return { text: id, conditions: [{ label: 'target', values: new Set([id]), isNegated: false }] };
}

/** Whether something with these labels is meant. Ids count as labels: `target`, `store`, `kind`. */
export function isSelected(labels: Labels, selector: Selector): boolean {
  return holdsFor(selector, (label) => (Object.hasOwn(labels, label) ? (labels[label] ?? '') : ''));
}

/** Whether `target` is meant, by its labels, `target` (its id) and `module` among them. */
export function matchesTarget(target: Target, selector: Selector): boolean {
  return holdsFor(selector, (label) => labelOf(target, label));
}

/** What `label` says of `target`; empty when it says nothing. `target` is its id, `module` its module. */
export function labelOf(target: Target, label: string): string {
  if (label === 'target') return target.id;
  if (label === 'module') return target.module;
  return Object.hasOwn(target.labels, label) ? (target.labels[label] ?? '') : '';
}

function holdsFor({ conditions }: Selector, valueOf: (label: string) => string): boolean {
  return conditions.every(({ label, values, isNegated }) => values.has(valueOf(label)) !== isNegated);
}

function parseCondition(text: string): Result<Condition> {
  if (text === '') return err('there is nothing between two commas, or before or after one');
  const [, name, operator, rest = ''] = /^([^=!"]*)(!?=)(.*)$/s.exec(text) ?? [];
  const label = name?.trim();
  if (label === undefined || operator === undefined) {
    return err(`${JSON.stringify(text)} is no condition; write label=value, as in chain=Solhaga`);
  }
  if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(label)) {
    return err(`${JSON.stringify(label)} cannot be a label; write label=value, as in chain=Solhaga`);
  }
  if (rest.startsWith('~')) {
    return err(`patterns (=~) are not known; write the values with | between, as in ${label}=a|b`);
  }
  if (rest.startsWith('=')) return err(`write one = and not two, as in ${label}=value`);
  const values = new Set<string>();
  for (const part of splitOutsideQuotes(rest, '|') ?? []) {
    const value = parseValue(label, operator, part.trim());
    if (!value.ok) return value;
    values.add(value.value);
  }
  return ok({ label, values, isNegated: operator === '!=' });
}

function parseValue(label: string, operator: string, text: string): Result<string> {
  const quoted = /^"((?:[^"\\]|\\.)*)"$/s.exec(text)?.[1];
  if (quoted !== undefined) return ok(quoted.replaceAll(/\\(["\\])/g, '$1'));
  if (text === '') {
    return err(
      `${label}${operator} has no value; write ${label}="" for what has no ${label}, ${label}!="" for what has one`,
    );
  }
  if (/["=]/.test(text)) return err(`put the value ${text} in quotes, as in ${label}="a, b"`);
  return ok(text);
}

/** The parts between separators that stand in no quotes. Undefined: a quote is left open. */
function splitOutsideQuotes(text: string, separator: string): readonly string[] | undefined {
  const parts: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const letter = text[at];
    if (letter === '\\' && isQuoted) at++;
    else if (letter === '"') isQuoted = !isQuoted;
    else if (letter === separator && !isQuoted) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return isQuoted ? undefined : [...parts, text.slice(start)];
}
