import { formatDuration } from '../lib/duration.ts';
import { type Html, html } from './html.ts';

/** In whole seconds below a minute, in whole minutes from there. */
export function formatAge(ageMs: number): string {
  const unitMs = ageMs < 60_000 ? 1_000 : 60_000;
  return ageMs < 1_000 ? 'less than 1 s' : formatDuration(Math.floor(ageMs / unitMs) * unitMs);
}

/** A time of day in a shop's own zone; with the date when it is not within a day of now. */
export function renderTime(atMs: number, timezone: string, nowMs: number): Html {
  const at = new Date(atMs);
  const isNear = Math.abs(nowMs - atMs) < 20 * 3_600_000;
  const text = formatOf(timezone, isNear ? 'time' : 'date', atMs === nowMs).format(at);
  return html`<time datetime="${at.toISOString()}">${text}</time>`;
}

/** Made once for each zone: it takes longer to make one than to use it a hundred times. */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string, kind: 'time' | 'date', hasSeconds: boolean): Intl.DateTimeFormat {
  const key = `${timeZone} ${kind} ${hasSeconds}`;
  const format =
    formats.get(key) ??
    new Intl.DateTimeFormat('en-GB', {
      timeZone,
      ...(kind === 'time' ? {} : { day: 'numeric', month: 'short' }),
      hour: '2-digit',
      minute: '2-digit',
      ...(hasSeconds ? { second: '2-digit' } : {}),
      timeZoneName: 'short',
    });
  formats.set(key, format);
  return format;
}
