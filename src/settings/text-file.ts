import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { err, ok, type Result } from '../lib/result.ts';

/** A text file that cannot be used, and where. */
interface Unreadable {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/**
 * Reads a text file whatever a spreadsheet saved it as: UTF-8, UTF-16 with its mark, or Windows-1252 (Latin-1).
 * Line ends become `\n`. Rejects when the file cannot be read.
 */
export async function readText(path: string): Promise<Result<string, Unreadable>> {
  const bytes = await readFile(path);
  const text = decode(bytes).replace(/\r\n?/g, '\n');
  const odd = text.search(NOT_TEXT);
  if (odd !== -1) {
    const code = (text.codePointAt(odd) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    return refuse(
      text,
      odd,
      `the character U+${code} does not belong in a text file; save the file as UTF-8 text`,
    );
  }
  const garbled = text.search(GARBLED);
  if (garbled !== -1) {
    const message =
      'the file is partly UTF-8 and partly something else, so its letters cannot be told; save it as UTF-8';
    return refuse(text, garbled, message);
  }
  return ok(text);
}

function decode(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  if (isUtf8(bytes)) return new TextDecoder('utf-8').decode(bytes);
  const hasUtf8Mark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return new TextDecoder('windows-1252').decode(hasUtf8Mark ? bytes.subarray(3) : bytes);
}

/** Control characters other than tab and newline, and what a decoder writes for bytes that mean nothing. */
const NOT_TEXT = /[^\P{Cc}\t\n]|\uFFFD/u;

/** Two-byte UTF-8 read as Windows-1252: `Ã¥` for å. Words never have these pairs. */
const GARBLED = /[ÂÃ][\u00A0-\u00BF\u20AC\u201A-\u2026\u2030\u2039\u203A]/;

function refuse(
  text: string,
  offset: number,
  message: string,
): { readonly ok: false; readonly error: Unreadable } {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return err({ line, column: offset - before.lastIndexOf('\n'), message });
}
