import type { Board } from '../core/board.ts';
import type { EventDraft, JournalEvent } from '../core/events.ts';
import type { Outages } from '../core/outages.ts';
import type { Outlook } from '../core/outlook.ts';
import type { Journal } from '../journal/journal.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { TargetChange } from './engine.ts';
import type { Folded } from './outage-checkpoint.ts';
import { PendingDrafts } from './pending-drafts.ts';

/** How long to wait before writing again when the journal refuses: doubles from the first to the last. Unit: ms. */
const RETRY_FIRST_MS = 250;
const RETRY_LAST_MS = 5_000;
/**
 * So many drafts are written at once, with what they mean for outages. More would share a commit's cost, which is
 * small beside theirs already, and would hold up the process for longer.
 */
const BATCH_DRAFTS = 2_000;

export interface LedgerListener {
  /** Events are on disk and on the board: tell the world. Must not throw. */
  announced(events: readonly JournalEvent[]): void;
  /** The journal began (`error` given) or ceased to refuse. */
  writableChanged(error: Error | undefined): void;
}

/** What the ledger writes to and folds into. */
export interface LedgerStore {
  readonly journal: Journal;
  readonly board: Board;
  readonly outages: Outages;
  /** The outlook of the journal's that is in force at its end; undefined: it names none. */
  readonly outlook?: string | undefined;
}

/** What the ledger asks of the rest of the monitor. */
export interface LedgerSources {
  /** What the configuration in force says of outages. */
  outlook(): Outlook;
  /** What probes that began since then (epoch ms) told, when a question of scope is to be decided. */
  evidenceSince(sinceMs: number): { readonly answering: string; readonly failing: string };
}

/** What has been folded and is to be written, input by input with what follows from it. */
interface Prepared {
  readonly drafts: readonly EventDraft[];
  readonly waiting: ReadonlyMap<number, (event: JournalEvent) => void>;
}

/**
 * The cold path: confirmed changes and human acts → outages → journal → board → listener, strictly in this order.
 * Nothing is announced that is not on disk. While the journal refuses, changes wait here, bounded, and are written when
 * it takes them again; probing never notices. The journal's times never go backward, whatever the clock does.
 */
export class Ledger implements AsyncDisposable {
  private readonly journal: Journal;
  private readonly board: Board;
  private readonly outages: Outages;
  private readonly sources: LedgerSources;
  private readonly clock: Clock;
  private readonly listener: LedgerListener;
  private readonly pending = new PendingDrafts();
  private readonly acts = new Map<EventDraft, (event: JournalEvent) => void>();
  private outlook: string | undefined;
  private owed: EventDraft[] = [];
  private prepared: Prepared | undefined;
  private writing: Promise<void> | undefined;
  private retryTimer: Timer | undefined;
  private dueTimer: Timer | undefined;
  private retryDelayMs = 0;
  private refusal: Error | undefined;
  private isOver = false;

  constructor(store: LedgerStore, sources: LedgerSources, clock: Clock, listener: LedgerListener) {
    this.journal = store.journal;
    this.board = store.board;
    this.outages = store.outages;
    this.outlook = store.outlook;
    this.sources = sources;
    this.clock = clock;
    this.listener = listener;
    this.waitForDue();
  }

  /** Why the journal refuses at present; undefined while it writes. */
  get unwritable(): Error | undefined {
    return this.refusal;
  }

  /** Confirmed but not yet on disk. */
  get pendingEvents(): number {
    return this.pending.length + (this.prepared?.drafts.length ?? 0);
  }

  /** What of the journal the outages hold, and under which outlook; undefined while they hold more than it does. */
  get folded(): Folded | undefined {
    return this.prepared === undefined ? { seq: this.journal.lastSeq, outlook: this.outlook } : undefined;
  }

  recordChange(change: TargetChange): void {
    const { target, transition } = change;
    const { chain, region } = target.labels;
    // In the order of the alphabet, as the journal writes them: it then need not sort.
    this.record({
      atMs: change.atMs,
      ...(chain === undefined ? {} : { chain }),
      from: transition.from,
      kind: 'target-state-changed',
      message: change.message,
      ...(transition.reason === undefined ? {} : { reason: transition.reason }),
      ...(region === undefined ? {} : { region }),
      sinceMs: change.sinceMs,
      ...(target.store === undefined ? {} : { store: target.store }),
      target: target.id,
      to: transition.to,
    });
  }

  record(draft: EventDraft): void {
    this.pending.add(draft, this.refusal !== undefined && this.writing === undefined);
    this.write();
  }

  /** What follows from what is in the journal already: written as it is, not folded again. */
  recordOwed(draft: EventDraft): void {
    this.owed.push(draft);
    this.write();
  }

