import { z } from 'zod';
import { durationOption } from './duration-option.ts';
import { ipOptions } from './resolve.ts';
import { tlsConfigOptions } from './tls-config.ts';

/** Options under `nexo:` in a module. */
export const nexoOptions = z
  .strictObject({
    sale_id: z
      .string()
      .regex(/^[\w.-]{1,64}$/, 'write 1 to 64 letters, digits, dots, dashes or underscores')
      .default('kassavakt')
      .describe('The name that this monitor gives itself towards terminals'),
    encryption: z
      .strictObject({
        key_identifier: z.string().min(1).describe('Identifier of the shared key'),
        key_version: z.int().min(0).describe('Version of the shared key'),
        passphrase_file: z.string().min(1).describe('File with the passphrase of the shared key'),
        crypto_version: z.literal(1).default(1).describe('Version of the envelope'),
      })
      .optional()
      .describe('The key that the terminals share with their tills; without it messages are not encrypted'),
    tls: z.boolean().default(true).describe('Speak HTTPS; false only for a terminal that has no TLS'),
    tls_config: tlsConfigOptions.optional(),
    certificate_names: z
      .array(z.string().min(1))
      .min(1)
      .default([
        '{poi_id}.live.terminal.adyen.com',
        '{poi_id}.test.terminal.adyen.com',
        'legacy-terminal-certificate.live.terminal.adyen.com',
        'legacy-terminal-certificate.test.terminal.adyen.com',
      ])
      .describe(
        'Names of which the terminal’s certificate must have one, {poi_id} standing for its POIID. With tls_config.server_name, that name alone counts',
      ),
    busy_stuck_after: durationOption('5m').describe(
      'How long a terminal may be busy at every check before it counts as stuck',
    ),
    ...ipOptions,
  })
  .superRefine((given, context) => {
    const isChecked = given.tls_config?.ca_file !== undefined || given.tls_config?.insecure_skip_verify;
    if (given.tls && !isChecked) {
      context.addIssue({
        code: 'custom',
        path: ['tls_config'],
        message:
          'add tls_config.ca_file with the root certificate of the terminals (Adyen publishes one for TEST and one for LIVE)',
      });
    }
    if (!given.tls && given.tls_config !== undefined) {
      context.addIssue({ code: 'custom', path: ['tls_config'], message: 'has no effect with tls: false' });
    }
  });
export type NexoOptions = z.output<typeof nexoOptions>;
