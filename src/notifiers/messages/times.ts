import type { Catalogue } from './catalogue.ts';

const formats = new Map<string, Intl.DateTimeFormat>();

/** A time as people write it, with its zone: `Friday 22 December at 14:00 CET`. Throws a RangeError for no zone. */
export function tellTime(atMs: number, timeZone: string, { locale }: Catalogue): string {
  const key = `${locale} ${timeZone}`;
  let format = formats.get(key);
  if (format === undefined) {
    format = new Intl.DateTimeFormat(locale, {
      timeZone,
      weekday: 'long',
      day: 'numeric',
      month: 'long',
      hour: '2-digit',
      minute: '2-digit',
      timeZoneName: 'short',
    });
    formats.set(key, format);
  }
  return format.format(atMs);
}

/** With at most two units: `45 s`, `3 min`, `2 h 5 min`, `3 d 4 h`. From a minute on seconds are left out. */
export function tellDuration(durationMs: number, { durations }: Catalogue): string {
  const { days, hours, minutes, seconds } = durations;
  if (durationMs < 60_000) return `${Math.max(0, Math.round(durationMs / 1_000))} ${seconds}`;
  const whole = Math.round(durationMs / 60_000);
  const parts =
    whole < 1_440
      ? ([
          [Math.floor(whole / 60), hours],
          [whole % 60, minutes],
        ] as const)
      : ([
          [Math.floor(whole / 1_440), days],
          [Math.floor((whole % 1_440) / 60), hours],
        ] as const);
  return parts
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}
