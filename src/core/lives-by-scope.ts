import type { Labels, Target } from '../estate/estate.ts';
import type { TargetId } from '../estate/ids.ts';
import { isSameScope, valueOf } from './causes.ts';
import { isAlone, isOfScope, type Life } from './incident-life.ts';

/** An incident and a failure that began so close may be one outage. Unit: ms. */
const SAME_ONSET_MS = 600_000;

/** Lives by their scopes, so that one is found without asking each. Whoever changes a life's scopes takes it out before. */
export class LivesByScope {
  /** By the name and the value of a scope's first label. */
  private readonly byTerm = new Map<string, Map<string, Set<Life>>>();

  /** By the target with which each began. */
  private readonly byFirst = new Map<TargetId, Set<Life>>();
  /** Those about one target alone, by the span of `SAME_ONSET_MS` in which they began. */
  private readonly aloneBySpan = new Map<number, Set<Life>>();

  add(life: Life): void {
    put(this.byFirst, life.first, life);
    if (isAlone(life)) put(this.aloneBySpan, spanOf(life.incident.openedAtMs), life);
    for (const scope of life.scopes) {
      const { name, value } = firstTerm(scope);
      let values = this.byTerm.get(name);
      if (values === undefined) {
        values = new Map();
        this.byTerm.set(name, values);
      }
      put(values, value, life);
    }
  }

  remove(life: Life): void {
    drop(this.byFirst, life.first, life);
    if (isAlone(life)) drop(this.aloneBySpan, spanOf(life.incident.openedAtMs), life);
    for (const scope of life.scopes) {
      const { name, value } = firstTerm(scope);
      const values = this.byTerm.get(name);
      if (values === undefined) continue;
      drop(values, value, life);
      if (values.size === 0) this.byTerm.delete(name);
    }
  }

  /** Lives about one target alone that may be one outage with a failure that began at `onsetMs`. */
  aloneNear(onsetMs: number): readonly Life[] {
    const span = spanOf(onsetMs);
    return [span - 1, span, span + 1].flatMap((each) =>
      Array.from(this.aloneBySpan.get(each) ?? []).filter((life) => isNear(life, onsetMs)),
    );
  }

  /** The life to which `target` belongs by what it is: one about it alone before others, of others the oldest. */
  find(target: Target): Life | undefined {
    const found = this.near(target).filter((life) => isOfScope(life, target));
    return found.find(isAlone) ?? found[0];
  }

  /** The oldest life, other than `life`, to which `target` belongs by what it is. */
  findBeside(life: Life, target: Target): Life | undefined {
    return this.near(target).find((each) => each !== life && isOfScope(each, target));
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

/** Whether an incident and a failure that began at `onsetMs` may be one outage. */
export function isNear({ incident }: Life, onsetMs: number): boolean {
  return Math.abs(onsetMs - incident.openedAtMs) <= SAME_ONSET_MS;
}

function spanOf(openedAtMs: number): number {
  return Math.floor(openedAtMs / SAME_ONSET_MS);
}

function put<Key>(index: Map<Key, Set<Life>>, key: Key, life: Life): void {
  const lives = index.get(key);
  if (lives === undefined) index.set(key, new Set([life]));
  else lives.add(life);
}

function drop<Key>(index: Map<Key, Set<Life>>, key: Key, life: Life): void {
  const lives = index.get(key);
  lives?.delete(life);
  if (lives?.size === 0) index.delete(key);
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
