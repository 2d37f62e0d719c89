import { randomUUID } from 'node:crypto';
import { chmod, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Document, isScalar, visit } from 'yaml';
import { err, ok, type Result } from '../../lib/result.ts';
import type { Prober } from '../../probes/probe.ts';
import { readForeignText } from '../foreign-text.ts';
import { loadSettings } from '../load-settings.ts';
import type { SettingsProblem } from '../settings.ts';
import { blackboxImporter } from './blackbox.ts';
import { csvImporter } from './csv.ts';
import { gatusImporter } from './gatus.ts';
import { ImportDraft } from './import-draft.ts';
import { type ImportReport, reportMarkdown } from './import-report.ts';
import type { Importer } from './importer.ts';
import { uptimeKumaImporter } from './uptime-kuma.ts';

/** Every kind of export that is understood. */
export const importers: readonly Importer[] = [
  uptimeKumaImporter,
  gatusImporter,
  blackboxImporter,
  csvImporter,
];

/** What an import is made with. */
export interface ImportOptions {
  readonly file: string;
  /** A folder that is not there yet. */
  readonly out: string;
  readonly probers: ReadonlyMap<string, Prober>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** `empty`: the export was read, and nothing of it could be carried over, so that nothing is written. */
export type ImportOutcome =
  | { readonly kind: 'written'; readonly report: ImportReport }
  | { readonly kind: 'empty'; readonly report: ImportReport }
  | { readonly kind: 'refused'; readonly problems: readonly SettingsProblem[] };

const CONFIG = 'kassavakt.yaml';
const REPORT = 'import-report.md';
const STORES = 'stores.csv';
const TERMINALS = 'terminals.csv';
const SECRET_MODE = 0o600;

/**
 * Turns an export into a configuration in a folder of its own, with the report in it. The folder appears whole or not
 * at all, and only when the configuration reads without a problem. Throws when it cannot be written.
 */
export async function importFiles(importer: Importer, options: ImportOptions): Promise<ImportOutcome> {
  const { file, out, probers, env } = options;
  const refused = (problems: readonly SettingsProblem[]) => ({ kind: 'refused', problems }) as const;
  if (await exists(out)) {
    const message = 'is there already, and nothing is written over; name another folder with --out';
    return refused([{ file: out, line: 1, column: 1, path: '', message }]);
  }
  const text = await readForeignText(file, importer.mostBytes);
  if (!text.ok) return refused([text.error]);
  const draft = new ImportDraft(probers);
  const read = await importer.read({ file, text: text.value, env }, draft);
  if (!read.ok) return refused(read.error);
  const files = filesOf(draft, importer.name, file);
  const report: ImportReport = {
    kind: importer.name,
    file,
    files: Array.from(files.keys()),
    entries: draft.entries,
  };
  const isEmpty = draft.modules.size === 0 && draft.stores.size === 0;
  if (isEmpty) return { kind: 'empty', report: { ...report, files: [] } };
  files.set(REPORT, { text: reportMarkdown(report) });
  const written = await writeFolder(out, files, probers, env);
  return written.ok ? { kind: 'written', report } : refused(written.error);
}

interface NewFile {
  readonly text: string;
  readonly isSecret?: boolean;
}

async function writeFolder(
  out: string,
  files: ReadonlyMap<string, NewFile>,
  probers: ReadonlyMap<string, Prober>,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Result<true, readonly SettingsProblem[]>> {
  const target = resolve(out);
  await mkdir(dirname(target), { recursive: true });
  const draft = join(dirname(target), `.${basename(target)}-${randomUUID()}`);
  try {
    await mkdir(draft, { mode: 0o700 });
    for (const [name, { text, isSecret = false }] of files) {
      const path = join(draft, name);
      if (isSecret) await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await writeFile(path, text, isSecret ? { mode: SECRET_MODE, flag: 'wx' } : { flag: 'wx' });
    }
    const loaded = await loadSettings(join(draft, CONFIG), probers, env);
    if (!loaded.ok) {
      return err(loaded.error.map((problem) => ({ ...problem, file: problem.file.replace(draft, out) })));
    }
    await chmod(draft, 0o755);
    await rename(draft, target);
    return ok(true);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

function filesOf(draft: ImportDraft, kind: string, file: string): Map<string, NewFile> {
  const files = new Map<string, NewFile>();
  files.set(CONFIG, { text: renderConfig(draft, kind, file) });
  if (draft.stores.size > 0) {
    const rows = Array.from(draft.stores, ([id, { cells }]) => ({ store_id: id, name: id, ...cells }));
    files.set(STORES, { text: renderCsv(['store_id', 'name', 'chain', 'region', 'city'], rows) });
  }
  if (draft.terminals.length > 0) {
    const columns = ['terminal_id', 'store_id', 'lane', 'address', 'module'];
    files.set(TERMINALS, {
      text: renderCsv(
        columns,
        draft.terminals.map(({ cells }) => cells),
      ),
    });
  }
  for (const [name, text] of draft.secrets) files.set(name, { text, isSecret: true });
  return files;
}

function renderConfig(draft: ImportDraft, kind: string, file: string): string {
  const { modules, targets, stores, terminals } = draft;
  const settings = {
    listen: '127.0.0.1:9840',
    data_dir: './data',
    ...(stores.size === 0
      ? {}
      : { estate: { stores: STORES, ...(terminals.length === 0 ? {} : { terminals: TERMINALS }) } }),
    modules: Object.fromEntries(modules),
    ...(targets.length === 0 ? {} : { targets }),
  };
  return [
    `# Imported from ${kind} (${basename(file).replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ')}). ${REPORT} tells what could not be carried over.`,
    asYaml(settings),
  ].join('\n');
}

/** Lists of numbers, such as status codes, stand on one line. */
function asYaml(settings: object): string {
  const document = new Document(withPlainDollars(settings), { aliasDuplicateObjects: false });
  visit(document, {
    Seq: (_key, node) => {
      if (node.items.every((item) => isScalar(item) && typeof item.value === 'number')) node.flow = true;
    },
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

/** In a configuration `${NAME}` is a variable; in an export it never is. */
function withPlainDollars(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('${', '$${');
  if (Array.isArray(value)) return value.map(withPlainDollars);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withPlainDollars(part)]));
}

function renderCsv(first: readonly string[], rows: readonly Readonly<Record<string, string>>[]): string {
  const all = new Set(rows.flatMap((row) => Object.keys(row)));
  const columns = [
    ...first.filter((column) => all.has(column)),
    ...Array.from(all).filter((column) => !first.includes(column)),
  ];
  const lines = rows.map((row) => columns.map((column) => quote(row[column] ?? '')).join(','));
  return [columns.join(','), ...lines, ''].join('\n');
}

function quote(cell: string): string {
  return /[",;\t\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""').replace(/[\r\n]+/g, ' ')}"` : cell;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
