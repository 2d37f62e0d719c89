import type { Command } from 'commander';
import { LEAF_DOWN, LEAF_UNKNOWN, LEAF_UP, type LeafTable, makeLeafTable } from '../core/leaf-table.ts';
import { type Explanation, localise } from '../core/localise.ts';
import { err, ok, type Result } from '../lib/result.ts';
import { type CsvRow, type CsvTable, parseCsv } from '../settings/csv-table.ts';
import { didYouMean } from '../settings/did-you-mean.ts';
import { formatProblem, type SettingsProblem } from '../settings/settings.ts';
import { readText } from '../settings/text-file.ts';
import { whyUnreadable } from '../settings/tokens.ts';
import { type CliContext, type ExitCode, UsageError } from './context.ts';

interface ExplainOptions {
  readonly json?: true;
}

/** Rows of failures: what each shares with others, and whether it is down. */
interface Failures {
  readonly table: LeafTable;
  readonly states: Uint8Array;
}

const STATE = 'state';
const STATES: ReadonlyMap<string, number> = new Map([
  ['up', LEAF_UP],
  ['down', LEAF_DOWN],
  ['unknown', LEAF_UNKNOWN],
]);
/** Further mistakes are counted, not shown. */
const MOST_SHOWN = 20;

export function addExplain(program: Command, cli: CliContext): void {
  program
    .command('explain')
    .description('find what the failures in a table share: the fewest labels that explain what is down')
    .argument(
      '<file>',
      'a CSV file: first an id, a column "state" (up, down or unknown), all others are labels',
    )
    .option('--json', 'as JSON, best explanation first')
    .action((file: string, options: ExplainOptions) => cli.finish(() => runExplain(file, options, cli)));
}

/** Ends with 0 whether or not something explains the failures: that nothing does is an answer too. */
async function runExplain(file: string, { json }: ExplainOptions, cli: CliContext): Promise<ExitCode> {
  const read = await readFailures(file);
  if (!read.ok) {
    for (const problem of read.error.slice(0, MOST_SHOWN)) cli.complain(formatProblem(problem));
    const more = read.error.length - MOST_SHOWN;
    if (more > 0) cli.complain(`… and ${more} more`);
    return 2;
  }
  const { table, states } = read.value;
  const explanations = localise(table, states);
  if (json === true) cli.print(JSON.stringify(explanations.map(toJson), undefined, 2));
  else for (const line of describe(explanations, states)) cli.print(line);
  return 0;
}

function toJson({ scopes, down, members, confidence }: Explanation): object {
  const [scope = {}, ...also] = scopes;
  const rounded = Math.round(confidence * 1_000) / 1_000;
  return { scope, down, members, confidence: rounded, ...(also.length === 0 ? {} : { also }) };
}

async function readFailures(file: string): Promise<Result<Failures, readonly SettingsProblem[]>> {
  let text: Awaited<ReturnType<typeof readText>>;
  try {
    text = await readText(file);
  } catch (cause) {
    throw new UsageError(`cannot read "${file}": ${whyUnreadable(cause)}`, { cause });
  }
  const csv = text.ok ? await parseCsv(text.value) : text;
  if (!csv.ok) return err([{ file, path: '', ...csv.error }]);
  const problems: SettingsProblem[] = [];
  const refuse = (row: CsvRow, cell: number, message: string): void => {
    problems.push({
      file,
      path: csv.value.header.cells[cell] ?? '',
      ...csv.value.positionOf(row, cell),
      message,
    });
  };
  const stateColumn = checkHeader(csv.value, refuse);
  if (stateColumn === undefined) return err(problems);
  const failures = readRows(csv.value, stateColumn, refuse);
  return problems.length === 0 ? ok(failures) : err(problems);
}

type Refuse = (row: CsvRow, cell: number, message: string) => void;

/** The column of the state; undefined when the header is wrong, which is then told. */
function checkHeader({ header, rows }: CsvTable, refuse: Refuse): number | undefined {
  const { cells } = header;
  let isUsable = true;
  const complain = (cell: number, message: string): void => {
    isUsable = false;
    refuse(header, cell, message);
  };
  for (const [i, name] of cells.entries()) {
    const first = cells.indexOf(name);
    if (name === '') complain(i, `column ${i + 1} has no name; name it or remove it`);
    else if (first !== i)
      complain(i, `column "${name}" stands twice, as columns ${first + 1} and ${i + 1}; keep one`);
  }
  const state = cells.indexOf(STATE);
  if (state < 0) {
    const near = cells.findIndex((name) => name !== '' && didYouMean(name, [STATE]) !== '');
    if (near < 0)
      complain(0, `there is no column "${STATE}"; add one that says up, down or unknown in each row`);
    else complain(near, `there is no column "${STATE}"; rename "${cells[near]}" if it is the one`);
  } else if (state === 0) {
    complain(0, `the first column is "${STATE}"; put a column before it that names each row, as an id`);
  } else if (cells.length < 3) {
    complain(0, `there are no labels: add columns that say what rows share, such as chain, region or model`);
  }
  if (rows.length === 0)
    complain(0, 'there are no rows below the header; add one for each thing that can fail');
  return isUsable ? state : undefined;
}

