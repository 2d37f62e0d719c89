import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { WebhookReceiver } from '../tools/webhook-receiver.ts';
import { CommandProcess, makeFolder, startServe } from '../tools/monitor-process.ts';
import { canRun } from '../tools/programs.ts';
import type { PrometheusProcess } from '../tools/prometheus-process.ts';
import { type Dashboard, panelsOf, readDashboards, type Target, type Variable } from './dashboard-files.ts';
import { type Choices, interpolate } from './interpolate.ts';
import { queriesOf } from './linter.ts';
import { labelValues, query, queryRange, type Series, startWithShippedJobs } from './prometheus.ts';

const SUITE = 'a real Prometheus, on an estate with an outage, answers every query of every dashboard';
const when = canRun(SUITE, ['prometheus']) ? describe : describe.skip;

const CHAIN = 'Solhaga';
/** The first of the chain. */
const PORTAL_STORE = 'S0001';
const STORES = 12;
const TERMINALS = 40;
const TIMES = { rangeSeconds: 60, scrapeSeconds: 1 };
const dashboards = Array.from(readDashboards(), ([file, dashboard]) => ({ file, dashboard }));

when(SUITE, () => {
  const owned = new AsyncDisposableStack();
  let control: string;
  let prometheus: PrometheusProcess;
  let storesOfChain: readonly string[];

  beforeAll(async () => {
    const { path: folder } = owned.use(await makeFolder());
    const size = ['--stores', String(STORES), '--terminals', String(TERMINALS)];
    const simulate = owned.use(
      new CommandProcess(['simulate', ...size, '--out', folder, '--interval', '1s', '--metrics', 'detailed']),
    );
    control = await simulate.line((line) => /^Control:\s+(\S+)/.exec(line)?.[1]);
    const config = join(folder, 'kassavakt.yaml');
    await addPortal(config);
    await appendFile(config, whomToTell(owned.use(await WebhookReceiver.start()).url));
    await giveAnotherFirmware(join(folder, 'terminals.csv'));
    const monitor = owned.use(await startServe(config, join(folder, 'data')));
    prometheus = owned.use(await startWithShippedJobs(folder, monitor.url));
    await findOne(`count(kassavakt_target_state{kind="terminal"} == 1) == ${TERMINALS}`);
    const stores = await query(prometheus, `kassavakt_store_info{chain="${CHAIN}"}`);
    storesOfChain = stores.map(({ metric }) => metric['store'] ?? '').sort();
    expect(storesOfChain[0]).toBe(PORTAL_STORE);

    await breakDown({ chain: CHAIN, kind: 'terminal' }, 'host-unreachable');
    await breakDown({ target: 'web-torgboden' }, 'maintenance-page');
    await findOne(`kassavakt_incident_targets_down{chain="${CHAIN}"} > 1 and on () (${noCards()} > 0)`);
    await findOne('kassavakt_target_state{target="web-torgboden"} == 3');
    await findOne('kassavakt_notifications_total{channel="duty"} > 0');
    await findOne('kassavakt_notification_failures_total{channel="gone"} > 0');
    // A rate wants two scrapes after the fault.
    await findOne(`rate(kassavakt_probe_failures_total{reason="host"}[4s]) > 0`);
  });

  afterAll(() => owned.disposeAsync());

  /** The first series of `wanted`, once there is one. Until it is ready, Prometheus refuses to answer at all. */
  const findOne = (wanted: string): Promise<Series> =>
    prometheus.await(wanted, async () => (await query(prometheus, wanted))[0]);

  async function breakDown(where: Readonly<Record<string, string>>, fault: string): Promise<void> {
    const body = JSON.stringify({ where, fault });
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${control}/faults`, { method: 'POST', headers, body });
    expect(answer.status).toBe(200);
  }

  /** What Grafana would list for `variable`, the others being All. */
  async function valuesOf(variable: Variable, dashboard: Dashboard): Promise<readonly string[]> {
    const call = interpolate(variable.query ?? '', dashboard, {}, TIMES);
    const values = /^label_values\((.*), (\w+)\)$/.exec(call);
    if (values !== null) return labelValues(prometheus, values[2] ?? '', values[1] ?? '');
    const result = /^query_result\((.*)\)$/.exec(call);
    if (result === null) throw new Error(`no query of the data source: ${call}`);
    const [, pattern = ''] = /^\/(.*)\/$/.exec(variable.regex ?? '') ?? [];
    return (await query(prometheus, result[1] ?? '')).map(({ metric }) => {
      const found = new RegExp(pattern).exec(writeSeries(metric))?.groups;
      if (found?.['text'] !== metric['name']) throw new Error(`${variable.name} shows ${found?.['text']}`);
      return found?.['value'] ?? '';
    });
  }

  async function answersTo(
    dashboard: Dashboard,
    target: Target,
    choices: Choices,
  ): Promise<readonly Series[]> {
    const expression = interpolate(target.expr, dashboard, choices, TIMES);
    return target.instant === true
      ? query(prometheus, expression)
      : queryRange(prometheus, expression, TIMES.rangeSeconds);
  }

  /** Queries that fail, or find nothing, with these choices. */
  async function complaintsOf(dashboard: Dashboard, choices: Choices): Promise<readonly string[]> {
    const complaints: string[] = [];
    for (const { where, target } of queriesOf(dashboard)) {
      try {
        const series = await answersTo(dashboard, target, choices);
        if (series.length === 0) complaints.push(`${where} finds nothing: ${target.expr}`);
      } catch (error) {
        complaints.push(`${where} fails: ${String(error)}: ${target.expr}`);
      }
    }
    return complaints;
  }

  describe.each(dashboards)('$file', ({ dashboard }) => {
    const variables = dashboard.templating.list.filter(({ type }) => type === 'query');
    const oneStore = (): Choices =>
      variables.some(({ name, multi }) => name === 'store' && multi !== true)
        ? { store: storesOfChain.slice(0, 1) }
        : {};

    test('offers something to choose in every variable', async () => {
      for (const variable of variables) {
        const values = await valuesOf(variable, dashboard);
        expect(values.filter((value) => value === '')).toEqual([]);
        expect([variable.name, values.length > 0]).toEqual([variable.name, true]);
      }
    });

    test('finds something in every query, with nothing chosen', async () => {
      expect(await complaintsOf(dashboard, oneStore())).toEqual([]);
    });

    test('finds something in every query, with everything chosen that can be', async () => {
      const values = await Promise.all(
        variables.map(async (variable) => [variable.name, await valuesOf(variable, dashboard)] as const),
      );
      expect(await complaintsOf(dashboard, { ...Object.fromEntries(values), ...oneStore() })).toEqual([]);
    });
  });

  describe('Chain overview tells the truth', () => {
    const overview = dashboards.flatMap(({ dashboard }) =>
      dashboard.uid === 'kassavakt-chain' ? [dashboard] : [],
    );
    const ask = async (title: string, choices: Choices = {}): Promise<readonly Series[]> => {
      const [dashboard] = overview;
      if (dashboard === undefined) throw new Error('no Chain overview');
      const panel = panelsOf(dashboard).find((one) => one.title === title);
      const [target] = panel?.targets ?? [];
      if (target === undefined) throw new Error(`no panel "${title}"`);
      return query(prometheus, interpolate(target.expr, dashboard, choices, TIMES));
    };
    const number = async (title: string, choices?: Choices): Promise<number> =>
      Number((await ask(title, choices))[0]?.value?.[1]);

    test('cards are taken nowhere in the chain, and everywhere else', async () => {
      expect(await number('Can customers pay?')).toBe(3);
      expect(await number('Can customers pay?', { chain: ['Älvkläpp'] })).toBe(0);
      expect(await number('Stores that cannot take cards')).toBe(storesOfChain.length);
      expect(await number('Stores that cannot take cards', { chain: ['Älvkläpp', 'Torgboden'] })).toBe(0);
      expect(await number('Can customers pay?', { store: storesOfChain.slice(0, 1) })).toBe(3);
      const states = await ask('Ways to pay in each chain');
      const lost = states.flatMap(({ metric, value }) =>
        value?.[1] === '0' ? [] : [`${metric['chain']} ${metric['payment_method']} ${value?.[1]}`],
      );
      expect(lost.sort()).toEqual([`${CHAIN} card 2`, `${CHAIN} wallet 2`, 'Torgboden web 2']);
    });

    test('one incident has the chain for its scope, and says since when', async () => {
      const incidents = await ask('Open incidents: what fails together, since when');
      const scopes = incidents.map(({ metric }) => `${metric['severity']}: ${metric['scope']}`);
      expect(scopes.sort()).toEqual([`critical: chain=${CHAIN}`, 'minor: target=web-torgboden']);
      expect(await number('Open incidents')).toBe(2);
      const seconds = await number('Longest open incident');
      expect(seconds).toBeGreaterThan(0);
      expect(seconds).toBeLessThan(120);
    });

    test('every store has its place on the map', async () => {
      const places = await ask('Where');
      expect(places).toHaveLength(STORES);
      for (const { metric } of places) {
        expect(Number(metric['latitude'])).toBeGreaterThan(58);
        expect(Number(metric['longitude'])).toBeGreaterThan(11);
      }
    });
  });
});

/** Stores of the chain without a working card terminal, counted. */
function noCards(): string {
  return `count(kassavakt_payment_method_available{chain="${CHAIN}", payment_method="card"} == 0)`;
}

/** A series as `query_result` writes it. */
function writeSeries(metric: Readonly<Record<string, string>>): string {
  const { __name__: name = '', ...labels } = metric;
  const pairs = Object.keys(labels)
    .sort()
    .map((label) => `${label}=${JSON.stringify(labels[label])}`);
  return `${name}{${pairs.join(',')}} 1 1`;
}

/** A page that one store has for itself, so that a store has phases, too. */
async function addPortal(config: string): Promise<void> {
  const settings = parse(await readFile(config, 'utf8')) as {
    targets: {
      id: string;
      module: string;
      address: string;
      store?: string;
      labels: Record<string, string>;
    }[];
  };
  const shop = settings.targets.find(({ id }) => id === 'web-solhaga');
  if (shop === undefined) throw new Error('no web-solhaga');
  settings.targets.push({ ...shop, id: 'portal', store: PORTAL_STORE, labels: { kind: 'portal' } });
  await writeFile(config, stringify(settings, { aliasDuplicateObjects: false }));
}

/** Writes down, for one terminal, another firmware than it has. */
async function giveAnotherFirmware(file: string): Promise<void> {
  const [header = '', first = '', ...others] = (await readFile(file, 'utf8')).split('\n');
  const cells = first.split(',');
  cells[header.split(',').indexOf('firmware')] = 'written_down_v1';
  await writeFile(file, [header, cells.join(','), ...others].join('\n'));
}

/** A channel that takes all, which an Alertmanager may be as well, and one at which nobody listens. */
function whomToTell(url: string): string {
  return [
    '',
    `alertmanager: { urls: ["${url}"] }`,
    'notifications:',
    '  channels:',
    `    - { name: duty, type: webhook, webhook: { url: "${url}" } }`,
    '    - { name: gone, type: webhook, webhook: { url: "http://127.0.0.1:1/" } }',
    '',
  ].join('\n');
}
