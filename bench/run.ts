import { parseArgs } from 'node:util';
import { reportProfiles } from './profile.ts';
import { BENCHMARKS, describeFigure, isMet, type Run, runBenchmark } from './suite.ts';
import { type BenchOptions, type Benchmark, describeMachine, makeFolder } from './tools.ts';

const SWEPT = [1_000, 10_000, 100_000];
const USAGE = `Usage: npm run bench -- [NAME…] [--json] [--targets N] [--minutes N] [--sweep] [--profile]

  NAME       ${BENCHMARKS.map(({ name }) => name).join(', ')}; without any, all
  --json     one line of JSON for each benchmark
  --targets  how many, instead of the benchmark's own number
  --minutes  how long soak and blackout take
  --sweep    soak and scrape at ${SWEPT.join(', ')} targets, and how their cost grows
  --profile  where the monitor's processor time goes (it then costs more)`;

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode ||= 3;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      targets: { type: 'string' },
      minutes: { type: 'string' },
      sweep: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
    },
  });
  const chosen = BENCHMARKS.filter(
    ({ name, sweeps }) =>
      (positionals.length === 0 || positionals.includes(name)) && (!values.sweep || sweeps === true),
  );
  const options: BenchOptions = {
    ...(values.targets === undefined ? {} : { targets: Number(values.targets) }),
    ...(values.minutes === undefined ? {} : { minutes: Number(values.minutes) }),
  };
  const isUnknown = positionals.some((word) => !BENCHMARKS.some(({ name }) => name === word));
  const isNoNumber = Object.values(options).some((given) => !(Number(given) > 0));
  if (chosen.length === 0 || isUnknown || isNoNumber) {
    process.exitCode = 2;
    throw new Error(USAGE);
  }
  if (!values.json) console.log(`${describeMachine()}\n`);
  for (const benchmark of chosen) {
    if (!values.json) console.log(`${benchmark.name}: ${benchmark.summary}`);
    if (values.sweep) await sweep(benchmark, options, values.json);
    else if (values.profile) await profile(benchmark, options, values.json);
    else print(await runBenchmark(benchmark, options), values.json);
  }
}

function print(run: Run, asJson: boolean): void {
  if (asJson) console.log(JSON.stringify(run));
  else {
    for (const figure of run.figures) console.log(describeFigure(figure));
    console.log(`  load average ${run.loadBefore} before, ${run.loadAfter} after\n`);
  }
  if (run.figures.some((figure) => isMet(figure) === false)) process.exitCode = 1;
}

async function profile(benchmark: Benchmark, options: BenchOptions, asJson: boolean): Promise<void> {
  await using folder = await makeFolder();
  print(await runBenchmark(benchmark, { ...options, profileDir: folder.path }), asJson);
  if (!asJson) console.log(await reportProfiles(folder.path));
}

/** Prints each figure at each size, and how many times as much it is as at the size before: 10 or less is linear. */
async function sweep(benchmark: Benchmark, options: BenchOptions, asJson: boolean): Promise<void> {
  const runs: Run[] = [];
  for (const targets of SWEPT) {
    const run = await runBenchmark(benchmark, { ...options, targets });
    runs.push(run);
    if (asJson) console.log(JSON.stringify({ ...run, targets }));
  }
  if (asJson) return;
  const [smallest] = runs;
  console.log(`  ${'targets'.padEnd(62)} ${SWEPT.map((targets) => String(targets).padStart(18)).join('')}`);
  for (const [i, { name, unit }] of (smallest?.figures ?? []).entries()) {
    const cells = runs.map(({ figures }, size) => {
      const value = figures[i]?.value ?? Number.NaN;
      const before = runs[size - 1]?.figures[i]?.value;
      const growth = before === undefined || before === 0 ? '' : ` (×${(value / before).toFixed(1)})`;
      return `${value}${growth}`.padStart(18);
    });
    console.log(`  ${`${name}${unit === '' ? '' : `, ${unit}`}`.padEnd(62)} ${cells.join('')}`);
  }
  console.log(`  load average ${runs.map(({ loadAfter }) => loadAfter).join(', ')}\n`);
}
