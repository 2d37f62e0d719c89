import type { StoreId, TargetId } from '../estate/ids.ts';
import type { BookContext } from './book-context.ts';
import { describeLife, methodsOf } from './describe-life.ts';
import type { Incident } from './events.ts';
import type { Life } from './incident-life.ts';
import { storesOf, weigh, worseOf } from './incident-weight.ts';

/** What lives look like, worked out when asked for and kept until they change. Nothing in it is part of the fold. */
export class LifeViews {
  private context: BookContext;
  private readonly incidents = new Map<Life, { readonly atMs: number; readonly incident: Incident }>();
  private readonly stores = new Map<Life, Set<StoreId>>();

  constructor(context: BookContext) {
    this.context = context;
  }

  setContext(context: BookContext): void {
    this.context = context;
    this.incidents.clear();
    this.stores.clear();
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

  /** Whether it has become more severe. */
  isWorse(life: Life, atMs: number): boolean {
    const { outlook, methodState } = this.context;
    const methods = methodsOf(life, outlook);
    const { severity } = weigh(this.storesOf(life), { estate: outlook.estate, methods }, methodState, atMs);
    return worseOf(severity, life.incident.severity) !== life.incident.severity;
  }

  /** `id` is down in it, too. */
  grown(life: Life, id: TargetId): void {
    const { outlook, storesServedBy } = this.context;
    this.incidents.delete(life);
    const stores = this.stores.get(life);
    if (stores === undefined) return;
    for (const store of storesOf([id], outlook.estate, storesServedBy)) stores.add(store);
  }

  changed(life: Life): void {
    this.incidents.delete(life);
    this.stores.delete(life);
  }
}
