import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseCsv } from '../../src/settings/csv-table.ts';
import { toStoreId } from '../../src/estate/ids.ts';
import { problemsOf, settingsOf } from './config-folder.ts';

const ESTATE = { 'kassavakt.yaml': 'estate: { stores: stores.csv }\n' };
const PLAIN = 'store_id,name,city\nS1,Älvkläpp Åmål,Åmål\nS2,Solhaga,"Sunne, norr"\n';

async function storesFrom(stores: string | Uint8Array): Promise<unknown> {
  const { estate } = await settingsOf({ ...ESTATE, 'stores.csv': stores });
  return Array.from(estate.stores.values(), ({ id, name, city }) => [id, name, city]);
}

function utf16(text: string): Buffer {
  return Buffer.from(`\uFEFF${text}`, 'utf16le');
}

describe('a CSV file reads the same', () => {
  test.each([
    { name: 'as it is', content: PLAIN },
    { name: 'with a byte-order mark', content: `\uFEFF${PLAIN}` },
    { name: 'with the line ends of Windows', content: PLAIN.replaceAll('\n', '\r\n') },
    { name: 'with the line ends of old Macs', content: PLAIN.replaceAll('\n', '\r') },
    { name: 'without a newline at its end', content: PLAIN.trimEnd() },
    { name: 'with blank lines', content: `\n${PLAIN.replaceAll('\n', '\n\n  \n')}` },
    { name: 'with rows of empty cells', content: `${PLAIN},,\n,,\n` },
    { name: 'in Latin-1', content: Buffer.from(PLAIN, 'latin1') },
    {
      name: 'in Latin-1 behind the mark of UTF-8',
      content: Buffer.concat([Buffer.from('\uFEFF'), Buffer.from(PLAIN, 'latin1')]),
    },
    { name: 'in UTF-16', content: utf16(PLAIN) },
    { name: 'in UTF-16, big end first', content: utf16(PLAIN).swap16() },
    {
      name: 'with semicolons',
      content: 'store_id;name;city\nS1;Älvkläpp Åmål;Åmål\nS2;Solhaga;Sunne, norr\n',
    },
    {
      name: 'with tabs',
      content: 'store_id\tname\tcity\nS1\tÄlvkläpp Åmål\tÅmål\nS2\tSolhaga\tSunne, norr\n',
    },
    {
      name: 'with everything in quotes',
      content: '"store_id","name","city"\n"S1","Älvkläpp Åmål","Åmål"\n"S2","Solhaga","Sunne, norr"\n',
    },
    {
      name: 'with spaces around the cells',
      content: 'store_id, name, city\nS1 , Älvkläpp Åmål,\tÅmål\n S2,Solhaga, "Sunne, norr" \n',
    },
    {
      name: 'with a delimiter of another kind in a quoted column name',
      content: 'store_id,name,"city"\nS1,Älvkläpp Åmål,Åmål\nS2,Solhaga,"Sunne, norr"\n',
    },
  ])('$name', async ({ content }) => {
    expect(await storesFrom(content)).toEqual([
      ['S1', 'Älvkläpp Åmål', 'Åmål'],
      ['S2', 'Solhaga', 'Sunne, norr'],
    ]);
  });

  test('in Windows-1252, where it differs from Latin-1', async () => {
    const content = Buffer.from('store_id,name\nS1,Caf\u00e9 \u0080 \u0096 x\n', 'latin1');
    expect(await storesFrom(content)).toEqual([['S1', 'Café € – x', undefined]]);
  });

  test('with quotes and line breaks inside cells', async () => {
    const content = 'store_id,name,city\r\nS1,"Butik ""Ettan""","två\r\nrader"\r\nS2,b,c\r\n';
    expect(await storesFrom(content)).toEqual([
      ['S1', 'Butik "Ettan"', 'två\nrader'],
      ['S2', 'b', 'c'],
    ]);
  });
});

