/** Leaves by coded labels: the table in which a common cause is looked for. */
export interface LeafTable {
  readonly size: number;
  readonly labels: readonly LabelColumn[];
}

/** One label of every leaf. */
export interface LabelColumn {
  readonly name: string;
  /** In the order of their letters, so that the order of the rows tells in nothing. */
  readonly values: readonly string[];
  /** For each leaf the index into `values`; -1 where the leaf has no such label. */
  readonly codes: Int32Array;
}

/** Nothing is known of a leaf: it is a member of its scopes and no evidence for or against them. */
export const LEAF_UNKNOWN = 0;
export const LEAF_UP = 1;
export const LEAF_DOWN = 2;

/** Codes the labels `labelNames` of `rows`. An absent label and an empty one are the same. */
export function makeLeafTable(
  labelNames: readonly string[],
  rows: Iterable<Readonly<Record<string, string>>>,
): LeafTable {
  const columns = labelNames.map((name) => ({
    name,
    seen: new Map<string, number>(),
    codes: [] as number[],
  }));
  let size = 0;
  for (const row of rows) {
    size++;
    for (const { name, seen, codes } of columns) {
      const value = Object.hasOwn(row, name) ? row[name] : undefined;
      if (value === undefined || value === '') {
        codes.push(-1);
        continue;
      }
      let code = seen.get(value);
      if (code === undefined) {
        code = seen.size;
        seen.set(value, code);
      }
      codes.push(code);
    }
  }
  const labels = columns.map(({ name, seen, codes }) => {
    const values = Array.from(seen.keys()).toSorted(compareTexts);
    const sorted = new Int32Array(values.length);
    for (const [code, value] of values.entries()) sorted[seen.get(value) ?? 0] = code;
    const own = new Int32Array(size);
    for (let leaf = 0; leaf < size; leaf++) {
      const code = codes[leaf] ?? -1;
      own[leaf] = code < 0 ? -1 : (sorted[code] ?? -1);
    }
    return { name, values, codes: own };
  });
  return { size, labels };
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** The leaves of each value of a label, ascending. */
interface Postings {
  /** Where the leaves of a value begin in `leaves`; one more than there are values. */
  readonly starts: Int32Array;
  readonly leaves: Int32Array;
}

const postingsOf = new WeakMap<LabelColumn, Postings>();

function makePostings({ values, codes }: LabelColumn): Postings {
  const starts = new Int32Array(values.length + 1);
  for (const code of codes) if (code >= 0) starts[code + 1] = (starts[code + 1] ?? 0) + 1;
  for (let i = 1; i < starts.length; i++) starts[i] = (starts[i] ?? 0) + (starts[i - 1] ?? 0);
  const next = starts.slice();
  const leaves = new Int32Array(starts.at(-1) ?? 0);
  for (let leaf = 0; leaf < codes.length; leaf++) {
    const code = codes[leaf] ?? -1;
    if (code < 0) continue;
    const at = next[code] ?? 0;
    leaves[at] = leaf;
    next[code] = at + 1;
  }
  return { starts, leaves };
}

/** The leaves that have `code` in `column`, ascending: a view, not to be written to. */
export function leavesOf(column: LabelColumn, code: number): Int32Array {
  let postings = postingsOf.get(column);
  if (postings === undefined) {
    postings = makePostings(column);
    postingsOf.set(column, postings);
  }
  return postings.leaves.subarray(postings.starts[code], postings.starts[code + 1]);
}

/** Leaves that no coarse label tells apart, as one: they are counted at once. */
export interface LeafGroups {
  readonly count: number;
  /** The group of each leaf. */
  readonly ofLeaf: Int32Array;
  /** For each label of the table: the code of each group, where the label is coarse. */
  readonly codes: readonly (Int32Array | undefined)[];
}

/** Groups have so many leaves on average, or there are fewer labels in them. */
const GROUP_LEAVES = 8;

const groupsOfTable = new WeakMap<LeafTable, LeafGroups>();

/** The groups of `table`, made once: of the labels with the fewest values, as many as make large groups. */
export function groupsOf(table: LeafTable): LeafGroups {
  let groups = groupsOfTable.get(table);
  if (groups === undefined) {
    groups = makeGroups(table);
    groupsOfTable.set(table, groups);
  }
  return groups;
}

function makeGroups({ labels, size }: LeafTable): LeafGroups {
  let ofLeaf = new Int32Array(size);
  let firsts: readonly number[] = size === 0 ? [] : [0];
  const coarse = new Set<LabelColumn>();
  for (const column of labels.toSorted((a, b) => a.values.length - b.values.length)) {
    const finer = divide(ofLeaf, column, size / GROUP_LEAVES);
    if (finer === undefined) break;
    ({ ofLeaf, firsts } = finer);
    coarse.add(column);
  }
  const codes = labels.map((column) =>
    coarse.has(column) ? Int32Array.from(firsts, (leaf) => column.codes[leaf] ?? -1) : undefined,
  );
  return { count: firsts.length, ofLeaf, codes };
}

/** Groups by one label more, with the first leaf of each; undefined when there would be more than `most`. */
function divide(
  ofLeaf: Int32Array,
  { codes, values }: LabelColumn,
  most: number,
): { readonly ofLeaf: Int32Array<ArrayBuffer>; readonly firsts: readonly number[] } | undefined {
  const groups = new Map<number, number>();
  const firsts: number[] = [];
  const finer = new Int32Array(ofLeaf.length);
  for (let leaf = 0; leaf < finer.length; leaf++) {
    const key = (ofLeaf[leaf] ?? 0) * (values.length + 1) + (codes[leaf] ?? -1) + 1;
    let group = groups.get(key);
    if (group === undefined) {
      group = firsts.push(leaf) - 1;
      if (firsts.length > most) return undefined;
      groups.set(key, group);
    }
    finer[leaf] = group;
  }
  return { ofLeaf: finer, firsts };
}

/** One label with its value: indexes of the column and into its values. */
export interface Term {
  readonly label: number;
  readonly value: number;
}

/** The leaves that have all of `terms` (at most two; none: every leaf), ascending. */
export function membersOf(table: LeafTable, terms: readonly Term[]): Int32Array {
  const [first, second] = terms;
  if (first === undefined) return Int32Array.from({ length: table.size }, (_, leaf) => leaf);
  const column = columnOf(table, first.label);
  const own = leavesOf(column, first.value);
  if (second === undefined) return own;
  const other = columnOf(table, second.label);
  const others = leavesOf(other, second.value);
  return own.length <= others.length
    ? own.filter((leaf) => other.codes[leaf] === second.value)
    : others.filter((leaf) => column.codes[leaf] === first.value);
}

function columnOf({ labels }: LeafTable, label: number): LabelColumn {
  const column = labels[label];
  if (column === undefined) throw new RangeError(`the table has no label ${label}`);
  return column;
}
