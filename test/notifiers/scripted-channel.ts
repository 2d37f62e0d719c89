import type { Notice } from '../../src/core/notification.ts';
import type { Channel, Delivery } from '../../src/notifiers/notifier.ts';

/** One attempt, waiting for its outcome. */
export interface Attempt {
  readonly notice: Notice;
  readonly reference: string | undefined;
  readonly signal: AbortSignal;
  readonly settle: (delivery: Delivery) => void;
  readonly reject: (error: Error) => void;
}

export const DELIVERED: Delivery = { kind: 'delivered' };
export const BUSY: Delivery = { kind: 'failed', isPermanent: false, message: 'It is busy.' };
export const WRONG: Delivery = { kind: 'failed', isPermanent: true, message: 'There is no such address.' };

/** A channel that does as `answer` says; what that leaves open hangs until the test settles it, or the signal aborts. */
export class ScriptedChannel implements Channel {
  readonly attempts: Attempt[] = [];
  readonly keys: string[] = [];
  isClosed = false;
  answer: (notice: Notice) => Delivery | undefined;

  constructor(answer: (notice: Notice) => Delivery | undefined = () => DELIVERED) {
    this.answer = answer;
  }

  send(notice: Notice, reference: string | undefined, signal: AbortSignal): Promise<Delivery> {
    this.keys.push(notice.key);
    const { promise, resolve, reject } = Promise.withResolvers<Delivery>();
    this.attempts.push({ notice, reference, signal, settle: resolve, reject });
    const answer = this.answer(notice);
    if (answer !== undefined) resolve(answer);
    signal.addEventListener('abort', () => {
      const { reason } = signal as { readonly reason: Error };
      if (reason.name === 'TimeoutError')
        resolve({ kind: 'failed', isPermanent: false, message: 'No answer in time.' });
      else reject(reason);
    });
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = true;
  }
}
