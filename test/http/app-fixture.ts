import { once } from 'node:events';
import { DEFAULT_METHODS, DEFAULT_TIMING } from '../../src/core/outlook.ts';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHash } from 'node:crypto';
import { pino } from 'pino';
import { z } from 'zod';
import { CalmMode } from '../../src/engine/calm-mode.ts';
import { Board } from '../../src/core/board.ts';
import { TargetColumns } from '../../src/core/columns.ts';
import type { MethodState } from '../../src/core/events.ts';
import { type State, UNKNOWN_HEALTH } from '../../src/core/health.ts';
import type { ProbeReport } from '../../src/core/outcome.ts';
import { Quiet } from '../../src/core/quiet.ts';
import type { Estate, Store, Target } from '../../src/estate/estate.ts';
import { toStoreId } from '../../src/estate/ids.ts';
import { makeSnapshot, openIncidents } from '../../src/feed/snapshot.ts';
import { createApp, limitServer } from '../../src/http/app.ts';
import type { Acts, AppContext } from '../../src/http/app-context.ts';
import { makeAuthenticator } from '../../src/http/auth.ts';
import { MemoryJournal } from '../../src/journal/memory-journal.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { err, ok } from '../../src/lib/result.ts';
import { startProcessMetrics } from '../../src/metrics/process-metrics.ts';
import type { Prober } from '../../src/probes/probe.ts';
import type { Module, Role, Settings, Token } from '../../src/settings/settings.ts';
import { makeOutages, type OutageBook } from '../metrics/outages.ts';
import { makeTarget, type Verdict, writeVerdict } from '../metrics/targets.ts';

export function makeStore(id: string, name: string, more: Partial<Store> = {}): Store {
  return {
    id: toStoreId(id),
    name,
    chain: 'Solhaga',
    city: 'Karlstad',
    timezone: 'Europe/Stockholm',
    labels: { chain: 'Solhaga' },
    ...more,
  };
}

export function makeModule(name: string, more: Partial<Module> = {}): Module {
  return {
    name,
    prober: 'echo',
    intervalMs: 30_000,
    timeoutMs: 5_000,
    retryIntervalMs: 2_000,
    policy: { failAfter: 3, recoverAfter: 2 },
    detailedMetrics: false,
    options: {},
    ...more,
  };
}

export function makeToken(name: string, role: Role): Token {
  return { name, role, digest: createHash('sha256').update(`secret-of-${name}`).digest() };
}

/** A prober whose addresses are `host:port` or URLs; it is never opened. */
const ECHO: Prober = {
  name: 'echo',
  summary: 'for tests',
  reasons: [],
  options: z.unknown(),
  addressExample: 'host:1',
  parseAddress: (address) => (address.includes(':') ? ok(true) : err('write host:port')),
  open: async () => {
    throw new Error('not opened in these tests');
  },
};

export const ANSWERED: ProbeReport = {
  outcome: { kind: 'answered', durationMs: 12.5, message: 'It answers in 13 ms.' },
  phases: [{ name: 'connect', durationMs: 3 }],
  samples: [
    { name: 'probe_http_duration_seconds', labels: { phase: 'connect' }, value: 0.003 },
    { name: 'probe_http_duration_seconds', labels: { phase: 'tls' }, value: 0 },
    { name: 'probe_http_status_code', value: 200 },
  ],
  trail: ['connecting to 127.0.0.1'],
};

/** Acts that are laid down as the ledger does it, and hold as the core says. */
function makeActs(
  board: Board,
  journal: MemoryJournal,
  estate: Estate,
  { methodState = () => 'unknown', comingMaintenances = () => [] }: FixtureOptions,
): Acts {
  const quiet = new Quiet(estate);
  return {
    quiet,
    comingMaintenances,
    async record(draft) {
      const [event] = await journal.append([draft]);
      if (event === undefined) throw new Error('the journal took nothing');
      board.apply(event);
      quiet.apply(event);
      return event;
    },
    why: (id) => {
      const target = estate.targets.get(id);
      return target && quiet.ruleFor(target, systemClock.nowMs());
    },
    methodState,
  };
}

export interface FixtureOptions {
  readonly tokens?: readonly Token[];
  readonly stores?: readonly Store[];
  readonly targets?: readonly Target[];
  readonly modules?: readonly Module[];
  readonly needs?: NonNullable<Estate['needs']>;
  readonly blackbox?: NonNullable<Settings['blackbox']>;
  /** What is known of every payment method. Default unknown. */
  readonly methodState?: () => MethodState;
  /** What the configuration plans. Default nothing. */
  readonly comingMaintenances?: Acts['comingMaintenances'];
  /** What metrics tell of outages, beside the stores and targets above. */
  readonly outages?: Partial<OutageBook>;
  readonly context?: Partial<AppContext>;
}

