import { describe, expect, test } from '@jest/globals';
import type { EventDraft, JournalEvent } from '../../src/core/events.ts';
import type { Routing } from '../../src/core/routing.ts';
import { MemoryJournal } from '../../src/journal/memory-journal.ts';
import { NoticeRouter } from '../../src/notifiers/notice-router.ts';
import { Outbox } from '../../src/notifiers/outbox.ts';
import { makeRoute, makeRouting, MINUTE_MS, NOON_MS, told } from '../core/notices.ts';
import { change } from '../journal/drafts.ts';
import { FakeClock } from '../tools/fake-clock.ts';
import { MemoryOutboxStore } from './memory-outbox-store.ts';

const ROUTING = makeRouting([makeRoute('x', ['a'])]);

/** A journal, an outbox and a router between them, as the monitor has them. */
class House {
  readonly clock = new FakeClock(NOON_MS);
  readonly store = new MemoryOutboxStore();
  readonly losses: (readonly number[])[] = [];
  readonly unreadable: unknown[] = [];
  journal: MemoryJournal;
  private readonly open = new Set<string>();

  constructor(journal = new MemoryJournal()) {
    this.journal = journal;
  }

  /** Appends without telling anybody, as before a kill. */
  async append(...drafts: readonly EventDraft[]): Promise<readonly JournalEvent[]> {
    for (const draft of drafts) {
      if (draft.kind === 'incident-opened') this.open.add(draft.incident.id);
      if (draft.kind === 'incident-resolved') this.open.delete(draft.incident.id);
    }
    return this.journal.append(drafts);
  }

  start(routing: Routing = ROUTING) {
    const outbox = new Outbox(this.store, this.clock, {
      stored: () => undefined,
      writableChanged: () => undefined,
    });
    const router = new NoticeRouter(
      { journal: this.journal, isOpen: ({ id }) => this.open.has(id) },
      outbox,
      routing,
      this.clock,
      { lost: (...where) => this.losses.push(where), unreadable: (error) => this.unreadable.push(error) },
    );
    return { outbox, router };
  }

  /** What waits to be sent, once all is read and written. */
  async keys(outbox: Outbox): Promise<readonly string[]> {
    await this.clock.advance(0);
    await outbox.flushed();
    return this.store.load().pending.map(({ notice }) => notice.key);
  }
}

const opened = (id: string): EventDraft => draftOf(told(1, id, 'opened'));
const resolved = (id: string): EventDraft => draftOf(told(1, id, 'resolved'));

function draftOf({ seq: _seq, ...draft }: JournalEvent): EventDraft {
  return draft;
}

