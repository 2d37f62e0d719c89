import { describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CommandProcess,
  getJson,
  makeFolder,
  startServe,
  TcpTarget,
  until,
  writeTcpConfig,
} from '../tools/monitor-process.ts';
import { WebhookReceiver } from '../tools/webhook-receiver.ts';

interface Json {
  readonly [key: string]: unknown;
}

const MODULE =
  '{ prober: tcp, interval: 1s, timeout: 500ms, fail_after: 2, recover_after: 1, retry_interval: 100ms }';

/** One terminal, and one channel to `url`. */
async function writeConfig(folder: string, port: number, url: string): Promise<string> {
  const config = await writeTcpConfig(folder, [port], MODULE);
  await appendFile(
    config,
    `incidents: { settle_alone: 0s, quiet: 500ms }
notifications:
  channels: [{ name: hook, type: webhook, timeout: 5s, webhook: { url: "${url}" } }]
`,
  );
  return config;
}

/** A mail server that keeps what it gets. */
async function startMailbox(): Promise<
  { readonly port: number; readonly mails: string[] } & AsyncDisposable
> {
  const mails: string[] = [];
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    onData(stream, _session, done) {
      let text = '';
      stream.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      stream.on('end', () => {
        mails.push(text);
        done();
      });
    },
  });
  const listener = server.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const close = () => new Promise<void>((resolve) => server.close(resolve));
  return { port, mails, [Symbol.asyncDispose]: close };
}

describe('a notification', () => {
  test('survives kill -9 and is delivered once to a receiver that honours its key', async () => {
    await using folder = await makeFolder();
    await using receiver = await WebhookReceiver.start();
    await using target = await TcpTarget.start();
    const config = await writeConfig(folder.path, target.port, receiver.url);
    const data = join(folder.path, 'data');
    const start = () => startServe(config, data);

    // Killed while the receiver has it and has not answered.
    receiver.isMute = true;
    const first = await start();
    await target.close();
    const opened = await receiver.until((calls) => calls.find(({ body }) => body['change'] === 'opened'));
    await first.end('SIGKILL');

    receiver.isMute = false;
    const second = await start();
    await receiver.until((calls) =>
      calls.filter(({ key }) => key === opened.key).length === 2 ? true : undefined,
    );
    await until(async () => {
      const { channels } = await getJson<{ channels: readonly Json[] }>(`${second.url}/api/v1/notifications`);
      return channels[0]?.['delivered'] === 1 ? true : undefined;
    });
    await second.end('SIGKILL');

    // Killed after it was delivered: not sent again. The end comes next, and is told by whoever runs then.
    await using third = await start();
    await target.open();
    const over = await receiver.until((calls) => calls.find(({ body }) => body['change'] === 'resolved'));
    expect(receiver.calls.map(({ key }) => key)).toEqual([opened.key, opened.key, over.key]);
    expect(receiver.acted.map(({ body }) => body['change'])).toEqual(['opened', 'resolved']);
    expect(await third.end('SIGTERM')).toBe(0);
    expect(third.complaints).toEqual([]);
  });

  test('waits for a receiver that is down, through a kill, and for one that the configuration puts elsewhere', async () => {
    await using folder = await makeFolder();
    await using target = await TcpTarget.start();
    const nobody = await TcpTarget.start();
    await nobody.close();
    const config = await writeConfig(folder.path, target.port, `http://127.0.0.1:${nobody.port}/`);
    const data = join(folder.path, 'data');
    const first = await startServe(config, data);
    await target.close();
    await first.line((line) => (line.includes('"notifier.failed"') ? line : undefined));
    await first.end('SIGKILL');

    await using second = await startServe(config, data);
    const waiting = await until(async () => {
      const { messages } = await getJson<{ messages: readonly Json[] }>(`${second.url}/api/v1/notifications`);
      return messages.some(({ error }) => error !== undefined) ? messages : undefined;
    });
    expect(waiting).toMatchObject([
      { channel: 'hook', change: 'opened', error: expect.stringContaining('refuses') },
    ]);
    await using receiver = await WebhookReceiver.start();
    await writeFile(config, (await readFile(config, 'utf8')).replace(/url: ".*"/, `url: "${receiver.url}"`));
    second.child.kill('SIGHUP');
    await receiver.until((calls) => calls.find(({ body }) => body['change'] === 'opened'));
    const metrics = await until(async () => {
      const text = await (await fetch(`${second.url}/metrics`)).text();
      return text.includes('kassavakt_notifications_total{channel="hook"} 1') ? text : undefined;
    });
    expect(metrics).toContain('kassavakt_notifications_pending{channel="hook"} 0');
    expect(metrics).toMatch(
      /^kassavakt_notification_failures_total\{channel="hook",permanent="false"\} [1-9]/m,
    );
    expect(metrics).toContain('kassavakt_notification_dwell_seconds_count{channel="hook"} 1');
    expect(metrics).not.toContain('kassavakt_notification_oldest_pending_timestamp_seconds{');
  });
});

