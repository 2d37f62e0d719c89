import type { NodemailerError } from 'nodemailer';
import { whyOfCode, whyUnreachable } from '../net-fault.ts';

/** Why a mail server has not taken a message. Made of its reply's codes alone: its text may repeat what it was sent. */
export interface SmtpFault {
  readonly isPermanent: boolean;
  /** Follows the server's name. */
  readonly why: string;
  /** It is about the server or the login, so that another message meets the same. */
  readonly isOfServer: boolean;
}

export function smtpFault(error: unknown): SmtpFault {
  if (!isNodemailerError(error)) return { isPermanent: false, why: whyUnreachable(error), isOfServer: true };
  const { command = '', responseCode } = error;
  const reply = replyOf(error);
  // What has no reply is the network's. A server without STARTTLS may be another than the one that was meant.
  if (command === 'STARTTLS') {
    const why =
      responseCode === undefined
        ? whyNoTls(error)
        : `does not change to TLS${reply}; see email.starttls and email.secure`;
    return { isPermanent: false, why, isOfServer: true };
  }
  if (error.code === 'EAUTH') {
    const isPermanent = responseCode === undefined || error.permanent === true;
    const why = `${isPermanent ? 'refuses' : 'defers'} the login${reply}; correct email.username and password_file`;
    return { isPermanent, why, isOfServer: true };
  }
  if (responseCode === undefined) return { isPermanent: false, why: whyUnreachable(error), isOfServer: true };
  const isPermanent = error.permanent === true;
  const does = isPermanent ? 'refuses' : 'defers';
  if (command.startsWith('MAIL FROM')) {
    return { isPermanent, why: `${does} the sender${reply}; correct email.from`, isOfServer: true };
  }
  const isOfMessage = command.startsWith('RCPT TO') || command.startsWith('DATA');
  return {
    isPermanent,
    why: `${does} ${isOfMessage ? 'the message' : 'us'}${reply}`,
    isOfServer: !isOfMessage,
  };
}

/** Nodemailer passes on what OpenSSL says of a certificate, and not the code: the words are always the same. */
function whyNoTls(error: NodemailerError): string {
  const found = CERTIFICATE_WORDS.find(([words]) => words.test(error.message));
  return found === undefined ? whyUnreachable(error) : whyOfCode(found[1]);
}

const CERTIFICATE_WORDS: readonly (readonly [words: RegExp, code: string])[] = [
  [/certificate has expired/i, 'CERT_HAS_EXPIRED'],
  [/not yet valid/i, 'CERT_NOT_YET_VALID'],
  [/altnames/i, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  [/self[- ]signed certificate/i, 'SELF_SIGNED_CERT_IN_CHAIN'],
  [/unable to (get|verify)/i, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
];

/** Of recipients that were refused one by one, what became of each. */
export function refusedRecipients(
  error: unknown,
): readonly { readonly address: string; readonly isPermanent: boolean; readonly reply: string }[] {
  if (typeof error !== 'object' || error === null || !('rejectedErrors' in error)) return [];
  const { rejectedErrors } = error;
  if (!Array.isArray(rejectedErrors)) return [];
  return rejectedErrors.filter(isNodemailerError).map((each) => ({
    address: each.recipient ?? '',
    isPermanent: each.permanent === true,
    reply: replyOf(each),
  }));
}

/** ` (550 5.1.1)`; empty when there was no reply. */
function replyOf({ responseCode, response = '' }: NodemailerError): string {
  if (responseCode === undefined) return '';
  const status = /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/.exec(response)?.[1];
  return ` (${responseCode}${status === undefined ? '' : ` ${status}`})`;
}

function isNodemailerError(error: unknown): error is NodemailerError {
  return Error.isError(error);
}