describe('a number in a CSV file', () => {
  const read = async (column: string, text: string): Promise<unknown> => {
    const content = `store_id;name;${column}\nS1;a;${text}\n`;
    return (await settingsOf({ ...ESTATE, 'stores.csv': content })).estate.stores.get(toStoreId('S1'));
  };

  test.each([
    { text: '1250000', ore: 125_000_000 },
    { text: '1250000.5', ore: 125_000_050 },
    { text: '1250000,55', ore: 125_000_055 },
    { text: '1 250 000', ore: 125_000_000 },
    { text: '1\u00a0250\u00a0000,10', ore: 125_000_010 },
    { text: '0', ore: 0 },
    { text: '0.29', ore: 29 },
  ])('is money: $text', async ({ text, ore }) => {
    expect(await read('weekly_sales', text)).toMatchObject({ weeklySalesOre: ore });
  });

  test.each(['1,250', '1.250.000', '-5', '1e6', '12 50', '1 250 00', 'SEK 5', '0.001', '99999999999999999'])(
    'is no money: %s',
    async (text) => {
      expect(
        await problemsOf({ ...ESTATE, 'stores.csv': `store_id;name;weekly_sales\nS1;a;${text}\n` }),
      ).toEqual([
        `stores.csv:2:6: "${text}" is not an amount; write SEK an ordinary week, as in 1250000 or 1250000.50`,
      ]);
    },
  );

  test.each([
    { text: '59.3793', latitude: 59.3793 },
    { text: '59,3793', latitude: 59.3793 },
    { text: '-90', latitude: -90 },
    { text: '0', latitude: 0 },
  ])('is a latitude: $text', async ({ text, latitude }) => {
    expect(await read('latitude', text)).toMatchObject({ latitude });
  });

  test.each(['90.1', '59°', '5e1', 'Infinity', '0x10', '.'])('is no latitude: %s', async (text) => {
    expect(await problemsOf({ ...ESTATE, 'stores.csv': `store_id;name;latitude\nS1;a;${text}\n` })).toEqual([
      `stores.csv:2:6: "${text}" is not a latitude; write degrees from -90 to 90, as in 59.3793`,
    ]);
  });
});

describe('a file that is no text is refused', () => {
  test.each([
    {
      name: 'a spreadsheet under the wrong name',
      content: Buffer.from('store_id\nPK\u0003\u0004'),
      problem:
        'stores.csv:2:3: the character U+0003 does not belong in a text file; save the file as UTF-8 text',
    },
    {
      name: 'UTF-8 with a byte of something else in it',
      content: Buffer.concat([Buffer.from('store_id,name\nS1,'), Buffer.from([0xe5]), Buffer.from('Åmål\n')]),
      problem:
        'stores.csv:2:5: the file is partly UTF-8 and partly something else, so its letters cannot be told; save it as UTF-8',
    },
    {
      name: 'nothing but blank lines',
      content: '\n \n',
      problem: 'stores.csv:1:1: the file is empty; its first line must name the columns',
    },
  ])('$name', async ({ content, problem }) => {
    expect(await problemsOf({ ...ESTATE, 'stores.csv': content })).toEqual([problem]);
  });
});

describe('positions', () => {
  test.each([
    {
      name: 'after blank lines',
      content: '\nstore_id,name,latitude\n\n\nS1,a,x\n',
      place: '5:6',
    },
    {
      name: 'after a cell that stretches',
      content: 'store_id,name,latitude\nS1,"a\nb\nc",x\n',
      place: '4:4',
    },
    {
      name: 'in the row after one that stretches',
      content: 'store_id,name,latitude\r\nS1,"a\r\nb",1\r\nS2,b,x\r\n',
      place: '4:6',
    },
    {
      name: 'of a quoted cell, at its quote',
      content: 'store_id,name,latitude\nS1,"a, ""b""","x"\n',
      place: '2:15',
    },
    {
      name: 'past spaces',
      content: 'store_id,name,latitude\nS1, a,  x\n',
      place: '2:9',
    },
  ])('are right $name', async ({ content, place }) => {
    expect(await problemsOf({ ...ESTATE, 'stores.csv': content })).toEqual([
      `stores.csv:${place}: "x" is not a latitude; write degrees from -90 to 90, as in 59.3793`,
    ]);
  });

  test('and cells are right in whatever a table holds', async () => {
    const cell = fc.string({ unit: fc.constantFrom('a', 'å', '😀', ' ', ',', ';', '"', '\n'), maxLength: 6 });
    const tables = fc.array(fc.array(cell, { minLength: 3, maxLength: 3 }), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(tables, async (table) => {
        const body = table.map((row) => row.map((text) => `"${text.replaceAll('"', '""')}"`).join(','));
        const text = ['x,y,z', ...body].join('\n');
        const parsed = await parseCsv(text);
        if (!parsed.ok) throw new Error(parsed.error.message);
        const full = table
          .map((row) => row.map((text) => text.trim()))
          .filter((row) => row.some((text) => text !== ''));
        expect(parsed.value.rows.map(({ cells }) => cells)).toEqual(full);
        const lines = text.split('\n');
        for (const row of parsed.value.rows) {
          for (const i of row.cells.keys()) {
            const { line, column } = parsed.value.positionOf(row, i);
            expect(lines[line - 1]?.[column - 1]).toBe('"');
          }
        }
      }),
    );
  });
});
