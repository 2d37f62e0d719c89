import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { EventDraft } from '../../src/core/events.ts';
import { toIncidentId } from '../../src/estate/ids.ts';
import { type FeedCarrier, type FeedClient, FeedHub, type Frame } from '../../src/feed/hub.ts';
import type { FeedFilter } from '../../src/feed/protocol.ts';
import { MemoryJournal } from '../../src/journal/memory-journal.ts';
import { FakeClock } from '../tools/fake-clock.ts';
import { Announcer, makeEstate, move } from './announcer.ts';

const estate = makeEstate(3, 4);
const ids = Array.from(estate.targets.keys());
const START_MS = Date.UTC(2025, 11, 22, 13);

/** `count` events: targets going down and up by turns. */
function drafts(count: number, from = 0): EventDraft[] {
  return Array.from({ length: count }, (_, i) => {
    const n = from + i;
    const isDown = Math.floor(n / ids.length) % 2 === 0;
    return move(
      estate,
      ids[n % ids.length] ?? '',
      isDown ? 'up' : 'down',
      isDown ? 'down' : 'up',
      START_MS + n,
    );
  });
}

/** A client that keeps what it gets, and whose network takes frames only while it is not `isSlow`. */
class Follower implements FeedClient, FeedCarrier {
  readonly carrier: FeedCarrier = this;
  readonly filter: FeedFilter;
  readonly since?: number;
  readonly frames: { readonly atMs: number; readonly frame: Frame }[] = [];
  isSlow = false;
  hasEnded = false;
  private readonly clock: FakeClock;
  private unsent = 0;

  constructor(
    clock: FakeClock,
    options: { readonly since?: number | undefined; readonly filter?: FeedFilter } = {},
  ) {
    this.clock = clock;
    this.filter = options.filter ?? {};
    if (options.since !== undefined) this.since = options.since;
  }

  /** Busy from one frame until it may be taken. */
  isBusy(): boolean {
    if (!this.isSlow) this.unsent = 0;
    return this.unsent > 0;
  }

  send(_clients: readonly FeedClient[], frame: Frame): void {
    this.frames.push({ atMs: this.clock.monotonicMs(), frame });
    if (this.isSlow) this.unsent++;
  }

  end(): void {
    this.hasEnded = true;
  }

  get seqs(): readonly number[] {
    return this.frames.flatMap(({ frame }) =>
      frame.kind === 'events' ? frame.events.map(({ seq }) => seq) : [],
    );
  }

  get kinds(): readonly string[] {
    return this.frames.map(({ frame }) => frame.kind);
  }
}

const range = (from: number, to: number) =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);

