import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

/** A message as a mail server has it. */
export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  /** Whether it came over TLS. */
  readonly secure: boolean;
  /** Who had logged in. */
  readonly user: string | undefined;
  /** One of its headers, decoded; undefined when it is not there. */
  header(name: string): string | undefined;
  /** The part of a type, decoded. */
  part(type: string): string;
}

/** A real SMTP server on loopback that keeps what it is sent. */
export interface MailServer extends AsyncDisposable {
  readonly port: number;
  readonly mails: readonly ReceivedMail[];
}

/** How it answers other than well. An error's `responseCode` becomes the reply. */
export interface MailServerWish {
  readonly tls?: { readonly cert: string; readonly key: string };
  /** TLS from the first byte. */
  readonly secure?: boolean;
  readonly login?: { readonly user: string; readonly password: string };
  readonly refuseRecipient?: (address: string) => readonly [code: number, text: string] | undefined;
  readonly refuseMessage?: () => readonly [code: number, text: string] | undefined;
  readonly refuseSender?: () => readonly [code: number, text: string] | undefined;
}

export async function startMailServer(wish: MailServerWish = {}): Promise<MailServer> {
  const { tls, login, secure = false } = wish;
  const mails: ReceivedMail[] = [];
  const options: SMTPServerOptions = {
    ...(tls === undefined ? {} : tls),
    secure,
    authOptional: login === undefined,
    disabledCommands: [
      ...(tls === undefined || secure ? ['STARTTLS'] : []),
      ...(login === undefined ? ['AUTH'] : []),
    ],
    disableReverseLookup: true,
    logger: false,
    onAuth({ username, password }, _session, callback) {
      const isRight = username === login?.user && password === login?.password;
      if (isRight) callback(null, { user: username });
      else callback(replyWith(535, '5.7.8 authentication failed'));
    },
    onMailFrom: (_address, _session, callback) => callback(replyOf(wish.refuseSender?.())),
    onRcptTo: ({ address }, _session, callback) => callback(replyOf(wish.refuseRecipient?.(address))),
    onData(stream, session, callback) {
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => {
        const refused = replyOf(wish.refuseMessage?.());
        if (refused !== undefined) {
          callback(refused);
          return;
        }
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          secure: session.secure,
          user: typeof session.user === 'string' ? session.user : undefined,
          ...readMail(Buffer.concat(parts).toString('latin1')),
        });
        callback();
      });
    },
  };
  const server = new SMTPServer(options);
  server.on('error', () => undefined);
  const listening = server.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  return {
    port: (listening.address() as AddressInfo).port,
    mails,
    async [Symbol.asyncDispose]() {
      for (const connection of server.connections) connection.close();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function replyOf(reply: readonly [code: number, text: string] | undefined): Error | undefined {
  return reply === undefined ? undefined : replyWith(...reply);
}

function replyWith(responseCode: number, text: string): Error {
  return Object.assign(new Error(text), { responseCode });
}

/** Reads a message of RFC 5322 with parts in quoted-printable, base64 or as they are. */
function readMail(raw: string): Pick<ReceivedMail, 'header' | 'part'> {
  const [head, body] = divide(raw);
  return {
    header: (name) => headerOf(head, name),
    part(type) {
      const boundary = /boundary="?([^";\r\n]+)"?/i.exec(headerOf(head, 'Content-Type') ?? '')?.[1];
      const parts = boundary === undefined ? [raw] : `\r\n${body}`.split(`\r\n--${boundary}`);
      for (const part of parts) {
        const [partHead, content] = divide(part.replace(/^\r\n/, ''));
        if (!headerOf(partHead, 'Content-Type')?.startsWith(type)) continue;
        const encoding = headerOf(partHead, 'Content-Transfer-Encoding') ?? '7bit';
        if (encoding === 'base64') return Buffer.from(content, 'base64').toString('utf8');
        return encoding === 'quoted-printable' ? fromQuoted(content.replace(/=\r\n/g, '')) : content;
      }
      throw new Error(`the message has no part of type ${type}`);
    },
  };
}

function divide(text: string): readonly [head: string, body: string] {
  const end = text.indexOf('\r\n\r\n');
  return end === -1 ? [text, ''] : [text.slice(0, end), text.slice(end + 4)];
}

function headerOf(head: string, name: string): string | undefined {
  const unfolded = head.replace(/\r\n[ \t]+/g, ' ').split('\r\n');
  const line = unfolded.find((each) => each.toLowerCase().startsWith(`${name.toLowerCase()}:`));
  const value = line?.slice(name.length + 1).trim();
  return value
    ?.replace(/(=\?[^?]+\?[QB]\?[^?]*\?=)\s+(?==\?)/gi, '$1')
    .replace(/=\?utf-8\?([QB])\?([^?]*)\?=/gi, (_, kind: string, text: string) =>
      kind.toUpperCase() === 'B'
        ? Buffer.from(text, 'base64').toString('utf8')
        : fromQuoted(text.replaceAll('_', ' ')),
    );
}

function fromQuoted(text: string): string {
  const bytes = text.replace(/=([0-9A-F]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
