import { createHash } from 'node:crypto';
import { createTransport, type SMTPTransportOptions, type SendMailOptions } from 'nodemailer';
import type { Language, Notice } from '../core/notification.ts';
import { timedOut } from './api-call.ts';
import { layOut } from './email/email-layout.ts';
import { addressOf, type EmailOptions, emailOptions, parseSender } from './email/email-options.ts';
import { refusedRecipients, smtpFault } from './email/smtp-fault.ts';
import { tellNotice } from './messages/message.ts';
import type { Channel, Delivery, Notifier, NotifierContext } from './notifier.ts';
import { readAuthorities, readOptionLine } from './option-files.ts';

/** Sends an e-mail to each recipient in their language. */
export const emailNotifier: Notifier<EmailOptions> = {
  name: 'email',
  summary: 'sends e-mail, to each recipient in their language',
  options: emailOptions,
  async open(options, context) {
    const { username, password_file, ca_file } = options;
    const [password, authorities] = await Promise.all([
      password_file === undefined ? undefined : readOptionLine('password_file', password_file, context),
      readAuthorities(ca_file, context),
    ]);
    const login =
      username === undefined || password === undefined ? undefined : { user: username, pass: password };
    return new EmailChannel(options, context, transportOptions(options, login, authorities));
  },
};

/** What has become of a message of which not every recipient has it yet. */
interface Progress {
  /** They have it, or never will. */
  readonly settled: Set<string>;
  /** Those who never will, and why. */
  readonly refused: Map<string, string>;
}

/** Messages that are only partly delivered are remembered, but no more than these. */
const MOST_REMEMBERED = 1_000;

class EmailChannel implements Channel {
  private readonly options: EmailOptions;
  private readonly context: NotifierContext;
  private readonly transport: ReturnType<typeof createTransport>;
  private readonly host: string;
  private readonly progress = new Map<string, Progress>();

  constructor(options: EmailOptions, context: NotifierContext, transport: SMTPTransportOptions) {
    this.options = options;
    this.context = context;
    this.host = `${options.host}:${transport.port}`;
    this.transport = createTransport(transport);
  }

  async send(notice: Notice, _reference: string | undefined, signal: AbortSignal): Promise<Delivery> {
    if (signal.aborted) return timedOut(signal, this.host);
    const progress = this.recall(notice.key);
    let deferred: string | undefined;
    for (const [language, all] of byLanguage(this.options.to, this.context.language)) {
      const to = all.filter((address) => !progress.settled.has(address));
      if (to.length === 0) continue;
      try {
        const info = await this.transport.sendMail({ ...this.mailOf(notice, language), to, signal });
        deferred = this.settle(to, info, progress) ?? deferred;
      } catch (error) {
        if (signal.aborted) return timedOut(signal, this.host);
        const { isPermanent, why, isOfServer } = smtpFault(error);
        const message = `${this.host} ${why}`;
        if (isOfServer) return this.fail(notice, isPermanent, message);
        if (refusedRecipients(error).length > 0) deferred = this.settle(to, error, progress) ?? deferred;
        else if (isPermanent) {
          for (const address of to) {
            progress.settled.add(address);
            progress.refused.set(address, `: it ${why}`);
          }
        } else deferred = message;
      }
    }
    if (deferred !== undefined) return this.fail(notice, false, deferred);
    this.progress.delete(notice.key);
    return progress.refused.size === 0 ? { kind: 'delivered' } : this.tellRefused(progress);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.transport.close();
  }

  private recall(key: string): Progress {
    const progress = this.progress.get(key) ?? { settled: new Set(), refused: new Map() };
    this.progress.delete(key);
    this.progress.set(key, progress);
    const [oldest] = this.progress.keys();
    if (this.progress.size > MOST_REMEMBERED && oldest !== undefined) this.progress.delete(oldest);
    return progress;
  }

