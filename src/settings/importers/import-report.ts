/** What became of one thing in an export. `why` says what to do about it where something is to be done. */
export interface ImportEntry {
  /** `changed`: carried over, and it does not mean quite the same. */
  readonly kind: 'carried' | 'changed' | 'skipped';
  /** Where it stands: a line, or what the export calls it. */
  readonly where: string;
  readonly what: string;
  readonly why?: string;
}

/** What became of a whole export. */
export interface ImportReport {
  /** Which importer read it. */
  readonly kind: string;
  /** The file that was read. */
  readonly file: string;
  /** What was written, without the report itself. Names within the new folder. */
  readonly files: readonly string[];
  readonly entries: readonly ImportEntry[];
}

const HEADINGS = [
  ['carried', 'Carried over'],
  ['changed', 'Carried over with another meaning'],
  ['skipped', 'Not carried over'],
] as const;

/** How many of each kind there are. */
export function countEntries(entries: readonly ImportEntry[]): Readonly<Record<ImportEntry['kind'], number>> {
  const counts = { carried: 0, changed: 0, skipped: 0 };
  for (const { kind } of entries) counts[kind]++;
  return counts;
}

/** The report for a terminal, line by line. */
export function reportLines({ entries }: ImportReport): readonly string[] {
  return HEADINGS.flatMap(([kind, heading]) => {
    const ours = entries.filter((entry) => entry.kind === kind);
    if (ours.length === 0) return [];
    return ['', `${heading} (${ours.length}):`, ...ours.map((entry) => `  ${sentenceOf(entry)}`)];
  });
}

/** The report as a Markdown file. */
export function reportMarkdown({ kind, file, files, entries }: ImportReport): string {
  const { carried, changed, skipped } = countEntries(entries);
  return [
    `# Import of ${escape(file)}`,
    '',
    `Read as ${kind}: ${carried} carried over, ${changed} with another meaning, ${skipped} not carried over.`,
    '',
    `Written: ${files.map((name) => `\`${name}\``).join(', ')}.`,
    ...HEADINGS.flatMap(([kind, heading]) => {
      const ours = entries.filter((entry) => entry.kind === kind);
      if (ours.length === 0) return [];
      return ['', `## ${heading}`, '', ...ours.map((entry) => `- ${escape(sentenceOf(entry))}`)];
    }),
    '',
  ].join('\n');
}

function sentenceOf({ where, what, why }: ImportEntry): string {
  return oneLine(`${where}: ${what}${why === undefined ? '' : ` (${why})`}`);
}

/** Names in an export are anybody's text. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');
}

function escape(text: string): string {
  return text.replace(/[\\`*_[\]<>#|]/g, '\\$&');
}