describe('FeedHub', () => {
  test('sends what happens within 200 ms as one frame, the first at once', async () => {
    const clock = new FakeClock();
    const source = new Announcer(estate);
    using hub = new FeedHub(source, clock);
    const follower = new Follower(clock);
    hub.join(follower);
    for (let n = 0; n < 100; n++) {
      await source.announce(drafts(1, n));
      await clock.advance(10);
    }
    await clock.advance(1_000);
    const frames = follower.frames.filter(({ frame }) => frame.kind === 'events');
    expect(frames.map(({ atMs }) => atMs)).toEqual([0, 200, 400, 600, 800, 1_000]);
    expect(follower.seqs).toEqual(range(1, 100));
  });

  test('makes one frame for all who follow with the same filter, and one carrier call', async () => {
    const clock = new FakeClock();
    const source = new Announcer(estate);
    using hub = new FeedHub(source, clock);
    const sent: { readonly clients: number; readonly frame: Frame }[] = [];
    const carrier: FeedCarrier = {
      send: (clients, frame) => sent.push({ clients: clients.length, frame }),
      end: () => {},
    };
    const filters: FeedFilter[] = [
      {},
      { kinds: ['target-state-changed', 'config-reloaded'] },
      { chain: 'Norrbo' },
    ];
    for (let n = 0; n < 30; n++) hub.join({ carrier, filter: { ...filters[n % 3] }, isBusy: () => false });
    expect(new Set(sent.map(({ frame }) => frame)).size).toBe(3);
    sent.length = 0;
    await source.announce(drafts(40));
    await clock.advance(500);
    expect(sent.map(({ clients }) => clients)).toEqual([10, 10, 10]);
  });

  test('reads nothing, sends nothing and sets no timer while nothing happens', async () => {
    const clock = new FakeClock();
    const source = new Announcer(estate);
    using hub = new FeedHub(source, clock);
    const follower = new Follower(clock);
    using _membership = hub.join(follower);
    let timers = 0;
    const after = clock.after.bind(clock);
    clock.after = (delayMs, fire) => {
      timers++;
      return after(delayMs, fire);
    };
    await clock.advance(60_000);
    expect([follower.frames.length, timers]).toEqual([1, 0]);
  });

  test('adds nothing to what a slow client has not taken, and lets it go on where it was', async () => {
    const clock = new FakeClock();
    const source = new Announcer(estate);
    using hub = new FeedHub(source, clock);
    const follower = new Follower(clock);
    hub.join(follower);
    follower.isSlow = true;
    for (let n = 0; n < 20; n++) {
      await source.announce(drafts(100, n * 100));
      await clock.advance(200);
    }
    expect(follower.frames.length).toBe(2);
    follower.isSlow = false;
    await clock.advance(1_000);
    expect(follower.kinds).toEqual(['snapshot', 'events', 'events']);
    expect(follower.seqs).toEqual(range(1, 2_000));
  });

  test('drops a client that is too far behind to a snapshot once it takes data again', async () => {
    const clock = new FakeClock();
    const source = new Announcer(estate);
    using hub = new FeedHub(source, clock);
    const follower = new Follower(clock);
    hub.join(follower);
    follower.isSlow = true;
    for (let n = 0; n < 22; n++) {
      await source.announce(drafts(1_000, n * 1_000));
      await clock.advance(200);
    }
    follower.isSlow = false;
    await clock.advance(200);
    await source.announce(drafts(3, 22_000));
    await clock.advance(400);
    expect(follower.kinds).toEqual(['snapshot', 'events', 'gap', 'snapshot', 'events']);
    expect(follower.seqs).toEqual([...range(1, 1_000), 22_001, 22_002, 22_003]);
  });

  test('gives a client that keeps up every event of a storm, though frames take longer than the storm', async () => {
    const clock = new FakeClock();
    const source = new Announcer(estate);
    using hub = new FeedHub(source, clock);
    const follower = new Follower(clock);
    hub.join(follower);
    for (let n = 0; n < 30; n++) await source.announce(drafts(2_000, n * 2_000));
    await clock.advance(10_000);
    expect(follower.seqs).toEqual(range(1, 60_000));
    expect(follower.kinds).not.toContain('gap');
  });

  test('makes no snapshot for each of those who come in a storm, and leaves out no event', async () => {
    const clock = new FakeClock();
    const source = new Announcer(estate);
    using hub = new FeedHub(source, clock);
    const followers: Follower[] = [];
    for (let n = 0; n < 20; n++) {
      const follower = new Follower(clock);
      followers.push(follower);
      hub.join(follower);
      await source.announce(drafts(10, n * 10));
    }
    await clock.advance(1_000);
    expect(new Set(followers.map(({ frames }) => frames[0]?.frame)).size).toBe(1);
    for (const follower of followers) checkOrder(follower, source);
    expect(followers.map(({ seqs }) => seqs.at(-1))).toEqual(followers.map(() => 200));
  });

  test('serves a client that comes back from far behind in pages, and then live', async () => {
    const clock = new FakeClock();
    const source = new Announcer(estate);
    using hub = new FeedHub(source, clock);
    await source.announce(drafts(25_000));
    const follower = new Follower(clock, { since: 17 });
    hub.join(follower);
    for (let n = 0; n < 40; n++) {
      await source.announce(drafts(5, 25_000 + n * 5));
      await clock.advance(200);
    }
    expect(follower.seqs).toEqual(range(18, 25_200));
    expect(follower.kinds).not.toContain('gap');
  });

  test.each([
    { name: 'events that are no longer kept', since: 3 },
    { name: 'an event that is still to come', since: 51 },
  ] as const)('answers a since before $name with gap and a snapshot', async ({ since }) => {
    const clock = new FakeClock();
    const source = new Announcer(estate, new MemoryJournal({ keep: 20 }));
    await source.announce(drafts(50));
    using hub = new FeedHub(source, clock);
    const follower = new Follower(clock, { since });
    hub.join(follower);
    await clock.advance(200);
    expect(follower.frames.map(({ frame }) => frame)).toEqual([
      { kind: 'gap', gap: { since, firstSeq: 31 } },
      expect.objectContaining({ kind: 'snapshot', snapshot: expect.objectContaining({ seq: 50 }) }),
    ]);
  });

  test('gives the oldest kept event to who has the one before it', async () => {
    const clock = new FakeClock();
    const source = new Announcer(estate, new MemoryJournal({ keep: 20 }));
    await source.announce(drafts(50));
    using hub = new FeedHub(source, clock);
    const follower = new Follower(clock, { since: 30 });
    hub.join(follower);
    await clock.advance(200);
    expect(follower.seqs).toEqual(range(31, 50));
  });

  test("has the journal's newest number in its snapshot after a restart, though that event left no state", async () => {
    const clock = new FakeClock();
    const journal = new MemoryJournal();
    const { targetsAdded, targetsRemoved, targetsChanged } = {
      targetsAdded: 1,
      targetsRemoved: 0,
      targetsChanged: 0,
    };
    await journal.append([
      ...drafts(2),
      {
        atMs: START_MS,
        kind: 'config-reloaded',
        message: 'read',
        targetsAdded,
        targetsRemoved,
        targetsChanged,
      },
    ]);
    const source = new Announcer(estate, journal);
    using hub = new FeedHub(source, clock);
    const [fresh, returned] = [new Follower(clock), new Follower(clock, { since: 3 })];
    hub.join(fresh);
    hub.join(returned);
    await source.announce(drafts(1, 2));
    await clock.advance(200);
    expect(fresh.frames[0]?.frame).toMatchObject({ kind: 'snapshot', snapshot: { seq: 3 } });
    expect([fresh.seqs, returned.seqs, returned.kinds]).toEqual([[4], [4], ['events']]);
  });

  test('has a new estate in its snapshots at once', async () => {
    const clock = new FakeClock();
    const source = new Announcer(estate);
    using hub = new FeedHub(source, clock);
    hub.join(new Follower(clock));
    source.reload(makeEstate(1, 1));
    const follower = new Follower(clock);
    hub.join(follower);
    expect(follower.frames[0]?.frame).toMatchObject({ snapshot: { targets: { counts: { unknown: 3 } } } });
  });

  test('turns to a snapshot when the journal cannot be read', async () => {
    const clock = new FakeClock();
    const source = new Announcer(estate);
    await source.announce(drafts(10));
    using hub = new FeedHub(source, clock);
    source.journal.read = () => {
      throw new Error('disk I/O error');
    };
    const follower = new Follower(clock, { since: 2 });
    hub.join(follower);
    await clock.advance(200);
    expect(follower.kinds).toEqual(['gap', 'snapshot']);
  });

  test('serves everybody in turn when more come back than the journal can be read for at once', async () => {
    const clock = new FakeClock();
    const source = new Announcer(estate);
    await source.announce(drafts(12_000));
    // A hub that was not there has nothing at hand.
    using hub = new FeedHub(source, clock);
    const followers = range(0, 29).map((n) => new Follower(clock, { since: n * 100 }));
    for (const follower of followers) hub.join(follower);
    await clock.advance(2_000);
    expect(followers.filter(({ frames }) => frames.length === 0)).toEqual([]);
    await clock.advance(20_000);
    for (const [n, follower] of followers.entries())
      expect(follower.seqs).toEqual(range(n * 100 + 1, 12_000));
  });

  test('passes events of a severity and kind as the filter says', async () => {
    const clock = new FakeClock();
    const source = new Announcer(estate);
    using hub = new FeedHub(source, clock);
    const follower = new Follower(clock, { filter: { kinds: ['incident-opened'], minSeverity: 'major' } });
    hub.join(follower);
    const opened = (severity: 'minor' | 'critical'): EventDraft => ({
      atMs: START_MS,
      kind: 'incident-opened',
      incident: {
        id: toIncidentId(severity),
        scope: [{ chain: 'Solhaga' }],
        title: 'Solhaga is dark',
        severity,
        state: 'open',
        openedAtMs: START_MS,
        targetsDown: 3,
        storesAffected: 1,
        reason: 'host',
      },
    });
    await source.announce([...drafts(5), opened('minor'), opened('critical'), ...drafts(5, 5)]);
    await clock.advance(200);
    expect(follower.seqs).toEqual([7]);
  });

  test('lets everybody go when it ends, and counts who follows', async () => {
    const clock = new FakeClock();
    const hub = new FeedHub(new Announcer(estate), clock);
    const [one, other] = [new Follower(clock), new Follower(clock)];
    const membership = hub.join(one);
    hub.join(other);
    expect(hub.clientCount).toBe(2);
    membership[Symbol.dispose]();
    expect(hub.clientCount).toBe(1);
    hub[Symbol.dispose]();
    expect([hub.clientCount, one.hasEnded, other.hasEnded]).toEqual([0, false, true]);
  });

  test('whatever the interleaving, every client has every event once and in order, or is told of a gap', async () => {
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant('announce' as const),
          count: fc.integer({ min: 1, max: 6_000 }),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 450 }) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant('join' as const),
          hasSince: fc.boolean(),
          back: fc.nat(4_000),
          chain: fc.boolean(),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('slow' as const), who: fc.nat(7), isSlow: fc.boolean() }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('return' as const), who: fc.nat(7) }) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.constantFrom(300, 3_000, 30_000, 1_000_000),
        async (steps, keep) => {
          const clock = new FakeClock();
          const source = new Announcer(estate, new MemoryJournal({ keep }));
          using hub = new FeedHub(source, clock);
          const members: { follower: Follower; membership: Disposable; hasLeft: boolean }[] = [];
          const join = (options: ConstructorParameters<typeof Follower>[1]) => {
            const follower = new Follower(clock, options);
            members.push({ follower, membership: hub.join(follower), hasLeft: false });
          };
          for (const action of steps) {
            const member = 'who' in action ? members[action.who] : undefined;
            if (action.kind === 'announce')
              await source.announce(drafts(action.count, source.journal.lastSeq));
            else if (action.kind === 'pass') await clock.advance(action.ms);
            else if (action.kind === 'join' && members.length < 8) {
              const since = action.hasSince ? Math.max(0, source.journal.lastSeq - action.back) : undefined;
              join({ since, filter: action.chain ? { chain: 'Norrbo' } : {} });
            } else if (action.kind === 'slow' && member !== undefined) member.follower.isSlow = action.isSlow;
            else if (action.kind === 'return' && member !== undefined) {
              const { follower } = member;
              member.membership[Symbol.dispose]();
              member.hasLeft = true;
              const since = follower.frames.reduce(
                (last, { frame }) => seqAfter(frame, last),
                follower.since ?? 0,
              );
              join({ since, filter: follower.filter });
            }
          }
          for (const { follower } of members) follower.isSlow = false;
          await clock.advance(60_000);
          for (const { follower } of members) checkOrder(follower, source);
          for (const { follower } of members.filter(({ hasLeft }) => !hasLeft)) {
            const reached = follower.frames.reduce(
              (last, { frame }) => seqAfter(frame, last),
              follower.since ?? 0,
            );
            expect(range(reached + 1, source.journal.lastSeq).filter(wantedBy(follower, source))).toEqual([]);
          }
        },
      ),
      { numRuns: 30 },
    );
  });
});