  /** Notes who of `to` is done with; the result says of whom it may be tried again, if of any. */
  private settle(to: readonly string[], told: unknown, { settled, refused }: Progress): string | undefined {
    const faults = new Map(refusedRecipients(told).map((each) => [each.address, each]));
    const again: string[] = [];
    for (const address of to) {
      const fault = faults.get(address);
      if (fault !== undefined && !fault.isPermanent) {
        again.push(`${address}${fault.reply}`);
        continue;
      }
      settled.add(address);
      if (fault !== undefined) refused.set(address, fault.reply);
    }
    return again.length === 0 ? undefined : `${this.host} defers the message to ${again.join(', ')}`;
  }

  private fail(notice: Notice, isPermanent: boolean, message: string): Delivery {
    if (isPermanent) this.progress.delete(notice.key);
    return { kind: 'failed', isPermanent, message };
  }

  /** That it cannot reach some is for somebody to mend; those who have it are not sent it again. */
  private tellRefused({ settled, refused }: Progress): Delivery {
    const who = Array.from(refused, ([address, why]) => `${address}${why}`).join('; ');
    const have = settled.size - refused.size;
    const message = `${this.host} refuses recipients: ${who}; ${have} of ${settled.size} have the message; correct email.to`;
    return { kind: 'failed', isPermanent: true, message, ...(have > 0 ? { isPartly: true } : {}) };
  }

  private mailOf(notice: Notice, language: Language): SendMailOptions {
    const { clock } = this.context;
    const message = tellNotice(notice, { ...this.context, language });
    const sender = parseSender(this.options.from) ?? { name: '', address: this.options.from };
    const domain = sender.address.slice(sender.address.lastIndexOf('@') + 1);
    const [only, ...others] = notice.incidents;
    const thread = only === undefined || others.length > 0 ? undefined : idOf(domain, only.incident.id);
    const isUrgent = message.severity === 'critical';
    return {
      ...layOut(message),
      from: sender,
      messageId: idOf(domain, notice.key, language),
      // No message has the thread's id: all of an incident hang on it, whichever of them a recipient has.
      ...(thread === undefined ? {} : { references: [thread] }),
      ...(thread === undefined || notice.change === 'opened' ? {} : { inReplyTo: thread }),
      date: new Date(clock.nowMs()),
      ...(isUrgent ? { priority: 'high' } : {}),
      headers: {
        'Auto-Submitted': 'auto-generated',
        'X-Auto-Response-Suppress': 'All',
        'Content-Language': language,
      },
      xMailer: false,
      disableFileAccess: true,
      disableUrlAccess: true,
    };
  }
}

function transportOptions(
  { host, port, secure, starttls = 'required' }: EmailOptions,
  login: { readonly user: string; readonly pass: string } | undefined,
  authorities: string | undefined,
): SMTPTransportOptions & { readonly port: number } {
  return {
    host,
    port: port ?? (secure ? 465 : 587),
    secure,
    ...(secure ? {} : { [STARTTLS_OPTION[starttls]]: true }),
    tls: { minVersion: 'TLSv1.2', ...(authorities === undefined ? {} : { ca: authorities }) },
    ...(login === undefined ? {} : { auth: login }),
    // The caller's signal is the deadline; a server that does not hang up is not waited for.
    socketCloseTimeout: 1_000,
  };
}

const STARTTLS_OPTION = {
  required: 'requireTLS',
  opportunistic: 'opportunisticTLS',
  none: 'ignoreTLS',
} as const satisfies Readonly<Record<string, keyof SMTPTransportOptions>>;

/** In the order in which the languages first come. */
function byLanguage(to: EmailOptions['to'], usual: Language): ReadonlyMap<Language, readonly string[]> {
  const groups = new Map<Language, string[]>();
  for (const recipient of to) {
    const language = (typeof recipient === 'string' ? undefined : recipient.language) ?? usual;
    const group = groups.get(language) ?? [];
    group.push(addressOf(recipient));
    groups.set(language, group);
  }
  return groups;
}

/** A Message-ID that is the same for the same parts, so that a message that comes twice is known as one. */
function idOf(domain: string, ...parts: readonly string[]): string {
  const digest = createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 40);
  return `<${digest}@${domain}>`;
}
