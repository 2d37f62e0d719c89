import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { err, ok, type Result } from '../lib/result.ts';

/**
 * Reads a token's file: the SHA-256 of what it holds, without the newline at its end.
 * `name`: what the configuration calls it.
 */
export async function readTokenFile(path: string, name: string): Promise<Result<Uint8Array>> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (cause) {
    return err(`cannot read the token file "${name}": ${whyUnreadable(cause)}`);
  }
  const token = content.replace(/\r?\n$/, '');
  if (token.trim() === '') return err(`the token file "${name}" is empty; write the token into it`);
  if (/\s/.test(token)) {
    return err(`the token file "${name}" has white space within the token; write one token and nothing else`);
  }
  return ok(new Uint8Array(createHash('sha256').update(token).digest()));
}

/** Why a file could not be read, in words. */
export function whyUnreadable(cause: unknown): string {
  const code = Error.isError(cause) && 'code' in cause ? String(cause.code) : '';
  switch (code) {
    case 'ENOENT':
      return 'there is no such file';
    case 'ENOTDIR':
      return 'a part of its path is not a folder';
    case 'EISDIR':
      return 'it is a folder';
    case 'EACCES':
    case 'EPERM':
      return 'this user may not read it';
    default:
      return Error.isError(cause) ? cause.message : String(cause);
  }
}
