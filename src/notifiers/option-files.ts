import { readFile } from 'node:fs/promises';
import { X509Certificate } from 'node:crypto';
import { validateHeaderValue } from 'node:http';
import { resolve } from 'node:path';
import { type NotifierContext, NotifierUnavailable } from './notifier.ts';

type FileContext = Pick<NotifierContext, 'channel' | 'baseDir'>;

/**
 * The text of the file that `option` names, without the line break at its end. Throws `NotifierUnavailable` when it
 * cannot be read or is empty.
 */
export async function readOptionFile(option: string, file: string, context: FileContext): Promise<string> {
  const path = resolve(context.baseDir, file);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw unavailable(context, `${option} ${path} ${whyUnreadable(cause)}`, cause);
  }
  const content = text.replace(/(\r?\n)+$/, '');
  if (content.trim() === '')
    throw unavailable(context, `${option} ${path} is empty; write into it what it is for`);
  return content;
}

/** `readOptionFile` for what is one line and nothing else, such as a password. */
export async function readOptionLine(option: string, file: string, context: FileContext): Promise<string> {
  const content = await readOptionFile(option, file, context);
  if (!/[\r\n]/.test(content)) return content;
  throw unavailable(context, `${option} ${resolve(context.baseDir, file)} has more than one line; leave one`);
}

/** `readOptionLine` for what goes into a header. */
export async function readHeaderLine(option: string, file: string, context: FileContext): Promise<string> {
  const content = await readOptionLine(option, file, context);
  if (isHeaderValue(content)) return content;
  const path = resolve(context.baseDir, file);
  throw unavailable(context, `${option} ${path} holds marks that a header cannot have; write plain letters`);
}

export function isHeaderValue(value: string): boolean {
  try {
    validateHeaderValue('x', value);
    return true;
  } catch {
    return false;
  }
}

/** Certificates of the authorities to trust, as PEM, or undefined for the usual ones. Throws as `readOptionFile`. */
export async function readAuthorities(
  file: string | undefined,
  context: FileContext,
): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const pem = await readOptionFile('ca_file', file, context);
  try {
    // Throws for what is no certificate at all, which would else be found out when there is something to tell.
    void new X509Certificate(pem);
  } catch (cause) {
    throw unavailable(context, `ca_file ${resolve(context.baseDir, file)} holds no PEM certificate`, cause);
  }
  return pem;
}

/** That the channel cannot be opened; `problem` says what to change. */
export function unavailable(
  { channel }: Pick<NotifierContext, 'channel'>,
  problem: string,
  cause?: unknown,
): NotifierUnavailable {
  return new NotifierUnavailable(`channel ${channel}: ${problem}`, { cause });
}

function whyUnreadable(cause: unknown): string {
  switch (Error.isError(cause) && 'code' in cause ? cause.code : undefined) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'does not exist; correct the path';
    case 'EISDIR':
      return 'is a folder; name a file';
    case 'EACCES':
    case 'EPERM':
      return "may not be read by this user; correct the file's permissions";
    default:
      return `cannot be read (${Error.isError(cause) ? cause.message : String(cause)})`;
  }
}
