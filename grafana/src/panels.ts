import * as cog from '@grafana/grafana-foundation-sdk/cog';
import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TableCellHeight,
  TableSortByFieldStateBuilder,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizOrientation,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  DashboardLinkBuilder,
  DashboardLinkType,
  type DataTransformerConfig,
  type Panel,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as BarGaugeBuilder } from '@grafana/grafana-foundation-sdk/bargauge';
import { PanelBuilder as GeomapBuilder } from '@grafana/grafana-foundation-sdk/geomap';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as StateTimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeSeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import {
  byName,
  byThresholds,
  type FieldLook,
  fieldProperties,
  PLAIN,
  type Steps,
  steps,
  type Wording,
  wordsFor,
  wordsForNothing,
} from './looks.ts';

export const DATASOURCE = { type: 'prometheus', uid: '${datasource}' } as const;

/** Headings of docs/runbook.md, one for each alert. */
export type Runbook =
  | 'KassavaktIncident'
  | 'KassavaktStoreCannotTakeCards'
  | 'KassavaktScopeOutage'
  | 'KassavaktPaymentMethodDown'
  | 'KassavaktCertificateExpires'
  | 'KassavaktLatencyDegraded'
  | 'KassavaktAvailabilityBurn'
  | 'KassavaktMonitorBlind'
  | 'KassavaktMonitorAbsent'
  | 'KassavaktProbesLate'
  | 'KassavaktJournalNotWritable'
  | 'KassavaktNotificationBacklog';

/** What every panel has. */
export interface PanelSpec {
  /** Stable: links and alerts point to it. 1 or more, once a dashboard. */
  readonly id: number;
  readonly title: string;
  readonly description: string;
  /** Of the grid's 24 columns; of its rows of some 38 pixels. */
  readonly size: readonly [width: number, height: number];
  /** In the order of their letters. */
  readonly queries: readonly (string | LegendQuery)[];
  readonly runbook: Runbook;
  readonly unit?: string;
  readonly decimals?: number;
  readonly words?: Wording;
  readonly steps?: Steps;
  /** Shown where there is nothing to show. */
  readonly nothing?: string;
  /** By series or column name. */
  readonly fields?: Readonly<Record<string, FieldLook>>;
  readonly transformations?: readonly DataTransformerConfig[];
}

export interface LegendQuery {
  readonly expr: string;
  readonly legend: string;
}

type AnyBuilder =
  | StatBuilder
  | StateTimelineBuilder
  | TableBuilder
  | TimeSeriesBuilder
  | BarGaugeBuilder
  | GeomapBuilder;
type Mode = 'now' | 'over-time' | 'table';

/** A single number or word (or one for each series), as it is now. */
export function stat(spec: PanelSpec & { readonly isNamed?: boolean }): cog.Builder<Panel> {
  const builder = new StatBuilder()
    .colorMode(spec.steps === PLAIN ? BigValueColorMode.None : BigValueColorMode.Background)
    .graphMode(BigValueGraphMode.None)
    .textMode(spec.isNamed === true ? BigValueTextMode.ValueAndName : BigValueTextMode.Value)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields(''));
  builder.colorScheme(byThresholds());
  return dress(builder, spec, 'now');
}

/** A bar for each series, as it is now. */
export function bars(spec: PanelSpec & { readonly max?: number }): cog.Builder<Panel> {
  const builder = new BarGaugeBuilder()
    .orientation(VizOrientation.Horizontal)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields(''))
    .min(0);
  if (spec.max !== undefined) builder.max(spec.max);
  builder.colorScheme(byThresholds());
  return dress(builder, spec, 'now');
}

/** States over time, one row a series. */
export function timeline(spec: PanelSpec): cog.Builder<Panel> {
  const builder = new StateTimelineBuilder()
    .mergeValues(true)
    .showValue(VisibilityMode.Auto)
    .rowHeight(0.85)
    .fillOpacity(80)
    .lineWidth(0)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(false)
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .calcs([]),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Single).sort(SortOrder.None));
  builder.colorScheme(byThresholds());
  return dress(builder, spec, 'over-time');
}

/** Numbers over time. */
export function chart(
  spec: PanelSpec & { readonly isStacked?: boolean; readonly max?: number },
): cog.Builder<Panel> {
  const builder = new TimeSeriesBuilder()
    .min(0)
    .lineWidth(1)
    .fillOpacity(spec.isStacked === true ? 40 : 8)
    .showPoints(VisibilityMode.Never)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .calcs([]),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
    .colorScheme(byName());
  if (spec.max !== undefined) builder.max(spec.max);
  if (spec.isStacked === true)
    builder.stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'));
  return dress(builder, spec, 'over-time');
}

