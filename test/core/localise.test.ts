import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LEAF_DOWN, LEAF_UNKNOWN, LEAF_UP, makeLeafTable } from '../../src/core/leaf-table.ts';
import { type Explanation, localise } from '../../src/core/localise.ts';

type Row = Readonly<Record<string, string>>;

const LABELS = ['chain', 'store', 'region', 'acquirer', 'model', 'firmware'];

/** 720 terminals in 60 stores of 5 chains and 4 regions, of 4 models with 2 firmwares each. No chance in it. */
const ESTATE: readonly Row[] = Array.from({ length: 720 }, (_, i) => {
  const store = Math.floor(i / 12);
  const model = (i * 7) % 4;
  return {
    chain: `C${store % 5}`,
    store: `S${store}`,
    region: `R${Math.floor(store / 15)}`,
    acquirer: `A${store % 5 < 2 ? 0 : store % 5}`,
    model: `M${model}`,
    firmware: `M${model}-F${Math.floor(i / 4) % 2}`,
  };
});

function explain(rows: readonly Row[], stateOf: (row: Row, i: number) => number): readonly Explanation[] {
  return localise(makeLeafTable(LABELS, rows), Uint8Array.from(rows, stateOf));
}

function has(row: Row, scope: Row): boolean {
  return Object.entries(scope).every(([label, value]) => row[label] === value);
}

const firstScopes = (explanations: readonly Explanation[]): readonly Row[] =>
  explanations.map(({ scopes }) => scopes[0] ?? {});

const sorted = (scopes: readonly Row[]): readonly string[] =>
  scopes.map((scope) => LABELS.map((label) => `${label}=${scope[label] ?? ''}`).join()).toSorted();

describe('localise', () => {
  test.each([
    { name: 'one chain', causes: [{ chain: 'C2' }] },
    { name: 'one store', causes: [{ store: 'S17' }] },
    { name: 'one model, whatever the store', causes: [{ model: 'M1' }] },
    { name: 'one firmware and not its model', causes: [{ firmware: 'M3-F1' }] },
    { name: 'an acquirer of two chains and not both chains', causes: [{ acquirer: 'A0' }] },
    { name: 'a chain in a region', causes: [{ chain: 'C3', region: 'R1' }] },
    { name: 'two causes that share terminals', causes: [{ chain: 'C2' }, { model: 'M0' }] },
    {
      name: 'three causes of unequal size',
      causes: [{ region: 'R3' }, { store: 'S4' }, { chain: 'C1', model: 'M2' }],
    },
  ] as const satisfies readonly { name: string; causes: readonly Row[] }[])('names $name', ({ causes }) => {
    const found = explain(ESTATE, (row) => (causes.some((cause) => has(row, cause)) ? LEAF_DOWN : LEAF_UP));
    expect(sorted(firstScopes(found))).toEqual(sorted(causes));
    for (const { down, members, up, leaves } of found) {
      expect({ down, up, length: leaves.length }).toEqual({ down: members, up: 0, length: members });
    }
  });

  test('names a scope though three in ten of its members answer, and says how many', () => {
    const [found, ...others] = explain(ESTATE, (row, i) =>
      has(row, { chain: 'C2' }) && ((i * 37) % 101) % 10 >= 3 ? LEAF_DOWN : LEAF_UP,
    );
    expect(others).toEqual([]);
    expect(found?.scopes).toContainEqual({ chain: 'C2' });
    expect(found).toMatchObject({ members: 144, down: 97, up: 47 });
    expect(found?.confidence).toBeGreaterThan(0.9);
  });

  test('leaves scattered failures to chance', () => {
    expect(explain(ESTATE, (_, i) => (i % 97 === 5 ? LEAF_DOWN : LEAF_UP))).toEqual([]);
  });

  test('names a chain beside scattered failures, and not those', () => {
    const found = explain(ESTATE, (row, i) => (row['chain'] === 'C4' || i % 97 === 5 ? LEAF_DOWN : LEAF_UP));
    expect(firstScopes(found)).toEqual([{ chain: 'C4' }]);
  });

  test('says both where two labels name the same, in the order of the labels', () => {
    const [found] = explain(ESTATE, (row) => (row['chain'] === 'C3' ? LEAF_DOWN : LEAF_UP));
    expect(found?.scopes).toEqual([{ chain: 'C3' }, { acquirer: 'A3' }]);
  });

  test('does not narrow a chain to the models seen failing while nine in ten are unknown', () => {
    const [found, ...others] = explain(ESTATE, (row, i) => {
      if (Math.floor(i / 12 + i) % 10 !== 0) return LEAF_UNKNOWN;
      return row['chain'] === 'C2' ? LEAF_DOWN : LEAF_UP;
    });
    expect(others).toEqual([]);
    expect(found?.scopes[0]).toEqual({ chain: 'C2' });
    expect(found?.members).toBe(144);
    expect(found?.up).toBe(0);
    expect(found?.down).toBeLessThan(20);
  });

  test('says that everything is down with an empty scope', () => {
    const [found, ...others] = explain(ESTATE, () => LEAF_DOWN);
    expect(others).toEqual([]);
    expect(found).toMatchObject({ scopes: [{}], members: 720, down: 720 });
  });

  test('does not call everything down for the first two of which anything is known', () => {
    expect(explain(ESTATE, (_, i) => (i % 360 === 0 ? LEAF_DOWN : LEAF_UNKNOWN))).toEqual([]);
  });

  test('puts the cause that explains most first', () => {
    const causes = [{ store: 'S50' }, { chain: 'C1' }, { chain: 'C3', region: 'R2' }];
    const found = explain(ESTATE, (row) => (causes.some((cause) => has(row, cause)) ? LEAF_DOWN : LEAF_UP));
    expect(firstScopes(found)).toEqual([{ chain: 'C1' }, { chain: 'C3', region: 'R2' }, { store: 'S50' }]);
  });

  test('takes a row without a label for a member of none of its values', () => {
    const rows = ESTATE.map(({ chain = '', ...row }, i): Row => (i % 2 === 0 ? { ...row, chain } : row));
    const [found] = explain(rows, (row) => (row['chain'] === 'C1' ? LEAF_DOWN : LEAF_UP));
    expect(found).toMatchObject({ scopes: [{ chain: 'C1' }], members: 72, down: 72, up: 0 });
  });

  test('finds nothing in an empty table and in one without labels', () => {
    expect(localise(makeLeafTable(LABELS, []), new Uint8Array(0))).toEqual([]);
    expect(localise(makeLeafTable([], [{}, {}]), Uint8Array.of(LEAF_UP, LEAF_DOWN))).toEqual([]);
  });
});