/** An app over columns that the test fills by hand, on a free port of 127.0.0.1. */
export interface Fixture extends AsyncDisposable {
  readonly url: string;
  readonly columns: TargetColumns;
  /** What metrics tell of outages; to be written to. */
  readonly outages: OutageBook;
  readonly board: Board;
  readonly journal: MemoryJournal;
  readonly context: AppContext;
  /** A verdict as the engine would write it. */
  readonly see: (id: string, state: State, verdict?: Verdict) => void;
  /** GET with the token of that name, if one is given. */
  readonly get: (
    path: string,
    tokenName?: string,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Response>;
}

export async function startFixture(options: FixtureOptions = {}): Promise<Fixture> {
  const clock = systemClock;
  const columns = new TargetColumns();
  const board = new Board();
  const journal = new MemoryJournal();
  const targets = options.targets ?? [makeTarget('T1', { store: 's1' })];
  const stores = options.stores ?? [makeStore('s1', 'Solhaga Karlstad')];
  const modules = options.modules ?? [makeModule('terminal'), makeModule('shop')];
  const settings: Settings = {
    file: 'kassavakt.yaml',
    baseDir: '.',
    listen: { host: '127.0.0.1', port: 0 },
    dataDir: 'data',
    tokens: options.tokens ?? [],
    limits: {
      maxInFlight: 1_000,
      maxInFlightPerStore: 4,
      maxInFlightPerNetwork: Number.POSITIVE_INFINITY,
      threads: 1,
    },
    externalUrl: undefined,
    calmUntilMs: undefined,
    timing: DEFAULT_TIMING,
    methods: DEFAULT_METHODS,
    maintenance: [],
    alertmanager: undefined,
    notifications: { channels: new Map(), routes: [], digest: { after: 5, windowMs: 60_000 } },
    modules: new Map(modules.map((module) => [module.name, module])),
    ...(options.blackbox === undefined ? {} : { blackbox: options.blackbox }),
    estate: {
      stores: new Map(stores.map((store) => [store.id, store])),
      targets: new Map(targets.map((target) => [target.id, target])),
      ...(options.needs === undefined ? {} : { needs: options.needs }),
    },
  };
  for (const target of targets) columns.add(target, UNKNOWN_HEALTH, clock.monotonicMs(), clock.nowMs());
  const outages = makeOutages({ stores, targets, ...options.outages });
  const metrics = startProcessMetrics(
    {
      columns,
      outages: outages.facts,
      inFlight: () => 0,
      queued: () => 0,
      journalLastSeq: () => journal.lastSeq,
      isJournalWritable: () => true,
      pendingEvents: () => 0,
      feedClients: () => 0,
      isCalm: () => false,
      alertmanagers: () => [],
      alertmanagerAlerts: () => 0,
      notificationBacklogs: () => [],
    },
    { version: '0.0.0-test', node: process.versions.node },
    clock,
  );
  metrics.recordReload(true);
  const context: AppContext = {
    version: '0.0.0-test',
    settings: () => settings,
    columns,
    board,
    journal,
    registry: metrics.registry,
    outages: outages.facts,
    probers: new Map([['echo', ECHO]]),
    authenticator: makeAuthenticator(() => settings.tokens, clock),
    clock,
    log: pino({ level: 'silent' }),
    stores: () => makeSnapshot({ board, estate: () => settings.estate }, {}, clock.nowMs()).stores,
    openIncidents: () => openIncidents({ board }),
    streamEvents: (_request, response) => response.writeHead(200).end('stream'),
    probe: async () => ANSWERED,
    reload: async () => ok({ added: 1, removed: 2, changed: 3 }),
    readiness: () => ({ ready: true, problems: [] }),
    calm: new CalmMode(clock, () => undefined),
    notifications: { channels: () => [], messages: () => [] },
    acts: makeActs(board, journal, settings.estate, options),
    ...options.context,
  };
  const server = createServer(createApp(context));
  limitServer(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    columns,
    outages,
    board,
    journal,
    context,
    see: (id, state, verdict) => writeVerdict(columns, id, state, verdict),
    get: (path, tokenName, headers = {}) =>
      fetch(url + path, {
        headers: {
          ...headers,
          ...(tokenName === undefined ? {} : { authorization: `Bearer secret-of-${tokenName}` }),
        },
      }),
    async [Symbol.asyncDispose]() {
      metrics[Symbol.dispose]();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
