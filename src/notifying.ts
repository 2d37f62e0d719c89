import type { Logger } from 'pino';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Board } from './core/board.ts';
import type { Incident, JournalEvent } from './core/events.ts';
import type { Routing } from './core/routing.ts';
import type { ChannelStatus, Notifications } from './http/app-context.ts';
import type { Journal } from './journal/journal.ts';
import { type Clock, repeat } from './lib/clock.ts';
import type { ChannelBacklog, NotificationMetrics } from './metrics/notification-metrics.ts';
import { Dispatcher, type DispatchListener, type OpenChannel } from './notifiers/dispatcher.ts';
import { NoticeRouter } from './notifiers/notice-router.ts';
import type { Notifier } from './notifiers/notifier.ts';
import { openChannel } from './notifiers/open-channel.ts';
import { Outbox } from './notifiers/outbox.ts';
import type { ListedMessage, Message, MessageState } from './notifiers/outbox-store.ts';
import { OUTBOX_FILE, SqliteOutboxStore } from './notifiers/sqlite-outbox-store.ts';
import type { ChannelSettings, Settings } from './settings/settings.ts';

/** How long messages that have ended are kept to be looked up. Unit: ms. */
const KEEP_MS = 30 * 86_400_000;
const PRUNE_EVERY_MS = 3_600_000;

/** What telling people takes from the rest of the monitor. */
export interface NotifyingDependencies {
  readonly dataDir: string;
  readonly journal: Journal;
  readonly board: Board;
  readonly notifiers: ReadonlyMap<string, Notifier>;
  readonly metrics: NotificationMetrics;
  /** Where the monitor answers, for links where the settings name no better address. */
  readonly url: () => string;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Running {
  readonly store: SqliteOutboxStore;
  readonly outbox: Outbox;
  readonly dispatcher: Dispatcher;
  readonly router: NoticeRouter;
}

/**
 * Tells people of incidents: journal → routes → outbox → channels. Nothing of it holds up anything else. A monitor
 * that has no channel, and never had one, keeps no outbox.
 */
export class Notifying implements Notifications, AsyncDisposable {
  private readonly dependencies: NotifyingDependencies;
  private readonly owned = new AsyncDisposableStack();
  private running: Running | undefined;
  private channelSettings: ReadonlyMap<string, ChannelSettings> = new Map();
  private readonly errors = new Map<string, NonNullable<ChannelStatus['lastError']>>();
  private readonly failing = new Set<string>();

  constructor(dependencies: NotifyingDependencies) {
    this.dependencies = dependencies;
  }

  /**
   * Tells as `settings` say from now on. Rejects with `NotifierUnavailable` when one of their channels cannot be opened:
   * then all goes on as before.
   */
  async use(settings: Settings): Promise<void> {
    const { channels } = settings.notifications;
    const { dataDir, metrics, log } = this.dependencies;
    const isNeeded = channels.size > 0 || existsSync(join(dataDir, OUTBOX_FILE));
    if (this.running === undefined && !isNeeded) return;
    const opened = await this.open(settings);
    const routing = this.routingOf(settings);
    this.running ??= this.start(routing);
    // Where telling begins is on disk before anything happens: a kill makes it begin nowhere else.
    await this.running.outbox.flushed();
    this.channelSettings = channels;
    this.running.router.setRouting(routing);
    metrics.setChannels(Array.from(channels.keys()));
    for (const [channel, messages] of this.running.dispatcher.use(opened)) {
      log.warn(
        { event: 'notifier.gone', channel, messages },
        'messages for a channel that is gone are given up',
      );
    }
  }

  /** Events that are on disk: a batch of the journal's, in order. */
  announced(events: readonly JournalEvent[]): void {
    this.running?.router.announced(events);
  }

  backlogs(): readonly ChannelBacklog[] {
    return Array.from(this.channelSettings.keys(), (channel) => {
      const { count, oldestMs } = this.running?.outbox.backlog(channel) ?? { count: 0, oldestMs: undefined };
      return { channel, pending: count, oldestMs };
    });
  }

  channels(): readonly ChannelStatus[] {
    const counts = this.running?.store.count();
    return Array.from(this.channelSettings.values(), ({ name, type }) => {
      const { pending = 0, delivered = 0, dead = 0 } = counts?.get(name) ?? {};
      const lastError = this.errors.get(name);
      return { name, type, pending, delivered, dead, ...(lastError === undefined ? {} : { lastError }) };
    });
  }

