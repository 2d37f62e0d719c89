import type { Estate, Need, Store, Target } from '../../src/estate/estate.ts';
import { type StoreId, type TargetId, toStoreId, toTargetId } from '../../src/estate/ids.ts';

/** Which chain the n-th store belongs to. */
const CHAINS = ['Solhaga', 'Torgboden', 'Solhaga', 'Älvkläpp', 'Torgboden', 'Solhaga'];
const REGIONS = ['Värmland', 'Värmland', 'Dalarna', 'Örebro'];
const NETWORKS = ['Bergnät', 'Klarfiber', 'Sjökabel', 'Bergnät', 'Klarfiber'];
const ACQUIRERS = ['Nordbank', 'Vasakort', 'Nordbank', 'Fjordpay', 'Nordbank', 'Vasakort', 'Fjordpay'];
const MODELS = ['V400m', 'S1F2', 'P400Plus', 'V400m', 'S1F2'];

/** Three chains of one group: each store with a gateway on which its terminals hang, and each chain with Swish and a web shop. */
export function makeChains({ stores: storeCount = 44, terminals = 9, openingHours = '24/7' } = {}): Estate {
  const stores = new Map<StoreId, Store>();
  const targets = new Map<TargetId, Target>();
  const needs = new Map<TargetId, readonly Need[]>();
  const add = (target: Omit<Target, 'id' | 'module' | 'address'> & { readonly id: string }): TargetId => {
    const id = toTargetId(target.id);
    targets.set(id, { ...target, id, module: target.kind, address: '127.0.0.1:1' });
    return id;
  };
  let n = 0;
  for (let s = 0; s < storeCount; s++) {
    const chain = CHAINS[s % CHAINS.length] ?? '';
    const region = REGIONS[(s * 7 + 3) % REGIONS.length] ?? '';
    const network = NETWORKS[(s * 3 + (s >> 2)) % NETWORKS.length] ?? '';
    const id = toStoreId(`S${String(s).padStart(3, '0')}`);
    const own = { chain, region, network, store: id };
    stores.set(id, {
      id,
      name: `Store ${s}`,
      chain,
      region,
      timezone: 'Europe/Stockholm',
      openingHours,
      labels: { chain, region, network },
    });
    const gateway = add({ id: `gw-${id}`, kind: 'gateway', store: id, labels: { ...own, kind: 'gateway' } });
    for (let t = 0; t < terminals; t++) {
      n++;
      const model = MODELS[(n * 3 + s) % MODELS.length] ?? '';
      const firmware = `${model}-${(n * 5 + (s % 3)) % 2}`;
      const acquirer = ACQUIRERS[(s * 2 + t) % ACQUIRERS.length] ?? '';
      const labels = { ...own, kind: 'terminal', model, firmware, acquirer };
      const terminal = add({ id: `T${String(n).padStart(5, '0')}`, kind: 'terminal', store: id, labels });
      needs.set(terminal, [{ anyOf: [gateway] }]);
    }
  }
  for (const chain of new Set(CHAINS)) {
    add({ id: `swish-${chain}`, kind: 'swish', labels: { chain, kind: 'swish' } });
    add({ id: `web-${chain}`, kind: 'web', labels: { chain, kind: 'web' } });
    add({ id: `orders-${chain}`, kind: 'web', labels: { chain, kind: 'web', part: 'orders' } });
  }
  return { stores, targets, needs };
}
