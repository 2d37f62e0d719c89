import { lateness } from './lateness.bench.ts';
import { restart } from './restart.bench.ts';
import { type Benchmark, describeMachine } from './tools.ts';

const BENCHMARKS: readonly Benchmark[] = [lateness, restart];

const [name, ...rest] = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const asJson = process.argv.includes('--json');
const chosen = name === undefined ? BENCHMARKS : BENCHMARKS.filter((benchmark) => benchmark.name === name);
if (chosen.length === 0 || rest.length > 0) {
  console.error(
    `Usage: npm run bench -- [NAME] [--json], where NAME is one of ${BENCHMARKS.map((b) => b.name).join(', ')}`,
  );
  process.exitCode = 2;
}

if (!asJson && chosen.length > 0) console.log(`${describeMachine()}\n`);
for (const benchmark of chosen) {
  if (!asJson) console.log(`${benchmark.name}: ${benchmark.summary}`);
  const figures = await benchmark.run();
  if (asJson) console.log(JSON.stringify({ name: benchmark.name, machine: describeMachine(), figures }));
  for (const figure of figures) {
    const verdict = figure.limit === undefined ? '' : figure.value <= figure.limit ? '  met' : '  NOT MET';
    const limit = figure.limit === undefined ? '' : `  (limit ${figure.limit} ${figure.unit})`;
    if (!asJson)
      console.log(
        `  ${figure.name.padEnd(48)} ${String(figure.value).padStart(10)} ${figure.unit}${limit}${verdict}`,
      );
    if (figure.limit !== undefined && figure.value > figure.limit) process.exitCode = 1;
  }
}
