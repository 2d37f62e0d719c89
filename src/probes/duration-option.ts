import { z } from 'zod';
import { parseDuration } from '../lib/duration.ts';

/** A duration option as people write it (`5m`, `14d`), read as ms. */
export function durationOption(fallback: string) {
  return z
    .string()
    .transform((text, context) => {
      const read = parseDuration(text);
      if (read.ok) return read.value;
      context.addIssue({ code: 'custom', message: read.error });
      return z.NEVER;
    })
    .prefault(fallback);
}
