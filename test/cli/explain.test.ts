import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addExplain } from '../../src/cli/explain.ts';
import { type Ran, runCli } from './cli-double.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kassavakt-explain-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let files = 0;
async function explain(text: string | Uint8Array, ...options: readonly string[]): Promise<Ran> {
  const file = join(folder, `failures-${files++}.csv`);
  await writeFile(file, text);
  const ran = await runCli(addExplain, ['explain', file, ...options]);
  return { ...ran, complained: ran.complained.map((line) => line.replace(file, 'FILE')) };
}

/** 120 terminals of four chains with three models, written with `delimiter`. */
function table(stateOf: (chain: string, i: number) => string, delimiter = ','): string {
  const chains = ['Solhaga', 'Åkerbo', 'Lindö', 'Ekvik'];
  const rows = Array.from({ length: 120 }, (_, i) => {
    const chain = chains[i % 4] ?? '';
    return [`T${i}`, chain, `M${Math.floor(i / 4) % 3}`, stateOf(chain, i)].join(delimiter);
  });
  return [['terminal', 'chain', 'model', 'state'].join(delimiter), ...rows].join('\n');
}

describe('kassavakt explain', () => {
  test('says in sentences what failures share', async () => {
    const ran = await explain(table((chain) => (chain === 'Solhaga' ? 'down' : 'up')));
    expect(ran).toEqual({
      code: 0,
      printed: ['30 of 120 are down.', 'All 30 of chain=Solhaga are down (confidence 99 %).'],
      complained: [],
    });
  });

  test('says how many still answer, of how many nothing is known, and how many failures are left', async () => {
    const ran = await explain(
      table((chain, i) => {
        if (i === 0) return 'up';
        if (i === 4) return 'unknown';
        return chain === 'Solhaga' || i === 7 ? 'down' : 'up';
      }),
    );
    expect(ran.printed).toEqual([
      '29 of 120 are down, 1 is unknown.',
      '28 of 30 of chain=Solhaga are down; 1 still answers; nothing is known of 1 (confidence 99 %).',
      '1 is down besides, and nothing explains it.',
    ]);
  });

  test('writes JSON, best first', async () => {
    const ran = await explain(
      table((chain, i) => (chain === 'Lindö' || (chain === 'Ekvik' && i % 3 === 0) ? 'down' : 'up')),
      '--json',
    );
    expect(ran.code).toBe(0);
    expect(JSON.parse(ran.printed.join('\n'))).toEqual([
      { scope: { chain: 'Lindö' }, down: 30, members: 30, confidence: expect.any(Number) },
      { scope: { chain: 'Ekvik', model: 'M0' }, down: 10, members: 10, confidence: expect.any(Number) },
    ]);
  });

  test('tells of a second scope that fits as well', async () => {
    const text = table((chain) => (chain === 'Ekvik' ? 'down' : 'up'))
      .split('\n')
      .map((line, i) => `${line},${i === 0 ? 'bank' : line.includes('Ekvik') ? 'Nordsken' : 'Vinterbank'}`)
      .join('\n');
    const sentences = await explain(text);
    expect(sentences.printed).toContain('  bank=Nordsken explains it as well.');
    const [first] = JSON.parse((await explain(text, '--json')).printed.join('\n')) as readonly unknown[];
    expect(first).toMatchObject({ scope: { chain: 'Ekvik' }, also: [{ bank: 'Nordsken' }] });
  });

  test('answers that nothing is down, and that nothing explains what is', async () => {
    const well = table(() => 'up');
    expect(await explain(well)).toMatchObject({ code: 0, printed: ['None of 120 is down.'] });
    expect(await explain(well, '--json')).toMatchObject({ code: 0, printed: ['[]'] });
    const scattered = await explain(table((_, i) => (i === 5 || i === 50 ? 'down' : 'up')));
    expect(scattered).toMatchObject({
      code: 0,
      printed: ['2 of 120 are down.', 'Nothing that they share explains them.'],
    });
  });

  test.each([
    { name: 'a byte-order mark', write: (text: string) => `\uFEFF${text}` },
    { name: 'Latin-1', write: (text: string) => Buffer.from(text, 'latin1') },
    { name: 'Windows line ends', write: (text: string) => text.replaceAll('\n', '\r\n') },
    { name: 'capital letters and blanks', write: (text: string) => text.replaceAll(',down', ', Down ') },
    { name: 'semicolons', delimiter: ';', write: (text: string) => text },
    { name: 'tabs', delimiter: '\t', write: (text: string) => text },
  ])('reads a spreadsheet with $name', async ({ delimiter, write }) => {
    const text = table((chain) => (chain === 'Åkerbo' ? 'down' : 'up'), delimiter);
    const ran = await explain(write(text));
    expect(ran.complained).toEqual([]);
    expect(ran.printed).toContain('All 30 of chain=Åkerbo are down (confidence 99 %).');
  });

  test.each([
    {
      name: 'a state of another name',
      text: 'id,state,chain\nT1,up,A\nT2,dwn,A',
      says: 'FILE:3:4: the state is "dwn"; write up, down or unknown, did you mean "down"?',
    },
    {
      name: 'a row without a state',
      text: 'id,chain,state\nT1,A,',
      says: 'FILE:2:6: the state is ""; write up, down or unknown',
    },
    {
      name: 'no column for the state',
      text: 'id,chain\nT1,A',
      says: 'FILE:1:1: there is no column "state"; add one that says up, down or unknown in each row',
    },
    {
      name: 'a column that may be the state',
      text: 'id,State,chain\nT1,up,A',
      says: 'FILE:1:4: there is no column "state"; rename "State" if it is the one',
    },
    {
      name: 'the state where the id belongs',
      text: 'state,chain\nup,A',
      says: 'FILE:1:1: the first column is "state"; put a column before it that names each row, as an id',
    },
    {
      name: 'no labels',
      text: 'id,state\nT1,up',
      says: 'FILE:1:1: there are no labels: add columns that say what rows share, such as chain, region or model',
    },
    {
      name: 'an id twice',
      text: 'id,state,chain\nT1,up,A\nT2,up,A\nT1,down,A',
      says: 'FILE:4:1: "T1" stands in line 2 already; give each row an id of its own',
    },
    {
      name: 'a row without an id',
      text: 'id,state,chain\n,up,A',
      says: 'FILE:2:1: this row has no id; give it one of its own in the first column',
    },
    {
      name: 'a label twice',
      text: 'id,state,chain,chain\nT1,up,A,B',
      says: 'FILE:1:16: column "chain" stands twice, as columns 3 and 4; keep one',
    },
    {
      name: 'a column without a name',
      text: 'id,state,,chain\nT1,up,A,B',
      says: 'FILE:1:10: column 3 has no name; name it or remove it',
    },
    {
      name: 'too many cells in a row',
      text: 'id,state,chain\nT1,up,A,B',
      says: 'FILE:2:1: this row has 4 cells, the header has 3 columns; put a cell that contains "," in quotes',
    },
    {
      name: 'too few cells in a row',
      text: 'id;state;chain\nT1;up',
      says: 'FILE:2:1: this row has 2 cells, the header has 3 columns; add the missing ones',
    },
    {
      name: 'a header alone',
      text: 'id,state,chain\n',
      says: 'FILE:1:1: there are no rows below the header; add one for each thing that can fail',
    },
    {
      name: 'an empty file',
      text: '',
      says: 'FILE:1:1: the file is empty; its first line must name the columns',
    },
    {
      name: 'a quote that is never closed',
      text: 'id,state,chain\nT1,up,"A',
      says: expect.stringMatching(/^FILE:2:\d+: the quote that opens this cell is never closed/),
    },
  ])('refuses $name and says where and what to change', async ({ text, says }) => {
    expect(await explain(text)).toEqual({ code: 2, printed: [], complained: [says] });
  });

  test('shows the first twenty mistakes of many', async () => {
    const ran = await explain(table(() => 'gone'));
    expect(ran.code).toBe(2);
    expect(ran.complained).toHaveLength(21);
    expect(ran.complained.at(-1)).toBe('… and 100 more');
  });

  test('says that there is no such file', async () => {
    const missing = join(folder, 'missing.csv');
    await expect(runCli(addExplain, ['explain', missing])).rejects.toThrow(
      `cannot read "${missing}": there is no such file`,
    );
  });
});
