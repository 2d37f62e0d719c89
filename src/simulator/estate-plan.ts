import type { Labels } from '../estate/estate.ts';
import { makeRandom, pick, rankOf } from './random.ts';
import { HOME_TOWNS, NEIGHBOUR_TOWNS, type Town } from './towns.ts';

export const TARGET_KINDS = ['terminal', 'gateway', 'swish', 'web'] as const;
export type TargetKind = (typeof TARGET_KINDS)[number];

export interface PlannedStore {
  readonly id: string;
  readonly name: string;
  readonly chain: string;
  readonly region: string;
  readonly city: string;
  readonly latitude: number;
  readonly longitude: number;
  readonly openingHours: string;
  /** Whole SEK. */
  readonly weeklySales: number;
  /** Who carries its traffic. */
  readonly network: string;
  readonly tillSystem: string;
}

/** One thing to simulate. A terminal's id is its POIID. */
export interface PlannedTarget {
  readonly id: string;
  readonly kind: TargetKind;
  readonly store?: PlannedStore;
  /** Everything a fault's `where` can match, `kind` and `target` among them. */
  readonly labels: Labels;
  /** Terminals only. */
  readonly device?: Device;
}

/** What a terminal is. */
export interface Device {
  readonly model: string;
  readonly firmware: string;
  readonly acquirer: string;
  readonly lane: string;
  /** Whether it takes and gives encrypted messages only, or clear ones only. */
  readonly isEncrypted: boolean;
  /** Percent; absent without a battery. */
  readonly batteryPercent?: number;
  readonly hasPrinter: boolean;
}

export interface EstatePlan {
  readonly stores: readonly PlannedStore[];
  readonly targets: readonly PlannedTarget[];
}

/** The group's three chains, all invented: what the demo tells of happens to nobody. */
export const CHAINS = [
  { name: 'Solhaga', slug: 'solhaga', size: 1.3 },
  { name: 'Älvkläpp', slug: 'alvklapp', size: 1 },
  { name: 'Torgboden', slug: 'torgboden', size: 0.5 },
] as const;
type Chain = (typeof CHAINS)[number];

/** Which chain the n-th store belongs to, again every ten: half, three tenths, two tenths. */
const CHAIN_TURNS = [0, 1, 2, 0, 1, 0, 0, 1, 2, 0] as const;
/** From this many stores on, every fifth lies over the county border. */
const NEIGHBOURS_FROM = 25;

const NETWORKS = [
  { name: 'Bergnät', weight: 5 },
  { name: 'Klarfiber', weight: 3 },
  { name: 'Sjökabel', weight: 2 },
] as const;
/** No chain has one of its own: the stores of a chain share nothing but the chain. */
const TILL_SYSTEMS = [
  { name: 'Kassalinje 9', weight: 6 },
  { name: 'Tillwerk', weight: 4 },
] as const;
const ACQUIRERS = [
  { name: 'Nordbank', weight: 5 },
  { name: 'Vasakort', weight: 3 },
  { name: 'Fjordpay', weight: 2 },
] as const;
const MODELS = [
  {
    name: 'V400m',
    weight: 45,
    firmwares: ['adyen_v1_112p4', 'adyen_v1_115p2'],
    battery: true,
    printer: true,
    isEncrypted: true,
  },
  {
    name: 'S1F2',
    weight: 30,
    firmwares: ['android_1_98p5', 'android_1_101p1'],
    battery: true,
    printer: true,
    isEncrypted: true,
  },
  {
    name: 'P400Plus',
    weight: 25,
    firmwares: ['adyen_v1_108p9', 'adyen_v1_110p3'],
    battery: false,
    printer: false,
    isEncrypted: false,
  },
] as const;
const DISTRICTS = [
  '',
  'Centrum',
  'Norra',
  'Södra',
  'Östra',
  'Västra',
  'Stationen',
  'Hamnen',
  'Torget',
] as const;

const FEWEST_LANES = 2;
const MOST_LANES = 20;

/** An estate of `stores` stores and `terminals` terminals in all, both 1 or more. The same seed gives the same. */
export function planEstate(stores: number, terminals: number, seed: number): EstatePlan {
  const random = makeRandom(seed);
  const names = new Map<string, number>();
  const plannedStores = Array.from({ length: stores }, (_, index) =>
    planStore(index, stores, names, seed, random),
  );
  const lanes = shareOut(terminals, plannedStores, random);
  const serials = makeSerials(random);
  const targets = plannedStores.flatMap((store, index) => [
    planGateway(store),
    ...planTerminals(store, lanes[index] ?? 0, serials, random),
  ]);
  const chains = CHAINS.filter(({ name }) => plannedStores.some(({ chain }) => chain === name));
  return { stores: plannedStores, targets: [...targets, ...chains.map(planWeb), planSwish()] };
}

