import type { Board } from '../core/board.ts';
import type { TargetColumns } from '../core/columns.ts';
import type { Incident, MethodState } from '../core/events.ts';
import type { Outages } from '../core/outages.ts';
import type { Outlook } from '../core/outlook.ts';
import type { Estate, Store } from '../estate/estate.ts';
import { isOpenAt } from '../estate/opening-hours.ts';
import type { Clock } from '../lib/clock.ts';

/** What metrics tell of outages, as judged now: a little ahead of what is announced, as the targets' series are. */
export interface OutageFacts {
  /** Stores and targets in force. */
  estate(): Estate;
  /** Names of the ways to pay that the configuration names, each once. */
  methods(): readonly string[];
  /** Every way to pay that is watched in `store`, with its state; all are unknown while we are blind. */
  methodsOf(store: Store): Iterable<readonly [method: string, state: MethodState]>;
  /** Whether `store` is open now. Undefined: its hours are not known. */
  isOpen(store: Store): boolean | undefined;
  /** Open ones, oldest first. */
  incidents(): readonly Incident[];
  /** We cannot see, or have not yet looked at everything again since: nothing is known. */
  isBlind(): boolean;
}

export function makeOutageFacts(
  {
    outages,
    board,
    columns,
  }: { readonly outages: Outages; readonly board: Board; readonly columns: TargetColumns },
  outlook: () => Outlook,
  clock: Clock,
): OutageFacts {
  // The board learns of it from the journal, the columns at once.
  const isBlind = (): boolean =>
    board.sight !== undefined || columns.sightedSinceMs === Number.POSITIVE_INFINITY;
  return {
    estate: () => outlook().estate,
    methods: () => outlook().methods.map(({ name }) => name),
    *methodsOf({ id }) {
      const isUnseen = isBlind();
      for (const [method, { state }] of outages.methodsOf(id)) yield [method, isUnseen ? 'unknown' : state];
    },
    isOpen: (store) => isOpenAt(store, clock.nowMs()),
    incidents: () => outages.incidents(),
    isBlind,
  };
}
