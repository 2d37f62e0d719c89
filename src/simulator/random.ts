import { fnv1a } from '../lib/hash.ts';

/** A source of numbers in [0, 1): the same seed gives the same numbers on every machine. */
export function makeRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    return scramble(state) / 2 ** 32;
  };
}

/** Where `text` stands in [0, 1) under `seed`: unlike neighbouring hashes, neighbouring texts land far apart. */
export function rankOf(seed: number, text: string): number {
  return scramble(fnv1a(text) ^ Math.imul(seed | 0, 0x9e3779b9)) / 2 ** 32;
}

/** One of `choices`, each as likely as its weight. At least one weight is above 0. */
export function pick<Choice>(
  random: () => number,
  choices: readonly Choice[],
  weightOf: (choice: Choice) => number,
): Choice {
  const total = choices.reduce((sum, choice) => sum + weightOf(choice), 0);
  let left = random() * total;
  for (const choice of choices) {
    left -= weightOf(choice);
    if (left < 0) return choice;
  }
  const last = choices.at(-1);
  if (last === undefined) throw new Error('nothing to pick from');
  return last;
}

/** Spreads every bit over all 32 (the finalizer of MurmurHash3). */
function scramble(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
