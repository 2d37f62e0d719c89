import type { Model, PlacedModel, Scorer } from './scope-model.ts';
import type { Tally } from './scope-tally.ts';

/** A model is better than another from this difference on. Unit: nats. */
const BETTER = 0.01;
/** Sums of the same numbers in another order differ by less. Unit: nats. */
const SAME_SCORE = 1e-6;
/** More than this failing without a cause is looked at twice: it may be causes of which none alone seemed likely. */
const USUAL_BACKGROUND = 0.03;
const MOST_CAUSES = 64;
const ROUNDS = 8;
/** So many changes are followed up in a round. */
const FOLLOWED = 3;
/** What a change may cost at first, in the hope that it makes other causes needless. Unit: nats. */
const HOPE = 4;

/** The causes that explain best what is down: greedily first, then by taking out, exchanging, joining, dividing. */
export function searchScopes(scorer: Scorer, tally: Tally): PlacedModel {
  const free = searchFrom(scorer, tally, scorer.nothing());
  if (unexplainedShare(free) <= USUAL_BACKGROUND) return free;
  const few = searchFrom(scorer, tally, scorer.nothing(USUAL_BACKGROUND));
  const bound = improve(scorer, tally, [], scorer.unbound(few));
  return bound.score > free.score + BETTER ? bound : free;
}

/** What share of the leaves that are in no cause are down. */
function unexplainedShare({ cells }: Model): number {
  let [down, up] = [0, 0];
  for (const cell of cells) {
    if (cell.causes.length > 0) continue;
    down += cell.down;
    up += cell.up;
  }
  return down === 0 ? 0 : down / (down + up);
}

function searchFrom(scorer: Scorer, tally: Tally, nothing: PlacedModel): PlacedModel {
  tally.narrow(0);
  tally.set(nothing);
  const broad = tally.shortlist(nothing, 0);
  const grown = grow(scorer, tally, nothing, broad);
  tally.narrow(grown.background);
  return improve(scorer, tally, broad, grown);
}

function improve(scorer: Scorer, tally: Tally, broad: readonly number[], model: PlacedModel): PlacedModel {
  let best = model;
  for (let round = 0; round < ROUNDS; round++) {
    tally.set(best);
    const better = change(scorer, tally, broad, best);
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

/** A cause put in, and others out for it. */
interface Change {
  readonly added: number;
  readonly dropped: readonly number[];
  /** Before any cause is added that there is room for then. Unit: nats. */
  readonly score: number;
}

/** Looks for the best model that is a change away: a cause exchanged, or a broad one put in for several. */
function change(
  scorer: Scorer,
  tally: Tally,
  broad: readonly number[],
  model: PlacedModel,
): PlacedModel | undefined {
  const changes: Change[] = [];
  let best: PlacedModel | undefined;
  const consider = (start: PlacedModel, added: number): void => {
    const { causes, score } = prune(scorer, scorer.extend(start, added));
    if (score < model.score - HOPE || !causes.includes(added)) return;
    changes.push({ added, dropped: model.causes.filter((cause) => !causes.includes(cause)), score });
  };
  for (const added of broad) if (!model.causes.includes(added)) consider(model, added);
  const counts = tally.save();
  for (const cause of model.causes) {
    const rest = scorer.without(model, [cause]);
    if (rest.score > (best ?? model).score + BETTER) best = rest;
    const rivals = tally.shortlist(rest, HOPE, tally.move(model, rest, [cause]));
    for (const rival of rivals) if (rival !== cause) consider(rest, rival);
    tally.restore(counts);
  }
  for (const { added, dropped } of changes.toSorted((a, b) => b.score - a.score).slice(0, FOLLOWED)) {
    const next = scorer.with(scorer.without(model, dropped), added);
    tally.move(model, next, [added, ...dropped]);
    const grown = grow(scorer, tally, next, tally.shortlist(next, 0));
    tally.restore(counts);
    if (grown.score > (best ?? model).score + BETTER) best = grown;
  }
  return best;
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
