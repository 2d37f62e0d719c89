/**
 * Blanks what could be card data in free text from outside: track 1 and 2, and 13–19 digits that pass the Luhn check,
 * whole groups of a run whose groups stand apart by a space or dash. Everything that reaches a log, an event or a page goes through here
 * when any part of it came from the network.
 */
export function redact(text: string): string {
  return text
    .replace(/%?[A-Z]\d{12,19}\^[^\n?]*\??/gi, '[track removed]')
    .replace(/;?\d{12,19}=\d[\d?]*/g, '[track removed]')
    .replace(/\d+(?:[ -]\d+)*/g, (run) => (run.length < 13 || !holdsCardNumber(run) ? run : REMOVED));
}

const REMOVED = '[card number removed]';

/** A number before or after a card number, with but a space between, must not hide it. */
function holdsCardNumber(run: string): boolean {
  const groups = run.split(/[ -]/);
  return groups.some((_, first) => {
    let digits = '';
    for (const group of groups.slice(first, first + 19)) {
      digits += group;
      if (digits.length > 19) return false;
      if (digits.length >= 13 && passesLuhn(digits)) return true;
    }
    return false;
  });
}

function passesLuhn(digits: string): boolean {
  const sum = Array.from(digits)
    .reverse()
    .reduce((total, digit, i) => {
      const value = Number(digit) * (i % 2 === 1 ? 2 : 1);
      return total + (value > 9 ? value - 9 : value);
    }, 0);
  return sum % 10 === 0;
}
