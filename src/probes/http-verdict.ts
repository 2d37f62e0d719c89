import type { IncomingMessage } from 'node:http';
import { unreachable } from '../lib/unreachable.ts';
import type { Fault } from './fault.ts';
import { type BodyRead, bodyText } from './http-exchange.ts';
import type { HttpOptions } from './http-options.ts';
import type { RegexSearcher } from './regex.ts';

/** What is wrong with an answer. `isMismatch`: a rule with a regular expression said so. */
export type Objection = Fault & { readonly isMismatch?: boolean };

type Head = Pick<IncomingMessage, 'headers' | 'headersDistinct' | 'httpVersion' | 'statusCode'>;

interface Answer {
  readonly head: Head;
  readonly isTls: boolean;
  readonly body: BodyRead;
}

/**
 * Judges a whole answer by the module's rules, in blackbox_exporter's order: status, headers, body, version, TLS.
 * `who` begins each sentence. A rule is named by its pattern, never by what it met.
 */
export async function judgeAnswer(
  answer: Answer,
  options: HttpOptions,
  searcher: RegexSearcher,
  who: string,
  signal: AbortSignal,
): Promise<Objection | undefined> {
  return (
    statusObjection(answer.head, options, who) ??
    (await headerObjection(answer.head, options, searcher, who, signal)) ??
    bodyObjection(answer.body, options, who) ??
    (await textObjection(answer, options, searcher, who, signal)) ??
    versionObjection(answer, options, who)
  );
}

/** Whether the body's text is looked at, and so has to be kept. */
export function readsText(options: HttpOptions): boolean {
  return options.fail_if_body_matches_regexp.length > 0 || options.fail_if_body_not_matches_regexp.length > 0;
}

function failed(reason: 'auth' | 'protocol' | 'content', message: string): Objection {
  return { kind: 'failed', reason, message };
}

function mismatch(message: string): Objection {
  return { kind: 'failed', reason: 'content', message, isMismatch: true };
}

function statusObjection(
  { statusCode: status = 0 }: Head,
  options: HttpOptions,
  who: string,
): Objection | undefined {
  const { valid_status_codes: valid } = options;
  if (valid.length === 0 ? status >= 200 && status <= 299 : valid.includes(status)) return undefined;
  const expected = valid.length === 0 ? '2xx' : valid.join(' or ');
  const isAuth = status === 401 || status === 403 || status === 407;
  return isAuth
    ? failed(
        'auth',
        `${who} answers HTTP ${status}: it does not accept our credentials (expected ${expected})`,
      )
    : failed('protocol', `${who} answers HTTP ${status}, expected ${expected}`);
}

async function headerObjection(
  head: Head,
  options: HttpOptions,
  searcher: RegexSearcher,
  who: string,
  signal: AbortSignal,
): Promise<Objection | undefined> {
  for (const [rules, mustMatch] of [
    [options.fail_if_header_matches, false],
    [options.fail_if_header_not_matches, true],
  ] as const) {
    for (const { header, regexp, allow_missing: allowMissing } of rules) {
      const values = head.headersDistinct[header.toLowerCase()] ?? [];
      if (values.length === 0) {
        if (allowMissing) continue;
        return mismatch(`${who} answers without the header ${header}`);
      }
      let found = false;
      for (const text of values) {
        const search = await searcher.search({ pattern: regexp, text, wantsGroups: false }, signal);
        if (search.kind === 'unfinished') return unfinished(regexp, who);
        found ||= search.kind === 'found';
      }
      if (found !== mustMatch) {
        return mismatch(`The header ${header} of ${who} ${found ? 'matches' : 'does not match'} "${regexp}"`);
      }
    }
  }
  return undefined;
}

function bodyObjection(body: BodyRead, options: HttpOptions, who: string): Objection | undefined {
  switch (body.kind) {
    case 'too-large':
      return failed(
        'content',
        `${who} answers with a body larger than body_size_limit (${options.body_size_limit})`,
      );
    case 'not-compressed-so':
      return failed(
        'content',
        `${who} answers with a body that is not ${options.compression}, as compression expects`,
      );
    case 'broken-off':
      return failed('protocol', `${who} breaks off in the middle of the body`);
    case 'whole':
    case 'aborted':
      return undefined;
    default:
      return unreachable(body);
  }
}

async function textObjection(
  { head, body }: Answer,
  options: HttpOptions,
  searcher: RegexSearcher,
  who: string,
  signal: AbortSignal,
): Promise<Objection | undefined> {
  if (body.kind !== 'whole' || !readsText(options)) return undefined;
  const text = bodyText(body.bytes, head.headers['content-type']);
  for (const [patterns, mustMatch] of [
    [options.fail_if_body_matches_regexp, false],
    [options.fail_if_body_not_matches_regexp, true],
  ] as const) {
    for (const pattern of patterns) {
      const search = await searcher.search({ pattern, text, wantsGroups: false }, signal);
      if (search.kind === 'unfinished') return unfinished(pattern, who);
      if ((search.kind === 'found') !== mustMatch) {
        return mismatch(
          `${who} answers HTTP ${head.statusCode}, but its text ${mustMatch ? 'does not match' : 'matches'} "${pattern}"`,
        );
      }
    }
  }
  return undefined;
}

function versionObjection({ head, isTls }: Answer, options: HttpOptions, who: string): Objection | undefined {
  const version = `HTTP/${head.httpVersion}`;
  const { valid_http_versions: valid } = options;
  if (valid.length > 0 && !valid.some((one) => one === version)) {
    return failed('protocol', `${who} answers in ${version}, expected ${valid.join(' or ')}`);
  }
  if (options.fail_if_ssl && isTls)
    return failed('protocol', `${who} answers over TLS, and fail_if_ssl is set`);
  if (options.fail_if_not_ssl && !isTls) {
    return failed('protocol', `${who} answers without TLS, and fail_if_not_ssl is set`);
  }
  return undefined;
}

/** Ours, not the page's: the search was cut short by the deadline. */
function unfinished(pattern: string, who: string): Objection {
  return {
    kind: 'inconclusive',
    reason: 'self-late',
    message: `This machine could not search the answer of ${who} for "${pattern}" in time`,
  };
}
