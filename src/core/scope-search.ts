import type { Candidates } from './scope-candidates.ts';
import { failureRate, type PlacedModel, type Scorer } from './scope-model.ts';

/** So many of the likeliest scopes are weighed exactly. */
const SHORTLIST = 16;
/** A model is better than another from this difference on. Unit: nats. */
const BETTER = 1e-6;
const MOST_CAUSES = 64;
/** With more causes than this, no two are taken out at once. */
const MOST_PAIRED = 12;
const ROUNDS = 4;
const RATES = [0.25, 0.4, 0.55, 0.7, 0.85, 0.95, 0.995];
const LOG_RATES = RATES.map((rate) => Math.log(rate));
const LOG_SPARED = RATES.map((rate) => Math.log(1 - rate));

/** The causes that explain best what is down: greedily first, then by taking out, exchanging, joining, dividing. */
export function searchScopes(scorer: Scorer): PlacedModel {
  const nothing = scorer.place([]);
  let best = grow(scorer, nothing);
  for (let round = 0; round < ROUNDS; round++) {
    const better = refine(scorer, best) ?? broaden(scorer, nothing, best);
    if (better === undefined) break;
    best = better;
  }
  return best;
}

/** Adds the cause that helps most, as long as one helps. */
function grow(scorer: Scorer, start: PlacedModel): PlacedModel {
  let model = start;
  while (model.causes.length < MOST_CAUSES) {
    const best = bestAddition(scorer, model);
    if (best === undefined) break;
    model = best;
  }
  return model;
}

function bestAddition(scorer: Scorer, model: PlacedModel): PlacedModel | undefined {
  let best: number | undefined;
  let bestScore = model.score + BETTER;
  for (const candidate of shortlist(scorer.candidates, model, 0)) {
    const { score } = scorer.extend(model, candidate);
    if (score <= bestScore) continue;
    [best, bestScore] = [candidate, score];
  }
  return best === undefined ? undefined : scorer.place([...model.causes, best], model);
}

function refine(scorer: Scorer, model: PlacedModel): PlacedModel | undefined {
  const { causes } = model;
  let best: PlacedModel | undefined;
  const consider = (out: readonly number[]): void => {
    const rest = scorer.place(
      causes.filter((cause) => !out.includes(cause)),
      model,
    );
    const next = grow(scorer, rest);
    if (next.score > (best ?? model).score + BETTER) best = next;
  };
  for (const cause of causes) consider([cause]);
  if (best !== undefined || causes.length > MOST_PAIRED) return best;
  for (const [i, a] of causes.entries()) for (const b of causes.slice(i + 1)) consider([a, b]);
  return best;
}

/** Puts in a broad cause that the model lacks, and takes out what it makes needless. */
function broaden(scorer: Scorer, nothing: PlacedModel, model: PlacedModel): PlacedModel | undefined {
  for (const candidate of shortlist(scorer.candidates, nothing, 0)) {
    if (model.causes.includes(candidate)) continue;
    const next = grow(scorer, prune(scorer, scorer.place([...model.causes, candidate], model)));
    if (next.score > model.score + BETTER) return next;
  }
  return undefined;
}

function prune(scorer: Scorer, start: PlacedModel): PlacedModel {
  let model = start;
  for (;;) {
    let best: PlacedModel | undefined;
    for (const cause of model.causes) {
      const rest = model.causes.filter((other) => other !== cause);
      const next = scorer.place(rest, model);
      if (next.score > (best ?? model).score + BETTER) best = next;
    }
    if (best === undefined) return model;
    model = best;
  }
}

/**
 * The candidates that would add most to the model by an estimate that never is far too low, best first.
 * Those that would lose more than `slack` nats are left out.
 */
export function shortlist(candidates: Candidates, model: PlacedModel, slack: number): readonly number[] {
  const { count, down, up, cost, downLeaves, ofDown } = candidates;
  const fresh = new Int32Array(count);
  const rest = new Float64Array(count);
  const odds = model.cells.map((cell) => 1 / failureRate(cell, model.rates, model.background) - 1);
  for (let j = 0; j < downLeaves.length; j++) {
    const cell = model.cellOf[downLeaves[j] ?? 0] ?? 0;
    const weight = odds[cell] ?? 0;
    for (const ofLeaf of ofDown) {
      const id = ofLeaf[j] ?? -1;
      if (id < 0) continue;
      if (cell === 0) fresh[id] = (fresh[id] ?? 0) + 1;
      else rest[id] = (rest[id] ?? 0) + weight;
    }
  }
  const surprise = -Math.log(model.background);
  const taken = new Set(model.causes);
  const found: { id: number; gain: number }[] = [];
  let least = -slack;
  for (let id = 0; id < count; id++) {
    const news = fresh[id] ?? 0;
    const weight = rest[id] ?? 0;
    const price = (cost[id] ?? 0) + 2;
    if (news * surprise + weight - price <= least || taken.has(id)) continue;
    const old = (down[id] ?? 0) - news;
    const ups = up[id] ?? 0;
    let gain = Number.NEGATIVE_INFINITY;
    for (let r = 0; r < RATES.length; r++) {
      const explained = old > 0 ? old * Math.log1p(((RATES[r] ?? 0) * weight) / old) : 0;
      const at = news * ((LOG_RATES[r] ?? 0) + surprise) + ups * (LOG_SPARED[r] ?? 0) + explained;
      if (at > gain) gain = at;
    }
    gain -= price + 0.5 * Math.log(1 + ups + news + old);
    if (gain <= least) continue;
    found.push({ id, gain });
    if (found.length >= 2 * SHORTLIST) least = keepBest(found);
  }
  keepBest(found);
  return found.map(({ id }) => id);
}

/** Returns the gain that the next must exceed. */
function keepBest(found: { id: number; gain: number }[]): number {
  found.sort((a, b) => b.gain - a.gain || a.id - b.id);
  found.length = Math.min(found.length, SHORTLIST);
  return found.at(-1)?.gain ?? 0;
}
