import { afterEach, describe, expect, test } from '@jest/globals';
import { err, ok, type Result } from '../../../src/lib/result.ts';
import type { Alert, PostableAlert } from '../../../src/notifiers/alertmanager/alert.ts';
import { alertKey } from '../../../src/notifiers/alertmanager/alert.ts';
import { type AlertBook, EMPTY_BOOK } from '../../../src/notifiers/alertmanager/alert-book.ts';
import { AlertSender } from '../../../src/notifiers/alertmanager/alert-sender.ts';
import type { PeerProblem } from '../../../src/notifiers/alertmanager/peer.ts';
import { FakeClock } from '../../tools/fake-clock.ts';

const MINUTE = 60_000;
const DOWN: PeerProblem = { isPermanent: false, message: 'it is down.' };
const REFUSED: PeerProblem = { isPermanent: true, message: 'it refuses us.' };

function makeAlert(id: string, labels: Readonly<Record<string, string>> = {}): Alert {
  return {
    labels: { alertname: 'KassavaktIncident', id, ...labels },
    annotations: { summary: id },
    startsAtMs: 0,
    link: 'https://x.test/',
  };
}

function bookOf(alerts: readonly Alert[]): AlertBook {
  return { ...EMPTY_BOOK, firing: new Map(alerts.map((alert) => [alertKey(alert), alert])) };
}

type Answer = () => Result<void, PeerProblem> | Promise<Result<void, PeerProblem>>;

/** A sender on a clock of the test's, towards an Alertmanager that answers as it is told. */
class Fixture implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly batches: (readonly PostableAlert[])[] = [];
  readonly turns: (string | undefined)[] = [];
  answer: Answer;
  book: AlertBook = EMPTY_BOOK;
  readonly sender: AlertSender;

  constructor(alerts: readonly Alert[] = [], answer: Answer = () => ok(undefined)) {
    this.book = bookOf(alerts);
    this.answer = answer;
    this.sender = new AlertSender(
      {
        postAlerts: async (batch) => {
          this.batches.push(batch);
          return this.answer();
        },
      },
      () => this.book,
      MINUTE,
      this.clock,
      { upChanged: (problem) => this.turns.push(problem?.message) },
    );
  }

  /** Ids in the batches since the last call. */
  sent(): readonly (readonly string[])[] {
    return this.batches.splice(0).map((batch) => batch.map(({ labels }) => labels['id'] ?? ''));
  }

  tell(alerts: readonly Alert[]): void {
    this.book = bookOf(alerts);
    this.sender.changed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sender[Symbol.asyncDispose]();
  }
}

let fixture: Fixture;
afterEach(() => fixture[Symbol.asyncDispose]());

