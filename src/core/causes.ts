import type { Estate, Labels, Target } from '../estate/estate.ts';
import type { TargetId } from '../estate/ids.ts';
import { LEAF_DOWN, type LeafTable, makeLeafTable } from './leaf-table.ts';
import { localise } from './localise.ts';
import { ranksOf, type Verdicts } from './statuses.ts';

/** One thing that failing targets share. */
export interface Cause {
  /** Label maps, each a conjunction, any of which explains it as well as the others. */
  readonly scopes: readonly Labels[];
  readonly kinds: ReadonlySet<string>;
  /** Those of the failing that it explains. */
  readonly failing: readonly TargetId[];
  /** How many targets of its kinds its scope has. */
  readonly size: number;
  /** 0 to 1. */
  readonly confidence: number;
}

/** So many failures of a kind are looked at together. A scope of fewer is believed only when all of it fails. */
const FEWEST_TOGETHER = 2;
const FEWEST_SHARED = 3;
/** So much of a store's targets of a kind, at least, are the store. */
const STORE_SHARE = 0.5;
/** Labels that name no thing that could fail: what a target is, and which of its store's it is. */
const NOT_SHARED: ReadonlySet<string> = new Set(['kind', 'lane']);

interface Population {
  readonly targets: readonly Target[];
  readonly table: LeafTable;
  readonly leafOf: ReadonlyMap<Target, number>;
  /** Each leaf's rank among all targets. */
  readonly ranks: Int32Array;
}

/** Finds what failing targets share, kind by kind: "all terminals of a chain", though its web shop answers. */
export class CauseFinder {
  private readonly byKind: ReadonlyMap<string, readonly Target[]>;
  private readonly populations = new Map<string, Population>();
  private readonly indexes = new Map<string, ReadonlyMap<string, readonly Target[]>>();
  private readonly sizes = new Map<string, number>();
  private readonly estate: Estate;

  constructor(estate: Estate) {
    this.estate = estate;
    this.byKind = Map.groupBy(estate.targets.values(), ({ kind }) => kind);
  }

  /** The causes of `failing`, most failures first; every one of them is in exactly one cause. */
  find(failing: ReadonlySet<TargetId>, verdicts: Verdicts): readonly Cause[] {
    const causes: Cause[] = [];
    const left: Target[] = [];
    const targets = Array.from(failing)
      .sort()
      .map((id) => this.estate.targets.get(id))
      .filter((found) => found !== undefined);
    for (const [kind, own] of Map.groupBy(targets, (target) => target.kind)) {
      const explained = new Set<Target>();
      if (own.length >= FEWEST_TOGETHER) {
        for (const cause of this.findShared(kind, own, verdicts, explained)) addCause(causes, cause);
      }
      for (const target of own) if (!explained.has(target)) left.push(target);
    }
    this.placeRest(left, causes);
    return causes.toSorted((a, b) => b.failing.length - a.failing.length || compareIds(a, b));
  }

  /** How many targets of `kinds` a scope has. */
  sizeOf(scope: Labels, kinds: ReadonlySet<string>): number {
    const { target: only } = scope;
    if (only !== undefined) return 1;
    let size = 0;
    for (const kind of kinds) size += this.sizeOfKind(scope, kind);
    return size;
  }

  /** The targets of all kinds that a scope has. */
  targetsOf(scope: Labels): readonly Target[] {
    return Array.from(this.byKind.keys()).flatMap((kind) => this.targetsOfKind(scope, kind));
  }

  private targetsOfKind(scope: Labels, kind: string): readonly Target[] {
    const [name] = Object.keys(scope);
    const all = this.byKind.get(kind) ?? [];
    const near = name === undefined ? all : (this.indexOf(kind, name).get(scope[name] ?? '') ?? []);
    return near.filter((target) => isInScope(target, scope));
  }

  private sizeOfKind(scope: Labels, kind: string): number {
    const key = `${kind}\n${scopeKey(scope)}`;
    const known = this.sizes.get(key);
    if (known !== undefined) return known;
    const size = this.targetsOfKind(scope, kind).length;
    this.sizes.set(key, size);
    return size;
  }

  /** The targets of a kind by the values of a label. */
  private indexOf(kind: string, name: string): ReadonlyMap<string, readonly Target[]> {
    const key = `${kind}\n${name}`;
    let index = this.indexes.get(key);
    if (index === undefined) {
      index = Map.groupBy(this.byKind.get(kind) ?? [], (target) => valueOf(target, name) ?? '');
      this.indexes.set(key, index);
    }
    return index;
  }

  private findShared(
    kind: string,
    failing: readonly Target[],
    verdicts: Verdicts,
    explained: Set<Target>,
  ): readonly Cause[] {
    const { targets, table, leafOf, ranks } = this.populationOf(kind);
    const states = verdicts(ranks);
    const isFailing = new Uint8Array(targets.length);
    for (const target of failing) {
      const leaf = leafOf.get(target) ?? -1;
      states[leaf] = LEAF_DOWN;
      isFailing[leaf] = 1;
    }
    const causes: Cause[] = [];
    for (const explanation of localise(table, states)) {
      if (explanation.down < FEWEST_SHARED && explanation.down < explanation.members) continue;
      const own: TargetId[] = [];
      for (const leaf of explanation.leaves) {
        if (isFailing[leaf] !== 1) continue;
        const target = targets[leaf];
        if (target === undefined || explained.has(target)) continue;
        explained.add(target);
        own.push(target.id);
      }
      if (own.length === 0) continue;
      const { members, confidence } = explanation;
      const scopes = explanation.scopes.map((scope) => (isEverything(scope) ? nameAll(table, kind) : scope));
      causes.push({ scopes, kinds: new Set([kind]), failing: own, size: members, confidence });
    }
    return causes;
  }

