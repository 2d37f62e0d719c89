import { stat } from 'node:fs/promises';
import { err, ok, type Result } from '../lib/result.ts';
import type { SettingsProblem } from './settings.ts';
import { readText } from './text-file.ts';
import { whyUnreadable } from './tokens.ts';

/** Longer than any configuration that a person or a program of its kind wrote. Unit: bytes. */
const MOST_BYTES = 4 * 1_024 ** 2;

/** A text file of another program. Fails with what to do when it cannot be read, is no text, or is far too large. */
export async function readForeignText(
  file: string,
  mostBytes = MOST_BYTES,
): Promise<Result<string, SettingsProblem>> {
  const refuse = (message: string, line = 1, column = 1): Result<string, SettingsProblem> =>
    err({ file, line, column, path: '', message });
  try {
    const { size } = await stat(file);
    if (size > mostBytes) {
      const [is, most] = [size, mostBytes].map((bytes) => `${Math.ceil(bytes / 1_024 ** 2)} MB`);
      return refuse(`this file is ${is} large; the most that is read is ${most}`);
    }
    const text = await readText(file);
    return text.ok ? ok(text.value) : refuse(text.error.message, text.error.line, text.error.column);
  } catch (cause) {
    return refuse(`cannot read this file: ${whyUnreadable(cause)}`);
  }
}
