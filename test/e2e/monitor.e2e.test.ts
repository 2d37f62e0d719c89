import { describe, expect, test } from '@jest/globals';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { io, type Socket } from 'socket.io-client';
import type { Snapshot, WireEvent } from '../../src/feed/protocol.ts';
import { verifyJournal } from '../../src/journal/verify-journal.ts';
import {
  CommandProcess,
  getJson,
  makeFolder,
  startServe,
  TcpTarget,
  until,
  writeTcpConfig,
} from '../tools/monitor-process.ts';

interface Page {
  readonly events: readonly WireEvent[];
  readonly next: number | null;
}

/** A client of the feed as any socket.io user would write it. */
class FeedClient implements Disposable {
  readonly events: WireEvent[] = [];
  readonly socket: Socket;
  private waiting: (() => void)[] = [];

  constructor(url: string, since?: number) {
    const auth = since === undefined ? {} : { since };
    this.socket = io(`${url}/feed`, { transports: ['websocket'], auth, reconnection: false, forceNew: true });
    this.socket.on('events', (events: WireEvent[]) => {
      this.events.push(...events);
      for (const resume of this.waiting.splice(0)) resume();
    });
  }

  async joined(): Promise<Snapshot> {
    return new Promise((resolve) => this.socket.once('snapshot', resolve));
  }

