import {
  groupsOf,
  LEAF_UP,
  type LabelColumn,
  type LeafGroups,
  type LeafTable,
  leavesOf,
} from './leaf-table.ts';

/** What is up, in rows that stand for one leaf or for all of a group, with each row's codes of two labels. */
export interface PairRows {
  readonly rows: Int32Array;
  /** By row, as are the others. */
  readonly firstCodes: Int32Array;
  readonly secondCodes: Int32Array;
  /** How many leaves a row stands for; absent: one. */
  readonly weights?: Int32Array;
}

const NO_CODES = new Int32Array(0);

/**
 * The leaves that are up, for counting: most of an estate is, at most times. By coarse labels they are counted group by
 * group; by others only where something is down.
 */
export class UpRows {
  private readonly table: LeafTable;
  private readonly states: Uint8Array;
  /** How many leaves are up. */
  readonly count: number;
  private readonly groups: LeafGroups;
  /** How many leaves of each group are up, and the groups in which any is. */
  private readonly weights: Int32Array;
  private readonly groupRows: Int32Array;
  /** For each label that is not coarse: the leaves that are up and have one of its values that were asked for. */
  private readonly leafRows: Int32Array[] = [];

  constructor(table: LeafTable, states: Uint8Array) {
    this.table = table;
    this.states = states;
    this.groups = groupsOf(table);
    const { ofLeaf } = this.groups;
    const weights = new Int32Array(this.groups.count);
    let count = 0;
    // `LEAF_UP` is a bit that no other state has: a branch would be guessed wrongly for every other leaf.
    for (let leaf = 0; leaf < states.length; leaf++) {
      const up = (states[leaf] ?? 0) & LEAF_UP;
      const group = ofLeaf[leaf] ?? 0;
      weights[group] = (weights[group] ?? 0) + up;
      count += up;
    }
    this.count = count;
    this.weights = weights;
    this.groupRows = Int32Array.from(weights.keys()).filter((group) => (weights[group] ?? 0) > 0);
  }

  /** How many leaves with each value of a label are up: right for the values of which `down` has `fewest` or more. */
  countLabel(label: number, down: Int32Array, fewest: number): Int32Array {
    const up = new Int32Array(down.length);
    const coarse = this.groups.codes[label];
    const codes = coarse ?? this.columnOf(label)?.codes ?? NO_CODES;
    const rows = coarse === undefined ? this.leavesOfLabel(label, down, fewest) : this.groupRows;
    if (coarse === undefined) this.leafRows[label] = rows;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] ?? 0;
      const code = codes[row] ?? -1;
      if (code >= 0) up[code] = (up[code] ?? 0) + (coarse === undefined ? 1 : (this.weights[row] ?? 0));
    }
    return up;
  }

  /** Rows that have all leaves which are up and have, of both labels, values that were asked for; perhaps more. */
  ofPair(first: number, second: number): PairRows {
    const { codes } = this.groups;
    const [firstCoarse, secondCoarse] = [codes[first], codes[second]];
    if (firstCoarse !== undefined && secondCoarse !== undefined) {
      return {
        rows: this.groupRows,
        firstCodes: firstCoarse,
        secondCodes: secondCoarse,
        weights: this.weights,
      };
    }
    const lists = [this.leafRows[first], this.leafRows[second]].filter((list) => list !== undefined);
    const [rows = NO_CODES] = lists.sort((a, b) => a.length - b.length);
    return {
      rows,
      firstCodes: this.columnOf(first)?.codes ?? NO_CODES,
      secondCodes: this.columnOf(second)?.codes ?? NO_CODES,
    };
  }

  private leavesOfLabel(label: number, down: Int32Array, fewest: number): Int32Array {
    const column = this.columnOf(label);
    if (column === undefined) return NO_CODES;
    const leaves = new Int32Array(this.count);
    let at = 0;
    for (let code = 0; code < down.length; code++) {
      if ((down[code] ?? 0) < fewest) continue;
      const own = leavesOf(column, code);
      for (let i = 0; i < own.length; i++) {
        const leaf = own[i] ?? 0;
        if (this.states[leaf] === LEAF_UP) leaves[at++] = leaf;
      }
    }
    return leaves.subarray(0, at);
  }

  private columnOf(label: number): LabelColumn | undefined {
    return this.table.labels[label];
  }
}
