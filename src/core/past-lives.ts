import type { IncidentId, TargetId } from '../estate/ids.ts';
import type { Cause } from './causes.ts';
import type { Life } from './incident-life.ts';
import { compareAges, LivesByScope } from './lives-by-scope.ts';
import { Timetable } from './timetable.ts';

/** Incidents that were resolved so short a time ago that they may open again. */
export class PastLives {
  private readonly lives = new Map<IncidentId, Life>();
  private readonly index = new LivesByScope();
  private readonly ends = new Timetable<IncidentId>();
  private readonly byStruck = new Map<TargetId, Set<Life>>();

  all(): Iterable<Life> {
    return this.lives.values();
  }

  has(id: IncidentId): boolean {
    return this.lives.has(id);
  }

  add(life: Life): void {
    this.lives.set(life.incident.id, life);
    this.index.add(life);
    this.ends.set(life.incident.id, life.reopenUntilMs);
    for (const id of life.struck) {
      const lives = this.byStruck.get(id);
      if (lives === undefined) this.byStruck.set(id, new Set([life]));
      else lives.add(life);
    }
  }

  /** Those whose time is over. */
  forget(atMs: number): void {
    for (let next = this.ends.first(); next !== undefined && next.atMs < atMs; next = this.ends.first()) {
      const life = this.lives.get(next.key);
      if (life !== undefined) this.remove(life);
    }
  }

  /** Takes out the one that `cause` is again: the same scope, or mostly the same targets. */
  take(cause: Cause, atMs: number): Life | undefined {
    const life = this.find(cause, atMs);
    if (life !== undefined) this.remove(life);
    return life;
  }

  private find({ scopes, failing }: Cause, atMs: number): Life | undefined {
    const same = this.index.same(scopes);
    if (same !== undefined && same.reopenUntilMs >= atMs) return same;
    const counts = new Map<Life, number>();
    for (const id of failing) {
      for (const life of this.byStruck.get(id) ?? []) counts.set(life, (counts.get(life) ?? 0) + 1);
    }
    const [best] = Array.from(counts)
      .filter(([{ peak, reopenUntilMs }, known]) => {
        return reopenUntilMs >= atMs && known * 2 >= failing.length && known >= Math.max(1, peak / 10);
      })
      .sort(([a, knownA], [b, knownB]) => knownB - knownA || compareAges(b, a));
    return best?.[0];
  }

  private remove(life: Life): void {
    this.lives.delete(life.incident.id);
    this.index.remove(life);
    this.ends.set(life.incident.id, undefined);
    for (const id of life.struck) {
      const lives = this.byStruck.get(id);
      lives?.delete(life);
      if (lives?.size === 0) this.byStruck.delete(id);
    }
  }
}
