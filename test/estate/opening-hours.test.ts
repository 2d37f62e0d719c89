import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isOpenAt, nextOpeningMs, parseOpeningHours } from '../../src/estate/opening-hours.ts';
import { makeStore } from './estates.ts';

const at = (text: string): number => Date.parse(text);
const show = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString();
/** Found minute by minute: what is asked of `nextOpeningMs` without any thought. */
function openingsBetween(hours: string, from: string, until: string, zone?: string): readonly string[] {
  const store = makeStore(hours, zone);
  const openings: string[] = [];
  for (let ms = at(from); ms < at(until); ms += 60_000) {
    if (isOpenAt(store, ms) === true && isOpenAt(store, ms - 1) === false)
      openings.push(new Date(ms).toISOString());
  }
  return openings;
}

describe('parseOpeningHours', () => {
  test.each([
    { text: 'Mo-Sa 07:00-22:00; Su 09:00-21:00', same: 'Mo,Tu,We,Th,Fr,Sa 7:00-22:00; Su 09:00-21:00;' },
    { text: '24/7', same: 'Mo-Su 00:00-24:00' },
    { text: '08:00-20:00', same: 'Mo-Su 08:00 - 20:00' },
    { text: 'Sa-Mo 10:00-14:00', same: 'Sa,Su,Mo 10:00-14:00' },
    { text: 'Mo-Su 08:00-20:00; We off', same: 'Mo,Tu,Th-Su 08:00-20:00' },
    { text: 'mo–fr 08:00–20:00; su closed', same: 'Mo-Fr 08:00-20:00' },
    {
      text: 'Mo-Fr 08:00-12:00,13:00-18:00; We 14:00-18:00',
      same: 'Mo,Tu,Th,Fr 08:00-12:00, 13:00-18:00; We 14:00-18:00',
    },
    { text: 'off; Mo 10:00-11:00', same: 'Mo 10:00-11:00' },
    {
      text: 'ph,su 10:00-16:00; Mo-Sa 07:00-22:00; PH closed',
      same: 'Mo-Sa 07:00-22:00; Su 10:00-16:00; PH off',
    },
  ] as const)('$text is $same', ({ text, same }) => {
    expect(parseOpeningHours(text)).toMatchObject({ ok: true });
    expect(parseOpeningHours(text)).toEqual(parseOpeningHours(same));
  });

  test.each([
    { text: '', why: 'these are no opening hours; write them as in Mo-Sa 07:00-22:00' },
    { text: 'Mo-Sa', why: '"Mo-Sa" has no times' },
    { text: 'Må 08:00-20:00', why: '"Må" is not a day; the days are Mo, Tu, We, Th, Fr, Sa, Su' },
    { text: 'Mo-Fredag 08:00-20:00', why: '"Fredag" is not a day' },
    { text: 'Mo-We-Fr 08:00-20:00', why: '"Mo-We-Fr" is not a day' },
    {
      text: 'SH off',
      why: '"SH" is not a day; the days are Mo, Tu, We, Th, Fr, Sa, Su, as in Mo-Fr or Mo,We, and PH for',
    },
    { text: 'Mo-PH off', why: '"PH" is not a day' },
    { text: 'Mo 07-22', why: '"07-22" is not from one time of day to another; write it as in 07:00-22:00' },
    { text: 'Mo 07.00-22.00', why: '"07.00-22.00" is not from one time of day' },
    { text: 'Mo 08:00-25:00', why: '"08:00-25:00" is not from one time of day' },
    { text: 'Mo 08:61-09:00', why: '"08:61-09:00" is not from one time of day' },
    { text: 'Mo 24:00-09:00', why: '"24:00-09:00" is not from one time of day' },
    { text: 'Mo 08:00-08:00', why: 'ends when it begins; write 00:00-24:00 for the whole day' },
    { text: 'Mo 08:00-12:00, Tu 08:00-12:00', why: 'begin it with a semicolon' },
    { text: 'Mo 08:00-12:00;; Tu off', why: 'a rule between two semicolons is empty' },
  ] as const)('$text is refused with what to write', ({ text, why }) => {
    expect(parseOpeningHours(text)).toEqual({ ok: false, error: expect.stringContaining(why) });
  });
});

