import { METHODS, validateHeaderName, validateHeaderValue } from 'node:http';
import { z } from 'zod';
import { regexOption } from './regex.ts';
import { ipOptions } from './resolve.ts';
import { tlsConfigOptions } from './tls-config.ts';

/** An option of blackbox_exporter that has no place here: any use of it is an error that says why. */
const notHere = (message: string) => z.never({ error: message }).optional();

const secretInFile = (option: string, instead: string) =>
  notHere(
    `${option} would put a secret into the configuration; write it to a file and name that in ${instead}`,
  );

const headerName = z.string().refine((name) => isValid(() => validateHeaderName(name)), {
  error: 'a header name is letters, digits and dashes',
});
const headerValue = z.string().refine((value) => isValid(() => validateHeaderValue('x', value)), {
  error: 'a header value is one line, without control characters',
});

const headerRule = z.strictObject({
  header: headerName,
  regexp: regexOption,
  allow_missing: z.boolean().default(false).describe('Let the rule pass when the header is not there'),
});

const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1_024,
  MB: 1_024 ** 2,
  KIB: 1_024,
  MIB: 1_024 ** 2,
};
const MAX_BODY_BYTES = 64 * 1_024 ** 2;

/** Bytes of `body_size_limit`; undefined when it does not read. As in blackbox_exporter, 1KB is 1024 bytes. */
export function parseSize(size: number | string): number | undefined {
  if (typeof size === 'number') return Number.isInteger(size) ? size : undefined;
  const match = /^(\d+)([kKmM]?i?[bB])?$/.exec(size);
  return match === null ? undefined : Number(match[1]) * (SIZE_UNITS[(match[2] ?? 'B').toUpperCase()] ?? 1);
}