  /** Somebody's act: resolves once it is on disk and announced. Rejects when the journal refuses at present. */
  recordAct(draft: EventDraft): Promise<JournalEvent> {
    if (this.refusal !== undefined) return Promise.reject(this.refusal);
    const { promise, resolve } = Promise.withResolvers<JournalEvent>();
    this.acts.set(draft, resolve);
    this.record(draft);
    return promise;
  }

  /** Writes what is pending; what the journal refuses now is lost, as it was never announced. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.isOver = true;
    this.dueTimer?.[Symbol.dispose]();
    while (this.writing !== undefined) await this.writing;
    this.retryTimer?.[Symbol.dispose]();
    this.retryTimer = undefined;
  }

  private write(): void {
    if (this.writing !== undefined || this.retryTimer !== undefined) return;
    this.writing = Promise.resolve()
      .then(() => this.writeBatch())
      .finally(() => {
        this.writing = undefined;
        if (this.pending.length > 0) this.write();
        else this.waitForDue();
      });
  }

  private async writeBatch(): Promise<void> {
    this.prepared ??= this.prepare();
    const { drafts, waiting } = this.prepared;
    if (drafts.length > 0) {
      let written: readonly JournalEvent[];
      try {
        written = await this.journal.append(drafts);
      } catch (error) {
        this.refuse(error);
        return;
      }
      for (const event of written) this.board.apply(event);
      this.accept();
      this.listener.announced(written);
      for (const [index, resolve] of waiting) {
        const event = written[index];
        if (event !== undefined) resolve(event);
      }
    }
    this.prepared = undefined;
  }

  /** Folds what is pending, and the time until now, into the outages. */
  private prepare(): Prepared {
    const batch = this.pending.first(BATCH_DRAFTS);
    this.pending.drop(batch.length);
    const drafts: EventDraft[] = this.owed;
    this.owed = [];
    const waiting = new Map<number, (event: JournalEvent) => void>();
    for (const draft of batch) {
      const resolve = this.acts.get(draft);
      if (resolve !== undefined) waiting.set(this.fold(draft, drafts), resolve);
      else this.fold(draft, drafts);
      this.acts.delete(draft);
    }
    if (this.pending.length > 0) return { drafts, waiting };
    const nowMs = this.clock.nowMs();
    drafts.push(...this.outages.advanceTo(nowMs));
    const sinceMs = this.outages.evidenceWantedSince(nowMs);
    if (sinceMs !== undefined) {
      const seen = this.sources.evidenceSince(sinceMs);
      this.fold({ atMs: nowMs, kind: 'evidence-gathered', sinceMs, ...seen }, drafts);
    }
    return { drafts, waiting };
  }

  /** The input's place among `drafts`, where what follows from it stands behind it. */
  private fold(draft: EventDraft, drafts: EventDraft[]): number {
    const { atMs } = this.outages;
    const input = draft.atMs < atMs ? { ...draft, atMs } : draft;
    drafts.push(...this.outages.advanceTo(input.atMs));
    // Not sooner: what was due before is told under what was in force then, as a replay tells it.
    if (draft.kind === 'config-reloaded') {
      this.outages.setOutlook(this.sources.outlook());
      this.outlook = draft.outlook;
    }
    const place = drafts.push(input) - 1;
    for (const following of this.outages.apply(input)) drafts.push(following);
    return place;
  }

  /** Time alone may open or end incidents. */
  private waitForDue(): void {
    this.dueTimer?.[Symbol.dispose]();
    this.dueTimer = undefined;
    const dueMs = this.outages.nextDueMs;
    if (dueMs === undefined || this.isOver) return;
    const delayMs = Math.min(LONGEST_WAIT_MS, Math.max(1, dueMs + 1 - this.clock.nowMs()));
    this.dueTimer = this.clock.after(delayMs, () => {
      this.dueTimer = undefined;
      this.write();
    });
  }

  private refuse(cause: unknown): void {
    const error = cause instanceof Error ? cause : new Error('the journal refuses', { cause });
    if (this.refusal === undefined) this.listener.writableChanged(error);
    this.refusal = error;
    this.retryDelayMs = Math.min(RETRY_LAST_MS, Math.max(RETRY_FIRST_MS, this.retryDelayMs * 2));
    this.retryTimer = this.clock.after(this.retryDelayMs, () => {
      this.retryTimer = undefined;
      this.write();
    });
  }

  private accept(): void {
    this.retryDelayMs = 0;
    if (this.refusal === undefined) return;
    this.refusal = undefined;
    this.listener.writableChanged(undefined);
  }
}

/** The wall clock may be set while we wait for it. Unit: ms. */
const LONGEST_WAIT_MS = 30_000;
