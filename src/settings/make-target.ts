import type { Store, Target } from '../estate/estate.ts';
import { toStoreId, toTargetId } from '../estate/ids.ts';
import { err, ok, type Result } from '../lib/result.ts';
import type { Prober } from '../probes/probe.ts';
import { makeSuggester } from './did-you-mean.ts';
import { refuseId } from './ids.ts';
import type { StoresRead } from './read-stores.ts';

/** A target as its file has it. */
export interface TargetDraft {
  readonly id: string | undefined;
  readonly module: string | undefined;
  readonly address: string | undefined;
  readonly store: string | undefined;
  /** Its own labels. */
  readonly labels: Readonly<Record<string, string>>;
  /** What it is when no label says so; without it, the name of its prober. */
  readonly fallbackKind?: string;
  readonly file: string;
  readonly line: number;
}

/** What a draft is checked against. */
interface Surroundings {
  /** Undefined: unreadable, so nothing can be said of a target's store. */
  readonly stores: StoresRead | undefined;
  /** Every module that the configuration names, with its prober; undefined where that is itself wrong. */
  readonly modules: ReadonlyMap<string, Prober | undefined>;
}

type DraftField = 'id' | 'module' | 'address' | 'store';

/** Undefined when something is wrong with the draft, which is then told to `refuse`. */
export type TargetMaker = (
  draft: TargetDraft,
  refuse: (field: DraftField, message: string) => void,
) => Target | undefined;

/** Makes targets one by one, over all files, so that no id is given twice. */
export function makeTargetMaker({ stores, modules }: Surroundings): TargetMaker {
  const firstPlaces = new Map<string, string>();
  const suggestModule = makeSuggester(Array.from(modules.keys()));
  const suggestStore = makeSuggester(Array.from(stores?.stores.keys() ?? []));

  const checkId = (draft: TargetDraft): Result<string> => {
    const refusal = refuseId('target', draft.id);
    if (draft.id === undefined || refusal !== undefined) return err(refusal ?? '');
    const first = firstPlaces.get(draft.id);
    if (first !== undefined) {
      return err(
        `the id "${draft.id}" is taken already, at ${first}; every target and terminal needs its own`,
      );
    }
    firstPlaces.set(draft.id, `${draft.file}:${draft.line}`);
    return ok(draft.id);
  };
  const checkModule = (name: string | undefined): Result<Prober | undefined> => {
    if (name === undefined) return err('the module must not be empty');
    if (modules.has(name)) return ok(modules.get(name));
    const choices =
      modules.size === 0
        ? '; the configuration has none'
        : `; the modules are ${Array.from(modules.keys()).join(', ')}`;
    return err(`unknown module "${name}"${suggestModule(name) || choices}`);
  };
  const checkStore = (id: string | undefined): Result<Store | undefined> => {
    if (id === undefined || stores === undefined) return ok(undefined);
    const store = stores.stores.get(toStoreId(id));
    if (store !== undefined || stores.mentioned.has(id)) return ok(store);
    return err(`unknown store "${id}"${suggestStore(id) || '; add it to the stores file'}`);
  };

  return (draft, refuse) => {
    const id = checkId(draft);
    const prober = checkModule(draft.module);
    const store = checkStore(draft.store);
    const address = checkAddress(draft, prober.ok ? prober.value : undefined);
    if (!id.ok) refuse('id', id.error);
    if (!prober.ok) refuse('module', prober.error);
    if (!store.ok) refuse('store', store.error);
    if (!address.ok) refuse('address', address.error);
    if (!id.ok || !prober.ok || !store.ok || !address.ok || draft.module === undefined) return undefined;
    const kind = draft.labels['kind'] ?? draft.fallbackKind ?? prober.value?.name ?? '';
    const labels: Record<string, string> = { ...store.value?.labels, ...draft.labels };
    if (store.value !== undefined) labels['store'] = store.value.id;
    labels['kind'] = kind;
    return Object.freeze({
      id: toTargetId(id.value),
      module: draft.module,
      address: address.value,
      kind,
      ...(store.value === undefined ? {} : { store: store.value.id }),
      labels: Object.freeze(labels),
    });
  };
}

function checkAddress({ address, module }: TargetDraft, prober: Prober | undefined): Result<string> {
  if (address === undefined || address === '') return err('the address must not be empty');
  if (/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*:[^/?#]*@/i.test(address)) {
    return err("the address holds a password; give it to the module's prober in a file instead");
  }
  const read = prober?.parseAddress(address);
  if (read === undefined || read.ok) return ok(address);
  return err(`"${address}" is not an address for module "${module}" (${prober?.name}): ${read.error}`);
}
