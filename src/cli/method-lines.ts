import type { MethodState } from '../core/events.ts';
import type { Snapshot } from '../feed/protocol.ts';
import { inStores, listWords, nameSome, wordForMethod } from './feed-words.ts';
import type { Told } from './story-lines.ts';
import type { WireMethodChange } from './wire-events.ts';

/** What stores lose at about the same time is told as one, and with the incident that it comes of. Unit: ms. */
const GATHER_MS = 15_000;
/** A chain's last store lost, or back: told again at most so often. Unit: ms. */
const SOON_MS = 5 * 60_000;
/** Told again at most so often while it grows worse. Unit: ms. */
const WORSE_MS = 15 * 60_000;
/** Told again at most so often while it grows better. Unit: ms. */
const BETTER_MS = 30 * 60_000;
/** A smaller part of the stores than this is no news while more of them are without. */
const SMALL_SHARE = 0.1;
/** So many stores are named one by one. */
const MANY_NAMES = 3;

interface Store {
  readonly name: string;
  readonly chain: string | undefined;
  /** By method, as last known. */
  readonly known: Map<string, MethodState>;
  /** Methods of which nothing is known now. */
  readonly unseen: Set<string>;
}

/** Where a method is had, and where not. */
interface View {
  readonly stores: number;
  /** Lost, by the stores' ids. */
  readonly lost: readonly string[];
  readonly offline: number;
  readonly unseen: number;
  /** By chain, in the order of their names. */
  readonly chains: readonly { readonly name: string; readonly stores: number; readonly lost: number }[];
}

interface Method {
  readonly name: string;
  /** What the last line said. */
  toldLost: number;
  toldOffline: number;
  toldChains: string;
  toldAtMs: number;
  /** The first change since, and the last. */
  changedAtMs: number;
  lastChangedAtMs: number;
  hasChanged: boolean;
}

/** In how many stores each way to pay is had: told when that changes much. Ways that go together are told together. */
export class MethodNews {
  private stores = new Map<string, Store>();
  private methods = new Map<string, Method>();
  private readonly gatherMs: number;
  /** All stores are known, not only those of which something was heard. */
  private isWhole = false;

  /** `pace`: how many times faster than life the events come. */
  constructor(pace: number) {
    this.gatherMs = GATHER_MS * pace;
  }

  /** Begins anew from what holds now; what is lost already is told by `claim` and `standing`. */
  begin({ stores }: Snapshot): void {
    this.stores = new Map();
    this.methods = new Map();
    this.isWhole = true;
    for (const { id, name, chain, methods } of stores) {
      const store: Store = { name, chain, known: new Map(), unseen: new Set() };
      this.stores.set(id, store);
      for (const [method, { state }] of Object.entries(methods)) {
        this.methodOf(method);
        note(store, method, state);
      }
    }
  }

  hear({ store: id, chain, method: name, to, atMs }: WireMethodChange): void {
    const store = this.stores.get(id) ?? { name: id, chain, known: new Map(), unseen: new Set() };
    this.stores.set(id, store);
    note(store, name, to);
    const method = this.methodOf(name);
    if (!method.hasChanged) method.changedAtMs = atMs;
    method.hasChanged = true;
    method.lastChangedAtMs = atMs;
  }

  /** One sentence on what of `methods` more stores have lost than was told. Empty: nothing is new. */
  claim(methods: readonly string[], atMs: number): string {
    const lost = methods
      .map((name) => this.methodOf(name))
      .filter((method) => {
        const { lost, stores } = this.viewOf(method.name);
        const isFirst = method.toldLost === 0 || lost.length === stores;
        return lost.length > method.toldLost && (isFirst || isMuch(lost.length - method.toldLost, stores));
      });
    return this.sayTogether(lost, atMs)
      .map(({ text }) => text)
      .join(' ');
  }

