import { type StoreId, type TargetId, toStoreId } from '../estate/ids.ts';
import type { BookContext } from './book-context.ts';
import { describeLife, methodsOf } from './describe-life.ts';
import type { Incident } from './events.ts';
import type { Life } from './incident-life.ts';
import { storesOf, weigh, worseOf } from './incident-weight.ts';
import type { PaymentMethod } from './outlook.ts';
import { compareAges } from './lives-by-scope.ts';
import { WeighList } from './weigh-list.ts';

/** Stores that no estate has, as many as are critical when they lose their card trade: their hours are not known. */
const ANY_STORES = Array.from({ length: 8 }, (_, n) => toStoreId(`\0${n}`));

/** What lives look like, worked out when asked for and kept until they change. Nothing in it is part of the fold. */
export class LifeViews {
  private context: BookContext;
  private readonly incidents = new Map<Life, { readonly atMs: number; readonly incident: Incident }>();
  private readonly stores = new Map<Life, Set<StoreId>>();
  private readonly unweighed = new WeighList();

  constructor(context: BookContext) {
    this.context = context;
  }

  /** What holds under another configuration. `open`: the lives that go on. */
  setContext(context: BookContext, open: Iterable<Life>): void {
    this.context = context;
    this.incidents.clear();
    this.stores.clear();
    for (const life of open) this.changed(life);
  }

  /** As it stands at `atMs`, the fold's time: ways to pay, too, change only with it. */
  incidentOf(life: Life, atMs: number): Incident {
    const known = this.incidents.get(life);
    if (known?.atMs === atMs) return known.incident;
    const incident = this.describe(life, atMs);
    this.incidents.set(life, { atMs, incident });
    return incident;
  }

  describe(life: Life, atMs: number): Incident {
    this.incidents.delete(life);
    return describeLife(life, this.storesOf(life), this.context, atMs);
  }

  /** The stores in which something of it is down. */
  storesOf(life: Life): ReadonlySet<StoreId> {
    const known = this.stores.get(life);
    if (known !== undefined) return known;
    const { outlook, storesServedBy } = this.context;
    const stores = storesOf([...life.symptoms, ...life.behind], outlook.estate, storesServedBy);
    this.stores.set(life, stores);
    return stores;
  }

  /** Lives that have become more severe than was last described, oldest first; none after `mostUpdates`, or critical. */
  worseAt(atMs: number, mostUpdates: number): readonly Life[] {
    const worse: Life[] = [];
    for (const life of this.unweighed.at(atMs)) {
      if (life.updates >= mostUpdates || life.incident.severity === 'critical') this.unweighed.remove(life);
      else if (this.isWorse(life, atMs)) worse.push(life);
    }
    return worse.sort(compareAges);
  }

  /** Ways to pay changed in `store`. */
  paymentsChanged(store: StoreId): void {
    this.unweighed.touch(store);
  }

  /** `id` is down in it, too. */
  grown(life: Life, id: TargetId): void {
    const { outlook, storesServedBy } = this.context;
    this.incidents.delete(life);
    this.unweighed.add(life);
    const stores = this.stores.get(life);
    if (stores === undefined) return;
    for (const store of storesOf([id], outlook.estate, storesServedBy)) stores.add(store);
  }

  changed(life: Life): void {
    this.incidents.delete(life);
    this.stores.delete(life);
    this.unweighed.add(life);
  }

  /** It is over. */
  forget(life: Life): void {
    this.changed(life);
    this.unweighed.remove(life);
  }

  private isWorse(life: Life, atMs: number): boolean {
    const { outlook, methodState } = this.context;
    const { severity } = life.incident;
    const methods = methodsOf(life, outlook);
    const isWorst = severity === 'major' && !this.canBeCritical(methods, atMs);
    const stores = this.storesOf(life);
    const now = isWorst ? severity : weigh(stores, { ...outlook, methods }, methodState, atMs).severity;
    if (worseOf(now, severity) !== severity) return true;
    this.unweighed.settle(life, stores, outlook.estate, atMs);
    return false;
  }

  /** Whether the loss of all of `methods` everywhere would be critical. */
  private canBeCritical(methods: readonly PaymentMethod[], atMs: number): boolean {
    const { outlook } = this.context;
    return weigh(ANY_STORES, { ...outlook, methods }, () => 'down', atMs).severity === 'critical';
  }
}
