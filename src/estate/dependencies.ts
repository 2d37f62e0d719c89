import { err, ok, type Result } from '../lib/result.ts';
import type { Estate, Need, Target } from './estate.ts';
import type { TargetId } from './ids.ts';
import { labelOf, matchesTarget, type Selector } from './selector.ts';

/** Declared: what `children` names hangs on what `parents` names. */
export interface Dependency {
  readonly children: Selector;
  readonly parents: Selector;
  /** A child hangs on those parents alone that have the same values of these labels; without any, on all of them. */
  readonly by: readonly string[];
  /** `all`: it needs each of them. `any`: one is enough, so that it is cut off only when all are down. */
  readonly redundancy: 'any' | 'all';
}

/** A declaration that cannot stand. */
export interface DependencyProblem {
  /** Its place in the list of declarations. */
  readonly index: number;
  /** Which part of it is to blame. */
  readonly part: 'children' | 'parents' | 'by';
  readonly message: string;
}

type Needs = readonly Need[];

/**
 * What each target needs, over all declarations; targets that need nothing are absent. Targets with the same parents
 * share one list. Refused, each with its problem: a selector that names nothing, a target that hangs on itself, a
 * cycle, of which the first is told.
 * Time and memory grow with the targets, not with the pairs of children and parents.
 */
export function resolveNeeds(
  targets: ReadonlyMap<TargetId, Target>,
  declared: readonly Dependency[],
): Result<ReadonlyMap<TargetId, Needs>, readonly DependencyProblem[]> {
  const find = makeFinder(targets);
  const needOn = remember((parent: TargetId): Need => Object.freeze({ anyOf: Object.freeze([parent]) }));
  const joined = makeJoiner();
  const needs = new Map<TargetId, Needs>();
  const problems: DependencyProblem[] = [];
  for (const [index, { children, parents, by, redundancy }] of declared.entries()) {
    const refuse = (part: DependencyProblem['part'], message: string): void => {
      problems.push({ index, part, message });
    };
    const childrenFound = find(children);
    const parentsFound = find(parents);
    if (childrenFound.length === 0) refuse('children', namesNothing(children));
    if (parentsFound.length === 0) refuse('parents', namesNothing(parents));
    if (childrenFound.length === 0 || parentsFound.length === 0) continue;
    const groups = new Map<string, Needs>();
    for (const [key, group] of Map.groupBy(parentsFound, (parent) => keyOf(parent, by))) {
      if (key === undefined) continue;
      const ids = Object.freeze(group.map(({ id }) => id).toSorted(byText));
      groups.set(
        key,
        Object.freeze(redundancy === 'any' ? [Object.freeze({ anyOf: ids })] : ids.map(needOn)),
      );
    }
    let isBare = true;
    for (const child of childrenFound) {
      const key = keyOf(child, by);
      const own = key === undefined ? undefined : groups.get(key);
      if (own === undefined) continue;
      isBare = false;
      const before = needs.get(child.id);
      needs.set(child.id, before === undefined ? own : joined(before, own));
    }
    if (isBare) {
      const labels = by.join(' and ');
      refuse(
        'by',
        `nothing that ${JSON.stringify(children.text)} names has the same ${labels} as something that ${JSON.stringify(parents.text)} names`,
      );
    }
  }
  const cycle = findCycle(needs);
  if (cycle !== undefined) problems.push(blame(cycle, targets, declared));
  return problems.length === 0 ? ok(needs) : err(problems);
}

/** A target's state as far as what hangs on it is concerned. */
type ParentState = 'up' | 'degraded' | 'down' | 'unknown';

/**
 * The topmost parent whose being down explains that `target` is; undefined when none does. A need is broken when all
 * that would meet it are down: one that is unknown, or was never checked, explains nothing.
 */
export function deadParentOf(
  estate: Estate,
  target: Target,
  stateOf: (parent: TargetId) => ParentState,
): TargetId | undefined {
  const isBroken = ({ anyOf }: Need): boolean =>
    anyOf.length > 0 && anyOf.every((id) => stateOf(id) === 'down');
  let top: TargetId | undefined;
  for (;;) {
    const above: TargetId | undefined = estate.needs?.get(top ?? target.id)?.find(isBroken)?.anyOf[0];
    if (above === undefined) return top;
    top = above;
  }
}

const CHILDREN = new WeakMap<Estate, ReadonlyMap<TargetId, readonly TargetId[]>>();

/** What hangs on each target directly; those on which nothing hangs are absent. Found once for each estate. */
export function childrenOf(estate: Estate): ReadonlyMap<TargetId, readonly TargetId[]> {
  let children = CHILDREN.get(estate);
  if (children === undefined) {
    children = invert(estate.needs ?? new Map());
    CHILDREN.set(estate, children);
  }
  return children;
}

