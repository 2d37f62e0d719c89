import type { z } from 'zod';
import type { Prober } from '../../probes/probe.ts';
import { formatPath } from '../config-document.ts';
import { moduleConfig } from '../config-schema.ts';
import { refuseId } from '../ids.ts';
import { asLabelName, refuseLabelName } from '../label-names.ts';
import { checkAgainst } from '../schema-problems.ts';
import { fitTiming, type Timing } from './fit-timing.ts';
import type { ImportEntry } from './import-report.ts';

/** A way to probe, as our configuration has it. Equal ones become one module. */
export interface ModuleDraft {
  /** What to call it, if the name is free. */
  readonly hint: string;
  readonly prober: string;
  readonly timing: Timing;
  /** Options under the name of the prober, without secrets. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** One thing to watch. */
export interface TargetDraft {
  /** Of `newId`. */
  readonly id: string;
  readonly address: string;
  readonly module: ModuleDraft;
  /** Whatever their names: they are made such as labels have. */
  readonly labels: Readonly<Record<string, string>>;
  /** Of `addStore`: it is then a row of terminals.csv. */
  readonly store?: string;
  readonly secrets?: SecretFiles;
}

/** Files with a secret each, of one target; written only if that is carried over. */
export class SecretFiles {
  readonly files = new Map<string, string>();
  private readonly names = new Names();
  private readonly owner: string;

  /** `owner`: of `newId`. */
  constructor(owner: string) {
    this.owner = owner;
  }

  /** Keeps `text` out of the configuration, as one line of a file. Returns what to write there: the file's name. */
  keep(what: string, text: string): string {
    return this.keepExactly(what, `${text}\n`);
  }

  /** The same for what is taken to the letter, without a line break at its end. */
  keepExactly(what: string, text: string): string {
    const name = this.names.nextFree(`secrets/${this.owner}/${fileName(what)}`);
    this.files.set(name, text);
    return name;
  }
}

interface Row {
  readonly cells: Readonly<Record<string, string>>;
}

/** A configuration in the making, and the report of it. Whatever is put into it, it stays one that can be read. */
export class ImportDraft {
  readonly entries: ImportEntry[] = [];
  /** Sections of kassavakt.yaml. */
  readonly modules = new Map<string, Readonly<Record<string, unknown>>>();
  readonly targets: Readonly<Record<string, unknown>>[] = [];
  /** Rows of stores.csv and terminals.csv. */
  readonly stores = new Map<string, Row>();
  readonly terminals: Row[] = [];
  readonly secrets = new Map<string, string>();
  readonly probers: ReadonlyMap<string, Prober>;
  private readonly schema: ReturnType<typeof moduleConfig>;
  private readonly ids = new Names();
  private readonly names = new Names();
  private readonly told = new Set<string>();
  private readonly moduleNames = new Map<string, string>();

  constructor(probers: ReadonlyMap<string, Prober>) {
    this.probers = probers;
    this.schema = moduleConfig(probers);
  }

  carried(where: string, what: string, why?: string): void {
    this.tell({ kind: 'carried', where, what, ...(why === undefined ? {} : { why }) });
  }

  changed(where: string, what: string, why?: string): void {
    this.tell({ kind: 'changed', where, what, ...(why === undefined ? {} : { why }) });
  }

  skipped(where: string, what: string, why: string): void {
    this.tell({ kind: 'skipped', where, what, why });
  }

  /** An id that no target has, near to `name`. */
  newId(name: string): string {
    const plain = asLabelName(name)?.replace(/^_+/, '').replaceAll('_', '-').slice(0, 100) || 'target';
    return this.ids.nextFree(plain);
  }

  /** The same, as it is written where that can be an id. */
  keepId(name: string): string {
    return refuseId('target', name) === undefined ? this.ids.nextFree(name) : this.newId(name);
  }

  /** Whether it is in; where not, the report says why. */
  addTarget(where: string, target: TargetDraft): boolean {
    const { address, module } = target;
    const prober = this.probers.get(module.prober);
    if (prober === undefined) throw new Error(`no prober ${module.prober}`);
    const readable = prober.parseAddress(address);
    if (!readable.ok) {
      this.skipped(
        where,
        'not watched',
        `its address is none for the prober ${prober.name}: ${readable.error}`,
      );
      return false;
    }
    const name = this.addModule(where, module);
    if (name === undefined) return false;
    this.place(target, name, this.labelsOf(where, target.labels));
    for (const [file, text] of target.secrets?.files ?? []) this.addSecret(where, file, text);
    return true;
  }

