import { isOpenAt } from '../estate/opening-hours.ts';
import type { Estate } from '../estate/estate.ts';
import type { StoreId, TargetId } from '../estate/ids.ts';
import { type IncidentSeverity, type MethodState, SEVERITIES } from './events.ts';
import type { Match, Outlook, PaymentMethod } from './outlook.ts';

/** How much of a payment method is gone in each of its states. */
const LOST: Readonly<Record<MethodState, number>> = {
  available: 0,
  unknown: 0,
  degraded: 0.1,
  'offline-only': 0.5,
  down: 1,
};
/** A store that has lost as much of its payments has lost its card trade. */
const STORE_LOST = 0.5;
/** So many such stores, or such a share of all, are critical. */
const CRITICAL_STORES = 5;
const CRITICAL_SHARE = 0.2;

/** What an outage costs customers. */
export interface Weight {
  readonly severity: IncidentSeverity;
  /** Methods that are gone in at least one of its stores. */
  readonly methodsLost: readonly string[];
}

/**
 * Severity from what customers lose at `atMs`: payment methods × stores that are open. A store that is closed, or
 * whose hours say so, loses nothing. `stateOf`: a method's state in a store, undefined when it is not watched there.
 */
export function weigh(
  stores: Iterable<StoreId>,
  { estate, methods }: Pick<Outlook, 'estate' | 'methods'>,
  stateOf: (store: StoreId, method: string) => MethodState | undefined,
  atMs: number,
): Weight {
  const gone = new Set<string>();
  let lostStores = 0;
  let total = 0;
  let isAnyOpen = false;
  let isAnywhere = false;
  for (const id of stores) {
    isAnywhere = true;
    let lost = 0;
    const down: string[] = [];
    for (const { name, weight } of methods) {
      const state = stateOf(id, name);
      if (state === undefined) continue;
      lost += weight * LOST[state];
      if (state === 'down') down.push(name);
    }
    // Hours are dear to ask for, and of a store that loses nothing they matter only until one is known to be open.
    if (lost === 0 && isAnyOpen) continue;
    const store = estate.stores.get(id);
    if (store !== undefined && isOpenAt(store, atMs) === false) continue;
    isAnyOpen = true;
    for (const name of down) gone.add(name);
    total += lost;
    if (lost >= STORE_LOST) lostStores++;
  }
  const methodsLost = methods.map(({ name }) => name).filter((name) => gone.has(name));
  if (isAnywhere && !isAnyOpen) return { severity: 'info', methodsLost };
  const isWide =
    lostStores >= CRITICAL_STORES || (lostStores >= 2 && lostStores >= CRITICAL_SHARE * estate.stores.size);
  if (isWide) return { severity: 'critical', methodsLost };
  return { severity: lostStores > 0 || total >= STORE_LOST ? 'major' : 'minor', methodsLost };
}

/** The methods that hang on targets of these kinds, as lanes or as services: an outage of others costs them nothing. */
export function methodsOn(
  kinds: ReadonlySet<string>,
  methods: readonly PaymentMethod[],
): readonly PaymentMethod[] {
  const isOne = ({ kind }: Match): boolean => kind === undefined || kinds.has(kind);
  return methods.filter(
    ({ lanes, services }) =>
      (lanes !== undefined && isOne(lanes)) || services.some(({ match }) => isOne(match)),
  );
}

/** The stores of `targets`; those that shared services serve are `servedBy`'s to say. */
export function storesOf(
  targets: Iterable<TargetId>,
  estate: Estate,
  servedBy: (target: TargetId) => Iterable<StoreId>,
): Set<StoreId> {
  const stores = new Set<StoreId>();
  for (const id of targets) {
    const store = estate.targets.get(id)?.store;
    if (store !== undefined) stores.add(store);
    else for (const served of servedBy(id)) stores.add(served);
  }
  return stores;
}

/** An incident stays as severe as it once was: who asked for severe ones alone must also hear of its end. */
export function worseOf(a: IncidentSeverity, b: IncidentSeverity): IncidentSeverity {
  return SEVERITIES.indexOf(a) > SEVERITIES.indexOf(b) ? a : b;
}
