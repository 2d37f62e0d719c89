/**
 * Blanks what could be card data in free text from outside: track 1 and 2, and 13–19 digit runs (spaces and
 * dashes allowed) that pass the Luhn check. Everything that reaches a log, an event or a page goes through here
 * when any part of it came from the network.
 */
export function redact(text: string): string {
  return text
    .replace(/%?[A-Z]\d{12,19}\^[^\n?]*\??/gi, '[track removed]')
    .replace(/;?\d{12,19}=\d[\d?]*/g, '[track removed]')
    .replace(/\d(?:[ -]?\d){12,18}/g, (run) => (passesLuhn(run) ? '[card number removed]' : run));
}

function passesLuhn(run: string): boolean {
  const digits = Array.from(run.replace(/\D/g, '')).reverse();
  const sum = digits.reduce((total, digit, i) => {
    const value = Number(digit) * (i % 2 === 1 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}
