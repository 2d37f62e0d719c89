import { type Candidates, termsOf } from './scope-candidates.ts';
import { type LeafTable, membersOf } from './leaf-table.ts';

/** Leaves that are members of the same causes fail alike. */
interface Cell {
  /** Positions in the model's `causes`, ascending. */
  readonly causes: readonly number[];
  readonly down: number;
  readonly up: number;
}

/** Causes with the rates at which their members fail, fitted to what is known of the leaves. */
export interface Model {
  /** Candidates, in no order that matters. */
  readonly causes: readonly number[];
  /** How often a member of each cause fails of it. */
  readonly rates: readonly number[];
  /** How often a leaf fails without a cause. */
  readonly background: number;
  /** It is taken for no more than this. */
  readonly mostBackground: number;
  readonly cells: readonly Cell[];
  /** Logarithm of the likelihood less what the causes cost: the higher the better. Unit: nats. */
  readonly score: number;
}

/** A model with, for each leaf of which anything is known, the cell it is in. */
export interface PlacedModel extends Model {
  readonly cellOf: Uint16Array;
}

/** A cause whose members fail more seldom is none. */
const LEAST_RATE = 0.25;
const MOST_RATE = 1 - 1e-4;
const LEAST_BACKGROUND = 1e-6;
const MOST_BACKGROUND = 0.5;
/** What a rate is taken for before it is fitted. */
const FIRST_RATE = 0.8;
const FIRST_BACKGROUND = 0.01;
const ROUNDS = 24;
/** What it costs to say that there is a cause at all. Unit: nats. */
const CAUSE_COST = 1.5;
/** What a rate costs with each doubling of the evidence that it is fitted to: half, as in the Bayesian criterion. */
const RATE_COST = 0.5;

/** Scores sets of scopes against what is known of the leaves. */
export class Scorer {
  readonly candidates: Candidates;
  private readonly table: LeafTable;
  private readonly knownMembers = new Map<number, Int32Array>();

  constructor(table: LeafTable, candidates: Candidates) {
    this.table = table;
    this.candidates = candidates;
  }

  /** The model without a cause. */
  nothing(mostBackground = MOST_BACKGROUND): PlacedModel {
    const { downLeaves, upCount } = this.candidates;
    const cells = [{ causes: [], down: downLeaves.length, up: upCount }];
    const from = { background: FIRST_BACKGROUND, mostBackground };
    return { ...this.fit([], cells, [], from), cellOf: new Uint16Array(this.table.size) };
  }

  /** The model with its background taken for what it is. */
  unbound(model: PlacedModel): PlacedModel {
    const from = { background: model.background, mostBackground: MOST_BACKGROUND };
    return { ...model, ...this.fit(model.causes, model.cells, model.rates, from) };
  }

  /** The model with one cause more. */
  with(model: PlacedModel, cause: number): PlacedModel {
    const { cells, cellOf } = gather(model);
    const position = model.causes.length;
    const next = cells.map((cell) => ({ ...cell }));
    const isMoved = new Uint8Array(cells.length);
    const members = this.membersOf(cause);
    for (const leaf of members) isMoved[cellOf[leaf] ?? 0] = 1;
    const moves = Int32Array.from(isMoved, (moved, from) =>
      moved === 0
        ? from
        : next.push({ causes: [...(cells[from]?.causes ?? []), position], down: 0, up: 0 }) - 1,
    );
    for (const leaf of members) {
      const from = cellOf[leaf] ?? 0;
      const to = moves[from] ?? from;
      cellOf[leaf] = to;
      const [old, own] = [next[from], next[to]];
      if (old === undefined || own === undefined) continue;
      if (states[leaf] === LEAF_DOWN) {
        old.down--;
        own.down++;
      } else {
        old.up--;
        own.up++;
      }
    }
    const rates = [...model.rates, FIRST_RATE];
    return { ...this.fit([...model.causes, cause], next, rates, model), cellOf };
  }

  /** The model with fewer causes. */
  without<Kind extends Model>(model: Kind, out: readonly number[]): Kind {
    const causes: number[] = [];
    const rates: number[] = [];
    const renamed = model.causes.map((cause, i) => {
      if (out.includes(cause)) return -1;
      rates.push(model.rates[i] ?? FIRST_RATE);
      return causes.push(cause) - 1;
    });
    const cells = model.cells.map((cell) => ({
      ...cell,
      causes: cell.causes.map((i) => renamed[i] ?? -1).filter((i) => i >= 0),
    }));
    return { ...model, ...this.fit(causes, cells, rates, model) };
  }

