import type { Board } from '../core/board.ts';
import type { Incident, JournalEvent } from '../core/events.ts';
import type { MethodStatus } from '../core/payment-methods.ts';
import type { Estate } from '../estate/estate.ts';
import type { StoreId } from '../estate/ids.ts';
import type { Journal } from '../journal/journal.ts';

/** What the feed is fed from. `board` has applied exactly the events that `subscribe` has handed out. */
export interface FeedSource {
  readonly journal: Journal;
  readonly board: Board;
  /** The estate now; a new object after each reload. */
  estate(): Estate;
  /**
   * The payment methods watched in a store as they are judged now. Their states may be ahead of the board's, which
   * count; but a message tells numbers, which change more often than states are announced. The same object until
   * something changes.
   */
  methodsNow?(store: StoreId): ReadonlyMap<string, MethodStatus>;
  /** Open incidents as the outages stand now: an incident grows and shrinks more often than it is told of. */
  incidentsNow?(): readonly Incident[];
  /** Calls `listener` with each batch of events once they are on disk, in order, no gaps. Listeners must not throw. */
  subscribe(listener: (events: readonly JournalEvent[]) => void): Disposable;
}
