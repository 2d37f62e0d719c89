import { suggest } from '../lib/suggest.ts';

/** `, did you mean "interval"?`, or nothing when no candidate is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const near = suggest(word, candidates);
  return near === undefined ? '' : `, did you mean "${near}"?`;
}

/** How many different words of one list get a suggestion: a wrong file has thousands, and each costs a search. */
const MOST_SUGGESTIONS = 50;

/** `didYouMean` over one list of candidates, remembered by word and bounded in all. */
export function makeSuggester(candidates: readonly string[]): (word: string) => string {
  const known = new Map<string, string>();
  return (word) => {
    const before = known.get(word);
    if (before !== undefined) return before;
    if (known.size >= MOST_SUGGESTIONS) return '';
    const text = didYouMean(word, candidates);
    known.set(word, text);
    return text;
  };
}
