import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Admission } from '../../src/engine/admission.ts';

const FREE = Number.POSITIVE_INFINITY;
const LIMITS = { maxInFlight: 8, maxInFlightPerStore: 4, maxInFlightPerNetwork: FREE };
const at = (store: string | undefined) => (store === undefined ? {} : { store });

function open(admission: Admission, store: string | undefined, dark = false) {
  const place = { started: false, release: (): void => undefined };
  admission.request(at(store), dark, (release) => {
    place.started = true;
    place.release = release;
  });
  return place;
}

describe('Admission', () => {
  test('starts at once while there is room', () => {
    expect(open(new Admission(LIMITS), 'S1').started).toBe(true);
  });

  test('holds a store to its bound and lets the next in when one leaves', () => {
    const admission = new Admission(LIMITS);
    const places = Array.from({ length: 5 }, () => open(admission, 'S1'));
    expect(places.map(({ started }) => started)).toEqual([true, true, true, true, false]);
    places[0]?.release();
    expect(places[4]?.started).toBe(true);
  });

  test('does not bound targets without a store but over all', () => {
    const admission = new Admission(LIMITS);
    const places = Array.from({ length: 9 }, () => open(admission, undefined));
    expect(places.filter(({ started }) => started)).toHaveLength(8);
  });

  test('keeps a place for the living when every dark target hangs', () => {
    const admission = new Admission(LIMITS);
    for (let i = 0; i < 100; i++) open(admission, `dark-${i}`, true);
    expect(admission.inFlight).toBe(6);
    expect(open(admission, 'S1').started).toBe(true);
  });

  test('keeps a place for the living within a store', () => {
    const admission = new Admission(LIMITS);
    for (let i = 0; i < 10; i++) open(admission, 'S1', true);
    expect(open(admission, 'S1').started).toBe(true);
  });

  test('serves the living first and the stores by turns', () => {
    const admission = new Admission({ ...LIMITS, maxInFlight: 1, maxInFlightPerStore: 1 });
    const order: string[] = [];
    const releases: (() => void)[] = [];
    const ask = (name: string, store: string, dark = false) =>
      admission.request(at(store), dark, (release) => {
        order.push(name);
        releases.push(release);
      });
    ask('first', 'A');
    ask('A-dark', 'A', true);
    ask('A-1', 'A');
    ask('A-2', 'A');
    ask('B-1', 'B');
    for (let i = 0; i < 5; i++) releases[i]?.();
    expect(order).toEqual(['first', 'B-1', 'A-1', 'A-2', 'A-dark']);
  });

  test('holds a network to its bound, over its stores, and keeps a place there for the living', () => {
    const admission = new Admission({ ...LIMITS, maxInFlight: 100, maxInFlightPerNetwork: 4 });
    const started: string[] = [];
    const releases: (() => void)[] = [];
    const ask = (store: string, isDark: boolean) =>
      admission.request({ store, network: 'Klarfiber' }, isDark, (release) => {
        started.push(store);
        releases.push(release);
      });
    for (let i = 0; i < 6; i++) ask(`dark-${i}`, true);
    expect(started).toEqual(['dark-0', 'dark-1', 'dark-2']);
    ask('living', false);
    expect(started.at(-1)).toBe('living');
    ask('living-2', false);
    expect(started).toHaveLength(4);
    releases[0]?.();
    expect(started).toHaveLength(5);
  });

  test('refuses to be released twice', () => {
    const place = open(new Admission(LIMITS), 'S1');
    place.release();
    expect(() => place.release()).toThrow('released twice');
  });

  test('never exceeds a bound and in the end serves everybody', () => {
    const request = fc.record({
      store: fc.option(fc.constantFrom('A', 'B', 'C'), { nil: undefined }),
      dark: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(request, { maxLength: 60 }), fc.infiniteStream(fc.nat()), (requests, choices) => {
        const admission = new Admission({ ...LIMITS, maxInFlight: 5, maxInFlightPerStore: 2 });
        const running: { store: string | undefined; release: () => void }[] = [];
        let started = 0;
        const endOne = () => {
          const index = (choices.next().value ?? 0) % running.length;
          running.splice(index, 1)[0]?.release();
        };
        for (const { store, dark } of requests) {
          admission.request(at(store), dark, (release) => {
            started++;
            running.push({ store, release });
          });
          expect(running.length).toBe(admission.inFlight);
          expect(running.length).toBeLessThanOrEqual(5);
          for (const name of ['A', 'B', 'C']) {
            expect(running.filter(({ store: other }) => other === name).length).toBeLessThanOrEqual(2);
          }
          if (running.length > 0 && (choices.next().value ?? 0) % 2 === 0) endOne();
        }
        while (running.length > 0) endOne();
        expect(started).toBe(requests.length);
        expect(admission.queued).toBe(0);
      }),
    );
  });
});
