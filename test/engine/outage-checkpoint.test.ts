import { describe, expect, test } from '@jest/globals';
import type { EventDraft } from '../../src/core/events.ts';
import { isOutcome } from '../../src/core/events.ts';
import { Outages } from '../../src/core/outages.ts';
import type { Outlook } from '../../src/core/outlook.ts';
import { OutageCheckpoints, resumeOutages } from '../../src/engine/outage-checkpoint.ts';
import { MemoryJournal } from '../../src/journal/memory-journal.ts';
import { makeChains } from '../core/chains.ts';
import { Day } from '../core/day.ts';
import { FakeClock } from '../tools/fake-clock.ts';
import { makeFolder } from '../tools/monitor-process.ts';

/** A chain that is lost and comes back, as the journal has it. */
function outageOfAChain(): { readonly journal: readonly EventDraft[]; readonly outlook: Outlook } {
  const day = new Day(makeChains({ stores: 12, terminals: 4 }), '2026-12-22T12:00:00Z');
  day.at('12:05', () => day.break({ chain: 'Solhaga', kind: 'terminal' }));
  day.at('12:20', () => day.mend({ chain: 'Solhaga' }));
  day.runUntil('12:40');
  return { journal: day.journal, outlook: day.outlook };
}

/** As the ledger does it: what follows from the time until an input stands before it, what follows from it behind it. */
function fold(outages: Outages, inputs: readonly EventDraft[]): readonly EventDraft[] {
  return inputs.flatMap((input) => [...outages.advanceTo(input.atMs), input, ...outages.apply(input)]);
}

describe('resumeOutages', () => {
  const { journal: events, outlook } = outageOfAChain();
  const inputs = events.filter((event) => !isOutcome(event));
  const END_MS = Date.parse('2026-12-22T12:40:00Z');
  const places = inputs.keys().filter((place) => place % 17 === 0);

  test.each(Array.from(places))('goes on after %i inputs as if nothing had been', async (place) => {
    await using folder = await makeFolder();
    const journal = new MemoryJournal();
    const outages = new Outages(outlook);
    const saved = Math.floor((place * 2) / 3);
    await journal.append(fold(outages, inputs.slice(0, saved)));
    const folded = { seq: journal.lastSeq, outlook: undefined };
    await new OutageCheckpoints(folder.path, outages, () => folded, new FakeClock())[Symbol.asyncDispose]();
    await journal.append(fold(outages, inputs.slice(saved, place)));

    const resumed = resumeOutages(folder.path, journal, outlook, () => undefined);
    const goOn = (from: Outages) => [...fold(from, inputs.slice(place)), ...from.advanceTo(END_MS)];
    expect([...resumed.owed, ...goOn(resumed.outages)]).toEqual(goOn(outages));
  });

  test('without a checkpoint, or with a torn one, begins with what is known to be down', async () => {
    await using folder = await makeFolder();
    const journal = new MemoryJournal();
    const down = events.findIndex((event) => event.kind === 'incident-opened');
    await journal.append(events.slice(0, down));
    const { outages, owed } = resumeOutages(folder.path, journal, outlook, () => undefined);
    expect(owed).toEqual([]);
    const told = outages.advanceTo(Date.parse('2026-12-22T13:00:00Z'));
    expect(told.filter(({ kind }) => kind === 'incident-opened')).toMatchObject([
      { incident: { scope: [{ chain: 'Solhaga' }] } },
    ]);
  });
});
