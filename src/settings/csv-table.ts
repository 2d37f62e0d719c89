import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import { CsvError, parse } from 'csv-parse';
import { err, ok, type Result } from '../lib/result.ts';
import type { Position } from './config-document.ts';

/** One line of a CSV file; a quoted cell may stretch over several lines of text. */
export interface CsvRow {
  /** Where it begins. Counts from 1. */
  readonly line: number;
  /** Without white space around them. */
  readonly cells: readonly string[];
}

/** A CSV file as read: its first row that is not blank is the header. */
export interface CsvTable {
  readonly header: CsvRow;
  /** Without blank rows. */
  readonly rows: readonly CsvRow[];
  readonly delimiter: string;
  /** Where cell `cell` (from 0) of `row` begins. */
  positionOf(row: CsvRow, cell: number): Position;
}

/** Why a text is not CSV, and where. */
export type CsvProblem = Position & { readonly message: string };

/** Bytes parsed before other work gets its turn: a reload must not hold up the probes. */
const CHUNK_BYTES = 65_536;

/** Reads CSV with `,`, `;` or tab between the cells, whichever its first line has most of. */
export async function parseCsv(text: string): Promise<Result<CsvTable, CsvProblem>> {
  const lines = text.split('\n');
  const delimiter = delimiterOf(lines.find((line) => line.trim() !== '') ?? '');
  const mayStretch = text.includes('"');
  const rows: CsvRow[] = [];
  let line = 1;
  try {
    const collect = (record: string[]): null => {
      const cells = record.map((cell) => cell.trim());
      if (cells.some((cell) => cell !== '')) rows.push({ line, cells });
      line += 1 + (mayStretch ? countNewlines(record) : 0);
      return null;
    };
    const parser = parse({
      delimiter,
      record_delimiter: '\n',
      relax_column_count: true,
      trim: true,
      on_record: collect,
    });
    await pipeline(inChunks(Buffer.from(text)), parser.resume());
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    return err({ ...locate(lines, line, delimiter, cellOf(error)), message: explain(error) });
  }
  const [header, ...rest] = rows;
  if (header === undefined)
    return err({ line: 1, column: 1, message: 'the file is empty; its first line must name the columns' });
  return ok({
    header,
    rows: rest,
    delimiter,
    positionOf: (row, cell) => locate(lines, row.line, delimiter, cell),
  });
}

async function* inChunks(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
    yield bytes.subarray(start, start + CHUNK_BYTES);
    await setImmediate();
  }
}

function delimiterOf(line: string): string {
  const bare = line.replace(/"[^"]*"/g, '');
  const counted = [',', ';', '\t'].map((candidate) => ({ candidate, n: bare.split(candidate).length }));
  return counted.reduce((best, next) => (next.n > best.n ? next : best)).candidate;
}

function countNewlines(cells: readonly string[]): number {
  return cells.reduce((sum, cell) => (cell.includes('\n') ? sum + cell.split('\n').length - 1 : sum), 0);
}

/** Finds a cell's first character by counting delimiters outside quotes from the start of its row. */
function locate(lines: readonly string[], startLine: number, delimiter: string, cell: number): Position {
  let line = startLine;
  let column = 0;
  let quoted = false;
  let left = cell;
  while (left > 0 && line <= lines.length) {
    const text = lines[line - 1] ?? '';
    if (column >= text.length) {
      if (!quoted) break;
      line += 1;
      column = 0;
      continue;
    }
    const letter = text[column];
    if (letter === '"') quoted = !quoted;
    else if (letter === delimiter && !quoted) left -= 1;
    column += 1;
  }
  while (lines[line - 1]?.[column] === ' ') column += 1;
  return { line, column: column + 1 };
}

/** The cell (from 0) that the parser stopped in. */
function cellOf(error: CsvError): number {
  const column: unknown = error['column'];
  return typeof column === 'number' ? column : 0;
}

function explain(error: CsvError): string {
  switch (error.code as string) {
    case 'CSV_QUOTE_NOT_CLOSED':
      return 'the quote that opens this cell is never closed; close it, or double it where a plain " is meant';
    case 'CSV_INVALID_CLOSING_QUOTE':
    case 'CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE':
      return 'this cell goes on after its closing quote; double each " that belongs to the text';
    case 'INVALID_OPENING_QUOTE':
      return 'this cell has a " but does not begin with one; put the whole cell in quotes and double each " in it';
    default:
      return `this is not valid CSV here: ${error.message}`;
  }
}
