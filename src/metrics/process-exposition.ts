import type { Registry } from 'prom-client';
import { type Format, labelPair, OPENMETRICS_FORMAT, sampleValue } from './exposition-text.ts';

/**
 * The registry's page in `format`. Never through its `setContentType`: having once written OpenMetrics, prom-client
 * writes counters without `_total` in the text format, for good.
 */
export async function renderProcess(registry: Registry, format: Format): Promise<string> {
  if (format !== OPENMETRICS_FORMAT) return registry.metrics();
  const families = await registry.getMetricsAsJSON();
  return families.map((family) => renderFamily(family, format)).join('') + format.end;
}

type Metric = Awaited<ReturnType<Registry['getMetricsAsJSON']>>[number];

function renderFamily({ name, type, help, values }: Metric, format: Format): string {
  const lines = values.map((sample) => {
    const pairs = Object.entries(sample.labels).flatMap(([label, value]) =>
      value === undefined ? [] : [labelPair(label, String(value))],
    );
    const labels = pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
    const own = 'metricName' in sample ? sample.metricName : undefined;
    return `${typeof own === 'string' ? own : name}${labels} ${sampleValue(sample.value)}\n`;
  });
  return format.head(name, String(type), help) + lines.join('');
}