describe('isOpenAt', () => {
  const USUAL = 'Mo-Sa 07:00-22:00; Su 09:00-21:00';
  test.each([
    { name: 'Friday, a moment before it opens', hours: USUAL, when: '2026-12-18T05:59:59.999Z', is: false },
    { name: 'Friday, when it opens', hours: USUAL, when: '2026-12-18T06:00:00Z', is: true },
    { name: 'Friday, a moment before it closes', hours: USUAL, when: '2026-12-18T20:59:59.999Z', is: true },
    { name: 'Friday, when it closes', hours: USUAL, when: '2026-12-18T21:00:00Z', is: false },
    { name: 'Sunday at eight', hours: USUAL, when: '2026-12-20T07:00:00Z', is: false },
    { name: 'a summer morning', hours: USUAL, when: '2026-07-03T05:00:00Z', is: true },
    { name: 'the leap day, a Tuesday', hours: 'Tu 07:00-22:00', when: '2028-02-29T08:00:00Z', is: true },
    { name: 'the day after it', hours: 'Tu 07:00-22:00', when: '2028-03-01T08:00:00Z', is: false },
    { name: 'before 1970, a Wednesday', hours: 'We 07:00-22:00', when: '1969-12-31T10:00:00Z', is: true },
    { name: 'past midnight from Friday', hours: 'Fr 22:00-02:00', when: '2026-12-19T00:30:00Z', is: true },
    { name: 'past midnight, closed', hours: 'Fr 22:00-02:00', when: '2026-12-19T01:00:00Z', is: false },
    {
      name: 'past midnight, the night before',
      hours: 'Fr 22:00-02:00',
      when: '2026-12-18T00:30:00Z',
      is: false,
    },
    { name: 'Sunday night into Monday', hours: 'Su 22:00-02:00', when: '2026-12-21T00:30:00Z', is: true },
    // The clock goes from 02:00 to 03:00 on 29 March 2026, at 01:00 UTC.
    {
      name: 'spring: it opens when it leaps',
      hours: 'Su 02:30-06:00',
      when: '2026-03-29T01:00:00Z',
      is: true,
    },
    { name: 'spring: not before', hours: 'Su 02:30-06:00', when: '2026-03-29T00:59:59.999Z', is: false },
    {
      name: 'spring: a close that is leapt over',
      hours: 'Sa 22:00-02:30',
      when: '2026-03-29T00:59:59.999Z',
      is: true,
    },
    { name: 'spring: closed by then', hours: 'Sa 22:00-02:30', when: '2026-03-29T01:00:00Z', is: false },
    {
      name: 'spring: the day closes an hour sooner',
      hours: 'Su 09:00-21:00',
      when: '2026-03-29T19:00:00Z',
      is: false,
    },
    // The clock goes from 03:00 back to 02:00 on 25 October 2026, at 01:00 UTC.
    { name: 'autumn: still open', hours: 'Sa 22:00-02:30', when: '2026-10-25T00:29:59.999Z', is: true },
    {
      name: 'autumn: closed at half past two',
      hours: 'Sa 22:00-02:30',
      when: '2026-10-25T00:30:00Z',
      is: false,
    },
    { name: 'autumn: and the second time', hours: 'Sa 22:00-02:30', when: '2026-10-25T01:15:00Z', is: false },
    {
      name: 'autumn: open through both hours',
      hours: 'Sa 22:00-03:00',
      when: '2026-10-25T01:59:59.999Z',
      is: true,
    },
    { name: 'autumn: closed after both', hours: 'Sa 22:00-03:00', when: '2026-10-25T02:00:00Z', is: false },
    { name: 'autumn: opens the first time', hours: 'Su 02:30-06:00', when: '2026-10-25T00:30:00Z', is: true },
    { name: 'autumn: stays open', hours: 'Su 02:30-06:00', when: '2026-10-25T01:15:00Z', is: true },
    { name: 'always', hours: '24/7', when: '2026-10-25T01:30:00Z', is: true },
    { name: 'never', hours: 'off', when: '2026-10-25T12:30:00Z', is: false },
  ] as const)('$name ($hours): $is', ({ hours, when, is }) => {
    expect(isOpenAt(makeStore(hours), at(when))).toBe(is);
  });

  // Christmas Eve 2026 is a Thursday.
  test.each([
    { hours: 'Mo-Fr 08:00-20:00; PH off', opens: 'never', before: '08:00' },
    { hours: 'Mo-Fr 08:00-20:00; PH 11:00-16:00', opens: '11:00', before: '08:00' },
    { hours: 'Mo-Fr 08:00-20:00; Sa,Su,PH 10:00-18:00', opens: '10:00', before: '08:00' },
    { hours: 'PH off; Mo-Fr 08:00-20:00', opens: '08:00', before: '08:00' },
    { hours: 'Mo-Fr 08:00-20:00', opens: '08:00', before: '08:00' },
    { hours: '24/7; PH off', opens: 'never', before: '00:00' },
  ])('opens on a public holiday by the last rule that holds then: $hours', ({ hours, opens, before }) => {
    const store = { ...makeStore(hours), publicHolidays: [at('2026-12-24T00:00:00Z') / 86_400_000] };
    const opensOn = (day: string): string => {
      for (let minute = 0; minute < 1_440; minute++) {
        const ms = at(`${day}T00:00:00+01:00`) + minute * 60_000;
        if (isOpenAt(store, ms) === true) return new Date(ms + 3_600_000).toISOString().slice(11, 16);
      }
      return 'never';
    };
    expect([opensOn('2026-12-23'), opensOn('2026-12-24')]).toEqual([before, opens]);
  });

  test('lets the eve of a public holiday last past midnight, by the rule of the day on which it began', () => {
    const store = {
      ...makeStore('22:00-02:00; PH off'),
      publicHolidays: [at('2026-12-24T00:00:00Z') / 86_400_000],
    };
    expect(isOpenAt(store, at('2026-12-24T00:30:00Z'))).toBe(true);
    expect(isOpenAt(store, at('2026-12-24T22:00:00Z'))).toBe(false);
    expect(isOpenAt(store, at('2026-12-25T00:30:00Z'))).toBe(false);
    expect(show(nextOpeningMs(store, at('2026-12-24T00:30:00Z')))).toBe('2026-12-25T21:00:00.000Z');
  });

  test('finds the next opening though it is on a public holiday alone', () => {
    const holidays = ['2026-12-24', '2027-04-26'].map((day) => at(`${day}T00:00:00Z`) / 86_400_000);
    const store = { ...makeStore('PH 11:00-16:00'), publicHolidays: holidays };
    expect(show(nextOpeningMs(store, at('2026-12-24T12:00:00Z')))).toBe('2027-04-26T09:00:00.000Z');
    expect(nextOpeningMs(store, at('2027-04-26T12:00:00Z'))).toBeUndefined();
  });

  test('keeps the hours of the store, not of the monitor', () => {
    const zones = ['Europe/Helsinki', 'Europe/Stockholm', 'Atlantic/Azores', 'Asia/Kathmandu', 'UTC'];
    const opens = zones.map((zone) =>
      show(nextOpeningMs(makeStore('08:00-20:00', zone), at('2026-01-10T00:00:00Z'))),
    );
    expect(opens).toEqual([
      '2026-01-10T06:00:00.000Z',
      '2026-01-10T07:00:00.000Z',
      '2026-01-10T09:00:00.000Z',
      '2026-01-10T02:15:00.000Z',
      '2026-01-10T08:00:00.000Z',
    ]);
  });

  test('is open all day where the clock changes at midnight', () => {
    // Chile: 5 September 2026 has no midnight after it, 4 April 2026 has its last hour twice.
    for (const day of [
      '2026-09-06T03:00:00Z',
      '2026-09-06T04:00:00Z',
      '2026-04-05T03:30:00Z',
      '2026-04-05T04:30:00Z',
    ]) {
      expect(isOpenAt(makeStore('24/7', 'America/Santiago'), at(day))).toBe(true);
    }
    expect(
      show(nextOpeningMs(makeStore('Su 00:00-12:00', 'America/Santiago'), at('2026-09-05T12:00:00Z'))),
    ).toBe('2026-09-06T04:00:00.000Z');
  });

  test('knows nothing of a store without hours', () => {
    expect(isOpenAt(makeStore(), at('2026-12-18T12:00:00Z'))).toBeUndefined();
    expect(nextOpeningMs(makeStore(), at('2026-12-18T12:00:00Z'))).toBeUndefined();
  });
});

