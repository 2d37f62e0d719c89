import { err, ok, type Result } from './result.ts';

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * Reads a duration as Prometheus writes it: `500ms`, `30s`, `1m30s`, `2h`.
 * Returns whole or fractional milliseconds; a bare number is refused because its unit is unknown.
 */
export function parseDuration(text: string): Result<number> {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/gy)];
  const consumed = parts.reduce((length, part) => length + part[0].length, 0);
  if (parts.length === 0 || consumed !== text.length) {
    return err(`"${text}" is not a duration; write a number with a unit, as in 500ms, 30s, 5m or 1h`);
  }
  return ok(parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNIT_MS[unit ?? ''] ?? 0), 0));
}

/** Writes a duration for a person with at most two units: `3 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1_000) return `${Math.round(durationMs)} ms`;
  if (durationMs < 60_000) return `${Number((durationMs / 1_000).toFixed(1))} s`;
  const seconds = Math.round(durationMs / 1_000);
  const pairs = [
    [86_400, 'd', 3_600, 'h'],
    [3_600, 'h', 60, 'min'],
    [60, 'min', 1, 's'],
  ] as const;
  const [big, bigName, small, smallName] = pairs.find(([size]) => seconds >= size) ?? pairs[2];
  const rest = Math.floor((seconds % big) / small);
  const head = `${Math.floor(seconds / big)} ${bigName}`;
  return rest === 0 ? head : `${head} ${rest} ${smallName}`;
}
