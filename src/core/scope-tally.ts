import { type Candidates, compareCandidates } from './scope-candidates.ts';
import { failureRate, type PlacedModel, priceOf, type Scorer } from './scope-model.ts';

/** So many of the likeliest scopes are weighed exactly. */
const SHORTLIST = 16;
const RATES = [0.25, 0.4, 0.55, 0.7, 0.85, 0.95, 0.995];
const LOG_RATES = RATES.map((rate) => Math.log(rate));
const LOG_SPARED = RATES.map((rate) => Math.log(1 - rate));

/** What a tally has counted, to be gone back to. */
export interface Counts {
  readonly fresh: Int32Array;
  readonly rest: Float64Array;
}

/** Sums of the same numbers in another order differ by less. Unit: nats. */
const SAME_GAIN = 1e-6;
/** A leaf whose failure is about as likely as before is not counted anew. */
const NEGLIGIBLE = 0.05;

/** The background may turn out lower by this before a candidate passed over would count. */
const LOWER_BY = 4;

interface Estimate {
  readonly id: number;
  readonly gain: number;
}

/** Counts, for every candidate, the failures that a model leaves to it: an estimate of what it would add. */
export class Tally {
  private readonly scorer: Scorer;
  private readonly candidates: Candidates;
  private readonly price: Float64Array;
  /** Failed members that the model explains by nothing. */
  private readonly fresh: Int32Array;
  /** Sum over failed members that the model explains: how much likelier they could become. */
  private readonly rest: Float64Array;
  /** The place of each leaf among those that are down; -1 for others. */
  private readonly downOf: Int32Array;
  private readonly touchedIn: Int32Array;
  private readonly changedIn: Int32Array;
  private readonly changed: { leaves: Int32Array; fresh: Int8Array; rest: Float64Array };
  private turn = 0;
  /** For each combination of labels: the candidate of each down leaf, as far as it is looked at. */
  private columns: readonly Int32Array[];

  constructor(scorer: Scorer, size: number) {
    const { candidates } = scorer;
    const { count, downLeaves } = candidates;
    this.scorer = scorer;
    this.candidates = candidates;
    this.columns = candidates.ofDown;
    this.price = Float64Array.from({ length: count }, (_, id) => priceOf(candidates, id));
    this.fresh = new Int32Array(count);
    this.rest = new Float64Array(count);
    this.touchedIn = new Int32Array(count);
    this.changedIn = new Int32Array(downLeaves.length);
    this.changed = {
      leaves: new Int32Array(downLeaves.length),
      fresh: new Int8Array(downLeaves.length),
      rest: new Float64Array(downLeaves.length),
    };
    this.downOf = new Int32Array(size).fill(-1);
    for (let j = 0; j < downLeaves.length; j++) this.downOf[downLeaves[j] ?? 0] = j;
  }

  /**
   * From now on passes over candidates that add to no model whose background is about `background` or more; over none if
   * it is 0. Counting starts anew with `set`.
   */
  narrow(background: number): void {
    const { count, down, ofDown } = this.candidates;
    if (background === 0) {
      this.columns = ofDown;
      return;
    }
    const surprise = Math.log(LOWER_BY / background);
    const isWorthIt = new Uint8Array(count);
    for (let id = 0; id < count; id++) {
      if (this.estimate(id, down[id] ?? 0, 0, 0, surprise) > 0) isWorthIt[id] = 1;
    }
    this.columns = ofDown.flatMap((column) => {
      const kept = new Int32Array(column.length).fill(-1);
      let isEmpty = true;
      for (let j = 0; j < column.length; j++) {
        const id = column[j] ?? -1;
        if (id < 0 || isWorthIt[id] === 0) continue;
        kept[j] = id;
        isEmpty = false;
      }
      return isEmpty ? [] : [kept];
    });
  }

  save(): Counts {
    return { fresh: this.fresh.slice(), rest: this.rest.slice() };
  }

  restore({ fresh, rest }: Counts): void {
    this.fresh.set(fresh);
    this.rest.set(rest);
  }

  /** Counts anew. */
  set(model: PlacedModel): void {
    const { downLeaves } = this.candidates;
    const { fresh, rest } = this;
    fresh.fill(0);
    rest.fill(0);
    const odds = oddsOf(model);
    const weights = Float64Array.from(downLeaves, (leaf) => odds[model.cellOf[leaf] ?? 0] ?? 0);
    for (const ofLeaf of this.columns) {
      for (let j = 0; j < ofLeaf.length; j++) {
        const id = ofLeaf[j] ?? -1;
        if (id < 0) continue;
        const weight = weights[j] ?? 0;
        if (weight < 0) fresh[id] = (fresh[id] ?? 0) + 1;
        else rest[id] = (rest[id] ?? 0) + weight;
      }
    }
  }

