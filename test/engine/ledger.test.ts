import { describe, expect, test } from '@jest/globals';
import { Board } from '../../src/core/board.ts';
import type { JournalEvent } from '../../src/core/events.ts';
import type { State } from '../../src/core/health.ts';
import { Outages } from '../../src/core/outages.ts';
import { DEFAULT_METHODS, DEFAULT_TIMING } from '../../src/core/outlook.ts';
import type { TargetChange } from '../../src/engine/engine.ts';
import { Ledger } from '../../src/engine/ledger.ts';
import type { Estate } from '../../src/estate/estate.ts';
import { toStoreId, toTargetId } from '../../src/estate/ids.ts';
import { JournalUnavailable } from '../../src/journal/journal.ts';
import { MemoryJournal } from '../../src/journal/memory-journal.ts';
import { FakeClock } from '../tools/fake-clock.ts';

/** When the fake clock begins. */
const START_MS = new FakeClock().nowMs();
const CHAIN = { chain: 'Solhaga', region: 'Värmland' };

/** Terminals of one store, as `change` names them. */
function estateOf(count: number): Estate {
  const targets = Array.from({ length: count }, (_, i) => change(`T${i}`, 'up', 'down').target);
  const id = toStoreId('S1');
  const store = { id, name: 'Solhaga Centrum', ...CHAIN, timezone: 'Europe/Stockholm', labels: CHAIN };
  return { stores: new Map([[id, store]]), targets: new Map(targets.map((target) => [target.id, target])) };
}

function setUp(targets = 3) {
  const clock = new FakeClock();
  const outlook = { estate: estateOf(targets), timing: DEFAULT_TIMING, methods: DEFAULT_METHODS };
  const outages = new Outages(outlook);
  const asked: number[] = [];
  const sources = {
    outlook: () => outlook,
    evidenceSince(sinceMs: number) {
      asked.push(sinceMs);
      return { answering: '', failing: '' };
    },
  };
  const journal = new MemoryJournal();
  const board = new Board();
  const announced: JournalEvent[] = [];
  const writable: boolean[] = [];
  const ledger = new Ledger({ journal, board, outages }, sources, clock, {
    announced(events) {
      for (const event of events) expect(journal.lastSeq).toBeGreaterThanOrEqual(event.seq);
      announced.push(...events);
    },
    writableChanged: (error) => writable.push(error === undefined),
  });
  const changes = () => announced.filter((event) => event.kind === 'target-state-changed');
  return { asked, clock, journal, board, outages, announced, changes, writable, ledger };
}

function change(id: string, from: State, to: State, atMs = START_MS): TargetChange {
  return {
    target: {
      id: toTargetId(id),
      module: 'terminal',
      address: '127.0.0.1:1',
      kind: 'terminal',
      store: toStoreId('S1'),
      labels: { ...CHAIN, kind: 'terminal', store: 'S1' },
    },
    transition: { from, to, flapping: false, ...(to === 'down' ? { reason: 'host' as const } : {}) },
    message: 'It cannot reach its host.',
    atMs,
    sinceMs: atMs - 500,
  };
}

describe('Ledger', () => {
  test('announces a change only when it is on disk, followed by what it means for incidents', async () => {
    const { asked, ledger, announced, board, clock } = setUp(1);
    ledger.recordChange(change('T0', 'up', 'down'));
    expect(announced).toEqual([]);
    await clock.advance(0);
    expect(announced.map(({ seq, kind }) => [seq, kind])).toEqual([[1, 'target-state-changed']]);
    expect(announced[0]).toMatchObject({
      target: 'T0',
      store: 'S1',
      chain: 'Solhaga',
      sinceMs: START_MS - 500,
    });
    expect(board.seq).toBe(1);
    await clock.advance(15_000);
    expect(announced.slice(1).map(({ kind }) => kind)).toEqual([
      'payment-method-changed',
      'payment-method-changed',
      'evidence-gathered',
      'incident-opened',
    ]);
    expect(asked).toEqual([START_MS - 500]);
    expect(board.statusOf(toTargetId('T0'))).toMatchObject({ state: 'down', reason: 'host' });
    await ledger[Symbol.asyncDispose]();
  });

  test('writes what comes together in one commit', async () => {
    const { ledger, announced, clock } = setUp(100);
    for (let i = 0; i < 100; i++) ledger.recordChange(change(`T${i}`, 'up', 'down'));
    await clock.advance(0);
    expect(announced).toHaveLength(100);
    await clock.advance(15_000);
    const opened = announced.filter(({ kind }) => kind === 'incident-opened');
    expect(opened).toMatchObject([{ incident: { scope: [{ chain: 'Solhaga' }], targetsDown: 100 } }]);
    await ledger[Symbol.asyncDispose]();
  });

  test('announces nothing while the disk is full, says so once, and announces all of it, once, when there is room', async () => {
    const { ledger, journal, announced, changes, writable, clock } = setUp();
    journal.refuse(new Error('database or disk is full'));
    ledger.recordChange(change('T1', 'up', 'down'));
    await clock.advance(60_000);
    ledger.recordChange(change('T2', 'up', 'down', START_MS + 1_000));
    await clock.advance(60_000);
    expect(announced).toEqual([]);
    expect(writable).toEqual([false]);
    expect(ledger.pendingEvents).toBe(2);
    expect(ledger.unwritable).toBeInstanceOf(JournalUnavailable);
    journal.refuse(undefined);
    await clock.advance(6_000);
    expect(writable).toEqual([false, true]);
    expect(changes().map((event) => event.target)).toEqual(['T1', 'T2']);
    await clock.advance(15_000);
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
      ledger.recordChange(change('T1', from, to, START_MS + i));
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
    expect(journal.lastSeq).toBe(1);
  });

  test('lets no time of the journal go backward, whatever the clock does', async () => {
    const { ledger, announced, clock } = setUp();
    ledger.recordChange(change('T1', 'up', 'down', START_MS));
    ledger.recordChange(change('T2', 'up', 'down', START_MS - 60_000));
    await clock.advance(0);
    expect(announced.map(({ atMs }) => atMs)).toEqual([START_MS, START_MS]);
    expect(announced[1]).toMatchObject({ target: 'T2', sinceMs: START_MS - 60_500 });
    await ledger[Symbol.asyncDispose]();
  });

  test('an act resolves with its event once that is on disk, and is refused while nothing can be written', async () => {
    const { ledger, journal, clock } = setUp();
    const silence = {
      id: 's1',
      selector: 'chain=Solhaga',
      startsAtMs: 0,
      endsAtMs: 1,
      by: 'Ann',
      comment: '',
    };
    const act = ledger.recordAct({ atMs: START_MS, kind: 'silence-started', silence });
    await clock.advance(0);
    expect(await act).toMatchObject({ seq: 1, kind: 'silence-started' });
    journal.refuse(new Error('database or disk is full'));
    ledger.recordChange(change('T1', 'up', 'down'));
    await clock.advance(0);
    await expect(ledger.recordAct({ atMs: START_MS, kind: 'silence-ended', silence })).rejects.toThrow(
      'full',
    );
    journal.refuse(undefined);
    await clock.advance(6_000);
    await ledger[Symbol.asyncDispose]();
  });
});
