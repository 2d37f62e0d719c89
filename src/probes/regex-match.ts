import { RE2JS } from 're2js';

/** What to search, and whether the groups are wanted, which costs more than a yes or no. */
export interface RegexJob {
  readonly pattern: string;
  readonly text: string;
  readonly wantsGroups: boolean;
}

/** Groups of a match: by number (0 the whole) and by name. A group that took no part is empty. */
export interface RegexMatch {
  readonly groups: readonly string[];
  readonly named: ReadonlyMap<string, string>;
}

export type RegexFinding = { readonly found: false } | { readonly found: true; readonly match?: RegexMatch };

const compiled = new Map<string, RE2JS>();
const MAX_COMPILED = 1_000;

/** The pattern, compiled once. Throws what re2js throws for one that is none. */
export function compileRegex(pattern: string): RE2JS {
  let program = compiled.get(pattern);
  if (program === undefined) {
    program = RE2JS.compile(pattern);
    if (compiled.size >= MAX_COMPILED) compiled.clear();
    compiled.set(pattern, program);
  }
  return program;
}

/** Searches here and now, in time linear in the text. */
export function runRegex({ pattern, text, wantsGroups }: RegexJob): RegexFinding {
  const program = compileRegex(pattern);
  if (!program.test(text)) return { found: false };
  if (!wantsGroups) return { found: true };
  const matcher = program.matcher(text);
  matcher.find();
  const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, i) => matcher.group(i) ?? '');
  const named = Object.entries(program.namedGroups()).map(([name, i]) => [name, groups[i] ?? ''] as const);
  return { found: true, match: { groups, named: new Map(named) } };
}