  /** Counts on from the model `from` to `to`, which differ in `causes`. Returns the candidates concerned. */
  move(from: PlacedModel, to: PlacedModel, causes: readonly number[]): readonly number[] {
    const { fresh, rest, touchedIn } = this;
    const turn = ++this.turn;
    const changes = this.changesBetween(from, to, causes);
    const touched: number[] = [];
    // Label by label, since the candidates of the same labels lie together.
    for (const ofLeaf of this.columns) {
      for (let i = 0; i < changes.count; i++) {
        const id = ofLeaf[changes.leaves[i] ?? 0] ?? -1;
        if (id < 0) continue;
        fresh[id] = (fresh[id] ?? 0) + (changes.fresh[i] ?? 0);
        rest[id] = (rest[id] ?? 0) + (changes.rest[i] ?? 0);
        if (touchedIn[id] === turn) continue;
        touchedIn[id] = turn;
        touched.push(id);
      }
    }
    return touched;
  }

  /** What becomes of the leaves that are down, by their place among those. */
  private changesBetween(from: PlacedModel, to: PlacedModel, causes: readonly number[]) {
    const { changed, downOf } = this;
    const before = oddsOf(from);
    const after = oddsOf(to);
    let count = 0;
    for (const cause of causes) {
      for (const leaf of this.scorer.membersOf(cause)) {
        const j = downOf[leaf] ?? -1;
        if (j < 0 || this.changedIn[j] === this.turn) continue;
        this.changedIn[j] = this.turn;
        const old = before[from.cellOf[leaf] ?? 0] ?? 0;
        const next = after[to.cellOf[leaf] ?? 0] ?? 0;
        const news = (next < 0 ? 1 : 0) - (old < 0 ? 1 : 0);
        const weight = Math.max(0, next) - Math.max(0, old);
        if (news === 0 && Math.abs(weight) < NEGLIGIBLE) continue;
        changed.leaves[count] = j;
        changed.fresh[count] = news;
        changed.rest[count] = weight;
        count++;
      }
    }
    return { ...changed, count };
  }

  /**
   * The candidates that would add most to the model just counted, by an estimate that never is far too low, best first.
   * Those that would lose more than `slack` nats are left out; absent `among`, all are looked at.
   */
  shortlist(model: PlacedModel, slack: number, among?: readonly number[]): readonly number[] {
    const { fresh, price } = this;
    const { down } = this.candidates;
    const surprise = -Math.log(model.background);
    const taken = new Set(model.causes);
    const found: Estimate[] = [];
    let least = -slack;
    const length = among?.length ?? this.candidates.count;
    for (let i = 0; i < length; i++) {
      const id = among === undefined ? i : (among[i] ?? 0);
      const news = fresh[id] ?? 0;
      const old = (down[id] ?? 0) - news;
      const weight = old > 0 ? Math.max(0, this.rest[id] ?? 0) : 0;
      if (news * surprise + weight - (price[id] ?? 0) <= least || taken.has(id)) continue;
      const gain = this.estimate(id, news, old, weight, surprise);
      if (gain <= least) continue;
      found.push({ id, gain: Math.round(gain / SAME_GAIN) * SAME_GAIN });
      if (found.length >= 2 * SHORTLIST) least = keepBest(this.candidates, found);
    }
    keepBest(this.candidates, found);
    return found.map(({ id }) => id);
  }

  private estimate(id: number, news: number, old: number, weight: number, surprise: number): number {
    const ups = this.candidates.up[id] ?? 0;
    let gain = Number.NEGATIVE_INFINITY;
    for (let r = 0; r < RATES.length; r++) {
      const explained = old > 0 ? old * Math.log1p(((RATES[r] ?? 0) * weight) / old) : 0;
      const at = news * ((LOG_RATES[r] ?? 0) + surprise) + ups * (LOG_SPARED[r] ?? 0) + explained;
      if (at > gain) gain = at;
    }
    return gain - (this.price[id] ?? 0);
  }
}

/** For each cell: how much likelier a failure in it can become, less one; -1 where nothing explains it. */
function oddsOf(model: PlacedModel): readonly number[] {
  return model.cells.map((cell) =>
    cell.causes.length === 0 ? -1 : 1 / failureRate(cell, model.rates, model.background) - 1,
  );
}

/** Returns the gain that the next must exceed. Which comes first of equals does not hang on the order of the leaves. */
function keepBest(candidates: Candidates, found: Estimate[]): number {
  found.sort((a, b) => b.gain - a.gain || compareCandidates(candidates, a.id, b.id));
  found.length = Math.min(found.length, SHORTLIST);
  return found.at(-1)?.gain ?? 0;
}
