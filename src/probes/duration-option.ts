import { z } from 'zod';
import { parseDuration } from '../lib/duration.ts';

/** A duration option as people write it (`5m`, `14d`). It stays text; `readDurationOption` gives its ms. */
export function durationOption(fallback: string) {
  return z
    .string()
    .superRefine((text, context) => {
      const read = parseDuration(text);
      if (!read.ok) context.addIssue({ code: 'custom', message: read.error });
    })
    .default(fallback);
}

/** Of an option's text that was accepted, in ms. Throws for any other. */
export function readDurationOption(text: string): number {
  const read = parseDuration(text);
  if (!read.ok) throw new TypeError(read.error);
  return read.value;
}
