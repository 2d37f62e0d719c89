import { describe, expect, test } from '@jest/globals';
import { TerminalMemory } from '../../src/probes/nexo-memory.ts';
import type { Diagnosis } from '../../src/probes/nexo-message.ts';
import { Turns } from '../../src/probes/nexo-turns.ts';

const HOUR = 3_600_000;

function diagnosis(globalStatus: Diagnosis['globalStatus'], unconfirmedBatches?: number): Diagnosis {
  return {
    succeeded: true,
    errorCondition: undefined,
    globalStatus,
    cardReaderOk: undefined,
    pinPadOk: undefined,
    securityOk: undefined,
    communicationOk: undefined,
    printer: undefined,
    hosts: [],
    batteryRatio: undefined,
    firmware: undefined,
    unconfirmedBatches,
  };
}

describe('the memory of terminals', () => {
  test('tells the count before this one, over a diagnosis that had none', () => {
    const memory = new TerminalMemory();
    expect(memory.observe('a', diagnosis('OK', 3), 0).previousBatches).toBeUndefined();
    expect(memory.observe('a', diagnosis('OK'), 1).previousBatches).toBe(3);
    expect(memory.observe('a', diagnosis('OK', 5), 2).previousBatches).toBe(3);
    expect(memory.observe('b', diagnosis('OK', 1), 3).previousBatches).toBeUndefined();
  });

  test('counts how long a terminal has been busy without a break', () => {
    const memory = new TerminalMemory();
    const busy = (status: Diagnosis['globalStatus'], nowMs: number) =>
      memory.observe('a', diagnosis(status), nowMs).busy;
    expect(busy('OK', 0)).toBeUndefined();
    expect(busy('Busy', 100)).toEqual({ forMs: 0, checks: 1 });
    expect(busy('Busy', 250)).toEqual({ forMs: 150, checks: 2 });
    expect(busy('OK', 300)).toBeUndefined();
    expect(busy('Busy', 400)).toEqual({ forMs: 0, checks: 1 });
  });

  test('forgets who was not seen for a day and keeps who was', () => {
    const memory = new TerminalMemory();
    for (let hour = 0; hour < 30; hour += 6) {
      memory.observe('seen', diagnosis('OK', hour), hour * HOUR);
      if (hour === 0) memory.observe('gone', diagnosis('OK', 7), 0);
    }
    expect(memory.size).toBe(1);
    expect(memory.observe('gone', diagnosis('OK', 7), 30 * HOUR).previousBatches).toBeUndefined();
    expect(memory.observe('seen', diagnosis('OK', 0), 30 * HOUR).previousBatches).toBe(24);
  });

  test('stays bounded however many targets are named, the oldest going first', () => {
    const memory = new TerminalMemory();
    for (let i = 0; i < 210_000; i++) memory.observe(`t${i}`, diagnosis('OK', 1), i / 1_000);
    expect(memory.size).toBe(200_000);
    expect(memory.observe('t0', diagnosis('OK', 1), 300).previousBatches).toBeUndefined();
    expect(memory.observe('t209999', diagnosis('OK', 1), 300).previousBatches).toBe(1);
  });
});

describe('turns', () => {
  const never = new AbortController().signal;

  test('come one after the other for a name, and at once for another', async () => {
    const turns = new Turns();
    const order: string[] = [];
    const use = async (name: string, label: string): Promise<void> => {
      using _turn = await turns.take(name, never);
      order.push(`${label} in`);
      await Promise.resolve();
      await Promise.resolve();
      order.push(`${label} out`);
    };
    await Promise.all([use('a', '1'), use('a', '2'), use('a', '3')]);
    expect(order).toEqual(['1 in', '1 out', '2 in', '2 out', '3 in', '3 out']);
    using _held = await turns.take('a', never);
    using _free = await turns.take('b', never);
    expect(turns.size).toBe(2);
  });

  test('that are given up leave the others in order, and no name behind', async () => {
    const turns = new Turns();
    const held = await turns.take('a', never);
    const stop = new AbortController();
    const given = turns.take('a', stop.signal);
    const next = turns.take('a', never);
    const reason = new Error('no longer');
    stop.abort(reason);
    await expect(given).rejects.toBe(reason);
    let isIn = false;
    const entered = next.then((turn) => {
      isIn = true;
      return turn;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isIn).toBe(false);
    held[Symbol.dispose]();
    (await entered)[Symbol.dispose]();
    expect(turns.size).toBe(0);
    await expect(turns.take('a', AbortSignal.abort(reason))).resolves.toBeDefined();
  });

  test('given up as the last of a queue leave no name behind', async () => {
    const turns = new Turns();
    const held = await turns.take('a', never);
    const stop = new AbortController();
    const given = turns.take('a', stop.signal);
    stop.abort(new Error('no longer'));
    await expect(given).rejects.toThrow('no longer');
    held[Symbol.dispose]();
    await new Promise((resolve) => setImmediate(resolve));
    expect(turns.size).toBe(0);
  });
});
