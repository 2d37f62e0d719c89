import type { Estate, Labels } from '../estate/estate.ts';
import { toStoreId, toTargetId } from '../estate/ids.ts';

type Scopes = readonly Labels[];

/** `chain=Solhaga`, `acquirer=A & region=Värmland`; explanations that are as good as each other with ` | ` between. */
export function scopeText(scopes: Scopes): string {
  return scopes
    .map((scope) =>
      Object.entries(scope)
        .map(([name, value]) => `${name}=${value}`)
        .join(' & '),
    )
    .join(' | ');
}

/**
 * What every explanation of an incident says of where it is: of a single one all of it. A store also says its chain and
 * region, a target its kind and store; nothing else is concluded, so that all of the incident bears these labels.
 */
export function scopeLabels(scopes: Scopes, estate: Estate): Labels {
  const [first = {}, ...others] = scopes.map((scope) => placed(scope, estate));
  const shared = Object.entries(first).filter(([name, value]) =>
    others.every((other) => Object.hasOwn(other, name) && other[name] === value),
  );
  return Object.fromEntries(shared);
}

/**
 * Whether something that bears `labels` is of a piece with `scopes`: for one of them it names a label with the same
 * value, and none with another. A store or target that is known stands for all that is known of it, on both sides.
 */
export function touchesScope(labels: Labels, scopes: Scopes, estate: Estate): boolean {
  const place = placed(labels, estate);
  return scopes.some((scope) => {
    const wanted = Object.entries(placed(scope, estate)).filter(([name]) => Object.hasOwn(place, name));
    return (
      wanted.some(([name]) => !TOO_COMMON.has(name)) && wanted.every(([name, value]) => place[name] === value)
    );
  });
}

/** What a thing is says nothing of where it is. */
const TOO_COMMON: ReadonlySet<string> = new Set(['kind', 'module', 'lane']);

function placed(labels: Labels, estate: Estate): Labels {
  const target =
    labels['target'] === undefined ? undefined : estate.targets.get(toTargetId(labels['target']));
  const storeId = target?.store ?? (labels['store'] === undefined ? undefined : toStoreId(labels['store']));
  const store = storeId === undefined ? undefined : estate.stores.get(storeId);
  const place = {
    kind: target?.kind,
    store: storeId,
    chain: target?.labels['chain'] ?? store?.chain,
    region: target?.labels['region'] ?? store?.region,
    ...labels,
  };
  return Object.fromEntries(
    Object.entries(place).filter((entry): entry is [string, string] => (entry[1] ?? '') !== ''),
  );
}