  /** The module's name; undefined when it cannot be, and the report says why. Equal modules have one name. */
  addModule(where: string, { hint, prober, timing, options }: ModuleDraft): string | undefined {
    const { config: times, notes } = fitTiming(timing);
    const config = {
      prober,
      ...times,
      ...(Object.keys(options).length === 0 ? {} : { [prober]: options }),
    };
    for (const note of notes) this.changed(where, note);
    const key = JSON.stringify(config);
    const known = this.moduleNames.get(key);
    if (known !== undefined) return known;
    const isWhole = this.probers.get(prober)?.options.safeParse(options).success === true;
    const problems = checkAgainst(this.schema, config).map(({ message }) => message);
    if (problems.length > 0 || !isWhole) {
      this.skipped(
        where,
        'not watched',
        problems.join('; ') || `the prober ${prober} lacks an option it needs`,
      );
      return undefined;
    }
    const name = this.names.nextFree(hint);
    this.moduleNames.set(key, name);
    this.modules.set(name, config);
    return name;
  }

  /** A secret of its own, outside the configuration. */
  addSecret(where: string, file: string, text: string): void {
    this.secrets.set(file, text);
    this.carried(where, `a secret is now in ${file}, which only its owner may read`);
  }

  /** Adds to what is known of a store; the first to say something of it is right. Returns what differs. */
  addStore(id: string, cells: Readonly<Record<string, string>>): readonly string[] {
    const known = this.stores.get(id)?.cells ?? {};
    const differing = Object.keys(cells).filter(
      (column) => known[column] !== undefined && known[column] !== cells[column],
    );
    this.stores.set(id, { cells: { ...cells, ...known } });
    return differing;
  }

  /** Once, however often it comes up. */
  private tell(entry: ImportEntry): void {
    const key = JSON.stringify(entry);
    if (this.told.has(key)) return;
    this.told.add(key);
    this.entries.push(entry);
  }

  private place({ id, address, store }: TargetDraft, module: string, labels: Record<string, string>): void {
    if (store !== undefined) {
      this.terminals.push({ cells: { terminal_id: id, store_id: store, address, module, ...labels } });
      return;
    }
    this.targets.push({
      id,
      module,
      address,
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
    });
  }

  private labelsOf(where: string, given: Readonly<Record<string, string>>): Record<string, string> {
    const labels: Record<string, string> = {};
    for (const [raw, value] of Object.entries(given)) {
      if (value === '') continue;
      const name = labelName(raw);
      if (name === undefined)
        this.skipped(where, `the label "${raw}"`, 'no letter of its name can be in a label');
      else labels[name] = oneLine(value);
      if (name !== undefined && name !== raw.toLowerCase())
        this.changed(where, `the label "${raw}" is called ${name}`);
    }
    return labels;
  }
}

/** A name that a label of a target may have and that is not taken; undefined when there is none near. */
export function labelName(raw: string, taken: ReadonlySet<string> = new Set()): string | undefined {
  const plain = asLabelName(raw);
  if (plain === undefined) return undefined;
  return [plain, `${plain}_label`].find(
    (name) => !taken.has(name) && refuseLabelName(name, 'target') === undefined,
  );
}

/** Which fields of a thing in an export do not read; not their values, which may be secret. */
export function unreadableFields(schema: z.ZodType, value: unknown): string {
  const fields = checkAgainst(schema, value).map(({ path }) => formatPath(path));
  return fields.includes('')
    ? 'it is no map of fields'
    : `these of its fields do not read: ${fields.join(', ')}`;
}

/** Names that are taken. */
class Names {
  private readonly taken = new Map<string, number>();

  /** `wanted` itself, or with the next number that makes it a new one; from now on taken. */
  nextFree(wanted: string): string {
    let name = wanted;
    let n = this.taken.get(wanted) ?? 1;
    while (this.taken.has(name)) name = `${wanted}-${++n}`;
    this.taken.set(wanted, n);
    if (name !== wanted) this.taken.set(name, 1);
    return name;
  }
}

function fileName(text: string): string {
  return (asLabelName(text) ?? 'secret').replaceAll('_', '-').replace(/^-+/, '').slice(0, 120);
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();
}