describe('a router', () => {
  test('with a new outbox begins at the end of the journal: what was before is not told', async () => {
    const house = new House();
    await house.append(opened('i'));
    const { outbox, router } = house.start();
    router.announced(await house.append(opened('j'), resolved('i')));
    expect(await house.keys(outbox)).toEqual(['j/opened/2/a']);
    expect(house.store.load().cursor).toBe(3);
  });

  test('goes on after a kill with what was not announced to it', async () => {
    const house = new House();
    const first = house.start();
    first.router.announced(await house.append(opened('i')));
    await house.keys(first.outbox);
    await house.append(change(1), opened('j'), resolved('i'));
    const { outbox } = house.start();
    expect(await house.keys(outbox)).toEqual(['i/opened/1/a', 'j/opened/3/a', 'i/resolved/4/a']);
    expect(house.losses).toEqual([]);
  });

  test('routes again what was routed and not written, under the same keys', async () => {
    const house = new House();
    const first = house.start();
    await house.keys(first.outbox);
    house.store.refuse(new Error('the disk is full'));
    first.router.announced(await house.append(opened('i')));
    expect(await house.keys(first.outbox)).toEqual([]);
    house.store.refuse(undefined);
    const { outbox } = house.start();
    expect(await house.keys(outbox)).toEqual(['i/opened/1/a']);
  });

  test('reads what it missed in between, each event once', async () => {
    const house = new House();
    const { outbox, router } = house.start();
    await house.append(opened('i'));
    router.announced(await house.append(opened('j')));
    router.announced(await house.append(opened('k')));
    expect(await house.keys(outbox)).toEqual(['i/opened/1/a', 'j/opened/2/a', 'k/opened/3/a']);
  });

  test('reads a long journal in pieces', async () => {
    const house = new House();
    const first = house.start();
    await house.keys(first.outbox);
    await house.append(...Array.from({ length: 2_500 }, (_, n) => change(n)), opened('i'));
    const { outbox } = house.start();
    for (let turn = 0; turn < 20; turn++) await house.clock.advance(0);
    expect(await house.keys(outbox)).toEqual(['i/opened/2501/a']);
  });

  test('tells what time alone makes due', async () => {
    const house = new House();
    const escalation = [{ afterMs: 10 * MINUTE_MS, channels: ['b'] }];
    const { outbox, router } = house.start(makeRouting([makeRoute('x', ['a'], { escalation })]));
    router.announced(await house.append({ ...opened('i'), atMs: NOON_MS }));
    await house.clock.advance(10 * MINUTE_MS - 1);
    expect(await house.keys(outbox)).toEqual(['i/opened/1/a']);
    await house.clock.advance(1);
    expect(await house.keys(outbox)).toEqual(['i/opened/1/a', 'i/escalated/1-1/b']);
  });

  test('notices at once that the wall clock was put forward over what is due', async () => {
    const house = new House();
    const escalation = [{ afterMs: 600 * MINUTE_MS, channels: ['b'] }];
    const { outbox, router } = house.start(makeRouting([makeRoute('x', ['a'], { escalation })]));
    router.announced(await house.append({ ...opened('i'), atMs: NOON_MS }));
    house.clock.jumpWall(601 * MINUTE_MS);
    await house.clock.advance(30_000);
    expect(await house.keys(outbox)).toContain('i/escalated/1-1/b');
  });

  test('whose events are gone says so, and tells what is known of what came and went', async () => {
    const house = new House(new MemoryJournal({ keep: 3 }));
    const { router, outbox: first } = house.start();
    router.announced(await house.append(opened('i'), opened('j')));
    await house.keys(first);
    await house.append(resolved('i'), opened('k'), change(1), change(2), change(3), opened('l'));
    const { outbox } = house.start();
    expect(await house.keys(outbox)).toEqual([
      'i/opened/1/a',
      'j/opened/2/a',
      'k/opened/4/a',
      'i/resolved/5/a',
      'l/opened/8/a',
    ]);
    expect(house.losses).toEqual([[2, 6, 8]]);
  });

  test('with another journal begins at its end, and expects nothing of the incidents of the old', async () => {
    const house = new House();
    const { router, outbox: first } = house.start();
    router.announced(await house.append(opened('i'), opened('j')));
    await house.keys(first);
    house.journal = new MemoryJournal();
    const { outbox, router: next } = house.start();
    next.announced(await house.append(opened('k')));
    expect(await house.keys(outbox)).toEqual(['i/opened/1/a', 'j/opened/2/a', 'k/opened/1/a']);
    expect([house.losses, house.store.load().cursor]).toEqual([[[2, 1, 0]], 1]);
  });

  test('with a journal that cannot be read tries again later', async () => {
    const house = new House();
    const first = house.start();
    await house.keys(first.outbox);
    await house.append(opened('i'));
    let isBroken = true;
    const read = house.journal.read.bind(house.journal);
    house.journal.read = (since, limit) => {
      if (isBroken) throw new Error('the disk is gone');
      return read(since, limit);
    };
    const { outbox } = house.start();
    expect(await house.keys(outbox)).toEqual([]);
    expect(house.unreadable).toEqual([new Error('the disk is gone')]);
    isBroken = false;
    await house.clock.advance(5_000);
    expect(await house.keys(outbox)).toEqual(['i/opened/1/a']);
  });

  test('that has ended takes nothing any more', async () => {
    const house = new House();
    const { outbox, router } = house.start();
    await router[Symbol.asyncDispose]();
    router.announced(await house.append(opened('i')));
    expect(await house.keys(outbox)).toEqual([]);
  });
});
