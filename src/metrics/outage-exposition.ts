import type { Incident, MethodState } from '../core/events.ts';
import { scopeLabels, scopeText } from '../core/scope-labels.ts';
import type { Estate, Store } from '../estate/estate.ts';
import { fnv1a } from '../lib/hash.ts';
import { makePace } from '../lib/pace.ts';
import { OUTAGE_FAMILIES } from './catalogue.ts';
import { type Format, labelPair, sampleValue } from './exposition-text.ts';
import type { OutageFacts } from './outage-facts.ts';
import { ALL, type Shard } from './shard.ts';

/** Rows written in one piece at most, and rows between two looks at the clock. */
const PIECE_ROWS = 1_000;
const CHECK_ROWS = 50;

/** What `kassavakt_payment_method_state` says; part of its help and of every dashboard. */
const METHOD_VALUE: Readonly<Record<MethodState, number>> = {
  unknown: 0,
  available: 1,
  degraded: 2,
  'offline-only': 3,
  down: 4,
};

/** A row's series of one family: labels as written and value. */
type Lines<Row> = (row: Row) => Iterable<readonly [labels: string, value: number]>;

/**
 * Series of stores and of open incidents, in slices that let other work run between them. Each store and incident is in
 * the one shard that its id gives; those that go away while a page is written are in none of the later families.
 */
export async function* renderOutages(
  facts: OutageFacts,
  format: Format,
  shard: Shard = ALL,
): AsyncGenerator<string, void, undefined> {
  const isHere = (id: string): boolean => fnv1a(id) % shard.shards === shard.shard;
  const storesHere = function* (): Generator<Store> {
    for (const store of facts.estate().stores.values()) if (isHere(store.id)) yield store;
  };
  const methodsOf = (store: Store) => facts.methodsOf(store);
  yield* renderFamily('kassavakt_payment_method_available', format, storesHere, function* (store) {
    for (const [method, state] of methodsOf(store)) {
      if (state !== 'unknown') yield [methodLabels(store, method), state === 'down' ? 0 : 1];
    }
  });
  yield* renderFamily('kassavakt_payment_method_state', format, storesHere, function* (store) {
    for (const [method, state] of methodsOf(store)) yield [methodLabels(store, method), METHOD_VALUE[state]];
  });
  yield* renderFamily('kassavakt_store_open', format, storesHere, function* (store) {
    const isOpen = facts.isOpen(store);
    if (isOpen !== undefined) yield [pairs({ store: store.id, chain: store.chain }), isOpen ? 1 : 0];
  });
  yield* renderFamily('kassavakt_store_info', format, storesHere, (store) => [[infoLabels(store), 1]]);

  const incidents = facts.incidents().filter(({ id }) => isHere(id));
  yield* renderFamily(
    'kassavakt_incident_targets_down',
    format,
    () => incidents,
    (incident) => [[incidentLabels(incident, facts.estate()), incident.targetsDown]],
  );
  yield* renderFamily(
    'kassavakt_incident_start_timestamp_seconds',
    format,
    () => incidents,
    (incident) => [[labelPair('incident', incident.id), incident.openedAtMs / 1_000]],
  );
}

async function* renderFamily<Row>(
  name: keyof typeof OUTAGE_FAMILIES,
  format: Format,
  rows: () => Iterable<Row>,
  linesOf: Lines<Row>,
): AsyncGenerator<string, void, undefined> {
  const { type, help } = OUTAGE_FAMILIES[name];
  const pace = makePace();
  let text = format.head(name, type, help);
  let count = 0;
  for (const row of rows()) {
    for (const [labels, value] of linesOf(row)) text += `${name}{${labels}} ${sampleValue(value)}\n`;
    count++;
    if (count % PIECE_ROWS === 0 || (count % CHECK_ROWS === 0 && pace.isDue())) {
      yield text;
      text = '';
      await pace.turn();
    }
  }
  yield text;
}

function methodLabels({ id, chain }: Store, method: string): string {
  return pairs({ store: id, chain, payment_method: method });
}

function infoLabels({ id, chain, name, region, city, latitude, longitude }: Store): string {
  return pairs({
    store: id,
    chain,
    name,
    region,
    city,
    latitude: latitude === undefined ? undefined : String(latitude),
    longitude: longitude === undefined ? undefined : String(longitude),
  });
}

function incidentLabels({ id, severity, scope }: Incident, estate: Estate): string {
  return pairs({
    incident: id,
    severity,
    scope: scopeText(scope),
    chain: scopeLabels(scope, estate)['chain'],
  });
}

/** What is absent or empty is left out. */
function pairs(labels: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(labels)
    .flatMap(([name, value]) => (value === undefined || value === '' ? [] : [labelPair(name, value)]))
    .join(',');
}
