import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { systemClock } from '../../../src/lib/clock.ts';
import type { PostableAlert } from '../../../src/notifiers/alertmanager/alert.ts';
import { AlertmanagerLink } from '../../../src/notifiers/alertmanager/alertmanager-link.ts';
import { MOST_STORE_ALERTS, type ToldIncident } from '../../../src/notifiers/alertmanager/incident-alerts.ts';
import { until } from '../../tools/monitor-process.ts';
import { LINKS, makeIncident, makeLost, makeTold } from './tales.ts';

/** An Alertmanager that takes alerts, or lets them wait. */
class Taker implements AsyncDisposable {
  readonly batches: (readonly PostableAlert[])[] = [];
  hangs = false;
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      request.on('end', () => {
        if (this.hangs) return;
        this.batches.push(JSON.parse(text) as PostableAlert[]);
        response.end();
      });
    }).listen(0, '127.0.0.1');
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** All that came, as `severity` and whether it fires, once there are so many. */
  async heard(count: number): Promise<readonly string[]> {
    const alerts = await until(async () => {
      const all = this.batches.flat();
      return all.length >= count ? all : undefined;
    });
    return alerts.map(({ labels, endsAt }) => {
      return `${labels['severity']} ${Date.parse(endsAt) > Date.now() ? 'fires' : 'is over'}`;
    });
  }

  async ready(): Promise<void> {
    if (!this.server.listening) await once(this.server, 'listening');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }
}

let owned: AsyncDisposableStack;
let taker: Taker;
let link: AlertmanagerLink;
let incidents: readonly ToldIncident[];
let warnings: string[];

beforeEach(async () => {
  owned = new AsyncDisposableStack();
  taker = owned.use(new Taker());
  await taker.ready();
  incidents = [];
  warnings = [];
  const sources = {
    incidents: () => incidents,
    isBlind: () => false,
    spans: () => [],
    instance: () => 'test',
    links: () => LINKS,
  };
  const log = pino(
    { level: 'warn' },
    { write: (line: string) => void warnings.push((JSON.parse(line) as { event: string }).event) },
  );
  link = owned.use(new AlertmanagerLink(sources, systemClock, log));
});
afterEach(async () => {
  await owned.disposeAsync();
});

const configure = (urls: readonly string[]) =>
  link.configure({
    urls,
    resendIntervalMs: 60_000,
    timeoutMs: 60_000,
    auth: undefined,
    mirrorSilences: false,
  });

describe('the link to Alertmanager', () => {
  test('tells changes that come together at once', async () => {
    await configure([taker.url]);
    await until(async () => (link.states()[0]?.isUp === true ? true : undefined));
    for (const severity of ['minor', 'major', 'critical'] as const) {
      incidents = [makeTold(makeIncident({ severity }))];
      link.changed();
    }
    expect(await taker.heard(1)).toEqual(['critical fires']);
    expect(taker.batches.map(({ length }) => length)).toEqual([0, 1]);
    expect(link.firing).toBe(1);
  });

  test('ends after a restart what was told under other labels before', async () => {
    const nowMs = Date.now();
    const told = (severity: 'major' | 'critical') =>
      makeTold(makeIncident({ severity, openedAtMs: nowMs - 9_000 }));
    const over = makeIncident({
      id: 'i2',
      state: 'resolved',
      severity: 'minor',
      openedAtMs: 0,
      resolvedAtMs: nowMs - 3_000,
    });
    link.recall([
      { told: told('major'), atMs: nowMs - 5_000 },
      { told: makeTold(over), atMs: nowMs - 3_000 },
      { told: told('critical'), atMs: nowMs - 2_000 },
    ]);
    incidents = [told('critical')];
    await configure([taker.url]);
    expect((await taker.heard(3)).toSorted()).toEqual(['critical fires', 'major is over', 'minor is over']);
  });

  test('is delayed by none that hangs', async () => {
    const hanging = owned.use(new Taker());
    await hanging.ready();
    hanging.hangs = true;
    const incident = makeIncident({ openedAtMs: Date.now() - 60_000 });
    incidents = [makeTold(incident)];
    await configure([hanging.url, taker.url]);
    expect(await taker.heard(1)).toEqual(['critical fires']);
    incidents = [];
    link.resolve(makeTold({ ...incident, state: 'resolved', resolvedAtMs: Date.now() }));
    expect(await taker.heard(2)).toEqual(['critical fires', 'critical is over']);
    expect(link.states()).toEqual([
      { url: hanging.url, isUp: false },
      { url: taker.url, isUp: true },
    ]);
  });

  test('warns once of stores that have no alert of their own', async () => {
    const lost = Array.from({ length: MOST_STORE_ALERTS + 1 }, (_, i) => makeLost(`S${i}`));
    incidents = [makeTold(makeIncident(), lost)];
    await configure([taker.url]);
    await taker.heard(1 + MOST_STORE_ALERTS);
    expect(taker.batches.map(({ length }) => length)).toEqual([1, 256, 256, 256, 256, 256, 256, 256, 208]);
    link.resolve(makeTold(makeIncident({ id: 'i2', state: 'resolved', resolvedAtMs: Date.now() })));
    await taker.heard(2 + MOST_STORE_ALERTS);
    expect(warnings).toEqual(['alertmanager.too-many-stores']);
  });

  test('says nothing more once it is configured away', async () => {
    incidents = [makeTold(makeIncident())];
    await configure([taker.url]);
    await taker.heard(1);
    await link.configure(undefined);
    link.changed();
    expect([link.states(), link.firing]).toEqual([[], 0]);
    await configure([taker.url]);
    expect(await taker.heard(2)).toHaveLength(2);
  });
});
