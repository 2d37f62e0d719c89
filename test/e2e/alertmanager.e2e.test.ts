import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { pino } from 'pino';
import type { Incident } from '../../src/core/events.ts';
import { systemClock } from '../../src/lib/clock.ts';
import {
  AlertmanagerLink,
  type AlertmanagerOptions,
} from '../../src/notifiers/alertmanager/alertmanager-link.ts';
import type { ToldIncident } from '../../src/notifiers/alertmanager/incident-alerts.ts';
import type { QuietSpan } from '../../src/notifiers/alertmanager/silence-plan.ts';
import { LINKS, makeIncident, makeLost, makeTold } from '../notifiers/alertmanager/tales.ts';
import {
  Alertmanager,
  freePort,
  Hook,
  SHIPPED,
  type ShownAlert,
  writeShippedConfig,
} from '../tools/alertmanager.ts';
import { makeFolder, until } from '../tools/monitor-process.ts';
import { canRun } from '../tools/programs.ts';

const SUITE = 'incidents in a real Alertmanager, with the configuration that we ship';
const when = canRun(SUITE, ['prometheus-alertmanager', 'amtool']) ? describe : describe.skip;

const RESEND_MS = 1_000;
const QUIET = pino({ level: 'silent' });

/** What is told in a test; a new link takes it on as a monitor that was started again does. */
class Told {
  incidents: readonly ToldIncident[] = [];
  spans: readonly QuietSpan[] = [];
  instance = 'test';

  async link(stack: AsyncDisposableStack, options: Partial<AlertmanagerOptions>): Promise<AlertmanagerLink> {
    const link = stack.use(
      new AlertmanagerLink(
        {
          incidents: () => this.incidents,
          isBlind: () => false,
          spans: () => this.spans,
          instance: () => this.instance,
          links: () => LINKS,
        },
        systemClock,
        QUIET,
      ),
    );
    await link.configure({
      urls: [],
      resendIntervalMs: RESEND_MS,
      timeoutMs: 1_000,
      auth: undefined,
      mirrorSilences: false,
      ...options,
    });
    return link;
  }
}

