import type { Estate } from '../estate/estate.ts';
import type { StoreId, TargetId } from '../estate/ids.ts';
import type { MethodState, PaymentMethodChanged } from './events.ts';
import { type Judgement, MethodJudge, type StatusOf } from './judge-method.ts';
import type { Outlook } from './outlook.ts';
import { type MethodPlan, planMethods, type ServiceGroup } from './payment-lanes.ts';
import { tellUnwatched } from './payment-words.ts';
import type { AnyReason } from './reason.ts';

/** How a customer can pay with one method in one store. */
export interface MethodStatus {
  readonly state: MethodState;
  readonly reason?: AnyReason;
  /** One plain sentence for whoever runs the store. */
  readonly message: string;
  /** When the state began; the reason and the message may be newer. Epoch ms, UTC. */
  readonly sinceMs: number;
}

/** As JSON keeps it. */
export type SavedMethods = readonly (readonly [
  StoreId,
  readonly (readonly [name: string, status: MethodStatus])[],
])[];

interface StoreWatch {
  readonly id: StoreId;
  readonly index: number;
  readonly plans: readonly MarkedPlan[];
  /** Replaced, never written over: as long as nothing changes it is the same object. */
  statuses: ReadonlyMap<string, MethodStatus>;
  /** Of the methods to be judged anew. */
  marks: number;
}

/** A method's plan with its mark: one bit, which another method may have, too, where there are very many. */
interface MarkedPlan extends MethodPlan {
  readonly mark: number;
}

/** To whom a target matters. */
interface Watch {
  readonly stores: readonly StoreWatch[];
  /** Of the methods to which it may matter. */
  readonly marks: number;
}

/** Bits of a whole number. */
const MARKS = 31;
const ALL_MARKS = -1;

const NONE: ReadonlyMap<string, MethodStatus> = new Map();

/**
 * How customers can pay in each store, kept up with the targets' states. A new one has judged nothing: every method
 * is unknown, and the first `settle` judges every store.
 */
export class PaymentMethods {
  private readonly estate: Estate;
  private readonly statusOf: StatusOf;
  private readonly stores = new Map<StoreId, StoreWatch>();
  private readonly watched = new Map<TargetId, Watch>();
  private marked: StoreWatch[] = [];
  /** Services of many stores that were touched since stores were last judged. */
  private readonly touched = new Set<TargetId>();
  /** Of methods that are watched no more: their end is still to be told. */
  private orphans: SavedMethods = [];

  constructor(outlook: Outlook, statusOf: StatusOf) {
    this.estate = outlook.estate;
    this.statusOf = statusOf;
    const served = new Map<TargetId, { readonly stores: Set<StoreWatch>; marks: number }>();
    const markOf = new Map(outlook.methods.map(({ name }, index) => [name, 1 << (index % MARKS)]));
    for (const [id, own] of planMethods(outlook)) {
      const plans = own.map((plan) => ({ ...plan, mark: markOf.get(plan.name) ?? ALL_MARKS }));
      const store: StoreWatch = { id, index: this.stores.size, plans, statuses: NONE, marks: 0 };
      this.stores.set(id, store);
      this.watchLanes(store);
      for (const plan of plans) {
        for (const member of membersOf(plan)) {
          const known = served.get(member);
          if (known === undefined) served.set(member, { stores: new Set([store]), marks: plan.mark });
          else {
            known.stores.add(store);
            known.marks |= plan.mark;
          }
        }
      }
    }
    for (const [target, { stores, marks }] of served) {
      const own = this.watched.get(target);
      const all = Array.from(stores.union(new Set(own?.stores)));
      this.watched.set(target, { stores: all, marks: marks | (own?.marks ?? 0) });
    }
    this.touchAll();
  }

  /** Says that a target's state changed: where it matters, its methods are judged at the next `settle`. */
  touch(target: TargetId): void {
    const watch = this.watched.get(target);
    if (watch === undefined || this.touched.has(target)) return;
    if (watch.stores.length > 1) this.touched.add(target);
    for (const store of watch.stores) this.mark(store, watch.marks);
  }

  /** Says that any state may have changed. */
  touchAll(): void {
    for (const store of this.stores.values()) this.mark(store, ALL_MARKS);
  }

  /** The stores whose payments hang on `target`: its own, or those that it serves. */
  storesServedBy(target: TargetId): readonly StoreId[] {
    return (this.watched.get(target)?.stores ?? []).map(({ id }) => id);
  }

