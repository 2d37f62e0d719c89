import { type Dependency, resolveNeeds } from '../estate/dependencies.ts';
import type { Canary, Estate, Target } from '../estate/estate.ts';
import { type TargetId, toTargetId } from '../estate/ids.ts';
import { parseSelector, type Selector, selectTarget } from '../estate/selector.ts';
import { err, ok, type Result } from '../lib/result.ts';
import type { ConfigDocument, Path } from './config-document.ts';
import { makeSuggester } from './did-you-mean.ts';
import { canaryConfig, dependencyConfig } from './outage-schema.ts';
import { childOf, type Refuse } from './read-modules.ts';

type Targets = ReadonlyMap<TargetId, Target>;

/** A declaration with where each of its parts stands. */
interface Declared {
  readonly dependency: Dependency;
  readonly places: Readonly<Record<'children' | 'parents' | 'by', Path>>;
}

/** Reads `depends_on` of all targets, and `dependencies`. `targets` must be all that there are. */
export function readNeeds(document: ConfigDocument, targets: Targets, refuse: Refuse): Pick<Estate, 'needs'> {
  const declared = [...readDependsOn(document, targets, refuse), ...readDependencies(document)];
  const needs = resolveNeeds(
    targets,
    declared.map(({ dependency }) => dependency),
  );
  if (!needs.ok) {
    for (const { index, part, message } of needs.error) refuse(declared[index]?.places[part] ?? [], message);
    return {};
  }
  return needs.value.size === 0 ? {} : { needs: needs.value };
}

function readDependsOn(document: ConfigDocument, targets: Targets, refuse: Refuse): readonly Declared[] {
  const suggest = makeSuggester(Array.from(targets.keys()));
  const parentsNamed = (text: string): Result<Selector> => {
    const id = toTargetId(text);
    if (targets.has(id)) return ok(selectTarget(id));
    if (text.includes('=')) return parseSelector(text);
    return err(
      `unknown target "${text}"${suggest(text) || '; write an id, or a selector as in kind=gateway'}`,
    );
  };
  const raw = childOf(document.value)['targets'];
  return (Array.isArray(raw) ? raw : []).flatMap((entry: unknown, i) => {
    const { id, depends_on: dependsOn } = childOf(entry);
    if (typeof id !== 'string' || !Array.isArray(dependsOn)) return [];
    return dependsOn.flatMap((text: unknown, j): readonly Declared[] => {
      const path = ['targets', i, 'depends_on', j];
      if (typeof text !== 'string' || text === '') return [];
      const parents = parentsNamed(text);
      if (!parents.ok) {
        refuse(path, parents.error);
        return [];
      }
      const children = selectTarget(toTargetId(id));
      return [
        {
          dependency: { children, parents: parents.value, by: [], redundancy: 'all' },
          places: { children: path, parents: path, by: path },
        },
      ];
    });
  });
}

function readDependencies(document: ConfigDocument): readonly Declared[] {
  const raw = childOf(document.value)['dependencies'];
  return (Array.isArray(raw) ? raw : []).flatMap((entry: unknown, i): readonly Declared[] => {
    const read = dependencyConfig.safeParse(entry);
    if (!read.success) return [];
    const at = (part: string): Path => ['dependencies', i, part];
    return [
      { dependency: read.data, places: { children: at('children'), parents: at('parents'), by: at('by') } },
    ];
  });
}

/** Reads `canaries`. `targets` must be all that there are. */
export function readCanaries(
  document: ConfigDocument,
  targets: Targets,
  refuse: Refuse,
): Pick<Estate, 'canaries'> {
  const suggest = makeSuggester(Array.from(targets.keys()));
  const canaries = new Map<TargetId, Canary>();
  const raw = childOf(document.value)['canaries'];
  for (const [i, entry] of (Array.isArray(raw) ? raw : []).entries()) {
    const read = canaryConfig.safeParse(entry);
    if (!read.success) continue;
    const path = ['canaries', i, 'target'];
    const target = toTargetId(read.data.target);
    if (!targets.has(target)) {
      refuse(path, `unknown target "${target}"${suggest(target) || '; write the id of one of the targets'}`);
    } else if (canaries.has(target)) {
      refuse(path, `the canary "${target}" stands twice; keep one`);
    } else {
      canaries.set(target, Object.freeze({ target, kind: read.data.kind }));
    }
  }
  return canaries.size === 0 ? {} : { canaries: Object.freeze(Array.from(canaries.values())) };
}
