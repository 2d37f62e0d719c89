import type { Board } from '../core/board.ts';
import type { EventDraft, JournalEvent } from '../core/events.ts';
import { applyChanges, type OpenIncidents, type TimedChange } from '../core/incidents.ts';
import type { Estate } from '../estate/estate.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Journal } from '../journal/journal.ts';
import type { TargetChange } from './engine.ts';
import { PendingDrafts } from './pending-drafts.ts';

/** How long to wait before writing again when the journal refuses: doubles from the first to the last. Unit: ms. */
const RETRY_FIRST_MS = 250;
const RETRY_LAST_MS = 5_000;
/**
 * So many drafts are written at once, with what they mean for incidents. More would share a commit's cost, which is
 * small beside theirs already, and would hold up the process for longer.
 */
const BATCH_DRAFTS = 2_000;

export interface LedgerListener {
  /** Events are on disk and on the board: tell the world. Must not throw. */
  announced(events: readonly JournalEvent[]): void;
  /** The journal began (`error` given) or ceased to refuse. */
  writableChanged(error: Error | undefined): void;
}

/**
 * The cold path: confirmed changes → incidents → journal → board → listener, strictly in this order. Nothing is
 * announced that is not on disk. While the journal refuses, changes wait here, bounded, and are written when it
 * takes them again; probing never notices.
 */
export class Ledger implements AsyncDisposable {
  private readonly journal: Journal;
  private readonly board: Board;
  private readonly clock: Clock;
  private readonly listener: LedgerListener;
  private readonly estate: () => Estate;
  private incidents: OpenIncidents;
  private readonly pending = new PendingDrafts();
  private writing: Promise<void> | undefined;
  private retryTimer: Timer | undefined;
  private retryDelayMs = 0;
  private refusal: Error | undefined;

  constructor(
    store: { readonly journal: Journal; readonly board: Board; readonly incidents: OpenIncidents },
    estate: () => Estate,
    clock: Clock,
    listener: LedgerListener,
  ) {
    this.journal = store.journal;
    this.board = store.board;
    this.incidents = store.incidents;
    this.estate = estate;
    this.clock = clock;
    this.listener = listener;
  }

  /** Why the journal refuses at present; undefined while it writes. */
  get unwritable(): Error | undefined {
    return this.refusal;
  }

  /** Confirmed but not yet on disk. */
  get pendingEvents(): number {
    return this.pending.length;
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
    if (this.writing === undefined && this.retryTimer === undefined) this.write();
  }

  /** Writes what is pending; what the journal refuses now is lost, as it was never announced. */
  async [Symbol.asyncDispose](): Promise<void> {
    while (this.writing !== undefined) await this.writing;
    this.retryTimer?.[Symbol.dispose]();
    this.retryTimer = undefined;
  }

  private write(): void {
    this.writing = Promise.resolve()
      .then(() => this.writeBatch())
      .finally(() => {
        this.writing = undefined;
        if (this.pending.length > 0 && this.retryTimer === undefined) this.write();
      });
  }

  private async writeBatch(): Promise<void> {
    const batch = this.pending.first(BATCH_DRAFTS);
    const { open, events } = applyChanges(this.incidents, batch.filter(isChange), this.estate());
    let written: readonly JournalEvent[];
    try {
      written = await this.journal.append([...batch, ...events]);
    } catch (error) {
      this.refuse(error);
      return;
    }
    this.pending.drop(batch.length);
    this.incidents = open;
    for (const event of written) this.board.apply(event);
    this.accept();
    this.listener.announced(written);
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

function isChange(draft: EventDraft): draft is TimedChange {
  return draft.kind === 'target-state-changed';
}
