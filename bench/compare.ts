import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BENCHMARKS, type Run, runBenchmark } from './suite.ts';
import { describeMachine, type Figure } from './tools.ts';

const BASELINE = join(import.meta.dirname, 'baseline.json');
/** So much worse than the baseline is worth a look. */
const TOLERATED = 1.2;
/** Below this share of its limit a figure may wander: 2 ms to 3 ms of 250 ms is nobody's loss. */
const NEGLIGIBLE = 0.1;
const USAGE = `Usage: npm run bench:compare -- [NAME… | FILE] [--save]

  Compares with bench/baseline.json: what FILE holds (lines of "npm run bench -- --json"), or what NAME… gives now;
  without any, every benchmark. Exit code 1 when a figure with a limit got worse by more than 20 %.
  --save  writes the runs into the baseline afterwards`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { save: { type: 'boolean', default: false } },
});
const baseline = new Map((await readBaseline()).map((run) => [run.name, run]));
const runs = await gatherRuns();
for (const run of runs) compare(run, baseline.get(run.name));
if (values.save && runs.length > 0) {
  for (const run of runs) baseline.set(run.name, run);
  const known = BENCHMARKS.map(({ name }) => baseline.get(name)).filter((run) => run !== undefined);
  await writeFile(BASELINE, `${JSON.stringify(known, undefined, 2)}\n`);
}

async function readBaseline(): Promise<readonly Run[]> {
  try {
    return JSON.parse(await readFile(BASELINE, 'utf8')) as readonly Run[];
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

async function gatherRuns(): Promise<readonly Run[]> {
  const chosen = BENCHMARKS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  if (positionals.length === 1 && chosen.length === 0) {
    const lines = (await readFile(positionals[0] ?? '', 'utf8')).split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Run);
  }
  if (positionals.length > chosen.length) {
    console.error(USAGE);
    process.exitCode = 2;
    return [];
  }
  const gathered: Run[] = [];
  for (const benchmark of chosen) gathered.push(await runBenchmark(benchmark, {}));
  return gathered;
}

function compare(run: Run, before: Run | undefined): void {
  console.log(
    `${run.name}: load average ${run.loadBefore} now, ${before?.loadBefore ?? 'nothing'} in the baseline`,
  );
  if (before !== undefined && before.machine !== describeMachine())
    console.log(`  the baseline was taken on another machine: ${before.machine}`);
  for (const figure of run.figures) {
    const old = before?.figures.find(({ name }) => name === figure.name);
    if (old === undefined) {
      console.log(`  ${figure.name.padEnd(62)} ${figure.value} ${figure.unit}, not in the baseline`);
      continue;
    }
    const ratio = old.value === figure.value ? 1 : figure.value / old.value;
    const isWorse = hasWorsened(figure, ratio);
    if (isWorse) process.exitCode = 1;
    const change = `${old.value} → ${figure.value} ${figure.unit} (×${ratio.toFixed(2)})`;
    console.log(`  ${figure.name.padEnd(62)} ${change}${isWorse ? '  WORSE' : ''}`);
  }
}

function hasWorsened({ value, limit, least }: Figure, ratio: number): boolean {
  if (limit !== undefined) return ratio > TOLERATED && value > NEGLIGIBLE * limit;
  return least !== undefined && ratio < 1 / TOLERATED;
}
