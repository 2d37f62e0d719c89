/** In every selector: which scrapes count. dashboard-linter wants it, and it tells two monitors apart. */
const SCRAPES = ['job=~"$job"', 'instance=~"$instance"'];

/** `metric` of the chosen scrapes, with `matchers` beside. */
export function select(metric: string, ...matchers: readonly string[]): string {
  return `${metric}{${[...SCRAPES, ...matchers].join(', ')}}`;
}

const CHAIN = 'chain=~"$chain"';
const STORE = 'store=~"$store"';
/** Where one is chosen only, its id stands as it is: it may hold what a pattern would read otherwise. */
export const ONE_STORE = 'store="$store"';
const REGION = 'region=~"$region"';
/** What belongs to the chain or, with no chain, to all of them: Swish hangs over every chain that one may choose. */
export const CHAIN_OR_ALL = 'chain=~"$chain|"';

/**
 * Which targets: those of the chosen stores, the chosen devices in them, all of one store, or the services that stores
 * share. Each with the matchers of its own labels, and with those that only the info series has.
 */
const SCOPES = {
  stores: { own: [CHAIN, STORE], info: [REGION] },
  devices: { own: [CHAIN, STORE], info: [REGION, 'acquirer=~"$acquirer"', 'model=~"$model"'] },
  'one-store': { own: [ONE_STORE], info: [] },
  shared: { own: [CHAIN_OR_ALL], info: [] },
} as const;

/** Series of stores, of the chosen chains, stores and regions. */
export function ofStores(metric: string, ...matchers: readonly string[]): string {
  const info = select('kassavakt_store_info', CHAIN, STORE, REGION);
  return `(${select(metric, CHAIN, STORE, ...matchers)} and on (store) ${info})`;
}

/** As `ofStores`, without the stores that are closed now: nobody is turned away there. */
export function ofOpenStores(metric: string, ...matchers: readonly string[]): string {
  return `(${ofStores(metric, ...matchers)} unless on (store) ${select('kassavakt_store_open')} == 0)`;
}

/** Adds `labels` of the store to `vector`, which has one series a store (and whatever else). */
export function withStore(vector: string, labels: readonly string[]): string {
  const all = ['store', ...labels].join(', ');
  const info = `max by (${all}) (${select('kassavakt_store_info')})`;
  return `${vector} * on (store) group_left (${labels.join(', ')}) ${info}`;
}

/** Which targets, and what to tell of them. */
export interface TargetQuery {
  readonly matchers?: readonly string[];
  /** Labels to add, of those that only the info series has. */
  readonly labels?: readonly string[];
  readonly scope?: keyof typeof SCOPES;
}

/**
 * Series of targets as chosen. The join brings the labels; it also leaves out what other exporters call by the same name.
 */
export function ofTargets(
  metric: string,
  { matchers = [], labels = [], scope = 'stores' }: TargetQuery = {},
): string {
  const info = select('kassavakt_target_info', ...SCOPES[scope].info);
  const own = select(metric, ...SCOPES[scope].own, ...matchers);
  return `(${own} * on (job, instance, target) group_left (${labels.join(', ')}) ${info})`;
}

/** How many of `vector`, `by` its labels, are so as `test` says; 0 where none is but others are. */
export function countWhere(vector: string, test: string, by = ''): string {
  const grouping = by === '' ? '' : ` by (${by})`;
  return `count${grouping} (${vector} ${test}) or 0 * count${grouping} (${vector})`;
}

/** Of all in `vector`, which share is so. 0 to 1. */
export function shareWhere(vector: string, test: string, by = ''): string {
  const grouping = by === '' ? '' : ` by (${by})`;
  const operator = test.replace(/^(\S+)/, '$1 bool');
  return `avg${grouping} (${vector} ${operator})`;
}

/** How fast a counter rises. Unit: 1/s. */
export function rate(counter: string, ...matchers: readonly string[]): string {
  return `rate(${select(counter, ...matchers)}[$__rate_interval])`;
}

/** `quantile` of what a histogram has seen, by `by` if it is given. */
export function quantileOf(quantile: number, histogram: string, by = ''): string {
  return `histogram_quantile(${quantile}, sum by (le${by === '' ? '' : `, ${by}`}) (${rate(`${histogram}_bucket`)}))`;
}
