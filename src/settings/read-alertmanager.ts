import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { z } from 'zod';
import { formatDuration } from '../lib/duration.ts';
import { alertmanagerConfig } from './alertmanager-schema.ts';
import type { ConfigDocument } from './config-document.ts';
import { childOf, type Refuse } from './read-modules.ts';
import type { AlertmanagerSettings } from './settings.ts';
import { whyUnreadable } from './tokens.ts';

const DEFAULT_RESEND_MS = 60_000;
const DEFAULT_TIMEOUT_MS = 10_000;

type Config = z.output<typeof alertmanagerConfig>;

/** Reads `alertmanager`; undefined when there is none, or it does not read. */
export async function readAlertmanager(
  document: ConfigDocument,
  baseDir: string,
  refuse: Refuse,
): Promise<AlertmanagerSettings | undefined> {
  const read = alertmanagerConfig.safeParse(childOf(document.value)['alertmanager']);
  if (!read.success) return undefined;
  const config = read.data;
  const say: Refuse = (path, message) => refuse(['alertmanager', ...path], message);
  refuseTwins(config, say);
  const resendIntervalMs = config.resend_interval ?? DEFAULT_RESEND_MS;
  const timeoutMs = config.timeout ?? Math.min(DEFAULT_TIMEOUT_MS, resendIntervalMs);
  if (timeoutMs > resendIntervalMs) {
    const longest = formatDuration(resendIntervalMs);
    say(
      ['timeout'],
      `the timeout of ${formatDuration(timeoutMs)} must not be longer than resend_interval, ${longest}`,
    );
  }
  return Object.freeze({
    urls: Object.freeze(config.urls),
    resendIntervalMs,
    timeoutMs,
    auth: await readAuth(config, baseDir, say),
    mirrorSilences: config.mirror_silences,
    runbookUrl: config.runbook_url,
  });
}

function refuseTwins({ urls }: Config, say: Refuse): void {
  for (const [i, url] of urls.entries()) {
    if (urls.indexOf(url) < i) say(['urls', i], `${url} stands here twice; remove one`);
  }
}

async function readAuth(config: Config, baseDir: string, say: Refuse): Promise<AlertmanagerSettings['auth']> {
  const { username, password_file: password, bearer_token_file: token } = config;
  if (token !== undefined && (username ?? password) !== undefined) {
    say(
      ['bearer_token_file'],
      'give a bearer token or a user with a password, not both: remove bearer_token_file, or username and password_file',
    );
    return undefined;
  }
  if (token !== undefined) {
    const tokenFile = resolve(baseDir, token);
    await checkSecret('bearer_token_file', tokenFile, token, say);
    return { kind: 'bearer', tokenFile };
  }
  if (username === undefined && password === undefined) return undefined;
  if (password === undefined) {
    say(['username'], 'username needs password_file beside it, a file that holds the password');
    return undefined;
  }
  if (username === undefined) {
    say(['password_file'], 'password_file needs username beside it');
    return undefined;
  }
  const passwordFile = resolve(baseDir, password);
  await checkSecret('password_file', passwordFile, password, say);
  return { kind: 'basic', username, passwordFile };
}

/** Whether the file can be used now: it is read again whenever it is. */
async function checkSecret(option: string, path: string, shown: string, say: Refuse): Promise<void> {
  try {
    const secret = await readFile(path, 'utf8');
    if (secret.trim() === '') say([option], `the file "${shown}" is empty; write the secret into it`);
    else if (/[\r\n]/.test(secret.replace(/\r?\n$/, ''))) {
      say([option], `the file "${shown}" has more than one line; write the secret into it and nothing else`);
    }
  } catch (cause) {
    say([option], `cannot read the file "${shown}": ${whyUnreadable(cause)}`);
  }
}