export const httpOptions = z
  .strictObject({
    valid_status_codes: z
      .array(z.int().min(100).max(599))
      .default([])
      .describe('Status codes that are well; none given means 200 to 299'),
    valid_http_versions: z
      .array(z.enum(['HTTP/1.0', 'HTTP/1.1', 'HTTP/2', 'HTTP/2.0']))
      .default([])
      .refine(
        (versions) => versions.length === 0 || versions.some((version) => version.startsWith('HTTP/1')),
        {
          error: 'this prober speaks HTTP/1.1, so HTTP/1.1 or HTTP/1.0 must be among valid_http_versions',
        },
      )
      .describe('Versions of HTTP that are well; none given means any'),
    method: z
      .string()
      .refine((method) => METHODS.includes(method) && method !== 'CONNECT', {
        error: 'method is one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, …, in capitals',
      })
      .default('GET'),
    headers: z.record(headerName, headerValue).default({}).describe('Headers to send'),
    http_headers: z
      .record(
        headerName,
        z.strictObject({
          values: z.array(headerValue).default([]),
          files: z.array(z.string().min(1)).default([]).describe('Files that hold one value each'),
          secrets: secretInFile('secrets', 'files'),
        }),
      )
      .default({})
      .describe('Headers to send, with several values or with values from files'),
    body: z.string().optional().describe('Body to send'),
    body_file: z.string().min(1).optional().describe('File with the body to send'),
    body_size_limit: z
      .union([z.int(), z.string()])
      .refine(
        (size) => {
          const bytes = parseSize(size);
          return bytes !== undefined && bytes > 0 && bytes <= MAX_BODY_BYTES;
        },
        { error: 'body_size_limit is a size above 0 and up to 64MB, as in 512KB or 10MB' },
      )
      .default('10MB')
      .describe('A longer body is a fault; after decompression'),
    compression: z
      .enum(['gzip', 'br', 'deflate', 'identity'])
      .optional()
      .describe('How the body must be compressed; asked for unless an Accept-Encoding header is given'),
    follow_redirects: z.boolean().default(true).describe('Follow redirects, up to 10'),
    fail_if_ssl: z.boolean().default(false),
    fail_if_not_ssl: z.boolean().default(false),
    fail_if_body_matches_regexp: z.array(regexOption).default([]),
    fail_if_body_not_matches_regexp: z.array(regexOption).default([]),
    fail_if_header_matches: z.array(headerRule).default([]),
    fail_if_header_not_matches: z.array(headerRule).default([]),
    tls_config: tlsConfigOptions.prefault({}),
    basic_auth: z
      .strictObject({
        username: z.string().default(''),
        username_file: z.string().min(1).optional(),
        password_file: z.string().min(1).optional(),
        password: z.string().optional().describe('From the environment only: ${NAME}'),
      })
      .optional(),
    authorization: z
      .strictObject({
        type: z.string().min(1).default('Bearer'),
        credentials_file: z.string().min(1).optional(),
        credentials: z.string().min(1).optional().describe('From the environment only: ${NAME}'),
      })
      .optional(),
    bearer_token_file: z.string().min(1).optional(),
    bearer_token: z.string().min(1).optional().describe('From the environment only: ${NAME}'),
    ...ipOptions,
    enable_http2: z
      .literal(false, {
        error: 'enable_http2: this prober speaks HTTP/1.1 only; leave it out, or set it to false',
      })
      .optional(),
    enable_http3: z
      .literal(false, {
        error: 'enable_http3: this prober speaks HTTP/1.1 only; leave it out, or set it to false',
      })
      .optional(),
    proxy_url: notHere('proxy_url: probes connect directly; proxies are not supported'),
    proxy_from_environment: notHere(
      'proxy_from_environment: probes connect directly; proxies are not supported',
    ),
    proxy_connect_header: notHere('proxy_connect_header: probes connect directly; proxies are not supported'),
    no_proxy: notHere('no_proxy: probes connect directly; proxies are not supported'),
    skip_resolve_phase_with_proxy: notHere(
      'skip_resolve_phase_with_proxy: probes connect directly; proxies are not supported',
    ),
    oauth2: notHere('oauth2 is not supported; use authorization with a credentials_file that is kept fresh'),
    fail_if_body_json_matches_cel: notHere(
      'fail_if_body_json_matches_cel is not supported; use fail_if_body_matches_regexp',
    ),
    fail_if_body_json_not_matches_cel: notHere(
      'fail_if_body_json_not_matches_cel is not supported; use fail_if_body_not_matches_regexp',
    ),
  })
  .superRefine((options, context) => {
    const complain = (key: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [key], message });
    if (options.body !== undefined && options.body_file !== undefined) {
      complain('body_file', 'give the body once: either body or body_file');
    }
    if (options.fail_if_ssl && options.fail_if_not_ssl) {
      complain('fail_if_not_ssl', 'fail_if_ssl and fail_if_not_ssl together fail always; leave one out');
    }
    const { basic_auth: basic, authorization } = options;
    if (basic?.password !== undefined && basic.password_file !== undefined) {
      complain('basic_auth', 'give the password once: either password or password_file');
    }
    if (authorization !== undefined) {
      const isGivenOnce =
        (authorization.credentials === undefined) !== (authorization.credentials_file === undefined);
      if (!isGivenOnce)
        complain('authorization', 'give the credentials once: either credentials_file or credentials');
    }
    const given = (['basic_auth', 'authorization', 'bearer_token_file', 'bearer_token'] as const).filter(
      (key) => options[key] !== undefined,
    );
    const [, second] = given;
    if (second !== undefined) complain(second, `give one way to authenticate, not ${given.join(' and ')}`);
    if (options.basic_auth?.username_file !== undefined && options.basic_auth.username !== '') {
      complain('basic_auth', 'give the user name once: either username or username_file');
    }
    const asked = Object.entries(options.headers).find(
      ([name]) => name.toLowerCase() === 'accept-encoding',
    )?.[1];
    if (options.compression !== undefined && asked !== undefined && !accepts(asked, options.compression)) {
      complain(
        'compression',
        `the header Accept-Encoding: ${asked} does not ask for ${options.compression}, which compression expects`,
      );
    }
  });

export type HttpOptions = z.infer<typeof httpOptions>;

function isValid(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    // It throws for what it does not accept; why is in the option's own message.
    return false;
  }
}

/** Whether an Accept-Encoding header lets the server choose `encoding`. */
function accepts(header: string, encoding: string): boolean {
  return header.split(',').some((part) => {
    const [name = '', ...parameters] = part
      .trim()
      .toLowerCase()
      .split(/\s*;\s*/);
    return (
      (name === encoding || name === '*') && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))
    );
  });
}
