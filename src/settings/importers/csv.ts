import { parseOpeningHours } from '../../estate/opening-hours.ts';
import { err, ok, type Result } from '../../lib/result.ts';
import { type CsvRow, type CsvTable, parseCsv } from '../csv-table.ts';
import { refuseId } from '../ids.ts';
import { makeZoneCheck } from '../zones.ts';
import { type Headings, type Meaning, readHeadings } from './csv-headings.ts';
import { hostAndPort } from './http-request.ts';
import type { ImportDraft, ModuleDraft } from './import-draft.ts';
import { fileProblem, type Importer } from './importer.ts';

/** A list of devices, stores or both, as a spreadsheet or an inventory gives it. */
export const csvImporter: Importer = {
  name: 'csv',
  summary: 'a list of devices or stores (CSV) with whatever columns',
  mostBytes: 64 * 1_024 ** 2,
  async read({ file, text }, draft) {
    const table = await parseCsv(text);
    if (!table.ok) {
      return err(fileProblem(file, table.error.message, table.error.line, table.error.column));
    }
    const headings = withProtocols(readHeadings(table.value.header.cells), table.value);
    const { of } = headings;
    if (!of.has('address') && !of.has('store_id') && !of.has('store_name')) {
      const given = table.value.header.cells.join(', ');
      return err(
        fileProblem(
          file,
          `no column tells an address or a store; the headings are ${given}: call one "address"`,
        ),
      );
    }
    tellHeadings(table.value, headings, draft);
    importRows(table.value, headings, draft);
    return ok(true);
  },
};

/** A column "type" may say how to probe, or what it is: its values tell. */
function withProtocols(headings: Headings, { rows }: CsvTable): Headings {
  const column = headings.of.get('kind');
  if (column === undefined || headings.of.has('module')) return headings;
  const values = rows.map(({ cells }) => cells[column] ?? '').filter((value) => value !== '');
  if (values.length === 0 || !values.every((value) => proberOf(value) !== undefined)) return headings;
  const of = new Map(headings.of);
  of.delete('kind');
  return { ...headings, of: of.set('module', column) };
}

function tellHeadings({ header }: CsvTable, { of, labels, left }: Headings, draft: ImportDraft): void {
  const where = `line ${header.line}`;
  for (const [meaning, column] of of) {
    const heading = header.cells[column] ?? '';
    if (heading !== meaning) draft.carried(where, `the column "${heading}" is taken for ${meaning}`);
  }
  for (const { heading, label } of labels) {
    draft.carried(where, `the column "${heading}" is the label ${label}`);
  }
  for (const meaning of of.has('address') ? [] : OF_DEVICE) {
    const column = of.get(meaning);
    if (column !== undefined) {
      draft.skipped(
        where,
        `the column "${header.cells[column] ?? ''}"`,
        'only a device has that, and none has an address',
      );
    }
  }
  for (const { heading, why } of left) draft.skipped(where, `the column "${heading}"`, why);
}

/** Values that a store has beside its labels, and whether they read. */
const STORE_VALUES: Readonly<Partial<Record<Meaning, (value: string) => string | undefined>>> = {
  latitude: (value) => degrees(value, 90),
  longitude: (value) => degrees(value, 180),
  opening_hours: (value) => {
    const read = parseOpeningHours(value);
    if (read.ok && read.value.onHolidays !== undefined) {
      return 'they are about public holidays; add the hours to stores.csv once estate.public_holidays has the dates';
    }
    return read.ok ? undefined : read.error;
  },
  weekly_sales: (value) => (/^\d+([.,]\d{1,2})?$/.test(value) ? undefined : 'it is no amount'),
};
const OF_STORE: readonly Meaning[] = [
  'chain',
  'region',
  'city',
  'latitude',
  'longitude',
  'timezone',
  'opening_hours',
  'weekly_sales',
];
const OF_TARGET: readonly Meaning[] = ['lane', 'model', 'firmware', 'acquirer', 'kind'];

/** Those of a store that are labels: what belongs to no store may have them, too. */
const OF_PLACE: readonly Meaning[] = ['chain', 'region', 'city'];
/** Of a device alone, and no label. */
const OF_DEVICE: readonly Meaning[] = ['id', 'port', 'module'];

/** The cell of a row that means so much; empty when there is none. */
type Cell = (meaning: Meaning) => string;

interface Work {
  readonly headings: Headings;
  readonly draft: ImportDraft;
  readonly isZone: (zone: string) => Result<true>;
  /** Whether the table has devices, and not stores alone. */
  readonly hasDevices: boolean;
}

function importRows(table: CsvTable, headings: Headings, draft: ImportDraft): void {
  const hasDevices = headings.of.has('address');
  const work: Work = { headings, draft, isZone: makeZoneCheck(), hasDevices };
  const width = table.header.cells.length;
  let carried = 0;
  for (const row of table.rows) {
    const where = `line ${row.line}`;
    if (row.cells.length > width) {
      draft.skipped(where, 'the row', `it has ${row.cells.length} cells, and the header ${width}`);
      continue;
    }
    if (importRow(row, where, work)) carried++;
  }
  const what = hasDevices ? 'targets' : 'stores';
  if (carried > 0) draft.carried('all lines', `${carried} of ${table.rows.length} rows are ${what}`);
  if (hasDevices && draft.terminals.length > 0 && !headings.of.has('kind')) {
    draft.changed(
      'all lines',
      'what belongs to a store is taken for a card terminal',
      'no column says what it is; set the label kind where it is something else',
    );
  }
}

