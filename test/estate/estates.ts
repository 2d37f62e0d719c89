import type { Estate, Labels, Store, Target } from '../../src/estate/estate.ts';
import { toStoreId, toTargetId } from '../../src/estate/ids.ts';
import { parseSelector, type Selector } from '../../src/estate/selector.ts';

export function makeTarget(id: string, labels: Labels = {}): Target {
  return { id: toTargetId(id), module: 'm', address: 'h:1', kind: labels['kind'] ?? 'x', labels };
}

export function makeEstate(targets: readonly Target[]): Estate {
  return { stores: new Map(), targets: new Map(targets.map((target) => [target.id, target])) };
}

export function makeStore(openingHours?: string, timezone = 'Europe/Stockholm'): Store {
  const store = { id: toStoreId('S1'), name: 'Solhaga Karlstad', timezone, labels: {} };
  return openingHours === undefined ? store : { ...store, openingHours };
}

export function selectorOf(text: string): Selector {
  const read = parseSelector(text);
  if (!read.ok) throw new Error(read.error);
  return read.value;
}
