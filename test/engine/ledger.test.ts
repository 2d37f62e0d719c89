import { describe, expect, test } from '@jest/globals';
import { Board } from '../../src/core/board.ts';
import type { JournalEvent } from '../../src/core/events.ts';
import type { State } from '../../src/core/health.ts';
import type { TargetChange } from '../../src/engine/engine.ts';
import { Ledger } from '../../src/engine/ledger.ts';
import type { Estate } from '../../src/estate/estate.ts';
import { toStoreId, toTargetId } from '../../src/estate/ids.ts';
import { JournalUnavailable } from '../../src/journal/journal.ts';
import { MemoryJournal } from '../../src/journal/memory-journal.ts';
import { FakeClock } from '../tools/fake-clock.ts';

const ESTATE: Estate = { stores: new Map(), targets: new Map() };

function setUp() {
  const clock = new FakeClock();
  const journal = new MemoryJournal();
  const board = new Board();
  const announced: JournalEvent[] = [];
  const writable: boolean[] = [];
  const ledger = new Ledger({ journal, board, incidents: new Map() }, () => ESTATE, clock, {
    announced(events) {
      for (const event of events) expect(journal.lastSeq).toBeGreaterThanOrEqual(event.seq);
      announced.push(...events);
    },
    writableChanged: (error) => writable.push(error === undefined),
  });
  const changes = () => announced.filter((event) => event.kind === 'target-state-changed');
  return { clock, journal, board, announced, changes, writable, ledger };
}

function change(id: string, from: State, to: State, atMs = 1_000): TargetChange {
  return {
    target: {
      id: toTargetId(id),
      module: 'terminal',
      address: '127.0.0.1:1',
      kind: 'terminal',
      store: toStoreId('S1'),
      labels: { chain: 'Solhaga', region: 'Värmland' },
    },
    transition: { from, to, flapping: false, ...(to === 'down' ? { reason: 'host' as const } : {}) },
    message: 'It cannot reach its host.',
    atMs,
    sinceMs: atMs - 500,
  };
}

describe('Ledger', () => {
  test('announces a change only when it is on disk, followed by what it means for incidents', async () => {
    const { ledger, announced, board, clock } = setUp();
    ledger.recordChange(change('T1', 'up', 'down'));
    expect(announced).toEqual([]);
    await clock.advance(0);
    expect(announced.map(({ seq, kind }) => [seq, kind])).toEqual([
      [1, 'target-state-changed'],
      [2, 'incident-opened'],
    ]);
    expect(announced[0]).toMatchObject({ target: 'T1', store: 'S1', chain: 'Solhaga', sinceMs: 500 });
    expect(board.seq).toBe(2);
    expect(board.statusOf(toTargetId('T1'))).toMatchObject({ state: 'down', reason: 'host' });
    await ledger[Symbol.asyncDispose]();
  });

  test('writes what comes together in one commit', async () => {
    const { ledger, announced, clock } = setUp();
    for (let i = 0; i < 100; i++) ledger.recordChange(change(`T${i}`, 'up', 'down'));
    await clock.advance(0);
    expect(announced.filter(({ kind }) => kind === 'incident-opened')).toHaveLength(1);
    expect(announced).toHaveLength(101);
    await ledger[Symbol.asyncDispose]();
  });

  test('announces nothing while the disk is full, says so once, and announces all of it, once, when there is room', async () => {
    const { ledger, journal, announced, changes, writable, clock } = setUp();
    journal.refuse(new Error('database or disk is full'));
    ledger.recordChange(change('T1', 'up', 'down'));
    await clock.advance(60_000);
    ledger.recordChange(change('T2', 'up', 'down', 2_000));
    await clock.advance(60_000);
    expect(announced).toEqual([]);
    expect(writable).toEqual([false]);
    expect(ledger.pendingEvents).toBe(2);
    expect(ledger.unwritable).toBeInstanceOf(JournalUnavailable);
    journal.refuse(undefined);
    await clock.advance(6_000);
    expect(writable).toEqual([false, true]);
    expect(changes().map((event) => event.target)).toEqual(['T1', 'T2']);
    expect(announced.at(-1)).toMatchObject({ kind: 'incident-opened', incident: { targetsDown: 2 } });
    await ledger[Symbol.asyncDispose]();
  });

  test('keeps bounded what it cannot write: the net change of each target', async () => {
    const { ledger, journal, changes, clock } = setUp();
    journal.refuse(new Error('database or disk is full'));
    ledger.recordChange(change('T0', 'up', 'down'));
    await clock.advance(0);
    for (let i = 0; i < 60_000; i++) {
      const [from, to] = i % 2 === 0 ? (['up', 'down'] as const) : (['down', 'up'] as const);
      ledger.recordChange(change('T1', from, to, 2_000 + i));
    }
    expect(ledger.pendingEvents).toBeLessThan(60_000);
    journal.refuse(undefined);
    await clock.advance(6_000);
    const ofT1 = changes().filter((event) => event.target === 'T1');
    expect(ofT1.length).toBeLessThan(20_000);
    ofT1.forEach((event, i) => expect(event.from).toBe(i === 0 ? 'up' : ofT1[i - 1]?.to));
    await ledger[Symbol.asyncDispose]();
  });

  test('writes what is pending before it ends', async () => {
    const { ledger, journal } = setUp();
    ledger.recordChange(change('T1', 'up', 'down'));
    await ledger[Symbol.asyncDispose]();
    expect(journal.lastSeq).toBe(2);
  });
});
