import { err, ok, type Result } from '../../lib/result.ts';
import type { SecretFiles } from './import-draft.ts';

/** A request as another monitor makes it. */
export interface HttpRequest {
  readonly url: string;
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly bearerToken?: string | undefined;
}

/** Headers whose values are nobody's secret. */
const HARMLESS =
  /^(accept(-.*)?|cache-control|connection|content-type|host|if-(none-match|modified-since)|origin|pragma|referer|user-agent|x-requested-with)$/i;

/** Query parameters that hold what lets somebody in. */
const SECRET_PARAMETER =
  /^(.*[-_.])?(pass(word|phrase)?|passwd|pwd|tokens?|secret|(api|access|auth|private)?[-_]?key|auth|sig(nature)?|credentials?)$/i;
const CAMEL_SECRET = /(Token|Secret|Key|Password)$/;

/**
 * The request in the words of our http prober: secrets in files. Fails with the reason when a secret is where it cannot
 * be taken out.
 */
export function makeHttpRequest(
  { url, method, headers = {}, body, user, password, bearerToken }: HttpRequest,
  secrets: SecretFiles,
): Result<{ readonly address: string; readonly options: Record<string, unknown> }> {
  const place = URL.parse(url);
  if (place === null) return err('its URL does not read');
  const inUrl = { user: decode(place.username), password: decode(place.password) };
  place.username = '';
  place.password = '';
  const parameter = Array.from(place.searchParams.keys()).find(
    (name) => SECRET_PARAMETER.test(name) || CAMEL_SECRET.test(name),
  );
  if (parameter !== undefined) {
    return err(
      `its URL holds a secret in the parameter "${parameter}", and addresses are shown to everybody: ` +
        'have the service take it from a header, or leave it out',
    );
  }
  const who = user || inUrl.user;
  const secret = password || inUrl.password;
  const { plain, hidden } = sortHeaders(headers, secrets);
  const isGet = method === undefined || method === '' || method.toUpperCase() === 'GET';
  const options = {
    ...(isGet ? {} : { method: method.toUpperCase() }),
    ...(Object.keys(plain).length === 0 ? {} : { headers: plain }),
    ...(Object.keys(hidden).length === 0 ? {} : { http_headers: hidden }),
    ...(body === undefined || body === '' ? {} : { body_file: secrets.keepExactly('body', body) }),
    ...(who === '' && secret === ''
      ? {}
      : {
          basic_auth: {
            username: who,
            ...(secret === '' ? {} : { password_file: secrets.keep('password', secret) }),
          },
        }),
    ...(bearerToken === undefined || bearerToken === ''
      ? {}
      : { bearer_token_file: secrets.keep('token', bearerToken) }),
  };
  return ok({ address: place.href, options });
}

/** Values that may be secret go into files. */
export function sortHeaders(headers: Readonly<Record<string, string>>, secrets: SecretFiles) {
  const plain: Record<string, string> = {};
  const hidden: Record<string, { readonly files: readonly string[] }> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === '' || HARMLESS.test(name)) plain[name] = value;
    else hidden[name] = { files: [secrets.keep(`header-${name}`, value)] };
  }
  return { plain, hidden };
}

/** A text as a regular expression that finds it and nothing else. */
export function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/**
 * A regular expression that finds `value` under the last name of a JSON path of plain names (`$.a.b`, `a.b`);
 * undefined for any other path. It finds the name anywhere, so it is not quite the path.
 */
export function jsonPattern(path: string, value: string): string | undefined {
  const names = /^\$?\.?((?:[A-Za-z_][\w-]*\.)*)([A-Za-z_][\w-]*)$/.exec(path.trim());
  const last = names?.[2];
  if (last === undefined) return undefined;
  const text = literally(value);
  return `"${literally(last)}"\\s*:\\s*("${text}"|${text}\\s*[,}\\]])`;
}

/** `host:port`, with the brackets that IPv6 wants. */
export function hostAndPort(host: string, port: number | string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not encoded, then.
    return text;
  }
}