function seqAfter(frame: Frame, before: number): number {
  if (frame.kind === 'snapshot') return frame.snapshot.seq;
  return frame.kind === 'events' ? (frame.events.at(-1)?.seq ?? before) : before;
}

/** Each run of events continues exactly where the snapshot, the gap's snapshot or `since` left it. */
function checkOrder(follower: Follower, source: Announcer): void {
  const isWanted = wantedBy(follower, source);
  let at = follower.since;
  let isGap = false;
  for (const { frame } of follower.frames) {
    if (frame.kind === 'gap') {
      isGap = true;
      continue;
    }
    if (frame.kind === 'snapshot') {
      expect(at === undefined || isGap).toBe(true);
      isGap = false;
      at = frame.snapshot.seq;
      continue;
    }
    expect(isGap || at === undefined).toBe(false);
    for (const { seq } of frame.events) {
      const from = at ?? 0;
      let isWhole = seq > from && isWanted(seq);
      for (let missed = from + 1; missed < seq; missed++) isWhole &&= !isWanted(missed);
      if (!isWhole) throw new Error(`event ${seq} came after ${from}`);
      at = seq;
    }
  }
  expect(isGap).toBe(false);
}

function wantedBy({ filter }: Follower, source: Announcer): (seq: number) => boolean {
  return (seq) => filter.chain === undefined || chainOf(seq, source) === filter.chain;
}

/** As `drafts` made it, for events that the journal may not keep any more. */
function chainOf(seq: number, source: Announcer): string | undefined {
  const id = ids[(seq - 1) % ids.length];
  return id === undefined ? undefined : source.estate().targets.get(id)?.labels['chain'];
}
