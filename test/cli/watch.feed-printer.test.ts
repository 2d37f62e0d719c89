import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FeedPrinter } from '../../src/cli/feed-printer.ts';
import type { State } from '../../src/core/health.ts';
import { type FeedFilter, toWire, type WireEvent } from '../../src/feed/protocol.ts';
import { makeSnapshot } from '../../src/feed/snapshot.ts';
import { Announcer, makeEstate, move } from '../feed/announcer.ts';

const estate = makeEstate(14, 10);
/** As `watch --all` shows it. */
const SHOWN = { hasColours: false, timeZone: 'Europe/Stockholm', tellsTargets: true } as const;
const START_MS = Date.UTC(2025, 11, 22, 13, 7, 0);
const ids = Array.from(estate.targets.keys());

/** A printer that was shown `source` as it is, and what it said then. */
function begin(
  source: Announcer,
  width?: number,
  nowMs = START_MS,
): { printer: FeedPrinter; said: readonly string[] } {
  const printer = new FeedPrinter({ ...SHOWN, width });
  const snapshot = makeSnapshot(source, {} satisfies FeedFilter, nowMs);
  return { printer, said: printer.print({ kind: 'snapshot', snapshot }, nowMs) };
}

async function allUp(): Promise<Announcer> {
  const source = new Announcer(estate);
  await source.announce(ids.map((id) => move(estate, id, 'unknown', 'up', START_MS - 60_000)));
  return source;
}

let seq = 1_000;
function event(target: string, from: State, to: State, atMs: number): WireEvent {
  return toWire({ ...move(estate, target, from, to, atMs), seq: ++seq });
}

/** What the printer says to `events` in one frame and in the `afterMs` that follow. */
function say(printer: FeedPrinter, events: readonly WireEvent[], afterMs = 2_000): readonly string[] {
  const atMs = Date.parse(events.at(-1)?.at ?? '');
  return [...printer.print({ kind: 'events', events }, atMs), ...printer.tick(atMs + afterMs)];
}

