import { z } from 'zod';
import { parseDuration } from '../../src/lib/duration.ts';
import { err, ok } from '../../src/lib/result.ts';
import type { Prober } from '../../src/probes/probe.ts';

const duration = z.string().transform((text, context) => {
  const read = parseDuration(text);
  if (read.ok) return read.value;
  context.addIssue({ code: 'custom', message: read.error });
  return z.NEVER;
});

const makeProber = (name: string, addressExample: string, address: RegExp, options: z.ZodType): Prober => ({
  name,
  summary: `The ${name} double.`,
  reasons: [],
  options,
  addressExample,
  parseAddress: (text) => (address.test(text) ? ok(true) : err(`write it as in ${addressExample}`)),
  open: () => Promise.reject(new Error(`${name} is a double for its options alone and probes nothing`)),
});

const tcp = makeProber(
  'tcp',
  '192.0.2.10:8443',
  /^[^:/\s]+:\d{1,5}$/,
  z.strictObject({
    tls: z.boolean().default(false),
    query_response: z
      .array(z.strictObject({ send: z.string().optional(), expect: z.string().optional() }))
      .default([]),
  }),
);

const http = makeProber(
  'http',
  'https://www.example.test/',
  /^https?:\/\/\S+$/,
  z.strictObject({
    method: z.enum(['GET', 'HEAD', 'POST']).default('GET'),
    valid_status_codes: z.array(z.int().min(100).max(599)).default([200]),
    headers: z.record(z.string(), z.string()).default({}),
    basic_auth: z
      .strictObject({
        username: z.string(),
        password: z.string().optional(),
        password_file: z.string().optional(),
      })
      .optional(),
    body_size_limit: z.union([z.int(), z.string()]).optional(),
    give_up_after: duration.prefault('10s'),
  }),
);

const nexo = makeProber(
  'nexo',
  'https://192.0.2.10:8443/nexo',
  /^https:\/\/\S+$/,
  z.strictObject({
    root_file: z.string().min(1),
    passphrase: z.string().min(8).optional(),
    key_version: z.int().default(1),
  }),
);

/** Probers with options of every shape that the settings must cope with. They open nothing. */
export const fakeProbers: ReadonlyMap<string, Prober> = new Map(
  [tcp, http, nexo].map((prober) => [prober.name, prober]),
);
