import { LEAF_DOWN, LEAF_UNKNOWN, LEAF_UP, type LeafTable, makeLeafTable } from '../src/core/leaf-table.ts';
import { makeRandom } from '../src/simulator/random.ts';

/** What a case of the bench is made of; ranges are inclusive. */
export interface ScopeSetting {
  readonly leaves: number;
  /** How many causes, from and to. */
  readonly causes: readonly [number, number];
  /** How often a member of a cause fails: drawn once for each cause. */
  readonly rate: readonly [number, number];
  /** How often any leaf fails without a cause, at most. */
  readonly noise: number;
  readonly smallest: number;
  /** What share of the leaves anything is known of. */
  readonly known: number;
}

export interface ScopeCase {
  readonly table: LeafTable;
  readonly states: Uint8Array;
  /** The members of each true cause, ascending. */
  readonly truth: readonly Int32Array[];
  readonly names: readonly string[];
}

type Random = () => number;

const LABELS = [
  'chain',
  'store',
  'region',
  'network',
  'acquirer',
  'till_system',
  'model',
  'firmware',
  'module',
  'installed',
];

/** A cause may make up so much of the estate. */
const MOST_SHARE = 0.3;
/** So much of a cause must be its own: what lies inside another cause cannot be told from it. */
const OWN_SHARE = 0.4;

/** An estate of stores with terminals, and causes that are single labels or conjunctions of two. */
export function makeScopeCase(seed: number, setting: ScopeSetting): ScopeCase {
  const random = makeRandom(seed);
  const table = makeEstate(random, setting.leaves);
  const states = new Uint8Array(table.size);
  const noise = random() * setting.noise;
  for (let leaf = 0; leaf < table.size; leaf++) states[leaf] = random() < noise ? LEAF_DOWN : LEAF_UP;
  const wanted = setting.causes[0] + Math.floor(random() * (setting.causes[1] - setting.causes[0] + 1));
  const truth: Int32Array[] = [];
  const names: string[] = [];
  while (truth.length < wanted) {
    const [members, name] = drawScope(random, table);
    if (members.length < setting.smallest || members.length > MOST_SHARE * table.size) continue;
    if (truth.some((other) => own(members, other) < OWN_SHARE || own(other, members) < OWN_SHARE)) continue;
    truth.push(members);
    names.push(name);
    const rate = setting.rate[0] + random() * (setting.rate[1] - setting.rate[0]);
    for (const leaf of members) if (random() < rate) states[leaf] = LEAF_DOWN;
  }
  for (let leaf = 0; leaf < table.size; leaf++) if (random() >= setting.known) states[leaf] = LEAF_UNKNOWN;
  return { table, states, truth, names };
}

/** Groups of unequal size: the first of `count` values is drawn far more often than the last. */
function drawUnequal(random: Random, count: number): number {
  return Math.floor(count * random() ** 2);
}

function makeEstate(random: Random, leaves: number): LeafTable {
  const chains = 4 + Math.floor(random() * 36);
  const regions = 5 + Math.floor(random() * 20);
  const networks = 3 + Math.floor(random() * 8);
  const models = 4 + Math.floor(random() * 12);
  const firmwares = Array.from({ length: models }, () => 1 + Math.floor(random() * 30));
  const acquirerOf = Array.from({ length: chains }, () => Math.floor(random() * 6));
  const tillOf = Array.from({ length: chains }, () => Math.floor(random() * 8));
  const labelNames = random() < 0.5 ? LABELS : LABELS.slice(0, 8 + Math.floor(random() * 2));
  const rows: Record<string, string>[] = [];
  for (let store = 0; rows.length < leaves; store++) {
    const chain = drawUnequal(random, chains);
    const region = drawUnequal(random, regions);
    const network = drawUnequal(random, networks);
    const acquirer = random() < 0.9 ? acquirerOf[chain] : Math.floor(random() * 6);
    const till = random() < 0.95 ? tillOf[chain] : Math.floor(random() * 8);
    const lanes = 3 + drawUnequal(random, 22);
    for (let lane = 0; lane < lanes && rows.length < leaves; lane++) {
      const model = drawUnequal(random, models);
      const firmware = `${model}.${drawUnequal(random, firmwares[model] ?? 1)}`;
      rows.push({
        chain: `chain ${chain}`,
        store: `store ${store}`,
        region: `region ${region}`,
        network: `network ${network}`,
        acquirer: `acquirer ${acquirer}`,
        till_system: `till ${till}`,
        model: `model ${model}`,
        firmware,
        module: lane === 0 ? 'office' : lane < 3 ? 'self-service' : 'terminal',
        installed: `week ${Math.floor(random() * 300)}`,
      });
    }
  }
  return makeLeafTable(labelNames, rows);
}

/** Half of the scopes are one label, half two; the values are those of some leaf. */
function drawScope(random: Random, table: LeafTable): readonly [Int32Array, string] {
  const leaf = Math.floor(random() * table.size);
  const first = Math.floor(random() * table.labels.length);
  const labels = new Set([first]);
  if (random() < 0.5) labels.add(Math.floor(random() * table.labels.length));
  const terms = Array.from(labels, (label) => {
    const codes = table.labels[label]?.codes ?? new Int32Array(0);
    return { codes, code: codes[leaf] ?? -1, name: `${table.labels[label]?.name}` };
  });
  const members: number[] = [];
  for (let other = 0; other < table.size; other++)
    if (terms.every(({ codes, code }) => codes[other] === code)) members.push(other);
  return [Int32Array.from(members), terms.map(({ name }) => name).join(' and ')];
}

/** What share of `members` is not in `other`. */
function own(members: Int32Array, other: Int32Array): number {
  const others = new Set(other);
  let count = 0;
  for (const leaf of members) if (!others.has(leaf)) count++;
  return members.length === 0 ? 0 : count / members.length;
}
