import { parseDuration } from '../../lib/duration.ts';
import { jsonPattern, literally } from './http-request.ts';

/** What an endpoint's conditions come to. */
export interface GatusRules {
  /** Options of the prober that say the same. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Unit: ms. */
  readonly slowAfterMs: number | undefined;
  /** A certificate must last so long. Unit: ms. */
  readonly certificateMs: number | undefined;
  /** Conditions that are carried over with another meaning, and how. */
  readonly changed: readonly (readonly [condition: string, how: string])[];
  /** Conditions that are not carried over, and why. */
  readonly skipped: readonly (readonly [condition: string, why: string])[];
}

type Operator = '==' | '!=' | '<' | '<=' | '>' | '>=';

interface Condition {
  readonly text: string;
  /** As written, in capitals: `[STATUS]`, `[BODY].user.name`. */
  readonly left: string;
  readonly operator: Operator;
  readonly right: string;
}

/** What is gathered while conditions are read. */
interface Gathering {
  codes: ReadonlySet<number> | undefined;
  slowAfterMs: number | undefined;
  certificateMs: number | undefined;
  readonly lists: Map<string, unknown[]>;
  readonly answers: string[];
  readonly rcodes: Set<string>;
  readonly changed: (readonly [string, string])[];
  readonly skipped: (readonly [string, string])[];
}

const ALL_CODES: readonly number[] = Array.from({ length: 500 }, (_, i) => i + 100);

/** Reads the conditions of an endpoint that our prober `prober` is to probe. */
export function readConditions(conditions: readonly string[], prober: string): GatusRules {
  const gathered: Gathering = {
    codes: undefined,
    slowAfterMs: undefined,
    certificateMs: undefined,
    lists: new Map(),
    answers: [],
    rcodes: new Set(),
    changed: [],
    skipped: [],
  };
  for (const text of conditions) {
    const condition = parseCondition(text);
    const why =
      condition === undefined ? 'it is no condition that can be read' : readOne(condition, prober, gathered);
    if (why !== undefined) gathered.skipped.push([text, why]);
  }
  return { ...gathered, options: optionsOf(gathered, prober) };
}

function optionsOf(gathered: Gathering, prober: string): Readonly<Record<string, unknown>> {
  const { codes, lists, answers, rcodes } = gathered;
  if (prober === 'http') {
    const accepted = Array.from(codes ?? ALL_CODES);
    const isUsual = accepted.length === 100 && accepted.every((code) => code >= 200 && code < 300);
    return { ...(isUsual ? {} : { valid_status_codes: accepted }), ...Object.fromEntries(lists) };
  }
  if (prober !== 'dns') return {};
  return {
    ...(rcodes.size === 0 ? {} : { valid_rcodes: Array.from(rcodes) }),
    ...(answers.length === 0 ? {} : { validate_answer_rrs: { fail_if_none_matches_regexp: answers } }),
  };
}

function parseCondition(text: string): Condition | undefined {
  const [, left, operator, right] = /^(.+?) (==|!=|<=|>=|<|>) (.*)$/s.exec(text.trim()) ?? [];
  if (left === undefined || operator === undefined || right === undefined) return undefined;
  const condition = { text, left: left.trim(), operator: operator as Operator, right: right.trim() };
  if (condition.left.includes('[') || !condition.right.includes('[')) return condition;
  return { text, left: condition.right, operator: MIRRORED[condition.operator], right: condition.left };
}