function planStore(
  index: number,
  stores: number,
  names: Map<string, number>,
  seed: number,
  random: () => number,
): PlannedStore {
  const chain = CHAINS[CHAIN_TURNS[index % CHAIN_TURNS.length] ?? 0] ?? CHAINS[0];
  const isOverTheBorder = stores >= NEIGHBOURS_FROM && index % 5 === 4;
  const town = pick(random, isOverTheBorder ? NEIGHBOUR_TOWNS : HOME_TOWNS, ({ weight }) => weight);
  const size = chain.size * (0.5 + random());
  const id = `S${String(index + 1).padStart(4, '0')}`;
  const tillRank = rankOf(seed, `till system of ${id}`);
  return {
    id,
    name: nameStore(chain, town, names),
    chain: chain.name,
    region: town.region,
    city: town.name,
    latitude: round(town.latitude + (random() - 0.5) / 50, 4),
    longitude: round(town.longitude + (random() - 0.5) / 25, 4),
    openingHours: size > 1 ? 'Mo-Su 07:00-22:00' : 'Mo-Sa 08:00-21:00; Su 10:00-20:00',
    weeklySales: Math.round(size * 1_600) * 1_000,
    network: pick(random, NETWORKS, ({ weight }) => weight).name,
    tillSystem: pick(
      () => tillRank,
      TILL_SYSTEMS,
      ({ weight }) => weight,
    ).name,
  };
}

function nameStore(chain: Chain, town: Town, names: Map<string, number>): string {
  const first = `${chain.name} ${town.name}`;
  const before = names.get(first) ?? 0;
  names.set(first, before + 1);
  const district = DISTRICTS[before] ?? String(before + 1);
  return district === '' ? first : `${first} ${district}`;
}

/** Shares `terminals` out by the stores' size, 2 to 20 each wherever the number allows it. */
function shareOut(
  terminals: number,
  stores: readonly PlannedStore[],
  random: () => number,
): readonly number[] {
  const wishes = stores.map(({ weeklySales }) => weeklySales * (0.8 + 0.4 * random()));
  const total = wishes.reduce((sum, wish) => sum + wish, 0);
  const exact = wishes.map((wish) => (terminals * wish) / total);
  const lanes = exact.map(Math.floor);
  let left = terminals - lanes.reduce((sum, count) => sum + count, 0);
  const byRemainder = exact
    .map((share, index) => ({ index, rest: share % 1 }))
    .sort((a, b) => b.rest - a.rest);
  for (const { index } of byRemainder) {
    if (left-- <= 0) break;
    lanes[index] = (lanes[index] ?? 0) + 1;
  }
  for (;;) {
    const most = indexOfExtreme(lanes, (a, b) => a > b);
    const fewest = indexOfExtreme(lanes, (a, b) => a < b);
    const [high, low] = [lanes[most] ?? 0, lanes[fewest] ?? 0];
    const isUneven = (low < FEWEST_LANES && high > FEWEST_LANES) || (high > MOST_LANES && low < MOST_LANES);
    if (!isUneven) return lanes;
    lanes[most] = high - 1;
    lanes[fewest] = low + 1;
  }
}

function indexOfExtreme(values: readonly number[], isBeyond: (a: number, b: number) => boolean): number {
  return values.reduce((best, value, index) => (isBeyond(value, values[best] ?? value) ? index : best), 0);
}

/** Nine digits each, no two alike: a stride that shares no factor with the range. */
function makeSerials(random: () => number): () => number {
  const range = 900_000_000;
  let next = Math.floor(random() * range);
  return () => {
    next = (next + 7_368_787) % range;
    return 100_000_000 + next;
  };
}

function planTerminals(
  store: PlannedStore,
  count: number,
  nextSerial: () => number,
  random: () => number,
): readonly PlannedTarget[] {
  const acquirer = pick(random, ACQUIRERS, ({ weight }) => weight).name;
  return Array.from({ length: count }, (_, index) => {
    const model = pick(random, MODELS, ({ weight }) => weight);
    const device: Device = {
      model: model.name,
      firmware: random() < 0.7 ? model.firmwares[1] : model.firmwares[0],
      acquirer,
      lane: String(index + 1),
      isEncrypted: model.isEncrypted,
      hasPrinter: model.printer,
      ...(model.battery ? { batteryPercent: 55 + Math.floor(random() * 46) } : {}),
    };
    const { firmware, lane } = device;
    const own = { model: model.name, firmware, acquirer, lane };
    return { ...makeTarget(`${model.name}-${nextSerial()}`, 'terminal', store, own), device };
  });
}

function planGateway(store: PlannedStore): PlannedTarget {
  return makeTarget(`gateway-${store.id}`, 'gateway', store, {});
}

function planWeb(chain: Chain): PlannedTarget {
  return makeTarget(`web-${chain.slug}`, 'web', undefined, { chain: chain.name });
}

function planSwish(): PlannedTarget {
  return makeTarget('swish', 'swish', undefined, {});
}

function makeTarget(
  id: string,
  kind: TargetKind,
  store: PlannedStore | undefined,
  own: Labels,
): PlannedTarget {
  if (store === undefined) return { id, kind, labels: { ...own, kind, target: id } };
  const { id: storeId, chain, region, city, network, tillSystem } = store;
  const ofStore = { store: storeId, chain, region, city, network, till_system: tillSystem };
  return { id, kind, store, labels: { ...ofStore, ...own, kind, target: id } };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
