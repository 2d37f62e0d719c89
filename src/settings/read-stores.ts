import { setImmediate } from 'node:timers/promises';
import type { Store } from '../estate/estate.ts';
import { type StoreId, toStoreId } from '../estate/ids.ts';
import { type OpeningHours, parseOpeningHours } from '../estate/opening-hours.ts';
import { err, ok, type Result } from '../lib/result.ts';
import type { CsvTable } from './csv-table.ts';
import { type EstateRow, readEstateTable } from './estate-table.ts';
import { refuseId } from './ids.ts';
import type { SettingsProblem } from './settings.ts';
import { DEFAULT_TIMEZONE, makeZoneCheck } from './zones.ts';

const REQUIRED = ['store_id', 'name'];
const NOT_LABELS = [...REQUIRED, 'latitude', 'longitude', 'timezone', 'opening_hours', 'weekly_sales'];
/** Rows read before other work gets its turn. */
export const ROWS_AT_A_TIME = 1_000;

/** What stores.csv says. */
export interface StoresRead {
  readonly stores: ReadonlyMap<StoreId, Store>;
  /** Every id that the file mentions, on rows that cannot be used as well. */
  readonly mentioned: ReadonlySet<string>;
}

/** Days since 1 January 1970, by time zone. */
export type PublicHolidays = ReadonlyMap<string, readonly number[]>;

/** Reads stores.csv. Undefined: its header makes no sense, so nothing can be said of its rows. */
export async function readStores(
  file: string,
  table: CsvTable,
  holidays: PublicHolidays,
  report: (problem: SettingsProblem) => void,
): Promise<StoresRead | undefined> {
  const columns = { required: REQUIRED, known: NOT_LABELS, labelOwner: 'store' } as const;
  const estateTable = readEstateTable(file, table, columns, report);
  if (estateTable === undefined) return undefined;
  const stores = new Map<StoreId, Store>();
  const lineOf = new Map<string, number>();
  const torn = new Set<string>();
  const checks = { isZone: makeZoneCheck(), readHours: makeHoursReader(), holidays };
  for (const [i, csvRow] of estateTable.rows.entries()) {
    if (i % ROWS_AT_A_TIME === 0) await setImmediate();
    const row = estateTable.read(csvRow);
    if (row === undefined) {
      for (const cell of csvRow.cells) torn.add(cell);
      continue;
    }
    const id = row.cell('store_id');
    const refusal = refuseId('store', id);
    if (id === undefined || refusal !== undefined) {
      row.refuse('store_id', refusal ?? 'this row has no store_id');
      continue;
    }
    const firstLine = lineOf.get(id);
    if (firstLine !== undefined) {
      row.refuse(
        'store_id',
        `store "${id}" stands twice; it is also on line ${firstLine}: give one another store_id`,
      );
      continue;
    }
    lineOf.set(id, row.line);
    stores.set(toStoreId(id), readStore(toStoreId(id), row, checks));
  }
  return { stores, mentioned: torn.union(lineOf) };
}

interface StoreChecks {
  readonly isZone: (zone: string) => Result<true>;
  readonly readHours: (text: string) => Result<OpeningHours>;
  readonly holidays: PublicHolidays;
}

function readStore(id: StoreId, row: EstateRow, { isZone, readHours, holidays }: StoreChecks): Store {
  const name = row.cell('name');
  if (name === undefined) row.refuse('name', `store "${id}" has no name`);
  const labels = row.labels();
  const { chain, region, city } = labels;
  const timezone = row.cell('timezone') ?? DEFAULT_TIMEZONE;
  const zone = isZone(timezone);
  if (!zone.ok) row.refuse('timezone', zone.error);
  const openingHours = row.cell('opening_hours');
  const hours = openingHours === undefined ? undefined : readHours(openingHours);
  if (hours?.ok === false) row.refuse('opening_hours', hours.error);
  const isAboutHolidays = hours?.ok === true && hours.value.onHolidays !== undefined;
  const publicHolidays = isAboutHolidays ? holidays.get(timezone) : undefined;
  if (isAboutHolidays && zone.ok && publicHolidays === undefined) {
    row.refuse(
      'opening_hours',
      `"${openingHours}" is about public holidays (PH), and none are given for ${timezone}; ` +
        `give them in the configuration, as in estate.public_holidays: { ${timezone}: [2026-12-25] }`,
    );
  }
  const read = <Value>(column: string, parse: (text: string) => Result<Value>): Value | undefined => {
    const text = row.cell(column);
    const result = text === undefined ? undefined : parse(text);
    if (result?.ok === false) row.refuse(column, result.error);
    return result?.ok === true ? result.value : undefined;
  };
  const latitude = read('latitude', (text) => parseDegrees(text, 'latitude', 90));
  const longitude = read('longitude', (text) => parseDegrees(text, 'longitude', 180));
  const weeklySalesOre = read('weekly_sales', parseSekAsOre);
  return Object.freeze({
    id,
    name: name ?? id,
    ...(chain === undefined ? {} : { chain }),
    ...(region === undefined ? {} : { region }),
    ...(city === undefined ? {} : { city }),
    ...(latitude === undefined ? {} : { latitude }),
    ...(longitude === undefined ? {} : { longitude }),
    timezone,
    ...(openingHours === undefined ? {} : { openingHours }),
    ...(publicHolidays === undefined ? {} : { publicHolidays }),
    ...(weeklySalesOre === undefined ? {} : { weeklySalesOre }),
    labels: Object.freeze(labels),
  });
}

/** Most stores of a chain keep the same hours. */
function makeHoursReader(): (text: string) => Result<OpeningHours> {
  const known = new Map<string, Result<OpeningHours>>();
  return (text) => {
    const result = known.get(text) ?? parseOpeningHours(text);
    known.set(text, result);
    return result;
  };
}

/** Degrees with a decimal point, or a decimal comma as spreadsheets here write it. */
function parseDegrees(text: string, column: string, most: number): Result<number> {
  const degrees = /^[-+]?\d+([.,]\d+)?$/.test(text) ? Number(text.replace(',', '.')) : Number.NaN;
  if (Math.abs(degrees) <= most) return ok(degrees);
  return err(`"${text}" is not a ${column}; write degrees from -${most} to ${most}, as in 59.3793`);
}

/** SEK with at most two decimals; digits may stand in groups of three with spaces between. */
function parseSekAsOre(text: string): Result<number> {
  const [, whole, decimals = ''] =
    /^(\d+|\d{1,3}(?:[ \u00a0\u202f]\d{3})+)(?:[.,](\d{1,2}))?$/.exec(text) ?? [];
  const ore = Number(`${whole?.replace(/\D/g, '') ?? ''}${decimals.padEnd(2, '0')}`);
  if (whole !== undefined && Number.isSafeInteger(ore)) return ok(ore);
  return err(`"${text}" is not an amount; write SEK an ordinary week, as in 1250000 or 1250000.50`);
}
