import type { Estate, Labels, Store, Target } from '../estate/estate.ts';
import type { StoreId, TargetId } from '../estate/ids.ts';
import { labelOf } from '../estate/selector.ts';
import type { Match, Outlook, PaymentMethod, Service } from './outlook.ts';

/** Services that stand in for one another: one that works is enough. */
export interface ServiceGroup {
  /** What they are, as the configuration names their kind; empty when it does not. */
  readonly kind: string;
  /** One at least. */
  readonly members: readonly TargetId[];
}

/** One place in a store at which the method is taken. */
export interface Lane {
  readonly target: TargetId;
  /** Takes payments while it is cut off from the services. */
  readonly isOffline: boolean;
  /** All of them must work. */
  readonly services: readonly ServiceGroup[];
}

/** What a method hangs on in one store: its lanes or, where it has none, the services alone. */
export interface MethodPlan {
  readonly name: string;
  /** The kind of its lanes, as the configuration names it; empty when it does not. */
  readonly laneKind: string;
  readonly lanes: readonly Lane[];
  /** Asked for when there are no lanes. */
  readonly services: readonly ServiceGroup[];
}

/** A method with neither lanes nor services in a store is not watched there, and absent. Stores by id. */
export function planMethods({ estate, methods }: Outlook): ReadonlyMap<StoreId, readonly MethodPlan[]> {
  const planners = methods.map((method) => new MethodPlanner(method, estate));
  const stores = Array.from(estate.stores.values()).sort((a, b) => (a.id < b.id ? -1 : 1));
  return new Map(stores.map((store) => [store.id, planners.flatMap((planner) => planner.plan(store))]));
}

class MethodPlanner {
  private readonly method: PaymentMethod;
  private readonly services: readonly ServiceIndex[];
  private readonly lanes = new Map<StoreId, Lane[]>();

  constructor(method: PaymentMethod, estate: Estate) {
    this.method = method;
    this.services = method.services.map((service) => new ServiceIndex(service, estate));
    const { lanes, offline } = method;
    if (lanes === undefined) return;
    const isLane = makeMatcher(lanes);
    const isOffline = offline === undefined ? () => false : makeMatcher(offline);
    for (const target of estate.targets.values()) {
      if (target.store === undefined || !isLane(target)) continue;
      const services = this.servicesOf((label) => labelOf(target, label));
      const lane = { target: target.id, isOffline: isOffline(target), services };
      const known = this.lanes.get(target.store);
      if (known === undefined) this.lanes.set(target.store, [lane]);
      else known.push(lane);
    }
  }

  plan(store: Store): readonly MethodPlan[] {
    const lanes = this.lanes.get(store.id) ?? [];
    const services = lanes.length > 0 ? [] : this.servicesOf((label) => labelOfStore(store, label));
    if (lanes.length === 0 && services.length === 0) return [];
    const { name, lanes: match } = this.method;
    return [{ name, laneKind: match?.['kind'] ?? '', lanes, services }];
  }

  private servicesOf(labelOfLane: (label: string) => string): readonly ServiceGroup[] {
    return this.services.flatMap((service) => service.groupFor(labelOfLane) ?? []);
  }
}

/** The targets of one service by the labels that say whom they serve. */
class ServiceIndex {
  private readonly kind: string;
  private readonly labels: readonly string[];
  /** Those that bear every label, by its values. */
  private readonly exact = new Map<string, TargetId[]>();
  /** Those that lack one: it does not bind them. */
  private readonly loose: Target[] = [];
  private readonly groups = new Map<string, ServiceGroup | undefined>();

  constructor({ match, sameLabels }: Service, { targets }: Estate) {
    const isMember = makeMatcher(match);
    const members = targets.values().filter(isMember).toArray();
    this.kind = match['kind'] ?? '';
    // What belongs to a store serves that store alone.
    const isLocal = members.some(({ store }) => store !== undefined);
    this.labels = isLocal ? [...sameLabels, 'store'] : sameLabels;
    for (const member of members) {
      const values = this.labels.map((label) => labelOf(member, label));
      if (values.includes('')) this.loose.push(member);
      else this.exact.set(keyOf(values), [...(this.exact.get(keyOf(values)) ?? []), member.id]);
    }
  }

  /** Undefined: none serves it. The same object for all whom the same targets serve by the same labels. */
  groupFor(labelOfLane: (label: string) => string): ServiceGroup | undefined {
    if (this.exact.size === 0 && this.loose.length === 0) return undefined;
    const values = this.labels.map(labelOfLane);
    const key = keyOf(values);
    if (this.groups.has(key)) return this.groups.get(key);
    const serves = (service: Target): boolean =>
      this.labels.every((label, i) => ['', values[i]].includes(labelOf(service, label)));
    const members = [...(this.exact.get(key) ?? []), ...this.loose.filter(serves).map(({ id }) => id)];
    const group = members.length === 0 ? undefined : { kind: this.kind, members };
    this.groups.set(key, group);
    return group;
  }
}

function keyOf(values: readonly string[]): string {
  return values.join('\0');
}

function labelOfStore({ id, labels, chain, region }: Store, label: string): string {
  const known: Labels = {
    ...labels,
    store: id,
    ...(chain === undefined ? {} : { chain }),
    ...(region === undefined ? {} : { region }),
  };
  return Object.hasOwn(known, label) ? (known[label] ?? '') : '';
}

function makeMatcher(match: Match): (target: Target) => boolean {
  const wanted = Object.entries(match);
  return (target) => wanted.every(([label, value]) => labelOf(target, label) === value);
}