  /** The model with one cause more, without its places. */
  extend(model: PlacedModel, cause: number): Model {
    const { cells, causes, cellOf } = model;
    const down = new Int32Array(cells.length);
    const up = new Int32Array(cells.length);
    for (const leaf of this.membersOf(cause)) {
      const cell = cellOf[leaf] ?? 0;
      if (states[leaf] === LEAF_DOWN) down[cell] = (down[cell] ?? 0) + 1;
      else up[cell] = (up[cell] ?? 0) + 1;
    }
    const next: Cell[] = [];
    for (const [i, cell] of cells.entries()) {
      const [downs, ups] = [down[i] ?? 0, up[i] ?? 0];
      next.push({ ...cell, down: cell.down - downs, up: cell.up - ups });
      if (downs + ups > 0) next.push({ causes: [...cell.causes, causes.length], down: downs, up: ups });
    }
    return this.fit([...causes, cause], next, [...model.rates, FIRST_RATE], model);
  }

  /** Its members of which anything is known, ascending. */
  membersOf(candidate: number): Int32Array {
    let members = this.knownMembers.get(candidate);
    if (members === undefined) {
      const { states } = this.candidates;
      members = membersOf(this.table, termsOf(this.candidates, candidate)).filter(
        (leaf) => states[leaf] !== LEAF_UNKNOWN,
      );
      this.knownMembers.set(candidate, members);
    }
    return members;
  }

  /** Expectation and maximisation: a failure is shared out among the causes that its leaf has, and the background. */
  private fit(
    causes: readonly number[],
    cells: readonly Cell[],
    rates: readonly number[],
    { background, mostBackground }: Pick<Model, 'background' | 'mostBackground'>,
  ): Model {
    const { downLeaves, upCount, down, up } = this.candidates;
    const known = downLeaves.length + upCount;
    const members = causes.map((cause) => (down[cause] ?? 0) + (up[cause] ?? 0));
    const fitted = Array.from(rates);
    let noise = background;
    for (let round = 0; round < ROUNDS; round++) {
      const shares = fitted.map(() => 0);
      let noiseShare = 0;
      let change = 0;
      for (const cell of cells) {
        if (cell.down === 0) continue;
        const weight = cell.down / failureRate(cell, fitted, noise);
        noiseShare += weight * noise;
        for (const i of cell.causes) shares[i] = (shares[i] ?? 0) + weight * (fitted[i] ?? 0);
      }
      for (const [i, share] of shares.entries()) {
        const next = clamp((share + 0.5) / ((members[i] ?? 0) + 0.5), LEAST_RATE, MOST_RATE);
        change = Math.max(change, Math.abs(next - (fitted[i] ?? 0)));
        fitted[i] = next;
      }
      const next = clamp((noiseShare + 0.1) / (known + 10), LEAST_BACKGROUND, mostBackground);
      change = Math.max(change, Math.abs(next - noise) / noise);
      noise = next;
      if (change < 0.002) break;
    }
    let score = 0;
    for (const cell of cells) {
      const rate = failureRate(cell, fitted, noise);
      if (cell.down > 0) score += cell.down * Math.log(rate);
      if (cell.up > 0) score += cell.up * Math.log(1 - rate);
    }
    for (const cause of causes) score -= priceOf(this.candidates, cause);
    return { causes, rates: fitted, background: noise, mostBackground, cells, score };
  }
}

/** What it costs a model to have the candidate among its causes. Unit: nats. */
export function priceOf({ cost, down, up }: Candidates, id: number): number {
  return (cost[id] ?? 0) + CAUSE_COST + RATE_COST * Math.log(1 + (down[id] ?? 0) + (up[id] ?? 0));
}

export function failureRate(cell: Cell, rates: readonly number[], background: number): number {
  let spared = 1 - background;
  for (const i of cell.causes) spared *= 1 - (rates[i] ?? 0);
  return 1 - spared;
}

/** A copy of the places, with cells of the same causes made one. */
function gather({ cells, cellOf }: PlacedModel): Pick<PlacedModel, 'cells' | 'cellOf'> {
  const numbers = new Map<string, number>();
  const gathered: { causes: readonly number[]; down: number; up: number }[] = [];
  const renamed = cells.map(({ causes, down, up }) => {
    const key = causes.join();
    const known = numbers.get(key) ?? gathered.length;
    const into = gathered[known];
    if (into === undefined) {
      numbers.set(key, known);
      gathered.push({ causes, down, up });
    } else {
      into.down += down;
      into.up += up;
    }
    return known;
  });
  const places = cellOf.slice();
  if (gathered.length < cells.length) {
    for (let leaf = 0; leaf < places.length; leaf++) places[leaf] = renamed[places[leaf] ?? 0] ?? 0;
  }
  return { cells: gathered, cellOf: places };
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
