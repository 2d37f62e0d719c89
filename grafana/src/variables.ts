import * as cog from '@grafana/grafana-foundation-sdk/cog';
import {
  ConstantVariableBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  TextBoxVariableBuilder,
  VariableHide,
  type VariableModel,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DATASOURCE } from './panels.ts';
import { select } from './queries.ts';

/** What a dashboard lets its reader choose, beside the data source, job and instance that all have. */
export type Choice = 'chain' | 'region' | 'store' | 'one-store' | 'acquirer' | 'model' | 'payment_method';

/** Where people reach what the dashboards link to. */
export interface Addresses {
  /** The monitor, without a slash at the end. */
  readonly kassavaktUrl: string;
  /** The runbook as people read it; a heading's anchor is put after it. */
  readonly runbookUrl: string;
}

const INFO = 'chain=~"$chain", region=~"$region"';
const OF_TARGETS = 'kassavakt_target_info';
/** Every metric of ours is on a page with one of these. */
const BOTH_PAGES = '{__name__=~"kassavakt_(build|target)_info"}';

export function makeVariables(
  choices: readonly Choice[],
  { kassavaktUrl, runbookUrl }: Addresses,
): readonly cog.Builder<VariableModel>[] {
  return [
    new DatasourceVariableBuilder('datasource').label('Data Source').type('prometheus'),
    ...choices.map((choice) => CHOICES[choice]()),
    chooser('job', 'Job', `label_values(${BOTH_PAGES}, job)`).allValue('.+'),
    chooser(
      'instance',
      'Instance',
      `label_values(${BOTH_PAGES.replace('}', ', job=~"$job"}')}, instance)`,
    ).allValue('.+'),
    new TextBoxVariableBuilder('kassavakt_url')
      .label('Kassavakt')
      .description('Address of the monitor, for links')
      .defaultValue(kassavaktUrl)
      .current({ selected: true, text: kassavaktUrl, value: kassavaktUrl }),
    hiddenConstant('runbook_url', 'Runbook', runbookUrl),
  ];
}

function hiddenConstant(name: string, label: string, value: string): cog.Builder<VariableModel> {
  const built = new ConstantVariableBuilder(name).label(label).value(value).build();
  return { build: () => ({ ...built, hide: VariableHide.HideVariable }) };
}

const CHOICES: Readonly<Record<Choice, () => QueryVariableBuilder>> = {
  chain: () => chooser('chain', 'Chain', labelValues(OF_TARGETS, 'chain')),
  region: () => chooser('region', 'Region', labelValues('kassavakt_store_info', 'region', 'chain=~"$chain"')),
  store: () => storeChooser(select('kassavakt_store_info', INFO)),
  'one-store': () =>
    storeChooser(select('kassavakt_store_info'))
      .multi(false)
      .includeAll(false)
      .allValue('')
      .current({ selected: true, text: '', value: '' }),
  acquirer: () => chooser('acquirer', 'Acquirer', labelValues(OF_TARGETS, 'acquirer', 'chain=~"$chain"')),
  model: () => chooser('model', 'Model', labelValues(OF_TARGETS, 'model', 'chain=~"$chain"')),
  payment_method: () => {
    const metric = 'kassavakt_payment_method_state';
    return chooser('payment_method', 'Way to pay', labelValues(metric, 'payment_method'));
  },
};

function labelValues(metric: string, label: string, ...matchers: readonly string[]): string {
  return `label_values(${select(metric, ...matchers)}, ${label})`;
}

/** Shows names and chooses ids: names may change, and two stores may have the same. */
function storeChooser(stores: string): QueryVariableBuilder {
  return chooser('store', 'Store', `query_result(max by (name, store) (${stores}))`)
    .regex('/name="(?<text>[^"]+)", ?store="(?<value>[^"]+)"/')
    .sort(VariableSort.AlphabeticalCaseInsensitiveAsc);
}

/**
 * "All" is `.*`, not `.+`: what has no region, no acquirer or no chain is there too, and must not vanish before anybody
 * has chosen anything.
 */
function chooser(name: string, label: string, query: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(DATASOURCE)
    .query(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ selected: true, text: ['All'], value: ['$__all'] });
}
