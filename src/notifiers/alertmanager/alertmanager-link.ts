import type { Logger } from 'pino';
import type { Clock, Timer } from '../../lib/clock.ts';
import { repeat } from '../../lib/clock.ts';
import { type AlertBook, EMPTY_BOOK, nextBook, RESOLVED_REPEAT_MS, type Tale } from './alert-book.ts';
import { AlertSender } from './alert-sender.ts';
import type { AlertLinks, ToldIncident } from './incident-alerts.ts';
import { AlertmanagerPeer, type PeerAuth } from './peer.ts';
import { type MirrorSources, SilenceMirror } from './silence-mirror.ts';

/** How we talk to Alertmanager. */
export interface AlertmanagerOptions {
  /** Every one of them is told everything. No slash at the end. */
  readonly urls: readonly string[];
  /** Unit: ms. */
  readonly resendIntervalMs: number;
  /** For one request; at most the interval. Unit: ms. */
  readonly timeoutMs: number;
  readonly auth: PeerAuth | undefined;
  readonly mirrorSilences: boolean;
}

/** What there is to tell, asked for at each change and each interval. */
export interface AlertmanagerSources extends MirrorSources {
  /** Open incidents as announced, oldest first. */
  incidents(): readonly ToldIncident[];
  isBlind(): boolean;
  links(): AlertLinks;
}

/** An incident as it was announced at a time. Epoch ms, UTC. */
export interface AnnouncedChange {
  readonly told: ToldIncident;
  readonly atMs: number;
}

/** What one Alertmanager is to us at present. */
export interface AlertmanagerState {
  readonly url: string;
  /** It took the last request. */
  readonly isUp: boolean;
}

/** Changes that come together are told together. Unit: ms. */
const COALESCE_MS = 200;

/**
 * The monitor towards Alertmanager, as Prometheus is towards it: each Alertmanager has its own sender, and none waits
 * for another. What it holds is worked out anew from what is announced; nothing of it needs to be kept over a restart.
 */
export class AlertmanagerLink implements AsyncDisposable {
  private readonly sources: AlertmanagerSources;
  private readonly clock: Clock;
  private readonly log: Logger;
  private readonly resolved = new Map<string, ToldIncident>();
  private book: AlertBook = EMPTY_BOOK;
  private parts: AsyncDisposableStack | undefined;
  private senders: readonly { readonly url: string; readonly sender: AlertSender }[] = [];
  private mirror: SilenceMirror | undefined;
  private pending: Timer | undefined;

  constructor(sources: AlertmanagerSources, clock: Clock, log: Logger) {
    this.sources = sources;
    this.clock = clock;
    this.log = log;
  }

  /** Those configured, in their order. */
  states(): readonly AlertmanagerState[] {
    return this.senders.map(({ url, sender }) => ({ url, isUp: sender.isUp }));
  }

  /** How many alerts fire: incidents, and what stores have lost by them. */
  get firing(): number {
    return this.book.firing.size;
  }

  /**
   * Works out what must have been told before a restart from what was announced lately, oldest first: that an alert is
   * over is then repeated, though it was this monitor's predecessor who told that it fires. To be called first.
   */
  recall(changes: readonly AnnouncedChange[]): void {
    const open = new Map<string, ToldIncident>();
    for (const { told, atMs } of changes) {
      const { id, state } = told.incident;
      if (state === 'resolved') {
        open.delete(id);
        this.resolved.set(id, told);
      } else {
        open.set(id, told);
        this.resolved.delete(id);
      }
      const tale = { open: Array.from(open.values()), resolved: this.resolved, isBlind: false };
      this.book = nextBook(this.book, tale, this.sources.links(), atMs);
    }
  }

  /** Talks as `options` say from now on; undefined: with nobody. One call at a time. */
  async configure(options: AlertmanagerOptions | undefined): Promise<void> {
    await this.parts?.disposeAsync();
    this.parts = undefined;
    this.senders = [];
    this.mirror = undefined;
    if (options === undefined) {
      this.book = EMPTY_BOOK;
      return;
    }
    const parts = new AsyncDisposableStack();
    this.parts = parts;
    this.review();
    const { auth, timeoutMs, resendIntervalMs } = options;
    const peers = options.urls.map((url) =>
      parts.use(new AlertmanagerPeer({ url, auth, timeoutMs }, this.clock)),
    );
    this.senders = peers.map((peer) => ({
      url: peer.url,
      sender: parts.use(this.startSender(peer, resendIntervalMs)),
    }));
    if (options.mirrorSilences) {
      this.mirror = parts.use(new SilenceMirror(peers, this.sources, this.clock, this.log));
    }
    parts.use(repeat(this.clock, resendIntervalMs, () => this.tellAll()));
  }

  /** An incident ended; `told.incident` is as it was announced then. */
  resolve(told: ToldIncident): void {
    this.forgetResolved(this.clock.nowMs());
    this.resolved.set(told.incident.id, told);
    this.changed();
  }

  /** Something that alerts tell was announced. */
  changed(): void {
    if (this.parts === undefined) return;
    this.pending ??= this.clock.after(COALESCE_MS, () => {
      this.pending = undefined;
      this.tellAll();
    });
  }

  /** A silence or maintenance began, ended or changed. */
  quietChanged(): void {
    this.mirror?.changed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.pending?.[Symbol.dispose]();
    await this.configure(undefined);
  }

  private tellAll(): void {
    this.review();
    for (const { sender } of this.senders) sender.changed();
  }

  private review(): void {
    const nowMs = this.clock.nowMs();
    this.forgetResolved(nowMs);
    const open = this.sources.incidents();
    for (const { incident } of open) this.resolved.delete(incident.id);
    const tale: Tale = { open, resolved: this.resolved, isBlind: this.sources.isBlind() };
    const { omitted } = this.book;
    this.book = nextBook(this.book, tale, this.sources.links(), nowMs);
    if (omitted === 0 && this.book.omitted > 0) {
      this.log.warn(
        { event: 'alertmanager.too-many-stores', omitted: this.book.omitted },
        'not every store that cannot take payments has an alert of its own; the alert of the incident counts them all',
      );
    }
  }

  private forgetResolved(nowMs: number): void {
    for (const [id, { incident }] of this.resolved) {
      if ((incident.resolvedAtMs ?? nowMs) + RESOLVED_REPEAT_MS <= nowMs) this.resolved.delete(id);
    }
  }

  private startSender(peer: AlertmanagerPeer, resendIntervalMs: number): AlertSender {
    const { url } = peer;
    return new AlertSender(peer, () => this.book, resendIntervalMs, this.clock, {
      upChanged: (problem) => {
        if (problem === undefined) {
          this.log.info({ event: 'alertmanager.up', alertmanager: url }, 'Alertmanager takes our alerts');
          return;
        }
        const event = { event: 'alertmanager.down', alertmanager: url, problem: problem.message };
        this.log.warn(event, 'Alertmanager does not take our alerts; they are told again');
      },
    });
  }
}