  /**
   * Judges what is marked anew, each method once. Changes of state, by store and in the order of the configured methods;
   * they began `atMs`. A message that tells other numbers alone is no change, but `of` has it.
   */
  settle(atMs: number): readonly PaymentMethodChanged[] {
    const marked = this.marked.sort((a, b) => a.index - b.index);
    this.marked = [];
    this.touched.clear();
    const changes = this.endOrphans(atMs);
    const judge = new MethodJudge(this.statusOf);
    for (const store of marked) {
      this.judgeStore(store, judge, atMs, changes);
      store.marks = 0;
    }
    return changes;
  }

  /** The methods watched in `store`, in the order of the configuration. The same object until something changes. */
  of(store: StoreId): ReadonlyMap<string, MethodStatus> {
    return this.stores.get(store)?.statuses ?? NONE;
  }

  /** What `restore` continues from, fit for JSON. */
  save(): SavedMethods {
    const known = Array.from(this.stores.values(), ({ id, statuses }) => [id, Array.from(statuses)] as const);
    return [...known.filter(([, statuses]) => statuses.length > 0), ...this.orphans];
  }

  /** Takes over what `save` gave, unchanged; of a method that is not watched any more, the next `settle` tells the end. */
  restore(saved: SavedMethods): void {
    const orphans: SavedMethods[number][] = [];
    for (const [id, statuses] of saved) {
      const store = this.stores.get(id);
      const isWatched = ([name]: readonly [string, MethodStatus]): boolean =>
        store?.plans.some((plan) => plan.name === name) === true;
      if (store !== undefined) store.statuses = new Map(statuses.filter(isWatched));
      const gone = statuses.filter((entry) => !isWatched(entry));
      if (gone.length > 0) orphans.push([id, gone]);
    }
    this.orphans = orphans;
  }

  /** Targets that are lanes of the same methods share one watch: there are very many. */
  private watchLanes(store: StoreWatch): void {
    const marksOf = new Map<TargetId, number>();
    for (const { lanes, mark } of store.plans) {
      for (const { target } of lanes) marksOf.set(target, (marksOf.get(target) ?? 0) | mark);
    }
    const watches = new Map<number, Watch>();
    for (const [target, marks] of marksOf) {
      const watch = watches.get(marks) ?? { stores: [store], marks };
      watches.set(marks, watch);
      this.watched.set(target, watch);
    }
  }

  private mark(store: StoreWatch, marks: number): void {
    if (store.marks === 0) this.marked.push(store);
    store.marks |= marks;
  }

  private judgeStore(
    store: StoreWatch,
    judge: MethodJudge,
    atMs: number,
    changes: PaymentMethodChanged[],
  ): void {
    let isChanged = false;
    const statuses = new Map(store.statuses);
    for (const plan of store.plans) {
      const before = statuses.get(plan.name);
      if (before !== undefined && (plan.mark & store.marks) === 0) continue;
      const judgement = judge.judge(plan);
      const from = before?.state ?? 'unknown';
      const isSame = judgement.state === from;
      if (before !== undefined && isSame && isAlike(before, judgement)) continue;
      isChanged = true;
      const status = { ...judgement, sinceMs: isSame ? (before?.sinceMs ?? atMs) : atMs };
      statuses.set(plan.name, status);
      if (!isSame) changes.push(this.describeChange(store.id, plan.name, from, status));
    }
    if (isChanged) store.statuses = statuses;
  }

  private endOrphans(atMs: number): PaymentMethodChanged[] {
    const ends = this.orphans.flatMap(([store, statuses]) =>
      statuses
        .filter(([, { state }]) => state !== 'unknown')
        .map(([name, { state }]) => {
          const end: MethodStatus = { state: 'unknown', message: tellUnwatched(name), sinceMs: atMs };
          return this.describeChange(store, name, state, end);
        }),
    );
    this.orphans = [];
    return ends;
  }

  private describeChange(
    store: StoreId,
    method: string,
    from: MethodState,
    { state, reason, message, sinceMs }: MethodStatus,
  ): PaymentMethodChanged {
    const { chain, region } = this.estate.stores.get(store) ?? {};
    // In the order of the alphabet, as the journal writes them: it then need not sort.
    return {
      ...(chain === undefined ? {} : { chain }),
      from,
      kind: 'payment-method-changed',
      message,
      method,
      ...(reason === undefined ? {} : { reason }),
      ...(region === undefined ? {} : { region }),
      sinceMs,
      store,
      to: state,
    };
  }
}

function isAlike(before: MethodStatus, { reason, message }: Judgement): boolean {
  return before.reason === reason && before.message === message;
}

/** Of all services that it needs. */
function membersOf({ lanes, services }: MethodPlan): ReadonlySet<TargetId> {
  const groups = new Set<ServiceGroup>(services);
  for (const lane of lanes) for (const group of lane.services) groups.add(group);
  const members = new Set<TargetId>();
  for (const group of groups) for (const member of group.members) members.add(member);
  return members;
}