function readRows({ header, rows, delimiter }: CsvTable, stateColumn: number, refuse: Refuse): Failures {
  const width = header.cells.length;
  const labels = header.cells.filter((_, i) => i !== 0 && i !== stateColumn);
  const lineOf = new Map<string, number>();
  const states = new Uint8Array(rows.length);
  const records: Record<string, string>[] = [];
  for (const [leaf, row] of rows.entries()) {
    const { cells, line } = row;
    if (cells.length !== width) {
      const separator = delimiter === '\t' ? 'a tab' : `"${delimiter}"`;
      const remedy =
        cells.length > width ? `put a cell that contains ${separator} in quotes` : 'add the missing ones';
      refuse(row, 0, `this row has ${cells.length} cells, the header has ${width} columns; ${remedy}`);
      continue;
    }
    const [id = ''] = cells;
    const before = lineOf.get(id);
    if (id === '') refuse(row, 0, 'this row has no id; give it one of its own in the first column');
    else if (before !== undefined)
      refuse(row, 0, `"${id}" stands in line ${before} already; give each row an id of its own`);
    lineOf.set(id, before ?? line);
    const text = cells[stateColumn] ?? '';
    const state = STATES.get(text.toLowerCase());
    if (state === undefined)
      refuse(
        row,
        stateColumn,
        `the state is "${text}"; write up, down or unknown${didYouMean(text, STATES.keys())}`,
      );
    states[leaf] = state ?? LEAF_UNKNOWN;
    records.push(Object.fromEntries(header.cells.map((name, i) => [name, cells[i] ?? ''])));
  }
  return { table: makeLeafTable(labels, records), states };
}

function describe(explanations: readonly Explanation[], states: Uint8Array): readonly string[] {
  const down = count(states, LEAF_DOWN);
  const unknown = count(states, LEAF_UNKNOWN);
  const rest = unknown === 0 ? '' : `, ${unknown} ${be(unknown)} unknown`;
  if (down === 0) return [`None of ${states.length} is down${rest}.`];
  const head = `${down} of ${states.length} ${be(down)} down${rest}.`;
  if (explanations.length === 0) return [head, 'Nothing that they share explains them.'];
  const explained = new Set<number>();
  for (const { leaves } of explanations)
    for (const leaf of leaves) if (states[leaf] === LEAF_DOWN) explained.add(leaf);
  const left = down - explained.size;
  const tail = `${left} ${be(left)} down besides, and nothing explains ${left === 1 ? 'it' : 'them'}.`;
  return [head, ...explanations.flatMap(describeOne), ...(left === 0 ? [] : [tail])];
}

function describeOne({ scopes, members, down, up, confidence }: Explanation): readonly string[] {
  const [scope = {}, ...also] = scopes;
  const unknown = members - down - up;
  const parts = [
    `${down === members ? 'All' : `${down} of`} ${members} of ${nameOf(scope)} are down`,
    ...(up === 0 ? [] : [`${up} still ${up === 1 ? 'answers' : 'answer'}`]),
    ...(unknown === 0 ? [] : [`nothing is known of ${unknown}`]),
  ];
  // Never a certainty: what was not looked at may explain it better.
  const percent = Math.min(99, Math.round(confidence * 100));
  return [
    `${parts.join('; ')} (confidence ${percent} %).`,
    ...also.map((other) => `  ${nameOf(other)} explains it as well.`),
  ];
}

function count(states: Uint8Array, wanted: number): number {
  return states.reduce((found, state) => found + (state === wanted ? 1 : 0), 0);
}

function be(howMany: number): string {
  return howMany === 1 ? 'is' : 'are';
}

function nameOf(scope: Readonly<Record<string, string>>): string {
  const terms = Object.entries(scope).map(([label, value]) => `${label}=${value}`);
  return terms.length === 0 ? 'everything' : terms.join(' with ');
}
