import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { addWatch } from '../../src/cli/watch.ts';
import { FeedHub } from '../../src/feed/hub.ts';
import { toWire } from '../../src/feed/protocol.ts';
import { attachSocketFeed } from '../../src/feed/socket-feed.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { Announcer, makeEstate, move } from '../feed/announcer.ts';
import { type Ran, runCli } from './cli-double.ts';

const estate = makeEstate(2, 3);
const START_MS = Date.UTC(2025, 11, 22, 13);

let source: Announcer;
let hub: FeedHub;
let server: Server;
let feed: Disposable;
let url: string;

beforeEach(async () => {
  source = new Announcer(estate);
  hub = new FeedHub(source, systemClock);
  server = createServer();
  feed = attachSocketFeed(server, hub, (token) => (token === 'secret' ? 'viewer' : undefined));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});

afterEach(async () => {
  hub[Symbol.dispose]();
  feed[Symbol.dispose]();
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
});

/** Runs `watch` until it has printed `count` lines; `onLine` is told of each. */
async function watch(
  args: readonly string[],
  count: number,
  onLine: (n: number) => void = () => {},
): Promise<Ran> {
  const stop = new AbortController();
  let lines = 0;
  return runCli(addWatch, ['watch', '--url', url, ...args], {
    stop: stop.signal,
    env: { KASSAVAKT_TOKEN: 'secret' },
    onPrint: () => {
      onLine(++lines);
      if (lines === count) stop.abort();
    },
  });
}

describe('kassavakt watch', () => {
  test('prints each event as one line of JSON, from where it is told', async () => {
    const drafts = Array.from(estate.targets.keys(), (id) => move(estate, id, 'up', 'down', START_MS));
    const events = await source.announce(drafts);
    const { code, printed, complained } = await watch(['--json', '--since', '2'], events.length - 2);
    expect(printed.map((line) => JSON.parse(line) as unknown)).toEqual(events.slice(2).map(toWire));
    expect([code, complained]).toEqual([0, []]);
  });

  test('tells of a store in a line, soon after it happens', async () => {
    const { printed } = await watch(['--all'], 3, (n) => {
      if (n !== 2) return;
      const store = ['Solhaga-1-T1', 'Solhaga-1-T2', 'Solhaga-1-T3'];
      void source.announce(store.map((id) => move(estate, id, 'up', 'down', Date.now())));
    });
    expect(printed[2]).toMatch(
      /DOWN {2}Solhaga 1: all 3 terminals down: they cannot reach the payment host\.$/,
    );
  });

  test('could not run when the token is not accepted, and says what to do', async () => {
    expect(await watch(['--token', 'other'], 1)).toEqual({
      code: 3,
      printed: [],
      complained: [`${url} refuses: a valid token is needed; give one with --token or in KASSAVAKT_TOKEN`],
    });
  });

  test('says that nobody answers, and goes on trying until it is stopped', async () => {
    server.close();
    await once(server, 'close');
    const { code, printed } = await watch([], 2);
    expect(code).toBe(0);
    expect(printed[1]).toMatch(/WARN {2}No feed: no connection comes about\. Trying to connect\.$/);
  });

  test.each([
    { name: '--url', args: ['--url', 'ftp://x'], says: /http:\/\/host:port/ },
    { name: '--since', args: ['--since', 'yesterday'], says: /event's number/ },
  ])('refuses a bad $name', async ({ args, says }) => {
    await expect(runCli(addWatch, ['watch', ...args])).rejects.toThrow(says);
  });
});