  messages(state: MessageState, limit: number, beforeId: number | undefined): readonly ListedMessage[] {
    return this.running?.store.list(state, limit, beforeId) ?? [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.owned.disposeAsync();
  }

  private start(routing: Routing): Running {
    const { dataDir, journal, board, clock, log } = this.dependencies;
    const store = this.owned.use(
      SqliteOutboxStore.open(dataDir, clock, (kept, error) =>
        log.error(
          { event: 'outbox.set-aside', kept, err: error },
          'the outbox was damaged: kept aside, a new one begins, and what waited in it is not told',
        ),
      ),
    );
    const outbox = this.owned.use(
      new Outbox(store, clock, {
        stored: () => dispatcher.wake(),
        writableChanged: (error) => {
          if (error === undefined) log.info({ event: 'outbox.writable' }, 'the outbox can be written again');
          else
            log.error(
              { event: 'outbox.unwritable', err: error },
              'the outbox cannot be written: nobody is told of what is new',
            );
        },
      }),
    );
    const dispatcher: Dispatcher = this.owned.use(
      new Dispatcher(outbox, clock, Math.random, this.listener()),
    );
    const isOpen = ({ id }: Incident): boolean => board.openIncident(id) !== undefined;
    const router = this.owned.use(
      new NoticeRouter({ journal, isOpen }, outbox, routing, clock, {
        lost: (cursor, firstSeq, lastSeq) =>
          log.warn(
            { event: 'notifications.lost', cursor, firstSeq, lastSeq },
            'the journal does not go on where telling was: what lies between is not told',
          ),
        unreadable: (error) =>
          log.error(
            { event: 'notifications.unreadable', err: error },
            'the journal cannot be read: nobody is told of what is new',
          ),
      }),
    );
    const prune = (): void => {
      store.prune(clock.nowMs() - KEEP_MS).catch((error: unknown) => {
        log.debug({ event: 'outbox.not-pruned', err: error }, 'old messages could not be removed');
      });
    };
    prune();
    this.owned.use(repeat(clock, PRUNE_EVERY_MS, prune));
    return { store, outbox, dispatcher, router };
  }

  private async open(settings: Settings): Promise<ReadonlyMap<string, OpenChannel>> {
    const { notifiers, clock, url } = this.dependencies;
    const { baseDir, externalUrl = url() } = settings;
    await using opening = new AsyncDisposableStack();
    const opened = new Map<string, OpenChannel>();
    for (const own of settings.notifications.channels.values()) {
      const channel = opening.use(await openChannel(own, notifiers, { clock, baseDir, externalUrl }));
      opened.set(own.name, { channel, timeoutMs: own.timeoutMs });
    }
    opening.move();
    return opened;
  }

  private routingOf({ notifications, estate }: Settings): Routing {
    const { notifiers } = this.dependencies;
    const { channels, routes, digest } = notifications;
    const records = Array.from(
      channels,
      ([name, { type }]) => [name, { isRecord: notifiers.get(type)?.isRecord === true }] as const,
    );
    return { routes, channels: new Map(records), digest, estate };
  }

  private listener(): DispatchListener {
    const { metrics, log, clock } = this.dependencies;
    return {
      delivered: ({ channel, notice }, dwellMs) => {
        metrics.recordDelivery(channel, dwellMs);
        if (this.failing.delete(channel)) {
          log.info({ event: 'notifier.recovered', channel }, 'notifications are delivered again');
        }
        log.info(
          { event: 'notifier.delivered', channel, ...about(notice), dwellMs: Math.round(dwellMs) },
          'notification delivered',
        );
      },
      failed: ({ channel, notice, attempts }, { isPermanent, message }, { isGivenUp, isFirst }) => {
        metrics.recordFailure(channel, isPermanent);
        this.errors.set(channel, { message, atMs: clock.nowMs(), isPermanent });
        this.failing.add(channel);
        const facts = {
          event: 'notifier.failed',
          channel,
          ...about(notice),
          attempts: attempts + 1,
          problem: message,
        };
        if (isGivenUp) log.warn({ ...facts, isPermanent }, 'notification given up');
        else if (isFirst) log.warn(facts, 'notification not delivered: it will be tried again');
        else log.debug(facts, 'notification not delivered');
      },
    };
  }
}

function about({ key, change }: Message['notice']): { readonly key: string; readonly change: string } {
  return { key, change };
}
