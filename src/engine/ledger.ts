import type { Board } from '../core/board.ts';
import type { EventDraft, JournalEvent } from '../core/events.ts';
import { applyChanges, type OpenIncidents, type TimedChange } from '../core/incidents.ts';
import type { Estate } from '../estate/estate.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Journal } from '../journal/journal.ts';
import type { TargetChange } from './engine.ts';

/** How long to wait before writing again when the journal refuses: doubles from the first to the last. Unit: ms. */
const RETRY_FIRST_MS = 250;
const RETRY_LAST_MS = 5_000;
/** From so many unwritten events on, only the net change of each target is kept. */
const PENDING_COMPACT = 50_000;

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
  private pending: EventDraft[] = [];
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
    this.record({
      atMs: change.atMs,
      kind: 'target-state-changed',
      target: target.id,
      ...(target.store === undefined ? {} : { store: target.store }),
      ...(chain === undefined ? {} : { chain }),
      ...(region === undefined ? {} : { region }),
      from: transition.from,
      to: transition.to,
      ...(transition.reason === undefined ? {} : { reason: transition.reason }),
      message: change.message,
      sinceMs: change.sinceMs,
    });
  }

  record(draft: EventDraft): void {
    this.pending.push(draft);
    if (this.refusal !== undefined && this.pending.length > PENDING_COMPACT)
      this.pending = compact(this.pending);
    if (this.writing === undefined && this.retryTimer === undefined) this.write();
  }

  /** Writes what is pending, once; what the journal refuses now is lost, as it was never announced. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.retryTimer?.[Symbol.dispose]();
    this.retryTimer = undefined;
    await this.writing;
    if (this.pending.length > 0 && this.refusal === undefined) await this.writeBatch();
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
    const batch = this.pending;
    this.pending = [];
    const { open, events } = applyChanges(this.incidents, batch.filter(isChange), this.estate());
    let written: readonly JournalEvent[];
    try {
      written = await this.journal.append([...batch, ...events]);
    } catch (error) {
      this.pending = [...batch, ...this.pending];
      this.refuse(error);
      return;
    }
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

/**
 * The same drafts with each target's changes folded into one, from its first `from` to its last `to`, or none when
 * they come to nothing: what there is to tell once the journal writes again.
 */
function compact(drafts: readonly EventDraft[]): EventDraft[] {
  const net = new Map<string, TimedChange>();
  const rest: EventDraft[] = [];
  for (const draft of drafts) {
    if (!isChange(draft)) {
      rest.push(draft);
      continue;
    }
    const from = net.get(draft.target)?.from ?? draft.from;
    net.delete(draft.target);
    if (from !== draft.to) net.set(draft.target, { ...draft, from });
  }
  return [...rest, ...net.values()].sort((a, b) => a.atMs - b.atMs);
}
