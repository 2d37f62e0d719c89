/** How a page of metrics is written. Samples are the same in both formats. */
export interface Format {
  readonly contentType: string;
  /** The lines that open the family whose samples bear `name`, suffixes of histograms and summaries apart. */
  readonly head: (name: string, type: string, help: string) => string;
  /** What ends a page: without it an OpenMetrics page counts as cut off. */
  readonly end: string;
}

/** The Prometheus text format, version 0.0.4. */
export const TEXT_FORMAT: Format = {
  contentType: 'text/plain; version=0.0.4; charset=utf-8',
  head: (name, type, help) => `# HELP ${name} ${escapeText(help)}\n# TYPE ${name} ${type}\n`,
  end: '',
};

/** OpenMetrics 1.0: a family's name lacks the suffix that its samples have, and tells its unit. */
export const OPENMETRICS_FORMAT: Format = {
  contentType: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  head(name, type, help) {
    const [family, kind] = familyOf(name, type);
    const unit = UNITS.find((each) => family.endsWith(`_${each}`));
    const told = unit === undefined ? '' : `# UNIT ${family} ${unit}\n`;
    const escaped = escapeText(help).replaceAll('"', '\\"');
    return `# HELP ${family} ${escaped}\n# TYPE ${family} ${kind}\n${told}`;
  },
  end: '# EOF\n',
};

const UNITS = ['seconds', 'bytes'] as const;

function familyOf(name: string, type: string): readonly [name: string, type: string] {
  if (type === 'counter' && name.endsWith('_total')) return [name.slice(0, -'_total'.length), type];
  if (type === 'gauge' && name.endsWith('_info')) return [name.slice(0, -'_info'.length), 'info'];
  return [name, type];
}

/** Label names that Prometheus, histograms or summaries give a meaning of their own. */
const TAKEN_LABELS = new Set(['job', 'instance', 'le', 'quantile']);

/** `name="value"`. The value may be any text; NUL, which no scraper reads, is dropped. */
export function labelPair(name: string, value: string): string {
  return `${name}="${/[\\"\n\0]/.test(value) ? escapeLabelValue(value) : value}"`;
}

/** A sample's value as the text format writes it. */
export function sampleValue(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return String(value);
  return value > 0 ? '+Inf' : '-Inf';
}

/**
 * Pairs for `labels`, after those of names already `used`. A name with a meaning of its own, or used already, is
 * written as `exported_NAME`, as Prometheus itself would; empty values are left out.
 */
export function labelPairs(labels: Readonly<Record<string, string>>, used: Iterable<string>): string[] {
  const taken = new Set(used);
  const pairs: string[] = [];
  for (const [name, value] of Object.entries(labels)) {
    if (value === '') continue;
    const isTaken = taken.has(name) || TAKEN_LABELS.has(name) || name.startsWith('__');
    const written = isTaken ? `exported_${name}` : name;
    if (taken.has(written)) continue;
    taken.add(written);
    pairs.push(labelPair(written, value));
  }
  return pairs;
}

function escapeLabelValue(value: string): string {
  return escapeText(value.replaceAll('\0', '')).replaceAll('"', '\\"');
}

function escapeText(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
