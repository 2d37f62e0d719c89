import { isIPv6 } from 'node:net';
import { z } from 'zod';
import { LANGUAGES } from '../../core/notification.ts';

const file = z.string().min(1);

const address = z.email({
  error: ({ input }) => `"${String(input)}" is no e-mail address; write it as name@example.test`,
});

const SENDER = /^(?:"?([^"<>\r\n]*?)"?\s*<([^<>\s]+)>|([^<>\s]+))$/;

export const emailOptions = z
  .strictObject({
    host: z
      .string()
      .regex(/^[\w.:-]+$/, 'write the name or address of the mail server, without port')
      .describe('Mail server that takes the messages'),
    port: z.int().min(1).max(65_535).optional().describe('Its port; without it 587, or 465 with secure'),
    secure: z.boolean().default(false).describe('Speak TLS from the first byte, as on port 465'),
    starttls: z
      .enum(['required', 'opportunistic', 'none'])
      .optional()
      .describe(
        'Whether to change to TLS before anything is told: required, the default, only if it can be, or never',
      ),
    username: z.string().min(1).optional().describe('User to log in as'),
    password_file: file.optional().describe('File with the password of that user'),
    ca_file: file.optional().describe('PEM file of the only authorities to trust; without it the usual ones'),
    from: z
      .string()
      .refine((text) => parseSender(text) !== undefined, {
        error: 'write the sender as name@example.test or Name <name@example.test>',
      })
      .describe('Sender, as in Kassavakt <kassavakt@example.test>'),
    to: z
      .array(
        z.union([
          address,
          z.strictObject({
            address,
            language: z
              .enum(LANGUAGES)
              .optional()
              .describe('Language of this recipient; without it the channel’s'),
          }),
        ]),
      )
      .min(1)
      .max(100)
      .describe('Recipients, each an address or { address: ADDRESS, language: en|sv|nb }'),
  })
  .superRefine((options, context) => {
    const complain = (key: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [key], message });
    const { host, secure, starttls, username, password_file, to } = options;
    if (secure && starttls !== undefined) {
      complain('starttls', 'with secure: true everything is TLS from the first byte; leave out starttls');
    }
    if ((username === undefined) !== (password_file === undefined)) {
      complain(
        username === undefined ? 'password_file' : 'username',
        'a login needs both: give username and password_file, or neither',
      );
    }
    const isReadable = !secure && (starttls === 'none' || starttls === 'opportunistic');
    if (username !== undefined && isReadable && !isLoopback(host)) {
      complain('starttls', `starttls: ${starttls} could send the password readable for others; use required`);
    }
    const seen = new Set<string>();
    for (const each of to) {
      const key = addressOf(each).toLowerCase();
      if (seen.has(key)) complain('to', `${addressOf(each)} is there twice; leave one`);
      seen.add(key);
    }
  });
export type EmailOptions = z.output<typeof emailOptions>;

export function addressOf(recipient: EmailOptions['to'][number]): string {
  return typeof recipient === 'string' ? recipient : recipient.address;
}

/** `Name <address>` or an address alone; undefined when it is neither. */
export function parseSender(text: string): { readonly name: string; readonly address: string } | undefined {
  const [, name = '', inBrackets, alone] = SENDER.exec(text.trim()) ?? [];
  const read = z.email().safeParse(inBrackets ?? alone);
  return read.success ? { name: name.trim(), address: read.data } : undefined;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || /^127(\.\d{1,3}){3}$/.test(host) || (isIPv6(host) && host === '::1');
}
