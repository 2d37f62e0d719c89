import { availableParallelism } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { schedule } from 'node-cron';
import type { Logger } from 'pino';
import type { Monitor, StartMonitor } from './cli/context.ts';
import { Board } from './core/board.ts';
import { TargetColumns } from './core/columns.ts';
import type { JournalEvent } from './core/events.ts';
import type { Outlook } from './core/outlook.ts';
import { childrenOf } from './estate/dependencies.ts';
import type { StoreId } from './estate/ids.ts';
import { CalmMode } from './engine/calm-mode.ts';
import { Ledger } from './engine/ledger.ts';
import { MaintenanceCalendar } from './engine/maintenance-calendar.ts';
import { OutageCheckpoints, resumeOutages } from './engine/outage-checkpoint.ts';
import { readMaxOpenFiles, resolveLimits } from './engine/limits.ts';
import { EnginePool } from './engine/pool.ts';
import { FeedHub } from './feed/hub.ts';
import { makeSnapshot, openIncidents } from './feed/snapshot.ts';
import { attachSocketFeed } from './feed/socket-feed.ts';
import { makeSseHandler } from './feed/sse.ts';
import { createApp } from './http/app.ts';
import { listen, makeServer, urlOf } from './http/listening-server.ts';
import type { Readiness } from './http/app-context.ts';
import { makeAuthenticator } from './http/auth.ts';
import { loadOutlook, outlookInForce } from './journal/outlook-codec.ts';
import { openJournal } from './journal/open-journal.ts';
import { err, ok, type Result } from './lib/result.ts';
import { makeOutageFacts } from './metrics/outage-facts.ts';
import { startProcessMetrics } from './metrics/process-metrics.ts';
import { AlertmanagerAlerts } from './monitor-alertmanager.ts';
import { chooseDataDir, loadMonitorSettings, type SettingsSources } from './monitor-settings.ts';
import { ProberUnavailable } from './probes/probe.ts';
import { NotifierUnavailable } from './notifiers/notifier.ts';
import { Notifying } from './notifying.ts';
import { serialised } from './serialised.ts';
import { formatProblem, type Limits, type Settings, type SettingsProblem } from './settings/settings.ts';
import { configInForce, endWhatIsGone, endWhatNobodyHolds, keepOutlook, restoreFrom } from './take-over.ts';

/** What the monitor takes from its surroundings. */
export interface MonitorDependencies extends SettingsSources {
  readonly version: string;
}

/** What a probing thread runs: the sources as they are, or the same file compiled. */
const ENGINE_FILE = new URL(
  import.meta.url.endsWith('.ts') ? './engine-worker.ts' : './engine-worker.js',
  import.meta.url,
);
/** What hangs on a target that is back is looked at again within so long. Unit: ms. */
const RECHECK_WITHIN_MS = 60_000;
/** Once an hour the journal's head goes to the log: kept elsewhere, it shows a journal that was written anew. */
const NOTE_HEAD_AT = '0 * * * *';

/**
 * Puts a monitor together and starts it. Problems of the configuration are returned; what else keeps it from
 * running (a port taken, a program missing, a folder that cannot be written) throws with what to do.
 */
export function monitorStarter(dependencies: MonitorDependencies): StartMonitor {
  return async (options, log) => {
    await using stack = new AsyncDisposableStack();
    const dataDir = stack.use(await chooseDataDir(options));
    const load = () => loadMonitorSettings(dependencies, options, dataDir.path, log);
    const loaded = await load();
    if (!loaded.ok) return loaded;
    const monitor = await assemble(stack, dependencies, loaded.value, load, log);
    const owned = stack.move();
    return ok({ ...monitor, [Symbol.asyncDispose]: () => owned.disposeAsync() });
  };
}

type Load = () => Promise<Result<Settings, readonly SettingsProblem[]>>;

