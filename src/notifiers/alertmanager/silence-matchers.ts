import { err, ok, type Result } from '../../lib/result.ts';

/** A condition of a selector of ours: the label has one of `values`; when negated, none of them. Empty: it is absent. */
export interface Condition {
  readonly label: string;
  readonly values: ReadonlySet<string>;
  readonly isNegated: boolean;
}

/** A matcher as Alertmanager has it. */
export interface Matcher {
  readonly name: string;
  readonly value: string;
  readonly isRegex: boolean;
  readonly isEqual: boolean;
}

/** What a selector comes to in Alertmanager. */
export interface Translation {
  /** All must match. Each wants its label there, so that nothing matches for what it does not say. */
  readonly matchers: readonly Matcher[];
  /** In what it silences less than the selector says: a sentence each. Empty: in nothing. */
  readonly narrowed: readonly string[];
}

/** Alerts that tell of what Kassavakt watches, its own and those of rules over its series, have names that begin so. */
const OURS: Matcher = { name: 'alertname', value: 'Kassavakt.+', isRegex: true, isEqual: true };

/** What alerts about a thing that is in a store, or of a chain, all name. Of other labels some say nothing. */
const USUAL: ReadonlySet<string> = new Set(['chain', 'store', 'target']);

/** On alerts these say something else than on targets. */
const OF_ALERTS: ReadonlySet<string> = new Set([
  'alertname',
  'incident',
  'severity',
  'scope',
  'payment_method',
]);

/**
 * Matchers for alerts about nothing but what `conditions` name. An alert need not bear each label that its targets have:
 * what lacks one may be about others, too, and is not matched. An error: nothing can be said with matchers.
 */
export function translateConditions(conditions: readonly Condition[]): Result<Translation> {
  const matchers: Matcher[] = [OURS];
  const narrowed: string[] = [];
  for (const { label, values, isNegated } of conditions) {
    const named = Array.from(values).filter((value) => value !== '');
    const hasAbsence = values.has('');
    if (OF_ALERTS.has(label)) return err(`the label ${label} says something else on alerts than on targets`);
    const saysAbsence = hasAbsence !== isNegated;
    if (saysAbsence || !USUAL.has(label)) {
      narrowed.push(`alerts that do not name a ${label} are not silenced there`);
    }
    if (isNegated) {
      matchers.push(matcherOf(label, named, false));
      // Also when the selector does not say so: an alert without the label may be about what has a forbidden value.
      if (named.length > 0) matchers.push({ name: label, value: '', isRegex: false, isEqual: false });
      continue;
    }
    if (named.length === 0) {
      return err(`${label}="" names what has no ${label}, and an alert without it may be about anything`);
    }
    matchers.push(matcherOf(label, named, true));
  }
  return ok({ matchers, narrowed });
}

function matcherOf(name: string, values: readonly string[], isEqual: boolean): Matcher {
  const [only = '', ...others] = values;
  if (others.length === 0) return { name, value: only, isRegex: false, isEqual };
  return { name, value: values.map(escapeRegex).join('|'), isRegex: true, isEqual };
}

/** For RE2, which Alertmanager anchors at both ends. */
function escapeRegex(text: string): string {
  return text.replaceAll(/[\\.+*?()|[\]{}^$]/g, String.raw`\$&`);
}
