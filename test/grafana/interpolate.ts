import type { Dashboard, Variable } from './dashboard-files.ts';

/** What somebody has chosen: values by variable; absent means All. */
export type Choices = Readonly<Record<string, readonly string[]>>;

/** Of the time shown and the data source's scrape interval, as Grafana has them. Unit: s. */
export interface Times {
  readonly rangeSeconds: number;
  readonly scrapeSeconds: number;
}

/** `text` as Grafana's Prometheus data source would send it. */
export function interpolate(text: string, dashboard: Dashboard, choices: Choices, times: Times): string {
  const builtIn: Readonly<Record<string, string>> = {
    __range: `${times.rangeSeconds}s`,
    __interval: `${times.scrapeSeconds}s`,
    // The greater of four scrapes, and of one step and one scrape.
    __rate_interval: `${4 * times.scrapeSeconds}s`,
  };
  const variables = new Map(dashboard.templating.list.map((variable) => [variable.name, variable]));
  return text.replaceAll(/\$(?:\{(\w+)(?::\w+)?\}|(\w+))/g, (all, braced?: string, plain?: string) => {
    const name = braced ?? plain ?? '';
    const variable = variables.get(name);
    if (variable !== undefined) return valueOf(variable, choices[name]);
    const value = builtIn[name];
    if (value === undefined) throw new Error(`${dashboard.title} has no variable for ${all}`);
    return value;
  });
}

function valueOf(
  { name, type, includeAll, allValue, multi, query }: Variable,
  chosen?: readonly string[],
): string {
  if (type !== 'query') return query ?? '';
  if (chosen === undefined) {
    if (includeAll !== true || allValue === undefined) throw new Error(`${name} wants a choice`);
    return allValue;
  }
  const escaped = chosen.map((value) => value.replaceAll(/[\\^$*+?.()|{}[\]]/g, String.raw`\\$&`));
  if (multi !== true) return chosen[0] ?? '';
  return escaped.length === 1 ? (escaped[0] ?? '') : `(${escaped.join('|')})`;
}
