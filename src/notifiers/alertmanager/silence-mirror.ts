import type { Logger } from 'pino';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { AlertmanagerPeer, PeerProblem } from './peer.ts';
import { GOSSIP_MS, planSilences, type QuietSpan, toWanted, type WantedSilence } from './silence-plan.ts';

/** How often it is looked whether all is as it should be, when nothing was left to do. Unit: ms. */
const REVIEW_MS = 60_000;

/** So much that was said is remembered. */
const MOST_SAID = 1_000;

/** Where silences are kept. */
type Keeper = Pick<AlertmanagerPeer, 'url' | 'listSilences' | 'createSilence' | 'endSilence'>;

export interface MirrorSources {
  /** What holds or will, without flexible maintenances that have not begun. */
  spans(): readonly QuietSpan[];
  /** What tells this monitor's silences from another's, over restarts too; undefined: it is not known yet. */
  instance(): string | undefined;
}

/**
 * Keeps our silences and maintenances as silences in Alertmanager: found there again after a restart of either, ended
 * when ours end. Alertmanagers that are asked at once do not wait for one that is down.
 */
export class SilenceMirror implements AsyncDisposable {
  private readonly peers: readonly Keeper[];
  private readonly sources: MirrorSources;
  private readonly clock: Clock;
  private readonly log: Logger;
  private readonly stop = new AbortController();
  /** By marker. Epoch ms. */
  private readonly createdAtMs = new Map<string, number>();
  /** What has been said of a span, so that it is said once. */
  private readonly said = new Set<string>();
  private readonly done: Promise<void>;
  private wakeUp: () => void = () => undefined;
  private isChanged = true;

  constructor(peers: readonly Keeper[], sources: MirrorSources, clock: Clock, log: Logger) {
    this.peers = peers;
    this.sources = sources;
    this.clock = clock;
    this.log = log;
    this.done = this.run();
  }

  /** A silence or maintenance began, ended or changed. */
  changed(): void {
    this.isChanged = true;
    this.wakeUp();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort();
    this.wakeUp();
    await this.done;
  }

  private async run(): Promise<void> {
    const { signal } = this.stop;
    while (!signal.aborted) {
      this.isChanged = false;
      let isUnfinished = true;
      try {
        isUnfinished = await this.review(signal);
      } catch (error) {
        if (signal.aborted) return;
        // An error of our own: it must not end the mirror, nor the monitor.
        this.log.error({ event: 'alertmanager.mirror-failed', err: error }, 'silences could not be mirrored');
      }
      await this.sleep(isUnfinished ? GOSSIP_MS : REVIEW_MS);
    }
  }

  /** One look at all Alertmanagers, and what follows from it. Whether something is left to do soon. */
  private async review(signal: AbortSignal): Promise<boolean> {
    const instance = this.sources.instance();
    if (instance === undefined) return true;
    const views = await Promise.all(
      this.peers.map(async (peer) => {
        const silences = await peer.listSilences(signal);
        if (!silences.ok) this.tell(silences.error);
        return { url: peer.url, silences: silences.ok ? silences.value : undefined };
      }),
    );
    const nowMs = this.clock.nowMs();
    const wanted = this.wanted(instance, nowMs);
    for (const marker of this.createdAtMs.keys()) {
      if (!wanted.some((each) => each.marker === marker)) this.createdAtMs.delete(marker);
    }
    const plan = planSilences(wanted, views, this.createdAtMs, { instance, nowMs });
    await Promise.all(
      this.peers.map(async (peer) => {
        for (const { url, id } of plan.end) {
          if (url === peer.url) this.note(await peer.endSilence(id, signal), 'ended', { url, id });
        }
        for (const { url, wanted: each } of plan.create) {
          if (url !== peer.url) continue;
          const answer = await peer.createSilence(each.draft, signal);
          if (answer.ok) this.createdAtMs.set(each.marker, nowMs);
          this.note(answer, 'created', { url, comment: each.draft.comment });
        }
      }),
    );
    return plan.isUnfinished;
  }

  private wanted(instance: string, nowMs: number): readonly WantedSilence[] {
    return this.sources.spans().flatMap((span) => {
      if (span.endsAtMs <= nowMs) return [];
      const made = toWanted(span, instance);
      const about = { id: span.id, selector: span.selector };
      if ('why' in made) {
        const event = { event: 'alertmanager.not-mirrored', ...about, why: made.why };
        this.once('warn', event, 'not silenced in Alertmanager: it has no matchers for this selector');
        return [];
      }
      const { narrowed } = made.wanted;
      if (narrowed.length > 0) {
        const event = { event: 'alertmanager.mirrored-in-part', ...about, narrowed };
        this.once('info', event, 'Alertmanager silences less than the selector says');
      }
      return [made.wanted];
    });
  }

  private note(
    answer: { readonly ok: true } | { readonly ok: false; readonly error: PeerProblem },
    done: 'created' | 'ended',
    about: object,
  ): void {
    if (answer.ok) {
      this.log.info({ event: `alertmanager.silence-${done}`, ...about }, 'a silence was mirrored');
    } else this.tell(answer.error);
  }

  /** That an Alertmanager is down is told by who tells it alerts; what it says against a silence is told here. */
  private tell({ isPermanent, message }: PeerProblem): void {
    if (!isPermanent) return;
    const event = { event: 'alertmanager.silence-refused', problem: message };
    this.once('warn', event, 'silences cannot be mirrored');
  }

  private once(level: 'info' | 'warn', event: Readonly<Record<string, unknown>>, message: string): void {
    const key = JSON.stringify(event);
    if (this.said.has(key)) return;
    if (this.said.size >= MOST_SAID) this.said.clear();
    this.said.add(key);
    this.log[level](event, message);
  }

  private async sleep(forMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer: Timer = this.clock.after(forMs, resolve);
    this.wakeUp = resolve;
    if (this.isChanged || this.stop.signal.aborted) resolve();
    await promise;
    timer[Symbol.dispose]();
    this.wakeUp = () => undefined;
  }
}
