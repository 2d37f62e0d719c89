import axios, { type AxiosInstance } from 'axios';
import { type Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { parseDuration } from '../lib/duration.ts';
import type { CliContext, ExitCode } from './context.ts';

/** Where a command finds the monitor, and what it may do there. */
export interface ApiOptions {
  readonly url: string;
  readonly token?: string;
}

/** Unit: ms. */
const ANSWER_WITHIN_MS = 10_000;

/** Declares `--url` and `--token` on `command`. */
export function addApiOptions(command: Command): Command {
  return command
    .option('--url <url>', 'where the monitor answers', parseUrl, 'http://127.0.0.1:9840')
    .option('--token <token>', 'the access token (better in the environment: KASSAVAKT_TOKEN)');
}

/**
 * Runs `ask` with a client for the monitor's API. What the monitor refuses because of what was asked becomes 2, any
 * other want of an answer 3; either is told with the monitor's own words where it has some.
 */
export async function withApi(
  options: ApiOptions,
  cli: CliContext,
  ask: (api: AxiosInstance) => Promise<ExitCode>,
): Promise<ExitCode> {
  const token = options.token ?? cli.env['KASSAVAKT_TOKEN'];
  const api = axios.create({
    baseURL: options.url,
    timeout: ANSWER_WITHIN_MS,
    signal: cli.stop,
    maxRedirects: 0,
    ...(token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } }),
  });
  try {
    return await ask(api);
  } catch (error) {
    if (!axios.isAxiosError(error)) throw error;
    const why = whyNot(error.response?.data);
    const isAsked = why !== undefined && (error.response?.status === 400 || error.response?.status === 404);
    cli.complain(isAsked ? why : `${options.url} gives no answer to go by: ${why ?? error.message}`);
    return isAsked ? 2 : 3;
  }
}

/** Reads `2h` as minutes, which is how the API takes it. */
export function parseMinutes(text: string): number {
  const duration = parseDuration(text);
  if (!duration.ok) throw new InvalidArgumentError(`${duration.error}.`);
  return duration.value / 60_000;
}

/** Reads a time that names its zone. Returned as the API takes it. */
export function parseTime(text: string): string {
  if (z.iso.datetime({ offset: true }).safeParse(text).success) return text;
  throw new InvalidArgumentError('write it as 2026-12-24T15:00:00Z or 2026-12-24T16:00:00+01:00.');
}

/** A time of the API's for a person, in this machine's zone: `2026-12-24 16:00`. */
export function showTime(text: string): string {
  return new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'short' }).format(
    Date.parse(text),
  );
}

function whyNot(answer: unknown): string | undefined {
  const problem = z.object({ error: z.object({ message: z.string() }) }).safeParse(answer);
  return problem.success ? problem.data.error.message : undefined;
}

function parseUrl(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new InvalidArgumentError('write it as http://host:port.');
}
