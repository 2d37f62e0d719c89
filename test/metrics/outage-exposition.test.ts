import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { METHOD_STATES } from '../../src/core/events.ts';
import { OUTAGE_FAMILIES } from '../../src/metrics/catalogue.ts';
import { OPENMETRICS_FORMAT, TEXT_FORMAT } from '../../src/metrics/exposition-text.ts';
import { renderOutages } from '../../src/metrics/outage-exposition.ts';
import type { Shard } from '../../src/metrics/shard.ts';
import { makeIncident, makeOutages, makeShop } from './outages.ts';
import { makeTarget } from './targets.ts';

async function pageOf({ facts }: ReturnType<typeof makeOutages>, shard?: Shard, format = TEXT_FORMAT) {
  return (await Array.fromAsync(renderOutages(facts, format, shard))).join('');
}

const samplesOf = (page: string): string[] =>
  page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

describe('series of stores and incidents', () => {
  test('are those of the catalogue, with their helps, types and labels', async () => {
    const outages = makeOutages({
      stores: [
        makeShop('s1', {
          name: 'Järn & Bygg "Åmål"',
          chain: 'Järn & Bygg',
          region: 'Värmland',
          city: 'Åmål',
          latitude: 59.05,
          longitude: 12.7,
        }),
        makeShop('s2'),
      ],
      states: { s1: { card: 'down', swish: 'degraded', web: 'unknown' }, s2: { card: 'offline-only' } },
      open: { s1: false },
      incidents: [makeIncident('i1', { scope: [{ chain: 'Järn & Bygg' }], targetsDown: 7 })],
    });
    expect(await pageOf(outages)).toBe(`\
# HELP kassavakt_payment_method_available ${OUTAGE_FAMILIES.kassavakt_payment_method_available.help}
# TYPE kassavakt_payment_method_available gauge
kassavakt_payment_method_available{store="s1",chain="Järn & Bygg",payment_method="card"} 0
kassavakt_payment_method_available{store="s1",chain="Järn & Bygg",payment_method="swish"} 1
kassavakt_payment_method_available{store="s2",payment_method="card"} 1
# HELP kassavakt_payment_method_state ${OUTAGE_FAMILIES.kassavakt_payment_method_state.help}
# TYPE kassavakt_payment_method_state gauge
kassavakt_payment_method_state{store="s1",chain="Järn & Bygg",payment_method="card"} 4
kassavakt_payment_method_state{store="s1",chain="Järn & Bygg",payment_method="swish"} 2
kassavakt_payment_method_state{store="s1",chain="Järn & Bygg",payment_method="web"} 0
kassavakt_payment_method_state{store="s2",payment_method="card"} 3
# HELP kassavakt_store_open ${OUTAGE_FAMILIES.kassavakt_store_open.help}
# TYPE kassavakt_store_open gauge
kassavakt_store_open{store="s1",chain="Järn & Bygg"} 0
# HELP kassavakt_store_info ${OUTAGE_FAMILIES.kassavakt_store_info.help}
# TYPE kassavakt_store_info gauge
kassavakt_store_info{store="s1",chain="Järn & Bygg",name="Järn & Bygg \\"Åmål\\"",region="Värmland",city="Åmål",latitude="59.05",longitude="12.7"} 1
kassavakt_store_info{store="s2",name="Shop s2"} 1
# HELP kassavakt_incident_targets_down ${OUTAGE_FAMILIES.kassavakt_incident_targets_down.help}
# TYPE kassavakt_incident_targets_down gauge
kassavakt_incident_targets_down{incident="i1",severity="critical",scope="chain=Järn & Bygg",chain="Järn & Bygg"} 7
# HELP kassavakt_incident_start_timestamp_seconds ${OUTAGE_FAMILIES.kassavakt_incident_start_timestamp_seconds.help}
# TYPE kassavakt_incident_start_timestamp_seconds gauge
kassavakt_incident_start_timestamp_seconds{incident="i1"} 1792000000.5
`);
  });

  test.each(METHOD_STATES.map((state) => ({ state })))(
    'say whether a customer can pay, and only when it is known: $state',
    async ({ state }) => {
      const outages = makeOutages({ stores: [makeShop('s1')], states: { s1: { card: state } } });
      const samples = samplesOf(await pageOf(outages));
      const values = { unknown: 0, available: 1, degraded: 2, 'offline-only': 3, down: 4 };
      expect(samples).toContain(
        `kassavakt_payment_method_state{store="s1",payment_method="card"} ${values[state]}`,
      );
      const [available] = samples.filter((line) => line.startsWith('kassavakt_payment_method_available'));
      expect(available?.split(' ')[1]).toBe(state === 'unknown' ? undefined : state === 'down' ? '0' : '1');
    },
  );

  test('vanish with the store and with the end of the incident, also from a page under way', async () => {
    const outages = makeOutages({
      stores: [makeShop('s1'), makeShop('s2')],
      states: { s1: { card: 'down' }, s2: { card: 'down' } },
      incidents: [makeIncident('i1')],
    });
    const parts = renderOutages(outages.facts, TEXT_FORMAT);
    expect((await parts.next()).value).toContain('store="s1"');
    outages.stores = outages.stores.slice(1);
    outages.incidents = [];
    const rest = (await Array.fromAsync(parts)).join('');
    expect(rest).toContain('store="s2"');
    expect(rest).not.toMatch(/store="s1"|incident="i1"/);
    expect(await pageOf(outages)).not.toContain('store="s1"');
  });

  test.each([
    { name: 'a chain', scope: [{ chain: 'Solhaga' }], text: 'chain=Solhaga', chain: 'Solhaga' },
    {
      name: 'labels together',
      scope: [{ acquirer: 'A', region: 'Värmland' }],
      text: 'acquirer=A & region=Värmland',
      chain: undefined,
    },
    {
      name: 'either of two scopes of one chain',
      scope: [
        { chain: 'Solhaga', model: 'P400' },
        { chain: 'Solhaga', firmware: '1.2' },
      ],
      text: 'chain=Solhaga & model=P400 | chain=Solhaga & firmware=1.2',
      chain: 'Solhaga',
    },
    {
      name: 'either of two chains',
      scope: [{ chain: 'Solhaga' }, { chain: 'Björka' }],
      text: 'chain=Solhaga | chain=Björka',
      chain: undefined,
    },
    { name: 'a store', scope: [{ store: 's1' }], text: 'store=s1', chain: 'Björka' },
    { name: 'a target', scope: [{ target: 'T1' }], text: 'target=T1', chain: 'Lumen' },
    { name: 'a target that is gone', scope: [{ target: 'T9' }], text: 'target=T9', chain: undefined },
  ])('tell what an incident is of: $name', async ({ scope, text, chain }) => {
    const outages = makeOutages({
      stores: [makeShop('s1', { chain: 'Björka' })],
      targets: [makeTarget('T1', { labels: { chain: 'Lumen' } })],
      incidents: [makeIncident('i1', { scope })],
    });
    const labels = `incident="i1",severity="critical",scope="${text}"${chain === undefined ? '' : `,chain="${chain}"`}`;
    expect(samplesOf(await pageOf(outages))).toContain(`kassavakt_incident_targets_down{${labels}} 12`);
  });

  test('come in shards that have each store and incident once, and together all', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.string({ unit: 'grapheme', minLength: 1 }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 5 }),
        async (ids, shards) => {
          const outages = makeOutages({
            stores: ids.map((id) => makeShop(id)),
            states: Object.fromEntries(ids.map((id) => [id, { card: 'available', swish: 'unknown' }])),
            incidents: ids.map((id) => makeIncident(id)),
          });
          const pages = await Promise.all(
            Array.from({ length: shards }, (_, shard) => pageOf(outages, { shard, shards })),
          );
          expect(pages.flatMap(samplesOf).sort()).toEqual(samplesOf(await pageOf(outages)).sort());
          for (const page of pages) {
            const starts = samplesOf(page).filter((line) => line.startsWith('kassavakt_incident_start'));
            const infos = samplesOf(page).filter((line) => line.startsWith('kassavakt_store_info'));
            expect(starts.length).toBe(infos.length);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test('say in OpenMetrics what they are, with the same samples', async () => {
    const outages = makeOutages({
      stores: [makeShop('s1')],
      states: { s1: { card: 'down' } },
      incidents: [makeIncident('i1')],
    });
    const page = await pageOf(outages, undefined, OPENMETRICS_FORMAT);
    expect(samplesOf(page)).toEqual(samplesOf(await pageOf(outages)));
    expect(page).toContain('# TYPE kassavakt_store info\n');
    expect(page).toContain(
      '# TYPE kassavakt_incident_start_timestamp_seconds gauge\n# UNIT kassavakt_incident_start_timestamp_seconds seconds\n',
    );
  });

  test('let other work run while thousands are written', async () => {
    const ids = Array.from({ length: 6_000 }, (_, i) => `s${i}`);
    const outages = makeOutages({
      stores: ids.map((id) => makeShop(id)),
      states: Object.fromEntries(ids.map((id) => [id, { card: 'down', swish: 'down' }])),
    });
    let turns = 0;
    const count = (): void => {
      turns++;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    const parts = await Array.fromAsync(renderOutages(outages.facts, TEXT_FORMAT));
    clearImmediate(timer);
    expect(turns).toBeGreaterThan(15);
    expect(Math.max(...parts.map((part) => part.length))).toBeLessThan(250_000);
    expect(samplesOf(parts.join(''))).toHaveLength(30_000);
  });
});