when(SUITE, () => {
  const owned = new AsyncDisposableStack();
  let folder: string;
  let config: string;
  let hook: Hook;
  let alertmanager: Alertmanager;
  let links = new AsyncDisposableStack();
  let count = 0;

  beforeAll(async () => {
    folder = owned.use(await makeFolder()).path;
    hook = owned.use(await Hook.start());
    config = await writeShippedConfig(folder, hook.url);
    alertmanager = owned.use(new Alertmanager(folder, config, await freePort()));
    await alertmanager.start();
  });
  afterEach(async () => {
    await links.disposeAsync();
    links = new AsyncDisposableStack();
  });
  afterAll(() => owned.disposeAsync());

  /** An incident of its own for each test: what one leaves behind is no other's. */
  const newIncident = (more: Partial<Omit<Incident, 'id'>> = {}): Incident =>
    makeIncident({ id: `i${count++}`, openedAtMs: Date.now() - 60_000, ...more });

  const shown = async (incident: Incident): Promise<readonly ShownAlert[]> =>
    alertmanager.alerts(`incident="${incident.id}"`);
  const own = async (incident: Incident): Promise<readonly ShownAlert[]> =>
    (await shown(incident)).filter(({ labels }) => labels['alertname'] === 'KassavaktIncident');
  const promised = <Found>(ask: () => Promise<Found>, isWanted: (found: Found) => boolean): Promise<Found> =>
    until(async () => {
      const found = await ask().catch(() => undefined);
      return found !== undefined && isWanted(found) ? found : undefined;
    });
  /** What receivers heard of an incident. */
  const heard = (incident: Incident, receiver = 'operations') =>
    hook.to(receiver).filter(({ groupLabels }) => groupLabels['incident'] === incident.id);
  const wasHeard = (incident: Incident, isWanted: (payload: ReturnType<typeof heard>[number]) => boolean) =>
    until(async () => heard(incident).find(isWanted));

  test('amtool finds nothing wrong with it', async () => {
    const { stdout } = await promisify(execFile)('amtool', ['check-config', SHIPPED]);
    expect(stdout).toContain('SUCCESS');
  });

  test('an incident and what its stores lose are one group and one message, of the incident alone', async () => {
    const told = new Told();
    const incident = newIncident();
    told.incidents = [
      makeTold(
        incident,
        ['S1', 'S2', 'S3'].map((store) => makeLost(store)),
      ),
    ];
    await told.link(links, { urls: [alertmanager.url] });
    const { alerts, groupLabels } = await wasHeard(incident, ({ status }) => status === 'firing');
    expect(groupLabels).toEqual({ incident: incident.id });
    expect(alerts).toHaveLength(1);
    expect(alerts[0]?.labels).toEqual({
      alertname: 'KassavaktIncident',
      incident: incident.id,
      severity: 'critical',
      scope: 'chain=Solhaga',
      chain: 'Solhaga',
    });
    expect(alerts[0]?.annotations).toMatchObject({
      summary: incident.title,
      evidence: incident.evidence,
      runbook_url: 'docs/runbook.md#kassavaktincident',
      page_url: 'https://kassavakt.test',
    });
    const all = await shown(incident);
    const states = all.map(
      ({ labels, status }) => `${labels['alertname']} ${labels['store'] ?? ''} ${status.state}`,
    );
    expect(states.sort()).toEqual([
      'KassavaktIncident  active',
      'KassavaktStoreCannotPay S1 suppressed',
      'KassavaktStoreCannotPay S2 suppressed',
      'KassavaktStoreCannotPay S3 suppressed',
    ]);
  });

  test('rules that find the same in the metrics are inhibited where the incident is felt, and nowhere else', async () => {
    const told = new Told();
    const incident = newIncident({ scope: [{ chain: 'Torgboden' }] });
    told.incidents = [makeTold(incident, [makeLost('T1', { chain: 'Torgboden' })])];
    await told.link(links, { urls: [alertmanager.url] });
    await promised(
      () => shown(incident),
      ({ length }) => length === 2,
    );
    const rules = [
      { alertname: 'KassavaktStoreCannotTakeCards', store: 'T1', chain: 'Torgboden', severity: 'major' },
      { alertname: 'KassavaktStoreCannotTakeCards', store: 'T2', chain: 'Torgboden', severity: 'major' },
      {
        alertname: 'KassavaktPaymentMethodDown',
        chain: 'Torgboden',
        payment_method: 'card',
        severity: 'major',
      },
      {
        alertname: 'KassavaktPaymentMethodDown',
        chain: 'Torgboden',
        payment_method: 'web',
        severity: 'major',
      },
      { alertname: 'KassavaktScopeOutage', chain: 'Torgboden', kind: 'terminal', severity: 'critical' },
      { alertname: 'KassavaktScopeOutage', chain: 'Älvkläpp', kind: 'terminal', severity: 'critical' },
    ];
    await alertmanager.post(rules.map((labels) => ({ labels })));
    const isRule = ({ labels }: ShownAlert): boolean =>
      rules.some(({ alertname }) => alertname === labels['alertname']);
    // Whom an alert is inhibited by is worked out when its group is told for the first time.
    const found = await promised(
      async () => (await alertmanager.alerts()).filter(isRule),
      (all) => all.length === rules.length && all.every(({ status }) => status.state !== 'unprocessed'),
    );
    const suppressed = found
      .filter(({ status }) => status.inhibitedBy.length > 0)
      .map(({ labels }) => labels);
    const [card, , method, web, scope] = rules;
    expect(suppressed).toHaveLength(4);
    expect(suppressed).toEqual(expect.arrayContaining([card, method, web, scope]));
  });

  test('a graver severity is another alert: the old one ends in the same moment, and says why', async () => {
    const told = new Told();
    const before = newIncident({ severity: 'major' });
    told.incidents = [makeTold(before)];
    const link = await told.link(links, { urls: [alertmanager.url] });
    await wasHeard(before, ({ status }) => status === 'firing');
    told.incidents = [makeTold({ ...before, severity: 'critical' })];
    link.changed();
    const { alerts } = await wasHeard(before, (payload) => payload.alerts.length === 2);
    expect(alerts.map(({ status, labels }) => `${status} ${labels['severity']}`).sort()).toEqual([
      'firing critical',
      'resolved major',
    ]);
    const old = alerts.find(({ status }) => status === 'resolved');
    expect(old?.annotations['description']).toContain(
      'The outage goes on, and is told anew with severity critical, scope chain=Solhaga.',
    );
    expect((await own(before)).map(({ labels }) => labels['severity'])).toEqual(['critical']);
  });

  test('an end keeps every annotation, and the time of the end', async () => {
    const told = new Told();
    const incident = newIncident();
    told.incidents = [makeTold(incident)];
    const link = await told.link(links, { urls: [alertmanager.url] });
    const firing = await wasHeard(incident, ({ status }) => status === 'firing');
    told.incidents = [];
    const resolvedAtMs = Date.now();
    link.resolve(makeTold({ ...incident, state: 'resolved', resolvedAtMs, targetsDown: 0 }));
    const { alerts } = await wasHeard(incident, ({ status }) => status === 'resolved');
    expect(Object.keys(alerts[0]?.annotations ?? {})).toEqual(
      Object.keys(firing.alerts[0]?.annotations ?? {}),
    );
    expect(alerts[0]?.annotations['summary']).toBe(incident.title);
    expect(alerts[0]?.annotations['description']).toMatch(/^Over after 1 min/);
    expect(Date.parse(alerts[0]?.endsAt ?? '')).toBe(resolvedAtMs);
    expect(heard(incident)).toHaveLength(2);
  });

  test('what is over and comes back fires again, with its first beginning', async () => {
    const told = new Told();
    const incident = newIncident();
    told.incidents = [makeTold(incident)];
    const link = await told.link(links, { urls: [alertmanager.url] });
    await promised(
      () => own(incident),
      ({ length }) => length === 1,
    );
    told.incidents = [];
    link.resolve(makeTold({ ...incident, state: 'resolved', resolvedAtMs: Date.now() }));
    await promised(
      () => own(incident),
      ({ length }) => length === 0,
    );
    told.incidents = [makeTold(incident)];
    link.changed();
    const [again] = await promised(
      () => own(incident),
      ({ length }) => length === 1,
    );
    expect(Date.parse(again?.startsAt ?? '')).toBe(incident.openedAtMs);
  });

  test('a restart of either side changes nothing: one alert, told once', async () => {
    const told = new Told();
    const incident = newIncident();
    told.incidents = [makeTold(incident, [makeLost('S7')])];
    const link = await told.link(links, { urls: [alertmanager.url] });
    await wasHeard(incident, ({ status }) => status === 'firing');
    const [before] = await own(incident);

    await alertmanager.stop();
    await until(async () => (link.states()[0]?.isUp === false ? true : undefined));
    await alertmanager.start();
    await promised(
      () => shown(incident),
      ({ length }) => length === 2,
    );
    expect(link.states()).toEqual([{ url: alertmanager.url, isUp: true }]);

    await links.disposeAsync();
    links = new AsyncDisposableStack();
    const another = await told.link(links, { urls: [alertmanager.url] });
    await until(async () => (another.states()[0]?.isUp === true ? true : undefined));
    expect((await own(incident)).map(({ fingerprint }) => fingerprint)).toEqual([before?.fingerprint]);
    expect(heard(incident)).toHaveLength(1);
  });

  test('a silence of ours is one there, is found again by a monitor started again, and ends with ours', async () => {
    const told = new Told();
    const incident = newIncident({ scope: [{ store: 'S1' }] });
    const labels = { store: 'S1', chain: 'Solhaga' };
    told.incidents = [makeTold(incident, [], { place: labels })];
    told.spans = [
      {
        kind: 'silence',
        id: 'silence-1a2b3c4d',
        selector: 'store=S1|S2',
        conditions: [{ label: 'store', values: new Set(['S1', 'S2']), isNegated: false }],
        startsAtMs: Date.now() - 1_000,
        endsAtMs: Date.now() + 3_600_000,
        by: 'Ada',
        comment: 'new router',
      },
    ];
    const mirror = { urls: [alertmanager.url], mirrorSilences: true };
    await told.link(links, mirror);
    const [silenced] = await promised(
      () => own(incident),
      ([alert]) => (alert?.status.silencedBy.length ?? 0) > 0,
    );
    const mine = async () =>
      (await alertmanager.silences()).filter(({ comment }) => comment.includes('silence-1a2b3c4d'));
    const [silence, ...others] = await mine();
    expect(others).toEqual([]);
    expect(silenced?.status.silencedBy).toEqual([silence?.id]);
    expect(silence).toMatchObject({
      createdBy: 'Ada via Kassavakt',
      comment: expect.stringMatching(/^new router Selector: store=S1\|S2\. \[kassavakt test silence /),
      endsAt: new Date(told.spans[0]?.endsAtMs ?? 0).toISOString(),
    });

    await links.disposeAsync();
    links = new AsyncDisposableStack();
    await alertmanager.stop();
    await alertmanager.start();
    const link = await told.link(links, mirror);
    await until(async () => (link.states()[0]?.isUp === true ? true : undefined));
    told.spans = [];
    link.quietChanged();
    await promised(mine, (all) => all.every(({ status }) => status.state === 'expired'));
    expect(await mine()).toHaveLength(1);
  });

  test('an Alertmanager that is down delays no other, and is told all when it is back', async () => {
    const other = new Alertmanager(folder, config, await freePort());
    await using _stopped = other;
    const told = new Told();
    const incident = newIncident();
    told.incidents = [makeTold(incident)];
    const link = await told.link(links, { urls: [other.url, alertmanager.url] });
    await promised(
      () => own(incident),
      ({ length }) => length === 1,
    );
    expect(link.states()).toEqual([
      { url: other.url, isUp: false },
      { url: alertmanager.url, isUp: true },
    ]);
    await other.start();
    const filter = `incident="${incident.id}"`;
    await promised(
      () => other.alerts(filter),
      ({ length }) => length === 1,
    );
    await until(async () => (link.states()[0]?.isUp === true ? true : undefined));
  });

  test('two of a cluster have every alert and each silence once', async () => {
    const gossip = [await freePort(), await freePort()].map((port) => `127.0.0.1:${port}`);
    const two = await Promise.all(
      gossip.map(async (address) => {
        const peers = gossip.filter((each) => each !== address).map((each) => `--cluster.peer=${each}`);
        const flags = [`--cluster.listen-address=${address}`, '--cluster.settle-timeout=2s', ...peers];
        return new Alertmanager(folder, config, await freePort(), flags);
      }),
    );
    await using stack = new AsyncDisposableStack();
    for (const each of two) stack.use(each);
    await Promise.all(two.map((each) => each.start()));
    const told = new Told();
    const incident = newIncident();
    told.incidents = [makeTold(incident)];
    told.spans = [
      {
        kind: 'maintenance',
        id: 'sundays',
        selector: 'store=S1',
        conditions: [{ label: 'store', values: new Set(['S1']), isNegated: false }],
        startsAtMs: Date.now(),
        endsAtMs: Date.now() + 60_000,
        by: 'Ada',
        comment: '',
      },
    ];
    await told.link(links, { urls: two.map(({ url }) => url), mirrorSilences: true });
    const found = await Promise.all(
      two.map(async (each) => {
        await promised(
          () => each.alerts(`incident="${incident.id}"`),
          ({ length }) => length === 1,
        );
        return promised(
          () => each.silences(),
          ({ length }) => length > 0,
        );
      }),
    );
    const ids = found.map((silences) => silences.map(({ id }) => id));
    expect(ids[0]).toHaveLength(1);
    expect(ids[1]).toEqual(ids[0]);
  });
});