/** Parents whose children are the same share one list, as children with the same parents do. */
function invert(needs: ReadonlyMap<TargetId, Needs>): ReadonlyMap<TargetId, readonly TargetId[]> {
  const sharing = new Map<Needs, TargetId[]>();
  for (const [child, own] of needs) {
    const list = sharing.get(own);
    if (list === undefined) sharing.set(own, [child]);
    else list.push(child);
  }
  const listsOf = new Map<TargetId, (readonly TargetId[])[]>();
  for (const [own, list] of sharing) {
    for (const parent of new Set(own.flatMap(({ anyOf }) => anyOf))) {
      const lists = listsOf.get(parent);
      if (lists === undefined) listsOf.set(parent, [list]);
      else lists.push(list);
    }
  }
  return new Map(
    Array.from(listsOf, ([parent, [first = [], ...more]]) => [
      parent,
      more.length === 0 ? first : [...first, ...more.flat()],
    ]),
  );
}

/** Finds what a selector names without looking at every target for each: by the rarest value it asks for. */
function makeFinder(targets: ReadonlyMap<TargetId, Target>): (selector: Selector) => readonly Target[] {
  const indexOf = remember((label: string) =>
    Map.groupBy(targets.values(), (target) => labelOf(target, label)),
  );
  return (selector) => {
    let candidates: readonly Target[] | undefined;
    for (const { label, values, isNegated } of selector.conditions) {
      if (isNegated) continue;
      const found = Array.from(values).flatMap((value) => indexOf(label).get(value) ?? []);
      if (candidates === undefined || found.length < candidates.length) candidates = found;
    }
    return (candidates ?? Array.from(targets.values())).filter((target) => matchesTarget(target, selector));
  };
}

/** Undefined when it lacks one of the labels. */
function keyOf(target: Target, by: readonly string[]): string | undefined {
  const values = by.map((label) => labelOf(target, label));
  return values.includes('') ? undefined : JSON.stringify(values);
}

/** Puts two lists together, the same two always into the same one. */
function makeJoiner(): (first: Needs, second: Needs) => Needs {
  const after = remember((first: Needs) =>
    remember((second: Needs): Needs => Object.freeze(Array.from(new Set([...first, ...second])))),
  );
  return (first, second) => after(first)(second);
}

function remember<Key, Value>(make: (key: Key) => Value): (key: Key) => Value {
  const known = new Map<Key, Value>();
  return (key) => {
    const before = known.get(key);
    if (before !== undefined) return before;
    const value = make(key);
    known.set(key, value);
    return value;
  };
}

/** One step of the walk upward: through `own`, whose parents from `next` on are still to be visited. */
interface Step {
  readonly own: Needs;
  readonly parents: readonly TargetId[];
  next: number;
}

/** Targets that hang on each other in a ring, the first again last. Each list of needs is walked through once. */
function findCycle(needs: ReadonlyMap<TargetId, Needs>): readonly TargetId[] | undefined {
  const seen = new Set<Needs>();
  for (const start of needs.values()) {
    if (seen.has(start)) continue;
    const steps: Step[] = [];
    const depthOf = new Map<Needs, number>();
    const enter = (own: Needs): void => {
      seen.add(own);
      depthOf.set(own, steps.length);
      steps.push({ own, parents: own.flatMap(({ anyOf }) => anyOf), next: 0 });
    };
    enter(start);
    for (let step = steps.at(-1); step !== undefined; step = steps.at(-1)) {
      const parent = step.parents[step.next++];
      if (parent === undefined) {
        depthOf.delete(step.own);
        steps.pop();
        continue;
      }
      const own = needs.get(parent);
      const depth = own === undefined ? undefined : depthOf.get(own);
      if (depth !== undefined) {
        const ring = steps.slice(depth).flatMap(({ parents, next }) => parents.slice(next - 1, next));
        // `parent` hangs on the first of the ring, for they share a list with that.
        return [parent, ...ring];
      }
      if (own !== undefined && !seen.has(own)) enter(own);
    }
  }
  return undefined;
}

const MOST_SHOWN = 8;

/** Which declaration closes the ring: the last that makes one of its links. */
function blame(
  cycle: readonly TargetId[],
  targets: ReadonlyMap<TargetId, Target>,
  declared: readonly Dependency[],
): DependencyProblem {
  const links = cycle.slice(1).map((parent, i) => [targets.get(cycle[i] ?? parent), targets.get(parent)]);
  const index = declared.findLastIndex(({ children, parents, by }) =>
    links.some(
      ([child, parent]) =>
        child !== undefined &&
        parent !== undefined &&
        matchesTarget(child, children) &&
        matchesTarget(parent, parents) &&
        keyOf(child, by) !== undefined &&
        keyOf(child, by) === keyOf(parent, by),
    ),
  );
  const [first] = cycle;
  if (cycle.length === 2) {
    return {
      index,
      part: 'parents',
      message: `"${first}" would hang on itself; leave it out, as in target!="${first}"`,
    };
  }
  const shown =
    cycle.length <= MOST_SHOWN + 1
      ? cycle
      : [...cycle.slice(0, MOST_SHOWN), `… (${cycle.length - 1} in all)`, first];
  return { index, part: 'parents', message: `these hang on each other in a ring: ${shown.join(' → ')}` };
}

function namesNothing({ text }: Selector): string {
  return `no target is named by ${JSON.stringify(text)}; compare it with the labels of the targets`;
}

function byText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