const terminals = (store: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${store}-T${i + 1}`);

describe('FeedPrinter, with all targets', () => {
  test('begins with the day, the sums, and what is down already', async () => {
    const source = await allUp();
    await source.announce([
      move(estate, 'Norrbo-3-T1', 'up', 'down', START_MS - 30_000),
      ...['Solhaga-1', 'Solhaga-2', 'Solhaga-3'].flatMap((store) =>
        terminals(store, 2).map((id) => move(estate, id, 'up', 'down', START_MS - 3_600_000)),
      ),
    ]);
    expect(begin(source).said).toEqual([
      '-- Monday, 22 December 2025',
      '14:07:00        281 targets in 28 stores: 274 up, 7 down, 0 impaired.',
      '14:07:00  DOWN  Solhaga: 6 of 140 terminals down in 3 stores, for 1 h now.',
      '14:07:00  DOWN  Norrbo 3: 1 of 10 terminals down, for 34 s now.',
    ]);
  });

  test('tells of one target with its own sentence, and of its end with how long it took', async () => {
    const { printer } = begin(await allUp());
    expect(say(printer, [event('Norrbo-3-T1', 'up', 'down', START_MS + 12_000)])).toEqual([
      '14:07:12  DOWN  Norrbo 3: Norrbo-3-T1 is down: The terminal cannot reach its payment host.',
    ]);
    expect(say(printer, [event('Norrbo-3-T1', 'down', 'up', START_MS + 200_000)])).toEqual([
      '14:10:16  BACK  Norrbo 3: Norrbo-3-T1 works again (down 3 min 8 s).',
    ]);
  });

  test('tells of a store in one line, and of its end when all of it is back', async () => {
    const { printer } = begin(await allUp());
    const down = terminals('Solhaga-7', 10).map((id, i) =>
      event(id, 'up', 'down', START_MS + 5_000 + i * 50),
    );
    expect(say(printer, down)).toEqual([
      '14:07:05  DOWN  Solhaga 7: all 10 terminals down: they cannot reach the payment host.',
    ]);
    const half = terminals('Solhaga-7', 5).map((id) => event(id, 'down', 'up', START_MS + 12_000_000));
    expect(say(printer, half)).toEqual(['17:27:00  BACK  Solhaga 7: 5 of 10 terminals still down.']);
    const rest = terminals('Solhaga-7', 10)
      .slice(5)
      .map((id) => event(id, 'down', 'up', START_MS + 12_310_000));
    expect(say(printer, rest)).toEqual([
      '17:32:06  BACK  Solhaga 7: all 10 terminals work again (down 3 h 25 min).',
    ]);
  });

  test('tells of a chain in one line, of its growth now and then, and of each end', async () => {
    const { printer } = begin(await allUp());
    const wave = (from: number, to: number, count: number, state: State, atMs: number) =>
      Array.from({ length: to - from + 1 }, (_, i) => terminals(`Solhaga-${from + i}`, count))
        .flat()
        .map((id) => event(id, state === 'down' ? 'up' : 'down', state, atMs));
    expect(say(printer, wave(1, 4, 10, 'down', START_MS + 12_000))).toEqual([
      '14:07:12  DOWN  Solhaga: 40 of 140 terminals down in 4 stores: they cannot reach the payment host.',
    ]);
    const growing = [16, 18, 20, 22, 24].flatMap((second, i) =>
      say(printer, wave(5 + i, 5 + i, 10, 'down', START_MS + second * 1_000), 1_000),
    );
    expect(growing).toEqual([]);
    expect(printer.tick(START_MS + 27_000)).toEqual([
      '14:07:24  DOWN  Solhaga: now 90 of 140 terminals down in 9 stores: they cannot reach the payment host.',
    ]);
    expect(say(printer, wave(1, 1, 10, 'up', START_MS + 3_600_000))).toEqual([
      '15:06:56  BACK  Solhaga 1: all 10 terminals work again (down 59 min 48 s).',
      '15:07:00  BACK  Solhaga: 80 of 140 terminals still down in 8 stores.',
    ]);
    expect(say(printer, wave(2, 7, 10, 'up', START_MS + 3_700_000))).toEqual([
      '15:08:40  BACK  Solhaga: 6 stores work again (Solhaga 2, Solhaga 3, Solhaga 4 and 3 more); 20 of 140 terminals still down in 2 stores.',
    ]);
    expect(say(printer, wave(8, 9, 10, 'up', START_MS + 7_200_000))).toEqual([
      '16:06:56  BACK  Solhaga 8: all 10 terminals work again (down 1 h 59 min).',
      '16:06:56  BACK  Solhaga 9: all 10 terminals work again (down 1 h 59 min).',
      '16:07:00  BACK  Solhaga: all 140 terminals work again, 1 h 59 min after the first went down.',
    ]);
    expect(say(printer, wave(1, 1, 1, 'down', START_MS + 7_300_000))).toEqual([
      '16:08:40  DOWN  Solhaga 1: Solhaga-1-T1 is down: The terminal cannot reach its payment host.',
    ]);
  });

  test('keeps its lines in the order of their times, also when what is held back comes after other news', async () => {
    const { printer } = begin(await allUp());
    const chainOf = (name: string) => [1, 2, 3, 4].flatMap((n) => terminals(`${name}-${n}`, 10));
    const down = ['Solhaga', 'Norrbo'].flatMap((name) =>
      chainOf(name).map((id) => event(id, 'up', 'down', START_MS)),
    );
    say(printer, down);
    say(printer, [event('Solhaga-1-T1', 'down', 'up', START_MS + 60_000)]);
    const held = terminals('Solhaga-2', 10).map((id) => event(id, 'down', 'up', START_MS + 64_000));
    const lines = [
      ...say(printer, held),
      ...say(printer, [event('Norrbo-1-T1', 'down', 'up', START_MS + 70_000)]),
      ...printer.tick(START_MS + 90_000),
    ];
    expect(lines.map((line) => line.slice(0, 33))).toEqual([
      '14:08:10  BACK  Norrbo: 39 of 140',
      '14:08:10  BACK  Solhaga 2: all 10',
      '14:08:10  BACK  Solhaga: 29 of 14',
    ]);
    const anHourBack = START_MS - 3_600_000;
    expect(say(printer, [event('web-Solhaga', 'up', 'down', anHourBack)])).toEqual([
      expect.stringMatching(/^13:07:00 {2}DOWN {2}web-Solhaga is down/),
    ]);
  });

  test('tells a history at once as it would have told it live', async () => {
    const source = await allUp();
    const history = [
      ...terminals('Solhaga-7', 10).map((id) => event(id, 'up', 'down', START_MS)),
      ...terminals('Solhaga-7', 10).map((id) => event(id, 'down', 'up', START_MS + 3_600_000)),
      event('Norrbo-1-T1', 'up', 'down', START_MS + 3_700_000),
    ];
    const { printer } = begin(source, undefined, START_MS - 1_000);
    const nowMs = START_MS + 50_000_000;
    const said = [
      ...printer.print({ kind: 'events', events: history }, nowMs),
      ...printer.tick(nowMs + 2_000),
    ];
    expect(said.map((line) => line.slice(0, 26))).toEqual([
      '14:07:00  DOWN  Solhaga 7:',
      '15:06:56  BACK  Solhaga 7:',
      '15:08:40  DOWN  Norrbo 1: ',
    ]);
  });

  test('does without sums when it was given no snapshot', () => {
    const printer = new FeedPrinter(SHOWN);
    const down = terminals('Solhaga-7', 4).map((id) => event(id, 'up', 'down', START_MS));
    expect(say(printer, down)).toEqual([
      '-- Monday, 22 December 2025',
      '14:07:00  DOWN  Solhaga-7: 4 targets down: they cannot reach the payment host.',
    ]);
  });

  test('warns of what is impaired and of what is not judged any more, but calls neither down', async () => {
    const { printer } = begin(await allUp());
    expect(say(printer, [event('Norrbo-3-T1', 'up', 'degraded', START_MS)])).toEqual([
      '14:07:00  WARN  Norrbo 3: Norrbo-3-T1 works, but not as it should: The terminal cannot reach its payment host.',
    ]);
    expect(say(printer, [event('Norrbo-3-T1', 'degraded', 'up', START_MS + 9_000)])).toEqual([
      '14:07:09  BACK  Norrbo 3: Norrbo-3-T1 works as it should again.',
    ]);
    const blind = ['Norrbo-1', 'Norrbo-2'].flatMap((store) =>
      terminals(store, 10).map((id) => event(id, 'up', 'unknown', START_MS + 20_000)),
    );
    expect(say(printer, blind)).toEqual([
      '14:07:20  WARN  Norrbo: 20 terminals in 2 stores are not judged any more: they cannot reach the payment host.',
    ]);
    expect(say(printer, [event('Norrbo-1-T1', 'unknown', 'up', START_MS + 30_000)])).toEqual([]);
  });

  test('does not say that what is out of sight works again', async () => {
    const { printer } = begin(await allUp());
    say(printer, [event('Norrbo-3-T1', 'up', 'down', START_MS)]);
    expect(say(printer, [event('Norrbo-3-T1', 'down', 'unknown', START_MS + 60_000)])).toEqual([
      expect.stringMatching(/WARN {2}Norrbo 3: Norrbo-3-T1 is not judged any more/),
    ]);
  });

  test('keeps to the width, and lets no text steer the terminal', async () => {
    const { printer } = begin(await allUp(), 40);
    const evil = {
      ...event('Norrbo-3-T1', 'up', 'down', START_MS),
      message: '\u001b]0;owned\u0007\u001b[2J and more',
    };
    const [line = ''] = say(printer, [evil]);
    expect(Array.from(line).length).toBe(40);
    expect(line).toMatch(/…$/);
    expect(line).not.toMatch(/\p{Cc}/u);
  });

  test('says by a word what it says by a colour', async () => {
    const printer = new FeedPrinter({ ...SHOWN, hasColours: true });
    const [, line] = say(printer, [event('web-Solhaga', 'up', 'down', START_MS)]);
    expect(line).toBe(
      '14:07:00  \u001b[31;1mDOWN\u001b[0m  web-Solhaga is down: The terminal cannot reach its payment host.',
    );
  });

  test('says so when the feed is interrupted or has a gap', async () => {
    const { printer } = begin(await allUp());
    expect(printer.print({ kind: 'disconnected', reason: 'the connection broke' }, START_MS + 3_000)).toEqual(
      ['14:07:03  WARN  No feed: the connection broke. Trying to connect.'],
    );
    expect(printer.print({ kind: 'gap', gap: { since: 7, firstSeq: 1 } }, START_MS + 4_000)).toEqual([
      '14:07:04  WARN  What happened after event 7 cannot be shown; this is how it is now.',
    ]);
  });

  test('tells the end of every outage it told of, whatever happens', async () => {
    const source = await allUp();
    const some = ids.slice(0, 60);
    const steps = fc.array(
      fc.record({ who: fc.nat(some.length - 1), gapMs: fc.integer({ min: 0, max: 4_000 }) }),
      { minLength: 50, maxLength: 400 },
    );
    fc.assert(
      fc.property(steps, (moves) => {
        const { printer } = begin(source);
        const down = new Set<string>();
        const lines: string[] = [];
        let atMs = START_MS;
        const flip = (id: string) => {
          const to = down.delete(id) ? 'up' : 'down';
          if (to === 'down') down.add(id);
          lines.push(
            ...printer.print(
              { kind: 'events', events: [event(id, to === 'up' ? 'down' : 'up', to, atMs)] },
              atMs,
            ),
          );
        };
        for (const { who, gapMs } of moves) {
          atMs += gapMs;
          lines.push(...printer.tick(atMs));
          flip(some[who] ?? '');
        }
        atMs += 60_000;
        for (const id of Array.from(down)) flip(id);
        lines.push(...printer.tick(atMs + 60_000));
        const chainEnd = lines.findLastIndex((line) =>
          line.includes('Solhaga: all 140 terminals work again'),
        );
        const lastOf = new Map(
          lines.slice(chainEnd + 1).map((line) => [/Solhaga(?: \d+)?:/.exec(line)?.[0], line]),
        );
        expect(Array.from(lastOf.values()).filter((line) => line.includes('DOWN'))).toEqual([]);
        expect(printer.tick(atMs + 3_600_000)).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });
});