const MIRRORED: Readonly<Record<Operator, Operator>> = {
  '==': '==',
  '!=': '!=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};

/** Why it cannot be carried over; undefined when it is. */
function readOne(condition: Condition, prober: string, gathered: Gathering): string | undefined {
  const { left, operator, right, text } = condition;
  const [, placeholder = ''] = /\[([A-Z_]+)\]/.exec(left.toUpperCase()) ?? [];
  switch (placeholder) {
    case 'CONNECTED':
      return operator === '==' && right === 'true'
        ? undefined
        : 'that there is no connection is never well here';
    case 'STATUS':
      return prober === 'http' ? readStatus(condition, gathered) : 'only a web page has a status';
    case 'RESPONSE_TIME': {
      const limitMs = right.match(/^\d+$/) === null ? durationOf(right) : Number(right);
      if (!operator.startsWith('<') || limitMs === undefined || limitMs <= 0)
        return 'only an upper bound can be said';
      gathered.slowAfterMs = Math.min(limitMs, gathered.slowAfterMs ?? limitMs);
      gathered.changed.push([text, 'a slower answer is degraded (slow_after), not down']);
      return undefined;
    }
    case 'CERTIFICATE_EXPIRATION': {
      const leastMs = durationOf(right);
      if (!operator.startsWith('>') || leastMs === undefined)
        return 'only the least time that is left can be said';
      gathered.certificateMs = Math.max(leastMs, gathered.certificateMs ?? 0);
      return undefined;
    }
    case 'BODY':
      return prober === 'dns' ? readAnswer(condition, gathered) : readBody(condition, prober, gathered);
    case 'HEADER':
    case 'HEADERS':
      return prober === 'http' ? readHeader(condition, gathered) : 'only a web page has headers';
    case 'DNS_RCODE':
      if (prober !== 'dns' || operator !== '==') return 'only which codes are well can be said';
      for (const code of choices(right) ?? [right]) gathered.rcodes.add(code);
      return undefined;
    case 'DOMAIN_EXPIRATION':
      return 'registrars are not asked when a domain ends';
    default:
      return `${placeholder === '' ? 'what it compares' : `[${placeholder}]`} is not known here`;
  }
}

function readStatus({ operator, right }: Condition, gathered: Gathering): string | undefined {
  const wanted = choices(right) ?? [right];
  const numbers = wanted.map(Number);
  if (numbers.some((code) => !Number.isInteger(code))) return 'a status is a number';
  const [bound = 0] = numbers;
  const holds: Readonly<Record<Operator, (code: number) => boolean>> = {
    '==': (code) => numbers.includes(code),
    '!=': (code) => !numbers.includes(code),
    '<': (code) => code < bound,
    '<=': (code) => code <= bound,
    '>': (code) => code > bound,
    '>=': (code) => code >= bound,
  };
  const left = Array.from(gathered.codes ?? ALL_CODES).filter(holds[operator]);
  if (left.length === 0) return 'no status could fulfil it together with the others';
  gathered.codes = new Set(left);
  return undefined;
}

function readBody(
  { left, operator, right, text }: Condition,
  prober: string,
  gathered: Gathering,
): string | undefined {
  if (prober !== 'http') return 'only the text of a web page is read';
  if (/^len\(/i.test(left)) return 'lengths are not counted';
  const isSame = operator === '==';
  if (!isSame && operator !== '!=') return 'values in the text are not compared by size';
  const add = (pattern: string, fails: boolean): void => {
    addTo(gathered, fails ? 'fail_if_body_matches_regexp' : 'fail_if_body_not_matches_regexp', pattern);
  };
  const has = /^has\(\[BODY\]\.?(.+)\)$/i.exec(left)?.[1];
  if (has !== undefined) {
    const name = /([A-Za-z_][\w-]*)$/.exec(has)?.[1];
    if (name === undefined || !isSame || !['true', 'false'].includes(right))
      return 'it asks for more than whether a name is there';
    add(`"${literally(name)}"\\s*:`, right === 'false');
    gathered.changed.push([text, `it looks for the name "${name}" anywhere in the answer`]);
    return undefined;
  }
  const path = /^\[BODY\](?:\.(.+))?$/i.exec(left)?.[1];
  if (!/^\[BODY\]/i.test(left)) return 'what it compares is not known here';
  if (path === undefined) {
    const glob = globOf(right);
    const whole = (choices(right) ?? [right]).map(literally).join('|');
    add(glob ?? `^(${whole})$`, !isSame);
    return undefined;
  }
  const values = choices(right) ?? [right];
  if (globOf(right) !== undefined) return 'a pattern under a JSON path cannot be said';
  const patterns = values.map((value) => jsonPattern(path, value));
  if (patterns.includes(undefined)) return 'only JSON paths of plain names can be said';
  const pattern = patterns.join('|');
  add(pattern, !isSame);
  gathered.changed.push([text, `it is now the pattern ${pattern}, looked for anywhere in the answer`]);
  return undefined;
}

function readHeader({ left, operator, right }: Condition, gathered: Gathering): string | undefined {
  const header = /^\[HEADERS?\]\.(.+)$/i.exec(left)?.[1];
  if (header === undefined || (operator !== '==' && operator !== '!='))
    return 'only whether a header matches can be said';
  const whole = (choices(right) ?? [right]).map(literally).join('|');
  const rule = { header, regexp: globOf(right) ?? `^(${whole})$` };
  if (operator === '==') addTo(gathered, 'fail_if_header_not_matches', rule);
  else addTo(gathered, 'fail_if_header_matches', { ...rule, allow_missing: true });
  return undefined;
}

/** Our record lines end with the data; the body of a DNS answer there is the data. */
function readAnswer({ operator, right, text }: Condition, gathered: Gathering): string | undefined {
  if (operator !== '==') return 'only which answer is well can be said';
  const whole = (choices(right) ?? [right]).map(literally).join('|');
  const glob = globOf(right)?.replace(/^\^|\$$/g, '');
  gathered.answers.push(`\\t(${glob ?? whole})\\.?$`);
  gathered.changed.push([text, 'one of the answers must be so, not the last']);
  return undefined;
}

function addTo({ lists }: Gathering, option: string, rule: unknown): void {
  const list = lists.get(option) ?? [];
  list.push(rule);
  lists.set(option, list);
}

/** The values of `any(a, b)`; undefined for anything else. */
function choices(right: string): readonly string[] | undefined {
  const inside = /^any\((.*)\)$/s.exec(right)?.[1];
  return inside?.split(',').map((value) => value.trim());
}

/** `pat(*text*)` as a regular expression; undefined for anything else. */
function globOf(right: string): string | undefined {
  const glob = /^pat\((.*)\)$/s.exec(right)?.[1];
  if (glob === undefined) return undefined;
  const body = glob
    .split('*')
    .map((part) => part.split('?').map(literally).join('.'))
    .join('(?s:.*)');
  return `^${body}$`.replace(/^\^\(\?s:\.\*\)/, '').replace(/\(\?s:\.\*\)\$$/, '');
}

function durationOf(text: string): number | undefined {
  const read = parseDuration(text);
  return read.ok ? read.value : undefined;
}
