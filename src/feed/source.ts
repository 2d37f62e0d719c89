import type { Board } from '../core/board.ts';
import type { JournalEvent } from '../core/events.ts';
import type { Estate } from '../estate/estate.ts';
import type { Journal } from '../journal/journal.ts';

/** What the feed is fed from. `board` has applied exactly the events that `subscribe` has handed out. */
export interface FeedSource {
  readonly journal: Journal;
  readonly board: Board;
  /** The estate now; a new object after each reload. */
  estate(): Estate;
  /** Calls `listener` with each batch of events once they are on disk, in order, no gaps. Listeners must not throw. */
  subscribe(listener: (events: readonly JournalEvent[]) => void): Disposable;
}
