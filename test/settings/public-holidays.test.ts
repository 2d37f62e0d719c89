import { describe, expect, test } from '@jest/globals';
import { toStoreId } from '../../src/estate/ids.ts';
import { problemsOf, settingsOf } from './config-folder.ts';

const STORES = [
  'store_id,name,timezone,opening_hours',
  'S1,Karlstad,,Mo-Sa 07:00-22:00; PH off',
  'S2,Oslo,Europe/Oslo,"Mo-Fr 08:00-20:00; Sa,PH 10:00-16:00"',
  'S3,Arvika,,Mo-Su 07:00-22:00',
].join('\n');
const filesWith = (holidays: string) => ({
  'stores.csv': STORES,
  'kassavakt.yaml': `estate: { stores: stores.csv, public_holidays: { ${holidays} } }\n`,
});

describe('estate.public_holidays', () => {
  test('are those of the zone of each store whose hours are about them', async () => {
    const files = filesWith('Europe/Stockholm: [1970-01-02, 2026-12-25], Europe/Oslo: [2028-02-29]');
    const { stores } = (await settingsOf(files)).estate;
    const holidaysOf = (id: string) => stores.get(toStoreId(id))?.publicHolidays;
    expect(holidaysOf('S1')).toEqual([1, Date.UTC(2026, 11, 25) / 86_400_000]);
    expect(holidaysOf('S2')).toEqual([Date.UTC(2028, 1, 29) / 86_400_000]);
    expect(stores.get(toStoreId('S3'))).not.toHaveProperty('publicHolidays');
  });

  test('must be given where hours are about them; an empty list will do', async () => {
    expect(await problemsOf(filesWith('Europe/Oslo: []'))).toEqual([
      expect.stringMatching(
        /stores\.csv:2:\d+: "Mo-Sa 07:00-22:00; PH off" is about public holidays \(PH\), and none are given for Europe\/Stockholm; give them in the configuration, as in estate\.public_holidays: \{ Europe\/Stockholm: \[2026-12-25\] \}$/,
      ),
    ]);
  });
});
