import { err, ok, type Result } from '../lib/result.ts';
import { makeSuggester } from './did-you-mean.ts';

/** For what names no zone. */
export const DEFAULT_TIMEZONE = 'Europe/Stockholm';

/** Whether a text names an IANA zone, remembered by text. */
export function makeZoneCheck(): (zone: string) => Result<true> {
  const known = new Map<string, Result<true>>();
  const suggestZone = makeSuggester(Intl.supportedValuesOf('timeZone'));
  return (zone) => {
    let result = known.get(zone);
    if (result === undefined) {
      result = isIanaZone(zone)
        ? ok(true)
        : err(
            `"${zone}" is not a time zone${suggestZone(zone) || '; write an IANA name, as in Europe/Stockholm'}`,
          );
      known.set(zone, result);
    }
    return result;
  };
}

function isIanaZone(zone: string): boolean {
  if (!/^[A-Za-z]/.test(zone)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone }).format(0);
    return true;
  } catch {
    return false;
  }
}
