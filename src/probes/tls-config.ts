import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createSecureContext, getCACertificates, type SecureContext, type SecureVersion } from 'node:tls';
import { z } from 'zod';
import { type ProbeContext, ProberUnavailable } from './probe.ts';

const file = z.string().min(1);

/** blackbox_exporter's `tls_config`, and `pfx_file` with `passphrase_file` for keys that come as one PKCS#12 file. */
export const tlsConfigOptions = z
  .strictObject({
    ca_file: file
      .optional()
      .describe('PEM file of the only authorities to trust; without it the usual ones are'),
    cert_file: file.optional().describe('PEM file of the client certificate to present, with its chain'),
    key_file: file.optional().describe('PEM file of the client certificate’s key'),
    pfx_file: file.optional().describe('PKCS#12 file (.p12, .pfx) of client certificate and key'),
    passphrase_file: file.optional().describe('File with the passphrase of pfx_file or key_file'),
    server_name: z
      .string()
      .min(1)
      .optional()
      .describe('Name to ask for (SNI) and to find in the certificate'),
    insecure_skip_verify: z.boolean().default(false).describe('Accept any certificate'),
    min_version: z
      .enum(['TLS10', 'TLS11', 'TLS12', 'TLS13'])
      .default('TLS12')
      .describe('Oldest version to accept'),
  })
  .superRefine((config, context) => {
    const complain = (key: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [key], message });
    if (config.cert_file !== undefined && config.key_file === undefined) {
      complain('cert_file', 'cert_file needs its key: add key_file');
    }
    if (config.key_file !== undefined && config.cert_file === undefined) {
      complain('key_file', 'key_file needs its certificate: add cert_file');
    }
    if (config.pfx_file !== undefined && config.cert_file !== undefined) {
      complain('pfx_file', 'give the client certificate once: either pfx_file, or cert_file and key_file');
    }
    if (config.passphrase_file !== undefined && (config.pfx_file ?? config.key_file) === undefined) {
      complain('passphrase_file', 'passphrase_file opens pfx_file or key_file, and neither is given');
    }
  });

export type TlsConfig = z.infer<typeof tlsConfigOptions>;

/** A module's TLS options, files read. Made once for each module; sessions are never resumed. */
export interface ClientTls {
  readonly secureContext: SecureContext;
  /** `server_name`; undefined when the address' own name is to be used. */
  readonly serverName: string | undefined;
  /** False for `insecure_skip_verify`. */
  readonly verify: boolean;
  readonly hasClientCertificate: boolean;
}

const VERSIONS: Readonly<Record<TlsConfig['min_version'], SecureVersion>> = {
  TLS10: 'TLSv1',
  TLS11: 'TLSv1.1',
  TLS12: 'TLSv1.2',
  TLS13: 'TLSv1.3',
};

/**
 * Reads the files of `config` against `context.baseDir`.
 * Throws `ProberUnavailable` when one cannot be read or used, with its name and what to do.
 */
export async function loadTlsConfig(config: TlsConfig, context: ProbeContext): Promise<ClientTls> {
  const read = (option: keyof TlsConfig, name: string | undefined): Promise<Buffer | undefined> =>
    name === undefined ? Promise.resolve(undefined) : readModuleFile(`tls_config.${option}`, name, context);
  const [ca, cert, key, pfx, passphrase] = await Promise.all([
    read('ca_file', config.ca_file),
    read('cert_file', config.cert_file),
    read('key_file', config.key_file),
    read('pfx_file', config.pfx_file),
    read('passphrase_file', config.passphrase_file),
  ]);
  if (ca !== undefined && !ca.includes('-----BEGIN CERTIFICATE-----')) {
    throw unusable(context, 'tls_config.ca_file', config.ca_file, 'holds no PEM certificate');
  }
  const minVersion = VERSIONS[config.min_version];
  const settings = {
    minVersion,
    // OpenSSL refuses the old versions at its usual security level.
    ...(minVersion < 'TLSv1.2' ? { ciphers: 'DEFAULT@SECLEVEL=0' } : {}),
    ca: ca === undefined ? usualAuthorities() : [ca],
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(pfx === undefined ? {} : { pfx }),
    ...(passphrase === undefined ? {} : { passphrase: withoutNewline(passphrase.toString('utf8')) }),
  };
  try {
    return {
      secureContext: createSecureContext(settings),
      serverName: config.server_name,
      verify: !config.insecure_skip_verify,
      hasClientCertificate: (cert ?? pfx) !== undefined,
    };
  } catch (cause) {
    const [option, name] =
      pfx === undefined
        ? cert === undefined
          ? (['ca_file', config.ca_file] as const)
          : (['cert_file', `${config.cert_file} with key_file ${config.key_file}`] as const)
        : (['pfx_file', config.pfx_file] as const);
    throw unusable(context, `tls_config.${option}`, name, advice(cause), cause);
  }
}

/**
 * A file that an option of a module names. Throws `ProberUnavailable` when it cannot be read.
 * `option` is the option's name, for the message.
 */
export async function readModuleFile(option: string, name: string, context: ProbeContext): Promise<Buffer> {
  const path = resolve(context.baseDir, name);
  try {
    return await readFile(path);
  } catch (cause) {
    const code = Error.isError(cause) && 'code' in cause ? String(cause.code) : 'unknown error';
    const why =
      code === 'ENOENT'
        ? 'does not exist'
        : code === 'EACCES'
          ? 'may not be read by this user'
          : code === 'EISDIR'
            ? 'is a folder'
            : `cannot be read (${code})`;
    throw unusable(context, option, path, `${why}; correct the path or the file's permissions`, cause);
  }
}

/** A secret in a file of its own: its text without the closing line break. Throws as `readModuleFile`. */
export async function readModuleSecret(option: string, name: string, context: ProbeContext): Promise<string> {
  const text = withoutNewline((await readModuleFile(option, name, context)).toString('utf8'));
  if (text === '')
    throw unusable(context, option, resolve(context.baseDir, name), 'is empty; put the secret in it');
  return text;
}

function withoutNewline(text: string): string {
  return text.replace(/\r?\n$/, '');
}

function unusable(
  context: ProbeContext,
  option: string,
  name: string | undefined,
  problem: string,
  cause?: unknown,
): ProberUnavailable {
  return new ProberUnavailable(`module ${context.module}: ${option} ${name ?? ''} ${problem}`, { cause });
}

/** OpenSSL's words are for programmers; the passphrase itself is never among them. */
function advice(cause: unknown): string {
  const text = Error.isError(cause) ? cause.message : String(cause);
  if (/mac verify failure/i.test(text))
    return 'does not open: the passphrase is wrong; correct passphrase_file';
  if (/key values mismatch/i.test(text))
    return 'do not belong together: the key is not that of the certificate';
  if (/bad decrypt|interrupted or cancelled|bad password|empty password|maybe wrong password/i.test(text)) {
    return 'does not open: the key is encrypted and its passphrase is missing or wrong; correct passphrase_file';
  }
  if (/not enough data|wrong tag|asn1|nested/i.test(text)) return 'is damaged or of another format';
  if (/no start line|PEM/i.test(text)) return 'is not in PEM form';
  if (/unsupported/i.test(text))
    return 'is encrypted in a way that OpenSSL 3 no longer reads; export it anew (AES-256)';
  return `cannot be used (${text})`;
}

let authorities: string[] | undefined;

/** Mozilla's list as Node carries it and what this machine trusts beside it, as blackbox_exporter would. */
function usualAuthorities(): string[] {
  authorities ??= Array.from(new Set([...getCACertificates('default'), ...getCACertificates('system')]));
  return authorities;
}
