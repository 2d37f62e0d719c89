import { childrenOf } from '../estate/dependencies.ts';
import type { Estate } from '../estate/estate.ts';
import type { TargetId } from '../estate/ids.ts';
import { type Cause, type CauseFinder, isInScope } from './causes.ts';
import { isAlone, type Life } from './incident-life.ts';
import { compareAges, isNear, type LivesByScope } from './lives-by-scope.ts';

/** An incident about more than one target whose scope holds all of `cause`, the oldest. */
export function holderOf(
  { failing }: Cause,
  onsetMs: number,
  index: LivesByScope,
  estate: Estate,
): Life | undefined {
  const [first] = failing;
  const target = first === undefined ? undefined : estate.targets.get(first);
  if (target === undefined) return undefined;
  return index
    .near(target)
    .find((life) => !isAlone(life) && isNear(life, onsetMs) && isWithin(failing, life.scopes, estate));
}

/** Those of `lives` that are part of what `cause` names, or of what hangs on what it names. Oldest first. */
export function partsOf(
  { failing, scopes }: Cause,
  onsetMs: number,
  lives: LivesByScope,
  { estate, finder }: { readonly estate: Estate; readonly finder: CauseFinder },
): readonly Life[] {
  const children = new Set(failing.flatMap((id) => childrenOf(estate).get(id) ?? []));
  const parts = new Set<Life>();
  for (const life of lives.begunWith(children)) {
    if (isNear(life, onsetMs) && life.struck.isSubsetOf(children)) parts.add(life);
  }
  for (const scope of scopes) {
    if (scope['target'] !== undefined) continue;
    for (const life of lives.begunWith(finder.targetsOf(scope).map(({ id }) => id))) {
      if (isNear(life, onsetMs) && isWithin(life.struck, scopes, estate)) parts.add(life);
    }
  }
  return Array.from(parts).sort(compareAges);
}

function isWithin(ids: Iterable<TargetId>, scopes: Life['scopes'], { targets }: Estate): boolean {
  for (const id of ids) {
    const target = targets.get(id);
    if (target === undefined || !scopes.some((scope) => isInScope(target, scope))) return false;
  }
  return true;
}
