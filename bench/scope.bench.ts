import { localise } from '../src/core/localise.ts';
import { makeScopeCase, type ScopeCase, type ScopeSetting } from './scope-estate.ts';
import { type Benchmark, type BenchOptions, type Figure, quantile, round } from './tools.ts';

/** Figures are reported on seeds from here on; what was tuned was tuned on others. */
const FIRST_SEED = 10_000_000;
/** Cases of each setting, in so many batches with a score each. */
const BATCHES = 10;
const SIZES = [
  { leaves: 1_000, cases: 200, limitMs: undefined },
  { leaves: 10_000, cases: 100, limitMs: 50 },
  { leaves: 100_000, cases: 20, limitMs: 500 },
] as const;
/** A scope that shares this much with a cause names it. */
const SAME_SHARE = 0.95;

type Setting = Omit<ScopeSetting, 'leaves'> & { readonly name: string; readonly least: number };

const PLAIN = { rate: [0.7, 1], noise: 0.01, smallest: 10, known: 1 } as const;
const SETTINGS: readonly Setting[] = [
  { name: 'one cause', least: 0.99, causes: [1, 1], ...PLAIN },
  { name: 'two causes', least: 0.97, causes: [2, 2], ...PLAIN },
  { name: 'three causes', least: 0.95, causes: [3, 3], ...PLAIN },
  { name: 'hard', least: 0.9, causes: [1, 5], rate: [0.4, 1], noise: 0.03, smallest: 5, known: 1 },
  { name: 'early', least: 0.98, causes: [1, 1], rate: [0.7, 1], noise: 0.01, smallest: 100, known: 0.1 },
];

/** How many of the causes were named, and what else was. */
interface Score {
  readonly hits: number;
  readonly false: number;
  readonly missed: number;
}

interface Cost {
  readonly durationMs: number;
  /** Of this thread; the system counts it in steps of a few ms. */
  readonly processorMs: number;
}

export const scope: Benchmark = {
  name: 'scope',
  summary:
    'which scopes explain what is down, in random estates with known causes: how often right, how fast',
  async run({ targets }: BenchOptions): Promise<readonly Figure[]> {
    const sizes =
      targets === undefined ? SIZES : [{ leaves: targets, cases: 100, limitMs: undefined } as const];
    const scores = new Map<string, Score[]>(SETTINGS.map(({ name }) => [name, []]));
    const figures: Figure[] = [];
    for (const { leaves, cases, limitMs } of sizes) {
      const costs: Cost[] = [];
      for (const [s, { name, least: _, ...setting }] of SETTINGS.entries()) {
        for (let i = 0; i < cases; i++) {
          const seed = FIRST_SEED + s * 1_000_000 + leaves + i;
          const made = makeScopeCase(seed, { ...setting, leaves });
          const { score, cost } = runCase(made);
          costs.push(cost);
          scores.get(name)?.push(score);
        }
      }
      const size = leaves.toLocaleString('en');
      const limit = limitMs === undefined ? {} : { limit: limitMs };
      const durations = costs.map(({ durationMs }) => durationMs);
      const processor = costs.map(({ processorMs }) => processorMs);
      figures.push(
        { name: `time at ${size} leaves, p50`, value: round(quantile(durations, 0.5), 1), unit: 'ms' },
        { name: `time at ${size} leaves, p99`, value: round(quantile(durations, 0.99), 1), unit: 'ms' },
        {
          name: `processor time at ${size} leaves, p99`,
          value: round(quantile(processor, 0.99), 1),
          unit: 'ms',
          ...limit,
        },
      );
    }
    return [...SETTINGS.flatMap((setting) => accuracy(setting, scores.get(setting.name) ?? [])), ...figures];
  },
};

/** Of two runs the faster one counts: what else the machine does is not the search's. */
function runCase({ table, states, truth }: ScopeCase): { score: Score; cost: Cost } {
  const first = costOf(() => localise(table, states));
  const { value: said, cost: again } = costOf(() => localise(table, states));
  const left = Array.from(truth);
  let wrong = 0;
  for (const { leaves } of said) {
    const index = left.findIndex((members) => jaccard(members, leaves) >= SAME_SHARE);
    if (index < 0) wrong++;
    else left.splice(index, 1);
  }
  return {
    score: { hits: truth.length - left.length, false: wrong, missed: left.length },
    cost: {
      durationMs: Math.min(first.cost.durationMs, again.durationMs),
      processorMs: Math.min(first.cost.processorMs, again.processorMs),
    },
  };
}

function costOf<Value>(run: () => Value): { readonly value: Value; readonly cost: Cost } {
  const before = process.threadCpuUsage();
  const startedMs = performance.now();
  const value = run();
  const durationMs = performance.now() - startedMs;
  const { user, system } = process.threadCpuUsage(before);
  return { value, cost: { durationMs, processorMs: (user + system) / 1_000 } };
}

function accuracy({ name, least }: Setting, scores: readonly Score[]): readonly Figure[] {
  const batches = Array.from({ length: BATCHES }, (_, batch) =>
    f1(scores.filter((_, i) => i % BATCHES === batch)),
  );
  const { hits, false: wrong, missed } = sum(scores);
  return [
    { name: `${name}: F1`, value: round(f1(scores), 4), unit: '', least },
    { name: `${name}: precision`, value: round(hits / (hits + wrong), 4), unit: '' },
    { name: `${name}: recall`, value: round(hits / (hits + missed), 4), unit: '' },
    {
      name: `${name}: F1 of the worst of ${BATCHES} batches`,
      value: round(Math.min(...batches), 4),
      unit: '',
    },
    { name: `${name}: F1 of the best`, value: round(Math.max(...batches), 4), unit: '' },
  ];
}

function f1(scores: readonly Score[]): number {
  const { hits, false: wrong, missed } = sum(scores);
  return (2 * hits) / (2 * hits + wrong + missed);
}

function sum(scores: readonly Score[]): Score {
  const total = { hits: 0, false: 0, missed: 0 };
  for (const score of scores) {
    total.hits += score.hits;
    total.false += score.false;
    total.missed += score.missed;
  }
  return total;
}

/** What share of the leaves of either is in both. */
function jaccard(a: Int32Array, b: Int32Array): number {
  const own = new Set(a);
  let both = 0;
  for (const leaf of b) if (own.has(leaf)) both++;
  return both / (a.length + b.length - both);
}
