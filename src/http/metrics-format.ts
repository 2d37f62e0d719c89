import { type Format, OPENMETRICS_FORMAT, TEXT_FORMAT } from '../metrics/exposition-text.ts';

const OPENMETRICS = 'application/openmetrics-text';
/** What we write is both. */
const VERSIONS = [undefined, '1.0.0', '0.0.1'];
const TEXT = ['text/plain', 'text/*', '*/*'];

/** In which format a reader with this `Accept` wants metrics: OpenMetrics if it is named and nothing is liked better. */
export function chooseFormat(accept: string | undefined): Format {
  const ranges = (accept ?? '').split(',').map(readRange);
  const best = (isMeant: (range: Range) => boolean): number =>
    Math.max(0, ...ranges.filter(isMeant).map(({ quality }) => quality));
  const openMetrics = best(({ type, version }) => type === OPENMETRICS && VERSIONS.includes(version));
  const text = best(({ type }) => TEXT.includes(type));
  return openMetrics > 0 && openMetrics >= text ? OPENMETRICS_FORMAT : TEXT_FORMAT;
}

interface Range {
  readonly type: string;
  readonly version: string | undefined;
  /** 0 to 1. */
  readonly quality: number;
}

function readRange(text: string): Range {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim().toLowerCase());
  const parameters = new Map(
    rest.map((part) => {
      const [name = '', value = ''] = part.split('=').map((side) => side.trim());
      return [name, value.replace(/^"(.*)"$/, '$1')];
    }),
  );
  const quality = Number(parameters.get('q') ?? 1);
  return { type, version: parameters.get('version'), quality: Number.isFinite(quality) ? quality : 0 };
}
