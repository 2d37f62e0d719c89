import { MEASUREMENTS, type Sample } from '../core/measurements.ts';
import type { ProbeReport } from '../core/outcome.ts';
import { TARGET_FAMILIES } from './catalogue.ts';
import { labelPair, labelPairs, sampleValue, TEXT_FORMAT } from './exposition-text.ts';

/** One probe's series as `/probe` answers them: no label tells the target, for the scraper gives it one. */
export function renderProbe(report: ProbeReport, timeoutMs: number): string {
  const { outcome } = report;
  const durationMs = 'durationMs' in outcome ? outcome.durationMs : 0;
  return [
    renderOwn('probe_success', outcome.kind === 'answered' || outcome.kind === 'degraded' ? 1 : 0),
    renderOwn('probe_duration_seconds', durationMs / 1_000),
    renderOwn('probe_timeout_seconds', timeoutMs / 1_000),
    outcome.kind === 'failed'
      ? renderOwn('probe_failure_info', 1, `{${labelPair('reason', outcome.reason)}}`)
      : '',
    ...Map.groupBy(report.samples, ({ name }) => name)
      .entries()
      .map(([name, samples]) => renderSamples(name, samples)),
  ].join('');
}

function renderOwn(name: keyof typeof TARGET_FAMILIES, value: number, labels = ''): string {
  const { type, help } = TARGET_FAMILIES[name];
  return `${TEXT_FORMAT.head(name, type, help)}${name}${labels} ${sampleValue(value)}\n`;
}

function renderSamples(name: Sample['name'], samples: readonly Sample[]): string {
  const lines = samples.map(({ labels, value }) => {
    const pairs = labelPairs(labels ?? {}, []);
    return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${sampleValue(value)}\n`;
  });
  return `${TEXT_FORMAT.head(name, 'gauge', MEASUREMENTS[name].help)}${lines.join('')}`;
}
