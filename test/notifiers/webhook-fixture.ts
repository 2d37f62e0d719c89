import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from '@jest/globals';
import type { Notice } from '../../src/core/notification.ts';
import type { Channel, NotifierContext } from '../../src/notifiers/notifier.ts';
import { webhookNotifier } from '../../src/notifiers/webhook.ts';
import { type Received, startHttpReceiver } from './http-receiver.ts';
import { contextFor } from './notices.ts';
import { send } from './notifier.contract.ts';

/** Webhooks whose files are in a folder that lasts as long as the suite. */
export interface Webhooks {
  /** Writes a file into the folder; its name. */
  readonly write: (name: string, content: string) => string;
  readonly open: (options: object, changes?: Partial<NotifierContext>) => Promise<Channel>;
  /** What a receiver gets of `notice`. `path`: of its address. */
  readonly receive: (
    options: object,
    notice: Notice,
    changes?: Partial<NotifierContext>,
    path?: string,
  ) => Promise<Received>;
}

export function useWebhooks(): Webhooks {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'kassavakt-webhook-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const open: Webhooks['open'] = (options, changes = {}) =>
    webhookNotifier.open(webhookNotifier.options.parse(options), contextFor(folder, changes));
  return {
    open,
    write(name, content) {
      writeFileSync(join(folder, name), content);
      return name;
    },
    async receive(options, notice, changes = {}, path = '') {
      await using receiver = await startHttpReceiver();
      await using channel = await open({ url: `${receiver.url}${path}`, ...options }, changes);
      expect(await send(channel, notice)).toEqual({ kind: 'delivered' });
      const [received, ...more] = receiver.received;
      expect(more).toEqual([]);
      if (received === undefined) throw new Error('nothing came');
      return received;
    },
  };
}
