/** Content type of the Prometheus text format, version 0.0.4. */
export const EXPOSITION_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Label names that Prometheus, histograms or summaries give a meaning of their own. */
const TAKEN_LABELS = new Set(['job', 'instance', 'le', 'quantile']);

/** The two lines that open a family. */
export function familyHead(name: string, type: string, help: string): string {
  return `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`;
}

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
  return value.replaceAll('\0', '').replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}
