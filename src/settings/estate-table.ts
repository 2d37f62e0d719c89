import type { CsvRow, CsvTable } from './csv-table.ts';
import { didYouMean } from './did-you-mean.ts';
import { type LabelOwner, refuseLabelName } from './label-names.ts';
import type { SettingsProblem } from './settings.ts';

/** Which columns a file has, and what each means. */
interface Columns {
  readonly required: readonly string[];
  /** Columns that are no labels. */
  readonly known: readonly string[];
  readonly labelOwner: LabelOwner;
}

/** A row whose cells are found by the name of their column. */
export interface EstateRow {
  readonly line: number;
  /** The cell's text; undefined when it is empty or the file has no such column. */
  cell(column: string): string | undefined;
  /** The cells that are labels, in the order of the columns; empty ones are absent. */
  labels(): Record<string, string>;
  refuse(column: string, message: string): void;
}

/** A CSV file whose header was understood. */
export interface EstateTable {
  readonly rows: readonly CsvRow[];
  /** Undefined when the row has the wrong number of cells, which is then reported. */
  read(row: CsvRow): EstateRow | undefined;
}

/** Reads the header of `table`. Undefined when rows cannot be understood without it; why is in `report`. */
export function readEstateTable(
  file: string,
  table: CsvTable,
  columns: Columns,
  report: (problem: SettingsProblem) => void,
): EstateTable | undefined {
  const { header } = table;
  const refuseCell = (row: CsvRow, cell: number, path: string, message: string): void =>
    report({ file, ...table.positionOf(row, cell), path, message });
  const usable = checkHeader(header.cells, columns, (cell, message) =>
    refuseCell(header, cell, header.cells[cell] ?? '', message),
  );
  if (!usable) return undefined;

  const indexOf = new Map(header.cells.map((name, i) => [name, i]));
  const labelColumns = header.cells.flatMap((name, i) =>
    columns.known.includes(name) ? [] : [[name, i] as const],
  );
  const interned = new Map<string, string>();
  const intern = (text: string): string => {
    const before = interned.get(text);
    if (before === undefined) interned.set(text, text);
    return before ?? text;
  };
  const width = header.cells.length;
  const read = (row: CsvRow): EstateRow | undefined => {
    const { cells, line } = row;
    if (cells.length !== width) {
      const spare = cells.length > width;
      const message = `this row has ${cells.length} cells, the header has ${width} columns; ${
        spare
          ? `put a cell that contains "${nameOfDelimiter(table.delimiter)}" in quotes`
          : 'add the missing cells, empty if need be'
      }`;
      refuseCell(row, spare ? width : 0, '', message);
      return undefined;
    }
    return {
      line,
      cell: (column) => {
        const index = indexOf.get(column);
        return index === undefined ? undefined : cells[index] || undefined;
      },
      labels: () => {
        const labels: Record<string, string> = {};
        for (const [name, i] of labelColumns) {
          const value = cells[i];
          if (value !== undefined && value !== '') labels[name] = intern(value);
        }
        return labels;
      },
      refuse: (column, message) => refuseCell(row, indexOf.get(column) ?? 0, column, message),
    };
  };
  return { rows: table.rows, read };
}

function nameOfDelimiter(delimiter: string): string {
  return delimiter === '\t' ? 'a tab' : delimiter;
}

/** Long enough that a near miss is a typing error and hardly a label of somebody's own. */
const SHORTEST_GUESSED = 8;

function checkHeader(
  names: readonly string[],
  { required, known, labelOwner }: Columns,
  refuse: (cell: number, message: string) => void,
): boolean {
  let usable = true;
  const guessed = new Set<number>();
  for (const column of known.filter((column) => !names.includes(column))) {
    const isRequired = required.includes(column);
    if (!isRequired && column.length < SHORTEST_GUESSED) continue;
    const cell = names.findIndex(
      (name, i) => !known.includes(name) && !guessed.has(i) && didYouMean(name, [column]) !== '',
    );
    if (cell !== -1) {
      guessed.add(cell);
      refuse(cell, `unknown column "${names[cell]}", did you mean "${column}"?`);
    } else if (isRequired) {
      refuse(0, `missing column "${column}"; the required columns are ${required.join(', ')}`);
    }
    usable &&= !isRequired;
  }
  for (const [i, name] of names.entries()) {
    const first = names.indexOf(name);
    if (name === '') refuse(i, `column ${i + 1} has no name; name it or remove it`);
    else if (first !== i)
      refuse(i, `column "${name}" stands twice, as columns ${first + 1} and ${i + 1}; keep one`);
    else if (!known.includes(name) && !guessed.has(i)) {
      const problem = refuseLabelName(name, labelOwner);
      if (problem !== undefined) refuse(i, problem);
    }
  }
  return usable;
}
