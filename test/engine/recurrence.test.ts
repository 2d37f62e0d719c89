import { describe, expect, test } from '@jest/globals';
import { makeRecurrence } from '../../src/engine/recurrence.ts';

const STOCKHOLM = 'Europe/Stockholm';

/** When `cron` comes true in those days, in UTC. */
function during(cron: string, timezone: string, from: string, until: string): readonly string[] {
  const found = makeRecurrence(cron, timezone).between(Date.parse(from), Date.parse(until));
  return found.map((atMs) => new Date(atMs).toISOString().slice(0, 16));
}

describe('a recurrence', () => {
  test.each([
    {
      name: 'follows the clock of its zone',
      cron: '30 2 * * *',
      from: '2026-01-10T00:00Z',
      until: '2026-01-12T00:00Z',
      at: ['2026-01-10T01:30', '2026-01-11T01:30'],
    },
    {
      name: 'does so in summer',
      cron: '30 2 * * *',
      from: '2026-07-10T00:00Z',
      until: '2026-07-11T00:00Z',
      at: ['2026-07-10T00:30'],
    },
    {
      name: 'comes true when the clock has jumped over its time',
      cron: '30 2 * * *',
      from: '2026-03-28T12:00Z',
      until: '2026-03-30T12:00Z',
      at: ['2026-03-29T01:00', '2026-03-30T00:30'],
    },
    {
      name: 'comes true once though the clock shows its time twice',
      cron: '30 2 * * *',
      from: '2026-10-24T12:00Z',
      until: '2026-10-26T12:00Z',
      at: ['2026-10-25T00:30', '2026-10-26T01:30'],
    },
    {
      name: 'does not come true again when asked in the hour that is shown twice',
      cron: '30 2 * * *',
      from: '2026-10-25T01:10Z',
      until: '2026-10-25T12:00Z',
      at: [],
    },
    {
      name: 'knows weekdays and months',
      cron: '0 6 * 2 0',
      from: '2026-01-01T00:00Z',
      until: '2026-03-01T00:00Z',
      at: ['2026-02-01T05:00', '2026-02-08T05:00', '2026-02-15T05:00', '2026-02-22T05:00'],
    },
    {
      name: 'knows 29 February',
      cron: '0 12 29 2 *',
      from: '2027-02-01T00:00Z',
      until: '2028-03-01T00:00Z',
      at: ['2028-02-29T11:00'],
    },
    {
      name: 'counts after its begin, up to and with its end',
      cron: '0 * * * *',
      from: '2026-01-10T10:00Z',
      until: '2026-01-10T12:00Z',
      at: ['2026-01-10T11:00', '2026-01-10T12:00'],
    },
  ])('$name', ({ cron, from, until, at }) => {
    expect(during(cron, STOCKHOLM, from, until)).toEqual(at);
  });

  test('keeps to a zone whose clock is put back by half an hour', () => {
    const at = during('45 1 * * *', 'Australia/Lord_Howe', '2026-04-04T00:00Z', '2026-04-05T12:00Z');
    expect(at).toEqual(['2026-04-04T14:45']);
  });

  test('gives the same whether asked at once or minute by minute', () => {
    const [fromMs, untilMs] = [Date.parse('2026-10-24T20:00Z'), Date.parse('2026-10-25T06:00Z')];
    const recurrence = makeRecurrence('*/20 * * * *', STOCKHOLM);
    const piecewise: number[] = [];
    for (let atMs = fromMs; atMs < untilMs; atMs += 45_000) {
      piecewise.push(...recurrence.between(atMs, Math.min(untilMs, atMs + 45_000)));
    }
    expect(piecewise).toEqual(recurrence.between(fromMs, untilMs));
    expect(piecewise).toHaveLength(27);
  });
});
