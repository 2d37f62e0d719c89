/** A selector in a PromQL expression, and the calls and aggregations around it, the innermost first. */
export interface Selector {
  readonly metric: string;
  /** As written, as in `job=~"$job"`. */
  readonly matchers: readonly string[];
  /** What stands in `[…]`, if anything does. */
  readonly range?: string;
  readonly within: readonly string[];
}

const TOKEN = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[A-Za-z_:][\w:]*|\$\w+|\d[\w.]*|[=!]~|[=!<>]=|[^\s\w]/g;
/** Followed by a list of labels. */
const BEFORE_LABELS = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right']);
const WORDS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'inf', 'nan', ...BEFORE_LABELS]);

/** Every selector of `expression`, which is valid: this reads PromQL, and does not check it. */
export function selectorsIn(expression: string): readonly Selector[] {
  const tokens: readonly string[] = expression.match(TOKEN) ?? [];
  const selectors: Selector[] = [];
  const around: string[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] ?? '';
    const next = tokens[i + 1];
    if (BEFORE_LABELS.has(token) && next === '(') {
      i = tokens.indexOf(')', i);
    } else if (token === '(') {
      around.unshift(nameOfCall(tokens, i));
    } else if (token === ')') {
      around.shift();
    } else if (isMetric(token, next)) {
      const end = next === '{' ? tokens.indexOf('}', i) : i;
      const matchers = splitMatchers(tokens.slice(i + 2, end));
      const hasRange = tokens[end + 1] === '[';
      const last = hasRange ? tokens.indexOf(']', end) : end;
      const range = hasRange ? { range: tokens.slice(end + 2, last).join('') } : {};
      const metric = token === '{' ? '' : token;
      selectors.push({ metric, matchers, ...range, within: around.filter((name) => name !== '') });
      i = last;
    }
  }
  return selectors;
}

function isMetric(token: string, next: string | undefined): boolean {
  const isCall = next === '(' || next === 'by' || next === 'without';
  return /^[A-Za-z_:]/.test(token) && !isCall && !WORDS.has(token.toLowerCase());
}

/** The function or aggregation that the bracket at `open` belongs to; empty when it only groups. */
function nameOfCall(tokens: readonly string[], open: number): string {
  const before = tokens[open - 1] ?? '';
  if (before === ')') {
    // As in `sum by (le) (…)`: the name stands before the labels.
    const start = tokens.lastIndexOf('(', open - 1);
    if (BEFORE_LABELS.has(tokens[start - 1] ?? '')) {
      const name = tokens[start - 2] ?? '';
      return /^[a-z_]+$/.test(name) && !WORDS.has(name) ? name : '';
    }
    return '';
  }
  return /^[a-z_]\w*$/.test(before) && !WORDS.has(before) ? before : '';
}

function splitMatchers(tokens: readonly string[]): readonly string[] {
  return tokens
    .join('')
    .split(/,(?=\w+[=!])/)
    .filter((matcher) => matcher !== '');
}