  /** What is lost and was not told. */
  standing(atMs: number): readonly Told[] {
    const lost = Array.from(this.methods.values()).filter(
      ({ name, toldLost }) => this.viewOf(name).lost.length > toldLost,
    );
    return this.sayTogether(lost, atMs);
  }

  /** What has become due by `nowMs`. */
  takeDue(nowMs: number): readonly Told[] {
    const due: Method[] = [];
    let dueAtMs = Number.NEGATIVE_INFINITY;
    for (const method of this.methods.values()) {
      if (!method.hasChanged) continue;
      const atMs = this.dueOf(method);
      if (atMs === undefined) method.hasChanged = false;
      if (atMs === undefined || atMs > nowMs) continue;
      due.push(method);
      dueAtMs = Math.max(dueAtMs, atMs);
    }
    if (due.length === 0) return [];
    const looks = new Set(due.map(({ name }) => lookOf(this.viewOf(name))));
    const alike = Array.from(this.methods.values()).filter(
      (method) => method.hasChanged && looks.has(lookOf(this.viewOf(method.name))),
    );
    return this.sayTogether(alike, dueAtMs);
  }

  /** When the next line on it is due. Undefined: nothing is worth one. */
  private dueOf({ name, ...method }: Method): number | undefined {
    const view = this.viewOf(name);
    const lost = view.lost.length;
    const grown = lost - method.toldLost;
    const isSwitch = levelsOf(view) !== method.toldChains || view.offline > 0 !== method.toldOffline > 0;
    const isFirst = method.toldLost === 0 && grown > 0;
    const isEnd = lost === 0 && grown < 0;
    if (!isSwitch && !isFirst && !isEnd && !isMuch(grown, view.stores)) return undefined;
    const gatheredMs = method.changedAtMs + this.gatherMs;
    if (isFirst) return gatheredMs;
    const pauseMs = isEnd || (isSwitch && grown > 0) ? SOON_MS : grown > 0 ? WORSE_MS : BETTER_MS;
    // What changes at one moment comes one by one: not before that is over.
    return Math.max(gatheredMs, method.toldAtMs + pauseMs, method.lastChangedAtMs + 1);
  }

  private sayTogether(methods: readonly Method[], atMs: number): readonly Told[] {
    const groups = Map.groupBy(methods, ({ name, toldLost, toldOffline }) =>
      [lookOf(this.viewOf(name)), toldLost, toldOffline].join(),
    );
    return Array.from(groups.values(), (group) => this.say(group, atMs)).filter((told) => told !== undefined);
  }

  /** `methods` all look alike. */
  private say(methods: readonly Method[], atMs: number): Told | undefined {
    const [first] = methods;
    if (first === undefined) return undefined;
    const view = this.viewOf(first.name);
    const lost = view.lost.length;
    const { toldLost, toldOffline } = first;
    for (const method of methods) {
      method.toldLost = lost;
      method.toldOffline = view.offline;
      method.toldChains = levelsOf(view);
      method.toldAtMs = atMs;
      method.hasChanged = false;
    }
    const names = methods.map(({ name }) => wordForMethod(name));
    const rest = `${view.offline > 0 ? `; offline only in ${view.offline}` : ''}${view.unseen > 0 ? `; not known in ${view.unseen}` : ''}.`;
    if (lost > toldLost) {
      const more = toldLost > 0 && lost < view.stores ? `, ${lost - toldLost} more than before` : '';
      const text = `No ${listWords(names, 'or')} payments ${this.where(view)}${more}${rest}`;
      return { mark: 'down', atMs, text };
    }
    const subject = `${upperFirst(listWords(names, 'and'))} payments`;
    if (lost === 0 && view.offline > 0) {
      const text = `${subject} go offline only in ${ofStores(view.offline, view.stores)}.`;
      return { mark: 'warn', atMs, text };
    }
    if (lost === 0) {
      if (toldLost === 0 && toldOffline === 0) return undefined;
      const where = view.stores === 1 || !this.isWhole ? '' : ` in all ${inStores(view.stores)}`;
      return { mark: 'back', atMs, text: `${subject} work${where} again.` };
    }
    if (!this.isWhole) {
      const text = `${subject} work again in ${inStores(toldLost - lost)}, not yet in ${lost}${rest}`;
      return { mark: 'back', atMs, text };
    }
    const works = view.stores - lost - view.offline;
    const parts =
      view.chains.length > 1
        ? ` (${view.chains.map(({ name, stores, lost }) => `${name} ${stores - lost} of ${stores}`).join(', ')})`
        : '';
    return {
      mark: lost < toldLost ? 'back' : 'note',
      atMs,
      text: `${subject} work in ${ofStores(works, view.stores)}${parts}${rest}`,
    };
  }

