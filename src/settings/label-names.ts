/** Where a label is written: `kind` is a target's alone. */
export type LabelOwner = 'store' | 'target';

/** Why `name` cannot be a label's name, and what to write; undefined when it can. */
export function refuseLabelName(name: string, owner: LabelOwner): string | undefined {
  if (name === '') return 'a label needs a name';
  if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)) {
    const better = asLabelName(name);
    const advice = better === undefined ? '' : `; write "${better}"`;
    return `"${name}" cannot be a label: only the letters a-z and A-Z, digits and _ are allowed, and no digit first${advice}`;
  }
  if (name.startsWith('__')) {
    return `"${name}" cannot be a label: Prometheus keeps names that begin with __ for itself; write "${name.replace(/^_+/, '') || 'another name'}"`;
  }
  const taken = RESERVED.get(name);
  if (taken !== undefined) return `"${name}" cannot be a label: ${taken}`;
  if (name === 'kind' && owner === 'store') {
    return '"kind" cannot be a label of a store: it says what a target is; write "store_kind"';
  }
  return undefined;
}

const RESERVED = new Map([
  ['target', "it always holds the target's id; write another name"],
  ['module', "it always holds the target's module; write another name"],
  ['store', "it always holds the id of the target's store; give the target a store, or write another name"],
  ['job', 'Prometheus sets it when it scrapes; write another name, such as "task"'],
  ['instance', 'Prometheus sets it when it scrapes; write another name, such as "host"'],
]);

/** The nearest usable name: `Till System` → `till_system`, `Ärende` → `arende`. */
export function asLabelName(name: string): string | undefined {
  const plain = name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '');
  if (plain === '') return undefined;
  return /^\d/.test(plain) ? `_${plain}` : plain;
}