/** A column of a table: a label, or `Value #A` for what the first query gives. In the order shown. */
export type Columns = Readonly<Record<string, string>>;

/** Rows as they are now. Columns that are not named are left out. */
export function table(
  spec: PanelSpec & {
    readonly columns: Columns;
    /** The column by which rows are ordered, most first. */
    readonly mostFirst?: string;
  },
): cog.Builder<Panel> {
  const builder = new TableBuilder().showHeader(true).cellHeight(TableCellHeight.Sm).filterable(true);
  if (spec.mostFirst !== undefined) {
    builder.sortBy([new TableSortByFieldStateBuilder().displayName(spec.mostFirst).desc(true)]);
  }
  builder.colorScheme(byThresholds());
  return dress(
    builder,
    { ...spec, transformations: [...(spec.transformations ?? []), ...columnsOnly(spec)] },
    'table',
  );
}

/**
 * One frame of several, each query's value a column of its own, then the columns wanted by the names wanted. The value of
 * a lone query is called `Value`.
 */
function columnsOnly({
  columns,
  queries,
}: {
  readonly columns: Columns;
  readonly queries: readonly unknown[];
}) {
  const own = Object.keys(columns).map((name) =>
    queries.length === 1 && name === 'Value #A' ? 'Value' : name,
  );
  const names = Object.values(columns);
  return [
    // Before the frames are merged: rows are the same when all that is left of them but the values is.
    { id: 'filterFieldsByName', options: { include: { names: own } } },
    ...(queries.length === 1 ? [] : [{ id: 'merge', options: {} }]),
    {
      id: 'organize',
      options: {
        excludeByName: {},
        indexByName: Object.fromEntries(own.map((name, index) => [name, index])),
        renameByName: Object.fromEntries(own.map((name, index) => [name, names[index] ?? name])),
      },
    },
  ];
}

/** What all panels have in common. Also for panels that are built elsewhere. */
export function dress<Builder extends AnyBuilder>(builder: Builder, spec: PanelSpec, mode: Mode): Builder {
  const [width, height] = spec.size;
  builder
    .id(spec.id)
    .title(spec.title)
    .description(spec.description)
    .datasource(DATASOURCE)
    .span(width)
    .height(height)
    .targets(spec.queries.map((query, index) => makeTarget(query, index, mode)))
    .links(panelLinks(spec.runbook));
  if (spec.unit !== undefined) builder.unit(spec.unit);
  if (spec.decimals !== undefined) builder.decimals(spec.decimals);
  builder.mappings([
    ...(spec.words === undefined ? [] : wordsFor(spec.words)),
    ...(spec.nothing === undefined || mode !== 'now' ? [] : wordsForNothing(spec.nothing)),
  ]);
  builder.thresholds(steps(spec.steps ?? PLAIN));
  if (spec.nothing !== undefined) builder.noValue(spec.nothing);
  for (const [name, look] of Object.entries(spec.fields ?? {})) {
    builder.overrideByName(name, fieldProperties(look));
  }
  builder.transformations([...(spec.transformations ?? [])]);
  return builder;
}

function makeTarget(query: string | LegendQuery, index: number, mode: Mode): DataqueryBuilder {
  const { expr, legend } = typeof query === 'string' ? { expr: query, legend: '__auto' } : query;
  const builder = new DataqueryBuilder()
    .datasource(DATASOURCE)
    .refId(String.fromCharCode(65 + index))
    .expr(expr)
    .legendFormat(legend);
  if (mode === 'over-time') return builder.range().format(PromQueryFormat.TimeSeries);
  builder.instant();
  return builder.format(mode === 'table' ? PromQueryFormat.Table : PromQueryFormat.TimeSeries);
}

export function panelLinks(runbook: Runbook): DashboardLinkBuilder[] {
  return [
    linkTo("Stores on Kassavakt's page", '${kassavakt_url:raw}/'),
    linkTo(`Runbook: ${runbook}`, `\${runbook_url:raw}#${runbook.toLowerCase()}`),
  ];
}

function linkTo(title: string, url: string): DashboardLinkBuilder {
  return new DashboardLinkBuilder(title).type(DashboardLinkType.Link).url(url).targetBlank(true);
}
