import type { Model, PlacedModel, Scorer } from './scope-model.ts';
import type { Tally } from './scope-tally.ts';

/** A model is better than another from this difference on. Unit: nats. */
const BETTER = 0.01;
/** Sums of the same numbers in another order differ by less. Unit: nats. */
const SAME_SCORE = 1e-6;
const MOST_CAUSES = 64;
const ROUNDS = 6;
/** What a change may cost at first, in the hope that it makes other causes needless. Unit: nats. */
const HOPE = 4;

/** The causes that explain best what is down: greedily first, then by taking out, exchanging, joining, dividing. */
export function searchScopes(scorer: Scorer, tally: Tally): PlacedModel {
  const nothing = scorer.nothing();
  tally.set(nothing);
  const broad = tally.shortlist(nothing, 0);
  let best = grow(scorer, tally, nothing, broad);
  for (let round = 0; round < ROUNDS; round++) {
    tally.set(best);
    const better = exchange(scorer, tally, best) ?? broaden(scorer, tally, broad, best);
    if (better === undefined) break;
    best = better;
  }
  return best;
}

/** Adds the cause that helps most, as long as one helps. `tally` counts for `start`. */
function grow(scorer: Scorer, tally: Tally, start: PlacedModel, first: readonly number[]): PlacedModel {
  let model = start;
  let list = first;
  while (model.causes.length < MOST_CAUSES) {
    let best: number | undefined;
    let toBeat = model.score + BETTER;
    for (const candidate of list) {
      const { score } = scorer.extend(model, candidate);
      if (score <= toBeat) continue;
      [best, toBeat] = [candidate, score + SAME_SCORE];
    }
    if (best === undefined) break;
    const next = scorer.with(model, best);
    tally.move(model, next, [best]);
    model = next;
    list = tally.shortlist(model, 0);
  }
  return model;
}

/** Takes each cause out and puts in what then helps most; what that makes needless goes. */
function exchange(scorer: Scorer, tally: Tally, model: PlacedModel): PlacedModel | undefined {
  let best: PlacedModel | undefined;
  const counts = tally.save();
  for (const cause of model.causes) {
    const rest = scorer.without(model, [cause]);
    if (rest.score > (best ?? model).score + BETTER) best = rest;
    const rivals = tally.shortlist(rest, HOPE, tally.move(model, rest, [cause]));
    for (const rival of rivals) {
      if (rival === cause) continue;
      tally.restore(counts);
      const next = follow(scorer, tally, rest, rival, model);
      if (next !== undefined && next.score > (best ?? model).score + BETTER) best = next;
    }
    tally.restore(counts);
  }
  return best;
}

/** Puts in a broad cause that the model lacks, and takes out what it makes needless. */
function broaden(
  scorer: Scorer,
  tally: Tally,
  broad: readonly number[],
  model: PlacedModel,
): PlacedModel | undefined {
  const counts = tally.save();
  for (const candidate of broad) {
    if (model.causes.includes(candidate)) continue;
    const next = follow(scorer, tally, model, candidate, model);
    if (next !== undefined && next.score > model.score + BETTER) return next;
    tally.restore(counts);
  }
  return undefined;
}

/** Adds `cause` to `start`, takes out what it makes needless and grows on, if that promises more than `before`. */
function follow(
  scorer: Scorer,
  tally: Tally,
  start: PlacedModel,
  cause: number,
  before: PlacedModel,
): PlacedModel | undefined {
  const pruned = prune(scorer, scorer.extend(start, cause));
  if (pruned.score < before.score - HOPE || !pruned.causes.includes(cause)) return undefined;
  const difference = before.causes.filter((other) => !pruned.causes.includes(other));
  const needless = difference.filter((other) => start.causes.includes(other));
  const placed = scorer.without(scorer.with(start, cause), needless);
  tally.move(before, placed, [cause, ...difference]);
  return grow(scorer, tally, placed, tally.shortlist(placed, 0));
}

/** Takes out causes that have leaves in common with the last one, as long as the model is better without. */
function prune(scorer: Scorer, start: Model): Model {
  const last = start.causes.length - 1;
  const beside = new Set<number>([start.causes[last] ?? -1]);
  for (const { causes } of start.cells) {
    if (causes.includes(last)) for (const position of causes) beside.add(start.causes[position] ?? -1);
  }
  let model = start;
  for (;;) {
    let best: Model | undefined;
    for (const cause of model.causes) {
      if (!beside.has(cause)) continue;
      const next = scorer.without(model, [cause]);
      if (next.score > (best ?? model).score + BETTER) best = next;
    }
    if (best === undefined) return model;
    model = best;
  }
}