  /** What no shared scope explains: part of a cause found for another kind, its store's, or a target alone. */
  private placeRest(left: readonly Target[], causes: Cause[]): void {
    const alone = new Set<Target>();
    for (const target of left) {
      const index = causes.findIndex(({ scopes }) => scopes.some((scope) => isInScope(target, scope)));
      const cause = causes[index];
      if (cause === undefined) alone.add(target);
      else causes[index] = this.joined(cause, [target]);
    }
    for (const [store, own] of Map.groupBy(alone, (target) => target.store)) {
      for (const group of store === undefined ? [] : Map.groupBy(own, ({ kind }) => kind).values()) {
        if (group.length < FEWEST_TOGETHER) continue;
        const kinds = new Set(group.map(({ kind }) => kind));
        const scope = { store: String(store) };
        const size = this.sizeOf(scope, kinds);
        if (group.length < STORE_SHARE * size) continue;
        const confidence = group.length / size;
        addCause(causes, { scopes: [scope], kinds, failing: group.map(({ id }) => id), size, confidence });
        for (const target of group) alone.delete(target);
      }
    }
    const ofStore = new Map<string, number>();
    for (const [index, { scopes }] of causes.entries()) {
      for (const { store } of scopes) {
        if (store !== undefined && !ofStore.has(store)) ofStore.set(store, index);
      }
    }
    for (const target of alone) {
      const index = (target.store === undefined ? undefined : ofStore.get(target.store)) ?? -1;
      const cause = causes[index];
      if (cause !== undefined) causes[index] = this.joined(cause, [target]);
      else causes.push(aloneCause(target));
    }
  }

  private joined(cause: Cause, targets: readonly Target[]): Cause {
    const kinds = new Set([...cause.kinds, ...targets.map(({ kind }) => kind)]);
    const failing = [...cause.failing, ...targets.map(({ id }) => id)];
    const [scope] = cause.scopes;
    const size =
      scope === undefined || kinds.size === cause.kinds.size ? cause.size : this.sizeOf(scope, kinds);
    return { ...cause, kinds, failing, size };
  }

  private populationOf(kind: string): Population {
    const known = this.populations.get(kind);
    if (known !== undefined) return known;
    const targets = this.byKind.get(kind) ?? [];
    const names = new Set<string>();
    for (const { labels } of targets) for (const name of Object.keys(labels)) names.add(name);
    const shared = Array.from(names).filter((name) => !NOT_SHARED.has(name));
    const ordered = shared.toSorted((a, b) => rankOf(a) - rankOf(b) || (a < b ? -1 : 1));
    const table = makeLeafTable(
      ordered,
      targets.map(({ labels }) => labels),
    );
    const leafOf = new Map(targets.map((target, leaf) => [target, leaf]));
    const places = ranksOf(this.estate);
    const ranks = Int32Array.from(targets, ({ id }) => places.get(id) ?? -1);
    const population = { targets, table, leafOf, ranks };
    this.populations.set(kind, population);
    return population;
  }
}

function isEverything(scope: Labels): boolean {
  return Object.keys(scope).length === 0;
}

/** A name for all targets of a kind: the first label in which they are all alike. */
function nameAll({ labels, size }: LeafTable, kind: string): Labels {
  const alike =
    size === 0 ? undefined : labels.find(({ values, codes }) => values.length === 1 && !codes.includes(-1));
  return alike === undefined ? { kind } : { [alike.name]: alike.values[0] ?? '' };
}

/** Whether `target` is among those that `scope` names. */
export function isInScope(target: Target, scope: Labels): boolean {
  for (const name in scope) {
    const value = scope[name];
    if (name === 'target' ? target.id !== value : valueOf(target, name) !== value) return false;
  }
  return true;
}

/** The same text for the same scope, however its labels are ordered. */
export function scopeKey(scope: Labels): string {
  return Object.entries(scope)
    .map(([name, value]) => `${name}=${value}`)
    .toSorted()
    .join('\n');
}

export function isSameScope(a: readonly Labels[], b: readonly Labels[]): boolean {
  const keys = new Set(a.map(scopeKey));
  return b.some((scope) => keys.has(scopeKey(scope)));
}

/** What a scope's label says of a target; undefined when nothing. */
export function valueOf({ store, labels }: Target, name: string): string | undefined {
  return name === 'store' ? (store ?? labels['store']) : labels[name];
}

function aloneCause(target: Target): Cause {
  return {
    scopes: [{ target: target.id }],
    kinds: new Set([target.kind]),
    failing: [target.id],
    size: 1,
    confidence: 1,
  };
}

/** Into the cause with the same scope, if there is one. */
function addCause(causes: Cause[], cause: Cause): void {
  const index = causes.findIndex(({ scopes }) => isSameScope(scopes, cause.scopes));
  const same = causes[index];
  if (same === undefined) {
    causes.push(cause);
    return;
  }
  const weight = same.size + cause.size;
  causes[index] = {
    scopes: same.scopes.filter((scope) => isSameScope([scope], cause.scopes)),
    kinds: same.kinds.union(cause.kinds),
    failing: [...same.failing, ...cause.failing],
    size: weight,
    confidence: (same.confidence * same.size + cause.confidence * cause.size) / weight,
  };
}

function compareIds(a: Cause, b: Cause): number {
  return (a.failing[0] ?? '') < (b.failing[0] ?? '') ? -1 : 1;
}

/** Which of two labels that name the same targets a person would rather read. */
const READABLE = ['chain', 'store', 'acquirer', 'network', 'region', 'model', 'firmware', 'till_system'];

function rankOf(name: string): number {
  const rank = READABLE.indexOf(name);
  return rank < 0 ? READABLE.length : rank;
}