async function assemble(
  stack: AsyncDisposableStack,
  dependencies: MonitorDependencies,
  first: Settings,
  load: Load,
  log: Logger,
): Promise<Omit<Monitor, typeof Symbol.asyncDispose>> {
  const { clock, probers, notifiers, version } = dependencies;
  let settings = first;
  const server = stack.use(makeServer());
  const listenUrl = (): string => urlOf(server, settings.listen.host);
  const journal = stack.use(
    await openJournal(settings.dataDir, clock, (kept, error) =>
      log.error(
        { event: 'journal.set-aside', kept, err: error },
        'the journal was damaged: kept aside, a new one begins',
      ),
    ),
  );
  const board = new Board();
  const heads = journal.heads();
  for (const head of heads) board.apply(head);
  const outlook = (): Outlook => settings;
  const hash = await keepOutlook(journal, first, log);
  const outlookOf = (named: string): Outlook | undefined =>
    named === hash ? first : loadOutlook(journal, named);
  const { outages, owed } = resumeOutages(settings.dataDir, journal, first, outlookOf);

  const columns = new TargetColumns();
  const listeners = new Set<(events: readonly JournalEvent[]) => void>();
  const sources = { outlook, evidenceSince: (sinceMs: number) => engine.evidenceSince(sinceMs) };
  const ledger = new Ledger({ journal, board, outages, outlook: outlookInForce(heads) }, sources, clock, {
    announced: (events) => {
      for (const listener of listeners) listener(events);
      metrics.recordEvents(events);
    },
    writableChanged: (error) => {
      if (error === undefined) log.info({ event: 'journal.writable' }, 'the journal can be written again');
      else
        log.error(
          { event: 'journal.unwritable', err: error },
          'the journal cannot be written: nothing is announced',
        );
    },
  });
  stack.use(new OutageCheckpoints(settings.dataDir, outages, () => ledger.folded, clock));
  stack.use(ledger);
  const calendar = stack.use(
    new MaintenanceCalendar(outages.quiet, clock, (draft) => ledger.recordAct(draft)),
  );

  const outageFacts = makeOutageFacts({ outages, board, columns }, outlook, clock);
  const metrics = startProcessMetrics(
    {
      columns,
      outages: outageFacts,
      inFlight: () => engine.inFlight,
      queued: () => engine.queued,
      journalLastSeq: () => journal.lastSeq,
      isJournalWritable: () => ledger.unwritable === undefined,
      pendingEvents: () => ledger.pendingEvents,
      feedClients: () => hub.clientCount,
      isCalm: () => calm.untilMs !== undefined,
      alertmanagers: () => alertmanager.states(),
      alertmanagerAlerts: () => alertmanager.firing,
      notificationBacklogs: () => notifying.backlogs(),
    },
    { version, node: process.versions.node },
    clock,
  );
  stack.use(metrics);
  const notifying = stack.use(
    new Notifying({
      dataDir: settings.dataDir,
      journal,
      board,
      notifiers,
      metrics: metrics.notifications,
      url: () => urlOf(server, settings.listen.host),
      clock,
      log,
    }),
  );
  listeners.add((events) => notifying.announced(events));
  const engine = new EnginePool(columns, {
    file: ENGINE_FILE,
    threads: settings.limits.threads ?? Math.max(1, availableParallelism() - 1),
    limits: boundsOf(settings, log),
    clock,
    ...(board.sight === undefined ? {} : { blindBefore: board.sight }),
    listener: {
      changed: (change) => {
        ledger.recordChange(change);
        const children = childrenOf(settings.estate).get(change.target.id);
        if (children !== undefined && change.transition.from === 'down')
          engine.recheck(children, RECHECK_WITHIN_MS);
      },
      probed: (kind, reason, latenessMs) => metrics.recordProbe(kind, reason, latenessMs),
      sightChanged: ({ isBlind, ...seen }) => {
        log.warn({ event: 'sight.changed', isBlind, ...seen }, 'whether the monitor itself can see changed');
        const kind = isBlind ? 'monitor-blinded' : 'monitor-recovered';
        ledger.record({ atMs: clock.nowMs(), kind, ...seen });
      },
      threadLost: (error) =>
        log.error(
          { event: 'engine.thread-lost', err: error },
          'a probing thread ended and was started again',
        ),
    },
  });
  stack.use(engine);
  await engine.open(settings);
  const calm = stack.use(new CalmMode(clock, (pace) => engine.setPace(pace)));

  const source = {
    journal,
    board,
    estate: () => settings.estate,
    methodsNow: (store: StoreId) => outages.methodsOf(store),
    incidentsNow: () => outages.incidents(),
    subscribe: (listener: (events: readonly JournalEvent[]) => void) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => listeners.delete(listener) };
    },
  };
  const hub = stack.use(new FeedHub(source, clock));
  const alertmanager = stack.use(
    new AlertmanagerAlerts(source, { outages, settings: () => settings, listenUrl }, clock, log),
  );
  const authenticator = makeAuthenticator(() => settings.tokens, clock);

  const watch = () => {
    calm.set(settings.calmUntilMs);
    return engine.watch(settings, boundsOf(settings, log), restoreFrom(board));
  };
  const reload = serialised(async () => {
    const loaded = await openAnew(load, engine, notifying);
    metrics.recordReload(loaded.ok);
    if (!loaded.ok) {
      const problems = loaded.error.map(formatProblem);
      log.warn(
        { event: 'config.refused', problems },
        'the new configuration has errors: the old one stays in force',
      );
      return loaded;
    }
    const { listen, dataDir } = settings;
    if (!isDeepStrictEqual([listen, dataDir], [loaded.value.listen, loaded.value.dataDir])) {
      log.warn(
        { event: 'config.needs-restart' },
        'listen and data_dir change only with a restart: they stay as they are',
      );
    }
    settings = { ...loaded.value, listen, dataDir };
    calendar.setPlans(settings.maintenance);
    await alertmanager.configure();
    const hash = await keepOutlook(journal, outlook(), log);
    const summary = watch();
    ledger.record(configInForce('The configuration was reloaded', settings, summary, hash, clock));
    log.info({ event: 'config.reloaded', ...summary }, 'the configuration was reloaded');
    return ok(summary);
  });

  const app = createApp({
    version,
    settings: () => settings,
    columns,
    board,
    journal,
    registry: metrics.registry,
    outages: outageFacts,
    probers,
    authenticator,
    clock,
    log,
    stores: () => makeSnapshot(source, {}, clock.nowMs()).stores,
    openIncidents: () => openIncidents(source),
    streamEvents: makeSseHandler(hub, clock),
    probe: (module, request, signal) => engine.probeOnce(module, request, signal),
    reload,
    readiness: () => readinessOf(ledger),
    calm,
    notifications: notifying,
    acts: {
      record: (draft) => ledger.recordAct(draft),
      why: (target) => outages.whyHeld(target),
      quiet: outages.quiet,
      comingMaintenances: () => calendar.coming(),
      methodState: (store, method) => outages.methodsOf(store).get(method)?.state ?? 'unknown',
    },
  });
  server.on('request', app);
  stack.use(attachSocketFeed(server, hub, authenticator.admit));
  await listen(server, settings.listen);
  await notifying.use(settings);

  for (const draft of owed) ledger.recordOwed(draft);
  if (hash !== outlookInForce(heads)) {
    const summary = {
      added: journal.lastSeq === 0 ? settings.estate.targets.size : 0,
      removed: 0,
      changed: 0,
    };
    ledger.record(configInForce('The monitor started', settings, summary, hash, clock));
  }
  watch();
  calendar.setPlans(settings.maintenance);
  for (const head of heads) endWhatIsGone(head, settings, ledger, clock);
  endWhatNobodyHolds(board, outages, ledger, clock);
  metrics.recordReload(true);
  await alertmanager.configure();
  const noteHead = schedule(NOTE_HEAD_AT, () => {
    log.info({ event: 'journal.head', ...journal.head() }, 'head of the journal');
  });
  stack.defer(() => noteHead.destroy());
  // The first to be disposed of: a reload under way would go on writing to what is gone.
  stack.use(reload);
  return { url: listenUrl(), reload };
}

/** The bounds in force; tells when the system allows less than the estate may need. */
function boundsOf(settings: Settings, log: Logger): Limits {
  const { limits, warning } = resolveLimits(settings, readMaxOpenFiles());
  if (warning !== undefined) log.warn({ event: 'limits.descriptors', ...limits }, warning);
  return limits;
}

async function openAnew(load: Load, engine: EnginePool, notifying: Notifying): ReturnType<Load> {
  const loaded = await load();
  if (!loaded.ok) return loaded;
  try {
    await engine.open(loaded.value);
    await notifying.use(loaded.value);
    return loaded;
  } catch (error) {
    const isProber = error instanceof ProberUnavailable;
    if (!isProber && !(error instanceof NotifierUnavailable)) throw error;
    const path = isProber ? 'modules' : 'notifications';
    return err([{ file: loaded.value.file, line: 1, column: 1, path, message: error.message }]);
  }
}

function readinessOf(ledger: Ledger): Readiness {
  if (ledger.unwritable === undefined) return { ready: true, problems: [] };
  const problem =
    `The journal cannot be written (${ledger.unwritable.message}): ${ledger.pendingEvents} confirmed changes wait to be announced. ` +
    'Probing goes on.';
  return { ready: false, problems: [problem] };
}
