import { setImmediate } from 'node:timers/promises';
import type { Target } from '../estate/estate.ts';
import type { CsvTable } from './csv-table.ts';
import { readEstateTable } from './estate-table.ts';
import type { TargetMaker } from './make-target.ts';
import { ROWS_AT_A_TIME } from './read-stores.ts';
import type { SettingsProblem } from './settings.ts';

const COLUMNS = {
  required: ['terminal_id', 'store_id', 'address', 'module'],
  known: ['terminal_id', 'store_id', 'address', 'module'],
  labelOwner: 'target',
} as const;

const COLUMN_OF = { id: 'terminal_id', store: 'store_id', address: 'address', module: 'module' } as const;

/** Reads terminals.csv: each row a target of kind `terminal`, unless a column `kind` says otherwise. */
export async function readTerminals(
  file: string,
  table: CsvTable,
  makeTarget: TargetMaker,
  report: (problem: SettingsProblem) => void,
): Promise<readonly Target[]> {
  const estateTable = readEstateTable(file, table, COLUMNS, report);
  const targets: Target[] = [];
  for (const [i, csvRow] of (estateTable?.rows ?? []).entries()) {
    if (i % ROWS_AT_A_TIME === 0) await setImmediate();
    const row = estateTable?.read(csvRow);
    if (row === undefined) continue;
    const store = row.cell('store_id');
    if (store === undefined) row.refuse('store_id', 'this row has no store_id');
    const target = makeTarget(
      {
        id: row.cell('terminal_id'),
        store,
        address: row.cell('address'),
        module: row.cell('module'),
        labels: row.labels(),
        fallbackKind: 'terminal',
        file,
        line: row.line,
      },
      (field, message) => row.refuse(COLUMN_OF[field], message),
    );
    if (target !== undefined) targets.push(target);
  }
  return targets;
}