describe('nextOpeningMs', () => {
  test.each([
    {
      name: 'the night before',
      hours: '07:00-22:00',
      after: '2026-12-18T01:00:00Z',
      opens: '2026-12-18T06:00:00.000Z',
    },
    {
      name: 'the opening itself',
      hours: '07:00-22:00',
      after: '2026-12-18T06:00:00Z',
      opens: '2026-12-19T06:00:00.000Z',
    },
    {
      name: 'while it is open',
      hours: '07:00-22:00',
      after: '2026-12-18T12:00:00Z',
      opens: '2026-12-19T06:00:00.000Z',
    },
    {
      name: 'over a Sunday',
      hours: 'Mo-Sa 07:00-22:00',
      after: '2026-12-19T21:00:00Z',
      opens: '2026-12-21T06:00:00.000Z',
    },
    {
      name: 'once a week',
      hours: 'Fr 10:00-11:00',
      after: '2026-12-18T09:00:00Z',
      opens: '2026-12-25T09:00:00.000Z',
    },
    {
      name: 'after lunch',
      hours: '08:00-12:00,13:00-18:00',
      after: '2026-12-18T08:00:00Z',
      opens: '2026-12-18T12:00:00.000Z',
    },
    {
      name: 'whole days that follow each other',
      hours: 'Mo-We 00:00-24:00',
      after: '2026-12-14T12:00:00Z',
      opens: '2026-12-20T23:00:00.000Z',
    },
    { name: 'always open', hours: '24/7', after: '2026-12-18T12:00:00Z', opens: undefined },
    { name: 'never open', hours: 'off', after: '2026-12-18T12:00:00Z', opens: undefined },
    {
      name: 'over the spring night',
      hours: '07:00-22:00',
      after: '2026-03-28T22:00:00Z',
      opens: '2026-03-29T05:00:00.000Z',
    },
    {
      name: 'over the autumn night',
      hours: '07:00-22:00',
      after: '2026-10-24T22:00:00Z',
      opens: '2026-10-25T06:00:00.000Z',
    },
    {
      name: 'a time that spring leaps over',
      hours: 'Su 02:15-02:45',
      after: '2026-03-28T12:00:00Z',
      opens: '2026-04-05T00:15:00.000Z',
    },
  ] as const)('$name', ({ hours, after, opens }) => {
    expect(show(nextOpeningMs(makeStore(hours), at(after)))).toBe(opens);
  });

  const time = fc.integer({ min: 0, max: 95 }).map((quarter) => {
    const [hours, minutes] = [Math.floor(quarter / 4), (quarter % 4) * 15];
    return `${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`;
  });
  const span = fc
    .tuple(time, time)
    .filter(([from, until]) => from !== until)
    .map((pair) => pair.join('-'));
  const days = fc.constantFrom('Mo-Su', 'Sa', 'Su', 'Mo-Fr', 'Sa-Mo', 'Fr,Su');
  const hours = fc
    .array(fc.tuple(days, fc.oneof(span, fc.constant('off'))), { minLength: 1, maxLength: 3 })
    .map((rules) => rules.map((rule) => rule.join(' ')).join('; '));
  test.each([
    {
      night: 'spring',
      from: '2026-03-27T20:00:00Z',
      until: '2026-03-31T00:00:00Z',
      zone: 'Europe/Stockholm',
    },
    {
      night: 'autumn',
      from: '2026-10-23T20:00:00Z',
      until: '2026-10-27T00:00:00Z',
      zone: 'Europe/Stockholm',
    },
    { night: 'leap', from: '2028-02-28T00:00:00Z', until: '2028-03-02T00:00:00Z', zone: 'America/St_Johns' },
    {
      night: 'midnight',
      from: '2026-09-04T00:00:00Z',
      until: '2026-09-08T00:00:00Z',
      zone: 'America/Santiago',
    },
  ] as const)('finds each opening that a look at every minute finds: $night', ({ from, until, zone }) => {
    fc.assert(
      fc.property(hours, (text) => {
        const found: string[] = [];
        for (let ms: number | undefined = at(from) - 1; ; ) {
          ms = nextOpeningMs(makeStore(text, zone), ms);
          if (ms === undefined || ms >= at(until)) break;
          found.push(new Date(ms).toISOString());
        }
        expect(found).toEqual(openingsBetween(text, from, until, zone));
      }),
      { numRuns: 30 },
    );
  });
});
