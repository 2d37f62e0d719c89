import type { Labels, Target } from '../estate/estate.ts';
import type { TargetId } from '../estate/ids.ts';
import { isSameScope, valueOf } from './causes.ts';
import { isAlone, isOfScope, type Life } from './incident-life.ts';

/** Lives by their scopes, so that one is found without asking each. Whoever changes a life's scopes takes it out before. */
export class LivesByScope {
  /** By the name and the value of a scope's first label. */
  private readonly byTerm = new Map<string, Map<string, Set<Life>>>();

  /** By the target with which each began. */
  private readonly byFirst = new Map<TargetId, Set<Life>>();

  add(life: Life): void {
    const begun = this.byFirst.get(life.first);
    if (begun === undefined) this.byFirst.set(life.first, new Set([life]));
    else begun.add(life);
    for (const scope of life.scopes) {
      const { name, value } = firstTerm(scope);
      let values = this.byTerm.get(name);
      if (values === undefined) {
        values = new Map();
        this.byTerm.set(name, values);
      }
      const lives = values.get(value);
      if (lives === undefined) values.set(value, new Set([life]));
      else lives.add(life);
    }
  }

  remove(life: Life): void {
    const begun = this.byFirst.get(life.first);
    begun?.delete(life);
    if (begun?.size === 0) this.byFirst.delete(life.first);
    for (const scope of life.scopes) {
      const { name, value } = firstTerm(scope);
      const values = this.byTerm.get(name);
      const lives = values?.get(value);
      lives?.delete(life);
      if (lives?.size === 0) values?.delete(value);
      if (values?.size === 0) this.byTerm.delete(name);
    }
  }

  /** The life to which `target` belongs by what it is: one about it alone before others, of others the oldest. */
  find(target: Target): Life | undefined {
    const found = this.near(target).filter((life) => isOfScope(life, target));
    return found.find(isAlone) ?? found[0];
  }

  /** Lives that began with one of `ids`. */
  begunWith(ids: Iterable<TargetId>): readonly Life[] {
    return Array.from(ids).flatMap((id) => Array.from(this.byFirst.get(id) ?? []));
  }

  /** Lives one of whose scopes may hold `target`, oldest first. */
  near(target: Target): readonly Life[] {
    const found = new Set<Life>();
    for (const [name, values] of this.byTerm) {
      const value = name === '' ? '' : name === 'target' ? target.id : valueOf(target, name);
      for (const life of (value === undefined ? undefined : values.get(value)) ?? []) found.add(life);
    }
    return found.size < 2 ? Array.from(found) : Array.from(found).sort(compareAges);
  }

  /** The oldest life that has one of `scopes`. */
  same(scopes: readonly Labels[]): Life | undefined {
    let oldest: Life | undefined;
    for (const scope of scopes) {
      const { name, value } = firstTerm(scope);
      for (const life of this.byTerm.get(name)?.get(value) ?? []) {
        if (!isSameScope(life.scopes, [scope])) continue;
        if (oldest === undefined || compareAges(life, oldest) < 0) oldest = life;
      }
    }
    return oldest;
  }
}

/** Which of two incidents began first. */
export function compareAges({ incident: a }: Life, { incident: b }: Life): number {
  return a.openedAtMs - b.openedAtMs || (a.id < b.id ? -1 : 1);
}

/** A scope that holds everything has none. */
function firstTerm(scope: Labels): { readonly name: string; readonly value: string } {
  const [name = ''] = Object.keys(scope).sort();
  return { name, value: scope[name] ?? '' };
}
