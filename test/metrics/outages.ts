import type { Incident, MethodState } from '../../src/core/events.ts';
import type { Estate, Store, Target } from '../../src/estate/estate.ts';
import { toIncidentId, toStoreId } from '../../src/estate/ids.ts';
import type { OutageFacts } from '../../src/metrics/outage-facts.ts';

/** Facts of outages that a test writes by hand, and may change as it goes. */
export interface OutageBook {
  stores: readonly Store[];
  targets: readonly Target[];
  methods: readonly string[];
  /** Of each store, by its id. */
  states: Readonly<Record<string, Readonly<Record<string, MethodState>>>>;
  /** Whether a store is open, by its id; its hours are not known unless it is named. */
  open: Readonly<Record<string, boolean>>;
  incidents: readonly Incident[];
  isBlind: boolean;
}

export function makeOutages(written: Partial<OutageBook> = {}): OutageBook & { readonly facts: OutageFacts } {
  const book: OutageBook = {
    stores: [],
    targets: [],
    methods: [],
    states: {},
    open: {},
    incidents: [],
    isBlind: false,
    ...written,
  };
  const estate = (): Estate => ({
    stores: new Map(book.stores.map((store) => [store.id, store])),
    targets: new Map(book.targets.map((target) => [target.id, target])),
  });
  const facts: OutageFacts = {
    estate,
    methods: () => book.methods,
    methodsOf: ({ id }) => Object.entries(book.states[id] ?? {}),
    isOpen: ({ id }) => book.open[id],
    incidents: () => book.incidents,
    isBlind: () => book.isBlind,
  };
  return Object.assign(book, { facts });
}

export function makeShop(id: string, more: Partial<Store> = {}): Store {
  return { id: toStoreId(id), name: `Shop ${id}`, timezone: 'Europe/Stockholm', labels: {}, ...more };
}

export function makeIncident(id: string, more: Partial<Incident> = {}): Incident {
  return {
    id: toIncidentId(id),
    scope: [{ chain: 'Solhaga' }],
    title: 'All 12 terminals of Solhaga are down',
    severity: 'critical',
    state: 'open',
    openedAtMs: 1_792_000_000_500,
    targetsDown: 12,
    storesAffected: 3,
    reason: 'connect-timeout',
    ...more,
  };
}