  async event(isIt: (event: WireEvent) => boolean): Promise<WireEvent> {
    for (;;) {
      const found = this.events.find(isIt);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }

  [Symbol.dispose](): void {
    this.socket.disconnect();
  }
}

const isChange = (to: string, target?: string) => (event: WireEvent) =>
  event.kind === 'target-state-changed' &&
  event['to'] === to &&
  (target === undefined || event['target'] === target);

async function allEvents(url: string): Promise<WireEvent[]> {
  const events: WireEvent[] = [];
  for (let since = 0; ; ) {
    const page = await getJson<Page>(`${url}/api/v1/events?since=${since}&limit=1000`);
    events.push(...page.events);
    if (page.events.length === 0 || page.next === null) return events;
    since = page.next;
  }
}

async function countIn(url: string, state: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^kassavakt_targets\\{state="${state}"\\} (\\d+)`, 'm').exec(text)?.[1] ?? 0);
}

const startTargets = (count: number) => Promise.all(Array.from({ length: count }, () => TcpTarget.start()));

describe('the monitor as a process', () => {
  test('tells a client of a closed terminal within one interval, the retries and one second', async () => {
    await using folder = await makeFolder();
    await using target = await TcpTarget.start();
    const module = '{ prober: tcp, interval: 5s, timeout: 1s, fail_after: 3, retry_interval: 500ms }';
    const config = await writeTcpConfig(folder.path, [target.port], module);
    await using serve = await startServe(config, folder.path);
    using client = new FeedClient(serve.url);
    await client.event(isChange('up'));

    await target.close();
    const closedAtMs = performance.now();
    const down = await client.event(isChange('down'));
    expect(performance.now() - closedAtMs).toBeLessThanOrEqual(5_000 + 2 * 500 + 1_000);
    expect(down).toMatchObject({
      target: 'T0',
      store: 'S0',
      chain: 'Solhaga',
      from: 'up',
      reason: 'connect-refused',
    });

    await target.open();
    await client.event(isChange('up', 'T0'));
    expect(await serve.end('SIGTERM')).toBe(0);
  });

  test('loses and repeats nothing when killed in the middle of an outage', async () => {
    await using folder = await makeFolder();
    const targets = await startTargets(40);
    const module =
      '{ prober: tcp, interval: 1s, timeout: 500ms, fail_after: 2, recover_after: 2, retry_interval: 100ms }';
    const config = await writeTcpConfig(
      folder.path,
      targets.map(({ port }) => port),
      module,
    );
    const seen: WireEvent[] = [];
    {
      const serve = await startServe(config, folder.path);
      using client = new FeedClient(serve.url);
      await until(async () => ((await countIn(serve.url, 'up')) === 40 ? true : undefined));
      for (const target of targets.slice(0, 20)) await target.close();
      await until(async () => (client.events.filter(isChange('down')).length >= 5 ? true : undefined));
      await serve.end('SIGKILL');
      seen.push(...client.events);
    }
    for (const target of targets.slice(20, 30)) await target.close();
    {
      await using serve = await startServe(config, folder.path);
      using client = new FeedClient(serve.url, seen.at(-1)?.seq ?? 0);
      await until(async () => ((await countIn(serve.url, 'down')) === 30 ? true : undefined));
      await until(async () =>
        new Set([...seen, ...client.events].filter(isChange('down')).map((e) => e['target'])).size === 30
          ? true
          : undefined,
      );
      const told = [...seen, ...client.events];
      const downs = told.filter(isChange('down')).map((event) => event['target']);
      expect(new Set(downs).size).toBe(downs.length);
      expect(told.map(({ seq }) => seq)).toEqual(told.map((_, i) => (told[0]?.seq ?? 0) + i));
      const all = await allEvents(serve.url);
      expect(all.slice((told[0]?.seq ?? 1) - 1, told.at(-1)?.seq ?? 0)).toEqual(told);
      await serve.end('SIGTERM');
    }
    expect(verifyJournal(join(folder.path, 'journal.db')).kind).toBe('intact');
    for (const target of targets) await target[Symbol.asyncDispose]();
  });

  test('gives a client that was cut off in a storm every event once, in order', async () => {
    await using folder = await makeFolder();
    const targets = await startTargets(60);
    const module =
      '{ prober: tcp, interval: 1s, timeout: 500ms, fail_after: 1, recover_after: 1, retry_interval: 100ms }';
    const config = await writeTcpConfig(
      folder.path,
      targets.map(({ port }) => port),
      module,
    );
    await using serve = await startServe(config, folder.path);
    using first = new FeedClient(serve.url);
    await until(async () => ((await countIn(serve.url, 'up')) === 60 ? true : undefined));
    await Promise.all(targets.map((target) => target.close()));
    await first.event(isChange('down'));
    first.socket.disconnect();
    const had = first.events.slice();
    await until(async () => ((await countIn(serve.url, 'down')) === 60 ? true : undefined));
    using second = new FeedClient(serve.url, had.at(-1)?.seq ?? 0);
    // More may follow: an incident is told of later, and on a busy machine a target may have failed before.
    const all = await allEvents(serve.url);
    expect(all.filter(isChange('down')).length).toBeGreaterThanOrEqual(60);
    const last = all.at(-1)?.seq ?? 0;
    await until(async () => ((second.events.at(-1)?.seq ?? 0) >= last ? true : undefined));
    const got = [...had, ...second.events].filter(({ seq }) => seq <= last);
    expect(got).toEqual(all.slice((had[0]?.seq ?? 1) - 1));
    for (const target of targets) await target[Symbol.asyncDispose]();
  });

  test('shows how many targets an open incident has now, not how many it had when it was last told of', async () => {
    await using folder = await makeFolder();
    const targets = await startTargets(12);
    const module =
      '{ prober: tcp, interval: 1s, timeout: 500ms, fail_after: 1, recover_after: 1, retry_interval: 100ms }';
    const config = await writeTcpConfig(
      folder.path,
      targets.map(({ port }) => port),
      module,
    );
    // No ways to pay: the incident then never grows more severe, and is not told of again when it grows.
    const off = ['card', 'wallet', 'swish', 'cash', 'web'].map((method) => `${method}: off`).join(', ');
    const more = `payment_methods: { ${off} }\nincidents: { settle: 2s, settle_alone: 2s }\n`;
    await appendFile(config, more);
    await using serve = await startServe(config, folder.path);
    using client = new FeedClient(serve.url);
    await until(async () => ((await countIn(serve.url, 'up')) === 12 ? true : undefined));
    await Promise.all(targets.slice(0, 9).map((target) => target.close()));
    const opened = await client.event(({ kind }) => kind === 'incident-opened');
    const { id } = opened['incident'] as { id: string };
    await until(async () => ((await countIn(serve.url, 'down')) === 9 ? true : undefined));
    await Promise.all(targets.slice(9).map((target) => target.close()));

    const grown = { id, targetsDown: 12, title: 'All 12 card terminals of Solhaga are down, 3 stores' };
    const one = await until(async () => {
      const found = await getJson<{ targetsDown: number }>(`${serve.url}/api/v1/incidents/${id}`);
      return found.targetsDown === 12 ? found : undefined;
    });
    expect(one).toMatchObject(grown);
    expect(await getJson(`${serve.url}/api/v1/incidents`)).toEqual({ incidents: [one], next: null });
    expect(await (await fetch(serve.url)).text()).toContain(grown.title);
    using second = new FeedClient(serve.url);
    expect((await second.joined()).incidents).toEqual([one]);
    const told = (await allEvents(serve.url)).filter(({ kind }) => kind.startsWith('incident-'));
    expect(told).toEqual([opened]);
    for (const target of targets) await target[Symbol.asyncDispose]();
  });

  test('applies a valid change on SIGHUP without losing state, and keeps the old one when the new is bad', async () => {
    await using folder = await makeFolder();
    const targets = await startTargets(4);
    const module =
      '{ prober: tcp, interval: 1s, timeout: 500ms, fail_after: 1, recover_after: 1, retry_interval: 100ms }';
    const ports = targets.map(({ port }) => port);
    const config = await writeTcpConfig(folder.path, ports.slice(0, 3), module);
    await targets[1]?.close();
    await using serve = await startServe(config, folder.path);
    using client = new FeedClient(serve.url);
    await until(async () =>
      (await countIn(serve.url, 'up')) === 2 && (await countIn(serve.url, 'down')) === 1 ? true : undefined,
    );

    const good = await readFile(join(folder.path, 'terminals.csv'), 'utf8');
    await writeFile(join(folder.path, 'terminals.csv'), good.replace('T2,S0', 'T2,S9'));
    serve.child.kill('SIGHUP');
    const refused = await serve.line((line) => (line.includes('config.refused') ? line : undefined));
    expect(refused).toContain('S9');
    expect(await (await fetch(`${serve.url}/metrics`)).text()).toContain(
      'kassavakt_config_last_reload_successful 0',
    );

    const moved = ports.filter((_, i) => i !== 2);
    await writeTcpConfig(folder.path, moved, module);
    const before = client.events.length;
    serve.child.kill('SIGHUP');
    await client.event((event) => event.kind === 'config-reloaded');
    await until(async () => ((await countIn(serve.url, 'up')) === 2 ? true : undefined));
    const after = client.events.slice(before).filter((event) => event.kind === 'target-state-changed');
    expect(after.filter((event) => event['target'] === 'T1')).toEqual([]);
    const page = await (await fetch(`${serve.url}/metrics/targets`)).text();
    expect(page).toContain('kassavakt_target_state{target="T1"');
    expect(await (await fetch(`${serve.url}/metrics`)).text()).toContain(
      'kassavakt_config_last_reload_successful 1',
    );
    await serve.end('SIGTERM');
    for (const target of targets) await target[Symbol.asyncDispose]();
  });

  test('keeps the feed, as all else, from a page whose own name leads to this machine', async () => {
    await using folder = await makeFolder();
    await using target = await TcpTarget.start();
    const config = await writeTcpConfig(folder.path, [target.port], '{ prober: tcp }');
    await using serve = await startServe(config, folder.path);
    const host = 'evil.example:9840';
    const follow = async (extraHeaders: Record<string, string>): Promise<string> => {
      const options = { transports: ['websocket'], reconnection: false, forceNew: true, extraHeaders };
      const socket = io(`${serve.url}/feed`, options);
      const outcome = await new Promise<string>((resolve) => {
        socket.once('snapshot', () => resolve('let in'));
        socket.once('connect_error', ({ message }) => resolve(message));
      });
      socket.disconnect();
      return outcome;
    };
    expect(await follow({ host, origin: `http://${host}` })).toBe('a valid token is needed');
    expect(await follow({ 'x-forwarded-for': '10.0.0.7' })).toBe('a valid token is needed');
    expect(await follow({})).toBe('let in');
  });

  test('answers a plain request for the path of the sockets once, and takes it for no error of its own', async () => {
    await using folder = await makeFolder();
    await using target = await TcpTarget.start();
    const config = await writeTcpConfig(folder.path, [target.port], '{ prober: tcp }');
    await using serve = await startServe(config, folder.path);
    const response = await fetch(`${serve.url}/socket.io/?EIO=4&transport=polling`);
    expect(response.status).toBe(400);
    await response.text();
    await serve.end('SIGTERM');
    expect(serve.lines.filter((line) => line.includes('http.failed'))).toEqual([]);
  });

  test('refuses to listen beyond this machine without tokens, and says what to do', async () => {
    await using folder = await makeFolder();
    const config = await writeTcpConfig(folder.path, [1], '{ prober: tcp }');
    await using serve = new CommandProcess(['serve', '--config', config, '--listen', '0.0.0.0:0']);
    expect(await serve.exited).toBe(2);
    expect(serve.complaints.join('\n')).toContain('auth.tokens');
  });

  test('says which port is taken and exits with 3', async () => {
    await using folder = await makeFolder();
    await using target = await TcpTarget.start();
    const config = await writeTcpConfig(folder.path, [target.port], '{ prober: tcp }');
    await using serve = new CommandProcess([
      'serve',
      '--config',
      config,
      '--data',
      folder.path,
      '--listen',
      `127.0.0.1:${target.port}`,
    ]);
    expect(await serve.exited).toBe(3);
    expect(serve.complaints.join('\n')).toContain(`127.0.0.1:${target.port} is taken`);
  });
});
