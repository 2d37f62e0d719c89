import type { Estate, Labels, Need, Store, Target } from '../../src/estate/estate.ts';
import { type StoreId, type TargetId, toStoreId, toTargetId } from '../../src/estate/ids.ts';

/** Which chain the n-th store belongs to. */
const CHAINS = ['Solhaga', 'Torgboden', 'Fristad', 'Solhaga', 'Älvkläpp', 'Solhaga', 'Fristad', 'Torgboden'];
/** Fristad is on its own. */
const GROUP = 'Solgruppen';
const REGIONS = ['Värmland', 'Värmland', 'Dalarna', 'Örebro'];
const NETWORKS = ['Bergnät', 'Klarfiber', 'Sjökabel', 'Bergnät', 'Klarfiber'];
const ACQUIRERS = ['Nordbank', 'Vasakort', 'Nordbank', 'Fjordpay', 'Nordbank', 'Vasakort', 'Fjordpay'];
const MODELS = ['V400m', 'S1F2', 'P400Plus', 'V400m', 'S1F2'];

/**
 * Three chains of one group and one of none. Each store has a gateway on which its terminals hang, and a till; each
 * chain Swish and a web shop; each acquirer a service for wallets. With `lines` the gateways of a region hang on a
 * primary line and its backup.
 */
export function makeChains({
  stores: storeCount = 44,
  terminals = 9,
  openingHours = '24/7',
  lines = false,
} = {}): Estate {
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
    const group = groupOf(chain);
    const own = { chain, region, network, store: id, ...group };
    stores.set(id, {
      id,
      name: `Store ${s}`,
      chain,
      region,
      timezone: 'Europe/Stockholm',
      openingHours,
      labels: { chain, region, network, ...group },
    });
    const gateway = add({ id: `gw-${id}`, kind: 'gateway', store: id, labels: { ...own, kind: 'gateway' } });
    const till = add({ id: `till-${id}`, kind: 'till', store: id, labels: { ...own, kind: 'till' } });
    const behindGateway = [{ anyOf: [gateway] }];
    needs.set(till, behindGateway);
    if (lines)
      needs.set(gateway, [{ anyOf: [toTargetId(`line-a-${region}`), toTargetId(`line-b-${region}`)] }]);
    for (let t = 0; t < terminals; t++) {
      n++;
      const model = MODELS[(n * 3 + s) % MODELS.length] ?? '';
      const firmware = `${model}-${(n * 5 + (s % 3)) % 2}`;
      const acquirer = ACQUIRERS[(s * 2 + t) % ACQUIRERS.length] ?? '';
      const labels = { ...own, kind: 'terminal', model, firmware, acquirer };
      const terminal = add({ id: `T${String(n).padStart(5, '0')}`, kind: 'terminal', store: id, labels });
      needs.set(terminal, behindGateway);
    }
  }
  for (const chain of new Set(CHAINS)) {
    const own = { chain, ...groupOf(chain) };
    add({ id: `swish-${chain}`, kind: 'swish', labels: { ...own, kind: 'swish' } });
    add({ id: `web-${chain}`, kind: 'web', labels: { ...own, kind: 'web' } });
    add({ id: `orders-${chain}`, kind: 'web', labels: { ...own, kind: 'web', part: 'orders' } });
  }
  for (const region of lines ? new Set(REGIONS) : []) {
    add({ id: `line-a-${region}`, kind: 'line', labels: { kind: 'line', region } });
    add({ id: `line-b-${region}`, kind: 'line', labels: { kind: 'line', region } });
  }
  for (const acquirer of new Set(ACQUIRERS)) {
    add({ id: `wallet-${acquirer}`, kind: 'wallet', labels: { kind: 'wallet', acquirer } });
  }
  return { stores, targets, needs };
}

function groupOf(chain: string): Labels {
  return chain === 'Fristad' ? {} : { group: GROUP };
}