describe('a sender', () => {
  test('tells all at once, and again each interval', async () => {
    fixture = new Fixture([makeAlert('a'), makeAlert('b')]);
    await fixture.clock.advance(0);
    expect(fixture.sent()).toEqual([['a', 'b']]);
    await fixture.clock.advance(MINUTE - 1);
    expect(fixture.sent()).toEqual([]);
    await fixture.clock.advance(1);
    expect(fixture.sent()).toEqual([['a', 'b']]);
  });

  test('asks with nothing to tell whether it would be heard', async () => {
    fixture = new Fixture();
    await fixture.clock.advance(MINUTE);
    expect(fixture.sent()).toEqual([[], []]);
    expect(fixture.sender.isUp).toBe(true);
  });

  test('tells a change at once, and nothing else before its time', async () => {
    fixture = new Fixture([makeAlert('a'), makeAlert('b')]);
    await fixture.clock.advance(1_000);
    fixture.sent();
    const changed = { ...makeAlert('b'), annotations: { summary: 'more of it' } };
    fixture.tell([makeAlert('a'), changed, makeAlert('c')]);
    await fixture.clock.advance(0);
    expect(fixture.sent()).toEqual([['b', 'c']]);
    fixture.tell([makeAlert('a'), changed, makeAlert('c')]);
    await fixture.clock.advance(0);
    expect(fixture.sent()).toEqual([]);
  });

  test('lets alerts that were told soon after one another fall into step', async () => {
    fixture = new Fixture([makeAlert('a')]);
    await fixture.clock.advance(5_000);
    fixture.tell([makeAlert('a'), makeAlert('b')]);
    await fixture.clock.advance(MINUTE - 5_000);
    expect(fixture.sent()).toEqual([['a'], ['b'], ['a', 'b']]);
  });

  test("tells incidents before stores' alerts, and no more than 256 at once", async () => {
    const store = { alertname: 'KassavaktStoreCannotPay' };
    const stores = Array.from({ length: 300 }, (_, i) => makeAlert(`s${i}`, store));
    fixture = new Fixture([...stores, makeAlert('incident')]);
    await fixture.clock.advance(0);
    const sent = fixture.sent();
    expect(sent.map(({ length }) => length)).toEqual([1, 256, 44]);
    expect(sent[0]).toEqual(['incident']);
  });

  test('waits longer after each failure, up to half a minute, and then tells what holds by then', async () => {
    const attempts: unknown[] = [];
    fixture = new Fixture([makeAlert('a')], () => {
      attempts.push(undefined);
      return err(DOWN);
    });
    const attemptsAt: number[] = [];
    for (let second = 0; second <= 125; second++) {
      while (attemptsAt.length < attempts.length) attemptsAt.push(second);
      await fixture.clock.advance(1_000);
    }
    expect(attemptsAt).toEqual([0, 1, 3, 7, 15, 31, 61, 91, 121]);
    expect(fixture.turns).toEqual(['it is down.']);
    expect(fixture.sender.isUp).toBe(false);
    fixture.sent();
    fixture.answer = () => ok(undefined);
    fixture.tell([makeAlert('b')]);
    await fixture.clock.advance(30_000);
    expect(fixture.sent()).toEqual([['b']]);
    expect(fixture.turns).toEqual(['it is down.', undefined]);
  });

  test('tells all anew to one that was away: it may have forgotten', async () => {
    fixture = new Fixture([makeAlert('a')]);
    await fixture.clock.advance(30_000);
    fixture.answer = () => err(DOWN);
    fixture.tell([makeAlert('a'), makeAlert('b')]);
    await fixture.clock.advance(0);
    fixture.answer = () => ok(undefined);
    await fixture.clock.advance(1_000);
    expect(fixture.sent()).toEqual([['a'], ['b'], ['a', 'b']]);
  });

  test('does not press what is refused for good, and tells the rest', async () => {
    const many = Array.from({ length: 257 }, (_, i) => makeAlert(`a${i}`));
    let asked = 0;
    fixture = new Fixture(many, () => (asked++ === 0 ? err(REFUSED) : ok(undefined)));
    await fixture.clock.advance(MINUTE / 2);
    expect(fixture.sent().map(({ length }) => length)).toEqual([256, 1]);
    expect(fixture.turns).toEqual(['it refuses us.']);
    expect(fixture.sender.isUp).toBe(false);
  });

  test('goes on after an error of our own', async () => {
    fixture = new Fixture([{ ...makeAlert('a'), startsAtMs: Number.NaN }]);
    await fixture.clock.advance(0);
    expect(fixture.turns).toEqual([expect.stringContaining('could not be made ready')]);
    fixture.tell([makeAlert('a')]);
    await fixture.clock.advance(1_000);
    expect(fixture.sent()).toEqual([['a']]);
  });

  test('ends though a request hangs', async () => {
    const { promise, reject } = Promise.withResolvers<never>();
    fixture = new Fixture([makeAlert('a')], () => promise);
    await fixture.clock.advance(0);
    const ended = fixture.sender[Symbol.asyncDispose]();
    reject(new DOMException('stopped', 'AbortError'));
    await ended;
    expect(fixture.batches).toHaveLength(1);
  });
});