describe('when a chain goes dark', () => {
  test('each change is one call and one e-mail, the first within 12 s of the fault', async () => {
    await using folder = await makeFolder();
    await using receiver = await WebhookReceiver.start();
    await using mailbox = await startMailbox();
    const args = [
      'simulate',
      '--stores',
      '12',
      '--terminals',
      '40',
      '--out',
      folder.path,
      '--interval',
      '2s',
    ];
    await using simulate = new CommandProcess(args);
    const control = await simulate.line((line) => /^Control:\s+(\S+)/.exec(line)?.[1]);
    const config = join(folder.path, 'kassavakt.yaml');
    await writeFile(
      config,
      `${(await readFile(config, 'utf8')).replace(/quiet: \S+/, 'quiet: 2s')}
notifications:
  channels:
    - { name: hook, type: webhook, webhook: { url: "${receiver.url}" } }
    - name: mail
      type: email
      language: sv
      email: { host: 127.0.0.1, port: ${mailbox.port}, starttls: none, from: "kassavakt@example.test", to: ["ada@example.test"] }
`,
    );
    await using monitor = await startServe(config, join(folder.path, 'data'));
    await until(async () => {
      const { targets } = await getJson<{ targets: readonly Json[] }>(
        `${monitor.url}/api/v1/targets?state=up&limit=1000`,
      );
      return targets.length === 56 ? true : undefined;
    });

    const faultAtMs = Date.now();
    const answer = await fetch(`${control}/faults`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ where: { chain: 'Solhaga', kind: 'terminal' }, fault: 'host-unreachable' }),
    });
    const { id } = (await answer.json()) as { id: string };
    const first = await receiver.until((calls) => calls[0]);
    expect(first.atMs - faultAtMs).toBeLessThan(12_000);
    expect(first.body).toMatchObject({
      change: 'opened',
      incident: { scope: expect.arrayContaining([{ chain: 'Solhaga' }]) },
    });

    await fetch(`${control}/faults/${id}`, { method: 'DELETE' });
    await receiver.until((calls) => calls.find(({ body }) => body['change'] === 'resolved'));
    const { events } = await getJson<{ events: readonly Json[] }>(`${monitor.url}/api/v1/events?limit=1000`);
    const changes = events
      .map(({ kind }) => String(kind))
      .filter((kind) => /^incident-(opened|updated|resolved)$/.test(kind));
    expect(receiver.calls.map(({ body }) => `incident-${String(body['change'])}`)).toEqual(changes);
    expect(new Set(receiver.calls.map(({ key }) => key)).size).toBe(changes.length);
    const mails = await until(async () =>
      mailbox.mails.length >= changes.length ? mailbox.mails : undefined,
    );
    expect(mails).toHaveLength(changes.length);
    for (const mail of mails) expect(mail).toMatch(/^To: ada@example\.test\r$/m);
    expect(new Set(mails.map((mail) => /^Message-ID: (.*)\r$/m.exec(mail)?.[1])).size).toBe(changes.length);
  });
});