describe('whatever the estate', () => {
  const row = fc.record({
    chain: fc.constantFrom('a', 'b', 'c', 'd'),
    region: fc.constantFrom('a', 'b', 'c', ''),
    model: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
  });
  const NAMES = ['chain', 'region', 'model'];
  const estate = fc.array(fc.tuple(row, fc.constantFrom(LEAF_UP, LEAF_UP, LEAF_DOWN, LEAF_UNKNOWN)), {
    minLength: 30,
    maxLength: 90,
    size: 'max',
  });
  /** A cause in it, so that there is something to find. */
  const broken = fc
    .tuple(estate, fc.constantFrom<Row>({ chain: 'a' }, { model: 'b' }, { chain: 'b', model: 'c' }))
    .map(([rows, cause]) => rows.map(([row, state]) => [row, has(row, cause) ? LEAF_DOWN : state] as const));
  type Rows = readonly (readonly [Row, number])[];
  const search = (rows: Rows): readonly Explanation[] =>
    localise(
      makeLeafTable(
        NAMES,
        rows.map(([row]) => row),
      ),
      Uint8Array.from(rows, ([, state]) => state),
    );
  /** All but the numbers of the leaves. */
  const told = (explanations: readonly Explanation[]): readonly unknown[] =>
    explanations.map(({ scopes, members, down, up, confidence }) => ({
      scopes,
      counts: [members, down, up],
      confidence: confidence.toFixed(6),
    }));

  const byText = (all: readonly unknown[]): readonly string[] =>
    all.map((each) => JSON.stringify(each)).toSorted();

  test('the order of the rows changes nothing', () => {
    fc.assert(
      fc.property(broken, fc.infiniteStream(fc.nat()), (rows, keys) => {
        const shuffled = rows
          .map((row) => ({ row, key: keys.next().value ?? 0 }))
          .toSorted((a, b) => a.key - b.key)
          .map(({ row }) => row);
        expect(told(search(shuffled))).toEqual(told(search(rows)));
      }),
      { numRuns: 300 },
    );
  });

  test('other names for the values change nothing but the names', () => {
    fc.assert(
      fc.property(broken, (rows) => {
        const rename = (row: Row): Row =>
          Object.fromEntries(
            Object.entries(row).map(([label, value]) => [
              label,
              'fedcba'['abcdef'.indexOf(value || '-')] ?? '',
            ]),
          );
        const renamed = search(rows.map(([row, state]) => [rename(row), state]));
        const expected = search(rows).map((found) => ({ ...found, scopes: found.scopes.map(rename) }));
        // Those that explain equally well are ordered by their names.
        expect(byText(told(renamed))).toEqual(byText(told(expected)));
      }),
      { numRuns: 300 },
    );
  });

  test('what is not down needs no explanation', () => {
    fc.assert(
      fc.property(broken, (rows) => {
        const well = rows.map(([row, state]) => [row, state === LEAF_DOWN ? LEAF_UP : state] as const);
        expect(search(well)).toEqual([]);
      }),
    );
  });

  test('each scope names its leaves, and the counts are theirs', () => {
    fc.assert(
      fc.property(broken, (rows) => {
        for (const { scopes, leaves, members, down, up, confidence } of search(rows)) {
          const [scope = {}] = scopes;
          const own = rows.flatMap(([row], i) => (has(row, scope) ? [i] : []));
          expect(Array.from(leaves)).toEqual(own);
          expect(members).toBe(own.length);
          expect(down).toBe(own.filter((i) => rows[i]?.[1] === LEAF_DOWN).length);
          expect(up).toBe(own.filter((i) => rows[i]?.[1] === LEAF_UP).length);
          expect(down).toBeGreaterThanOrEqual(2);
          expect(confidence).toBeGreaterThan(0);
          expect(confidence).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 300 },
    );
  });
});
