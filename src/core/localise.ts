import { LEAF_DOWN, LEAF_UP, type LeafTable, membersOf, type Term } from './leaf-table.ts';
import { findCandidates, termsOf } from './scope-candidates.ts';
import { Scorer } from './scope-model.ts';
import { searchScopes } from './scope-search.ts';
import { Tally } from './scope-tally.ts';

/** One thing that leaves which are down have in common. */
export interface Explanation {
  /**
   * Label maps that name the same leaves, or explain equally well; simplest first. Each is one label or a conjunction of
   * two; an empty one means every leaf.
   */
  readonly scopes: readonly Readonly<Record<string, string>>[];
  /** Leaves of the first scope, and how many of them are in which state; the rest are unknown. */
  readonly members: number;
  readonly down: number;
  readonly up: number;
  /** How much likelier this is than every other explanation looked at, and than chance. Range: 0–1. */
  readonly confidence: number;
  /** The leaves of the first scope, ascending. */
  readonly leaves: Int32Array;
}

/** Scopes that share this much of their leaves name the same. */
const SAME_SHARE = 0.95;
/** Explanations that differ by no more than this are equally good. Unit: nats. */
const EQUAL = 1;
const MOST_SCOPES = 5;
/** An alternative that is worse by more than this weighs nothing. Unit: nats. */
const WORTH_WEIGHING = 12;

/**
 * The smallest set of scopes that explains the leaves that are down, the one that explains most first; leaves in none of
 * them are background. `states` has `LEAF_UNKNOWN`, `LEAF_UP` or `LEAF_DOWN` for each leaf of `table`. The same for the
 * same leaves in whatever order. Never throws.
 */
export function localise(table: LeafTable, states: Uint8Array): readonly Explanation[] {
  const candidates = findCandidates(table, states);
  if (candidates.downLeaves.length < 2) return [];
  const scorer = new Scorer(table, candidates);
  const tally = new Tally(scorer, table.size);
  const model = searchScopes(scorer, tally);
  tally.set(model);
  const counts = tally.save();
  const explanations = model.causes.map((cause) => {
    const rest = scorer.without(model, [cause]);
    const rivals = tally.shortlist(rest, WORTH_WEIGHING, tally.move(model, rest, [cause]));
    tally.restore(counts);
    const leaves = membersOf(table, termsOf(candidates, cause));
    const equals: { readonly terms: readonly Term[]; readonly leaves: Int32Array }[] = [
      { terms: termsOf(candidates, cause), leaves },
    ];
    let others = Math.exp(rest.score - model.score);
    for (const rival of rivals) {
      if (rival === cause) continue;
      const behind = model.score - scorer.extend(rest, rival).score;
      const terms = termsOf(candidates, rival);
      const members = membersOf(table, terms);
      const same = isSame(leaves, members);
      if (!same) others += Math.exp(-behind);
      const sameArity = terms.length === termsOf(candidates, cause).length;
      if (sameArity && (same || behind <= EQUAL)) equals.push({ terms, leaves: members });
    }
    const [first = { terms: [], leaves }] = equals
      .filter((equal) => isIdentical(leaves, equal.leaves))
      .toSorted((a, b) => compareTerms(a.terms, b.terms));
    const ordered = [first, ...equals.filter((equal) => equal !== first)].slice(0, MOST_SCOPES);
    const explanation = {
      scopes: ordered.map(({ terms }) => namesOf(table, terms)),
      members: first.leaves.length,
      down: count(states, first.leaves, LEAF_DOWN),
      up: count(states, first.leaves, LEAF_UP),
      confidence: 1 / (1 + others),
      leaves: first.leaves,
    };
    return { explanation, gain: model.score - rest.score };
  });
  return explanations.toSorted((a, b) => b.gain - a.gain).map(({ explanation }) => explanation);
}

function compareTerms(a: readonly Term[], b: readonly Term[]): number {
  return (a[0]?.label ?? 0) - (b[0]?.label ?? 0) || (a[1]?.label ?? 0) - (b[1]?.label ?? 0);
}

function namesOf({ labels }: LeafTable, terms: readonly Term[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    terms.map(({ label, value }) => [labels[label]?.name ?? '', labels[label]?.values[value] ?? '']),
  );
}

function count(states: Uint8Array, leaves: Int32Array, state: number): number {
  let found = 0;
  for (const leaf of leaves) if (states[leaf] === state) found++;
  return found;
}

/** Both ascending. */
function shared(a: Int32Array, b: Int32Array): number {
  let found = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const difference = (a[i] ?? 0) - (b[j] ?? 0);
    if (difference === 0) found++;
    if (difference <= 0) i++;
    if (difference >= 0) j++;
  }
  return found;
}

function isIdentical(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && shared(a, b) === a.length;
}

function isSame(a: Int32Array, b: Int32Array): boolean {
  const both = shared(a, b);
  return both >= SAME_SHARE * (a.length + b.length - both);
}