function importRow(row: CsvRow, where: string, work: Work): boolean {
  const { headings, draft, hasDevices } = work;
  const cell: Cell = (meaning) => row.cells[headings.of.get(meaning) ?? -1] ?? '';
  const store = cell('store_id') || cell('store_name');
  const refusal = store === '' ? undefined : refuseId('store', store);
  if (refusal !== undefined) {
    draft.skipped(where, 'the row', refusal);
    return false;
  }
  const labels = labelsOf(row, headings);
  if (hasDevices) {
    if (store !== '') importStore(store, cell, {}, where, work);
    return importDevice(row, store, cell, labels, where, work);
  }
  if (store === '') {
    draft.skipped(where, 'the row', 'it names no store');
    return false;
  }
  for (const meaning of OF_TARGET) {
    if (cell(meaning) !== '') labels[meaning === 'kind' ? 'store_kind' : meaning] = cell(meaning);
  }
  importStore(store, cell, labels, where, work);
  return true;
}

function importDevice(
  row: CsvRow,
  store: string,
  cell: Cell,
  labels: Record<string, string>,
  where: string,
  { headings, draft }: Work,
): boolean {
  const address = cell('address');
  const place = address === '' ? err('it has no address') : placeOf(address, cell('port'), cell('module'));
  if (!place.ok) {
    draft.skipped(where, 'the row', place.error);
    return false;
  }
  const given = cell('id');
  const called = row.cells[headings.nameAt ?? -1] ?? '';
  const inStore = [store, cell('lane')].filter((part) => part !== '').join('-');
  const id = draft.keepId(given || called || inStore || place.value.address);
  if (given !== '' && id !== given) {
    draft.changed(where, `its id is "${id}", because "${given}" is taken or can be none`);
  }
  for (const meaning of OF_TARGET) if (cell(meaning) !== '') labels[meaning] = cell(meaning);
  if (store === '') {
    for (const meaning of OF_STORE) {
      if (cell(meaning) === '') continue;
      if (OF_PLACE.includes(meaning)) labels[meaning] = cell(meaning);
      else draft.skipped(where, `its ${meaning}`, 'only a store has that, and it is in none');
    }
  } else if (place.value.module.prober === 'http') {
    labels['kind'] ??= 'web';
  }
  const { address: at, module } = place.value;
  return draft.addTarget(where, { id, address: at, module, labels, ...(store === '' ? {} : { store }) });
}

function labelsOf({ cells }: CsvRow, { labels }: Headings): Record<string, string> {
  const given = labels.map(({ column, label }) => [label, cells[column] ?? ''] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== ''));
}

function importStore(
  id: string,
  cell: Cell,
  labels: Readonly<Record<string, string>>,
  where: string,
  { draft, isZone }: Work,
): void {
  const name = cell('store_name');
  const cells: Record<string, string> = { ...(name === '' ? {} : { name }), ...labels };
  for (const meaning of OF_STORE) {
    const value = cell(meaning);
    if (value === '') continue;
    const zone = meaning === 'timezone' ? isZone(value) : ok(true);
    const problem = zone.ok ? STORE_VALUES[meaning]?.(value) : zone.error;
    if (problem === undefined) cells[meaning] = value;
    else draft.skipped(where, `the ${meaning} of store "${id}"`, problem);
  }
  for (const column of draft.addStore(id, cells)) {
    draft.skipped(
      where,
      `the ${column} of store "${id}", "${cells[column] ?? ''}"`,
      'a line before says otherwise',
    );
  }
}

function degrees(value: string, most: number): string | undefined {
  const number = /^[-+]?\d+([.,]\d+)?$/.test(value) ? Number(value.replace(',', '.')) : Number.NaN;
  return Math.abs(number) <= most ? undefined : `"${value}" are no degrees`;
}

const PROBER_OF = new Map([
  ['ping', 'icmp'],
  ['icmp', 'icmp'],
  ['tcp', 'tcp'],
  ['port', 'tcp'],
  ['socket', 'tcp'],
  ['http', 'http'],
  ['https', 'http'],
  ['web', 'http'],
  ['url', 'http'],
  ['tls', 'tls'],
  ['ssl', 'tls'],
]);

function proberOf(word: string): string | undefined {
  return PROBER_OF.get(word.trim().toLowerCase());
}

/** How to probe what stands at an address: as told, or else as its shape says. */
function placeOf(
  given: string,
  port: string,
  protocol: string,
): Result<{ readonly address: string; readonly module: ModuleDraft }> {
  const isUrl = /^https?:\/\//i.test(given);
  if (/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*@/i.test(given))
    return err('its address holds a user name or a password');
  if (port !== '' && !/^\d{1,5}$/.test(port)) return err(`its port "${port}" is no number`);
  const hasPort = port !== '' || /^(\[.+\]|[^:]+):\d+$/.test(given);
  const told = proberOf(protocol);
  if (protocol !== '' && told === undefined) {
    return err(`"${protocol}" is no way to probe that is known here; write ping, tcp, tls or http`);
  }
  const prober = told ?? (isUrl ? 'http' : hasPort ? 'tcp' : 'icmp');
  const address = port === '' || isUrl ? given : hostAndPort(given, port);
  const module = { hint: HINTS[prober] ?? prober, prober, timing: {}, options: {} };
  const isPing = prober === 'icmp';
  return ok({
    address: isPing ? given.replace(/^\[(.*)\]$/, '$1').replace(/^([^:]+):\d+$/, '$1') : address,
    module,
  });
}

const HINTS: Readonly<Record<string, string>> = { icmp: 'ping', tcp: 'port', http: 'web', tls: 'tls' };