  private where({ stores, lost, chains }: View): string {
    if (lost.length <= MANY_NAMES) {
      return `in ${nameSome(
        lost.map((id) => this.stores.get(id)?.name ?? id),
        MANY_NAMES,
      )}`;
    }
    if (!this.isWhole) return `in ${inStores(lost.length)}`;
    const hit = chains.filter((chain) => chain.lost > 0);
    const [only] = hit;
    if (hit.length === 1 && only !== undefined && chains.length > 1) {
      return only.lost === only.stores
        ? `in any of the ${inStores(only.stores)} of ${only.name}`
        : `in ${ofStores(only.lost, only.stores)} of ${only.name}`;
    }
    if (lost.length === stores) return `in any of the ${inStores(stores)}`;
    return `in ${ofStores(lost.length, stores)}`;
  }

  private viewOf(method: string): View {
    const lost: string[] = [];
    let stores = 0;
    let offline = 0;
    let unseen = 0;
    const chains = new Map<string, { name: string; stores: number; lost: number }>();
    for (const [id, store] of this.stores) {
      const state = store.known.get(method);
      if (state === undefined) continue;
      stores++;
      if (state === 'offline-only') offline++;
      if (store.unseen.has(method)) unseen++;
      if (state === 'down') lost.push(id);
      if (store.chain === undefined) continue;
      const chain = chains.get(store.chain) ?? { name: store.chain, stores: 0, lost: 0 };
      chain.stores++;
      if (state === 'down') chain.lost++;
      chains.set(store.chain, chain);
    }
    const inOrder = Array.from(chains.values()).sort((a, b) => (a.name < b.name ? -1 : 1));
    return { stores, lost, offline, unseen, chains: inOrder };
  }

  private methodOf(name: string): Method {
    const method = this.methods.get(name) ?? {
      name,
      toldLost: 0,
      toldOffline: 0,
      toldChains: '',
      toldAtMs: Number.NEGATIVE_INFINITY,
      changedAtMs: 0,
      lastChangedAtMs: 0,
      hasChanged: false,
    };
    this.methods.set(name, method);
    return method;
  }
}

function note({ known, unseen }: Store, method: string, state: MethodState): void {
  if (state === 'unknown') {
    unseen.add(method);
    // Not known yet: it counts as had until somebody sees that it is not.
    if (!known.has(method)) known.set(method, 'available');
    return;
  }
  unseen.delete(method);
  known.set(method, state);
}

function isMuch(grown: number, stores: number): boolean {
  return Math.abs(grown) >= Math.max(1, SMALL_SHARE * stores);
}

/** Which chains have lost all stores: a change of that is news however few stores it takes. */
function levelsOf({ chains }: View): string {
  return chains
    .filter(({ lost, stores }) => lost === stores)
    .map(({ name }) => name)
    .join();
}

function lookOf({ lost, ...view }: View): string {
  return JSON.stringify({ ...view, lost: lost.toSorted() });
}

function ofStores(count: number, all: number): string {
  return count === all ? `all ${inStores(all)}` : `${count} of ${inStores(all)}`;
}

function upperFirst(text: string): string {
  return `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}`;
}
